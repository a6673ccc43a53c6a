/**
 * Several simulated clocks on one true time, with datagrams between them: each node has an oscillator, a reference and
 * paths of its own. Delays are drawn between `least` and `most`; a node that is paused neither asks nor answers.
 */

import type { PeerExchange } from '../../src/clock/core/peer-relation.js';
import type { ClockState, TaiNs } from '../../src/time/types.js';
import { taiNs } from '../../src/time/types.js';
import { Random } from './random.js';
import { SimulatedWorld } from './simulated-world.js';
import type { WorldOptions } from './simulated-world.js';

const BUSY_STEP = 100_000n;
const IDLE_STEP = 1_000_000n;

interface Datagram {
  readonly at: TaiNs;
  readonly deliver: () => void;
}

export interface ClusterOptions {
  readonly seed: number;
  readonly names?: readonly string[];
  readonly world?: Partial<Omit<WorldOptions, 'seed' | 'peers'>>;
}

export class SimulatedCluster {
  readonly random: Random;
  readonly names: readonly string[];
  readonly #nodes: ReadonlyMap<string, SimulatedWorld>;
  /** Nodes that have no network at present. */
  readonly silent = new Set<string>();
  /** One-way delay, nanoseconds. */
  delay = { least: 50_000n, most: 300_000n };
  #datagrams: Datagram[] = [];
  #truth: TaiNs;

  constructor(options: ClusterOptions) {
    this.random = new Random(options.seed);
    this.names = options.names ?? ['tokyo', 'osaka', 'fukuoka'];
    this.#nodes = new Map(
      this.names.map((name, i) => {
        const peers = { peers: this.names.filter((other) => other !== name), clusterSize: this.names.length };
        const world = new SimulatedWorld({ ...options.world, seed: options.seed * 16 + i, peers });
        world.askPeers = (round, asked) => asked.forEach((peer) => this.#ask(name, peer, round));
        return [name, world];
      }),
    );
    this.#truth = this.node(this.names[0] as string).truth;
  }

  node(name: string): SimulatedWorld {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new RangeError(name);
    return found;
  }

  states(): readonly ClockState[] {
    return this.names.map((name) => this.node(name).reading().state);
  }

  /** True time goes on by `ns`; `look` is called at the end of every step. */
  run(ns: bigint, look: () => void = () => undefined): void {
    const end = this.#truth + ns;
    while (this.#truth < end) {
      const step = this.#datagrams.length > 0 ? BUSY_STEP : IDLE_STEP;
      this.#truth = taiNs(this.#truth + step < end ? this.#truth + step : end);
      // A node that is ahead of true time is being paused.
      for (const world of this.#nodes.values()) {
        while (world.truth < this.#truth) world.run(atLeastOne(this.#truth - world.truth - 1n));
      }
      this.#deliver();
      look();
    }
  }

  runUntil(condition: () => boolean, atMostNs = 60_000_000_000n): boolean {
    const end = this.#truth + atMostNs;
    while (!condition() && this.#truth < end) this.run(10_000_000n);
    return condition();
  }

  #deliver(): void {
    const due = this.#datagrams.filter(({ at }) => at <= this.#truth);
    this.#datagrams = this.#datagrams.filter(({ at }) => at > this.#truth);
    for (const { deliver } of due) deliver();
  }

  #send(deliver: () => void): void {
    const { least, most } = this.delay;
    this.#datagrams.push({ at: taiNs(this.#truth + this.random.ns(least, most)), deliver });
  }

  #reachable(...names: readonly string[]): boolean {
    return names.every((name) => !this.silent.has(name) && this.node(name).truth <= this.#truth + 1_000n);
  }

  #ask(from: string, to: string, round: number): void {
    const asking = this.node(from);
    const asked = this.node(to);
    const m1 = asking.mono;
    if (!this.#reachable(from, to)) return;
    this.#send(() => {
      if (!this.#reachable(from, to)) return;
      const stamp = asked.discipline.stampAt(asked.mono);
      const answer = { received: stamp, sent: stamp, ...asked.discipline.standing() };
      this.#send(() => {
        if (!this.#reachable(from, to)) return;
        const exchange: PeerExchange = { m1, m4: asking.mono, ...answer };
        asking.input({ kind: 'peerAnswer', peer: to, round, exchange });
      });
    });
  }
}

const atLeastOne = (ns: bigint): bigint => (ns > 0n ? ns : 1n);

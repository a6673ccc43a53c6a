/**
 * A simulated network between nodes: latency, loss, duplication, reordering, cut and clogged links. A link is directed,
 * "from>to". A clogged link loses nothing: what was sent waits and arrives in a burst.
 */
import type { Lane } from '../../src/raft/transport.js';
import type { PeerMessageKind, PeerNetwork } from '../../src/node/environment.js';
import type { Prng } from './prng.js';
import type { Life, Scheduler } from './scheduler.js';
import { MS, US } from './units.js';

export interface NetworkFaults {
  /** Probability that a message is lost, or delivered twice. */
  loss: number;
  duplication: number;
  /** Longest one-way delay, ns. */
  maxDelay: number;
  /** Probability that a message takes up to `straggleDelay` instead: it is overtaken by all that follow. */
  straggle: number;
  straggleDelay: number;
}

export const calmNetwork = (): NetworkFaults => ({
  loss: 0,
  duplication: 0,
  maxDelay: 2 * MS,
  straggle: 0,
  straggleDelay: 0,
});

type Handler = (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void;

export class SimulatedNetwork {
  faults: NetworkFaults = calmNetwork();
  /** Cut links, and how many faults hold each of them cut. */
  readonly #cut = new Map<string, number>();
  /** Clogged links, and what waits in them. */
  readonly #clogged = new Map<string, (() => void)[]>();
  readonly counts = { delivered: 0, loss: 0, duplication: 0, straggler: 0 };
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #handlers = new Map<string, Handler>();
  readonly #lostHandlers = new Map<string, (peer: string) => void>();

  constructor(scheduler: Scheduler, prng: Prng) {
    this.#scheduler = scheduler;
    this.#prng = prng;
  }

  /** The network as one life of one node sees it. */
  attach(node: string, life: Life): PeerNetwork {
    return {
      send: (to, _lane: Lane, kind, bytes) => {
        if (life.alive) this.#send(node, to, kind, bytes);
      },
      onMessage: (handler) => {
        this.#handlers.set(node, (from, kind, bytes) => {
          if (!life.alive) return;
          if (life.pausedUntil <= this.#scheduler.now) handler(from, kind, bytes);
          // A stopped process reads its sockets when it goes on.
          else this.#scheduler.inLife(life, 0, () => handler(from, kind, bytes));
        });
      },
      onPeerLost: (handler) => {
        this.#lostHandlers.set(node, (peer) => {
          if (life.alive && life.pausedUntil <= this.#scheduler.now) handler(peer);
        });
      },
      // Names are proof enough here: who is a member is judged by consensus alone.
      setDirectory: () => undefined,
      onRefused: () => undefined,
      incarnationOf: () => null,
    };
  }

  cut(links: readonly string[]): void {
    for (const link of links) this.#cut.set(link, (this.#cut.get(link) ?? 0) + 1);
  }

  mend(links: readonly string[]): void {
    for (const link of links) {
      const holders = (this.#cut.get(link) ?? 1) - 1;
      if (holders > 0) this.#cut.set(link, holders);
      else this.#cut.delete(link);
    }
  }

  clog(link: string): void {
    if (!this.#clogged.has(link)) this.#clogged.set(link, []);
  }

  unclog(link: string): void {
    const waiting = this.#clogged.get(link);
    this.#clogged.delete(link);
    for (const deliver of waiting ?? []) this.#scheduler.after(this.#delay(), deliver);
  }

  heal(): void {
    this.faults = calmNetwork();
    this.#cut.clear();
    for (const link of [...this.#clogged.keys()]) this.unclog(link);
  }

  /** A connection broke: both ends notice, the messages under way are not affected. */
  disconnect(a: string, b: string): void {
    this.#scheduler.after(5 * MS, () => this.#lostHandlers.get(a)?.(b));
    this.#scheduler.after(5 * MS, () => this.#lostHandlers.get(b)?.(a));
  }

  /** The process of a node died: its peers see their connections end. */
  died(node: string): void {
    for (const [peer, handler] of this.#lostHandlers) {
      if (peer !== node && !this.#cut.has(`${node}>${peer}`)) {
        this.#scheduler.after(5 * MS, () => handler(node));
      }
    }
  }

  /** Bytes that no node of this cluster sent. */
  inject(from: string, to: string, kind: PeerMessageKind, bytes: Uint8Array): void {
    this.#scheduler.after(this.#delay(), () => this.#handlers.get(to)?.(from, kind, bytes));
  }

  #send(from: string, to: string, kind: PeerMessageKind, bytes: Uint8Array): void {
    const link = `${from}>${to}`;
    if (this.#cut.has(link)) return;
    const { loss, duplication } = this.faults;
    if (loss > 0 && this.#prng.chance(loss)) {
      this.counts.loss += 1;
      return;
    }
    const deliver = (): void => {
      if (this.#cut.has(link)) return;
      this.counts.delivered += 1;
      this.#handlers.get(to)?.(from, kind, bytes);
    };
    this.#carry(link, deliver);
    if (duplication > 0 && this.#prng.chance(duplication)) {
      this.counts.duplication += 1;
      this.#carry(link, deliver);
    }
  }

  #carry(link: string, deliver: () => void): void {
    const waiting = this.#clogged.get(link);
    if (waiting !== undefined) waiting.push(deliver);
    else this.#scheduler.after(this.#delay(), deliver);
  }

  #delay(): number {
    const { maxDelay, straggle, straggleDelay } = this.faults;
    if (straggle > 0 && this.#prng.chance(straggle)) {
      this.counts.straggler += 1;
      return Math.floor(this.#prng.float() * straggleDelay);
    }
    return 100 * US + Math.floor(this.#prng.float() * maxDelay);
  }
}

/** Records one history: three real processes, clients at each of them, and faults one after another. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodePorts } from '../../src/lab/cluster-files.js';
import { LabCluster, LAB_SITES } from '../../src/lab/lab-cluster.js';
import { LinkProxy } from '../../src/lab/link-proxy.js';
import { Client, readAll, Recording } from './clients.js';
import { HISTORY_FORMAT, HISTORY_VERSION } from './history.js';
import type { Fault, History } from './history.js';

export const faultKinds = ['kill', 'stop', 'partition', 'oneWay', 'delay'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface RecordOptions {
  readonly seed: number;
  /** One after the other, each at the leader or at a node by chance. */
  readonly faults: readonly FaultKind[];
  /** How long a fault lasts, and the calm after it. */
  readonly faultMs: number;
  readonly calmMs: number;
}

const CLIENTS_PER_NODE = 2;
const PATIENCE_MS = 120_000;
const DELAY_MS = 40;
const ACKNOWLEDGED_IN_CALM = 10;

export async function recordHistory(options: RecordOptions): Promise<History> {
  const recorder = new Recorder(options);
  try {
    return await recorder.run();
  } finally {
    await recorder.clear();
  }
}

class Recorder {
  readonly #options: RecordOptions;
  readonly #random: () => number;
  readonly #directory = mkdtempSync(join(tmpdir(), 'taa-history-'));
  #recording = new Recording();
  readonly #faults: Fault[] = [];
  /** By "from>to": what `from` dials to reach `to`. */
  readonly #lines = new Map<string, LinkProxy>();
  #cluster: LabCluster | null = null;

  readonly #removeDirectory = (): void => rmSync(this.#directory, { recursive: true, force: true });

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#random = generator(options.seed);
    // Also when the recording is interrupted.
    process.once('exit', this.#removeDirectory);
  }

  async run(): Promise<History> {
    const { faults, seed } = this.#options;
    const cluster = await this.#start();
    this.#recording = new Recording();
    const clients = cluster.names.flatMap((node, at) =>
      Array.from({ length: CLIENTS_PER_NODE }, (_, n) => {
        const process = 1 + at * CLIENTS_PER_NODE + n;
        return new Client(cluster, { process, node, recording: this.#recording, random: this.#random });
      }),
    );
    const running = clients.map((client) => client.run());
    await this.#calm();
    for (const kind of faults) await this.#fault(cluster, kind);
    await this.#calm();
    for (const client of clients) client.stop();
    await Promise.all(running);
    await this.#readBack(cluster);
    return {
      format: HISTORY_FORMAT,
      version: HISTORY_VERSION,
      about: `${cluster.names.length} nodes, ${clients.length} clients, faults by seed ${seed}`,
      faults: this.#faults,
      operations: this.#recording.operations,
    };
  }

  async clear(): Promise<void> {
    await this.#cluster?.close();
    for (const line of this.#lines.values()) await line.close();
    this.#removeDirectory();
    process.off('exit', this.#removeDirectory);
  }

  async #start(): Promise<LabCluster> {
    const targets = new Map<string, number>();
    for (const from of LAB_SITES) {
      for (const to of LAB_SITES) {
        if (from !== to) {
          this.#lines.set(`${from}>${to}`, await LinkProxy.start(() => targets.get(to) ?? null));
        }
      }
    }
    this.#cluster = await LabCluster.start({
      directory: this.#directory,
      policy: new Map(),
      peerAddress: (from, to, ports) => {
        targets.set(to, (ports.get(to) as NodePorts).peers);
        return `127.0.0.1:${this.#line(from, to).port}`;
      },
    });
    return this.#cluster;
  }

  #line(from: string, to: string): LinkProxy {
    const line = this.#lines.get(`${from}>${to}`);
    if (line === undefined) throw new Error(`there is no line from ${from} to ${to}`);
    return line;
  }

  /** Until some appends were acknowledged, however slow the machine is: a history of failures alone proves nothing. */
  async #calm(): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    const wanted = this.#recording.acknowledged + ACKNOWLEDGED_IN_CALM;
    await sleep(this.#options.calmMs);
    while (this.#recording.acknowledged < wanted && performance.now() < deadline) await sleep(20);
  }

  async #fault(cluster: LabCluster, kind: FaultKind): Promise<void> {
    const { faultMs, calmMs } = this.#options;
    const leader = await leaderOf(cluster);
    const byChance = cluster.names[Math.floor(this.#random() * cluster.names.length)] as string;
    const victim = this.#random() < 0.6 ? leader : byChance;
    this.#note(`${kind} at ${victim}${victim === leader ? ', which leads' : ''}`);
    await this.#inflict(cluster, kind, victim, faultMs);
    this.#note(`end of ${kind}`);
    await sleep(calmMs);
  }

  async #inflict(cluster: LabCluster, kind: FaultKind, victim: string, faultMs: number): Promise<void> {
    switch (kind) {
      case 'kill':
        await cluster.process(victim).kill();
        await sleep(faultMs);
        await cluster.startNode(victim);
        return;
      case 'stop':
        cluster.process(victim).signal('SIGSTOP');
        await sleep(faultMs);
        cluster.process(victim).signal('SIGCONT');
        return;
      case 'partition':
        await this.#cut((from, to) => from === victim || to === victim, faultMs);
        return;
      case 'oneWay':
        // A node receives on the streams that it dialled: the victim hears nobody and is heard.
        await this.#cut((from) => from === victim, faultMs);
        return;
      case 'delay':
        for (const line of this.#lines.values()) line.delay(Math.floor(this.#random() * DELAY_MS));
        await sleep(faultMs);
        for (const line of this.#lines.values()) line.delay(0);
    }
  }

  async #cut(which: (from: string, to: string) => boolean, faultMs: number): Promise<void> {
    const cut = [...this.#lines].filter(([name]) => {
      const [from = '', to = ''] = name.split('>');
      return which(from, to);
    });
    for (const [, line] of cut) line.cut();
    await sleep(faultMs);
    for (const [, line] of cut) line.heal();
  }

  async #readBack(cluster: LabCluster): Promise<void> {
    let process = 1 + cluster.names.length * CLIENTS_PER_NODE;
    for (const node of cluster.names) {
      await persistently(() => readAll(cluster, { process, node, recording: this.#recording }));
      process += 1;
    }
  }

  #note(what: string): void {
    this.#faults.push({ at: this.#recording.calledNow(), what });
  }
}

function leaderOf(cluster: LabCluster): Promise<string> {
  return persistently(async () => {
    const { value } = await cluster.status();
    if (value.leader === '') throw new Error('no node leads');
    return value.leader;
  });
}

/** Again and again for a while: after a fault it may take a moment. */
async function persistently<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

/** mulberry32, 0 ≤ value < 1. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Three `taad` processes under test. */

import { setTimeout as sleep } from 'node:timers/promises';
import { LabCluster } from '../src/lab/lab-cluster.js';
import type { LabClusterOptions } from '../src/lab/lab-cluster.js';
import type { Connection } from '../src/operator/connection.js';
import { Acknowledged } from './acknowledged.js';
import { AppendStream } from './append-stream.js';
import type { Done, Target } from './closed-loop.js';
import { BenchError } from './errors.js';
import { whenInterrupted } from './interrupt.js';
import { recordOf } from './records.js';
import { stopAndWalk } from './walk.js';
import type { Walked } from './walk.js';

const SETTLE_PATIENCE_MS = 20_000;

/** A cluster whose processes end with this one, however it ends. */
export async function startCluster(options: LabClusterOptions): Promise<LabCluster> {
  const cluster = await LabCluster.start(options);
  whenInterrupted(() => {
    for (const name of cluster.names) cluster.process(name).signal('SIGKILL');
  });
  return cluster;
}

export type TaaTargetOptions = Pick<LabClusterOptions, 'peerAddress' | 'nodeEnvironment'> & {
  /** So many connections that send each record as a message of its own; null: one that coalesces. */
  readonly streams?: number | null;
};

export class TaaTarget implements Target {
  readonly name = 'taa';
  readonly #cluster: LabCluster;
  readonly #coalesces: boolean;
  readonly #acknowledged = new Acknowledged();
  /** Of which the record numbers take turns. */
  #streams: readonly AppendStream[] = [];
  readonly #connections: readonly Connection[];
  #leader = '';
  #next = 0;

  private constructor(cluster: LabCluster, streams: number | null) {
    this.#cluster = cluster;
    const { administrator, enrol } = cluster.files;
    this.#coalesces = streams === null;
    // A node admits few streams of one identity: separate clients are separate people.
    const holders =
      streams === null
        ? [administrator]
        : Array.from({ length: streams }, (_, n) => enrol('operator', `bench-${n + 1}`));
    this.#connections = holders.map((holder) => cluster.connect(holder));
  }

  static async start(directory: string, options: TaaTargetOptions = {}): Promise<TaaTarget> {
    const { streams = null, peerAddress, nodeEnvironment } = options;
    const cluster = await startCluster({
      directory,
      policy: new Map(),
      ...(peerAddress && { peerAddress }),
      ...(nodeEnvironment && { nodeEnvironment }),
    });
    return new TaaTarget(cluster, streams);
  }

  get pids(): readonly number[] {
    return this.#cluster.names.map((name) => this.#cluster.process(name).pid);
  }

  get cluster(): LabCluster {
    return this.#cluster;
  }

  get leader(): string {
    return this.#leader;
  }

  /** Opens the stream to whoever leads now; before each measurement, as a client of the cluster would. */
  async followLeader(): Promise<void> {
    const leader = await this.#awaitLeader();
    const broken = this.#streams.some((stream) => stream.broken);
    if (leader === this.#leader && !broken) return;
    this.#closeStreams();
    this.#streams = this.#connections.map(({ nodes }) => {
      const node = nodes.find(({ endpoint }) => endpoint.node === leader);
      if (node === undefined) throw new BenchError(`the cluster names an unknown leader: ${leader}`);
      return new AppendStream(node.lab, this.#coalesces);
    });
    this.#leader = leader;
  }

  append(done: Done): void {
    const number = this.#next++;
    const stream = this.#streams[number % this.#streams.length];
    if (stream === undefined) throw new Error('followLeader comes first');
    stream.append(recordOf(number), (error, leaf) => {
      if (error === null) this.#acknowledged.set(number, leaf);
      done(error);
    });
  }

  /** @throws BenchError for a lost record */
  async stopAndWalk(): Promise<Walked> {
    this.#closeClients();
    return stopAndWalk(this.#cluster, this.#acknowledged);
  }

  async close(): Promise<void> {
    this.#closeClients();
    await this.#cluster.close();
  }

  #closeClients(): void {
    this.#closeStreams();
    for (const connection of this.#connections) connection.close();
  }

  #closeStreams(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams = [];
  }

  async #awaitLeader(): Promise<string> {
    const deadline = performance.now() + SETTLE_PATIENCE_MS;
    while (performance.now() < deadline) {
      const { value } = await this.#cluster.status();
      if (value.leader !== '') return value.leader;
      await sleep(20);
    }
    throw new BenchError('the cluster has no leader; see taad.log of the nodes');
  }
}

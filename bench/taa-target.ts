/** Three `taad` processes under test, and the walk over what they kept when the load is over. */

import { setTimeout as sleep } from 'node:timers/promises';
import { decodeCommand } from '../src/authority/commands.js';
import { LabCluster } from '../src/lab/lab-cluster.js';
import type { LabClusterOptions } from '../src/lab/lab-cluster.js';
import type { Entry } from '../src/raft/types.js';
import { openForInspection } from '../src/store/data-directory.js';
import type { DataDirectory } from '../src/store/data-directory.js';
import { TILE_WIDTH } from '../src/audit/tiles.js';
import type { Connection } from '../src/operator/connection.js';
import { decode } from '../src/verify/cbor.js';
import type { CborMap } from '../src/verify/cbor.js';
import type { GetStatusRequest } from '../src/wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../src/wire/gen/taa/v1/GetStatusResponse.js';
import { AppendStream } from './append-stream.js';
import type { Done, Target } from './closed-loop.js';
import { BenchError } from './errors.js';
import { whenInterrupted } from './interrupt.js';
import { numberOf, recordOf } from './records.js';

const SETTLE_PATIENCE_MS = 20_000;
const READ_BYTES = 4 << 20;

export interface Walked {
  readonly acknowledged: number;
  readonly entries: number;
  readonly leaves: number;
}

/** A cluster whose processes end with this one, however it ends. */
export async function startCluster(options: LabClusterOptions): Promise<LabCluster> {
  const cluster = await LabCluster.start(options);
  whenInterrupted(() => {
    for (const name of cluster.names) cluster.process(name).signal('SIGKILL');
  });
  return cluster;
}

export class TaaTarget implements Target {
  readonly name = 'taa';
  readonly #cluster: LabCluster;
  readonly #coalesces: boolean;
  /** Leaf of each acknowledged record, by its number. */
  readonly #leaves = new Map<number, number>();
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

  /** @param streams so many connections that send each record as a message of its own; null: one that coalesces */
  static async start(directory: string, streams: number | null = null): Promise<TaaTarget> {
    return new TaaTarget(await startCluster({ directory, policy: new Map() }), streams);
  }

  get pids(): readonly number[] {
    return this.#cluster.names.map((name) => this.#cluster.process(name).pid);
  }

  get leader(): string {
    return this.#leader;
  }

  /** Opens the stream to whoever leads now; before each measurement, as a client of the cluster would. */
  async followLeader(): Promise<void> {
    const leader = await this.#awaitLeader();
    if (leader === this.#leader) return;
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
      if (error === null) this.#leaves.set(number, leaf);
      done(error);
    });
  }

  /** Waits until all nodes have the same log, stops them, and walks what each has on its disk. @throws BenchError for a lost record */
  async stopAndWalk(): Promise<Walked> {
    await this.#settled();
    await this.close();
    let walked: Walked = { acknowledged: this.#leaves.size, entries: 0, leaves: 0 };
    for (const name of this.#cluster.names) {
      const directory = await openForInspection(this.#cluster.dataDirectory(name));
      try {
        const { lastIndex } = await directory.log.verifyAll();
        await directory.ledger.verifyAll();
        await this.#checkLog(name, directory, lastIndex);
        walked = { ...walked, entries: lastIndex, leaves: await this.#checkLedger(name, directory) };
      } finally {
        await directory.close();
      }
    }
    return walked;
  }

  async close(): Promise<void> {
    this.#closeStreams();
    for (const connection of this.#connections) connection.close();
    await this.#cluster.close();
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

  async #settled(): Promise<void> {
    const deadline = performance.now() + SETTLE_PATIENCE_MS;
    while (performance.now() < deadline) {
      const answers = await this.#cluster.operator.callAll<GetStatusRequest, GetStatusResponse__Output>(
        ({ admin }) => admin.GetStatus.bind(admin),
        {},
      );
      const states = answers.map((answer) =>
        'value' in answer ? `${answer.value.appliedIndex} ${answer.value.root.toString('hex')}` : answer.node,
      );
      if (new Set(states).size === 1) return;
      await sleep(50);
    }
    throw new BenchError('the nodes do not agree on one log after the load');
  }

  /** Every acknowledged record is an item of a command in this node's Raft log. */
  async #checkLog(name: string, { log }: DataDirectory, lastIndex: number): Promise<void> {
    const missing = new Set(this.#leaves.keys());
    for (let next = 1; next <= lastIndex;) {
      const entries = await readEntries(log, next, lastIndex);
      for (const { kind, payload } of entries) {
        if (kind !== 'command') continue;
        const decoded = decodeCommand(payload);
        if (!decoded.ok || decoded.envelope.command.kind !== 'labAppend') continue;
        for (const item of decoded.envelope.command.items) missing.delete(numberOf(item) ?? -1);
      }
      next += entries.length;
    }
    if (missing.size > 0) {
      throw new BenchError(
        `${missing.size} of ${this.#leaves.size} acknowledged records are not in the log of ${name}`,
      );
    }
  }

  /** Every acknowledged record stands at the leaf that was named to the client. Returns the number of leaves. */
  async #checkLedger(name: string, { ledger }: DataDirectory): Promise<number> {
    const image = await new Promise<{ size: number; tail: readonly Uint8Array[] }>((resolve, reject) => {
      ledger.loadImage((error, found) => {
        if (error !== null) reject(error);
        else resolve(found ?? { size: 0, tail: [] });
      });
    });
    const numbers = new Map<number, number>();
    const take = (leaves: readonly Uint8Array[], first: number): void => {
      leaves.forEach((leaf, at) => {
        const record = decode(leaf);
        const data = record instanceof Map ? (record as CborMap).get('data') : undefined;
        const number = data instanceof Uint8Array ? numberOf(data) : null;
        if (number !== null) numbers.set(number, first + at);
      });
    };
    const full = Math.floor(image.size / TILE_WIDTH);
    for (let index = 0; index < full; index++) {
      take(await readBundle(ledger, index), index * TILE_WIDTH);
    }
    take(image.tail, full * TILE_WIDTH);
    for (const [number, leaf] of this.#leaves) {
      if (numbers.get(number) === leaf) continue;
      throw new BenchError(
        `record ${number} was acknowledged as leaf ${leaf}, which the ledger of ${name} does not hold`,
      );
    }
    return image.size;
  }
}

function readEntries(log: DataDirectory['log'], from: number, to: number): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    log.read(from as never, to as never, READ_BYTES, (error, entries) => {
      if (error !== null || entries === undefined || entries.length === 0) {
        reject(error ?? new BenchError(`entries from ${from} on are missing`));
      } else resolve(entries);
    });
  });
}

function readBundle(ledger: DataDirectory['ledger'], index: number): Promise<readonly Uint8Array[]> {
  return new Promise((resolve, reject) => {
    ledger.readBundle(index, (error, leaves) => {
      if (error !== null) reject(error);
      else resolve(leaves ?? []);
    });
  });
}

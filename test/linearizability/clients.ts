/** Clients that append to and read one log through one node each, one operation at a time, and write down what they saw. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { LabCluster } from '../../src/lab/lab-cluster.js';
import type { Connection } from '../../src/operator/connection.js';
import { decode } from '../../src/verify/cbor.js';
import type { CborMap } from '../../src/verify/cbor.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import type { GetEntriesRequest } from '../../src/wire/gen/taa/v1/GetEntriesRequest.js';
import type { GetEntriesResponse__Output } from '../../src/wire/gen/taa/v1/GetEntriesResponse.js';
import type { LabAcknowledgement, LabAppend } from '../../src/wire/lab-messages.js';
import type { Append, Operation, Read } from './history.js';

/** After this a client gives up on an answer: the outcome stays open, whatever comes later. */
const PATIENCE_MS = 2_000;
const PAUSE_MS = 4;
const PAUSE_AFTER_FAILURE_MS = 60;
/** Indexes read lie so far back, and reach so far beyond what the client knows of. */
const READ_BACK = 40;
const READ_AHEAD = 3;
const PAGE = 256;

/** What all clients of one recording share. */
export class Recording {
  readonly operations: Operation[] = [];
  /** The largest index that any client has seen filled. */
  known = 0;
  /** Appends that were acknowledged. */
  acknowledged = 0;
  readonly #begun = performance.now();

  /** µs since the beginning, rounded so that an interval only ever gets longer. */
  calledNow(): number {
    return Math.floor((performance.now() - this.#begun) * 1000);
  }

  returnedNow(): number {
    return Math.ceil((performance.now() - this.#begun) * 1000);
  }
}

export interface ClientOptions {
  readonly process: number;
  readonly node: string;
  readonly recording: Recording;
  /** 0 ≤ value < 1. */
  readonly random: () => number;
}

export class Client {
  readonly #options: ClientOptions;
  readonly #connection: Connection;
  #stream: ClientDuplexStream<LabAppend, LabAcknowledgement> | null = null;
  #answered: (outcome: Append['outcome']) => void = () => undefined;
  #number = 0;
  #stopped = false;

  constructor(cluster: LabCluster, options: ClientOptions) {
    this.#options = options;
    // A node admits few streams of one identity.
    const holder = cluster.files.enrol('operator', `client-${options.process}`);
    this.#connection = cluster.connectTo(holder, [options.node]);
  }

  /** Resolves after `stop`, with the last operation written down. */
  async run(): Promise<void> {
    const { random } = this.#options;
    while (!this.#stopped) {
      const operation = random() < 0.5 ? await this.#append() : await this.#readOne();
      const failed = operation.outcome.kind === 'unknown' || operation.outcome.kind === 'refused';
      await sleep(failed ? PAUSE_AFTER_FAILURE_MS : PAUSE_MS);
    }
    this.#stream?.cancel();
    this.#connection.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #append(): Promise<Append> {
    const { process, node, recording } = this.#options;
    const id = `c${process}-${++this.#number}`;
    const called = recording.calledNow();
    const outcome = await this.#appended(id);
    const returned = recording.returnedNow();
    if (outcome.kind === 'ok') {
      recording.known = Math.max(recording.known, outcome.index);
      recording.acknowledged += 1;
    }
    const operation: Append = { operation: 'append', process, node, called, returned, id, outcome };
    recording.operations.push(operation);
    return operation;
  }

  async #appended(id: string): Promise<Append['outcome']> {
    const giveUp = new AbortController();
    const answer = new Promise<Append['outcome']>((resolve) => {
      this.#answered = resolve;
      const stream = this.#stream ?? this.#open();
      stream.write({ firstId: this.#number, records: [Buffer.from(id, 'utf8')] });
    });
    const tooLong = sleep(PATIENCE_MS, { kind: 'unknown', reason: 'no answer in time' } as const, {
      signal: giveUp.signal,
    });
    const outcome = await Promise.race([answer, tooLong]);
    giveUp.abort();
    tooLong.catch(() => undefined); // the abort
    // What still comes on this stream is an answer to a question that was given up.
    if (outcome.kind === 'unknown') this.#drop();
    return outcome;
  }

  #open(): ClientDuplexStream<LabAppend, LabAcknowledgement> {
    const [node] = this.#connection.nodes;
    if (node === undefined) throw new Error('a client has one node');
    const stream = node.lab.Append();
    const lost = (reason: string): void => {
      if (this.#stream !== stream) return;
      this.#stream = null;
      this.#answered({ kind: 'unknown', reason });
    };
    stream.on('data', ({ firstId, firstLeaf, refused }: LabAcknowledgement) => {
      if (this.#stream !== stream || firstId !== this.#number) return;
      if (refused === '') this.#answered({ kind: 'ok', index: firstLeaf });
      else if (refused === 'OUTCOME_UNKNOWN') this.#answered({ kind: 'unknown', reason: refused });
      else this.#answered({ kind: 'refused', reason: refused });
    });
    stream.on('error', (error) => lost(RpcError.from(error).reason));
    stream.on('end', () => lost('the node ended the stream'));
    this.#stream = stream;
    return stream;
  }

  #drop(): void {
    const stream = this.#stream;
    this.#stream = null;
    stream?.cancel();
  }

  async #readOne(): Promise<Read> {
    const { process, node, recording, random } = this.#options;
    const index = Math.max(0, recording.known + READ_AHEAD - Math.floor(random() * READ_BACK));
    const linearizable = random() < 0.7;
    const called = recording.calledNow();
    const outcome = await readIndex(this.#connection, index, linearizable);
    const returned = recording.returnedNow();
    if (outcome.kind === 'record' || outcome.kind === 'other') {
      recording.known = Math.max(recording.known, index);
    }
    const operation: Read = {
      operation: 'read',
      process,
      node,
      called,
      returned,
      index,
      linearizable,
      outcome,
    };
    recording.operations.push(operation);
    return operation;
  }
}

async function readIndex(
  connection: Connection,
  index: number,
  linearizable: boolean,
): Promise<Read['outcome']> {
  try {
    const { value } = await connection.call<GetEntriesRequest, GetEntriesResponse__Output>(
      ({ log }) => log.GetEntries.bind(log),
      { start: index, count: 1, linearizable },
      PATIENCE_MS,
    );
    const [leaf] = value.leaves;
    return leaf === undefined ? { kind: 'unknown', reason: 'no leaf' } : contentOf(leaf);
  } catch (error) {
    const { reason } = RpcError.from(error);
    return reason === 'BEYOND_LOG' ? { kind: 'nothing' } : { kind: 'unknown', reason };
  }
}

function contentOf(leaf: Uint8Array): Read['outcome'] {
  const record = decode(leaf);
  const fields = record instanceof Map ? (record as CborMap) : null;
  const data = fields?.get('type') === 'labItem' ? fields.get('data') : undefined;
  return data instanceof Uint8Array
    ? { kind: 'record', id: Buffer.from(data).toString('utf8') }
    : { kind: 'other' };
}

/** Every index of the log once more through one node: what was acknowledged must be there. */
export async function readAll(
  cluster: LabCluster,
  { process, node, recording }: Omit<ClientOptions, 'random'>,
): Promise<void> {
  const connection = cluster.connectTo(cluster.files.administrator, [node]);
  try {
    for (let start = 0, size = 1; start < size;) {
      const called = recording.calledNow();
      const { value } = await connection.call<GetEntriesRequest, GetEntriesResponse__Output>(
        ({ log }) => log.GetEntries.bind(log),
        { start, count: PAGE, linearizable: true },
        10_000,
      );
      const returned = recording.returnedNow();
      size = Number(value.size);
      for (const leaf of value.leaves) {
        const read = { operation: 'read', process, node, called, returned, linearizable: true } as const;
        recording.operations.push({ ...read, index: start++, outcome: contentOf(leaf) });
      }
    }
  } finally {
    connection.close();
  }
}

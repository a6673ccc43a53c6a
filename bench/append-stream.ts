/**
 * A client of taa.v1.LabService.Append. By default it coalesces: what is appended in one turn of the event loop leaves as
 * one message. One acknowledgement may answer many records.
 */

import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { Clients } from '../src/wire/clients.js';
import type { LabAcknowledgement, LabAppend } from '../src/wire/lab-messages.js';

/** The leaf that the record became, or why it did not. */
export type Appended = (error: Error | null, leaf: number) => void;

export class AppendStream {
  readonly #call: ClientDuplexStream<LabAppend, LabAcknowledgement>;
  readonly #coalesces: boolean;
  readonly #waiting = new Map<number, Appended>();
  #records: Uint8Array[] = [];
  #nextId = 0;
  #failure: Error | null = null;

  constructor(client: Clients['taa.v1.LabService'], coalesces = true) {
    this.#coalesces = coalesces;
    this.#call = client.Append();
    this.#call.on('data', (acknowledgement: LabAcknowledgement) => this.#acknowledged(acknowledgement));
    this.#call.on('error', (error) => this.#fail(error));
    this.#call.on('end', () => this.#fail(new Error('the node ended the stream')));
  }

  /** Nothing more can be appended: the node or the connection is gone. */
  get broken(): boolean {
    return this.#failure !== null;
  }

  append(record: Uint8Array, done: Appended): void {
    if (this.#failure !== null) {
      done(this.#failure, 0);
      return;
    }
    this.#waiting.set(this.#nextId++, done);
    this.#records.push(record);
    if (!this.#coalesces) this.#flush();
    else if (this.#records.length === 1) setImmediate(() => this.#flush());
  }

  close(): void {
    this.#call.cancel();
  }

  #flush(): void {
    const records = this.#records;
    this.#records = [];
    if (this.#failure === null) this.#call.write({ firstId: this.#nextId - records.length, records });
  }

  #acknowledged({ firstId, count, firstLeaf, refused }: LabAcknowledgement): void {
    const error = refused === '' ? null : new Error(`refused: ${refused}`);
    for (let at = 0; at < count; at++) {
      const done = this.#waiting.get(firstId + at);
      this.#waiting.delete(firstId + at);
      done?.(error, firstLeaf + at);
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(error, 0);
  }
}

/**
 * taa.v1.LabService: durable appends of a laboratory. The hot path: requests with many records, acknowledgements merged to
 * one a stream and commit. The codecs are this project's own (src/wire/lab-messages.ts).
 */

import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { LabAcknowledgement, LabAppend } from '../wire/lab-messages.js';
import type { LabDoor } from './doors.js';
import { RpcError } from './errors.js';
import type { Guard } from './guard.js';
import { failure, readable } from './handlers.js';
import type { Unreadable } from './handlers.js';

/** Record bytes of one stream that may wait for their commit; the stream is not read beyond. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;

export type LabCall = ServerDuplexStream<LabAppend | Unreadable, LabAcknowledgement>;

/** `lab` is null in a cluster that is no laboratory: every call is refused. */
export const labHandlers = (lab: LabDoor | null, guard: Guard) => ({
  Append: (call: LabCall) => {
    if (lab) new AppendStream(call, lab, guard);
    else call.emit('error', failure(guard, call, new RpcError('NOT_LABORATORY')));
  },
});

class AppendStream {
  readonly #call: LabCall;
  readonly #lab: LabDoor;
  readonly #guard: Guard;
  /** Acknowledgements of this turn, not yet written. */
  #merged: { firstId: number; count: number; firstLeaf: number; refused: string } | null = null;
  #flushing = false;
  #pendingBytes = 0;
  #pendingRequests = 0;
  #noMore = false;
  #ended = false;

  constructor(call: LabCall, lab: LabDoor, guard: Guard) {
    this.#call = call;
    this.#lab = lab;
    this.#guard = guard;
    call.on('data', (message: LabAppend | Unreadable) => this.#receive(message));
    call.on('end', () => {
      this.#noMore = true;
      this.#endWhenDone();
    });
    call.on('cancelled', () => {
      this.#ended = true;
    });
    call.on('drain', () => this.#adjustReading());
  }

  #receive(message: LabAppend | Unreadable): void {
    if (this.#ended) return;
    try {
      const { firstId, records } = readable(message);
      const bytes = records.reduce((sum, record) => sum + record.length, 0);
      this.#pendingBytes += bytes;
      this.#pendingRequests += 1;
      this.#adjustReading();
      this.#lab.append(records, (result) => {
        this.#pendingBytes -= bytes;
        this.#pendingRequests -= 1;
        this.#acknowledge({
          firstId,
          count: records.length,
          firstLeaf: 'firstLeaf' in result ? result.firstLeaf : 0,
          refused: 'refused' in result ? result.refused : '',
        });
      });
    } catch (caught) {
      this.#ended = true;
      this.#call.emit('error', failure(this.#guard, this.#call, caught));
    }
  }

  /** What one commit acknowledges arrives in one turn: consecutive records become one response. */
  #acknowledge(next: LabAcknowledgement): void {
    const merged = this.#merged;
    const follows =
      merged !== null &&
      merged.refused === next.refused &&
      merged.firstId + merged.count === next.firstId &&
      (next.refused !== '' || merged.firstLeaf + merged.count === next.firstLeaf);
    if (follows) merged.count += next.count;
    else {
      this.#write();
      this.#merged = { ...next };
    }
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#write();
      this.#adjustReading();
      this.#endWhenDone();
    });
  }

  #write(): void {
    const merged = this.#merged;
    this.#merged = null;
    if (merged && !this.#ended) this.#call.write(merged);
  }

  /** Reads while neither commits nor the client's reading lag too far behind. */
  #adjustReading(): void {
    const mayRead = this.#pendingBytes < MAX_PENDING_BYTES && !this.#call.writableNeedDrain;
    if (mayRead === !this.#call.isPaused()) return;
    if (mayRead) this.#call.resume();
    else this.#call.pause();
  }

  #endWhenDone(): void {
    if (!this.#noMore || this.#ended || this.#pendingRequests > 0 || this.#merged) return;
    this.#ended = true;
    this.#call.end();
  }
}

/**
 * Merges persist effects that arrive while a write is outstanding into the one batch that follows it (group commit).
 *
 * Invariant: the batch has the same effect on the log as its parts applied one after another.
 */

import type { LogBatch } from './storage.js';
import type { Entry, HardState, LogIndex } from './types.js';

export class PersistGather {
  #seq = 0;
  #hardState: HardState | undefined;
  #truncateFrom: LogIndex | undefined;
  #entries: Entry[] | readonly Entry[] = [];
  #ownArray = false;

  /** The newest sequence gathered; 0 when there is nothing to write. */
  get seq(): number {
    return this.#seq;
  }

  add(seq: number, batch: LogBatch): void {
    this.#seq = seq;
    if (batch.hardState !== undefined) this.#hardState = batch.hardState;
    if (batch.truncateFrom !== undefined) this.#truncate(batch.truncateFrom);
    if (batch.entries.length > 0) this.#append(batch.entries);
  }

  /** Entries gathered from `from` on are dropped; only a cut below them also concerns what was written before. */
  #truncate(from: LogIndex): void {
    const first = this.#entries[0]?.index;
    if (first !== undefined && from > first) {
      this.#entries = this.#entries.slice(0, from - first);
      this.#ownArray = true;
      return;
    }
    this.#entries = [];
    this.#ownArray = false;
    if (this.#truncateFrom === undefined || from < this.#truncateFrom) this.#truncateFrom = from;
  }

  #append(entries: readonly Entry[]): void {
    if (this.#entries.length === 0) {
      this.#entries = entries;
      this.#ownArray = false;
      return;
    }
    const mine = this.#ownArray ? (this.#entries as Entry[]) : [...this.#entries];
    for (const entry of entries) mine.push(entry);
    this.#entries = mine;
    this.#ownArray = true;
  }

  get truncateFrom(): LogIndex | undefined {
    return this.#truncateFrom;
  }

  /** The batch to write, and an empty gather. */
  take(): { readonly seq: number; readonly batch: LogBatch } {
    const batch = {
      ...(this.#hardState === undefined ? {} : { hardState: this.#hardState }),
      ...(this.#truncateFrom === undefined ? {} : { truncateFrom: this.#truncateFrom }),
      entries: this.#entries,
    };
    const taken = { seq: this.#seq, batch };
    this.#seq = 0;
    this.#hardState = undefined;
    this.#truncateFrom = undefined;
    this.#entries = [];
    this.#ownArray = false;
    return taken;
  }
}

/**
 * A `RaftLogStore` in memory, for tests and the simulator. It keeps what a disk keeps (the durable image) apart from
 * what has only been written, so that a crash can lose exactly the writes whose sync has not completed.
 */

import type { LogBatch, LogImage, RaftLogStore } from './storage.js';
import { logIndex, term, type Entry, type HardState, type LogIndex } from './types.js';

export interface MemoryStoreOptions {
  /** Runs a completion later: at once by default; the simulator delays it. */
  readonly defer?: (kind: 'load' | 'persist' | 'read', task: () => void) => void;
}

interface Disk {
  hardState: HardState;
  readonly entries: Entry[];
}

const initialHardState: HardState = { term: term(0), vote: null, commit: logIndex(0) };

export class MemoryLogStore implements RaftLogStore {
  readonly #defer: (kind: 'load' | 'persist' | 'read', task: () => void) => void;
  readonly #disk: Disk = { hardState: initialHardState, entries: [] };
  /** Grows at a crash: completions of an earlier life do nothing. */
  #life = 0;
  #outstanding: LogBatch | null = null;
  #failure: Error | null = null;

  constructor(options: MemoryStoreOptions = {}) {
    this.#defer = options.defer ?? ((_kind, task) => task());
  }

  /** What a restart would find. */
  get durable(): { readonly hardState: HardState; readonly entries: readonly Entry[] } {
    return this.#disk;
  }

  /** Every operation from now on fails. */
  failWith(error: Error): void {
    this.#failure = error;
  }

  /**
   * Power cut: a write whose sync had not completed is lost, or, if `keepOutstanding`, had reached the disk although
   * its completion was never told. Either way the store can be loaded again.
   */
  crash(keepOutstanding: boolean): void {
    if (keepOutstanding && this.#outstanding !== null) this.#write(this.#outstanding);
    this.#outstanding = null;
    this.#life++;
  }

  load(done: (error: Error | null, image?: LogImage) => void): void {
    this.#later('load', () => {
      if (this.#failure === null) done(null, this.#image());
      else done(this.#failure);
    });
  }

  persist(batch: LogBatch, done: (error: Error | null) => void): void {
    if (this.#outstanding !== null) throw new Error('persist was called while one is outstanding');
    this.#outstanding = batch;
    this.#later('persist', () => {
      this.#outstanding = null;
      if (this.#failure === null) this.#write(batch);
      done(this.#failure);
    });
  }

  read(
    from: LogIndex,
    to: LogIndex,
    maxBytes: number,
    done: (error: Error | null, entries?: readonly Entry[]) => void,
  ): void {
    this.#later('read', () => {
      if (this.#failure !== null) done(this.#failure);
      else done(null, this.#slice(from, to, maxBytes));
    });
  }

  #later(kind: 'load' | 'persist' | 'read', task: () => void): void {
    const life = this.#life;
    this.#defer(kind, () => {
      if (life === this.#life) task();
    });
  }

  #write(batch: LogBatch): void {
    const { entries } = this.#disk;
    if (batch.hardState !== undefined) this.#disk.hardState = batch.hardState;
    if (batch.truncateFrom !== undefined) entries.length = Math.min(entries.length, batch.truncateFrom - 1);
    for (const entry of batch.entries) {
      if (entry.index !== entries.length + 1) throw new Error(`entry ${entry.index} does not follow the log`);
      entries.push(entry);
    }
  }

  #slice(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#disk.entries.slice(from - 1, to)) {
      bytes += entry.payload.length;
      if (bytes > maxBytes && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  #image(): LogImage {
    const { hardState, entries } = this.#disk;
    const termRuns: { firstIndex: LogIndex; term: Entry['term'] }[] = [];
    for (const entry of entries) {
      if (termRuns.at(-1)?.term !== entry.term) termRuns.push({ firstIndex: entry.index, term: entry.term });
    }
    return { hardState, firstIndex: logIndex(1), lastIndex: logIndex(entries.length), termRuns };
  }
}

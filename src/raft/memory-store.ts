/**
 * A `RaftLogStore` in memory, for tests and the simulator. It keeps what a disk keeps (the durable image) apart from
 * what has only been written, so that a crash can lose exactly the writes whose sync has not completed.
 */

import { NO_BASE, type LogBase, type LogBatch, type LogImage, type RaftLogStore } from './storage.js';
import { logIndex, term, type Entry, type HardState, type LogIndex } from './types.js';

type Deferred = 'load' | 'persist' | 'read' | 'compact';

export interface MemoryStoreOptions {
  /** Runs a completion later: at once by default; the simulator delays it. */
  readonly defer?: (kind: Deferred, task: () => void) => void;
}

interface Disk {
  hardState: HardState;
  base: LogBase;
  /** `entries[i − 1]` is entry i, also of those that were trimmed; holes where a snapshot took their place. */
  readonly entries: Entry[];
}

const initialHardState: HardState = { term: term(0), vote: null, commit: logIndex(0) };

export class MemoryLogStore implements RaftLogStore {
  readonly #defer: (kind: Deferred, task: () => void) => void;
  readonly #disk: Disk = { hardState: initialHardState, base: NO_BASE, entries: [] };
  /** Grows at a crash: completions of an earlier life do nothing. */
  #life = 0;
  #outstanding: LogBatch | null = null;
  #failure: Error | null = null;

  constructor(options: MemoryStoreOptions = {}) {
    this.#defer = options.defer ?? ((_kind, task) => task());
  }

  /** What a restart would find. */
  get durable(): {
    readonly hardState: HardState;
    readonly base: LogBase;
    readonly entries: readonly Entry[];
  } {
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

  compact(to: LogIndex, done: (error: Error | null) => void): void {
    this.#later('compact', () => {
      const last = this.#disk.entries[to - 1];
      if (this.#failure === null && last !== undefined && to > this.#disk.base.index) {
        this.#disk.base = { index: to, term: last.term, time: last.time };
      }
      done(this.#failure);
    });
  }

  #later(kind: Deferred, task: () => void): void {
    const life = this.#life;
    this.#defer(kind, () => {
      if (life === this.#life) task();
    });
  }

  #write(batch: LogBatch): void {
    const { entries } = this.#disk;
    if (batch.hardState !== undefined) this.#disk.hardState = batch.hardState;
    if (batch.restartAfter !== undefined) {
      this.#disk.base = batch.restartAfter;
      entries.length = 0;
      entries.length = batch.restartAfter.index;
    }
    if (batch.truncateFrom !== undefined) entries.length = Math.min(entries.length, batch.truncateFrom - 1);
    for (const entry of batch.entries) {
      if (entry.index !== entries.length + 1) throw new Error(`entry ${entry.index} does not follow the log`);
      entries.push(entry);
    }
  }

  #slice(from: LogIndex, to: LogIndex, maxBytes: number): readonly Entry[] {
    const found: Entry[] = [];
    let bytes = 0;
    if (from <= this.#disk.base.index) throw new RangeError(`entry ${from} is before the log`);
    for (const entry of this.#disk.entries.slice(from - 1, to)) {
      bytes += entry.payload.length;
      if (bytes > maxBytes && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  #image(): LogImage {
    const { hardState, base, entries } = this.#disk;
    const termRuns: { firstIndex: LogIndex; term: Entry['term'] }[] = [];
    for (const entry of entries.slice(base.index)) {
      if (termRuns.at(-1)?.term !== entry.term) termRuns.push({ firstIndex: entry.index, term: entry.term });
    }
    const firstIndex = logIndex(base.index + 1);
    return { hardState, base, firstIndex, lastIndex: logIndex(entries.length), termRuns };
  }
}

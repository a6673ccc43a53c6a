/**
 * The log as the core sees it: the outline of all of it (where each term begins) and, in memory, a tail of whole
 * entries. Everything below the tail is on disk and comes back through a `readEntries` effect.
 *
 * Invariants: terms and cluster times never decrease along the log; the tail is contiguous up to the last entry, and
 * the last entry is always in it once there is one. Cost: O(1) an append, O(log runs) a term lookup; nothing here
 * walks the log. Thesis 3.5, 3.6.1.
 */

import { NO_BASE, type LogBase } from '../storage.js';
import { logIndex, type Entry, type LogIndex, type Term } from '../types.js';
import { assert } from './assert.js';

export interface TermRun {
  readonly firstIndex: LogIndex;
  readonly term: Term;
}

export interface LogOutline {
  /** Absent: the log was never trimmed. */
  readonly base?: LogBase;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly termRuns: readonly TermRun[];
}

export class RaftLog {
  #base: LogBase;
  #last: number;
  #runs: TermRun[];
  /** `#cache[#head]` is entry `#cacheFirst`; what lies before #head is spent. */
  #cache: (Entry | undefined)[] = [];
  #head = 0;
  #cacheFirst: number;
  #cachedBytes = 0;

  /** @param lastEntry the entry at `lastIndex`, whose cluster time the next one must not fall behind */
  constructor(outline: LogOutline, lastEntry: Entry | null) {
    this.#base = outline.base ?? NO_BASE;
    assert(outline.firstIndex === this.firstIndex, 'the log begins after its base');
    this.#last = outline.lastIndex;
    this.#runs = [...outline.termRuns];
    this.#cacheFirst = outline.lastIndex + 1;
    this.#checkOutline();
    const empty = outline.lastIndex < outline.firstIndex;
    assert(empty === (lastEntry === null), 'the last entry is given unless the log is empty');
    if (lastEntry !== null) {
      assert(
        lastEntry.index === outline.lastIndex && lastEntry.term === this.lastTerm,
        'the last entry is the one that the outline ends with',
      );
      this.#cache.push(lastEntry);
      this.#cacheFirst = lastEntry.index;
      this.#cachedBytes = sizeInMemory(lastEntry);
    }
  }

  #checkOutline(): void {
    assert(this.firstIndex >= 1 && this.#last >= this.firstIndex - 1, 'the log begins before it ends');
    let previous: TermRun | undefined;
    for (const run of this.#runs) {
      assert(
        previous === undefined
          ? run.firstIndex === this.firstIndex
          : run.firstIndex > previous.firstIndex && run.term > previous.term,
        'term runs ascend from the first index',
      );
      assert(run.firstIndex <= this.#last, 'a term run lies inside the log');
      previous = run;
    }
    assert(
      this.#runs.length > 0 === this.#last >= this.firstIndex,
      'a log has term runs exactly when it has entries',
    );
  }

  /** What the log gave up: everything up to here. */
  get base(): LogBase {
    return this.#base;
  }

  get firstIndex(): LogIndex {
    return logIndex(this.#base.index + 1);
  }

  get lastIndex(): LogIndex {
    return logIndex(this.#last);
  }

  get lastTerm(): Term {
    return this.#runs.at(-1)?.term ?? this.#base.term;
  }

  /** Cluster time of the last entry; 0n before the first. */
  get lastTime(): bigint {
    return this.#cache.at(-1)?.time ?? this.#base.time;
  }

  /** The tail in memory begins here; above the last index when nothing is in memory. */
  get cacheFirst(): LogIndex {
    return logIndex(this.#cacheFirst);
  }

  /** Bytes in memory, the entries themselves included. */
  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  get termRuns(): readonly TermRun[] {
    return this.#runs;
  }

  /** The term of an entry, or of the base; undefined where the log has no entry or has given it up. */
  termAt(index: number): Term | undefined {
    if (index === this.#base.index) return this.#base.term;
    if (index < this.firstIndex || index > this.#last) return undefined;
    return this.#runs[this.#runAt(index)]?.term;
  }

  /** Position of the run that holds `index`, which lies inside the log. */
  #runAt(index: number): number {
    let high = this.#runs.length - 1;
    if (index >= (this.#runs[high]?.firstIndex ?? 0)) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#runs[middle]?.firstIndex ?? 0) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Thesis 3.6.1: would a candidate whose log ends at (index, term) lack nothing that is committed here? */
  isUpToDate(index: LogIndex, term: Term): boolean {
    return term > this.lastTerm || (term === this.lastTerm && index >= this.#last);
  }

  /**
   * The greatest index ≤ `index` whose term is ≤ `term`: where two logs can agree at the latest. Skips a whole term a
   * step, so a long divergent tail costs a round trip a term, not one an entry (pitfall L20).
   */
  agreeableUpTo(index: number, term: Term): LogIndex {
    let candidate = Math.min(index, this.#last);
    if (candidate < this.firstIndex) return logIndex(Math.max(0, candidate));
    for (let at = this.#runAt(candidate); at >= 0; at--) {
      const run = this.#runs[at];
      if (run === undefined || run.term <= term) break;
      candidate = run.firstIndex - 1;
    }
    return logIndex(candidate);
  }

  append(entries: readonly Entry[]): void {
    let time = this.lastTime;
    let last = this.#last;
    for (const entry of entries) {
      assert(entry.index === last + 1, 'entries are appended without a gap');
      assert(entry.time >= time, 'cluster time never decreases along the log');
      const lastTerm = this.lastTerm;
      if (entry.term !== lastTerm || this.#runs.length === 0) {
        assert(entry.term >= lastTerm, 'terms never decrease along the log');
        this.#runs.push({ firstIndex: entry.index, term: entry.term });
      }
      time = entry.time;
      last = entry.index;
      this.#last = last;
      this.#cachedBytes += sizeInMemory(entry);
      this.#cache.push(entry);
    }
  }

  /** Removes `index` and all that follows. The caller has checked that none of it is committed. */
  truncateFrom(index: LogIndex): void {
    assert(index >= this.firstIndex && index <= this.#last, 'a truncation lies inside the log');
    while ((this.#runs.at(-1)?.firstIndex ?? 0) >= index) this.#runs.pop();
    while (this.#cache.length > this.#head && this.#last >= index) {
      this.#cachedBytes -= sizeInMemory(this.#cache.pop());
      this.#last--;
    }
    if (this.#last >= index || this.#cache.length === this.#head) {
      // Everything in memory is gone: what follows is cached again from the cut on.
      this.#last = index - 1;
      this.#cacheFirst = index;
      this.#cache = [];
      this.#head = 0;
    }
  }

  /** Entries from..to that are in memory, stopping (not before one entry) at `maxBytes` of payload. */
  slice(from: number, to: number, maxBytes: number): Entry[] {
    assert(from >= this.#cacheFirst && to <= this.#last, 'only entries in memory are sliced');
    const start = this.#head + (from - this.#cacheFirst);
    const limit = start + (to - from) + 1;
    let bytes = 0;
    let end = start;
    while (end < limit) {
      bytes += this.#cache[end]?.payload.length ?? 0;
      if (bytes > maxBytes && end > start) break;
      end++;
    }
    return this.#cache.slice(start, end) as Entry[];
  }

  /** Gives up every entry up to `index`, which is in no peer's way and below the last one. Thesis 5.1. */
  compactTo(index: LogIndex): void {
    assert(index >= this.firstIndex && index < this.#last, 'a compaction lies inside the log');
    const term = this.termAt(index);
    assert(term !== undefined, 'the log knows the term of what it gives up');
    this.evictTo(index, 0);
    const kept = this.#runs.filter((_, at) => (this.#runs[at + 1]?.firstIndex ?? Infinity) > index + 1);
    this.#runs = kept.map((run) =>
      run.firstIndex > index ? run : { firstIndex: logIndex(index + 1), term: run.term },
    );
    // Its time is never needed: the last entry stays.
    this.#base = { index, term, time: 0n };
  }

  /** Lets go of entries up to `index`, except the last one, until at most `keepBytes` are in memory. */
  evictTo(index: number, keepBytes: number): void {
    const end = Math.min(index, this.#last - 1);
    while (this.#cacheFirst <= end && this.#cachedBytes > keepBytes) {
      this.#cachedBytes -= sizeInMemory(this.#cache[this.#head]);
      this.#cache[this.#head] = undefined;
      this.#head++;
      this.#cacheFirst++;
    }
    // Amortised O(1): the spent front is cut off when it is the larger half.
    if (this.#head > 1024 && this.#head * 2 > this.#cache.length) {
      this.#cache = this.#cache.slice(this.#head);
      this.#head = 0;
    }
  }
}

const ENTRY_OVERHEAD_BYTES = 200;

function sizeInMemory(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.payload.length + ENTRY_OVERHEAD_BYTES;
}

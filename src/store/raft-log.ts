/**
 * The Raft log on disk: what consensus declares in src/raft/storage.ts, over a database of its own and the guard file.
 *
 * Order of one persist, and what holds if we crash after each step:
 *   1. only when entries are removed: the guard's last index is lowered. The log still holds more than the guard says.
 *   2. one synced batch: hard state, removals, blocks, outline. All of it or nothing is there; nobody has been told.
 *   3. only when term or vote changed: the guard says so too. Now a start would notice if the database forgot it.
 *   4. `done`. The guard's last index follows within 100 ms.
 */

import type { LogBase, LogBatch, LogImage, RaftLogStore } from '../raft/storage.js';
import type { Entry, HardState, LogIndex, Term } from '../raft/types.js';
import { equalBytes } from '../verify/bytes.js';
import { asError, LogDamagedError, StorageClosedError } from './errors.js';
import { checkAgainstGuard, type Guard } from './guard.js';
import type { KeyValueStore, Operation } from './kv.js';
import { encodeBlock, NO_HASH } from './log-block.js';
import {
  checkFirstBlock,
  encodeMarker,
  MARKER_KEY,
  planTrim,
  readMarker,
  removeTrimmed,
  trimmedOutline,
  type LogMarker,
} from './log-trim.js';
import {
  blockCost,
  blockHolding,
  blockKey,
  blocksFrom,
  BLOCKS_END,
  EMPTY_OUTLINE,
  encodeHardState,
  encodeOutline,
  extendRuns,
  HARD_STATE_KEY,
  hole,
  OUTLINE_KEY,
  readHardState,
  readOutline,
  SEGMENT_BYTES,
  walk,
  WALKED_SEGMENTS,
  type Boundary,
  type LogEnd,
  type TermRun,
  type Walked,
} from './log-outline.js';

/** Payload bytes after which a batch continues in a further block, so that reading one entry reads at most about this. */
const BLOCK_PAYLOAD_BYTES = 1 << 20;

const INITIAL_HARD_STATE: HardState = { term: 0 as Term, vote: null, commit: 0 as LogIndex };

/** What an empty log holds from its first moment, so that an empty database is never taken for one. */
export function initialLogContent(): readonly Operation[] {
  return [
    { type: 'put', key: HARD_STATE_KEY, value: encodeHardState(INITIAL_HARD_STATE) },
    { type: 'put', key: OUTLINE_KEY, value: encodeOutline(EMPTY_OUTLINE) },
  ];
}

export interface OpenRaftLog extends RaftLogStore {
  /**
   * Walks the whole log, checking every entry. Seconds per million entries; works beside appends.
   * @throws LogDamagedError at the first entry that is not what was written
   */
  verifyAll(): Promise<{ readonly firstIndex: LogIndex; readonly lastIndex: LogIndex }>;
  close(): Promise<void>;
}

/**
 * Finds the log as it was left, walks its end and compares it with the guard.
 * @throws LogDamagedError when anything is missing or changed; StoreError when the database cannot be read
 */
export async function openRaftLog(
  store: KeyValueStore,
  guard: Guard,
  options: {
    readonly readOnly: boolean;
    /** A read met damage. Awaited before the reader is told. */
    readonly damaged?: (error: LogDamagedError) => Promise<void>;
  },
): Promise<OpenRaftLog> {
  const damaged = options.damaged ?? (() => Promise.resolve());
  const hardState = await readHardState(store);
  const marker = await readMarker(store);
  const walked = await walk(store, trimmedOutline(await readOutline(store), marker));
  await checkFirstBlock(store, marker, walked.lastIndex);
  checkAgainstGuard(guard.state, { ...hardState, lastIndex: walked.lastIndex });
  if (hardState.commit > walked.lastIndex) {
    throw new LogDamagedError(
      'LOG_TAIL_LOST',
      `the log ends at ${walked.lastIndex}, but entry ${hardState.commit} was committed`,
    );
  }
  if (walked.lastTerm > hardState.term) {
    throw new LogDamagedError(
      'LOG_VOTE_LOST',
      `the log holds an entry of term ${walked.lastTerm}, its hard state says ${hardState.term}`,
    );
  }
  await checkGuardedBlock(store, guard, marker, walked);
  const log = new RaftLog(store, guard, { hardState, marker, walked }, damaged);
  if (!options.readOnly) await log.bringGuardUpToDate();
  return log;
}

/** The block that the guard remembers must still end where it did, with the same hash. */
async function checkGuardedBlock(
  store: KeyValueStore,
  guard: Guard,
  marker: LogMarker,
  walked: Walked,
): Promise<void> {
  const { lastIndex, lastHash } = guard.state;
  if (lastHash === null || lastIndex <= marker.index) return;
  const block = await blockHolding(store, lastIndex);
  const endsThere = block.firstIndex + block.entries.length - 1 === lastIndex;
  if (!endsThere || !equalBytes(block.hash, lastHash)) {
    throw hole(`entry ${lastIndex} of ${walked.lastIndex} is not the one that the guard remembers`);
  }
}

interface LogState extends LogEnd {
  readonly hardState: HardState;
  readonly termRuns: readonly TermRun[];
  readonly boundaries: readonly Boundary[];
  readonly segmentBytes: number;
}

class RaftLog implements OpenRaftLog {
  readonly #store: KeyValueStore;
  readonly #guard: Guard;
  readonly #damaged: (error: LogDamagedError) => Promise<void>;
  #marker: LogMarker;
  #state: LogState;
  #persisting = false;
  #closed = false;
  #failure: Error | null = null;
  /** Reads in flight. A truncation waits for them, and later reads wait for it: a read sees one history. */
  readonly #reads = new Set<Promise<unknown>>();
  #truncation: Promise<void> | null = null;
  #truncations = 0;
  #compaction: Promise<void> | null = null;

  constructor(
    store: KeyValueStore,
    guard: Guard,
    found: { readonly hardState: HardState; readonly marker: LogMarker; readonly walked: Walked },
    damaged: (error: LogDamagedError) => Promise<void>,
  ) {
    const { hardState, marker, walked } = found;
    this.#damaged = damaged;
    this.#store = store;
    this.#guard = guard;
    this.#marker = marker;
    this.#state = { ...walked, hardState };
  }

  async bringGuardUpToDate(): Promise<void> {
    const { hardState, lastIndex, lastHash } = this.#state;
    await this.#guard.save({
      term: hardState.term,
      vote: hardState.vote,
      lastIndex,
      lastHash: lastIndex === this.#marker.index ? null : lastHash,
    });
  }

  load(done: (error: Error | null, image?: LogImage) => void): void {
    // A persist that overlapped a compaction may have brought older runs back.
    const { hardState, lastIndex, termRuns } = trimmedOutline(this.#state, this.#marker);
    const { index, term, time } = this.#marker;
    const base: LogBase = { index, term, time };
    process.nextTick(done, null, { hardState, base, firstIndex: this.#firstIndex, lastIndex, termRuns });
  }

  persist(batch: LogBatch, done: (error: Error | null) => void): void {
    deliver(this.#persist(batch), done);
  }

  read(
    from: LogIndex,
    to: LogIndex,
    maxBytes: number,
    done: (error: Error | null, entries?: readonly Entry[]) => void,
  ): void {
    deliver(this.#trackedRead(from, to, maxBytes), done);
  }

  compact(to: LogIndex, done: (error: Error | null) => void): void {
    deliver(this.#compact(to), done);
  }

  async verifyAll(): Promise<{ readonly firstIndex: LogIndex; readonly lastIndex: LogIndex }> {
    while (this.#compaction !== null) await this.#compaction.catch(() => undefined);
    const before = this.#state;
    const marker = this.#marker;
    const truncations = this.#truncations;
    const walking = walk(this.#store, trimmedOutline({ boundaries: [], termRuns: [] }, marker));
    // A compaction may begin meanwhile; the walk sees the blocks as they were when it began.
    const walked = await walking;
    await readHardState(this.#store);
    await readOutline(this.#store);
    // Appends may have happened meanwhile; without a truncation, fewer entries than before are a loss.
    if (truncations === this.#truncations && this.#truncation === null) {
      if (walked.lastIndex < before.lastIndex) throw hole(`entry ${walked.lastIndex + 1} is missing`);
      if (walked.lastIndex === before.lastIndex && !equalBytes(walked.lastHash, before.lastHash)) {
        throw hole('the log does not end in the block that was found at open');
      }
    }
    return { firstIndex: (marker.index + 1) as LogIndex, lastIndex: walked.lastIndex };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#truncation;
    await this.#compaction?.catch(() => undefined);
    await Promise.allSettled(this.#reads);
  }

  async #persist(batch: LogBatch): Promise<void> {
    if (this.#closed) throw new StorageClosedError('persist');
    if (this.#failure !== null) throw this.#failure;
    if (this.#persisting) throw new Error('persist was called while another one is outstanding');
    const cut = batch.truncateFrom;
    if (batch.restartAfter === undefined) this.#checkContiguity(batch);
    this.#persisting = true;
    try {
      if (batch.restartAfter !== undefined) await this.#restart(batch.restartAfter, batch);
      else if (cut !== undefined && cut <= this.#state.lastIndex) await this.#truncateAndAppend(cut, batch);
      else await this.#commit(this.#state, [], batch);
    } catch (error) {
      // Whatever failed, what is on disk is unknown now: this handle acknowledges nothing any more.
      this.#failure = asError(error);
      throw error;
    } finally {
      this.#persisting = false;
    }
  }

  #checkContiguity({ truncateFrom, entries }: LogBatch): void {
    const { lastIndex } = this.#state;
    const end = truncateFrom === undefined ? lastIndex : truncateFrom - 1;
    if (end > lastIndex || end < this.#firstIndex - 1) {
      throw new RangeError(
        `cannot truncate from ${end + 1}: the log spans ${this.#firstIndex} … ${lastIndex}`,
      );
    }
    entries.forEach((entry, i) => {
      if (entry.index !== end + 1 + i) {
        throw new RangeError(`entry ${entry.index} does not follow ${end + i}`);
      }
    });
  }

  /** Steps 2 to 4 of the order above. */
  async #commit(state: LogState, removals: readonly Operation[], batch: LogBatch): Promise<void> {
    const { operations, next } = plan(state, this.#firstIndex, batch, removals.length > 0);
    if (operations.length + removals.length === 0) return;
    await this.#store.batch([...removals, ...operations], true);
    this.#state = next;
    const { term, vote } = next.hardState;
    const guarded = this.#guard.state;
    if (term !== guarded.term || vote !== guarded.vote) await this.#guard.save({ term, vote });
    if (this.#guard.failure !== null) throw this.#guard.failure;
    const { lastIndex, lastHash } = next;
    if (lastIndex > 0) {
      this.#guard.note({ lastIndex, lastHash: lastIndex === this.#marker.index ? null : lastHash });
    }
  }

  #truncateAndAppend(cut: number, batch: LogBatch): Promise<void> {
    return this.#alone(async () => {
      const { state, removals } = await this.#planTruncation(cut);
      await this.#guard.save({ lastIndex: (cut - 1) as LogIndex, lastHash: null });
      await this.#commit(state, removals, batch);
    });
  }

  /** A snapshot takes the place of every entry: one batch, so that a crash leaves the old log or the new one. */
  #restart(base: LogBase, batch: LogBatch): Promise<void> {
    return this.#alone(async () => {
      await this.#compaction?.catch(() => undefined);
      const marker: LogMarker = { ...base, hash: NO_HASH };
      const removals: Operation[] = [{ type: 'put', key: MARKER_KEY, value: encodeMarker(marker) }];
      await this.#store.iterate({ gte: blockKey(0), lt: BLOCKS_END }, (key) => {
        removals.push({ type: 'del', key });
        return true;
      });
      const guarded = this.#guard.state.lastIndex;
      if (guarded > base.index) await this.#guard.save({ lastIndex: base.index, lastHash: null });
      const { hardState } = this.#state;
      const state: LogState = {
        ...trimmedOutline({ boundaries: [], termRuns: [] }, marker),
        hardState,
        lastIndex: base.index,
        lastTerm: base.term,
        lastHash: NO_HASH,
        segmentBytes: 0,
      };
      this.#marker = marker;
      await this.#commit(state, removals, { ...batch, entries: [] });
    });
  }

  /** After the reads in flight, with later ones waiting. */
  async #alone(work: () => Promise<void>): Promise<void> {
    let release = (): void => undefined;
    this.#truncations += 1;
    this.#truncation = new Promise((resolve) => {
      release = resolve;
    });
    try {
      await Promise.allSettled(this.#reads);
      await work();
    } finally {
      this.#truncation = null;
      release();
    }
  }

  async #compact(to: LogIndex): Promise<void> {
    if (this.#closed) throw new StorageClosedError('compact');
    if (this.#failure !== null) throw this.#failure;
    if (this.#compaction !== null) throw new Error('compact was called while another one is outstanding');
    if (to >= this.#state.lastIndex) throw new RangeError(`entry ${to} is not below the last one`);
    this.#compaction = this.#trim(to);
    try {
      await this.#compaction;
    } catch (error) {
      if (!(error instanceof LogDamagedError)) this.#failure = asError(error);
      throw error;
    } finally {
      this.#compaction = null;
    }
  }

  async #trim(to: LogIndex): Promise<void> {
    if (to <= this.#marker.index) return;
    const marker = await this.#noting(planTrim(this.#store, this.#marker, to));
    if (marker === null) return;
    await this.#store.batch([{ type: 'put', key: MARKER_KEY, value: encodeMarker(marker) }], true);
    this.#marker = marker;
    this.#state = trimmedOutline(this.#state, marker);
    // A read that began before may still walk the blocks that go.
    await Promise.allSettled(this.#reads);
    await removeTrimmed(this.#store, marker);
  }

  get #firstIndex(): LogIndex {
    return (this.#marker.index + 1) as LogIndex;
  }

  /** Removes every block that begins at or after `cut` and rewrites the one that straddles it. */
  async #planTruncation(
    cut: number,
  ): Promise<{ readonly state: LogState; readonly removals: readonly Operation[] }> {
    const removals: Operation[] = [];
    await this.#store.iterate({ gte: blockKey(cut), lt: BLOCKS_END }, (key) => {
      removals.push({ type: 'del', key });
      return true;
    });
    const termRuns = this.#state.termRuns.filter((run) => run.firstIndex < cut);
    let boundaries = this.#state.boundaries.filter(({ index }) => index < cut);
    if (boundaries.length === 0) {
      boundaries = [...trimmedOutline({ boundaries, termRuns }, this.#marker).boundaries];
    }
    const lastTerm = termRuns.at(-1)?.term ?? this.#marker.term;
    const kept = { ...this.#state, termRuns, boundaries, lastTerm };
    if (cut === this.#firstIndex) {
      return { state: { ...kept, lastIndex: this.#marker.index, lastHash: this.#marker.hash }, removals };
    }
    const last = await blockHolding(this.#store, cut - 1);
    const entries = last.entries.slice(0, cut - last.firstIndex);
    let { hash } = last;
    if (entries.length < last.entries.length) {
      const rewritten = encodeBlock(last.previousHash, entries);
      removals.push({ type: 'put', key: blockKey(last.firstIndex), value: rewritten.value });
      hash = rewritten.hash;
    }
    return { state: { ...kept, lastIndex: (cut - 1) as LogIndex, lastHash: hash.slice() }, removals };
  }

  /** The blocks are not what was written: noted before the reader is told, so that the next start looks at all. */
  async #noting<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof LogDamagedError) await this.#damaged(error).catch(() => undefined);
      throw error;
    }
  }

  async #trackedRead(from: LogIndex, to: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    while (this.#truncation !== null) await this.#truncation;
    if (this.#closed) throw new StorageClosedError('read');
    const running = this.#noting(this.#read(from, Math.min(to, this.#state.lastIndex), maxBytes));
    this.#reads.add(running);
    try {
      return await running;
    } finally {
      this.#reads.delete(running);
    }
  }

  async #read(from: number, to: number, maxBytes: number): Promise<readonly Entry[]> {
    if (from < this.#firstIndex) throw new RangeError(`entry ${from} is before the log`);
    if (from > to) return []; // removed by a truncation since the caller looked
    const found: Entry[] = [];
    let bytes = 0;
    const take = (entries: readonly Entry[]): boolean => {
      for (const entry of entries) {
        if (entry.index < from) continue;
        bytes += entry.payload.length;
        if (entry.index > to || (found.length > 0 && bytes > maxBytes)) return false;
        found.push(entry);
      }
      return true;
    };
    const first = await blockHolding(this.#store, from);
    const next = first.firstIndex + first.entries.length;
    if (take(first.entries) && next <= to) {
      await blocksFrom(this.#store, next, to, (block) => take(block.entries));
    }
    return found;
  }
}

/** The operations of one batch and the state once they are durable. Pure. */
function plan(
  state: LogState,
  firstIndex: LogIndex,
  batch: LogBatch,
  truncated: boolean,
): { readonly operations: readonly Operation[]; readonly next: LogState } {
  const operations: Operation[] = [];
  const hardState = batch.hardState ?? state.hardState;
  if (batch.hardState !== undefined) {
    operations.push({ type: 'put', key: HARD_STATE_KEY, value: encodeHardState(hardState) });
  }
  let { lastHash, segmentBytes, boundaries } = state;
  const first = batch.entries[0];
  const full = first !== undefined && segmentBytes >= SEGMENT_BYTES;
  if (full) {
    boundaries = [...boundaries, { index: first.index, previousHash: lastHash }].slice(-WALKED_SEGMENTS);
    segmentBytes = 0;
  }
  if (full || truncated) {
    const outline = { firstIndex, boundaries, termRuns: state.termRuns };
    operations.push({ type: 'put', key: OUTLINE_KEY, value: encodeOutline(outline) });
  }
  for (const entries of inBlocks(batch.entries)) {
    const { value, hash } = encodeBlock(lastHash, entries);
    operations.push({ type: 'put', key: blockKey(entries[0]?.index ?? 0), value });
    lastHash = hash;
    segmentBytes += blockCost(value);
  }
  const last = batch.entries.at(-1);
  const next: LogState = {
    hardState,
    lastIndex: last?.index ?? state.lastIndex,
    lastTerm: last?.term ?? state.lastTerm,
    lastHash,
    termRuns: extendRuns(state.termRuns, batch.entries),
    boundaries,
    segmentBytes,
  };
  return { operations, next };
}

function* inBlocks(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let start = 0;
  let bytes = 0;
  for (const [i, { payload }] of entries.entries()) {
    if (i > start && bytes + payload.length > BLOCK_PAYLOAD_BYTES) {
      yield entries.slice(start, i);
      start = i;
      bytes = 0;
    }
    bytes += payload.length;
  }
  if (start < entries.length) yield entries.slice(start);
}

/**
 * A promise's outcome to a callback, exactly once. Outside the promise, so that what the callback throws is an uncaught
 * exception and ends the process, instead of coming back as a second outcome.
 */
export function deliver<T>(outcome: Promise<T>, done: (error: Error | null, value?: T) => void): void {
  outcome.then(
    (value) => process.nextTick(done, null, value),
    (error: unknown) => process.nextTick(done, asError(error)),
  );
}

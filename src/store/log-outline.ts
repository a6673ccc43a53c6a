/**
 * What the log database holds beside its blocks, and how the log is walked.
 *
 *   'L' first index u64 → block (./log-block.ts)      'H' → hard state      'O' → outline      'N' → incarnation
 *   'F' → where the log begins, once it was trimmed (./log-trim.ts)
 *
 * The outline lets a start walk only the log's end. A hole can be only where the database's write-ahead files reach: they
 * hold at most two memtables (8 MiB), and what a damaged manifest drops ends where they begin. So a start walks the last
 * `WALKED_SEGMENTS` segments of `SEGMENT_BYTES` and finds every such hole; older blocks are in synced tables, and are
 * checked whenever they are read, and all together by `verifyAll`.
 */

import type { Entry, HardState, LogIndex, NodeId, Term } from '../raft/types.js';
import { equalBytes } from '../verify/bytes.js';
import { encode } from '../verify/cbor.js';
import { decodeMap } from '../verify/cbor-reader.js';
import { LogDamagedError, StoreError, messageOf } from './errors.js';
import type { KeyValueStore } from './kv.js';
import { decodeBlock, NO_HASH, writeUint53, type Block } from './log-block.js';
import { seal, unseal } from './sealed-value.js';

export const SEGMENT_BYTES = 4 << 20;
/** Three whole segments (12 MiB ≥ two memtables and one batch) and the one being filled. */
export const WALKED_SEGMENTS = 4;

export const HARD_STATE_KEY: Uint8Array = Uint8Array.of(0x48); // H
export const OUTLINE_KEY: Uint8Array = Uint8Array.of(0x4f); // O
export const INCARNATION_KEY: Uint8Array = Uint8Array.of(0x4e); // N
const BLOCK_PREFIX = 0x4c; // L

/** The key of the block that begins at `index`. */
export function blockKey(index: number): Uint8Array {
  const key = Buffer.allocUnsafe(9);
  key[0] = BLOCK_PREFIX;
  writeUint53(key, index, 1);
  return key;
}

/** After every block key. */
export const BLOCKS_END: Uint8Array = Uint8Array.of(BLOCK_PREFIX + 1);

export interface TermRun {
  readonly firstIndex: LogIndex;
  readonly term: Term;
}

/** A place where a walk may begin: a block starts here, and this is the hash of the one before it. */
export interface Boundary {
  readonly index: LogIndex;
  readonly previousHash: Uint8Array;
}

export interface Outline {
  readonly firstIndex: LogIndex;
  /** Ascending, at least one; the youngest `WALKED_SEGMENTS`. */
  readonly boundaries: readonly Boundary[];
  /** Complete below the first boundary; what lies above is found by the walk. */
  readonly termRuns: readonly TermRun[];
}

export const EMPTY_OUTLINE: Outline = {
  firstIndex: 1 as LogIndex,
  boundaries: [{ index: 1 as LogIndex, previousHash: NO_HASH }],
  termRuns: [],
};

export function encodeOutline(outline: Outline): Uint8Array {
  return seal(
    OUTLINE_KEY,
    encode({
      v: 1,
      first: outline.firstIndex,
      boundaries: outline.boundaries.map(({ index, previousHash }) => ({ index, previousHash })),
      runs: outline.termRuns.map(({ firstIndex, term }) => ({ first: firstIndex, term })),
    }),
  );
}

export function encodeHardState({ term, vote, commit }: HardState): Uint8Array {
  return seal(HARD_STATE_KEY, encode({ v: 1, term, vote: vote ?? undefined, commit }));
}

/** @throws LogDamagedError when it is missing or damaged: a node without it has forgotten its vote. */
export async function readHardState(store: KeyValueStore): Promise<HardState> {
  const payload = await readSealed(store, HARD_STATE_KEY, 'hard state');
  return decodeMap(payload, 'hardState', (reader) => {
    expectVersion(reader.uint('v'), 'hard state');
    return {
      term: reader.uint('term') as Term,
      vote: (reader.optionalText('vote') ?? null) as NodeId | null,
      commit: reader.uint('commit') as LogIndex,
    };
  });
}

/** @throws LogDamagedError when it is missing or damaged. */
export async function readOutline(store: KeyValueStore): Promise<Outline> {
  const payload = await readSealed(store, OUTLINE_KEY, 'outline');
  return decodeMap(payload, 'outline', (reader) => {
    expectVersion(reader.uint('v'), 'outline');
    return {
      firstIndex: reader.uint('first') as LogIndex,
      boundaries: reader.maps('boundaries', (boundary) => ({
        index: boundary.uint('index') as LogIndex,
        previousHash: boundary.bytes('previousHash', { length: 32 }),
      })),
      termRuns: reader.maps('runs', (run) => ({
        firstIndex: run.uint('first') as LogIndex,
        term: run.uint('term') as Term,
      })),
    };
  });
}

async function readSealed(store: KeyValueStore, key: Uint8Array, name: string): Promise<Uint8Array> {
  const value = await reading(store.get(key));
  if (value === undefined) throw new LogDamagedError('LOG_VOTE_LOST', `the log has no ${name}`);
  const payload = unseal(key, value);
  if (payload === null) throw new LogDamagedError('LOG_RECORD_DAMAGED', `the log's ${name} is damaged`);
  return payload;
}

function expectVersion(version: number, name: string): void {
  if (version !== 1) {
    throw new LogDamagedError('LOG_RECORD_DAMAGED', `the log's ${name} has unknown version ${version}`);
  }
}

/** A database that cannot read back what it was given is damage of the log. */
export async function reading<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StoreError && error.code !== 'STORAGE_READ_FAILED') throw error;
    throw new LogDamagedError('LOG_RECORD_DAMAGED', messageOf(error), error);
  }
}

/** Where the log ends: what the next block is chained to. */
export interface LogEnd {
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  readonly lastHash: Uint8Array;
}

export interface Walked extends LogEnd {
  readonly termRuns: readonly TermRun[];
  readonly boundaries: readonly Boundary[];
  /** Bytes since the last boundary. */
  readonly segmentBytes: number;
}

/** What a block costs in a write-ahead file: its value, its key and the bookkeeping around them, rounded up. */
export const blockCost = (value: Uint8Array): number => value.length + 64;

/**
 * Walks every block from the outline's first boundary to the log's end; each must continue the one before.
 * @throws LogDamagedError at the first that does not.
 */
export async function walk(store: KeyValueStore, outline: Outline): Promise<Walked> {
  const [start] = outline.boundaries;
  if (start === undefined) throw new LogDamagedError('LOG_RECORD_DAMAGED', 'the outline has no boundary');
  const termRuns = outline.termRuns.filter((run) => run.firstIndex < start.index);
  let lastHash = start.previousHash;
  let nextIndex: number = start.index;
  let lastTerm = termRuns.at(-1)?.term ?? (0 as Term);
  let segmentBytes = 0;
  const reached = new Set<number>();
  const expected = new Set<number>(outline.boundaries.map(({ index }) => index));
  await reading(
    store.iterate({ gte: blockKey(start.index), lt: BLOCKS_END }, (key, value) => {
      const block = continued(key, value, nextIndex, lastHash);
      if (expected.has(block.firstIndex)) {
        reached.add(block.firstIndex);
        segmentBytes = 0;
      }
      for (const entry of block.entries) {
        if (entry.term < lastTerm) throw hole(`entry ${entry.index} goes back to term ${entry.term}`);
        if (entry.term !== lastTerm || termRuns.length === 0)
          termRuns.push({ firstIndex: entry.index, term: entry.term });
        lastTerm = entry.term;
      }
      nextIndex += block.entries.length;
      lastHash = block.hash.slice();
      segmentBytes += blockCost(value);
      return true;
    }),
  );
  // A boundary is written in one batch with its block: one without the other is a loss.
  for (const { index } of outline.boundaries) {
    if (!reached.has(index) && index !== outline.firstIndex) {
      throw new LogDamagedError('LOG_TAIL_LOST', `the log ends at ${nextIndex - 1}, before its own outline`);
    }
  }
  return {
    lastIndex: (nextIndex - 1) as LogIndex,
    lastTerm,
    lastHash,
    termRuns,
    boundaries: outline.boundaries,
    segmentBytes,
  };
}

function continued(key: Uint8Array, value: Uint8Array, nextIndex: number, lastHash: Uint8Array): Block {
  const block = decodeBlock(value);
  if (block === null) {
    throw new LogDamagedError('LOG_RECORD_DAMAGED', `the block at or after entry ${nextIndex} is damaged`);
  }
  if (block.firstIndex !== nextIndex || !equalBytes(key, blockKey(block.firstIndex))) {
    throw hole(`after entry ${nextIndex - 1} the log continues at ${block.firstIndex}`);
  }
  if (!equalBytes(block.previousHash, lastHash)) {
    throw hole(`the block at entry ${nextIndex} does not continue the one before it`);
  }
  return block;
}

/**
 * The block that holds `index`.
 * @throws LogDamagedError when there is none, or it is damaged.
 */
export async function blockHolding(store: KeyValueStore, index: number): Promise<Block> {
  let found: Block | null = null;
  await reading(
    store.iterate({ gte: blockKey(0), lt: blockKey(index + 1), reverse: true, limit: 1 }, (_key, value) => {
      found = decodeBlock(value);
      if (found === null) {
        throw new LogDamagedError('LOG_RECORD_DAMAGED', `the block that holds entry ${index} is damaged`);
      }
      return false;
    }),
  );
  const block = found as Block | null;
  if (block === null || index >= block.firstIndex + block.entries.length || index < block.firstIndex) {
    throw hole(`entry ${index} is missing`);
  }
  return block;
}

/** Blocks from the one that begins at `from`, contiguous, until `visit` returns false or `to` is passed. */
export async function blocksFrom(
  store: KeyValueStore,
  from: number,
  to: number,
  visit: (block: Block) => boolean,
): Promise<void> {
  const progress = { next: from, wanted: true };
  await reading(
    store.iterate({ gte: blockKey(from), lt: blockKey(to + 1) }, (_key, value) => {
      const block = decodeBlock(value);
      if (block === null) {
        throw new LogDamagedError('LOG_RECORD_DAMAGED', `the block at entry ${progress.next} is damaged`);
      }
      if (block.firstIndex !== progress.next) throw hole(`entry ${progress.next} is missing`);
      progress.next += block.entries.length;
      progress.wanted = visit(block);
      return progress.wanted;
    }),
  );
  if (progress.wanted && progress.next <= to) throw hole(`entry ${progress.next} is missing`);
}

export function hole(what: string): LogDamagedError {
  return new LogDamagedError('LOG_HOLE', what);
}

/** `runs` after `entries` have been appended to a log that ended in `lastTerm`. */
export function extendRuns(runs: readonly TermRun[], entries: readonly Entry[]): readonly TermRun[] {
  let last = runs.at(-1)?.term; // none: the first entry begins a run
  const added: TermRun[] = [];
  for (const { index, term } of entries) {
    if (term === last) continue;
    added.push({ firstIndex: index, term });
    last = term;
  }
  return added.length === 0 ? runs : [...runs, ...added];
}

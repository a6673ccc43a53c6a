/**
 * The front of the log: where it begins, and how it is given up.
 *
 *   'F' → marker: index, term and cluster time of the last entry that is gone, and the hash of the block that ended with it
 *
 * Order of a compaction, and what holds if we crash after each step:
 *   1. the marker, in a synced batch of its own. The log begins after it; blocks below it are leftovers.
 *   2. the blocks below are removed, unsynced, and their space is given back. What a crash leaves of them is removed by
 *      the next compaction, and nobody reads it: every walk and read begins after the marker.
 * So a log without a marker that does not begin at entry 1, or does not continue the marker's hash, is damaged, not trimmed.
 */

import { NO_BASE, type LogBase } from '../raft/storage.js';
import type { LogIndex, Term } from '../raft/types.js';
import { equalBytes } from '../verify/bytes.js';
import { encode } from '../verify/cbor.js';
import { decodeMap } from '../verify/cbor-reader.js';
import { LogDamagedError } from './errors.js';
import type { KeyValueStore } from './kv.js';
import { NO_HASH } from './log-block.js';
import { blockHolding, blockKey, hole, reading, type Boundary, type TermRun } from './log-outline.js';
import { seal, unseal } from './sealed-value.js';

export const MARKER_KEY: Uint8Array = Uint8Array.of(0x46); // F

export interface LogMarker extends LogBase {
  /** What the first block names as the hash before it; zeros after a snapshot, which no block precedes. */
  readonly hash: Uint8Array;
}

/** A log from which nothing was ever removed. */
export const NO_MARKER: LogMarker = { ...NO_BASE, hash: NO_HASH };

export function encodeMarker({ index, term, time, hash }: LogMarker): Uint8Array {
  return seal(MARKER_KEY, encode({ v: 1, index, term, time, hash }));
}

/** @throws LogDamagedError when it is damaged */
export async function readMarker(store: KeyValueStore): Promise<LogMarker> {
  const value = await reading(store.get(MARKER_KEY));
  if (value === undefined) return NO_MARKER;
  const payload = unseal(MARKER_KEY, value);
  if (payload === null) throw new LogDamagedError('LOG_RECORD_DAMAGED', 'the log’s marker is damaged');
  return decodeMap(payload, 'marker', (reader) => {
    const version = reader.uint('v');
    if (version !== 1) {
      throw new LogDamagedError('LOG_RECORD_DAMAGED', `the log’s marker has unknown version ${version}`);
    }
    return {
      index: reader.uint('index') as LogIndex,
      term: reader.uint('term') as Term,
      time: reader.int64('time'),
      hash: reader.bytes('hash', { length: 32 }),
    };
  });
}

/** An outline as it is once everything up to the marker is gone. */
export function trimmedOutline<T extends { boundaries: readonly Boundary[]; termRuns: readonly TermRun[] }>(
  outline: T,
  marker: LogMarker,
): T & { readonly firstIndex: LogIndex } {
  const firstIndex = (marker.index + 1) as LogIndex;
  const { termRuns } = outline;
  const boundaries = outline.boundaries.filter(({ index }) => index >= firstIndex);
  return {
    ...outline,
    firstIndex,
    boundaries: boundaries.length > 0 ? boundaries : [{ index: firstIndex, previousHash: marker.hash }],
    termRuns: termRuns
      .filter((_, at) => (termRuns[at + 1]?.firstIndex ?? Infinity) > firstIndex)
      .map((run) => (run.firstIndex >= firstIndex ? run : { firstIndex, term: run.term })),
  };
}

/** The first block must stand right after the marker and continue its hash. @throws LogDamagedError when it does not */
export async function checkFirstBlock(
  store: KeyValueStore,
  marker: LogMarker,
  lastIndex: LogIndex,
): Promise<void> {
  if (lastIndex === marker.index) return;
  const first = await blockHolding(store, marker.index + 1);
  if (first.firstIndex !== marker.index + 1 || !equalBytes(first.previousHash, marker.hash)) {
    throw hole(`the log does not begin after entry ${marker.index}, up to which it was trimmed`);
  }
}

/** The marker with which whole blocks up to `to` go; null when there is none to remove. */
export async function planTrim(
  store: KeyValueStore,
  present: LogMarker,
  to: LogIndex,
): Promise<LogMarker | null> {
  const first = await blockHolding(store, to + 1);
  if (first.firstIndex <= present.index + 1) return null;
  const before = await blockHolding(store, first.firstIndex - 1);
  const last = before.entries.at(-1);
  if (last === undefined || !equalBytes(before.hash, first.previousHash)) {
    throw hole(`the block at entry ${first.firstIndex} does not continue the one before it`);
  }
  const { index, term, time } = last;
  return { index, term, time, hash: before.hash.slice() };
}

/** Step 2: removes what stands before the marker. */
export async function removeTrimmed(store: KeyValueStore, marker: LogMarker): Promise<void> {
  const range = { gte: blockKey(0), lt: blockKey(marker.index + 1) };
  await store.clear(range);
  await store.compact(range);
}

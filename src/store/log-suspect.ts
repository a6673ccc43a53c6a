/**
 * A log of which something is damaged or missing: what is left, what is proven, and how it is made whole in place.
 *
 * In place only if nothing that this node told anybody is in doubt: term and vote, by the guard, which had them before
 * anybody was told; and the last entry that it acknowledged, by the end of the log itself, which must be intact and no
 * lower than the guard's. Then the damaged part and all after it are removed, and every entry up to that end is fetched
 * again, committed. Until it has them the node votes for nobody, stands for nothing and acknowledges nothing.
 *
 *   'R' → marker of a repair: how far entries must reach before the node may take part again, and what was found
 *
 * It is written in one batch with the removal: a crash at any point leaves the damage, or a repair that goes on.
 */

import type { RaftLogStore } from '../raft/storage.js';
import type { HardState, LogIndex } from '../raft/types.js';
import { equalBytes } from '../verify/bytes.js';
import { encode } from '../verify/cbor.js';
import { decodeMap } from '../verify/cbor-reader.js';
import { LogDamagedError } from './errors.js';
import type { Guard } from './guard.js';
import type { KeyValueStore, Operation } from './kv.js';
import { decodeBlock, readUint53, type Block } from './log-block.js';
import {
  blockKey,
  BLOCKS_END,
  encodeHardState,
  encodeOutline,
  HARD_STATE_KEY,
  OUTLINE_KEY,
  reading,
  readHardState,
} from './log-outline.js';
import { readMarker, trimmedOutline, type LogMarker } from './log-trim.js';
import { openRaftLog, type OpenRaftLog } from './raft-log.js';
import { seal, unseal } from './sealed-value.js';

export const REPAIR_KEY: Uint8Array = Uint8Array.of(0x52); // R

export interface SuspectLog {
  readonly error: LogDamagedError;
  /** Null: only a new incarnation can take this node's place. */
  readonly repair: {
    /** Entries up to here must be fetched. */
    readonly until: LogIndex;
    /** They are there: the next start is an ordinary one. */
    finish(): Promise<void>;
  } | null;
}

export interface FoundLog {
  readonly log: OpenRaftLog;
  readonly suspect: SuspectLog | null;
}

/**
 * Opens a log for a node that is to run. Never throws for damage: what cannot be trusted is `suspect`.
 * @param checkOwner throws LogDamagedError when the database has lost its beginning
 */
export async function openLogOrSuspect(
  store: KeyValueStore,
  guard: Guard,
  checkOwner: () => Promise<void>,
): Promise<FoundLog> {
  try {
    await checkOwner();
    const pending = await readRepair(store);
    const log = await openRaftLog(store, guard, {
      readOnly: false,
      damaged: (found) => noteDamage(store, found),
    });
    return { log, suspect: pending === null ? null : repairOf(store, pending) };
  } catch (error) {
    if (!(error instanceof LogDamagedError)) throw error;
    const plan = await checkOwner()
      .then(() => planRepair(store, guard, error))
      .catch((other: unknown) => {
        if (other instanceof LogDamagedError) return null;
        throw other;
      });
    if (plan === null) return { log: closedLog(error), suspect: { error, repair: null } };
    await guard.save({ lastIndex: plan.keptIndex, lastHash: null });
    await store.batch(plan.operations, true);
    const log = await openRaftLog(store, guard, {
      readOnly: false,
      damaged: (found) => noteDamage(store, found),
    });
    return { log, suspect: repairOf(store, plan.pending) };
  }
}

/** A block was found damaged while the node ran: the next start must look at all of them. */
async function noteDamage(store: KeyValueStore, error: LogDamagedError): Promise<void> {
  await store.batch([{ type: 'put', key: REPAIR_KEY, value: encodeRepair({ until: 0, error }) }], true);
}

interface PendingRepair {
  /** 0: damage was seen, and nothing is planned yet. */
  readonly until: number;
  readonly error: LogDamagedError;
}

function encodeRepair({ until, error }: PendingRepair): Uint8Array {
  return seal(REPAIR_KEY, encode({ v: 1, until, code: error.code, what: error.what }));
}

/** @throws LogDamagedError when damage was noted and no repair is planned: the log must be looked at as a whole */
async function readRepair(store: KeyValueStore): Promise<PendingRepair | null> {
  const value = await reading(store.get(REPAIR_KEY));
  if (value === undefined) return null;
  const payload = unseal(REPAIR_KEY, value);
  if (payload === null) throw new LogDamagedError('LOG_RECORD_DAMAGED', 'the marker of a repair is damaged');
  const pending = decodeMap(payload, 'repair', (reader) => {
    if (reader.uint('v') !== 1) {
      throw new LogDamagedError('LOG_RECORD_DAMAGED', 'the marker of a repair has an unknown version');
    }
    const until = reader.uint('until');
    const code = reader.oneOf('code', ['LOG_RECORD_DAMAGED', 'LOG_HOLE', 'LOG_TAIL_LOST', 'LOG_VOTE_LOST']);
    return { until, error: new LogDamagedError(code, reader.text('what')) };
  });
  if (pending.until === 0) throw pending.error;
  return pending;
}

function repairOf(store: KeyValueStore, { until, error }: PendingRepair): SuspectLog {
  return {
    error,
    repair: {
      until: until as LogIndex,
      finish: () => store.batch([{ type: 'del', key: REPAIR_KEY }], true),
    },
  };
}

interface RepairPlan {
  readonly pending: PendingRepair;
  /** The last entry before the damage. */
  readonly keptIndex: LogIndex;
  readonly operations: readonly Operation[];
}

/** Null when something that this node may have told cannot be proven. */
async function planRepair(
  store: KeyValueStore,
  guard: Guard,
  error: LogDamagedError,
): Promise<RepairPlan | null> {
  if (error.code === 'LOG_VOTE_LOST' && (await hasHardState(store))) return null;
  const marker = await readMarker(store);
  const survey = await surveyBlocks(store, marker);
  const { term, vote, lastIndex } = guard.state;
  const hardState = await provenHardState(store, guard);
  // Without an intact end nobody can say what was acknowledged last.
  if (hardState === null || survey.endDamaged) return null;
  const until = Math.max(survey.lastIndex, survey.keptIndex);
  if (until < lastIndex || until < hardState.commit || hardState.term < term) return null;
  if (hardState.term === term && vote !== null && hardState.vote !== vote) return null;
  const outline = trimmedOutline({ boundaries: [], termRuns: [] }, marker);
  const pending = { until, error };
  return {
    pending,
    keptIndex: Math.min(survey.keptIndex, lastIndex) as LogIndex,
    operations: [
      ...survey.removals,
      {
        type: 'put',
        key: HARD_STATE_KEY,
        value: encodeHardState({
          ...hardState,
          commit: Math.min(hardState.commit, survey.keptIndex) as LogIndex,
        }),
      },
      { type: 'put', key: OUTLINE_KEY, value: encodeOutline(outline) },
      { type: 'put', key: REPAIR_KEY, value: encodeRepair(pending) },
    ],
  };
}

async function hasHardState(store: KeyValueStore): Promise<boolean> {
  return (await reading(store.get(HARD_STATE_KEY))) !== undefined;
}

/** From the log, or, when only that record is damaged, from the guard; null when it is gone altogether. */
async function provenHardState(store: KeyValueStore, guard: Guard): Promise<HardState | null> {
  if (!(await hasHardState(store))) return null;
  try {
    return await readHardState(store);
  } catch (error) {
    if (!(error instanceof LogDamagedError)) throw error;
    const { term, vote } = guard.state;
    return { term, vote, commit: 0 as LogIndex };
  }
}

interface Survey {
  /** The last entry of the unbroken chain from the log's beginning. */
  readonly keptIndex: LogIndex;
  /** The last entry of the last block. */
  readonly lastIndex: number;
  /** The last block is the damaged one: where it ended is not known. */
  readonly endDamaged: boolean;
  /** Every block that does not belong to that chain. */
  readonly removals: readonly Operation[];
}

async function surveyBlocks(store: KeyValueStore, marker: LogMarker): Promise<Survey> {
  let next: number = marker.index + 1;
  let hash = marker.hash;
  let broken = false;
  let last: { readonly block: Block | null; readonly from: number } | null = null;
  const removals: Operation[] = [];
  await reading(
    store.iterate({ gte: blockKey(marker.index + 1), lt: BLOCKS_END }, (key, value) => {
      const block = decodeBlock(value);
      last = { block, from: readUint53(new DataView(key.buffer, key.byteOffset, key.byteLength), 1) };
      const continues =
        !broken && block !== null && block.firstIndex === next && equalBytes(block.previousHash, hash);
      if (continues) {
        next += block.entries.length;
        hash = block.hash.slice();
      } else {
        broken = true;
        removals.push({ type: 'del', key: key.slice() });
      }
      return true;
    }),
  );
  const end = last as { readonly block: Block | null; readonly from: number } | null;
  const lastIndex = end?.block ? end.block.firstIndex + end.block.entries.length - 1 : next - 1;
  return {
    keptIndex: (next - 1) as LogIndex,
    lastIndex,
    endDamaged: end !== null && end.block === null,
    removals,
  };
}

/** Stands for a log that must not be used: the node stays up for inspection and takes no part. */
function closedLog(error: LogDamagedError): OpenRaftLog {
  const refuse: Pick<RaftLogStore, 'load' | 'persist' | 'read' | 'compact'> = {
    load: (done) => process.nextTick(done, error),
    persist: (_batch, done) => process.nextTick(done, error),
    read: (_from, _to, _maxBytes, done) => process.nextTick(done, error),
    compact: (_to, done) => process.nextTick(done, error),
  };
  return { ...refuse, verifyAll: () => Promise.reject(error), close: () => Promise.resolve() };
}

/**
 * What consensus needs from a disk. Implemented by src/store (RocksDB, LevelDB) and by the simulator.
 * A storage error is final: the driver never retries a failed write or fsync, it ends the process.
 */

import type { Entry, HardState, LogIndex, Term } from './types.js';

/** One atomic, synced change. Everything in it becomes durable together or not at all. */
export interface LogBatch {
  readonly hardState?: HardState;
  /** Every entry is removed and the log begins anew after this one, which a snapshot covers. `entries` is empty then. */
  readonly restartAfter?: LogBase;
  /** Entries from this index on are removed before `entries` are added. */
  readonly truncateFrom?: LogIndex;
  /** Contiguous, starting at the log's end after truncation. */
  readonly entries: readonly Entry[];
}

/** The entry before a log's first one: everything up to it was trimmed, or came as a snapshot. */
export interface LogBase {
  /** 0: nothing is missing. */
  readonly index: LogIndex;
  readonly term: Term;
  /** Cluster time of that entry. */
  readonly time: bigint;
}

export const NO_BASE: LogBase = { index: 0 as LogIndex, term: 0 as Term, time: 0n };

/** The log's outline as found at open. `termRuns` lists where each term begins, ascending, without gaps. */
export interface LogImage {
  readonly hardState: HardState;
  /** Absent: nothing was ever trimmed. */
  readonly base?: LogBase;
  /** `base.index` + 1. */
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly termRuns: readonly { readonly firstIndex: LogIndex; readonly term: Term }[];
}

export interface RaftLogStore {
  /** Called once, before anything else. Fails if a record is damaged or missing (never silently shortens the log). */
  load(done: (error: Error | null, image?: LogImage) => void): void;
  /** `done` runs after fdatasync has completed. At most one call is outstanding; the driver gathers the rest. */
  persist(batch: LogBatch, done: (error: Error | null) => void): void;
  /** Entries from `from` up to and including `to`, stopping early (but not before one entry) at `maxBytes` of payload. */
  read(
    from: LogIndex,
    to: LogIndex,
    maxBytes: number,
    done: (error: Error | null, entries?: readonly Entry[]) => void,
  ): void;
  /**
   * Gives up entries up to and including `to`, which is below the last one. A store may keep
   * some of them (whole blocks only), and a crash at any point leaves the log as it was or trimmed. Runs beside persists
   * and reads of what remains. `done` runs when the space is free. At most one call is outstanding.
   */
  compact(to: LogIndex, done: (error: Error | null) => void): void;
}

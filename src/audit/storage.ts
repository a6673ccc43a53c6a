/**
 * What the ledger needs from a disk. Implemented by src/store and by the simulator. Writes are ordered but not synced:
 * the ledger is a function of the Raft log and is rebuilt from it after a crash, so the log is never compacted above
 * what the ledger has synced itself.
 *
 * Geometry is C2SP tlog-tiles: 256 hashes a tile, 256 leaves an entry bundle. Only full tiles and bundles are written
 * on their own; the growing right edge travels in the image.
 */

import type { DetachedBody, LeafIndex, TreeSize } from './types.js';

/** The right edge of the tree and the replicated state, both as of one applied Raft entry. Stored as one value. */
export interface LedgerImage {
  /** Raft index of the last applied entry. */
  readonly appliedIndex: number;
  /** Cluster time of that entry. */
  readonly appliedTime: bigint;
  readonly size: TreeSize;
  /** Per level, from 0: the hashes of the partial tile at the right edge. */
  readonly edge: readonly (readonly Uint8Array[])[];
  /** Leaves of the partial entry bundle. */
  readonly tail: readonly Uint8Array[];
  /** Snapshot of the replicated state machine, opaque to the ledger. */
  readonly state: Uint8Array;
}

export interface LedgerWrites {
  /** Full entry bundles: `leaves.length === 256`. */
  readonly bundles: readonly { readonly index: number; readonly leaves: readonly Uint8Array[] }[];
  /** Full tiles: 256 × 32 bytes. */
  readonly tiles: readonly { readonly level: number; readonly index: number; readonly hashes: Uint8Array }[];
  readonly bodies: readonly DetachedBody[];
  /** Published checkpoints, as signed notes. */
  readonly checkpoints: readonly { readonly size: TreeSize; readonly note: Uint8Array }[];
  readonly image?: LedgerImage;
}

export interface LedgerStore {
  loadImage(done: (error: Error | null, image?: LedgerImage | null) => void): void;
  /** Ordered, atomic, unsynced. */
  write(writes: LedgerWrites, done: (error: Error | null) => void): void;
  /** Makes everything written so far durable. */
  sync(done: (error: Error | null) => void): void;
  readBundle(index: number, done: (error: Error | null, leaves?: readonly Uint8Array[] | null) => void): void;
  readTile(
    level: number,
    index: number,
    done: (error: Error | null, hashes?: Uint8Array | null) => void,
  ): void;
  readBody(hash: Uint8Array, done: (error: Error | null, body?: DetachedBody | null) => void): void;
  /** The published checkpoint of the smallest tree that holds at least `size` leaves; null when none does. */
  readCheckpoint(size: TreeSize, done: (error: Error | null, note?: Uint8Array | null) => void): void;
  /** The published checkpoint of the largest tree; null when there is none. */
  newestCheckpoint(done: (error: Error | null, note?: Uint8Array | null) => void): void;
}

/** What a witness has signed last: fsynced outside the database before every cosignature. */
export interface WitnessState {
  readonly size: TreeSize;
  readonly root: Uint8Array;
}

export interface WitnessStore {
  load(done: (error: Error | null, state?: WitnessState | null) => void): void;
  /** `done` runs after fsync of the file and its directory. At most one call is outstanding. */
  save(state: WitnessState, done: (error: Error | null) => void): void;
}

export type { LeafIndex };

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
  readonly origin?: LedgerOrigin;
}

/** Where a ledger that began with a snapshot came from, and how far what lies before it was fetched since. */
export interface LedgerOrigin {
  /** The last log entry that the snapshot holds. */
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** Cluster time of the entry that proved it, the next one. */
  readonly time: bigint;
  /** Leaves in the snapshot's tree. */
  readonly size: TreeSize;
  /** Leaves that this ledger held on its own before, complete and proven to be a prefix of that tree. */
  readonly present: TreeSize;
  /** What is to be fetched next; null once every tile, bundle and body is there and verified. */
  readonly next: FillPosition | null;
}

/** Tiles from the highest level down, so that each can be checked; then the bundles; then the bodies by their hash. */
export type FillPosition =
  | { readonly kind: 'tile'; readonly level: number; readonly index: number }
  | { readonly kind: 'bundle'; readonly index: number }
  | { readonly kind: 'body'; readonly after: Uint8Array };

export interface LedgerStore {
  loadImage(done: (error: Error | null, image?: LedgerImage | null) => void): void;
  /** Null when the ledger never began with a snapshot. */
  loadOrigin(done: (error: Error | null, origin?: LedgerOrigin | null) => void): void;
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
  /** Bodies in the order of their hashes, the first ones above `after`, up to `maxBytes` but one at least; none at the end. */
  readBodies(
    after: Uint8Array,
    maxBytes: number,
    done: (error: Error | null, bodies?: readonly DetachedBody[]) => void,
  ): void;
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

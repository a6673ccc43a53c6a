/** The vocabulary of the audit log. Hashes are 32-byte SHA-256 values; the tree is RFC 6962's. */

/** Position of a leaf, 0-based. Below 2^53. */
export type LeafIndex = number;
/** Number of leaves in a tree. */
export type TreeSize = number;

/** A tree's size and root hash: what a checkpoint signs. */
export interface TreeHead {
  readonly size: TreeSize;
  readonly root: Uint8Array;
}

/** A leaf's large, erasable companion. The leaf names it by SHA-256(salt ‖ bytes). */
export interface DetachedBody {
  readonly hash: Uint8Array;
  /** 16 random bytes from the proposer. */
  readonly salt: Uint8Array;
  readonly bytes: Uint8Array;
}

/**
 * Hashes and proofs of the Merkle tree of RFC 6962 §2.1 with SHA-256; the verification algorithms are those of
 * RFC 9162 §2.1.3.2 and §2.1.4.2. Sizes and positions are integers in 0 … 2^53 − 1; anything else never verifies.
 */

import { equalBytes } from './bytes.js';
import { sha256 } from './crypto.js';

export const HASH_BYTES = 32;

const LEAF_PREFIX = 0;
const NODE_PREFIX = 1;

/** Root of the tree without leaves: the hash of nothing. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

// Hashing is synchronous and copies nothing out of these, so one scratch area each serves all callers.
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = NODE_PREFIX;
let leafInput = new Uint8Array(4096);
leafInput[0] = LEAF_PREFIX;

/** SHA-256(0x00 ‖ leaf). */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const length = leaf.length + 1;
  if (length > leafInput.length) {
    leafInput = new Uint8Array(length);
    leafInput[0] = LEAF_PREFIX;
  }
  leafInput.set(leaf, 1);
  return sha256(leafInput.subarray(0, length));
}

/** SHA-256(0x01 ‖ left ‖ right). @throws RangeError unless both are 32 bytes */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  // A shorter one would leave bytes of an earlier call in place.
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES)
    throw new RangeError('a hash is not 32 bytes');
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/**
 * The root that an inclusion proof leads to, or null if the proof has not the shape of one for this position.
 * The caller compares the root with one that it trusts.
 */
export function inclusionRoot(
  index: number,
  size: number,
  hashOfLeaf: Uint8Array,
  proof: readonly Uint8Array[],
): Uint8Array | null {
  if (!isSize(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return null;
  if (hashOfLeaf.length !== HASH_BYTES || !areHashes(proof)) return null;
  let position = index;
  let last = size - 1;
  let root = hashOfLeaf;
  for (const sibling of proof) {
    if (last === 0) return null;
    if (isOdd(position) || position === last) {
      root = nodeHash(sibling, root);
      while (!isOdd(position) && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      root = nodeHash(root, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 ? root : null;
}

/** Is the leaf with this hash at `index` of the tree with `size` leaves and this root? */
export function verifyInclusion(
  index: number,
  size: number,
  hashOfLeaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  const computed = inclusionRoot(index, size, hashOfLeaf, proof);
  return computed !== null && equalBytes(computed, root);
}

/**
 * Is the tree of `first` leaves a prefix of the tree of `second` leaves? Both must have leaves: every tree continues
 * the empty one, so a proof from it would prove nothing.
 */
export function verifyConsistency(
  first: number,
  second: number,
  proof: readonly Uint8Array[],
  firstRoot: Uint8Array,
  secondRoot: Uint8Array,
): boolean {
  if (!isSize(first) || !isSize(second) || first > second || !areHashes(proof)) return false;
  if (first === second) return proof.length === 0 && equalBytes(firstRoot, secondRoot);
  if (firstRoot.length !== HASH_BYTES) return false;
  let position = first - 1;
  let last = second - 1;
  while (isOdd(position)) {
    position = half(position);
    last = half(last);
  }
  // When the old tree is a perfect subtree of the new one its root is not repeated in the proof.
  const path = position === 0 ? [firstRoot, ...proof] : proof;
  const start = path[0];
  if (start === undefined) return false;
  let firstComputed = start;
  let secondComputed = start;
  for (const sibling of path.slice(1)) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      firstComputed = nodeHash(sibling, firstComputed);
      secondComputed = nodeHash(sibling, secondComputed);
      while (!isOdd(position) && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      secondComputed = nodeHash(secondComputed, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && equalBytes(firstComputed, firstRoot) && equalBytes(secondComputed, secondRoot);
}

function isSize(size: number): boolean {
  return Number.isSafeInteger(size) && size > 0;
}

function areHashes(proof: readonly Uint8Array[]): boolean {
  return proof.every((hash) => hash.length === HASH_BYTES);
}

// Bitwise operators would cut positions to 32 bits.
function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

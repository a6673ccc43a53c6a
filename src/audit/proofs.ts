/**
 * Which nodes of the tree a proof consists of (RFC 6962 §2.1.1, §2.1.2), computed without touching a hash. Whoever has
 * the nodes then folds them. A range of leaves is always a union of perfect subtrees because it starts aligned.
 */

import { foldRange } from './tree.js';
import type { LeafIndex, TreeSize } from './types.js';

/** A perfect subtree: the node of this height, `index` nodes of that height to its left. */
export interface NodeRef {
  readonly height: number;
  readonly index: number;
}

/** One hash of a proof: the root over neighbouring perfect subtrees of falling size. */
export type ProofStep = readonly NodeRef[];

/** The steps of the audit path of a leaf, from the leaf's sibling to the top. */
export function inclusionSteps(index: LeafIndex, size: TreeSize): ProofStep[] {
  const steps: ProofStep[] = [];
  let low = 0;
  let high = size;
  while (high - low > 1) {
    const middle = low + splitOf(high - low);
    if (index < middle) {
      steps.push(cover(middle, high));
      high = middle;
    } else {
      steps.push(cover(low, middle));
      low = middle;
    }
  }
  return steps.reverse();
}

/** The steps of the proof that the tree of `first` leaves is a prefix of the tree of `second`; both ≥ 1. */
export function consistencySteps(first: TreeSize, second: TreeSize): ProofStep[] {
  const steps: ProofStep[] = [];
  let low = 0;
  let high = second;
  while (high !== first) {
    const middle = low + splitOf(high - low);
    if (first <= middle) {
      steps.push(cover(middle, high));
      high = middle;
    } else {
      steps.push(cover(low, middle));
      low = middle;
    }
  }
  // With low at 0 the remaining subtree is the whole old tree, whose root the verifier has.
  if (low !== 0) steps.push(cover(low, high));
  return steps.reverse();
}

/** The perfect subtrees of leaves `from` … `to − 1`, left to right, by falling size. */
export function cover(from: LeafIndex, to: LeafIndex): NodeRef[] {
  const nodes: NodeRef[] = [];
  let at = from;
  while (at < to) {
    let height = 0;
    let width = 1;
    while (at % (2 * width) === 0 && at + 2 * width <= to) {
      width *= 2;
      height++;
    }
    nodes.push({ height, index: at / width });
    at += width;
  }
  return nodes;
}

/** Folds each step with the hashes of its nodes. */
export function assemble(steps: readonly ProofStep[], hashOf: (node: NodeRef) => Uint8Array): Uint8Array[] {
  return steps.map((step) => foldRange(step.map(hashOf), null) as Uint8Array);
}

/** The largest power of two below `size`: where RFC 6962 splits a tree. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

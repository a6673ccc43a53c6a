/**
 * The tree heads at which checkpoints may be cut: points that every node reaches, after the same applied entries. Only
 * they can gather the lines of several nodes. Remembered until published, and a few longer to recognise forks.
 */

import { equalBytes } from '../verify/bytes.js';
import type { TreeHead, TreeSize } from './types.js';

/** Boundaries that are remembered without a publication; older ones are covered by any later checkpoint. */
const MAX_BOUNDARIES = 1024;
/** Published ones that are kept to compare late lines with. */
const KEPT_PUBLISHED = 32;

export class Boundaries {
  /** In order of size. */
  #known: TreeHead[] = [];

  newest(): TreeHead | undefined {
    return this.#known[this.#known.length - 1];
  }

  at(size: TreeSize): TreeHead | undefined {
    // Asked for mostly near the end.
    return this.#known.findLast((head) => head.size === size);
  }

  /** Adds a boundary at its place; one of the same size must be the same tree. */
  add({ size, root }: TreeHead): void {
    const position = this.#known.findLastIndex((head) => head.size <= size);
    const present = this.#known[position];
    if (present?.size === size) {
      if (!equalBytes(present.root, root)) throw new Error(`invariant: two trees of our own at size ${size}`);
      return;
    }
    this.#known.splice(position + 1, 0, { size, root });
    if (this.#known.length > MAX_BOUNDARIES) this.#known.shift();
  }

  published(size: TreeSize): void {
    const covered = this.#known.filter((head) => head.size <= size).length;
    this.#known = this.#known.slice(Math.max(0, covered - KEPT_PUBLISHED));
  }
}

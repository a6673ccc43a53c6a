/**
 * The audit log of one node: appends leaves as they are applied, answers proofs, and hands out what a store must keep.
 *
 * Invariant: the tree is a function of the appended leaves. Full tiles and bundles are immutable and leave through
 * `takeWrites`; everything younger travels in the image. A crash at any point leaves an image and tiles that are at
 * least as new; replaying the entries after the image appends the same leaves and writes the same tiles again.
 */

import { concat, equalBytes } from '../verify/bytes.js';
import { EMPTY_ROOT, HASH_BYTES, leafHash } from '../verify/merkle.js';
import { LedgerError } from './errors.js';
import { assemble, consistencySteps, cover, inclusionSteps, type ProofStep } from './proofs.js';
import type { LedgerImage, LedgerWrites } from './storage.js';
import {
  DEFAULT_LEDGER_CACHE,
  TileReader,
  forAll,
  type Done,
  type LedgerCacheOptions,
  type LedgerReader,
} from './tile-reader.js';
import { MAX_LEAF_BYTES, MAX_TILE_LEVEL, TILE_WIDTH, nodesAtLevel, partialWidth } from './tiles.js';
import { TreeEdge, foldRange } from './tree.js';
import type { LeafIndex, TreeHead, TreeSize } from './types.js';

/** Full tiles and bundles, in the order in which they became full. */
export type LedgerParts = Pick<LedgerWrites, 'bundles' | 'tiles'>;

export class Ledger {
  readonly #edge: TreeEdge;
  readonly #reader: TileReader;
  /** Leaves of the partial bundle. Owned here; replaced, never emptied, so that a full bundle can be handed out. */
  #tail: Uint8Array[];
  #bundles: { readonly index: number; readonly leaves: readonly Uint8Array[] }[] = [];
  #tiles: { readonly level: number; readonly index: number; readonly hashes: Uint8Array }[] = [];

  private constructor(
    edge: TreeEdge,
    tail: readonly Uint8Array[],
    store: LedgerReader,
    cache: LedgerCacheOptions,
  ) {
    this.#edge = edge;
    this.#tail = [...tail];
    this.#reader = new TileReader(store, edge, cache);
  }

  /**
   * The ledger as of an image, or an empty one. Costs at most 255 hashes a tile level, whatever the size.
   * @throws LedgerError `damaged` when the parts of the image do not fit each other
   */
  static restore(image: LedgerImage | null, store: LedgerReader, cache = DEFAULT_LEDGER_CACHE): Ledger {
    if (image === null) return new Ledger(new TreeEdge(), [], store, cache);
    const fault = imageFault(image);
    if (fault !== null) throw new LedgerError('damaged', `image of size ${image.size}: ${fault}`);
    return new Ledger(TreeEdge.restore(image.size, image.edge), image.tail, store, cache);
  }

  get size(): TreeSize {
    return this.#edge.size;
  }

  head(): TreeHead {
    return { size: this.#edge.size, root: this.#edge.root() };
  }

  /**
   * Appends one leaf of at most 65,535 bytes. The bytes are kept, not copied: they must not change afterwards.
   * @throws LedgerError `outOfRange` for a longer one
   */
  append(leaf: Uint8Array): LeafIndex {
    if (leaf.length > MAX_LEAF_BYTES) {
      throw new LedgerError('outOfRange', `a leaf of ${leaf.length} bytes exceeds ${MAX_LEAF_BYTES}`);
    }
    const index = this.#edge.size;
    this.#tail.push(leaf);
    if (this.#tail.length === TILE_WIDTH) this.#completeBundle((index + 1) / TILE_WIDTH - 1);
    this.#edge.append(leafHash(leaf), (level, tileIndex, tile) => {
      this.#tiles.push({ level, index: tileIndex, hashes: tile.hashes() });
      this.#reader.holdTile(level, tileIndex, tile);
    });
    return index;
  }

  /** What became full since the last call. It stays readable here until `written` is called with it. */
  takeWrites(): LedgerParts {
    const parts = { bundles: this.#bundles, tiles: this.#tiles };
    this.#bundles = [];
    this.#tiles = [];
    return parts;
  }

  /** The store returns these parts from now on. */
  written(parts: LedgerParts): void {
    for (const { index } of parts.bundles) this.#reader.releaseBundle(index);
    for (const { level, index } of parts.tiles) this.#reader.releaseTile(level, index);
  }

  /** The right edge as of now, to be written in one step with the parts taken so far. */
  image(appliedIndex: number, appliedTime: bigint, state: Uint8Array): LedgerImage {
    return {
      appliedIndex,
      appliedTime,
      size: this.#edge.size,
      edge: this.#edge.hashes(),
      tail: [...this.#tail],
      state,
    };
  }

  leaf(index: LeafIndex, done: Done<Uint8Array>): void {
    this.leaves(index, 1, (error, leaves) => {
      if (error === null) done(null, leaves?.[0]);
      else done(error);
    });
  }

  /** Leaves `start` … `start + count − 1`, each checked against the tree. */
  leaves(start: LeafIndex, count: number, done: Done<readonly Uint8Array[]>): void {
    if (!isCount(start) || !isCount(count) || start + count > this.size) {
      done(new LedgerError('outOfRange', `leaves ${start} … ${start + count - 1} of ${this.size}`));
      return;
    }
    if (count === 0) {
      done(null, []);
      return;
    }
    const first = Math.floor(start / TILE_WIDTH);
    const last = Math.floor((start + count - 1) / TILE_WIDTH);
    const full = Math.floor(this.size / TILE_WIDTH);
    const parts: (readonly Uint8Array[])[] = [];
    // Copied now: the tail may grow into a bundle before the reads return.
    if (last >= full) parts[last - first] = [...this.#tail];
    const wanted = Array.from({ length: Math.min(last + 1, full) - first }, (_, position) => position);
    forAll(
      wanted,
      (position, next) =>
        this.#reader.bundle(first + position, (error, leaves) => {
          if (leaves !== undefined) parts[position] = leaves;
          next(error);
        }),
      (error) => {
        const skipped = start - first * TILE_WIDTH;
        if (error === null) done(null, parts.flat().slice(skipped, skipped + count));
        else done(error);
      },
    );
  }

  /** The hash that the tree holds for a leaf: proves a copy of the leaf without having it. */
  leafHash(index: LeafIndex, done: Done<Uint8Array>): void {
    if (!isCount(index) || index >= this.size) {
      done(new LedgerError('outOfRange', `leaf ${index} of ${this.size}`));
      return;
    }
    this.#prove([[{ height: 0, index }]], (error, hashes) => {
      if (error === null) done(null, hashes?.[0]);
      else done(error);
    });
  }

  /** Audit path of a leaf in the tree of `size` leaves (RFC 6962 §2.1.1). */
  inclusionProof(index: LeafIndex, size: TreeSize, done: Done<readonly Uint8Array[]>): void {
    if (!isCount(index) || !isCount(size) || index >= size || size > this.size) {
      done(new LedgerError('outOfRange', `leaf ${index} in a tree of ${size}, of ${this.size}`));
      return;
    }
    this.#prove(inclusionSteps(index, size), done);
  }

  /** Proof that the tree of `first` leaves is a prefix of the tree of `second` (RFC 6962 §2.1.2); 1 ≤ first ≤ second. */
  consistencyProof(first: TreeSize, second: TreeSize, done: Done<readonly Uint8Array[]>): void {
    if (!isCount(first) || !isCount(second) || first < 1 || first > second || second > this.size) {
      done(new LedgerError('outOfRange', `sizes ${first} and ${second}, of ${this.size}`));
      return;
    }
    this.#prove(consistencySteps(first, second), done);
  }

  /** Concatenated hashes of a tile as it stands: 256 of them, or the fewer of the right edge (C2SP tlog-tiles). */
  tile(level: number, index: number, done: Done<Uint8Array>): void {
    const nodes = nodesAtLevel(this.size, level);
    if (!isCount(level) || !isCount(index) || level > MAX_TILE_LEVEL || index * TILE_WIDTH >= nodes) {
      done(new LedgerError('outOfRange', `tile ${level}/${index} in a tree of ${this.size}`));
      return;
    }
    if ((index + 1) * TILE_WIDTH > nodes) {
      done(null, concat(this.#edge.hashes()[level] ?? []));
      return;
    }
    this.#reader.tile(level, index, (error, tile) => {
      if (error !== null || tile === undefined) done(error);
      else done(null, tile.hashes());
    });
  }

  /** Head of an earlier tree. */
  headAt(size: TreeSize, done: Done<TreeHead>): void {
    if (!isCount(size) || size > this.size) {
      done(new LedgerError('outOfRange', `size ${size}, of ${this.size}`));
      return;
    }
    if (size === 0) {
      done(null, { size, root: EMPTY_ROOT });
      return;
    }
    if (size === this.size) {
      done(null, this.head());
      return;
    }
    const range = cover(0, size);
    this.#reader.nodes(range, (error, hashOf) => {
      if (error !== null || hashOf === undefined) done(error);
      else done(null, { size, root: foldRange(range.map(hashOf), null) as Uint8Array });
    });
  }

  #prove(steps: readonly ProofStep[], done: Done<readonly Uint8Array[]>): void {
    this.#reader.nodes(steps.flat(), (error, hashOf) => {
      if (error !== null || hashOf === undefined) done(error);
      else done(null, assemble(steps, hashOf));
    });
  }

  #completeBundle(index: number): void {
    this.#bundles.push({ index, leaves: this.#tail });
    this.#reader.holdBundle(index, this.#tail);
    this.#tail = [];
  }
}

/** Says what does not fit in an image: the edge must be the one of its size, and the tail must hash to the edge. */
export function imageFault(image: LedgerImage): string | null {
  if (!isCount(image.size)) return 'not a size';
  for (let level = 0; level <= MAX_TILE_LEVEL; level++) {
    const hashes = image.edge[level] ?? [];
    if (hashes.length !== partialWidth(image.size, level)) return `edge of level ${level} has a wrong width`;
    if (hashes.some((hash) => hash.length !== HASH_BYTES)) return `edge of level ${level} holds a wrong hash`;
    if (nodesAtLevel(image.size, level) > 0 !== level in image.edge) return 'the edge has a wrong height';
  }
  const lowest = image.edge[0] ?? [];
  if (image.tail.length !== lowest.length) return 'the tail has a wrong length';
  const wrong = image.tail.findIndex(
    (leaf, position) => !equalBytes(leafHash(leaf), lowest[position] as Uint8Array),
  );
  return wrong === -1 ? null : `leaf ${wrong} of the tail is not the one in the tree`;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

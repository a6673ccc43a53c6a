/**
 * The growing right edge of the Merkle tree: one partial tile a level, each with its inner nodes.
 *
 * Invariant: the tile of level L holds the nodes of height 8·L … 8·L + 7 that are perfect subtrees and not yet under a
 * full tile. Every node is hashed exactly once, when its right child arrives: two hashes a leaf in the long run, and
 * the root of the whole tree is a fold over at most 53 nodes.
 */

import { EMPTY_ROOT, HASH_BYTES, nodeHash } from '../verify/merkle.js';
import { TILE_HEIGHT, TILE_WIDTH } from './tiles.js';
import type { TreeSize } from './types.js';

/** A tile and the inner nodes above its hashes, up to below its root. Row r holds the nodes of height 8·level + r. */
export class PartialTile {
  readonly #rows: Uint8Array[][] = Array.from({ length: TILE_HEIGHT }, () => []);

  get width(): number {
    return this.#row(0).length;
  }

  /** The perfect subtree of 2^row hashes at `position`, counted within the tile. */
  node(row: number, position: number): Uint8Array {
    const hash = this.#row(row)[position];
    if (hash === undefined) throw new Error(`invariant: partial tile has no node ${row}/${position}`);
    return hash;
  }

  hashes(): readonly Uint8Array[] {
    return this.#row(0);
  }

  /** Appends one hash; returns the root once the tile is full. */
  append(hash: Uint8Array): Uint8Array | null {
    let node = hash;
    for (let row = 0; row < TILE_HEIGHT; row++) {
      const nodes = this.#row(row);
      nodes.push(node);
      if (nodes.length % 2 === 1) return null;
      node = nodeHash(nodes[nodes.length - 2] as Uint8Array, node);
    }
    return node;
  }

  /** The perfect subtrees that make up the tile, left to right: one for each set bit of its width. */
  range(): Uint8Array[] {
    const range: Uint8Array[] = [];
    for (let row = TILE_HEIGHT - 1; row >= 0; row--) {
      const nodes = this.#row(row);
      if (nodes.length % 2 === 1) range.push(nodes[nodes.length - 1] as Uint8Array);
    }
    return range;
  }

  /** The full tile in its stored form, and all its nodes for answering from memory. */
  freeze(): FullTile {
    return new FullTile(this.#rows.map(flatten));
  }

  #row(row: number): Uint8Array[] {
    return this.#rows[row] as Uint8Array[];
  }
}

/** A full tile with its inner nodes, 16 KiB. */
export class FullTile {
  readonly #rows: readonly Uint8Array[];

  /** @param rows row r: 2^(8 − r) concatenated hashes */
  constructor(rows: readonly Uint8Array[]) {
    this.#rows = rows;
  }

  /** Computes the inner nodes of stored hashes (8,192 bytes): 255 hashes, of which the last is the tile's root. */
  static build(hashes: Uint8Array): { tile: FullTile; root: Uint8Array } {
    const rows = [hashes];
    for (let row = 1; row <= TILE_HEIGHT; row++) {
      const below = rows[row - 1] as Uint8Array;
      const nodes = new Uint8Array(below.length / 2);
      for (let at = 0; at < nodes.length; at += HASH_BYTES) {
        nodes.set(nodeHash(slot(below, 2 * at), slot(below, 2 * at + HASH_BYTES)), at);
      }
      rows.push(nodes);
    }
    const root = rows.pop() as Uint8Array;
    return { tile: new FullTile(rows), root };
  }

  node(row: number, position: number): Uint8Array {
    return slot(this.#rows[row] as Uint8Array, position * HASH_BYTES);
  }

  /** 256 × 32 bytes. */
  hashes(): Uint8Array {
    return this.#rows[0] as Uint8Array;
  }
}

function slot(hashes: Uint8Array, at: number): Uint8Array {
  return hashes.subarray(at, at + HASH_BYTES);
}

function flatten(hashes: readonly Uint8Array[]): Uint8Array {
  const flat = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, position) => flat.set(hash, position * HASH_BYTES));
  return flat;
}

export class TreeEdge {
  #size: TreeSize = 0;
  readonly #tiles: PartialTile[] = [];

  get size(): TreeSize {
    return this.#size;
  }

  /** Rebuilds the edge from the hashes of the partial tiles: at most 255 hashes a level, whatever the size. */
  static restore(size: TreeSize, hashes: readonly (readonly Uint8Array[])[]): TreeEdge {
    const edge = new TreeEdge();
    edge.#size = size;
    for (const level of hashes) {
      const tile = new PartialTile();
      for (const hash of level) tile.append(hash);
      edge.#tiles.push(tile);
    }
    return edge;
  }

  /** Appends the hash of a leaf; `full` is called with each tile that it completed, lowest level first. */
  append(hashOfLeaf: Uint8Array, full: (level: number, index: number, tile: FullTile) => void): void {
    this.#size++;
    let nodes = this.#size;
    let node = hashOfLeaf;
    for (let level = 0; ; level++) {
      const tile = (this.#tiles[level] ??= new PartialTile());
      const root = tile.append(node);
      if (root === null) return;
      node = root;
      nodes = Math.floor(nodes / TILE_WIDTH);
      full(level, nodes - 1, tile.freeze());
      this.#tiles[level] = new PartialTile();
    }
  }

  root(): Uint8Array {
    let root: Uint8Array | null = null;
    for (const tile of this.#tiles) root = foldRange(tile.range(), root);
    return root ?? EMPTY_ROOT;
  }

  /** The partial tile of a level, undefined above the tree. */
  tile(level: number): PartialTile | undefined {
    return this.#tiles[level];
  }

  /** Per level, from 0: the hashes of the partial tile. */
  hashes(): Uint8Array[][] {
    return this.#tiles.map((tile) => [...tile.hashes()]);
  }
}

/** Root over perfect subtrees of falling size, left to right, with `right` as what lies to the right of them all. */
export function foldRange(range: readonly Uint8Array[], right: Uint8Array | null): Uint8Array | null {
  let root = right;
  for (let i = range.length - 1; i >= 0; i--) {
    const left = range[i] as Uint8Array;
    root = root === null ? left : nodeHash(left, root);
  }
  return root;
}

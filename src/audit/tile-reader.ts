/**
 * Reads full tiles and bundles and believes none of them: the root of a tile must be the hash that the tile above
 * names, up to the edge in memory, and the leaves of a bundle must hash to its tile. A database may return altered
 * bytes without an error (a RocksDB iterator does not check its checksums).
 */

import { equalBytes } from '../verify/bytes.js';
import { HASH_BYTES, leafHash } from '../verify/merkle.js';
import { LedgerError } from './errors.js';
import type { NodeRef } from './proofs.js';
import { Recent } from './recent.js';
import type { LedgerStore } from './storage.js';
import { TILE_HEIGHT, TILE_WIDTH, entriesPath, fullTiles, tilePath, type TileRef } from './tiles.js';
import { FullTile, type PartialTile, type TreeEdge } from './tree.js';
import type { LeafIndex } from './types.js';

/** `done` runs once; at once when everything is in memory, later otherwise. */
export type Done<T> = (error: LedgerError | null, value?: T) => void;

export type LedgerReader = Pick<LedgerStore, 'readTile' | 'readBundle'>;

export interface LedgerCacheOptions {
  /** Tiles kept in memory, 16 KiB each. */
  readonly tiles: number;
  /** Bundles kept in memory, up to 16 MiB each but typically 80 KiB. */
  readonly bundles: number;
}

export const DEFAULT_LEDGER_CACHE: LedgerCacheOptions = { tiles: 512, bundles: 32 };

export class TileReader {
  readonly #store: LedgerReader;
  readonly #edge: TreeEdge;
  readonly #tiles: Recent<string, FullTile>;
  readonly #bundles: Recent<number, readonly Uint8Array[]>;
  /** What is full but not known to be readable from the store yet. */
  readonly #unwrittenTiles = new Map<string, FullTile>();
  readonly #unwrittenBundles = new Map<number, readonly Uint8Array[]>();

  constructor(store: LedgerReader, edge: TreeEdge, cache: LedgerCacheOptions) {
    this.#store = store;
    this.#edge = edge;
    this.#tiles = new Recent(cache.tiles);
    this.#bundles = new Recent(cache.bundles);
  }

  holdTile(level: number, index: number, tile: FullTile): void {
    this.#unwrittenTiles.set(tileKey({ level, index }), tile);
  }

  holdBundle(index: number, leaves: readonly Uint8Array[]): void {
    this.#unwrittenBundles.set(index, leaves);
  }

  /** The store has it now: from here on it may be forgotten and read again. */
  releaseTile(level: number, index: number): void {
    const key = tileKey({ level, index });
    const tile = this.#unwrittenTiles.get(key);
    if (tile === undefined) return;
    this.#unwrittenTiles.delete(key);
    this.#tiles.set(key, tile);
  }

  releaseBundle(index: number): void {
    const leaves = this.#unwrittenBundles.get(index);
    if (leaves === undefined) return;
    this.#unwrittenBundles.delete(index);
    this.#bundles.set(index, leaves);
  }

  /** Hashes of perfect subtrees that lie within the present tree. */
  nodes(refs: readonly NodeRef[], done: Done<(ref: NodeRef) => Uint8Array>): void {
    const hashes = new Map<string, Uint8Array>();
    const needed = new Map<string, NodeRef[]>();
    for (const ref of refs) {
      const key = tileKey(tileOf(ref));
      // From the edge now, not when the reads return: it may have grown into a full tile by then.
      if (!this.#isFull(tileOf(ref))) hashes.set(nodeKey(ref), this.#edgeNode(ref));
      else needed.set(key, [...(needed.get(key) ?? []), ref]);
    }
    forAll(
      [...needed.values()],
      (inTile, next) => {
        const { level, index } = tileOf(inTile[0] as NodeRef);
        this.tile(level, index, (error, tile) => {
          for (const ref of inTile) if (tile !== undefined) hashes.set(nodeKey(ref), nodeOf(tile, ref));
          next(error);
        });
      },
      (error) => {
        if (error === null) done(null, (ref) => hashes.get(nodeKey(ref)) as Uint8Array);
        else done(error);
      },
    );
  }

  tile(level: number, index: number, done: Done<FullTile>): void {
    const key = tileKey({ level, index });
    const known = this.#unwrittenTiles.get(key) ?? this.#tiles.get(key);
    if (known !== undefined) {
      done(null, known);
      return;
    }
    // The root first: what cannot be checked is not read.
    const root = { height: TILE_HEIGHT * (level + 1), index };
    this.nodes([root], (error, hashOf) => {
      if (error !== null || hashOf === undefined) done(error);
      else this.#readTile(level, index, hashOf(root), done);
    });
  }

  bundle(index: number, done: Done<readonly Uint8Array[]>): void {
    const known = this.#unwrittenBundles.get(index) ?? this.#bundles.get(index);
    if (known !== undefined) {
      done(null, known);
      return;
    }
    this.tile(0, index, (error, tile) => {
      if (error !== null || tile === undefined) done(error);
      else this.#readBundle(index, tile, done);
    });
  }

  #readTile(level: number, index: number, root: Uint8Array, done: Done<FullTile>): void {
    const path = tilePath(level, index);
    this.#store.readTile(level, index, (failure, hashes) => {
      const read = checkRead(path, failure, hashes);
      if (read instanceof LedgerError) {
        done(read);
        return;
      }
      const built = read.length === TILE_WIDTH * HASH_BYTES ? FullTile.build(read) : null;
      if (built === null || !equalBytes(built.root, root)) {
        done(new LedgerError('damaged', `${path} is not the tile of this tree`));
        return;
      }
      this.#tiles.set(tileKey({ level, index }), built.tile);
      done(null, built.tile);
    });
  }

  #readBundle(index: number, tile: FullTile, done: Done<readonly Uint8Array[]>): void {
    const path = entriesPath(index);
    this.#store.readBundle(index, (failure, leaves) => {
      const read = checkRead(path, failure, leaves);
      if (read instanceof LedgerError) {
        done(read);
        return;
      }
      const wrong = wrongLeaf(read, tile);
      if (wrong !== null) {
        done(new LedgerError('damaged', `${path}: ${wrong}`));
        return;
      }
      this.#bundles.set(index, read);
      done(null, read);
    });
  }

  #isFull(tile: TileRef): boolean {
    return tile.index < fullTiles(this.#edge.size, tile.level);
  }

  #edgeNode(ref: NodeRef): Uint8Array {
    const tile = this.#edge.tile(tileOf(ref).level);
    if (tile === undefined)
      throw new Error(`invariant: node ${ref.height}/${ref.index} is not within the tree`);
    return nodeOf(tile, ref);
  }
}

function checkRead<T>(path: string, failure: Error | null, read: T | null | undefined): T | LedgerError {
  if (failure !== null) return new LedgerError('unreadable', path, failure);
  return read ?? new LedgerError('missing', path);
}

/** Says which leaf of a bundle is not the one in the tree; null if all are. */
export function wrongLeaf(leaves: readonly Uint8Array[], tile: FullTile): string | null {
  if (leaves.length !== TILE_WIDTH) return `${leaves.length} leaves instead of ${TILE_WIDTH}`;
  for (let position: LeafIndex = 0; position < TILE_WIDTH; position++) {
    if (!equalBytes(leafHash(leaves[position] as Uint8Array), tile.node(0, position))) {
      return `leaf ${position} of the bundle is not the one in the tree`;
    }
  }
  return null;
}

function tileOf(ref: NodeRef): TileRef {
  const level = Math.floor(ref.height / TILE_HEIGHT);
  return { level, index: Math.floor(ref.index / 2 ** (TILE_HEIGHT - (ref.height % TILE_HEIGHT))) };
}

function nodeOf(tile: FullTile | PartialTile, ref: NodeRef): Uint8Array {
  const row = ref.height % TILE_HEIGHT;
  return tile.node(row, ref.index % 2 ** (TILE_HEIGHT - row));
}

function tileKey(tile: TileRef): string {
  return `${tile.level}/${tile.index}`;
}

function nodeKey(node: NodeRef): string {
  return `${node.height}/${node.index}`;
}

/** Runs `task` for each item; `done` once all have finished, with the first error. */
export function forAll<T>(
  items: readonly T[],
  task: (item: T, next: (error: LedgerError | null) => void) => void,
  done: (error: LedgerError | null) => void,
): void {
  let open = items.length;
  let first: LedgerError | null = null;
  if (open === 0) {
    done(null);
    return;
  }
  for (const item of items) {
    task(item, (error) => {
      first ??= error;
      if (--open === 0) done(first);
    });
  }
}

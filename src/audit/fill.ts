/**
 * Bringing in what a snapshot left out: the order in which missing tiles, bundles and bodies are fetched, and the check of
 * each. Nothing is believed because of who sent it.
 *
 * Invariant: a tile is fetched after the one above it, whose hash of it decides; a bundle after all tiles, one of which
 * names the hashes of its leaves; a body is named by its hash. So what is stored was proven against the tree's root.
 */

import { concat, equalBytes } from '../verify/bytes.js';
import { sha256 } from '../verify/crypto.js';
import { HASH_BYTES, leafHash } from '../verify/merkle.js';
import type { Ledger } from './ledger.js';
import type { FillPosition } from './storage.js';
import { MAX_TILE_LEVEL, TILE_WIDTH, decodeBundle, fullTiles } from './tiles.js';
import { FullTile } from './tree.js';
import type { DetachedBody, TreeSize } from './types.js';

const TILE_BYTES = TILE_WIDTH * HASH_BYTES;

/** The first position of a tree of `size` leaves of which a prefix of `present` leaves is complete. */
export function fillStart(size: TreeSize, present: TreeSize): FillPosition {
  return atTile(MAX_TILE_LEVEL, fullTiles(present, MAX_TILE_LEVEL), size, present);
}

/** Where to go on after `count` pieces from a tile's or bundle's position were stored. */
export function fillAfter(
  position: Exclude<FillPosition, { kind: 'body' }>,
  count: number,
  size: TreeSize,
  present: TreeSize,
): FillPosition {
  const index = position.index + count;
  return position.kind === 'tile' ? atTile(position.level, index, size, present) : atBundle(index, size);
}

/** How many pieces of its kind and level stand from a position on. */
export function fillRun(position: Exclude<FillPosition, { kind: 'body' }>, size: TreeSize): number {
  return fullTiles(size, position.kind === 'tile' ? position.level : 0) - position.index;
}

function atTile(level: number, index: number, size: TreeSize, present: TreeSize): FillPosition {
  if (index < fullTiles(size, level)) return { kind: 'tile', level, index };
  return level === 0
    ? atBundle(fullTiles(present, 0), size)
    : atTile(level - 1, fullTiles(present, level - 1), size, present);
}

const atBundle = (index: number, size: TreeSize): FillPosition =>
  index < fullTiles(size, 0)
    ? { kind: 'bundle', index }
    : { kind: 'body', after: new Uint8Array(HASH_BYTES) };

/** Is it the full tile that the tree of this ledger has there? `done(false)` also when the tile above cannot be read. */
export function checkTile(
  ledger: Ledger,
  level: number,
  index: number,
  hashes: Uint8Array,
  done: (right: boolean) => void,
): void {
  if (hashes.length !== TILE_BYTES) {
    done(false);
    return;
  }
  ledger.tile(level + 1, Math.floor(index / TILE_WIDTH), (error, above) => {
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    const wanted = above?.subarray(at, at + HASH_BYTES);
    done(error === null && wanted !== undefined && equalBytes(FullTile.build(hashes).root, wanted));
  });
}

/** The leaves of a full bundle, if they are those of the tree; null otherwise. */
export function checkBundle(
  ledger: Ledger,
  index: number,
  bundle: Uint8Array,
  done: (leaves: readonly Uint8Array[] | null) => void,
): void {
  const leaves = decodeBundle(bundle);
  if (leaves?.length !== TILE_WIDTH) {
    done(null);
    return;
  }
  ledger.tile(0, index, (error, hashes) => {
    const right =
      error === null &&
      hashes !== undefined &&
      leaves.every((leaf, at) =>
        equalBytes(leafHash(leaf), hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)),
      );
    done(right ? leaves : null);
  });
}

export const checkBody = ({ hash, salt, bytes }: DetachedBody): boolean =>
  equalBytes(sha256(concat([salt, bytes])), hash);

/**
 * Geometry of the stored tree: C2SP tlog-tiles. A tile of level L holds 256 nodes of height 8·L; an entry bundle holds
 * the 256 leaves under one level-0 tile. The geometry is part of the format, not a setting.
 *
 * @see https://c2sp.org/tlog-tiles
 */

import type { TreeSize } from './types.js';

/** Hashes a tile, leaves a bundle. */
export const TILE_WIDTH = 256;
/** Tree levels that one tile spans. */
export const TILE_HEIGHT = 8;
/** Bundles carry each leaf behind a 16-bit length. */
export const MAX_LEAF_BYTES = 0xffff;
/** Levels that trees below 2^53 leaves need. */
export const MAX_TILE_LEVEL = 6;

export interface TileRef {
  readonly level: number;
  readonly index: number;
}

/** How many nodes of height 8·level a tree of this size has. */
export function nodesAtLevel(size: TreeSize, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** How many full tiles a tree of this size has at a level. Level 0 counts the full entry bundles as well. */
export function fullTiles(size: TreeSize, level: number): number {
  return nodesAtLevel(size, level + 1);
}

/** How many hashes the partial tile at the right edge holds; 0 when there is none. */
export function partialWidth(size: TreeSize, level: number): number {
  return nodesAtLevel(size, level) % TILE_WIDTH;
}

/** `tile/<L>/<N>[.p/<W>]`; width 256 names the full tile. */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  return `tile/${level}/${indexPath(index)}${widthSuffix(width)}`;
}

/** `tile/entries/<N>[.p/<W>]`. */
export function entriesPath(index: number, width: number = TILE_WIDTH): string {
  return `tile/entries/${indexPath(index)}${widthSuffix(width)}`;
}

/** Groups of three digits, all but the last behind an `x`: 1234067 is `x001/x234/067`. */
function indexPath(index: number): string {
  let path = (index % 1000).toString().padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${(rest % 1000).toString().padStart(3, '0')}/${path}`;
  }
  return path;
}

function widthSuffix(width: number): string {
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}

export type ParsedTilePath =
  | { readonly kind: 'tile'; readonly level: number; readonly index: number; readonly width: number }
  | { readonly kind: 'entries'; readonly index: number; readonly width: number };

const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The reverse of `tilePath` and `entriesPath`; null for every other text. */
export function parseTilePath(path: string): ParsedTilePath | null {
  const match = PATH.exec(path);
  if (match === null) return null;
  const [, kind, groups, partial] = match;
  const index = Number((groups ?? '').replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (!Number.isSafeInteger(index) || width > TILE_WIDTH) return null;
  const parsed: ParsedTilePath =
    kind === 'entries' ? { kind, index, width } : { kind: 'tile', level: Number(kind), index, width };
  const canonical =
    parsed.kind === 'entries' ? entriesPath(index, width) : tilePath(parsed.level, index, width);
  if (parsed.kind === 'tile' && parsed.level > 63) return null;
  return canonical === path ? parsed : null;
}

/** Entry bundle: each leaf behind its big-endian 16-bit length. */
export function encodeBundle(leaves: readonly Uint8Array[]): Uint8Array {
  const bundle = new Uint8Array(leaves.reduce((length, leaf) => length + 2 + leaf.length, 0));
  let at = 0;
  for (const leaf of leaves) {
    if (leaf.length > MAX_LEAF_BYTES)
      throw new RangeError(`a leaf of ${leaf.length} bytes does not fit a bundle`);
    bundle[at++] = leaf.length >>> 8;
    bundle[at++] = leaf.length;
    bundle.set(leaf, at);
    at += leaf.length;
  }
  return bundle;
}

/** The leaves of a bundle (views of it); null if the lengths do not fill it exactly. */
export function decodeBundle(bundle: Uint8Array): Uint8Array[] | null {
  const leaves: Uint8Array[] = [];
  let at = 0;
  while (at < bundle.length) {
    const high = bundle[at];
    const low = bundle[at + 1];
    if (high === undefined || low === undefined) return null;
    const end = at + 2 + high * 0x100 + low;
    if (end > bundle.length) return null;
    leaves.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return leaves;
}

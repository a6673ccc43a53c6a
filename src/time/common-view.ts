/**
 * GNSS common view: two receivers that saw the same satellite in the same track share its clock and most of its path, and
 * the difference of what they saw is the difference of their references (Allan and Weiss, 1980).
 *
 * Exact integers: sums in 0.1 ns, results rounded to the picosecond, the same on every node and years later.
 */

import type { CggttsFile, CggttsTrack } from './cggtts.js';
import { posixOfMjd } from './transfer-text.js';

const PS_PER_TENTH_NS = 100n;

export interface CommonView {
  /** Tracks that both saw. */
  readonly count: number;
  readonly satellites: number;
  readonly epochs: number;
  /** Start of the first and of the last common track, POSIX seconds. */
  readonly from: bigint;
  readonly to: bigint;
  /** NICT's reference − own reference, mean over the tracks, picoseconds. */
  readonly nictMinusOwnPs: bigint;
  /** Sample standard deviation of a single difference, picoseconds; 0 for one track. */
  readonly spreadPs: bigint;
}

const keyOf = ({ satellite, mjd, start, combination }: CggttsTrack): string =>
  `${satellite}/${mjd}/${start}/${combination}`;

/** Null when no satellite was seen by both in the same track. The first of equal tracks counts. */
export function commonView(own: CggttsFile, nict: CggttsFile): CommonView | null {
  const seen = new Map<string, bigint>();
  for (const track of own.tracks) if (!seen.has(keyOf(track))) seen.set(keyOf(track), track.refSys);
  const satellites = new Set<string>();
  const epochs = new Set<bigint>();
  let [count, sum, squares] = [0n, 0n, 0n];
  for (const track of nict.tracks) {
    const mine = seen.get(keyOf(track));
    if (mine === undefined) continue;
    seen.delete(keyOf(track));
    const difference = track.refSys - mine;
    count += 1n;
    sum += difference;
    squares += difference * difference;
    satellites.add(track.satellite);
    epochs.add(posixOfMjd(track.mjd) + BigInt(track.start));
  }
  if (count === 0n) return null;
  const sorted = [...epochs].sort((a, b) => (a < b ? -1 : 1));
  return {
    count: Number(count),
    satellites: satellites.size,
    epochs: epochs.size,
    from: sorted[0] ?? 0n,
    to: sorted.at(-1) ?? 0n,
    nictMinusOwnPs: roundedQuotient(sum * PS_PER_TENTH_NS, count),
    spreadPs: spreadOf(count, sum, squares),
  };
}

/** √((n Σd² − (Σd)²) / (n (n − 1))), rounded down to the picosecond. */
function spreadOf(count: bigint, sum: bigint, squares: bigint): bigint {
  if (count < 2n) return 0n;
  const variance =
    ((count * squares - sum * sum) * PS_PER_TENTH_NS * PS_PER_TENTH_NS) / (count * (count - 1n));
  return squareRoot(variance);
}

/** To the nearest, halves away from zero; `divisor` positive. */
function roundedQuotient(dividend: bigint, divisor: bigint): bigint {
  const doubled = 2n * (dividend < 0n ? -dividend : dividend) + divisor;
  const magnitude = doubled / (2n * divisor);
  return dividend < 0n ? -magnitude : magnitude;
}

/** The whole part of a square root, by Newton's method. */
export function squareRoot(value: bigint): bigint {
  if (value < 2n) return value;
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

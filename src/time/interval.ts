/**
 * Arithmetic of intervals of time. A quantity that is only known to lie between two bounds keeps both through every
 * operation; nothing here ever makes an interval narrower than what is known, so rounding is always outward.
 *
 * Sign convention of the house: audited − auditor. The audit arithmetic (TSA − UTC from TSA − TAA and TAA − UTC) is `add`.
 */

import { durNs, taiNs } from './types.js';
import type { DurNs, TaiInterval } from './types.js';

/** A length of time known to lie in [lo, hi], nanoseconds; `lo ≤ hi`. */
export interface DurInterval {
  readonly lo: DurNs;
  readonly hi: DurNs;
}

/** @throws RangeError if lo > hi */
export function interval(lo: bigint, hi: bigint): DurInterval {
  if (lo > hi) throw new RangeError(`interval bounds are swapped: ${lo.toString()} > ${hi.toString()}`);
  return { lo: durNs(lo), hi: durNs(hi) };
}

/** `mid ± half`. @throws RangeError if half < 0 */
export function around(mid: bigint, half: bigint): DurInterval {
  return interval(mid - half, mid + half);
}

/** Sum of two independent unknowns. */
export function add(a: DurInterval, b: DurInterval): DurInterval {
  return interval(a.lo + b.lo, a.hi + b.hi);
}

/** The unknown with the opposite sign: auditor − audited. */
export function negate(a: DurInterval): DurInterval {
  return interval(0n - a.hi, 0n - a.lo);
}

/** a − b for independent unknowns. */
export function subtract(a: DurInterval, b: DurInterval): DurInterval {
  return add(a, negate(b));
}

/** Both ends moved outward by `by ≥ 0`. @throws RangeError if by < 0 */
export function widen(a: DurInterval, by: bigint): DurInterval {
  if (by < 0n) throw new RangeError('an interval is never widened by a negative amount');
  return interval(a.lo - by, a.hi + by);
}

/** What both statements allow, or null: a proof that one of them is wrong. */
export function intersect(a: DurInterval, b: DurInterval): DurInterval | null {
  const lo = a.lo > b.lo ? a.lo : b.lo;
  const hi = a.hi < b.hi ? a.hi : b.hi;
  return lo > hi ? null : interval(lo, hi);
}

/** The smallest interval that holds both: true if either statement is. */
export function hull(a: DurInterval, b: DurInterval): DurInterval {
  return interval(a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi);
}

/** Intersection of any number of statements; null if it is empty or there is none. */
export function combine(all: readonly DurInterval[]): DurInterval | null {
  const [first, ...rest] = all;
  let result: DurInterval | null = first ?? null;
  for (const next of rest) result = result === null ? null : intersect(result, next);
  return result;
}

export function contains(a: DurInterval, value: bigint): boolean {
  return a.lo <= value && value <= a.hi;
}

/** Whether the whole of `a` lies inside the open limits (−limit, limit). */
export function insideLimit(a: DurInterval, limit: bigint): boolean {
  return -limit < a.lo && a.hi < limit;
}

/** Whether the whole of `a` lies outside the open limits (−limit, limit). */
export function outsideLimit(a: DurInterval, limit: bigint): boolean {
  return a.hi <= -limit || a.lo >= limit;
}

/** Middle, rounded towards minus infinity. */
export function midpoint(a: DurInterval): DurNs {
  return durNs((a.lo + a.hi) >> 1n);
}

/** Half of the width, rounded up: `midpoint ± halfWidth` always covers the interval. */
export function halfWidth(a: DurInterval): DurNs {
  return durNs((a.hi - a.lo + 1n) >> 1n);
}

/** a − b of two uncertain instants. */
export function instantDifference(a: TaiInterval, b: TaiInterval): DurInterval {
  return interval(a.earliest - b.latest, a.latest - b.earliest);
}

/** An uncertain instant moved by an uncertain length. */
export function shiftInstant(a: TaiInterval, by: DurInterval): TaiInterval {
  return { earliest: taiNs(a.earliest + by.lo), latest: taiNs(a.latest + by.hi) };
}

/** What both statements about one instant allow, or null if they contradict each other. */
export function intersectInstant(a: TaiInterval, b: TaiInterval): TaiInterval | null {
  const earliest = a.earliest > b.earliest ? a.earliest : b.earliest;
  const latest = a.latest < b.latest ? a.latest : b.latest;
  return earliest > latest ? null : { earliest, latest };
}

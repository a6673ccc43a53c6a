/**
 * The promised bound: the intersection of all statements about TAI − mono, carried forward in time.
 *
 * Assumption, the only one beside the samples' own: |true rate − f| ≤ ρ since the last update, f and ρ in parts per
 * billion. Then lo moves by (f − ρ)·Δ and hi by (f + ρ)·Δ, rounded outward. An empty intersection proves that some
 * assumption is broken: the server, the path, the oscillator or the host. Integers only: the bound is dumb on purpose.
 */

import type { MonoNs } from '../../time/types.js';
import { tuning } from './profile.js';
import type { Sample } from './sample.js';

const PPB = 1_000_000_000n;

const MAX_RATE_PPB = BigInt(tuning.maxRatePpb);

export interface Bound {
  /** Where `lo` and `hi` hold. */
  readonly mono: MonoNs;
  /** TAI − mono lies in [lo, hi]. */
  readonly lo: bigint;
  readonly hi: bigint;
  /** Assumed rate of TAI against mono, minus one. */
  readonly ratePpb: bigint;
  /** Assumed bound of the rate's error. */
  readonly rhoPpb: bigint;
}

/** ⌊a·b / 1e9⌋, towards minus infinity. */
export function scaleDown(duration: bigint, ppb: bigint): bigint {
  const product = duration * ppb;
  return product >= 0n ? product / PPB : -((PPB - 1n - product) / PPB);
}

/** ⌈a·b / 1e9⌉, towards plus infinity. */
export function scaleUp(duration: bigint, ppb: bigint): bigint {
  return -scaleDown(duration, -ppb);
}

/** Range of TAI − mono at `mono`, which must not be before the bound's own instant. */
export function boundAt(bound: Bound, mono: MonoNs): { readonly lo: bigint; readonly hi: bigint } {
  const age = mono - bound.mono;
  if (age < 0n) throw new RangeError('a bound speaks only of instants at or after its own');
  return {
    lo: bound.lo + scaleDown(age, bound.ratePpb - bound.rhoPpb),
    hi: bound.hi + scaleUp(age, bound.ratePpb + bound.rhoPpb),
  };
}

/** The same knowledge, restated at a later instant. */
export function advance(bound: Bound, mono: MonoNs): Bound {
  return { ...bound, mono, ...boundAt(bound, mono) };
}

/** From `mono` on other assumptions about the rate hold; what was known until then is kept. */
export function withRate(bound: Bound, mono: MonoNs, ratePpb: bigint, rhoPpb: bigint): Bound {
  return { ...advance(bound, mono), ratePpb, rhoPpb };
}

/**
 * The rate assumed for the short stretch within an exchange and up to the instant at which it is judged: wider than any
 * (f, ρ) that may have held then, because the assumptions may have changed while the answer was under way. At 200 ppm this
 * costs a five-thousandth of the round trip.
 */
function stretchPpb(ratePpb: bigint, rhoPpb: bigint): bigint {
  const widest = (ratePpb < 0n ? -ratePpb : ratePpb) + rhoPpb;
  return widest > MAX_RATE_PPB ? widest : MAX_RATE_PPB;
}

/** What one sample alone says at `mono`, which is not before its m4; from there on (f, ρ) are assumed. */
export function boundFromSample(sample: Sample, mono: MonoNs, ratePpb: bigint, rhoPpb: bigint): Bound {
  const stretch = stretchPpb(ratePpb, rhoPpb);
  return {
    mono,
    lo: sample.lo + scaleDown(mono - sample.m4, -stretch),
    hi: sample.hi + scaleUp(mono - sample.m1, stretch),
    ratePpb,
    rhoPpb,
  };
}

/**
 * What the bound and a sample say together, at the later of their instants.
 *
 * @returns null if they exclude each other
 */
export function intersectSample(bound: Bound, sample: Sample): Bound | null {
  const mono = bound.mono > sample.m4 ? bound.mono : sample.m4;
  const known = advance(bound, mono);
  const fresh = boundFromSample(sample, mono, bound.ratePpb, bound.rhoPpb);
  const lo = known.lo > fresh.lo ? known.lo : fresh.lo;
  const hi = known.hi < fresh.hi ? known.hi : fresh.hi;
  return lo > hi ? null : { ...known, lo, hi };
}

/**
 * ρ once the oscillator is known: never below the floor, and never below what the regression itself admits.
 *
 * @param skewPpb uncertainty of the measured rate
 * @param excessPpb |measured rate − f|
 */
export function rhoFor(floorPpb: bigint, skewPpb: bigint, excessPpb: bigint, wanderPpb: bigint): bigint {
  const admitted = skewPpb + excessPpb + wanderPpb;
  return admitted > floorPpb ? admitted : floorPpb;
}

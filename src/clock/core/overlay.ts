/**
 * The served time: a straight piece of TAI over the monotonic clock, bent but never broken. Corrections are slewed at no
 * more than 100 ppm, so that the served time never goes back and never jumps; a step needs a new epoch, in which service
 * was stopped before.
 */

import { monoNs, taiNs } from '../../time/types.js';
import type { MonoNs, TaiNs } from '../../time/types.js';
import { scaleDown } from './bound.js';
import { tuning } from './profile.js';

const PPB = 1_000_000_000n;

export interface Overlay {
  readonly mono: MonoNs;
  /** Served TAI at `mono`. */
  readonly tai: TaiNs;
  /** Rate against mono minus one, until `untilMono`: oscillator's rate plus the correction being slewed in. */
  readonly ratePpb: bigint;
  readonly untilMono: MonoNs;
  /** Rate afterwards: the oscillator's alone. */
  readonly afterPpb: bigint;
}

/** Served TAI at `mono`; for an instant before the piece began (another thread read its clock first) its beginning. */
export function overlayAt(overlay: Overlay, mono: MonoNs): TaiNs {
  const age = mono > overlay.mono ? mono - overlay.mono : 0n;
  const bent = overlay.untilMono - overlay.mono;
  if (age <= bent) return taiNs(overlay.tai + age + scaleDown(age, overlay.ratePpb));
  return taiNs(
    overlay.tai + age + scaleDown(bent, overlay.ratePpb) + scaleDown(age - bent, overlay.afterPpb),
  );
}

/** A new piece that begins at `tai` without regard to an older one: only while nothing is served. */
export function seedOverlay(mono: MonoNs, tai: TaiNs, ratePpb: bigint): Overlay {
  return { mono, tai, ratePpb, untilMono: mono, afterPpb: ratePpb };
}

/** Bends the served time towards `target` at `mono`, then lets it run at the oscillator's rate. */
export function steer(overlay: Overlay, mono: MonoNs, target: bigint, ratePpb: bigint): Overlay {
  const tai = overlayAt(overlay, mono);
  const error = target - tai;
  const size = error < 0n ? -error : error;
  const atLimit = (size * PPB) / tuning.maxSlewPpb;
  const duration = atLimit > tuning.minSlewNs ? atLimit : tuning.minSlewNs;
  return {
    mono,
    tai,
    ratePpb: ratePpb + (error * PPB) / duration,
    untilMono: monoNs(mono + duration),
    afterPpb: ratePpb,
  };
}

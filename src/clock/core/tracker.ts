/**
 * What is known about time within one epoch: the promised bound, the best line through the samples, the served time. A
 * disruption replaces it as a whole; nothing of it outlives its epoch but the drift.
 *
 * Invariant: a sample enters the bound only after `judgeSample` found that it can be true together with all before it.
 */

import { taiNs } from '../../time/types.js';
import type { MonoNs } from '../../time/types.js';
import { boundAt, boundFromSample, intersectSample, rhoFor, scaleUp, withRate } from './bound.js';
import type { Bound } from './bound.js';
import { innovation, isSuspicious, isTooSlow } from './gate.js';
import { overlayAt, seedOverlay, steer } from './overlay.js';
import type { Overlay } from './overlay.js';
import { tuning } from './profile.js';
import type { ClockProfile } from './profile.js';
import { RateWatch } from './rate-watch.js';
import { estimate, predict } from './regression.js';
import type { Estimate } from './regression.js';
import type { Sample } from './sample.js';

export type SampleVerdict =
  | { readonly kind: 'fits'; readonly bound: Bound }
  /** Proof that an assumption is broken: it and what was known exclude each other. */
  | { readonly kind: 'excluded'; readonly detail: string }
  /** Possible, but neither noise nor delay puts a sample there. */
  | { readonly kind: 'suspect'; readonly offNs: bigint; readonly inARow: number };

export type Lesson =
  /** `driftPpb` is null while no rate is known; then it may be off by anything. */
  | { readonly kind: 'learned'; readonly driftPpb: number | null; readonly skewPpb: number }
  | { readonly kind: 'absurdRate'; readonly ratePpb: number };

/** Served time minus a sample's time. */
export interface Comparison {
  readonly offset: bigint;
  /** The true difference lies within offset ± uncertainty. */
  readonly uncertainty: bigint;
}

export class Tracker {
  readonly #profile: ClockProfile;
  /** Rate from earlier epochs, ppb: a start value for the best time, never for the bound. */
  readonly #driftPpb: number;
  readonly #addresses = new Set<string>();
  #bound: Bound | null = null;
  #overlay: Overlay | null = null;
  #estimate: Estimate | null = null;
  #window: readonly Sample[] = [];
  readonly #rateWatch = new RateWatch();
  #suspects = 0;
  #slowInARow = 0;
  #samples = 0;
  #firstMono: MonoNs | null = null;
  #lastMono: MonoNs | null = null;

  constructor(profile: ClockProfile, driftPpb: number | null) {
    this.#profile = profile;
    this.#driftPpb = driftPpb ?? 0;
  }

  get bound(): Bound | null {
    return this.#bound;
  }

  get overlay(): Overlay | null {
    return this.#overlay;
  }

  /** Fitted rate and its standard error, ppb; null while too few samples are known. */
  get rate(): { readonly ratePpb: number; readonly skewPpb: number } | null {
    const fit = this.#fitted();
    return fit === null || !Number.isFinite(fit.skewPpb)
      ? null
      : { ratePpb: fit.ratePpb, skewPpb: fit.skewPpb };
  }

  get samples(): number {
    return this.#samples;
  }

  /** Number of different addresses that samples came from. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** Everything a reading needs, or null before the first sample. */
  get known(): { readonly bound: Bound; readonly overlay: Overlay; readonly lastSampleMono: MonoNs } | null {
    if (this.#bound === null || this.#overlay === null || this.#lastMono === null) return null;
    return { bound: this.#bound, overlay: this.#overlay, lastSampleMono: this.#lastMono };
  }

  judgeSample(sample: Sample, address: string, innovationFloorNs: bigint): SampleVerdict {
    if (this.#bound === null) {
      return { kind: 'fits', bound: boundFromSample(sample, sample.m4, 0n, this.#profile.rhoColdPpb) };
    }
    const joined = intersectSample(this.#bound, sample);
    if (joined === null) return { kind: 'excluded', detail: this.#contradiction(this.#bound, sample) };
    const fit = this.#fitted();
    if (fit === null) return { kind: 'fits', bound: joined };
    const drift = scaleUp(sample.m4 > fit.mono ? sample.m4 - fit.mono : 0n, this.#bound.rhoPpb);
    if (
      isSuspicious(fit, this.#window, sample, innovationFloorNs, drift) ||
      !this.#rateWatch.keeps(sample, address, this.#bound, innovationFloorNs)
    ) {
      this.#suspects++;
      return { kind: 'suspect', offNs: innovation(fit, sample), inARow: this.#suspects };
    }
    this.#suspects = 0;
    return { kind: 'fits', bound: joined };
  }

  /** Takes a sample that fits, with the bound that it gave. */
  accept(sample: Sample, address: string, bound: Bound): void {
    this.#bound = bound;
    this.#samples++;
    this.#addresses.add(address);
    this.#firstMono ??= sample.mid;
    this.#lastMono = sample.m4;
  }

  /** Refits the line and, from it, the assumptions about the oscillator's rate. */
  learn(sample: Sample, now: MonoNs): Lesson {
    const previous = this.#fitted();
    if (previous !== null && isTooSlow(previous, this.#window, sample)) {
      this.#slowInARow++;
      // Several in a row are no outliers: the path has changed, and its new delay is the usual one from now on.
      if (this.#slowInARow < tuning.slowToAdopt)
        return { kind: 'learned', driftPpb: null, skewPpb: Infinity };
    } else {
      this.#slowInARow = 0;
    }
    this.#window = [...this.#window, sample].slice(-tuning.maxSamples);
    const fit = estimate(this.#window, this.#driftPpb, Number(this.#profile.rhoColdPpb));
    this.#estimate = fit;
    // The window as the runs test left it: what does not fit the line any more never will again.
    if (fit.samples >= tuning.minRegressionSamples) this.#window = this.#window.slice(-fit.samples);
    if (!Number.isFinite(fit.skewPpb)) return { kind: 'learned', driftPpb: null, skewPpb: Infinity };
    if (this.#rateIsAbsurd(fit, previous)) return { kind: 'absurdRate', ratePpb: fit.ratePpb };
    this.#assumeRate(fit, now);
    return { kind: 'learned', driftPpb: fit.ratePpb, skewPpb: fit.skewPpb };
  }

  /** Bends the served time towards the estimate, held within the bound; while nothing is served it is set at once. */
  serve(now: MonoNs, serving: boolean): void {
    const { mono, expected } = this.#expectedAt(now);
    if (expected === null || this.#estimate === null) return;
    const rate = BigInt(Math.round(this.#estimate.ratePpb));
    this.#overlay =
      this.#overlay !== null && serving
        ? steer(this.#overlay, mono, mono + expected, rate)
        : seedOverlay(mono, taiNs(mono + expected), rate);
  }

  /** Served time − sample's time at the middle of the exchange, by what was being served then; null if nothing was. */
  compare(sample: Sample): Comparison | null {
    const overlay = this.#overlay;
    if (overlay === null) return null;
    const rho = this.#bound?.rhoPpb ?? this.#profile.rhoColdPpb;
    const half = (sample.hi - sample.lo + 1n) / 2n;
    // A piece of served time that began after the middle of the exchange is compared where it began.
    const at = overlay.mono > sample.mid ? overlay.mono : sample.mid;
    return {
      offset: overlayAt(overlay, at) - (at + sample.theta),
      uncertainty: (half > 0n ? half : 0n) + scaleUp(sample.m4 - sample.m1 + at - sample.mid, rho) + 1n,
    };
  }

  #fitted(): Estimate | null {
    const fit = this.#estimate;
    return fit !== null && fit.samples >= tuning.minRegressionSamples ? fit : null;
  }

  #contradiction(bound: Bound, sample: Sample): string {
    const known = boundAt(bound, sample.m4 > bound.mono ? sample.m4 : bound.mono);
    return (
      `says that TAI − mono is in [${sample.lo.toString()}, ${sample.hi.toString()}] ns, ` +
      `but it must be in [${known.lo.toString()}, ${known.hi.toString()}] ns`
    );
  }

  /** TAI − mono that the estimate expects, moved into the bound if it lies outside. */
  #expectedAt(now: MonoNs): { mono: MonoNs; expected: bigint | null } {
    if (this.#bound === null || this.#estimate === null) return { mono: now, expected: null };
    const mono = now > this.#bound.mono ? now : this.#bound.mono;
    const { lo, hi } = boundAt(this.#bound, mono);
    const expected = predict(this.#estimate, mono);
    return { mono, expected: expected < lo ? lo : expected > hi ? hi : expected };
  }

  #rateIsAbsurd(fit: Estimate, previous: Estimate | null): boolean {
    if (Math.abs(fit.ratePpb) - fit.skewPpb > tuning.maxRatePpb) return true;
    if (previous === null) return false;
    const change = Math.abs(fit.ratePpb - previous.ratePpb) - fit.skewPpb - previous.skewPpb;
    // From one end of f ± ρ to the other is still within the assumption.
    return change > 2 * Number(this.#bound?.rhoPpb ?? this.#profile.rhoColdPpb);
  }

  /** Cold, the oscillator is assumed to be nominal ± ρ_cold. Warm, it is assumed to keep the measured rate ± ρ. */
  #assumeRate(fit: Estimate, now: MonoNs): void {
    const bound = this.#bound;
    const { coldForNs, samplesNeeded, rhoColdPpb, rhoFloorPpb } = this.#profile;
    if (bound === null || this.#firstMono === null) return;
    if (now - this.#firstMono < coldForNs || this.#samples < samplesNeeded) return;
    const measured = BigInt(Math.round(fit.ratePpb));
    const skew = BigInt(Math.ceil(fit.skewPpb));
    const excess = measured > bound.ratePpb ? measured - bound.ratePpb : bound.ratePpb - measured;
    const cold = bound.rhoPpb === rhoColdPpb;
    // The frozen rate follows only when it must, and only when the new one is well known.
    const follow = (cold || excess * 3n > rhoFloorPpb) && skew * 3n <= rhoFloorPpb;
    const rho = rhoFor(rhoFloorPpb, skew, follow ? 0n : excess, tuning.rhoWanderPpb);
    if (rho >= rhoColdPpb && cold) return;
    const at = now > bound.mono ? now : bound.mono;
    this.#bound = withRate(bound, at, follow ? measured : bound.ratePpb, rho < rhoColdPpb ? rho : rhoColdPpb);
    this.#rateWatch.assume(this.#bound);
  }
}

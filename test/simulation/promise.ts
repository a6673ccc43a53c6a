/**
 * PromiseHolds: what a clock promises contains the truth. It rests on three assumptions: the reference serves UTC, which
 * does not step; the oscillator keeps within ρ of the rate that the bound assumes; the host does not sleep. Processes that
 * stand still and paths of any delay and asymmetry break none of them.
 *
 *  - While no fault of the world has broken one in the life of the process, the truth is inside, always.
 *  - A sleep is no excuse: the clock is told before anybody can read it, and knows nothing from then on.
 *  - From the instant at which another one breaks, nothing is promised, until the clock had a sample from an exchange that
 *    began after the assumption held again: the first, or the second if it found the first one suspect.
 *  - From that sample on the truth is inside if the clock had started anew, as it does after every contradiction. A clock
 *    that had not, because nothing could contradict, keeps a bound that overlaps with the sample: then the truth is
 *    out by no more than this sample's own interval is wide, and once it has been inside, it stays there.
 *  - A rate that was learnt from samples of the fault may still be assumed: then the assumption is broken in this process
 *    for as long, and the truth is out by no more than the last sample's width and what that rate has added since.
 *
 * A release by an operator, and a new epoch that keeps the bound, end nothing of this.
 */
import { demand } from './violation.js';

/** The world counts in whole nanoseconds of two scales: one each may be cut off. */
const ROUNDING = 2n;
/** Twice the error that the simulated server admits and the clock adds, ns: 2⁻¹⁶ s of dispersion, precision, rounding. */
const SERVER_ERROR = 2n * 15_300n;

export interface Interval {
  readonly earliest: bigint;
  readonly latest: bigint;
}

/** A reading as the oracle judges it. */
export interface Judged extends Interval {
  readonly mono: bigint;
  readonly truth: bigint;
  /** What the bound alone says, which nothing but its assumptions widens; null while nothing is known. */
  readonly bound: Interval | null;
  /** By how much the rate error is beyond the assumed ρ, ppb; 0 if it is within. */
  readonly beyondPpb: number;
  readonly state: string;
}

/** An exchange that gave a valid sample, and what the clock made of it. */
export interface Answered {
  readonly m1: bigint;
  readonly m4: bigint;
  readonly taken: boolean;
  /** Whether the clock knew anything before, and does now. */
  readonly knew: boolean;
  readonly knows: boolean;
}

interface Doubt {
  readonly since: bigint;
  /** Clean samples in a row that the clock did not take, and kept what it knew. */
  readonly refused: number;
  /** Last clean sample: from an exchange that began after `since`. */
  readonly sample: { readonly m1: bigint; readonly width: bigint } | null;
  /** After that sample the truth was inside the bound. */
  readonly inside: boolean;
}

export class PromiseOracle {
  #doubt: Doubt | null = null;

  /** An assumption has just broken, or holds again since now; to be called at both instants. */
  broke(mono: bigint): void {
    this.#doubt = { since: mono, refused: 0, sample: null, inside: false };
  }

  /** Whether the truth may be outside by the fault of the world. */
  get isOpen(): boolean {
    return this.#doubt !== null && !this.#doubt.inside;
  }

  answered({ m1, m4, taken, knew, knows }: Answered, stillBroken: boolean): void {
    const doubt = this.#doubt;
    if (doubt === null || stillBroken || m1 <= doubt.since) return;
    // It threw away what it knew: from its next sample on it speaks again.
    if (!taken && !knows) return;
    const refused = taken ? 0 : doubt.refused + 1;
    const sample = refused === 1 ? doubt.sample : { m1, width: m4 - m1 + SERVER_ERROR };
    this.#doubt = taken && !knew ? null : { ...doubt, refused, sample };
  }

  judge(reading: Judged, stillBroken: boolean): void {
    const { earliest, latest, truth, state } = reading;
    const margin = stillBroken ? null : this.#margin(reading);
    if (margin === null) return;
    demand(
      earliest <= truth + ROUNDING + margin && latest >= truth - ROUNDING - margin,
      'PromiseHolds',
      () => `${truth} is not in [${earliest}, ${latest}] ± ${margin}, ${state}`,
    );
  }

  /** How far outside the truth may be, ns; null if by anything. */
  #margin({ mono, truth, bound, beyondPpb }: Judged): bigint | null {
    const doubt = this.#doubt;
    if (doubt === null) return 0n;
    if (doubt.sample === null) return null;
    const { m1, width } = doubt.sample;
    if (beyondPpb > 0) {
      this.#doubt = { ...doubt, inside: false };
      return width + BigInt(Math.ceil((Number(mono - m1) * beyondPpb) / 1e9));
    }
    const inside = doubt.inside || (bound !== null && bound.earliest <= truth && truth <= bound.latest);
    if (inside !== doubt.inside) this.#doubt = { ...doubt, inside };
    return inside ? 0n : width;
  }
}

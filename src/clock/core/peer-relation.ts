/**
 * What one exchange with a peer says, and whether two nodes' clocks can both be right. Integers only, rounded outward.
 *
 * Two tests for each pair, both proofs and not guesses:
 *  - *claims*: both say where TAI is. If the ranges exclude each other, one of the two promises is broken.
 *  - *oscillators*: both assume a rate within f ± ρ. The difference of the two oscillators may then move only within
 *    (f₁ − f₂) ± (ρ₁ + ρ₂); if an exchange shows that it moved further, one of them was paused, stepped or slewed beyond ρ.
 *    This sees what has not yet reached the edge of a promise: anything larger than half of a round trip.
 */

import type { ClockState, MonoNs } from '../../time/types.js';
import { scaleDown, scaleUp } from './bound.js';
import { NOTHING_KNOWN } from './peer-packet.js';
import type { PeerStamp } from './peer-packet.js';
import { tuning } from './profile.js';

/** A quantity in [lo, hi], nanoseconds. */
export interface Range {
  readonly lo: bigint;
  readonly hi: bigint;
}

/** What the asking node knows of one answered question. */
export interface PeerExchange {
  /** Own oscillator just before the question left and just after the answer arrived. */
  readonly m1: MonoNs;
  readonly m4: MonoNs;
  /** The peer's clock when it received the question and just before its answer left. */
  readonly received: PeerStamp;
  readonly sent: PeerStamp;
  readonly state: ClockState;
  readonly disputed: boolean;
  readonly epoch: number;
  readonly ratePpb: bigint;
  readonly rhoPpb: bigint;
}

/** One node at one instant of the asking node's oscillator. */
export interface NodeView {
  readonly name: string;
  readonly epoch: number;
  /** Serves time: only then is its claim a promise. */
  readonly serving: boolean;
  /** TAI − the asking node's oscillator, as this node says; null if it says nothing. */
  readonly claim: Range | null;
  /** This node's oscillator − the asking node's. */
  readonly oscillator: Range;
  /** Assumed rate of TAI against this node's oscillator, minus one, and the bound of its error. */
  readonly ratePpb: bigint;
  readonly rhoPpb: bigint;
}

const MAX_RATE_PPB = BigInt(tuning.maxRatePpb);

export const isServing = (state: ClockState): boolean => state === 'synchronised' || state === 'holdover';

/**
 * The peer at `at`, which is not before the exchange's m4. The question left after m1 and arrived before `received` was
 * read, the answer left after `sent` was read and arrived before m4: whatever the path does makes the ranges wider.
 */
export function viewOf(name: string, exchange: PeerExchange, at: MonoNs): NodeView {
  const { m1, m4, received, sent, state, epoch, ratePpb, rhoPpb } = exchange;
  const [sinceAsked, sinceAnswered] = [at - m1, at - m4];
  const known =
    sent.earliest !== NOTHING_KNOWN.earliest &&
    received.earliest !== NOTHING_KNOWN.earliest &&
    received.latest !== NOTHING_KNOWN.latest;
  return {
    name,
    epoch,
    serving: isServing(state),
    claim: known
      ? {
          lo: sent.earliest - m4 + scaleDown(sinceAnswered, -MAX_RATE_PPB),
          hi: received.latest - m1 + scaleUp(sinceAsked, MAX_RATE_PPB),
        }
      : null,
    oscillator: {
      lo: sent.mono - m4 + scaleDown(sinceAnswered, -2n * MAX_RATE_PPB),
      hi: received.mono - m1 + scaleUp(sinceAsked, 2n * MAX_RATE_PPB),
    },
    ratePpb,
    rhoPpb,
  };
}

const excludes = (a: Range, b: Range): boolean => a.lo > b.hi || b.lo > a.hi;

/** Both promises cannot be true; only promises of clocks that serve count. */
export function claimsExclude(a: NodeView, b: NodeView): boolean {
  return a.claim !== null && b.claim !== null && excludes(a.claim, b.claim);
}

/** How one node's oscillator ran against another's so far: what the assumptions about both allow for now. */
export class OscillatorTrack {
  #known: { readonly range: Range; readonly at: MonoNs } | null = null;
  #rates: Range | null = null;
  #epochs: readonly [number, number] | null = null;

  /** @returns how far the difference moved beyond what both assumptions allow, at least; null if it did not */
  look(a: NodeView, b: NodeView, at: MonoNs): Range | null {
    const measured = { lo: b.oscillator.lo - a.oscillator.hi, hi: b.oscillator.hi - a.oscillator.lo };
    const rates = ratesOf(a, b);
    const before = this.#expectedAt(at, rates);
    if (before === null || this.#epochs?.[0] !== a.epoch || this.#epochs[1] !== b.epoch) {
      // A new epoch assumes nothing of what was before it.
      this.#epochs = [a.epoch, b.epoch];
      this.#keep(measured, at, rates);
      return null;
    }
    if (excludes(before, measured)) {
      // What was expected goes on as it was: as long as it and what is measured exclude each other, something is broken.
      this.#keep(before, at, rates);
      return { lo: measured.lo - before.hi, hi: measured.hi - before.lo };
    }
    const lo = before.lo > measured.lo ? before.lo : measured.lo;
    const hi = before.hi < measured.hi ? before.hi : measured.hi;
    this.#keep({ lo, hi }, at, rates);
    return null;
  }

  #keep(range: Range, at: MonoNs, rates: Range): void {
    this.#known = { range, at };
    this.#rates = rates;
  }

  /** The assumptions may have changed since the last look: either may have held. */
  #expectedAt(at: MonoNs, rates: Range): Range | null {
    if (this.#known === null || this.#rates === null) return null;
    const age = at - this.#known.at;
    const slowest = this.#rates.lo < rates.lo ? this.#rates.lo : rates.lo;
    const fastest = this.#rates.hi > rates.hi ? this.#rates.hi : rates.hi;
    return {
      lo: this.#known.range.lo + scaleDown(age, slowest),
      hi: this.#known.range.hi + scaleUp(age, fastest),
    };
  }
}

/**
 * Rate of (b's oscillator − a's) against the asking node's. TAI runs at 1 + r against each; the products of two rates are
 * below one part in 10^7 of them (200 ppm squared is 40 ppb) and are covered by the last term.
 */
function ratesOf(a: NodeView, b: NodeView): Range {
  const middle = a.ratePpb - b.ratePpb;
  const spread = a.rhoPpb + b.rhoPpb + 100n;
  return { lo: middle - spread, hi: middle + spread };
}

/**
 * The judgement of a measurement: exact integer arithmetic over the facts, the same on every node and years later.
 *
 * With t1, t4 on the auditor's clock and t2, t3 on the audited one, causality alone bounds TSA − TAA: the probe left
 * before it arrived, so it is at most t2 − t1, and likewise at least t3 − t4. TAA − UTC lies in [taaLow, taaHigh]. The
 * verdict is over the sum: pass only if the whole of it lies inside the open limits, fail only if the whole of it lies
 * outside; everything else, and every doubt about the readings, is inconclusive.
 */

import { insideLimit, outsideLimit } from '../time/interval.js';
import { NS_PER_MS, NS_PER_S, durNs, type ClockState, type DurNs } from '../time/types.js';
import type { AuditPolicy, AuditSample, AuditVerdict, Judgement, MeasurementFacts } from './model.js';

/** Reasons of the closed list of docs/error-reasons.md for which a measurement decides nothing. */
export type InconclusiveReason =
  | 'OFFSET_NOT_DECIDED'
  | 'DELAY_TOO_LONG'
  | 'TOO_FEW_SAMPLES'
  | 'READINGS_INCONSISTENT'
  | 'NEAR_LEAP_SECOND'
  | 'LEAP_TABLE_STALE'
  | 'CLOCK_NOT_SYNCHRONISED'
  | 'CLOCK_OUT_OF_TOLERANCE'
  | 'CLOCK_DISRUPTED'
  | 'CLOCK_QUARANTINED'
  | 'CLOCK_DISPUTED'
  | 'CLIENT_STOPPED'
  | 'CREDENTIAL_SUSPENDED';

/** What the two clocks may drift apart between the first and the last exchange of one measurement. */
export const DRIFT_ALLOWANCE: DurNs = durNs(NS_PER_MS);

const SECONDS_PER_DAY = 86_400n;

/** What a measurement is judged by. */
export interface Standard {
  readonly policy: Pick<AuditPolicy, 'limit' | 'maxDelay'>;
  /** TAA − UTC(NICT) bound beyond which the auditor's own clock decides nothing. */
  readonly taaStop: DurNs;
  /** Why no measurement of this device may pass now (a stop stands, no key is valid), or null. */
  readonly barred: InconclusiveReason | null;
}

export function judge(facts: MeasurementFacts, standard: Standard): Judgement {
  const best = bestSample(facts.samples);
  if (best === null) {
    const zero: DurNs = durNs(0n);
    return inconclusive('TOO_FEW_SAMPLES', {
      tsaLow: zero,
      tsaHigh: zero,
      delay: zero,
      low: zero,
      high: zero,
    });
  }
  const tsaLow = durNs(best.t3 - best.t4);
  const tsaHigh = durNs(best.t2 - best.t1);
  const bounds = {
    tsaLow,
    tsaHigh,
    delay: durNs(tsaHigh - tsaLow),
    low: durNs(tsaLow + facts.taaLow),
    high: durNs(tsaHigh + facts.taaHigh),
  };
  const doubt = clockDoubt(facts, standard) ?? readingsDoubt(facts) ?? leapDoubt(facts, best);
  if (doubt !== null) return inconclusive(doubt, bounds);
  if (bounds.delay > standard.policy.maxDelay) return inconclusive('DELAY_TOO_LONG', bounds);
  const verdict = decide(bounds.low, bounds.high, standard.policy.limit);
  if (verdict === 'inconclusive') return inconclusive('OFFSET_NOT_DECIDED', bounds);
  // A bar is looked at last: that a stopped clock is surely wrong is worth knowing.
  if (verdict === 'pass' && standard.barred !== null) return inconclusive(standard.barred, bounds);
  return { verdict, reason: '', ...bounds };
}

/** The rule itself, over TSA − UTC in [low, high]. */
export function decide(low: DurNs, high: DurNs, limit: DurNs): AuditVerdict {
  if (insideLimit({ lo: low, hi: high }, limit)) return 'pass';
  if (outsideLimit({ lo: low, hi: high }, limit)) return 'fail';
  return 'inconclusive';
}

/** The sample that decides: the shortest round trip, the first of equals. Null without samples. */
export function bestSample(samples: readonly AuditSample[]): AuditSample | null {
  let best: AuditSample | null = null;
  for (const sample of samples) {
    if (best === null || roundTrip(sample) < roundTrip(best)) best = sample;
  }
  return best;
}

const roundTrip = ({ t1, t2, t3, t4 }: AuditSample): bigint => t4 - t1 - (t3 - t2);

type Bounds = Omit<Judgement, 'verdict' | 'reason'>;

const inconclusive = (reason: InconclusiveReason, bounds: Bounds): Judgement => ({
  verdict: 'inconclusive',
  reason,
  ...bounds,
});

/** Why a clock in this state neither measures nor certifies; null if it does. */
export function clockReason(state: ClockState): InconclusiveReason | null {
  switch (state) {
    case 'synchronised':
    case 'holdover':
      return null;
    case 'unsynchronised':
    case 'acquiring':
      return 'CLOCK_NOT_SYNCHRONISED';
    case 'outOfTolerance':
      return 'CLOCK_OUT_OF_TOLERANCE';
    case 'disrupted':
      return 'CLOCK_DISRUPTED';
    case 'quarantined':
      return 'CLOCK_QUARANTINED';
  }
}

function clockDoubt(facts: MeasurementFacts, { taaStop }: Standard): InconclusiveReason | null {
  const reason = clockReason(facts.clockState);
  if (reason !== null) return reason;
  if (facts.peers === 'disagree') return 'CLOCK_DISPUTED';
  const contradictory = facts.taaLow > facts.taaHigh;
  const beyond = facts.taaHigh > taaStop || facts.taaLow < 0n - taaStop;
  return contradictory || beyond ? 'CLOCK_OUT_OF_TOLERANCE' : null;
}

/** Readings that no pair of running clocks could give, or that two exchanges of one measurement contradict. */
function readingsDoubt({ samples, taaLow, taaHigh }: MeasurementFacts): InconclusiveReason | null {
  let low: bigint | null = null;
  let high: bigint | null = null;
  for (const sample of samples) {
    if (sample.t4 < sample.t1 || sample.t3 < sample.t2 || roundTrip(sample) < 0n)
      return 'READINGS_INCONSISTENT';
    const lo = sample.t3 - sample.t4;
    const hi = sample.t2 - sample.t1;
    if (low === null || lo > low) low = lo;
    if (high === null || hi < high) high = hi;
  }
  if (low === null || high === null) return 'TOO_FEW_SAMPLES';
  return low + taaLow > high + taaHigh + DRIFT_ALLOWANCE ? 'READINGS_INCONSISTENT' : null;
}

/**
 * Around a leap second only TAI is unambiguous. Even then the one second after midnight (as counted) stays out: facts
 * alone do not tell 23:59:60 from 00:00:00, and a certificate must not carry the wrong label.
 */
function leapDoubt(facts: MeasurementFacts, best: AuditSample): InconclusiveReason | null {
  // Whether a second was or will be inserted is not known: neither this reading's label nor its lease can be trusted.
  if (facts.leap === 'doubtful') return 'LEAP_TABLE_STALE';
  if (facts.leap !== 'inProgress') return null;
  if (facts.timescale === 'utc') return 'NEAR_LEAP_SECOND';
  const { earliest, latest } = measuredAt(facts, best);
  const utc = floorDivide((earliest + latest) >> 1n, NS_PER_S) - BigInt(facts.taiMinusUtc);
  return utc - floorDivide(utc, SECONDS_PER_DAY) * SECONDS_PER_DAY === 0n ? 'NEAR_LEAP_SECOND' : null;
}

/** When the deciding exchange took place: its ends on the auditor's clock, widened by what that clock may be off. */
export function measuredAt(
  facts: MeasurementFacts,
  best: AuditSample,
): { readonly earliest: bigint; readonly latest: bigint } {
  return { earliest: best.t1 - facts.taaHigh, latest: best.t4 - facts.taaLow };
}

function floorDivide(a: bigint, b: bigint): bigint {
  return a >= 0n ? a / b : -((b - 1n - a) / b);
}

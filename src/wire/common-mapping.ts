/** Protobuf ↔ ours for the types of proto/taa/v1/common.proto. */

import type { ClockReading, ClockState, LeapState } from '../time/types.js';
import { countOf, EnumNames, instantOf, present, spanOf } from './fields.js';
import type { AuditPolicy, AuditPolicy__Output } from './gen/taa/v1/AuditPolicy.js';
import type { Instant, Instant__Output } from './gen/taa/v1/Instant.js';
import { MalformedMessage } from './malformed.js';
import type { AuditPolicyMessage, InstantMessage } from './messages.js';

export const clockStates = new EnumNames({
  unsynchronised: 'CLOCK_STATE_UNSYNCHRONISED',
  acquiring: 'CLOCK_STATE_ACQUIRING',
  synchronised: 'CLOCK_STATE_SYNCHRONISED',
  holdover: 'CLOCK_STATE_HOLDOVER',
  outOfTolerance: 'CLOCK_STATE_OUT_OF_TOLERANCE',
  disrupted: 'CLOCK_STATE_DISRUPTED',
  quarantined: 'CLOCK_STATE_QUARANTINED',
} as const satisfies Record<ClockState, string>);

export const leapStates = new EnumNames({
  none: 'LEAP_STATE_NONE',
  announced: 'LEAP_STATE_ANNOUNCED',
  inProgress: 'LEAP_STATE_IN_PROGRESS',
  infoStale: 'LEAP_STATE_INFO_STALE',
  doubtful: 'LEAP_STATE_DOUBTFUL',
} as const satisfies Record<LeapState, string>);

export const timescales = new EnumNames({ tai: 'TIMESCALE_TAI', utc: 'TIMESCALE_UTC' } as const);

export const verdicts = new EnumNames({
  pass: 'VERDICT_PASS',
  fail: 'VERDICT_FAIL',
  inconclusive: 'VERDICT_INCONCLUSIVE',
} as const);

/** What a clock reading says of the instant for which it holds. */
export const instantOfReading = (reading: ClockReading): InstantMessage => ({
  earliest: reading.earliest,
  best: reading.best,
  latest: reading.latest,
  taiMinusUtc: reading.taiMinusUtc,
});

export const instantToProto = (instant: InstantMessage): Instant => ({
  earliestTaiNs: instant.earliest.toString(),
  bestTaiNs: instant.best.toString(),
  latestTaiNs: instant.latest.toString(),
  taiMinusUtcS: instant.taiMinusUtc,
});

/** @throws MalformedMessage, also when the bounds are not in order: nobody may compute with such an instant */
export function instantFromProto(field: string, proto: Instant__Output | null | undefined): InstantMessage {
  const { earliestTaiNs, bestTaiNs, latestTaiNs, taiMinusUtcS } = present(field, proto);
  const earliest = instantOf(`${field}.earliest_tai_ns`, earliestTaiNs);
  const best = instantOf(`${field}.best_tai_ns`, bestTaiNs);
  const latest = instantOf(`${field}.latest_tai_ns`, latestTaiNs);
  if (earliest > best || best > latest) {
    throw new MalformedMessage(field, 'earliest ≤ best ≤ latest does not hold');
  }
  return { earliest, best, latest, taiMinusUtc: taiMinusUtcS };
}

export const auditPolicyToProto = (policy: AuditPolicyMessage): AuditPolicy => ({
  limitNs: policy.limit.toString(),
  intervalNs: policy.interval.toString(),
  maxDelayNs: policy.maxDelay.toString(),
  certificateLifeNs: policy.certificateLife.toString(),
  leaseNs: policy.lease.toString(),
  voidAfterNs: policy.voidAfter.toString(),
});

/** @throws MalformedMessage */
export function auditPolicyFromProto(
  field: string,
  proto: AuditPolicy__Output | null | undefined,
): AuditPolicyMessage {
  const policy = present(field, proto);
  return {
    limit: spanOf(`${field}.limit_ns`, policy.limitNs),
    interval: spanOf(`${field}.interval_ns`, policy.intervalNs),
    maxDelay: spanOf(`${field}.max_delay_ns`, policy.maxDelayNs),
    certificateLife: spanOf(`${field}.certificate_life_ns`, policy.certificateLifeNs),
    lease: spanOf(`${field}.lease_ns`, policy.leaseNs),
    voidAfter: spanOf(`${field}.void_after_ns`, policy.voidAfterNs),
  };
}

/** A request number: 1, 2, 3 … @throws MalformedMessage */
export const requestNumber = (field: string, value: string): number => countOf(field, value, 1);

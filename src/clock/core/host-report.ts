/**
 * What the host's chronyd says of the host's clock, as a statement about TAI − mono like any other sample. chronyd is
 * believed as an NTP server is: half its root delay and its root dispersion are what it admits to be off by, and beyond its
 * last update, for which it counts on an oscillator much better than we do, the profile's rate error is added.
 *
 * Its role follows what it selected: a `reference` if that is one of the sources that the configuration calls UTC(NICT),
 * a `monitor` otherwise (a GNSS receiver without common-view data to NICT gives another timescale).
 */

import { taiFromPosixNs } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { monoNs } from '../../time/types.js';
import type { MonoNs } from '../../time/types.js';
import { scaleUp } from './bound.js';
import type { ChronydSource, ChronydTracking } from './chronyd-packets.js';
import type { SourceRole } from './events.js';
import { refidText } from './ntp-packet.js';
import { tuning } from './profile.js';
import type { ClockProfile } from './profile.js';
import type { Sample } from './sample.js';

/** One look at chronyd. */
export interface HostReport {
  /** Monotonic instants before the request was sent and after the answer had arrived. */
  readonly m1: MonoNs;
  readonly m4: MonoNs;
  readonly tracking: ChronydTracking;
  /** The source that chronyd has selected; null if it has none. */
  readonly selected: ChronydSource | null;
  /** Host's wall clock − monotonic clock, nanoseconds: known to lie in [lo, hi]. */
  readonly wallMinusMono: { readonly lo: bigint; readonly hi: bigint };
}

/** All tests, in the order in which the first failure is named. */
export const hostTests = [
  'hostInWindow',
  'hostSynchronised',
  'hostSourceSelected',
  'hostSourceReachable',
  'hostUpdatedLately',
  'hostDistanceSane',
  'hostDistanceSmall',
  'hostAwayFromLeap',
] as const;

export type HostTest = (typeof hostTests)[number];
export type HostVerdict = Readonly<Record<HostTest, boolean>>;

export type HostJudgement =
  | {
      readonly kind: 'accepted';
      readonly verdict: HostVerdict;
      readonly sample: Sample;
      readonly role: SourceRole;
      /** What chronyd follows: an address, or the letters of a reference clock. */
      readonly follows: string;
    }
  | { readonly kind: 'rejected'; readonly verdict: HostVerdict; readonly failed: HostTest };

export interface HostLimits {
  readonly profile: ClockProfile;
  /** Addresses and refids that chronyd must have selected to be a reference. */
  readonly references: readonly string[];
  readonly table: LeapTable;
  readonly nearLeap: (posixNs: bigint) => boolean;
}

/** chronyd calls itself synchronised for very long: silence of eight update intervals ends our belief (as ClockBound). */
const MAX_MISSED_UPDATES = 8n;
const MIN_UPDATE_INTERVAL_NS = 1_000_000_000n;
/** What a restarted chronyd shows before its first update: 1 s of delay, 1 s of dispersion (as ClockBound). */
const RESTART_DEFAULT_S = 1;

/** Nanoseconds of a float of seconds, rounded away from zero and widened by what its 25 bits cannot say. */
function nsUp(seconds: number): bigint {
  if (!Number.isFinite(seconds)) return 1n << 62n;
  const ns = Math.ceil(Math.abs(seconds) * 1e9 * (1 + 2 ** -23));
  return ns > 2 ** 62 ? 1n << 62n : BigInt(ns);
}

const nsNear = (seconds: number): bigint =>
  Math.abs(seconds) < 2 ** 32 ? BigInt(Math.round(seconds * 1e9)) : 1n << 62n;

const followedBy = ({ selected, tracking }: HostReport): string =>
  selected?.refid ?? selected?.address ?? tracking.address ?? refidText(tracking.refid);

function updateInterval({ tracking, selected }: HostReport): bigint {
  const last = nsNear(Math.max(0, tracking.lastUpdateInterval));
  const poll = selected === null ? 0n : nsNear(2 ** Math.max(-8, Math.min(20, selected.poll)));
  const longest = last > poll ? last : poll;
  return longest > MIN_UPDATE_INTERVAL_NS ? longest : MIN_UPDATE_INTERVAL_NS;
}

export function judgeHostReport(report: HostReport, limits: HostLimits): HostJudgement {
  const { m1, m4, tracking, selected, wallMinusMono } = report;
  const { profile } = limits;
  const wall = m4 + (wallMinusMono.lo + wallMinusMono.hi) / 2n;
  const since = wall - tracking.referenceTimeNs;
  const age = since > 0n ? since : 0n;
  const admitted = nsUp(tracking.rootDelay / 2) + nsUp(tracking.rootDispersion);
  const verdict: HostVerdict = {
    hostInWindow: m4 >= m1 && m4 - m1 <= profile.windowNs,
    hostSynchronised: tracking.leap !== 3 && tracking.refid !== 0 && tracking.stratum < 16,
    hostSourceSelected: selected !== null,
    hostSourceReachable: selected !== null && selected.reachability !== 0,
    hostUpdatedLately: age <= MAX_MISSED_UPDATES * updateInterval(report),
    hostDistanceSane:
      tracking.rootDelay >= 0 &&
      tracking.rootDispersion >= 0 &&
      !(tracking.rootDelay === RESTART_DEFAULT_S && tracking.rootDispersion === RESTART_DEFAULT_S),
    hostDistanceSmall: admitted <= profile.maxRootDistanceNs,
    hostAwayFromLeap: !limits.nearLeap(wall),
  };
  const failed = hostTests.find((name) => !verdict[name]);
  if (failed !== undefined) return { kind: 'rejected', verdict, failed };
  const follows = followedBy(report);
  return {
    kind: 'accepted',
    verdict,
    sample: sampleOf(report, admitted + scaleUp(age, profile.rhoFloorPpb), limits.table),
    role: limits.references.includes(follows) ? 'reference' : 'monitor',
    follows,
  };
}

function sampleOf(report: HostReport, admitted: bigint, table: LeapTable): Sample {
  const { m1, m4, tracking, wallMinusMono } = report;
  const correction = nsNear(tracking.correction);
  const rounding = nsUp(tracking.correction) - (correction < 0n ? -correction : correction) + 2n;
  const error = admitted + tuning.minSampleErrorNs + rounding;
  const middle = (wallMinusMono.lo + wallMinusMono.hi) / 2n + correction;
  const labels = taiFromPosixNs(m4 + middle, table) - (m4 + middle);
  return {
    m1,
    m4,
    mid: monoNs((m1 + m4) / 2n),
    lo: wallMinusMono.lo + correction + labels - error,
    hi: wallMinusMono.hi + correction + labels + error,
    theta: middle + labels,
    // The exchange with chronyd delays nothing that is stated: it speaks of its clock, not of ours.
    delay: 0n,
    error,
    leapIndicator: tracking.leap,
    stratum: tracking.stratum,
  };
}

/**
 * One accepted exchange as two statements about the local clock, in the timescale TAI − mono:
 *
 *   the question left after m1 and arrived at t2   ⇒  offset at m1 ≤ t2 − m1 + e   (`hi`)
 *   the answer left at t3 and arrived before m4    ⇒  offset at m4 ≥ t3 − m4 − e   (`lo`)
 *
 * They hold whatever the network, the scheduler or the garbage collector did in between, as long as m1 was read before
 * the packet left and m4 after it arrived, and the server is within `e` of the truth. This is θ ± δ/2 of RFC 5905 §8
 * with its two ends kept at the instants at which they are true, so that no term for the local rate is needed.
 */

import { taiFromPosixNs } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { monoNs } from '../../time/types.js';
import type { MonoNs } from '../../time/types.js';
import type { DecodedNtp } from './ntp-packet.js';
import { nsFromLog2, nsFromShort } from './ntp-packet.js';
import { tuning } from './profile.js';
import type { Exchange, ExchangeTimes } from './verdict.js';

export interface Sample {
  readonly m1: MonoNs;
  readonly m4: MonoNs;
  /** Middle of m1 and m4: where the point estimate `theta` belongs. */
  readonly mid: MonoNs;
  /** TAI − mono at m4 is at least this. */
  readonly lo: bigint;
  /** TAI − mono at m1 is at most this. */
  readonly hi: bigint;
  /** Point estimate of TAI − mono at `mid`. */
  readonly theta: bigint;
  /** Round trip, not negative. */
  readonly delay: bigint;
  /** Error of server and time stamps that is part of `lo` and `hi`. */
  readonly error: bigint;
  readonly leapIndicator: number;
  readonly stratum: number;
}

/** Server's error claim: half its root delay, its root dispersion, its reading precision; never below 1 µs. */
function serverError(decoded: DecodedNtp): bigint {
  const { packet } = decoded;
  const claim =
    (nsFromShort(packet.rootDelay) + 1n) / 2n +
    nsFromShort(packet.rootDispersion) +
    nsFromLog2(packet.precision);
  return claim < tuning.minSampleErrorNs ? tuning.minSampleErrorNs : claim;
}

export function makeSample(
  exchange: Exchange,
  decoded: DecodedNtp,
  times: ExchangeTimes,
  table: LeapTable,
): Sample {
  const { m1, m4 } = exchange;
  const t2 = taiFromPosixNs(times.t2, table);
  const t3 = taiFromPosixNs(times.t3, table);
  // Time stamps were rounded down to a nanosecond: one more makes up for it.
  const error = serverError(decoded) + 1n;
  const delay = times.delay > 0n ? times.delay : 0n;
  return {
    m1,
    m4,
    mid: monoNs((m1 + m4) / 2n),
    lo: t3 - m4 - error,
    hi: t2 - m1 + error,
    theta: (t2 - m1 + (t3 - m4)) / 2n,
    delay,
    error,
    leapIndicator: decoded.packet.leap,
    stratum: decoded.packet.stratum,
  };
}

/** Half of the sample's interval, as a distance for weighting. */
export function sampleDistance(sample: Sample): bigint {
  return sample.delay / 2n + sample.error;
}

/**
 * Judging an answer: every test is a named boolean, all are computed, the first failed one is the reason on record.
 *
 * The order matters: nothing that an attacker off the path can forge (no origin check passed) may have an effect, so
 * origin and authentication come before kiss codes, and kiss codes before anything about time (RFC 5905 §7.4, §8).
 */

import { NS_PER_S } from '../../time/types.js';
import type { MonoNs } from '../../time/types.js';
import { MODE_SERVER, decodeNtp, nsFromLog2, nsFromShort, posixNsFromNtp, refidText } from './ntp-packet.js';
import type { DecodedNtp } from './ntp-packet.js';
import { tuning } from './profile.js';
import type { ClockProfile } from './profile.js';

/** All tests, in the order in which the first failure is named. */
export const packetTests = [
  'wellFormed',
  'originMatches',
  'withinWindow',
  'firstAnswer',
  'versionKnown',
  'modeServer',
  'authentic',
  'notKissOfDeath',
  'synchronised',
  'stratumAllowed',
  'refidPlausible',
  'timestampsSet',
  'turnroundOrdered',
  'turnroundShort',
  'delayNotNegative',
  'delayWithinMaximum',
  'rootDistanceSmall',
  'referenceTimeOrdered',
  'referenceTimeFresh',
  'awayFromLeap',
] as const;

export type PacketTest = (typeof packetTests)[number];
export type PacketVerdict = Readonly<Record<PacketTest, boolean>>;

/** What the shell knows of one question and the first datagram that came back. */
export interface Exchange {
  /** Monotonic instant just before the question was sent. */
  readonly m1: MonoNs;
  /** Monotonic instant just after the answer was received. */
  readonly m4: MonoNs;
  readonly nonce: bigint;
  readonly bytes: Uint8Array;
  /** `none`: no key is configured for the source; `good`/`bad`: the MAC was checked, in constant time. */
  readonly authentication: 'none' | 'good' | 'bad';
  /** False if an earlier answer to the same question was already taken. */
  readonly firstAnswer: boolean;
}

export interface ExchangeTimes {
  /** Server receive and transmit instants, POSIX nanoseconds. */
  readonly t2: bigint;
  readonly t3: bigint;
  /** Round trip without the server's processing, nanoseconds; may be slightly negative. */
  readonly delay: bigint;
}

export type Judgement =
  | {
      readonly kind: 'accepted';
      readonly verdict: PacketVerdict;
      readonly decoded: DecodedNtp;
      readonly times: ExchangeTimes;
    }
  | { readonly kind: 'kiss'; readonly code: string; readonly authenticated: boolean }
  | { readonly kind: 'rejected'; readonly verdict: PacketVerdict; readonly failed: PacketTest };

const rejectedAll = Object.fromEntries(packetTests.map((name) => [name, false])) as unknown as PacketVerdict;

/** Smearing ntpsec servers mark themselves with a refid of 254.x.y.z. */
const isSmearMark = (refid: number): boolean => refid >>> 24 === 254;

function tests(
  exchange: Exchange,
  decoded: DecodedNtp,
  times: ExchangeTimes,
  limits: JudgeLimits,
): PacketVerdict {
  const { packet } = decoded;
  const { profile } = limits;
  const reference = posixNsFromNtp(packet.reference);
  const rootDistance = nsFromShort(packet.rootDelay) / 2n + nsFromShort(packet.rootDispersion);
  return {
    wellFormed: true,
    originMatches: packet.origin === exchange.nonce,
    withinWindow: exchange.m4 >= exchange.m1 && exchange.m4 - exchange.m1 <= profile.windowNs,
    firstAnswer: exchange.firstAnswer,
    versionKnown: packet.version === 4 || packet.version === 3,
    modeServer: packet.mode === MODE_SERVER,
    authentic: exchange.authentication !== 'bad',
    notKissOfDeath: packet.stratum !== 0,
    synchronised: packet.leap !== 3,
    stratumAllowed: packet.stratum >= 1 && packet.stratum <= profile.maxStratum,
    refidPlausible:
      !isSmearMark(packet.refid) && (limits.refid === null || refidText(packet.refid) === limits.refid),
    timestampsSet: packet.receive !== 0n && packet.transmit !== 0n && packet.reference !== 0n,
    turnroundOrdered: times.t3 >= times.t2,
    turnroundShort: times.t3 - times.t2 <= tuning.maxTurnroundNs,
    delayNotNegative: times.delay >= -nsFromLog2(packet.precision) - tuning.minSampleErrorNs,
    delayWithinMaximum: times.delay <= profile.maxDelayNs,
    rootDistanceSmall: rootDistance <= profile.maxRootDistanceNs,
    // A server may stamp its reference time within the second in which it answers.
    referenceTimeOrdered: times.t3 + NS_PER_S >= reference,
    referenceTimeFresh: times.t3 - reference <= tuning.maxReferenceAgeNs,
    awayFromLeap: !limits.nearLeap(times.t3),
  };
}

export interface JudgeLimits {
  readonly profile: ClockProfile;
  /** Expected refid letters of the source, or null if any will do. */
  readonly refid: string | null;
  /** Whether a POSIX instant (ns) lies within the guard of a leap second. */
  readonly nearLeap: (posixNs: bigint) => boolean;
}

export function judge(exchange: Exchange, limits: JudgeLimits): Judgement {
  const decoded = decodeNtp(exchange.bytes);
  if (!decoded.ok) return { kind: 'rejected', verdict: rejectedAll, failed: 'wellFormed' };
  const t2 = posixNsFromNtp(decoded.packet.receive);
  const t3 = posixNsFromNtp(decoded.packet.transmit);
  const times = { t2, t3, delay: exchange.m4 - exchange.m1 - (t3 - t2) };
  const verdict = tests(exchange, decoded, times, limits);
  const failed = packetTests.find((name) => !verdict[name]);
  if (failed === undefined) return { kind: 'accepted', verdict, decoded, times };
  if (failed === 'notKissOfDeath') {
    return {
      kind: 'kiss',
      code: refidText(decoded.packet.refid),
      authenticated: exchange.authentication === 'good',
    };
  }
  return { kind: 'rejected', verdict, failed };
}

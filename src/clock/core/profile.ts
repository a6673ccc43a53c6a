/**
 * How a kind of reference is asked and when its samples suffice. Every tuning number of the clock stands here or in
 * `tuning` below, with its unit and the reason for its value.
 */

import { NS_PER_MS, NS_PER_S, NS_PER_US } from '../../time/types.js';

export type ProfileName = 'public-nict' | 'leased' | 'lab';

export interface ClockProfile {
  readonly name: ProfileName;
  /** Between two questions to one source once the clock is synchronised. */
  readonly pollNs: bigint;
  /** Between two questions while too few samples are held. */
  readonly startPollNs: bigint;
  /** Each interval is varied by this part of itself, parts per thousand, so that nodes do not march in step. */
  readonly jitterPermille: number;
  /** Questions an hour to one source, all addresses together, averaged. */
  readonly budgetPerHour: number;
  /** Questions that may be saved up. */
  readonly budgetBurst: number;
  /** Part of the burst that only a start-up may use: a crash loop must not use up the hour. */
  readonly budgetStartReserve: number;
  /** Samples before the clock may be synchronised. */
  readonly samplesNeeded: number;
  /** Different addresses that these samples must come from. */
  readonly addressesNeeded: number;
  /** Without a sample for this long the clock is in holdover. */
  readonly staleAfterNs: bigint;
  /** An answer after this long is no answer. */
  readonly windowNs: bigint;
  /** A longer round trip is refused even if authenticated: one direction may have been delayed on purpose. */
  readonly maxDelayNs: bigint;
  /** Server's own claim, rootDelay / 2 + rootDispersion. */
  readonly maxRootDistanceNs: bigint;
  /** UTC(NICT) is stratum 1 only; a leased line may end at an operator's stratum 2. */
  readonly maxStratum: number;
  /** Oscillator assumed no better than this, until `coldForNs` have passed with `samplesNeeded` samples. */
  readonly rhoColdPpb: bigint;
  /** Oscillator assumed no better than this ever. */
  readonly rhoFloorPpb: bigint;
  readonly coldForNs: bigint;
  /** An innovation below this is never suspicious. */
  readonly innovationFloorNs: bigint;
}

const MINUTE = 60n * NS_PER_S;

const publicNict: ClockProfile = {
  name: 'public-nict',
  // NICT asks for at most 20 questions an hour on average and never more than one in 16 s.
  // A little slower than the budget fills, so that the spread of the intervals never meets an empty one.
  pollNs: 220n * NS_PER_S,
  startPollNs: 16n * NS_PER_S,
  jitterPermille: 50,
  budgetPerHour: 18,
  budgetBurst: 20,
  budgetStartReserve: 8,
  samplesNeeded: 8,
  addressesNeeded: 2,
  staleAfterNs: 3n * 220n * NS_PER_S,
  windowNs: NS_PER_S,
  maxDelayNs: 200n * NS_PER_MS,
  maxRootDistanceNs: 10n * NS_PER_MS,
  maxStratum: 1,
  rhoColdPpb: 50_000n,
  rhoFloorPpb: 15_000n,
  coldForNs: 30n * MINUTE,
  innovationFloorNs: NS_PER_MS,
};

const leased: ClockProfile = {
  ...publicNict,
  name: 'leased',
  pollNs: 16n * NS_PER_S,
  startPollNs: 2n * NS_PER_S,
  budgetPerHour: 400,
  budgetBurst: 60,
  budgetStartReserve: 20,
  addressesNeeded: 1,
  staleAfterNs: 3n * 16n * NS_PER_S,
  maxDelayNs: 50n * NS_PER_MS,
  maxStratum: 2,
};

const lab: ClockProfile = {
  ...publicNict,
  name: 'lab',
  pollNs: 250n * NS_PER_MS,
  startPollNs: 100n * NS_PER_MS,
  jitterPermille: 50,
  budgetPerHour: 40_000,
  budgetBurst: 1000,
  budgetStartReserve: 100,
  addressesNeeded: 1,
  // Three polls would be 0.75 s: a busy laboratory host misses that without any fault of the clock.
  staleAfterNs: 2n * NS_PER_S,
  maxRootDistanceNs: 100n * NS_PER_MS,
  maxStratum: 15,
  coldForNs: MINUTE,
  // Scheduling on a shared two-core host delays whole threads by milliseconds.
  innovationFloorNs: 5n * NS_PER_MS,
};

export const profiles: Readonly<Record<ProfileName, ClockProfile>> = {
  'public-nict': publicNict,
  leased,
  lab,
};

/** Monitors may be of any stratum and further away: they are only watched. */
export function monitorProfile(profile: ClockProfile): ClockProfile {
  return { ...profile, maxStratum: 15, maxRootDistanceNs: NS_PER_S };
}

/** The host's own chronyd is no network service: it is asked as often as its answers are worth, and needs no budget. */
export function hostProfile(profile: ClockProfile): ClockProfile {
  const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
  return {
    ...profile,
    pollNs: least(profile.pollNs, 4n * NS_PER_S),
    startPollNs: least(profile.startPollNs, NS_PER_S / 2n),
    budgetPerHour: 40_000,
    budgetBurst: 1000,
    budgetStartReserve: 100,
  };
}

/** Numbers that do not depend on the reference. */
export const tuning = {
  /** Regression window, samples (chrony: 64). */
  maxSamples: 64,
  /** Fewer points say nothing about rate. */
  minRegressionSamples: 6,
  /** Samples in a row that are slower than the gate allows before they are taken for the path's new delay. */
  slowToAdopt: 3,
  /** Fastest correction of the served time. */
  maxSlewPpb: 100_000n,
  /** A correction is spread over at least this long. */
  minSlewNs: NS_PER_S,
  /** Oscillator wander between two refits, added to the regression's own error. */
  rhoWanderPpb: 1_000n,
  /** No oscillator of a server is this wrong: if it seems so, something else is. */
  maxRatePpb: 200_000,
  /** Server processing longer than this makes the exchange meaningless (chrony: 4 s). */
  maxTurnroundNs: 4n * NS_PER_S,
  /** A reference that was itself not updated for 2^17 s is not one. */
  maxReferenceAgeNs: (1n << 17n) * NS_PER_S,
  /** Floor of a sample's own error: time stamps are rounded and read by software. */
  minSampleErrorNs: NS_PER_US,
  /** Samples this close to a leap second are not used: NTP cannot name the instants around it. */
  leapGuardNs: 5n * NS_PER_S,
  /** Nothing is issued from this long before a midnight about which there is doubt. */
  leapDoubtNs: 3600n * NS_PER_S,
  /** A list that ends within this many days is warned of. */
  leapWarningDays: 60,
  /** A smear spreads a leap second over up to this long on either side of it. */
  smearWindowNs: 86_400n * NS_PER_S,
  /** A second over a day is 11.6 ppm; no temperature moves an oscillator so far within that day. */
  smearRatePpb: 8_000,
  /** A smeared time is off by this at most. */
  smearMaxNs: NS_PER_S,
  /** Disruptions within `disruptionWindowNs` that latch QUARANTINED. */
  disruptionsToLatch: 3,
  disruptionWindowNs: 3600n * NS_PER_S,
  /** Back-off after DENY or RSTR. */
  denyBackOffNs: 24n * 3600n * NS_PER_S,
  /** Longest polling interval that RATE can drive us to. */
  maxPollNs: 4096n * NS_PER_S,
  /** More sleep than this between two looks at the boot clock is a suspend. */
  suspendNs: 50n * NS_PER_MS,
  /** Independent authenticated monitors that confirm an anomaly of the reference, and the rounds they must agree. */
  monitorsToConfirm: 3,
  monitorRoundsToConfirm: 3,
} as const;

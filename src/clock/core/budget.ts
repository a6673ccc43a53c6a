/**
 * How often we may ask: a bucket of questions that fills evenly, kept over restarts, and what kiss codes make of it.
 *
 * Plain data; time is the host's wall clock, the only one that survives a restart. It is trusted for politeness alone:
 * set back, nothing is refilled; set forward, at most one bucket is gained.
 */

import { tuning } from './profile.js';
import type { ClockProfile } from './profile.js';

/** Thousandths of a question. */
const ONE = 1000n;
const HOUR_NS = 3_600_000_000_000n;

export interface Budget {
  readonly milliTokens: bigint;
  readonly updatedWallNs: bigint;
}

export function fullBudget(profile: ClockProfile, wallNs: bigint): Budget {
  return { milliTokens: BigInt(profile.budgetBurst) * ONE, updatedWallNs: wallNs };
}

export function refill(budget: Budget, profile: ClockProfile, wallNs: bigint): Budget {
  const elapsed = wallNs - budget.updatedWallNs;
  // A wall clock that went back must not stop the refilling for as long as it was ahead.
  if (elapsed < 0n) return { milliTokens: budget.milliTokens, updatedWallNs: wallNs };
  const gained = (elapsed * BigInt(profile.budgetPerHour) * ONE) / HOUR_NS;
  // Leave the remainder of a too short time on the clock, or frequent looks would never fill the bucket.
  if (gained === 0n) return budget;
  const full = BigInt(profile.budgetBurst) * ONE;
  const sum = budget.milliTokens + gained;
  return { milliTokens: sum < full ? sum : full, updatedWallNs: wallNs };
}

/** Takes one question. A start-up may use the reserve, ordinary polling may not. Null if there is none left. */
export function spend(budget: Budget, profile: ClockProfile, startingUp: boolean): Budget | null {
  const keep = startingUp ? 0n : BigInt(profile.budgetStartReserve) * ONE;
  if (budget.milliTokens < ONE + keep) return null;
  return { ...budget, milliTokens: budget.milliTokens - ONE };
}

/** How long until `questions` can be afforded, nanoseconds of wall clock. */
export function waitFor(
  budget: Budget,
  profile: ClockProfile,
  questions: number,
  startingUp: boolean,
): bigint {
  const keep = startingUp ? 0n : BigInt(profile.budgetStartReserve) * ONE;
  const missing = BigInt(questions) * ONE + keep - budget.milliTokens;
  if (missing <= 0n) return 0n;
  const perHour = BigInt(profile.budgetPerHour) * ONE;
  return (missing * HOUR_NS + perHour - 1n) / perHour;
}

/** Questions left, for status. */
export function questionsLeft(budget: Budget): number {
  return Number(budget.milliTokens / ONE);
}

/** Politeness towards one source. */
export interface BackOff {
  /** Multiplies the polling interval; doubled by each RATE, a power of two. */
  readonly pollFactor: number;
  /** Addresses that must not be asked before a wall-clock instant. */
  readonly notBefore: Readonly<Record<string, bigint>>;
}

export const noBackOff: BackOff = { pollFactor: 1, notBefore: {} };

/**
 * What a kiss code does. RATE slows the whole source down; DENY and RSTR stop the one address that said so for a day,
 * which is all that an unauthenticated packet may do. Other codes change nothing (NTSN and the rest concern other modes).
 */
export function afterKiss(
  backOff: BackOff,
  code: string,
  address: string,
  profile: ClockProfile,
  wallNs: bigint,
): BackOff {
  switch (code) {
    case 'RATE': {
      const doubled = backOff.pollFactor * 2;
      const allowed = BigInt(doubled) * profile.pollNs <= tuning.maxPollNs || doubled === 2;
      return allowed ? { ...backOff, pollFactor: doubled } : backOff;
    }
    case 'DENY':
    case 'RSTR':
      return { ...backOff, notBefore: { ...backOff.notBefore, [address]: wallNs + tuning.denyBackOffNs } };
    default:
      return backOff;
  }
}

/** Whether an address may be asked; a deadline further off than any back-off means that the wall clock was wrong. */
export function mayAsk(backOff: BackOff, address: string, wallNs: bigint): boolean {
  const until = backOff.notBefore[address];
  return until === undefined || wallNs >= until || until - wallNs > tuning.denyBackOffNs;
}

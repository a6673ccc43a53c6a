/**
 * What is known about one possible leap second, and what follows from it. Three may speak of it: the approved list, the
 * servers' leap indicators, and an operator's recorded entry. All that speak must say the same, and the list or the
 * operator must be among them: an indicator can contradict, it never causes a leap. Whatever is not agreed is a doubt,
 * and across a doubtful midnight nothing is issued (docs/clock.md, checked by a test against this file).
 *
 * A leap second may come at the end of any UTC month (ITU-R TF.460-6); June and December are only preferred.
 */

import { NTP_TO_POSIX_S, withLeap } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { NS_PER_S, taiNs } from '../../time/types.js';
import type { TaiNs } from '../../time/types.js';
import { civilFromDays, daysFromCivil } from '../../time/utc-label.js';
import { tuning } from './profile.js';

const DAY_S = 86_400n;

/** +1: 23:59:60 is inserted, −1: 23:59:59 is left out, 0: neither. */
export type LeapChange = -1 | 0 | 1;

/** What an operator has put on record about one midnight. */
export interface OperatorLeap {
  /** The 00:00:00 UTC that follows the possible leap second, POSIX seconds; the first of a month. */
  readonly midnightPosix: bigint;
  readonly change: LeapChange;
}

/** The list that the cluster has approved, and what operators entered beside it. */
export interface LeapKnowledge {
  readonly list: LeapTable;
  readonly entries: readonly OperatorLeap[];
}

export const listVotes = ['none', 'insert', 'remove', 'expired'] as const;
export const indicatorVotes = ['silent', 'insert', 'remove', 'divided'] as const;
export const operatorVotes = ['silent', 'none', 'insert', 'remove'] as const;
/** `expired`: the list ends before that midnight and says nothing about it. */
export type ListVote = (typeof listVotes)[number];
/** `silent`: every server announces nothing (LI 0), or none was heard; `divided`: they announce both. */
export type IndicatorVote = (typeof indicatorVotes)[number];
export type OperatorVote = (typeof operatorVotes)[number];

export interface LeapVotes {
  readonly list: ListVote;
  readonly indicator: IndicatorVote;
  readonly operator: OperatorVote;
}

export type LeapDecision =
  | { readonly kind: 'decided'; readonly change: LeapChange }
  /** `unknown`: nobody may say; `contradiction`: those who speak disagree. */
  | { readonly kind: 'doubt'; readonly why: 'unknown' | 'contradiction' };

const changeOf = { none: 0, insert: 1, remove: -1 } as const;

/** The truth table list × indicator × operator. */
export function decideLeap({ list, indicator, operator }: LeapVotes): LeapDecision {
  if (indicator === 'divided') return { kind: 'doubt', why: 'contradiction' };
  const entitled = [list, operator].filter((vote) => vote !== 'expired' && vote !== 'silent');
  const spoken = indicator === 'silent' ? entitled : [...entitled, indicator];
  const [first] = spoken;
  if (spoken.some((vote) => vote !== first)) return { kind: 'doubt', why: 'contradiction' };
  const [decided] = entitled;
  return decided === undefined
    ? { kind: 'doubt', why: 'unknown' }
    : { kind: 'decided', change: changeOf[decided] };
}

export function listVote(list: LeapTable, midnightPosix: bigint): ListVote {
  const at = list.entries.findIndex(({ posixSeconds }) => posixSeconds === midnightPosix);
  const [entry, before] = [list.entries[at], list.entries[at - 1]];
  if (entry !== undefined && before !== undefined) {
    return entry.taiMinusUtc > before.taiMinusUtc ? 'insert' : 'remove';
  }
  return midnightPosix > list.expiresPosix ? 'expired' : 'none';
}

export function operatorVote(entries: readonly OperatorLeap[], midnightPosix: bigint): OperatorVote {
  const entry = entries.find((candidate) => candidate.midnightPosix === midnightPosix);
  if (entry === undefined) return 'silent';
  return entry.change === 0 ? 'none' : entry.change === 1 ? 'insert' : 'remove';
}

/** @param announced leap indicators of the sources that may vote, as last heard before that midnight */
export function indicatorVote(announced: readonly number[]): IndicatorVote {
  const [insert, remove] = [announced.includes(1), announced.includes(2)];
  if (insert && remove) return 'divided';
  return insert ? 'insert' : remove ? 'remove' : 'silent';
}

/**
 * The list with what operators entered where it says nothing itself: labels are made with this table. An entry that the
 * list contradicts is left out; the doubt that follows keeps anything from being issued.
 */
export function effectiveTable({ list, entries }: LeapKnowledge): LeapTable {
  let table = list;
  const sorted = [...entries].sort((a, b) => (a.midnightPosix < b.midnightPosix ? -1 : 1));
  for (const { midnightPosix, change } of sorted) {
    const last = table.entries.at(-1) ?? table.entries[0];
    if (change === 0 || listVote(list, midnightPosix) !== 'expired') continue;
    if (midnightPosix <= last.posixSeconds) continue;
    table = withLeap(table, midnightPosix, last.taiMinusUtc + change, midnightPosix, list.source);
  }
  return table;
}

/** The first 00:00:00 UTC of a month after a UTC instant, POSIX seconds. */
export function nextMonthPosix(posixSeconds: bigint): bigint {
  const days = posixSeconds >= 0n ? posixSeconds / DAY_S : (posixSeconds - DAY_S + 1n) / DAY_S;
  const { year, month } = civilFromDays(Number(days));
  return BigInt(month === 12 ? daysFromCivil(year + 1, 1, 1) : daysFromCivil(year, month + 1, 1)) * DAY_S;
}

/** The next instant at which a leap second could be over: 00:00:00 UTC of the first of a month after `tai`. */
export function nextPossibleLeap(tai: TaiNs, taiMinusUtc: number): TaiNs {
  const offset = BigInt(taiMinusUtc);
  const utc = tai - offset * NS_PER_S;
  const seconds = utc >= 0n ? utc / NS_PER_S : (utc - NS_PER_S + 1n) / NS_PER_S;
  return taiNs((nextMonthPosix(seconds) + offset) * NS_PER_S);
}

/** Whether a POSIX instant lies within the guard of a leap second of the table: NTP cannot name those instants. */
export function nearLeap(table: LeapTable, posixNs: bigint): boolean {
  return table.entries.slice(1).some((entry) => {
    const distance = posixNs - entry.posixSeconds * NS_PER_S;
    return distance >= -tuning.leapGuardNs - NS_PER_S && distance <= tuning.leapGuardNs;
  });
}

/** The leap second of the table within whose guard an instant lies, or null. */
export function inLeapGuard(table: LeapTable, tai: TaiNs): TaiNs | null {
  const entry = table.entries.slice(1).find(({ sinceTai }) => {
    const distance = tai - sinceTai;
    return distance >= -tuning.leapGuardNs - NS_PER_S && distance <= tuning.leapGuardNs;
  });
  return entry?.sinceTai ?? null;
}

/** Whether a smeared second could be going on: a day before to a day after a leap second of the table. */
export function inSmearWindow(table: LeapTable, tai: TaiNs): boolean {
  return table.entries.slice(1).some(({ sinceTai }) => {
    const distance = tai - sinceTai;
    return distance >= -tuning.smearWindowNs && distance <= tuning.smearWindowNs;
  });
}

/**
 * A reference that smears pulls our rate along with it, slowly enough to stay within the assumed bound for hours; what
 * gives it away is that the oscillator seems to have changed by 11.6 ppm on exactly that day. Three standard errors are
 * taken off: a quarantine on such a day needs an operator.
 */
export const isSmearRate = (beforePpb: number, nowPpb: number, skewPpb: number): boolean =>
  Math.abs(nowPpb - beforePpb) - 3 * skewPpb > tuning.smearRatePpb;

/** `2027-07-01` for the midnight that begins it. */
export function midnightLabel(midnightPosix: bigint): string {
  const { year, month, day } = civilFromDays(Number(midnightPosix / DAY_S));
  return [
    year.toString().padStart(4, '0'),
    month.toString().padStart(2, '0'),
    day.toString().padStart(2, '0'),
  ].join('-');
}

/** Whether an instant can be a possible leap second's following midnight at all. */
export const isFirstOfMonth = (posixSeconds: bigint): boolean =>
  posixSeconds > -NTP_TO_POSIX_S &&
  posixSeconds % DAY_S === 0n &&
  civilFromDays(Number(posixSeconds / DAY_S)).day === 1;

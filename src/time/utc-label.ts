/**
 * TAI instants as UTC labels and back, nanoseconds and `:60` included. The civil calendar is computed here (proleptic
 * Gregorian, days counted from 1970-01-01), because `Date` knows neither nanoseconds nor inserted seconds.
 *
 * Invariant: formatUtc and parseUtc are inverse to each other on every instant of the years 0000 to 9999 (from 1972 on
 * when a leap is near); labels that name no second (23:59:60 without an insertion, 23:59:59 before a removal) do not parse.
 */

import { taiMinusUtcAt, taiMinusUtcAtPosix } from './leap-table.js';
import type { LeapTable } from './leap-table.js';
import { NS_PER_S, taiNs } from './types.js';
import type { TaiNs } from './types.js';

/** Fields of a UTC instant. */
export interface UtcParts {
  readonly year: number;
  /** 1 … 12 */
  readonly month: number;
  /** 1 … 31 */
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  /** 0 … 60; 60 only within an inserted leap second. */
  readonly second: number;
  readonly nanosecond: number;
  /** TAI − UTC in force. */
  readonly taiMinusUtc: number;
}

const SECONDS_PER_DAY = 86_400n;
const JST_OFFSET_S = 9n * 3600n;

/** Rounds towards minus infinity; `b` positive. */
function floorDiv(a: bigint, b: bigint): bigint {
  return a >= 0n ? a / b : -((b - 1n - a) / b);
}

/** Days since 1970-01-01 of a Gregorian date. Eras of 400 years from 0000-03-01 make leap days fall at the end. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Inverse of daysFromCivil. */
export function civilFromDays(days: number): {
  readonly year: number;
  readonly month: number;
  readonly day: number;
} {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

/** POSIX second count of an instant, and whether it lies within an inserted second (then the count is one too far). */
function posixAt(
  tai: TaiNs,
  table: LeapTable,
): { seconds: bigint; nanosecond: number; inserted: boolean; offset: number } {
  const offset = taiMinusUtcAt(tai, table);
  const utcNs = tai - BigInt(offset) * NS_PER_S;
  const seconds = floorDiv(utcNs, NS_PER_S);
  // Only within an inserted second does the old offset count past the midnight at which the new one begins.
  const inserted = seconds >= table.entries[0].posixSeconds && taiMinusUtcAtPosix(seconds, table) > offset;
  return { seconds, nanosecond: Number(utcNs - seconds * NS_PER_S), inserted, offset };
}

function partsAt(tai: TaiNs, table: LeapTable, zoneSeconds: bigint): UtcParts {
  const { seconds, nanosecond, inserted, offset } = posixAt(tai, table);
  const local = (inserted ? seconds - 1n : seconds) + zoneSeconds;
  const days = floorDiv(local, SECONDS_PER_DAY);
  const ofDay = Number(local - days * SECONDS_PER_DAY);
  const date = civilFromDays(Number(days));
  if (date.year < 0 || date.year > 9999)
    throw new RangeError(`TAI ${tai.toString()} ns is outside the years 0000 to 9999`);
  return {
    ...date,
    hour: Math.floor(ofDay / 3600),
    minute: Math.floor(ofDay / 60) % 60,
    second: (ofDay % 60) + (inserted ? 1 : 0),
    nanosecond,
    taiMinusUtc: offset,
  };
}

/** The UTC calendar fields of an instant. @throws RangeError outside the years 0000 to 9999 */
export function utcParts(tai: TaiNs, table: LeapTable): UtcParts {
  return partsAt(tai, table, 0n);
}

const pad = (value: number, width: number): string => value.toString().padStart(width, '0');

function label(parts: UtcParts, zone: string): string {
  const date = `${pad(parts.year, 4)}-${pad(parts.month, 2)}-${pad(parts.day, 2)}`;
  const time = `${pad(parts.hour, 2)}:${pad(parts.minute, 2)}:${pad(parts.second, 2)}.${pad(parts.nanosecond, 9)}`;
  return `${date}T${time}${zone}`;
}

/** `2016-12-31T23:59:60.000000000Z`: always nine decimals. @throws RangeError outside the years 0000 to 9999 */
export function formatUtc(tai: TaiNs, table: LeapTable): string {
  return label(partsAt(tai, table, 0n), 'Z');
}

/** Japan Standard Time, `2017-01-01T08:59:60.000000000+09:00`. @throws RangeError outside the years 0000 to 9999 */
export function formatJst(tai: TaiNs, table: LeapTable): string {
  return label(partsAt(tai, table, JST_OFFSET_S), '+09:00');
}

const labelPattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|\+09:00)$/;

/**
 * The instant of a label in UTC (`Z`) or JST (`+09:00`), with zero to nine decimals.
 *
 * @returns null if it is malformed or names a second that does not exist (a date or time out of range, `:60` where
 * nothing is inserted, 23:59:59 where it is removed)
 */
export function parseUtc(text: string, table: LeapTable): TaiNs | null {
  const match = labelPattern.exec(text);
  if (match === null) return null;
  const field = (index: number): number => Number(match[index] ?? '');
  const [year, month, day, hour, minute, second] = [
    field(1),
    field(2),
    field(3),
    field(4),
    field(5),
    field(6),
  ];
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60) return null;
  const days = daysFromCivil(year, month, day);
  const date = civilFromDays(days);
  if (date.month !== month || date.day !== day) return null;
  const zone = match[8] === 'Z' ? 0n : JST_OFFSET_S;
  const nanosecond = BigInt((match[7] ?? '').padEnd(9, '0'));
  // A :60 is reckoned from the :59 before it, whose offset is still the old one.
  const base = second === 60 ? 59 : second;
  const posix = BigInt(days) * SECONDS_PER_DAY + BigInt(hour * 3600 + minute * 60 + base) - zone;
  const offset = taiMinusUtcAtPosix(posix, table);
  const tai = taiNs((posix + BigInt(offset) + (second === 60 ? 1n : 0n)) * NS_PER_S + nanosecond);
  const back = posixAt(tai, table);
  const exists = second === 60 ? back.inserted : !back.inserted && back.seconds === posix;
  return exists ? tai : null;
}

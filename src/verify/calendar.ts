/**
 * Certificate times (RFC 5280 §4.1.2.5) as POSIX seconds, without Date. POSIX seconds have no name for 23:59:60: during a
 * leap second a certificate's validity is judged by the second before it, which is as exact as X.509 can be.
 */

import { NS_PER_S, type TaiNs } from '../time/types.js';
import { civilFromDays, daysFromCivil } from '../time/utc-label.js';
import { DerError, Tag, encode, type DerElement } from './der.js';
import { bytesOf } from './bytes.js';

/** Seconds since 1970-01-01T00:00:00Z as POSIX counts them. */
export type PosixSeconds = number;

/** The POSIX second in which a TAI instant lies, with the TAI − UTC in force at it. */
export function posixSeconds(instant: TaiNs, taiMinusUtc: number): PosixSeconds {
  const nanoseconds = instant - BigInt(taiMinusUtc) * NS_PER_S;
  const truncated = nanoseconds / NS_PER_S;
  return Number(nanoseconds < 0n && truncated * NS_PER_S !== nanoseconds ? truncated - 1n : truncated);
}

/** UTCTime or GeneralizedTime in the one form that RFC 5280 allows: seconds present, no fraction, Z. */
export function decodeTime(element: DerElement): PosixSeconds {
  const text = String.fromCharCode(...element.content.subarray(0, 16));
  const digits =
    element.tag === Tag.utcTime && /^\d{12}Z$/.test(text)
      ? (Number(text.slice(0, 2)) < 50 ? '20' : '19') + text
      : element.tag === Tag.generalizedTime && /^\d{14}Z$/.test(text)
        ? text
        : undefined;
  if (digits === undefined || element.content.length > 15)
    throw new DerError('a time is not in the form of RFC 5280');
  const field = (from: number, to: number): number => Number(digits.slice(from, to));
  const [year, month, day] = [field(0, 4), field(4, 6), field(6, 8)];
  const [hour, minute, second] = [field(8, 10), field(10, 12), field(12, 14)];
  const days = daysFromCivil(year, month, day);
  const date = civilFromDays(days);
  if (month < 1 || date.month !== month || date.day !== day || hour > 23 || minute > 59 || second > 59) {
    throw new DerError('a time names no second of the calendar');
  }
  return days * 86_400 + hour * 3600 + minute * 60 + second;
}

/** UTCTime through 2049, GeneralizedTime after. */
export function encodeTime(seconds: PosixSeconds): Uint8Array {
  const days = Math.floor(seconds / 86_400);
  const { year, month, day } = civilFromDays(days);
  const rest = seconds - days * 86_400;
  const fields = [month, day, Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60];
  const text = `${String(year).padStart(4, '0')}${fields.map((n) => String(n).padStart(2, '0')).join('')}Z`;
  return year >= 1950 && year < 2050
    ? encode(Tag.utcTime, bytesOf(text.slice(2)))
    : encode(Tag.generalizedTime, bytesOf(text));
}

/** For messages: `2026-11-24T10:50:00Z`. */
export function posixLabel(seconds: PosixSeconds): string {
  const days = Math.floor(seconds / 86_400);
  const { year, month, day } = civilFromDays(days);
  const rest = seconds - days * 86_400;
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60].map(two).join(':');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}Z`;
}

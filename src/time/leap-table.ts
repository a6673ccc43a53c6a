/**
 * TAI − UTC from IERS' leap-seconds.list: parsing, its check word, its expiry, and the offset at an instant.
 *
 * Invariant: entries ascend in time, each step is exactly one second, and `sinceTai` of an entry is the TAI instant of
 * its 00:00:00 UTC. The check word is SHA-1 over the digits of the `#$` line, the `#@` line and both columns of every
 * data line, nothing between them; IERS prints its five words without leading zeros, so each is padded to eight digits.
 *
 * Source: leap-seconds.list as published by IERS/Observatoire de Paris with Bulletin C.
 */

import { sha1Words } from './sha1.js';
import { NS_PER_S, taiNs } from './types.js';
import type { TaiNs } from './types.js';

/** 1900-01-01 (NTP) to 1970-01-01 (POSIX), seconds. */
export const NTP_TO_POSIX_S = 2_208_988_800n;

const SECONDS_PER_DAY = 86_400n;

export interface LeapEntry {
  /** 00:00:00 UTC from which the offset holds, seconds since 1970 without leap seconds (POSIX count). */
  readonly posixSeconds: bigint;
  /** TAI − UTC in whole seconds from then on. */
  readonly taiMinusUtc: number;
  /** The same instant in TAI. */
  readonly sinceTai: TaiNs;
}

export interface LeapTable {
  /** Where it came from, for records: for example `IERS Bulletin C 72`. */
  readonly source: string;
  /** Last update, POSIX seconds. */
  readonly updatedPosix: bigint;
  /** From here on the table says nothing about new leap seconds, POSIX seconds. */
  readonly expiresPosix: bigint;
  /** The check word, 40 hex digits; it names the table in policy and records. */
  readonly hash: string;
  /** At least one; ascending. */
  readonly entries: readonly [LeapEntry, ...LeapEntry[]];
}

/** A leap second as the table tells it: the offset changes from `before` to `after` at `at`. */
export interface LeapEvent {
  /** TAI instant of the 00:00:00 UTC that follows it. */
  readonly at: TaiNs;
  readonly before: number;
  readonly after: number;
}

/** Why a leap-seconds.list was refused. */
export class LeapTableError extends Error {
  readonly code = 'LEAP_TABLE_INVALID';
  constructor(reason: string) {
    super(
      `leap-seconds.list refused: ${reason}; fetch the current file from IERS (Bulletin C) and configure it again`,
    );
    this.name = 'LeapTableError';
  }
}

/** @param rows `[NTP seconds, TAI − UTC]` of each data line */
function makeTable(
  source: string,
  updated: bigint,
  expires: bigint,
  rows: readonly (readonly [bigint, number])[],
): LeapTable {
  const entries = rows.map(([ntp, taiMinusUtc]): LeapEntry => {
    const posixSeconds = ntp - NTP_TO_POSIX_S;
    return { posixSeconds, taiMinusUtc, sinceTai: taiNs((posixSeconds + BigInt(taiMinusUtc)) * NS_PER_S) };
  });
  const [first, ...rest] = entries;
  if (first === undefined) throw new LeapTableError('it holds no data line');
  let previous = first;
  for (const entry of rest) {
    const step = entry.taiMinusUtc - previous.taiMinusUtc;
    if (entry.posixSeconds <= previous.posixSeconds)
      throw new LeapTableError('its lines do not ascend in time');
    if (step !== 1 && step !== -1) throw new LeapTableError(`TAI − UTC jumps by ${step} s in one line`);
    previous = entry;
  }
  for (const entry of entries) {
    if (entry.posixSeconds % SECONDS_PER_DAY !== 0n)
      throw new LeapTableError('a line does not begin at 00:00:00 UTC');
  }
  if (expires <= updated) throw new LeapTableError('it expires before it was made');
  return {
    source,
    updatedPosix: updated - NTP_TO_POSIX_S,
    expiresPosix: expires - NTP_TO_POSIX_S,
    hash: checkWord(updated, expires, rows),
    entries: [first, ...rest],
  };
}

function checkWord(updated: bigint, expires: bigint, rows: readonly (readonly [bigint, number])[]): string {
  const digits = `${updated.toString()}${expires.toString()}${rows.map(([ntp, offset]) => `${ntp.toString()}${offset}`).join('')}`;
  const bytes = Uint8Array.from(digits, (char) => char.charCodeAt(0));
  return sha1Words(bytes)
    .map((word) => word.toString(16).padStart(8, '0'))
    .join('');
}

interface ParsedLines {
  updated?: bigint;
  expires?: bigint;
  hash?: string;
  readonly rows: (readonly [bigint, number])[];
}

function once<T>(previous: T | undefined, value: T, what: string): T {
  if (previous !== undefined) throw new LeapTableError(`it has more than one ${what} line`);
  return value;
}

function parseLine(line: string, parsed: ParsedLines): void {
  const special = /^#([$@h])\s+(.*?)\s*$/.exec(line);
  if (special !== null) {
    const text = special[2] ?? '';
    if (special[1] === 'h') {
      const words = text.split(/\s+/);
      if (words.length !== 5 || words.some((word) => !/^[0-9a-f]{1,8}$/i.test(word))) {
        throw new LeapTableError('its #h line is not five hexadecimal words');
      }
      parsed.hash = once(
        parsed.hash,
        words.map((word) => word.toLowerCase().padStart(8, '0')).join(''),
        '#h',
      );
      return;
    }
    const number = /^(\d{1,12})$/.exec(text)?.[1];
    if (number === undefined)
      throw new LeapTableError(`its #${special[1] ?? ''} line is not a number of NTP seconds`);
    if (special[1] === '$') parsed.updated = once(parsed.updated, BigInt(number), '#$');
    else parsed.expires = once(parsed.expires, BigInt(number), '#@');
    return;
  }
  if (/^\s*(#|$)/.test(line)) return;
  const data = /^\s*(\d{1,12})\s+(\d{1,4})\s*(#.*)?$/.exec(line);
  if (data === null)
    throw new LeapTableError(`line "${line.slice(0, 40)}" is not "NTP-seconds TAI−UTC # comment"`);
  parsed.rows.push([BigInt(data[1] ?? ''), Number(data[2])]);
}

/**
 * Reads the text of a leap-seconds.list.
 *
 * @param source where the text came from, kept in the table for records
 * @throws LeapTableError if it is malformed, has no check word, or the check word does not fit
 */
export function parseLeapTable(text: string, source: string): LeapTable {
  if (text.length > 1_000_000) throw new LeapTableError('it is longer than 1 MB');
  const parsed: ParsedLines = { rows: [] };
  for (const line of text.split(/\r?\n/)) parseLine(line, parsed);
  const { updated, expires, hash, rows } = parsed;
  if (updated === undefined) throw new LeapTableError('it has no #$ line (last update)');
  if (expires === undefined) throw new LeapTableError('it has no #@ line (expiry)');
  if (hash === undefined) throw new LeapTableError('it has no #h line (check word)');
  const table = makeTable(source, updated, expires, rows);
  if (table.hash !== hash)
    throw new LeapTableError(`its check word is ${hash}, its contents give ${table.hash}`);
  return table;
}

/**
 * Index of the entry in force at `tai`. Before the first entry (1972) there was no whole-second UTC; the first
 * entry is used there, because no audited instant is that old.
 */
function entryAt(table: LeapTable, tai: bigint): number {
  // From the end: nearly every question is about now.
  for (let i = table.entries.length - 1; i > 0; i--) {
    const entry = table.entries[i];
    if (entry !== undefined && tai >= entry.sinceTai) return i;
  }
  return 0;
}

/** TAI − UTC in whole seconds at a TAI instant; during an inserted second it is still the old value. */
export function taiMinusUtcAt(tai: TaiNs, table: LeapTable): number {
  return (table.entries[entryAt(table, tai)] ?? table.entries[0]).taiMinusUtc;
}

/** TAI − UTC at a UTC second given as POSIX count (which cannot name an inserted second). */
export function taiMinusUtcAtPosix(posixSeconds: bigint, table: LeapTable): number {
  for (let i = table.entries.length - 1; i > 0; i--) {
    const entry = table.entries[i];
    if (entry !== undefined && posixSeconds >= entry.posixSeconds) return entry.taiMinusUtc;
  }
  return table.entries[0].taiMinusUtc;
}

/** TAI − UTC at a UTC second given as NTP count (era already unfolded: seconds since 1900). */
export function taiMinusUtcAtNtp(ntpSeconds: bigint, table: LeapTable): number {
  return taiMinusUtcAtPosix(ntpSeconds - NTP_TO_POSIX_S, table);
}

/** The TAI instant of a POSIX time in nanoseconds (a host's CLOCK_REALTIME, NTP after removing its epoch). */
export function taiFromPosixNs(posixNs: bigint, table: LeapTable): TaiNs {
  // Floor division: instants before 1970 belong to the second below.
  const seconds = posixNs >= 0n ? posixNs / NS_PER_S : -((NS_PER_S - 1n - posixNs) / NS_PER_S);
  return taiNs(posixNs + BigInt(taiMinusUtcAtPosix(seconds, table)) * NS_PER_S);
}

/** The POSIX nanoseconds of a TAI instant; an inserted second repeats the count of the second after it. */
export function posixNsFromTai(tai: TaiNs, table: LeapTable): bigint {
  return tai - BigInt(taiMinusUtcAt(tai, table)) * NS_PER_S;
}

/** The TAI instant at which the table stops saying anything about new leap seconds. */
export function leapTableExpiry(table: LeapTable): TaiNs {
  return taiFromPosixNs(table.expiresPosix * NS_PER_S, table);
}

/** Whether the table can no longer exclude an unknown leap second at `tai`. */
export function leapTableExpired(table: LeapTable, tai: TaiNs): boolean {
  return tai >= leapTableExpiry(table);
}

/** Whole days until the table expires, rounded down; negative afterwards. */
export function leapTableDaysLeft(table: LeapTable, tai: TaiNs): number {
  const left = leapTableExpiry(table) - tai;
  const day = SECONDS_PER_DAY * NS_PER_S;
  return Number(left >= 0n ? left / day : -((day - 1n - left) / day));
}

/** The first leap second whose following 00:00:00 UTC lies after `tai`, or null if the table lists none. */
export function nextLeap(table: LeapTable, tai: TaiNs): LeapEvent | null {
  let before = table.entries[0].taiMinusUtc;
  for (const entry of table.entries.slice(1)) {
    if (entry.sinceTai > tai) return { at: entry.sinceTai, before, after: entry.taiMinusUtc };
    before = entry.taiMinusUtc;
  }
  return null;
}

/** The same table with one more leap second, for operators who enter a decree by hand and for tests. */
export function withLeap(
  table: LeapTable,
  posixSeconds: bigint,
  taiMinusUtc: number,
  expiresPosix: bigint,
  source: string,
): LeapTable {
  const rows = table.entries.map((e) => [e.posixSeconds + NTP_TO_POSIX_S, e.taiMinusUtc] as const);
  return makeTable(source, table.updatedPosix + NTP_TO_POSIX_S, expiresPosix + NTP_TO_POSIX_S, [
    ...rows,
    [posixSeconds + NTP_TO_POSIX_S, taiMinusUtc],
  ]);
}

/**
 * The table known when this release was made: IERS Bulletin C 72 (6 July 2026), no leap second at the end of
 * December 2026, TAI − UTC = 37 s since 2017-01-01, expires 2027-06-28.
 */
export const builtinLeapTable: LeapTable = makeTable(
  'IERS Bulletin C 72 (built in)',
  3_992_312_697n,
  4_023_129_600n,
  [
    [2_272_060_800n, 10],
    [2_287_785_600n, 11],
    [2_303_683_200n, 12],
    [2_335_219_200n, 13],
    [2_366_755_200n, 14],
    [2_398_291_200n, 15],
    [2_429_913_600n, 16],
    [2_461_449_600n, 17],
    [2_492_985_600n, 18],
    [2_524_521_600n, 19],
    [2_571_782_400n, 20],
    [2_603_318_400n, 21],
    [2_634_854_400n, 22],
    [2_698_012_800n, 23],
    [2_776_982_400n, 24],
    [2_840_140_800n, 25],
    [2_871_676_800n, 26],
    [2_918_937_600n, 27],
    [2_950_473_600n, 28],
    [2_982_009_600n, 29],
    [3_029_443_200n, 30],
    [3_076_704_000n, 31],
    [3_124_137_600n, 32],
    [3_345_062_400n, 33],
    [3_439_756_800n, 34],
    [3_550_089_600n, 35],
    [3_644_697_600n, 36],
    [3_692_217_600n, 37],
  ],
);

/**
 * CGGTTS files: what a GNSS time receiver saw of each satellite, in tracks of 13 minutes. Versions 02 and 2E are read;
 * the header's checksum must fit, and a track whose own checksum does not fit is left out and counted.
 *
 * A track gives reference clock − system time (REFGPS in version 02, REFSYS in 2E): a phase, never a label.
 *
 * Source: Allan and Thomas, Metrologia 31 (1994) 69; Defraigne and Petit, Metrologia 52 (2015) G1 (version 2E).
 */

import { isMjd, linesOf, TimeTransferError } from './transfer-text.js';

const FILE = 'CGGTTS file';
/** A file of one day has 89 epochs of some 30 satellites. */
const MAX_TRACKS = 20_000;
/** Only whole tracks are used: 780 s. */
const WHOLE_TRACK = '780';

export interface CggttsTrack {
  /** System letter and number, e.g. G07. */
  readonly satellite: string;
  readonly mjd: number;
  /** Start of the track, seconds of the UTC day. */
  readonly start: number;
  /** Code and frequency combination, e.g. L3P; empty in version 02. */
  readonly combination: string;
  /** Reference clock − system time at the middle of the track, 0.1 ns. */
  readonly refSys: bigint;
}

export interface CggttsFile {
  readonly version: '02' | '2E';
  readonly laboratory: string;
  /** The clock or time scale that the receiver compares with, e.g. UTC(NICT). */
  readonly reference: string;
  readonly receiver: string;
  readonly tracks: readonly CggttsTrack[];
  /** Lines that were left out: short tracks, missing values, wrong checksums. */
  readonly skipped: { readonly incomplete: number; readonly wrongChecksum: number };
}

/** Sum of the character codes, modulo 256. */
function checksumOf(text: string): number {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (sum + text.charCodeAt(i)) & 0xff;
  return sum;
}

interface Header {
  readonly version: '02' | '2E';
  readonly values: ReadonlyMap<string, string>;
  /** Index of the line after it. */
  readonly next: number;
}

function readHeader(lines: readonly string[]): Header {
  const [title = ''] = lines;
  const version = /^C?GGTTS\s.*DATA FORMAT VERSION\s*=\s*(\S+)\s*$/.exec(title)?.[1];
  if (version === undefined) throw new TimeTransferError(FILE, 1, 'it does not begin with a CGGTTS title');
  if (version !== '02' && version !== '2E') {
    throw new TimeTransferError(FILE, 1, `version ${version.slice(0, 10)} is not read, only 02 and 2E`);
  }
  const values = new Map<string, string>();
  let sum = checksumOf(title);
  for (let i = 1; i < lines.length && i < 100; i++) {
    const line = lines[i] ?? '';
    const stated = /^(CKSUM\s*=\s*)([0-9A-Fa-f]{2})\s*$/.exec(line);
    if (stated !== null) {
      sum = (sum + checksumOf(stated[1] ?? '')) & 0xff;
      if (sum === parseInt(stated[2] ?? '', 16)) return { version, values, next: i + 1 };
      const found = sum.toString(16).toUpperCase().padStart(2, '0');
      throw new TimeTransferError(
        FILE,
        i + 1,
        `the header's checksum is ${stated[2] ?? ''}, it gives ${found}`,
      );
    }
    sum = (sum + checksumOf(line)) & 0xff;
    const [, name, value] = /^([A-Z][A-Z ]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !values.has(name)) values.set(name, value);
  }
  throw new TimeTransferError(FILE, 0, 'its header has no checksum line (CKSUM)');
}

interface Columns {
  readonly count: number;
  readonly at: Readonly<Record<'satellite' | 'mjd' | 'start' | 'length' | 'refSys', number>>;
  /** −1 in version 02. */
  readonly combination: number;
  readonly next: number;
}

function readColumns(lines: readonly string[], from: number, version: '02' | '2E'): Columns {
  const found = lines.findIndex((line, i) => i >= from && /\bSTTIME\b/.test(line));
  const names = (lines[found] ?? '').trim().split(/\s+/);
  const place = (name: string): number => names.indexOf(name);
  const at = {
    satellite: place(version === '02' ? 'PRN' : 'SAT'),
    mjd: place('MJD'),
    start: place('STTIME'),
    length: place('TRKL'),
    refSys: place(version === '02' ? 'REFGPS' : 'REFSYS'),
  };
  const complete = Object.values(at).every((index) => index >= 0) && names.at(-1) === 'CK';
  if (found < 0 || !complete || at.satellite !== 0) {
    throw new TimeTransferError(FILE, found + 1, 'its columns are not those of the version that it states');
  }
  return { count: names.length, at, combination: place('FRC'), next: found + 1 };
}

function satelliteOf(text: string, version: '02' | '2E'): string | null {
  if (version === '02') return /^\d{1,2}$/.test(text) ? `G${text.padStart(2, '0')}` : null;
  const [, system, number] = /^([GRECJIS])(\d{1,3})$/.exec(text) ?? [];
  return system === undefined || number === undefined ? null : `${system}${number.padStart(2, '0')}`;
}

function secondOfDay(text: string): number | null {
  const [, hour, minute, second] = /^(\d{2})(\d{2})(\d{2})$/.exec(text) ?? [];
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  return hour === undefined ? null : Number(hour) * 3600 + Number(minute) * 60 + Number(second);
}

/** Null when a value is missing (stars, or all nines). */
const refSysOf = (text: string): bigint | null =>
  /^[+-]?\d{1,11}$/.test(text) && !/^[+-]?9{7,}$/.test(text) ? BigInt(text.replace('+', '')) : null;

type TrackLine = CggttsTrack | 'incomplete' | 'wrongChecksum';

function readTrack(line: string, number: number, columns: Columns, version: '02' | '2E'): TrackLine {
  const trimmed = line.trimEnd();
  // `G 7` is written by some receivers for G07.
  const fields = trimmed
    .trim()
    .replace(/^([A-Z]) (\d)\s/, '$10$2 ')
    .split(/\s+/);
  if (fields.length !== columns.count) {
    throw new TimeTransferError(FILE, number, `it has ${fields.length} values for ${columns.count} columns`);
  }
  const field = (index: number): string => fields[index] ?? '';
  const stated = field(columns.count - 1);
  if (!/^[0-9A-Fa-f]{2}$/.test(stated) || checksumOf(trimmed.slice(0, -2)) !== parseInt(stated, 16)) {
    return 'wrongChecksum';
  }
  const satellite = satelliteOf(field(columns.at.satellite), version);
  const start = secondOfDay(field(columns.at.start));
  const mjd = field(columns.at.mjd);
  if (satellite === null || start === null || !isMjd(mjd)) {
    throw new TimeTransferError(FILE, number, 'satellite, MJD or start time cannot be read');
  }
  const refSys = refSysOf(field(columns.at.refSys));
  if (refSys === null || field(columns.at.length) !== WHOLE_TRACK) return 'incomplete';
  const combination = columns.combination < 0 ? '' : field(columns.combination);
  return { satellite, mjd: Number(mjd), start, combination, refSys };
}

/** @throws TimeTransferError for anything that is not a whole file of version 02 or 2E */
export function parseCggtts(text: string): CggttsFile {
  const lines = linesOf(FILE, text);
  const { version, values, next } = readHeader(lines);
  const columns = readColumns(lines, next, version);
  const tracks: CggttsTrack[] = [];
  const skipped = { incomplete: 0, wrongChecksum: 0 };
  for (let i = columns.next; i < lines.length; i++) {
    const line = lines[i] ?? '';
    // The line of units below the names, and what may trail.
    if (line.trim() === '' || (i === columns.next && line.includes('hhmmss'))) continue;
    const track = readTrack(line, i + 1, columns, version);
    if (typeof track === 'string') skipped[track]++;
    else tracks.push(track);
    if (tracks.length > MAX_TRACKS)
      throw new TimeTransferError(FILE, i + 1, `it has more than ${MAX_TRACKS} tracks`);
  }
  if (tracks.length === 0) throw new TimeTransferError(FILE, 0, 'it has no usable track');
  return {
    version,
    laboratory: (values.get('LAB') ?? '').slice(0, 64),
    reference: (values.get('REF') ?? '').slice(0, 64),
    receiver: (values.get('RCVR') ?? '').slice(0, 64),
    tracks,
    skipped,
  };
}

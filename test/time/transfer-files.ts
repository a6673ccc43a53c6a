/** Files of time laboratories in their published layouts, with invented values. */

import type { LeapTable } from '../../src/time/leap-table.js';

const NTP = 2_208_988_800n;

/** Writes a table as IERS does, with `#h` words printed without leading zeros. */
export function leapSecondsList(table: LeapTable): string {
  const rows = table.entries.map((e) => `${(e.posixSeconds + NTP).toString()}\t${e.taiMinusUtc}\t# comment`);
  const words = (table.hash.match(/.{8}/g) ?? []).map((word) => word.replace(/^0+(?=.)/, ''));
  return [
    '#\tUpdated through IERS Bulletin C',
    `#$\t${(table.updatedPosix + NTP).toString()}`,
    '#',
    `#@\t${(table.expiresPosix + NTP).toString()}`,
    ...rows,
    `#h\t${words.join(' ')}`,
    '',
  ].join('\n');
}

export interface Track {
  /** Number of a GPS satellite. */
  readonly satellite: number;
  readonly mjd: number;
  /** hhmmss */
  readonly start: string;
  /** Reference − system time, 0.1 ns. */
  readonly refSys: number;
  readonly length?: number;
}

const hex = (sum: number): string => (sum & 0xff).toString(16).toUpperCase().padStart(2, '0');
const sumOf = (text: string): number =>
  Array.from(text, (char) => char.charCodeAt(0)).reduce((sum, code) => sum + code, 0);
const signed = (value: number, width: number): string =>
  `${value < 0 ? '-' : '+'}${Math.abs(value)}`.padStart(width);

function withChecksum(header: readonly string[]): readonly string[] {
  const sum = header.reduce((total, line) => total + sumOf(line), sumOf('CKSUM = '));
  return [...header, `CKSUM = ${hex(sum)}`];
}

export function cggtts(version: '02' | '2E', laboratory: string, tracks: readonly Track[]): string {
  const title =
    version === '02' ? 'GGTTS GPS DATA FORMAT VERSION = 02' : 'CGGTTS     GENERIC DATA FORMAT VERSION = 2E';
  const header = withChecksum([
    title,
    'REV DATE = 2026-01-15',
    'RCVR = EXAMPLE RX-7 0001 2020 v1',
    'CH = 20',
    'IMS = 99999',
    `LAB = ${laboratory}`,
    'X = -3942162.000 m',
    'Y = +3368282.000 m',
    'Z = +3701849.000 m',
    'FRAME = ITRF',
    'COMMENTS = invented values',
    'INT DLY = 30.0 ns',
    'CAB DLY = 150.0 ns',
    'REF DLY = 10.0 ns',
    `REF = UTC(${laboratory})`,
  ]);
  const names =
    version === '02'
      ? 'PRN CL  MJD  STTIME TRKL ELV AZTH   REFSV      SRSV     REFGPS    SRGPS  DSG IOE MDTR SMDT MDIO SMDI CK'
      : 'SAT CL  MJD  STTIME TRKL ELV AZTH   REFSV      SRSV     REFSYS    SRSYS  DSG IOE MDTR SMDT MDIO SMDI MSIO SMSI ISG FR HC FRC CK';
  return [
    ...header,
    '',
    names,
    '             hhmmss  s  .1dg .1dg    .1ns     .1ps/s     .1ns    .1ps/s .1ns     .1ns.1ps/s.1ns.1ps/s.1ns.1ps/s.1ns',
    ...tracks.map((track) => trackLine(version, track)),
    '',
  ].join('\n');
}

function trackLine(version: '02' | '2E', { satellite, mjd, start, refSys, length = 780 }: Track): string {
  const number = satellite.toString().padStart(2, '0');
  const common = `FF ${mjd} ${start} ${length.toString().padStart(4)} 450 1800 ${signed(-1_234_567, 11)} ${signed(-10, 6)} ${signed(refSys, 11)} ${signed(3, 6)}   20  50  100   +0  300   +0`;
  const line = version === '02' ? ` ${number} ${common} ` : `G${number} ${common}  300   +0  15  0  0 L3P `;
  return line + hex(sumOf(line));
}

export interface CircularTRow {
  readonly code: string;
  readonly city: string;
  /** Nanoseconds as printed, `-` for none. */
  readonly values: readonly string[];
  readonly uncertainty?: string;
  readonly note?: string;
}

export type CircularTLayout = 'present' | 'before437' | 'twoPages';

/** Dates are every five days from `mjd` on. */
export function circularT(
  layout: CircularTLayout,
  number: number,
  mjd: number,
  rows: readonly CircularTRow[],
): string {
  const head = [`CIRCULAR T ${number}`.padEnd(60) + 'ISSN 1143-1393', '2026 JANUARY 12, 10h UTC', ''];
  const offset = '     From 2017 January 1, 0h UTC, TAI-UTC = 37 s.';
  const after = [
    '',
    '2 - International Atomic Time (TAI) and Coordinated Universal Time (UTC)',
    ...(layout === 'present' ? [offset] : []),
    'NICT (Tokyo)                 99.9     99.9     99.9     99.9     99.9     99.9     99.9',
    '',
  ];
  const page = (from: number, to: number): string[] => [
    `Date 2025/26 0h UTC   ${'     DEC 28'.repeat(to - from)}${layout === 'twoPages' ? '' : '    Uncertainty/ns Notes'}`,
    `       MJD            ${Array.from({ length: to - from }, (_, i) => `      ${mjd + 5 * (from + i)}`).join('')}${layout === 'twoPages' ? '' : '     uA    uB    u'}`,
    'Laboratory k                     [UTC-UTC(k)]/ns',
    '',
    ...rows.map(
      ({ code, city, values, uncertainty = '', note = '' }) =>
        `${code.padEnd(4)} (${city})`.padEnd(22) +
        values
          .slice(from, to)
          .map((value) => value.padStart(11))
          .join('') +
        (layout === 'twoPages' ? '' : `   ${uncertainty} ${note}`),
    ),
  ];
  switch (layout) {
    case 'present':
      return [
        ...head,
        '1 - Difference between UTC and its local realizations UTC(k) and corresponding uncertainties.',
        '',
        ...page(0, 7),
        ...after,
      ].join('\n');
    case 'before437':
      return [
        ...head,
        '1 - Coordinated Universal Time UTC and its local realizations UTC(k). Computed values of [UTC-UTC(k)]',
        '     and uncertainties valid for the period of this Circular.',
        offset,
        '',
        ...page(0, 7),
        ...after,
      ].join('\n');
    case 'twoPages':
      return [
        ...head,
        '1 - Coordinated Universal Time UTC. Computed values of UTC-UTC(k).',
        offset,
        ...page(0, 4),
        '\f',
        '1 - Coordinated Universal Time UTC. (Cont.)',
        ...page(4, 7),
        ...after,
      ].join('\n');
  }
}

/** Two sites that see four satellites at three epochs; their references are 12.5 ns apart, drifting 0.1 ns an epoch. */
export function commonViewPair(version: '02' | '2E' = '2E'): { readonly own: string; readonly nict: string } {
  const tracks = (lead: number): Track[] =>
    ['000200', '001800', '003400'].flatMap((start, epoch) =>
      [1, 5, 12, 25].map((satellite) => ({
        satellite,
        mjd: 61_000,
        start,
        refSys: -480 + lead + (lead === 0 ? 0 : epoch) + (satellite % 3),
      })),
    );
  return { own: cggtts(version, 'TAA1', tracks(0)), nict: cggtts(version, 'NICT', tracks(125)) };
}

export const nictRow: CircularTRow = {
  code: 'NICT',
  city: 'Tokyo',
  values: ['2.3', '-0.5', '-', '1.25', '0.0', '-12.4', '3.1'],
  uncertainty: '0.3   1.9   1.9',
};

export const circularTRows: readonly CircularTRow[] = [
  {
    code: 'AOS',
    city: 'Borowiec',
    values: ['1', '2', '3', '4', '5', '6', '7'],
    uncertainty: '0.3   1.9   1.9',
    note: '(1)',
  },
  {
    code: 'NIC',
    city: 'Nowhere',
    values: ['9', '9', '9', '9', '9', '9', '9'],
    uncertainty: '0.3    NC     -',
  },
  nictRow,
];

/**
 * BIPM Circular T: UTC − UTC(k) every five days at 0h UTC, published in the following month. All text layouts are read
 * by their own headings: one page with seven dates and the uncertainties uA, uB, u (the present one, and the one before
 * No. 437 of June 2024), and the two pages of whole nanoseconds of the first years.
 *
 * Section 1 ends at the first heading of another section: the tables below it have the same shape and another meaning.
 * A dash is an absent value, never zero.
 */

import { decimalUnits, isMjd, linesOf, TimeTransferError } from './transfer-text.js';

const FILE = 'Circular T';
const PS_DECIMALS = 3;

export interface CircularTValue {
  readonly mjd: number;
  /** UTC − UTC(k) at 0h UTC, picoseconds. */
  readonly utcMinusUtcKPs: bigint;
}

export interface CircularT {
  readonly number: number;
  readonly laboratory: string;
  /** Ascending; at least one. */
  readonly values: readonly CircularTValue[];
  /** Standard uncertainties, picoseconds, null where none is stated: statistical, systematic, total. */
  readonly uA: bigint | null;
  readonly uB: bigint | null;
  readonly u: bigint | null;
  /** What it says of TAI − UTC: two lines when a leap second is due. */
  readonly taiMinusUtc: readonly { readonly from: string; readonly seconds: number }[];
}

const months = [
  ...['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE', 'JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER'],
  ...['NOVEMBER', 'DECEMBER'],
];
const uncertaintyNames = ['uA', 'uB', 'u'] as const;
type UncertaintyName = (typeof uncertaintyNames)[number];

interface Heading {
  readonly mjds: readonly number[];
  readonly uncertainties: readonly UncertaintyName[];
}

/** The heading line of a page: the dates as MJD, and which uncertainties follow them. */
function headingOf(line: string): Heading | null {
  const words = line.trim().split(/\s+/);
  if (words[0] !== 'MJD') return null;
  const mjds = words.filter(isMjd).map(Number);
  const uncertainties = uncertaintyNames.filter((name) => words.includes(name));
  return mjds.length === 0 ? null : { mjds, uncertainties };
}

function rowOf(line: string, laboratory: string): readonly string[] | null {
  const match = /^\s*([A-Z][A-Z0-9]{0,5})\s*(\([^)]*\))?\s+(\S.*)$/.exec(line);
  if (match?.[1] !== laboratory) return null;
  // Notes stand behind the numbers as (1), (2).
  return (match[3] ?? '')
    .replace(/\([^)]*\)/g, ' ')
    .trim()
    .split(/\s+/);
}

interface Row {
  readonly values: readonly CircularTValue[];
  readonly uncertainties: Readonly<Partial<Record<UncertaintyName, bigint>>>;
}

function readRow(words: readonly string[], { mjds, uncertainties }: Heading, line: number): Row {
  if (words.length !== mjds.length && words.length !== mjds.length + uncertainties.length) {
    const expected = `${mjds.length} values and ${uncertainties.length} uncertainties`;
    throw new TimeTransferError(FILE, line, `${words.length} numbers stand where ${expected} are announced`);
  }
  const number = (word: string): bigint => {
    const found = decimalUnits(word, PS_DECIMALS);
    if (found === null)
      throw new TimeTransferError(FILE, line, `"${word.slice(0, 20)}" is no number of nanoseconds`);
    return found;
  };
  const values = mjds.flatMap((mjd, i): CircularTValue[] => {
    const word = words[i] ?? '-';
    return word === '-' ? [] : [{ mjd, utcMinusUtcKPs: number(word) }];
  });
  // NC: not calibrated.
  const stated = uncertainties.flatMap((name, i): [UncertaintyName, bigint][] => {
    const word = words[mjds.length + i] ?? '-';
    return word === '-' || word === 'NC' ? [] : [[name, number(word)]];
  });
  return { values, uncertainties: Object.fromEntries(stated) };
}

function statedOffsets(lines: readonly string[]): CircularT['taiMinusUtc'] {
  return lines.flatMap((line) => {
    const match = /From (\d{4}) ([A-Za-z]+) +(\d{1,2}), *0h UTC.*TAI *- *UTC *= *(-?\d{1,3}) *s/.exec(line);
    const month = months.indexOf((match?.[2] ?? '').toUpperCase()) + 1;
    if (match === null || month === 0) return [];
    const day = (match[3] ?? '').padStart(2, '0');
    return [
      { from: `${match[1] ?? ''}-${month.toString().padStart(2, '0')}-${day}`, seconds: Number(match[4]) },
    ];
  });
}

/**
 * @param laboratory code of UTC(k), e.g. NICT
 * @throws TimeTransferError when it is no Circular T, or section 1 has no value of that laboratory
 */
export function parseCircularT(text: string, laboratory: string): CircularT {
  const lines = linesOf(FILE, text);
  const number = lines
    .slice(0, 20)
    .map((line) => /CIRCULAR T\s+(\d{1,4})\b/.exec(line)?.[1])
    .find((found) => found !== undefined);
  if (number === undefined)
    throw new TimeTransferError(FILE, 0, 'it does not begin with "CIRCULAR T" and its number');
  let heading: Heading | null = null;
  let section: string | null = null;
  const rows: Row[] = [];
  for (const [i, line] of lines.entries()) {
    const banner = /^\s*(\d{1,2})\s*-\s+[A-Z]/.exec(line)?.[1];
    if (banner !== undefined) {
      // A continued page repeats the heading of its section and brings dates of its own.
      if (section === '1' && banner !== '1') break;
      [section, heading] = [banner, null];
      continue;
    }
    if (section !== '1') continue;
    heading = headingOf(line) ?? heading;
    const words = heading === null ? null : rowOf(line, laboratory);
    if (heading !== null && words !== null) rows.push(readRow(words, heading, i + 1));
  }
  const values = rows.flatMap((row) => row.values).sort((a, b) => a.mjd - b.mjd);
  if (values.length === 0)
    throw new TimeTransferError(FILE, 0, `section 1 has no value of UTC(${laboratory})`);
  if (values.some(({ mjd }, i) => mjd === values[i + 1]?.mjd)) {
    throw new TimeTransferError(FILE, 0, `section 1 has two values of UTC(${laboratory}) for one date`);
  }
  const of = (name: UncertaintyName): bigint | null =>
    rows.map((row) => row.uncertainties[name]).find((found) => found !== undefined) ?? null;
  return {
    number: Number(number),
    laboratory,
    values,
    uA: of('uA'),
    uB: of('uB'),
    u: of('u'),
    taiMinusUtc: statedOffsets(lines),
  };
}

/**
 * Reading numbers out of the text files of time laboratories: exact decimals, modified Julian dates, and the one error
 * that says what about a file cannot be used. No floating point: what is printed is what is recorded.
 */

/** Why a file of a time laboratory was refused; `line` counts from 1, 0 when the whole file is meant. */
export class TimeTransferError extends Error {
  override readonly name = 'TimeTransferError';
  readonly code = 'TIME_TRANSFER_INVALID';
  readonly line: number;

  constructor(file: string, line: number, reason: string) {
    super(
      `${file} refused${line === 0 ? '' : `, line ${line}`}: ${reason}; fetch the file again from where it is published`,
    );
    this.line = line;
  }
}

export const MAX_TRANSFER_FILE = 1_000_000;

/** Lines without their ends. @throws TimeTransferError for a file longer than 1 MB */
export function linesOf(file: string, text: string): readonly string[] {
  if (text.length > MAX_TRANSFER_FILE) throw new TimeTransferError(file, 0, 'it is longer than 1 MB');
  return text.split(/\r\n|\n|\r/);
}

/** A decimal number as `10^-decimals` units, or null if it is none or finer than that. `-12.3` with 3 is −12300. */
export function decimalUnits(text: string, decimals: number): bigint | null {
  const match = /^([+-]?)(\d{1,15})(?:\.(\d{0,9}))?$/.exec(text);
  if (match === null) return null;
  const fraction = match[3] ?? '';
  const rest = fraction.slice(decimals);
  if (/[1-9]/.test(rest)) return null;
  const magnitude = BigInt((match[2] ?? '') + fraction.slice(0, decimals).padEnd(decimals, '0'));
  return match[1] === '-' ? -magnitude : magnitude;
}

/** 1970-01-01 as a modified Julian date. */
const MJD_OF_1970 = 40_587;

/** POSIX seconds of 0h UTC of a modified Julian date. */
export const posixOfMjd = (mjd: number): bigint => BigInt(mjd - MJD_OF_1970) * 86_400n;

/** Five digits: the years 1858 to 2132. */
export const isMjd = (text: string): boolean => /^\d{5}$/.test(text);

/** Lengths of time as operators write them: a whole or decimal number and a unit, exact to the nanosecond. */

import { durNs, type DurNs } from '../../src/time/types.js';
import { usageError } from './outcome.js';

const units = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
} as const;

const pattern = /^(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,9}))?(ns|us|ms|s|m|h|d)$/;

/** @param name the flag or key, for the message @throws CliError usage */
export function parseDuration(name: string, text: string): DurNs {
  const [, whole = '', fraction = '', unit = ''] = pattern.exec(text) ?? [];
  const size = units[unit as keyof typeof units] as bigint | undefined;
  if (size === undefined) {
    throw usageError(
      `${name}: ${JSON.stringify(text)} is not a length of time; write a number with ns, us, ms, s, m, h or d, e.g. 500ms`,
    );
  }
  const scale = 10n ** BigInt(fraction.length);
  const scaled = BigInt(whole + fraction) * size;
  if (scaled % scale !== 0n) throw usageError(`${name}: ${text} is finer than a nanosecond`);
  return durNs(scaled / scale);
}

/** `+1.234567 ms`: nanoseconds in the unit that reads best, without losing a digit. */
export function formatNs(ns: bigint, sign = false): string {
  const magnitude = ns < 0n ? -ns : ns;
  const mark = ns < 0n ? '-' : sign && ns > 0n ? '+' : '';
  const unit = (['s', 'ms', 'us'] as const).find((name) => magnitude >= units[name]) ?? 'ns';
  const size = units[unit];
  const rest = magnitude % size;
  const decimals = rest === 0n ? '' : `.${rest.toString().padStart(size.toString().length - 1, '0')}`;
  return `${mark}${magnitude / size}${decimals.replace(/0+$/, '')} ${unit}`;
}

/** A span for a table: hours and days where they are whole. */
export function formatSpan(ns: bigint): string {
  const unit = (['d', 'h', 'm'] as const).find((name) => ns >= units[name] && ns % units[name] === 0n);
  return unit === undefined ? formatNs(ns) : `${ns / units[unit]} ${unit}`;
}

/**
 * What the clock must remember over a restart: drift, the highest time ever served, the epoch, the latch, and its
 * politeness towards servers. Samples are not among it: the monotonic clock starts anew.
 *
 * One JSON object with 64-bit numbers as decimal strings. `decodeMemory` is total: anything else than a complete, sane
 * memory gives null. Integrity (checksum) and belonging (host, clocksource) are judged by the shell that stores it.
 */

import type { BackOff, Budget } from './budget.js';

export interface SourceMemory {
  readonly budget: Budget;
  readonly backOff: BackOff;
}

export interface ClockMemory {
  /** Last fitted rate of TAI against mono, ppb; null if none was ever known. A start value, trusted by no bound. */
  readonly driftPpb: number | null;
  /** Highest TAI ever served. */
  readonly highWaterTai: bigint;
  readonly epoch: number;
  readonly quarantined: boolean;
  readonly rateHeld: boolean;
  /** A dispute among the peers waits for an operator. */
  readonly disputed: boolean;
  /** Number of the last operator's release that was carried out: the same one must not clear a later latch. */
  readonly released: number;
  /** Wall-clock instants (POSIX ns) of recent disruptions. */
  readonly disruptions: readonly bigint[];
  readonly sources: Readonly<Record<string, SourceMemory>>;
}

export const freshMemory: ClockMemory = {
  driftPpb: null,
  highWaterTai: 0n,
  epoch: 0,
  quarantined: false,
  rateHeld: false,
  disputed: false,
  released: -1,
  disruptions: [],
  sources: {},
};

export function encodeMemory(memory: ClockMemory): string {
  return JSON.stringify(memory, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}

class Malformed extends Error {}

type Fields = Readonly<Record<string, unknown>>;

function object(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed();
  return value as Fields;
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length > 1000) throw new Malformed();
  return value;
}

function bigint(value: unknown): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) throw new Malformed();
  return BigInt(value);
}

function count(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Malformed();
  return value;
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Malformed();
  return value;
}

function drift(value: unknown): number | null {
  if (value === null) return null;
  if (typeof value !== 'number' || !(Math.abs(value) <= 1_000_000)) throw new Malformed();
  return value;
}

function source(value: unknown): SourceMemory {
  const fields = object(value);
  const budget = object(fields['budget']);
  const backOff = object(fields['backOff']);
  const pollFactor = count(backOff['pollFactor']);
  if (pollFactor < 1 || pollFactor > 65_536) throw new Malformed();
  const notBefore = Object.entries(object(backOff['notBefore'])).map(
    ([address, until]) => [address, bigint(until)] as const,
  );
  return {
    budget: { milliTokens: bigint(budget['milliTokens']), updatedWallNs: bigint(budget['updatedWallNs']) },
    backOff: { pollFactor, notBefore: Object.fromEntries(notBefore) },
  };
}

export function decodeMemory(text: string): ClockMemory | null {
  try {
    const fields = object(JSON.parse(text));
    const sources = Object.entries(object(fields['sources'])).map(
      ([name, value]) => [name, source(value)] as const,
    );
    return {
      driftPpb: drift(fields['driftPpb']),
      highWaterTai: bigint(fields['highWaterTai']),
      epoch: count(fields['epoch']),
      quarantined: flag(fields['quarantined']),
      rateHeld: flag(fields['rateHeld']),
      disputed: flag(fields['disputed']),
      released: fields['released'] === -1 ? -1 : count(fields['released']),
      disruptions: list(fields['disruptions']).map(bigint),
      sources: Object.fromEntries(sources),
    };
  } catch {
    return null;
  }
}

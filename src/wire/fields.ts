/**
 * Checked reading of single protobuf fields as the loader gives them (64-bit integers as decimal strings, enums by
 * name). Every function either returns a value in range or throws MalformedMessage naming the field.
 */

import { durNs, taiNs } from '../time/types.js';
import type { DurNs, TaiNs } from '../time/types.js';
import { MalformedMessage } from './malformed.js';
import { plainBytes } from './protobuf.js';

/** A byte string of `min` to `max` bytes. */
export function bytesOf(field: string, value: Uint8Array, min: number, max: number): Uint8Array {
  if (value.length >= min && value.length <= max) return plainBytes(value);
  const range = min === max ? String(min) : `${min}–${max}`;
  throw new MalformedMessage(field, `it has ${range} bytes, not ${value.length}`);
}

/** A text of at most `max` characters without control characters: it may end up in logs and terminals. */
export function textOf(field: string, value: string, max: number): string {
  if (value.length > max)
    throw new MalformedMessage(field, `it has at most ${max} characters, not ${value.length}`);
  if (Array.from(value).some((character) => character < ' ' || character === '\u007f')) {
    throw new MalformedMessage(field, 'it holds control characters');
  }
  return value;
}

/** An unsigned integer from `min` to 2^53 − 1. */
export function countOf(field: string, value: string | number, min = 0): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw new MalformedMessage(field, `it is a whole number from ${min} to 2^53 − 1, not ${value}`);
}

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

function int64Of(field: string, value: string): bigint {
  if (!/^-?\d{1,20}$/.test(value)) throw new MalformedMessage(field, 'it is not a whole number');
  const number = BigInt(value);
  if (number < int64Min || number > int64Max) throw new MalformedMessage(field, 'it does not fit 64 bits');
  return number;
}

export const instantOf = (field: string, value: string): TaiNs => taiNs(int64Of(field, value));

export const lengthOf = (field: string, value: string): DurNs => durNs(int64Of(field, value));

/** A length of time that is not negative. */
export function spanOf(field: string, value: string): DurNs {
  const length = lengthOf(field, value);
  if (length < 0n)
    throw new MalformedMessage(field, `a length of time is not negative, but it is ${value} ns`);
  return length;
}

/** The message in a field that must be there. */
export function present<T>(field: string, value: T | null | undefined): T {
  if (value === null || value === undefined) throw new MalformedMessage(field, 'it is missing');
  return value;
}

/** One protobuf enum and our words for its values; UNSPECIFIED and unknown numbers are malformed. */
export class EnumNames<Proto extends string, Ours extends string> {
  readonly #toProto: Readonly<Record<Ours, Proto>>;
  readonly #toOurs: ReadonlyMap<string, Ours>;

  constructor(toProto: Readonly<Record<Ours, Proto>>) {
    this.#toProto = toProto;
    this.#toOurs = new Map(
      (Object.entries(toProto) as [Ours, Proto][]).map(([ours, proto]) => [proto, ours] as const),
    );
  }

  proto(ours: Ours): Proto {
    return this.#toProto[ours];
  }

  ours(field: string, proto: string | number): Ours {
    const value = this.#toOurs.get(String(proto));
    if (value === undefined) throw new MalformedMessage(field, `${proto} is not a value that can be sent`);
    return value;
  }
}

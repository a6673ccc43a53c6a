/**
 * Strict reading of CBOR maps: every key is asked for by name and type, and keys that nobody asked for are an error.
 * Old software therefore refuses a record that says more than it understands instead of overlooking a part of it.
 */

import {
  CborError,
  DEFAULT_CBOR_LIMITS,
  decode,
  type CborLimits,
  type CborMap,
  type CborValue,
} from './cbor.js';

/** Bounds of a byte string or text: an exact length, or a range. Text counts UTF-16 code units. */
export interface LengthBounds {
  readonly length?: number;
  readonly min?: number;
  readonly max?: number;
}

const MAX_INT64 = (1n << 63n) - 1n;
const MIN_INT64 = -(1n << 63n);

/** Decodes bytes that hold one map and reads it. @throws CborError only, unless `read` throws otherwise. */
export function decodeMap<T>(
  bytes: Uint8Array,
  name: string,
  read: (reader: CborReader) => T,
  limits: CborLimits = DEFAULT_CBOR_LIMITS,
): T {
  return readMap(decode(bytes, limits), name, read);
}

/** Reads a decoded map; after `read` no key may be left unread. @param name stands in error messages */
export function readMap<T>(value: CborValue, name: string, read: (reader: CborReader) => T): T {
  if (!isMap(value)) throw new CborError('wrongType', name, 'a map is expected');
  const reader = new CborReader(value, name);
  const result = read(reader);
  reader.end();
  return result;
}

export type Parsed<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: CborError };

/** Turns a reader that throws CborError into a total function. */
export function parse<T>(read: () => T): Parsed<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof CborError) return { ok: false, error };
    throw error;
  }
}

export function isMap(value: CborValue): value is CborMap {
  return value instanceof Map;
}

export class CborReader {
  readonly #map: CborMap;
  readonly #name: string;
  readonly #read = new Set<string>();

  constructor(map: CborMap, name: string) {
    this.#map = map;
    this.#name = name;
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  text(key: string, bounds: LengthBounds = {}): string {
    return this.#as(key, bounds, asText);
  }
  optionalText(key: string, bounds: LengthBounds = {}): string | undefined {
    return this.has(key) ? this.text(key, bounds) : undefined;
  }

  /** One of a closed list of texts. */
  oneOf<const T extends string>(key: string, values: readonly T[]): T {
    return asOneOf(this.#take(key), values, this.#path(key));
  }
  optionalOneOf<const T extends string>(key: string, values: readonly T[]): T | undefined {
    return this.has(key) ? this.oneOf(key, values) : undefined;
  }

  bytes(key: string, bounds: LengthBounds = {}): Uint8Array {
    return this.#as(key, bounds, asBytes);
  }
  optionalBytes(key: string, bounds: LengthBounds = {}): Uint8Array | undefined {
    return this.has(key) ? this.bytes(key, bounds) : undefined;
  }

  /** An integer in 0 … 2^53 − 1, at most `max`. */
  uint(key: string, max: number = Number.MAX_SAFE_INTEGER): number {
    return this.#as(key, max, asUint);
  }
  optionalUint(key: string, max: number = Number.MAX_SAFE_INTEGER): number | undefined {
    return this.has(key) ? this.uint(key, max) : undefined;
  }

  /** An integer within ±(2^53 − 1). */
  int(key: string): number {
    return this.#as(key, undefined, asInt);
  }
  optionalInt(key: string): number | undefined {
    return this.has(key) ? this.int(key) : undefined;
  }

  /** A signed 64-bit integer, for instants and durations in nanoseconds. */
  int64(key: string): bigint {
    return this.#as(key, undefined, asInt64);
  }
  optionalInt64(key: string): bigint | undefined {
    return this.has(key) ? this.int64(key) : undefined;
  }

  bool(key: string): boolean {
    return this.#as(key, undefined, asBool);
  }
  optionalBool(key: string): boolean | undefined {
    return this.has(key) ? this.bool(key) : undefined;
  }

  map<T>(key: string, read: (reader: CborReader) => T): T {
    return readMap(this.#take(key), this.#path(key), read);
  }
  optionalMap<T>(key: string, read: (reader: CborReader) => T): T | undefined {
    return this.has(key) ? this.map(key, read) : undefined;
  }

  /** An array of at most `max` items, each read by `item`, which is given the item's path for its errors. */
  array<T>(
    key: string,
    item: (value: CborValue, path: string) => T,
    max: number = Number.MAX_SAFE_INTEGER,
  ): T[] {
    const path = this.#path(key);
    const value = this.#take(key);
    if (!Array.isArray(value)) throw new CborError('wrongType', path, 'an array is expected');
    if (value.length > max) throw new CborError('outOfRange', path, `more than ${max} items`);
    return (value as readonly CborValue[]).map((element, index) => item(element, `${path}[${index}]`));
  }
  optionalArray<T>(
    key: string,
    item: (value: CborValue, path: string) => T,
    max: number = Number.MAX_SAFE_INTEGER,
  ): T[] | undefined {
    return this.has(key) ? this.array(key, item, max) : undefined;
  }

  /** An array of maps. */
  maps<T>(key: string, read: (reader: CborReader) => T, max: number = Number.MAX_SAFE_INTEGER): T[] {
    return this.array(key, (value, path) => readMap(value, path, read), max);
  }

  /** Any value of the profile, unread inside: the caller reads it further. */
  value(key: string): CborValue {
    return this.#take(key);
  }

  /** Every key must have been read. Called by `readMap`. */
  end(): void {
    for (const key of this.#map.keys()) {
      if (!this.#read.has(key))
        throw new CborError('unknownKey', this.#path(key), 'this key is not part of the format');
    }
  }

  #as<T, B>(key: string, bounds: B, as: (value: CborValue, bounds: B, path: string) => T): T {
    return as(this.#take(key), bounds, this.#path(key));
  }

  #take(key: string): CborValue {
    const value = this.#map.get(key);
    if (value === undefined) throw new CborError('missingKey', this.#path(key), 'this key is required');
    this.#read.add(key);
    return value;
  }

  #path(key: string): string {
    return `${this.#name}.${key}`;
  }
}

export function asText(value: CborValue, bounds: LengthBounds, path: string): string {
  if (typeof value !== 'string') throw new CborError('wrongType', path, 'text is expected');
  checkLength(value.length, bounds, path);
  return value;
}

export function asBytes(value: CborValue, bounds: LengthBounds, path: string): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new CborError('wrongType', path, 'a byte string is expected');
  checkLength(value.length, bounds, path);
  return value;
}

export function asUint(value: CborValue, max: number, path: string): number {
  if (typeof value !== 'number') throw new CborError('wrongType', path, 'an integer below 2^53 is expected');
  if (value < 0 || value > max) throw new CborError('outOfRange', path, `${value} is not in 0 … ${max}`);
  return value;
}

export function asOneOf<const T extends string>(value: CborValue, values: readonly T[], path: string): T {
  const found = values.find((candidate) => candidate === value);
  if (found === undefined) throw new CborError('outOfRange', path, `one of ${values.join(', ')} is expected`);
  return found;
}

function asInt(value: CborValue, _bounds: undefined, path: string): number {
  if (typeof value !== 'number')
    throw new CborError('wrongType', path, 'an integer within ±2^53 is expected');
  return value;
}

function asInt64(value: CborValue, _bounds: undefined, path: string): bigint {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    throw new CborError('wrongType', path, 'an integer is expected');
  }
  const integer = BigInt(value);
  if (integer < MIN_INT64 || integer > MAX_INT64)
    throw new CborError('outOfRange', path, 'the integer exceeds 64 bits');
  return integer;
}

function asBool(value: CborValue, _bounds: undefined, path: string): boolean {
  if (typeof value !== 'boolean') throw new CborError('wrongType', path, 'a boolean is expected');
  return value;
}

function checkLength(length: number, bounds: LengthBounds, path: string): void {
  const min = bounds.length ?? bounds.min ?? 0;
  const max = bounds.length ?? bounds.max ?? Number.MAX_SAFE_INTEGER;
  if (length < min || length > max)
    throw new CborError('outOfRange', path, `length ${length} is not in ${min} … ${max}`);
}

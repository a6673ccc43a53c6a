/** The decoder of the CBOR profile (./cbor.ts). */

import {
  ASCII_ATTEMPT,
  CborError,
  DEFAULT_CBOR_LIMITS,
  FALSE,
  MAJOR_ARRAY,
  MAJOR_BYTES,
  MAJOR_MAP,
  MAJOR_NINT,
  MAJOR_SIMPLE,
  MAJOR_TEXT,
  MAJOR_UINT,
  NULL,
  TRUE,
  TWO_32,
  compareEncodedKeys,
  type CborErrorCode,
  type CborLimits,
  type CborValue,
} from './cbor-value.js';

const MAX_SAFE_HIGH_WORD = 0x1f_ffff;

// ignoreBOM: a leading U+FEFF is part of the text, otherwise two encodings would decode to one value.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Decodes one value that fills `bytes` exactly. Byte strings of the result are copies.
 * @throws CborError for whatever `encode` would not have written, and beyond the limits. Nothing else is thrown.
 */
export function decode(bytes: Uint8Array, limits: CborLimits = DEFAULT_CBOR_LIMITS): CborValue {
  if (bytes.length > limits.maxBytes) {
    throw new CborError('tooLarge', 'byte 0', `${bytes.length} bytes exceed the limit of ${limits.maxBytes}`);
  }
  // A plain view: on a Buffer `slice` would not copy.
  const parser = new Parser(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  const value = parser.value(limits.maxDepth);
  parser.end();
  return value;
}

class Parser {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  value(depth: number): CborValue {
    const initial = this.#next();
    const major = initial >>> 5;
    switch (major) {
      case MAJOR_UINT:
        return this.#argument(initial);
      case MAJOR_NINT:
        return negative(this.#argument(initial));
      case MAJOR_BYTES:
        return this.#take(this.#length(initial, 1)).slice();
      case MAJOR_TEXT:
        return this.#text(initial);
      case MAJOR_ARRAY:
        return this.#array(initial, depth);
      case MAJOR_MAP:
        return this.#map(initial, depth);
      case MAJOR_SIMPLE:
        if (initial === FALSE) return false;
        if (initial === TRUE) return true;
        if (initial === NULL) return null;
        throw this.#error('unsupported', 'floats, undefined and other simple values are outside the profile');
      default:
        throw this.#error('unsupported', 'tags are outside the profile');
    }
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw this.#error('trailingBytes', 'bytes follow the value');
  }

  #array(initial: number, depth: number): CborValue[] {
    const count = this.#length(initial, 1);
    if (depth === 0) throw this.#error('tooDeep', 'arrays and maps are nested too deeply');
    const values: CborValue[] = [];
    for (let i = 0; i < count; i++) values.push(this.value(depth - 1));
    return values;
  }

  #map(initial: number, depth: number): Map<string, CborValue> {
    const count = this.#length(initial, 2);
    if (depth === 0) throw this.#error('tooDeep', 'arrays and maps are nested too deeply');
    const map = new Map<string, CborValue>();
    let previous: Uint8Array | undefined;
    for (let i = 0; i < count; i++) {
      const keyInitial = this.#next();
      if (keyInitial >>> 5 !== MAJOR_TEXT) throw this.#error('unsupported', 'a map key is not text');
      const raw = this.#take(this.#length(keyInitial, 1));
      if (previous !== undefined && compareEncodedKeys(previous, raw) >= 0) {
        throw this.#error('keyOrder', 'map keys repeat or are out of order');
      }
      previous = raw;
      map.set(this.#decodeText(raw), this.value(depth - 1));
    }
    return map;
  }

  #text(initial: number): string {
    return this.#decodeText(this.#take(this.#length(initial, 1)));
  }

  #decodeText(raw: Uint8Array): string {
    if (raw.length <= ASCII_ATTEMPT) {
      let text = '';
      let i = 0;
      for (; i < raw.length; i++) {
        const byte = raw[i] as number;
        if (byte > 0x7f) break;
        text += String.fromCharCode(byte);
      }
      if (i === raw.length) return text;
    }
    try {
      return strictUtf8.decode(raw);
    } catch {
      throw this.#error('invalidText', 'the text is not UTF-8');
    }
  }

  /** A length or count; each item takes at least `itemBytes`, so that no claim makes us allocate beyond the input. */
  #length(initial: number, itemBytes: number): number {
    const length = this.#argument(initial);
    if (typeof length === 'bigint' || length * itemBytes > this.#bytes.length - this.#at) {
      throw this.#error('truncated', `${length.toString()} items or bytes are announced, fewer are there`);
    }
    return length;
  }

  #argument(initial: number): number | bigint {
    const info = initial & 0x1f;
    if (info < 24) return info;
    switch (info) {
      case 24:
        return this.#minimal(this.#next(), 24);
      case 25:
        return this.#minimal(this.#next() * 0x100 + this.#next(), 0x100);
      case 26:
        return this.#minimal(this.#word(), 0x1_0000);
      case 27:
        return this.#long();
      default:
        throw this.#error('unsupported', 'indefinite lengths and reserved values are outside the profile');
    }
  }

  #long(): number | bigint {
    const high = this.#word();
    const low = this.#word();
    if (high === 0) throw this.#error('notCanonical', 'an integer or length is not in its shortest form');
    if (high <= MAX_SAFE_HIGH_WORD) return high * TWO_32 + low;
    return (BigInt(high) << 32n) | BigInt(low);
  }

  #minimal(argument: number, atLeast: number): number {
    if (argument < atLeast)
      throw this.#error('notCanonical', 'an integer or length is not in its shortest form');
    return argument;
  }

  #word(): number {
    return this.#next() * 0x100_0000 + this.#next() * 0x1_0000 + this.#next() * 0x100 + this.#next();
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw this.#error('truncated', 'the input ends within a value');
    this.#at++;
    return byte;
  }

  #take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  #error(code: CborErrorCode, detail: string): CborError {
    return new CborError(code, `byte ${this.#at}`, detail);
  }
}

function negative(argument: number | bigint): number | bigint {
  if (typeof argument === 'number' && argument < Number.MAX_SAFE_INTEGER) return -1 - argument;
  return -1n - BigInt(argument);
}

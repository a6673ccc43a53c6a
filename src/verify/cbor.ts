/**
 * The one encoding of everything that is hashed or signed: deterministic CBOR (RFC 8949 §4.2.1) in a closed profile of
 * integers, byte strings, text, arrays, maps with text keys, booleans and null. No floats, no tags, nothing indefinite.
 *
 * Invariant: `decode` accepts exactly the byte strings that `encode` makes. A value therefore has one encoding and an
 * encoding one value, so that a signature over the bytes is a signature over the meaning.
 */

/** What `decode` returns. Integers are `number` within ±(2^53 − 1) and `bigint` beyond. */
export type CborValue =
  number | bigint | string | Uint8Array | boolean | null | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<string, CborValue>;

/** What `encode` takes: also plain objects, in any key order; keys whose value is `undefined` are left out. */
export type CborInput =
  | number
  | bigint
  | string
  | Uint8Array
  | boolean
  | null
  | readonly CborInput[]
  | ReadonlyMap<string, CborInput>
  | CborObject;
export interface CborObject {
  readonly [key: string]: CborInput | undefined;
}

export type CborErrorCode =
  | 'truncated'
  | 'trailingBytes'
  | 'notCanonical'
  | 'unsupported'
  | 'invalidText'
  | 'keyOrder'
  | 'tooDeep'
  | 'tooLarge'
  | 'wrongType'
  | 'missingKey'
  | 'unknownKey'
  | 'outOfRange';

/** A value that the profile cannot carry, bytes that are not its encoding, or a map that is not the expected one. */
export class CborError extends Error {
  override readonly name = 'CborError';
  readonly code: CborErrorCode;
  /** Byte offset for errors of encoding, path of keys for errors of content. */
  readonly where: string;

  constructor(code: CborErrorCode, where: string, detail: string) {
    super(`CBOR ${code} at ${where}: ${detail}`);
    this.code = code;
    this.where = where;
  }
}

export interface CborLimits {
  /** Longest input, bytes. */
  readonly maxBytes: number;
  /** Deepest nesting of arrays and maps. */
  readonly maxDepth: number;
}

export const DEFAULT_CBOR_LIMITS: CborLimits = { maxBytes: 1 << 24, maxDepth: 16 };

const MAX_UINT64 = (1n << 64n) - 1n;
const TWO_32 = 0x1_0000_0000;
const MAX_SAFE_HIGH_WORD = 0x1f_ffff;

const MAJOR_UINT = 0;
const MAJOR_NINT = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_SIMPLE = 7;

const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;

const utf8 = new TextEncoder();
// ignoreBOM: a leading U+FEFF is part of the text, otherwise two encodings would decode to one value.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strings up to this length are first tried as ASCII, which is faster than a call into the platform. */
const ASCII_ATTEMPT = 64;

// ---------------------------------------------------------------------------------------------------------- encode

/** Encodes `value`. @throws CborError for floats, integers beyond 64 bits, lone surrogates and nesting beyond the limit. */
export function encode(value: CborInput): Uint8Array {
  const writer = new Writer();
  writer.value(value, DEFAULT_CBOR_LIMITS.maxDepth);
  return writer.take();
}

/** One scratch area for all calls: encoding is synchronous and copies its result out, so calls cannot overlap. */
let scratch: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
const MAX_KEPT_SCRATCH = 1 << 20;

type Nested = readonly CborInput[] | ReadonlyMap<string, CborInput> | CborObject;

function isArray(value: Nested): value is readonly CborInput[] {
  return Array.isArray(value);
}

class Writer {
  #buffer = scratch;
  #at = 0;

  take(): Uint8Array {
    if (this.#buffer.length <= MAX_KEPT_SCRATCH) scratch = this.#buffer;
    return this.#buffer.slice(0, this.#at);
  }

  value(value: CborInput, depth: number): void {
    switch (typeof value) {
      case 'number':
        this.#number(value);
        break;
      case 'bigint':
        this.#bigint(value);
        break;
      case 'string':
        this.#text(value);
        break;
      case 'boolean':
        this.#byte(value ? TRUE : FALSE);
        break;
      default:
        if (value === null) this.#byte(NULL);
        else if (value instanceof Uint8Array) this.#bytes(value);
        else if (depth === 0)
          throw new CborError('tooDeep', this.#where(), 'nest arrays and maps less deeply');
        else this.#nested(value, depth - 1);
    }
  }

  #nested(value: Nested, depth: number): void {
    if (isArray(value)) {
      this.#head(MAJOR_ARRAY, value.length);
      for (const item of value) this.value(item, depth);
    } else if (value instanceof Map) this.#mapping(value as ReadonlyMap<string, CborInput>, depth);
    else this.#object(value as CborObject, depth);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value)) {
      throw new CborError(
        'unsupported',
        this.#where(),
        `${value} is not a safe integer; use a bigint or a decimal text`,
      );
    }
    if (value >= 0) this.#head(MAJOR_UINT, value);
    else this.#head(MAJOR_NINT, -1 - value);
  }

  #bigint(value: bigint): void {
    const argument = value >= 0n ? value : -1n - value;
    if (argument > MAX_UINT64) throw new CborError('outOfRange', this.#where(), 'an integer exceeds 64 bits');
    const major = value >= 0n ? MAJOR_UINT : MAJOR_NINT;
    if (argument <= 0xffff_ffffn) this.#head(major, Number(argument));
    else this.#longHead(major, Number(argument >> 32n), Number(argument & 0xffff_ffffn));
  }

  #text(value: string): void {
    const length = value.length;
    if (length <= ASCII_ATTEMPT && this.#ascii(value, length)) return;
    const encoded = encodeText(value, this.#where());
    this.#head(MAJOR_TEXT, encoded.length);
    this.#raw(encoded);
  }

  #ascii(value: string, length: number): boolean {
    this.#room(length + 2);
    const buffer = this.#buffer;
    const start = this.#at;
    let at = start;
    if (length < 24) buffer[at++] = (MAJOR_TEXT << 5) | length;
    else {
      buffer[at++] = (MAJOR_TEXT << 5) | 24;
      buffer[at++] = length;
    }
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      buffer[at++] = unit;
    }
    this.#at = at;
    return true;
  }

  #bytes(value: Uint8Array): void {
    this.#head(MAJOR_BYTES, value.length);
    this.#raw(value);
  }

  #object(object: CborObject, depth: number): void {
    const keys: string[] = [];
    for (const key of Object.keys(object)) if (object[key] !== undefined) keys.push(key);
    sortKeys(keys);
    this.#head(MAJOR_MAP, keys.length);
    for (const key of keys) {
      this.#text(key);
      this.value(object[key] as CborInput, depth);
    }
  }

  #mapping(map: ReadonlyMap<string, CborInput>, depth: number): void {
    const keys = [...map.keys()];
    sortKeys(keys);
    this.#head(MAJOR_MAP, keys.length);
    for (const key of keys) {
      this.#text(key);
      this.value(map.get(key) as CborInput, depth);
    }
  }

  #head(major: number, argument: number): void {
    this.#room(9);
    const buffer = this.#buffer;
    const type = major << 5;
    if (argument < 24) buffer[this.#at++] = type | argument;
    else if (argument < 0x100) {
      buffer[this.#at++] = type | 24;
      buffer[this.#at++] = argument;
    } else if (argument < 0x1_0000) {
      buffer[this.#at++] = type | 25;
      buffer[this.#at++] = argument >>> 8;
      buffer[this.#at++] = argument;
    } else if (argument < TWO_32) {
      buffer[this.#at++] = type | 26;
      this.#word(argument);
    } else this.#longHead(major, Math.floor(argument / TWO_32), argument % TWO_32);
  }

  #longHead(major: number, high: number, low: number): void {
    this.#room(9);
    this.#buffer[this.#at++] = (major << 5) | 27;
    this.#word(high);
    this.#word(low);
  }

  #word(word: number): void {
    const buffer = this.#buffer;
    buffer[this.#at++] = word >>> 24;
    buffer[this.#at++] = word >>> 16;
    buffer[this.#at++] = word >>> 8;
    buffer[this.#at++] = word;
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#buffer[this.#at++] = byte;
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #room(length: number): void {
    if (this.#at + length <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#at + length));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }

  #where(): string {
    return `byte ${this.#at}`;
  }
}

/** UTF-8 of `value`. The platform would replace a lone surrogate silently, so that two texts had one encoding. */
function encodeText(value: string, where: string): Uint8Array {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = value.charCodeAt(i + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) {
      throw new CborError('invalidText', where, 'the text holds a lone surrogate');
    }
    i++;
  }
  return utf8.encode(value);
}

/** Insertion sort in place: maps are small and mostly written in order already, which makes this one pass. */
function sortKeys(keys: string[]): void {
  const compare = keys.every(isAscii) ? compareAsciiKeys : compareKeys;
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let j = i - 1;
    while (j >= 0 && compare(keys[j] as string, key) > 0) {
      keys[j + 1] = keys[j] as string;
      j--;
    }
    keys[j + 1] = key;
  }
}

/**
 * Order of map keys: bytewise order of their encodings (RFC 8949 §4.2.1), which for text is shorter UTF-8 first, then
 * bytewise. UTF-16 code units order ASCII alike; beyond ASCII the bytes decide.
 */
export function compareKeys(a: string, b: string): number {
  return isAscii(a) && isAscii(b)
    ? compareAsciiKeys(a, b)
    : compareEncodedKeys(utf8.encode(a), utf8.encode(b));
}

function compareAsciiKeys(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareEncodedKeys(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

// ---------------------------------------------------------------------------------------------------------- decode

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

/** The encoder of the CBOR profile (./cbor.ts). */

import {
  ASCII_ATTEMPT,
  CborError,
  DEFAULT_CBOR_LIMITS,
  FALSE,
  MAJOR_ARRAY,
  MAJOR_BYTES,
  MAJOR_MAP,
  MAJOR_NINT,
  MAJOR_TEXT,
  MAJOR_UINT,
  NULL,
  TRUE,
  TWO_32,
  compareAsciiKeys,
  compareKeys,
  isAscii,
  type CborInput,
  type CborObject,
} from './cbor-value.js';

const MAX_UINT64 = (1n << 64n) - 1n;

const utf8 = new TextEncoder();

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

/**
 * A strict reader and a writer of DER (ITU-T X.690), enough for X.509, CMS and the statement.
 *
 * The invariant: what the reader accepts has exactly one encoding. Lengths are definite and minimal, integers and
 * identifiers are minimal, tags have one byte, nothing follows the end. Everything else is a `DerError`; no input
 * whatever makes it throw anything else or read outside its bytes.
 */

import { bytesOf, concat } from './bytes.js';

export class DerError extends Error {
  readonly code = 'DER_MALFORMED';
  override readonly name = 'DerError';
}

/** Identifier octets in use. Context tags are built by `context`. */
export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The identifier octet of a context-specific tag. */
export const context = (number: number, constructed: boolean): number => (constructed ? 0xa0 : 0x80) | number;

export interface DerElement {
  readonly tag: number;
  /** The contents octets. */
  readonly content: Uint8Array;
  /** Identifier, length and contents octets: what a signature covers. */
  readonly bytes: Uint8Array;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Walks the elements of one constructed value. Every `read…` consumes one element or throws `DerError`. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // A plain view: the parts of a Buffer would be Buffers, whose `slice` does not copy.
    this.#bytes =
      bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** A reader of the contents of the one element that `bytes` must be, whole. */
  static whole(bytes: Uint8Array, tag: number): DerReader {
    const reader = new DerReader(bytes);
    const inner = reader.into(tag);
    reader.end();
    return inner;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  any(): DerElement {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f)
      throw new DerError('a tag number above 30 is not used in any format read here');
    const length = this.#length();
    const from = this.#at;
    if (length > this.#bytes.length - from) throw new DerError('an element is longer than what contains it');
    this.#at = from + length;
    return {
      tag,
      content: this.#bytes.subarray(from, this.#at),
      bytes: this.#bytes.subarray(start, this.#at),
    };
  }

  element(tag: number): DerElement {
    const found = this.nextTag;
    if (found !== tag) {
      throw new DerError(
        `expected tag ${hexTag(tag)}, found ${found === undefined ? 'the end' : hexTag(found)}`,
      );
    }
    return this.any();
  }

  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.any() : undefined;
  }

  into(tag: number): DerReader {
    return new DerReader(this.element(tag).content);
  }

  intoOptional(tag: number): DerReader | undefined {
    const element = this.optional(tag);
    return element && new DerReader(element.content);
  }

  end(): void {
    if (!this.done) throw new DerError('there are bytes after the last element');
  }

  boolean(): boolean {
    const { content } = this.element(Tag.boolean);
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
      throw new DerError('a boolean is 00 or FF');
    return content[0] === 0xff;
  }

  integer(tag: number = Tag.integer): bigint {
    return decodeInteger(this.element(tag).content);
  }

  /** An integer between 0 and 2^53 − 1. */
  count(): number {
    const value = this.integer();
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
      throw new DerError('a count is out of its range');
    return Number(value);
  }

  octets(): Uint8Array {
    return this.element(Tag.octetString).content;
  }

  /** A bit string of whole octets. */
  bits(): Uint8Array {
    const { content } = this.element(Tag.bitString);
    if (content[0] !== 0) throw new DerError('a bit string of whole octets was expected');
    return content.subarray(1);
  }

  oid(): string {
    return decodeOid(this.element(Tag.oid).content);
  }

  utf8(): string {
    return decodeUtf8(this.element(Tag.utf8String).content);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new DerError('the encoding ends in the middle of an element');
    this.#at += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError('a length is indefinite or larger than 4 GiB');
    let length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length is not minimal');
    return length;
  }
}

export function decodeUtf8(content: Uint8Array): string {
  try {
    return utf8.decode(content);
  } catch {
    throw new DerError('a text is not UTF-8');
  }
}

/** Two's complement, minimal; at most 64 octets (serial numbers and key parameters are shorter). */
export function decodeInteger(content: Uint8Array): bigint {
  const [first, second] = content;
  if (first === undefined || content.length > 64) throw new DerError('an integer is empty or too long');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerError('an integer is not minimal');
  }
  let value = 0n;
  for (const byte of content) value = (value << 8n) | BigInt(byte);
  return first >= 0x80 ? value - (1n << BigInt(8 * content.length)) : value;
}

/** Dotted text of an object identifier; arcs up to 2^128 (the 2.25 arc holds UUIDs). */
export function decodeOid(content: Uint8Array): string {
  if (content.length === 0 || content.length > 128)
    throw new DerError('an object identifier is empty or too long');
  const arcs: bigint[] = [];
  let arc = 0n;
  let open = false;
  for (const byte of content) {
    if (!open && byte === 0x80) throw new DerError('an object identifier is not minimal');
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    open = byte >= 0x80;
    if (!open) {
      arcs.push(arc);
      arc = 0n;
    }
  }
  if (open) throw new DerError('an object identifier ends in the middle of an arc');
  const [joint = 0n, ...rest] = arcs;
  const root = joint < 40n ? 0n : joint < 80n ? 1n : 2n;
  return [root, joint - root * 40n, ...rest].join('.');
}

// ---- writing -------------------------------------------------------------------------------------------------------

/** One element: identifier, minimal length, contents. */
export function encode(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  if (length < 0x80) return concat([Uint8Array.of(tag, length), content]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return concat([Uint8Array.of(tag, 0x80 | octets.length, ...octets), content]);
}

export const sequence = (...items: readonly Uint8Array[]): Uint8Array => encode(Tag.sequence, concat(items));

/** SET OF: DER orders the encodings as octet strings. */
export function setOf(...items: readonly Uint8Array[]): Uint8Array {
  return encode(Tag.set, concat([...items].sort(compareOctets)));
}

export function integer(value: bigint | number, tag: number = Tag.integer): Uint8Array {
  let rest = BigInt(value);
  const octets: number[] = [];
  do {
    octets.unshift(Number(BigInt.asUintN(8, rest)));
    rest >>= 8n;
  } while (rest !== 0n && rest !== -1n);
  const [top = 0] = octets;
  if (BigInt(value) < 0n ? top < 0x80 : top >= 0x80) octets.unshift(BigInt(value) < 0n ? 0xff : 0);
  return encode(tag, Uint8Array.from(octets));
}

export const enumerated = (value: number): Uint8Array => integer(value, Tag.enumerated);

/** Encodings of the few identifiers that formats use again and again; bounded, because others come from outside. */
const knownOids = new Map<string, Uint8Array>();
const maxKnownOids = 128;

/** @throws DerError when `dotted` is not an object identifier */
export function oid(dotted: string): Uint8Array {
  const known = knownOids.get(dotted);
  if (known) return known.slice();
  const fresh = encodeOid(dotted);
  if (knownOids.size < maxKnownOids) knownOids.set(dotted, fresh.slice());
  return fresh;
}

function encodeOid(dotted: string): Uint8Array {
  if (!isOid(dotted)) throw new DerError(`not an object identifier: ${dotted}`);
  const [root = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt);
  const octets = [root * 40n + second, ...rest].flatMap((arc) => {
    const groups = [Number(arc & 0x7fn)];
    for (let high = arc >> 7n; high > 0n; high >>= 7n) groups.unshift(Number(high & 0x7fn) | 0x80);
    return groups;
  });
  return encode(Tag.oid, Uint8Array.from(octets));
}

/** Whether `dotted` names an object identifier: two arcs or more, root 0–2, second arc below 40 under roots 0 and 1. */
export function isOid(dotted: string): boolean {
  if (dotted.length > 200 || !/^[0-2](\.(0|[1-9][0-9]*))+$/.test(dotted)) return false;
  const [root, second] = dotted.split('.').map(BigInt);
  return root === 2n || (second ?? 40n) < 40n;
}

export const octetString = (content: Uint8Array): Uint8Array => encode(Tag.octetString, content);
export const bitString = (content: Uint8Array, unused = 0): Uint8Array =>
  encode(Tag.bitString, concat([Uint8Array.of(unused), content]));
export const utf8String = (text: string): Uint8Array => encode(Tag.utf8String, bytesOf(text));
export const boolean = (value: boolean): Uint8Array => encode(Tag.boolean, Uint8Array.of(value ? 0xff : 0));
export const derNull = (): Uint8Array => encode(Tag.null, new Uint8Array(0));
export const explicit = (number: number, item: Uint8Array): Uint8Array => encode(context(number, true), item);

/** The same element under another identifier octet (implicit tagging, and a SET signed in place of its [0]). */
export function retag(tag: number, element: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(element);
  copy[0] = tag;
  return copy;
}

function compareOctets(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const hexTag = (tag: number): string => tag.toString(16).padStart(2, '0');

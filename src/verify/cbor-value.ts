/** The values, limits and errors of the CBOR profile, and the order of map keys: what encoder and decoder share. */

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

export const MAJOR_UINT = 0;
export const MAJOR_NINT = 1;
export const MAJOR_BYTES = 2;
export const MAJOR_TEXT = 3;
export const MAJOR_ARRAY = 4;
export const MAJOR_MAP = 5;
export const MAJOR_SIMPLE = 7;

export const FALSE = 0xf4;
export const TRUE = 0xf5;
export const NULL = 0xf6;

export const TWO_32 = 0x1_0000_0000;

/** Strings up to this length are first tried as ASCII, which is faster than a call into the platform. */
export const ASCII_ATTEMPT = 64;

const utf8 = new TextEncoder();

/**
 * Order of map keys: bytewise order of their encodings (RFC 8949 §4.2.1), which for text is shorter UTF-8 first, then
 * bytewise. UTF-16 code units order ASCII alike; beyond ASCII the bytes decide.
 */
export function compareKeys(a: string, b: string): number {
  return isAscii(a) && isAscii(b)
    ? compareAsciiKeys(a, b)
    : compareEncodedKeys(utf8.encode(a), utf8.encode(b));
}

export function compareAsciiKeys(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareEncodedKeys(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/**
 * The one encoding of everything that is hashed or signed: deterministic CBOR (RFC 8949 §4.2.1) in a closed profile of
 * integers, byte strings, text, arrays, maps with text keys, booleans and null. No floats, no tags, nothing indefinite.
 *
 * Invariant: `decode` accepts exactly the byte strings that `encode` makes. A value therefore has one encoding and an
 * encoding one value, so that a signature over the bytes is a signature over the meaning.
 */

export { decode } from './cbor-decode.js';
export { encode } from './cbor-encode.js';
export {
  CborError,
  DEFAULT_CBOR_LIMITS,
  compareKeys,
  type CborErrorCode,
  type CborInput,
  type CborLimits,
  type CborMap,
  type CborObject,
  type CborValue,
} from './cbor-value.js';

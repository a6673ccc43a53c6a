/**
 * The extension fields of NTS-protected NTP (RFC 8915 §5): how a question is put together, and what of an answer may be
 * believed once it is decrypted. No cryptography here: sealing and opening are done by the caller.
 *
 * Invariant: the decoders are total and bounded; everything in an answer that is neither under the authenticator nor the
 * identifier is ignored.
 */

import { MAX_PACKET_BYTES, NTP_HEADER_BYTES } from './ntp-packet.js';
import { MAX_COOKIES, MAX_COOKIE_BYTES } from './nts-records.js';

export const fieldTypes = {
  uniqueIdentifier: 0x0104,
  cookie: 0x0204,
  cookiePlaceholder: 0x0304,
  authenticator: 0x0404,
} as const;

export const UNIQUE_IDENTIFIER_BYTES = 32;
/** Nonce of AES-SIV; any length is possible, 16 is what servers expect at least (§5.6). */
export const NONCE_BYTES = 16;
/** Synthetic IV in front of the ciphertext. */
const TAG_BYTES = 16;
const FIELD_HEADER_BYTES = 4;
const MIN_FIELD_BYTES = 16;

const padded = (length: number): number => (length + 3) & ~3;

export interface ExtensionField {
  readonly type: number;
  readonly body: Uint8Array;
  /** Where the field begins in the bytes that were read. */
  readonly at: number;
}

/** Fields from `from` to the end; null if one is malformed. */
export function readFields(
  bytes: Uint8Array,
  from: number,
  minBytes: number,
): readonly ExtensionField[] | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields: ExtensionField[] = [];
  let at = from;
  while (at < bytes.length) {
    if (bytes.length - at < FIELD_HEADER_BYTES) return null;
    const length = view.getUint16(at + 2);
    if (length < minBytes || length % 4 !== 0 || length > bytes.length - at) return null;
    fields.push({ type: view.getUint16(at), body: bytes.subarray(at + FIELD_HEADER_BYTES, at + length), at });
    at += length;
  }
  return fields;
}

/** A field with its body, padded with zeros. */
export function encodeField(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(MIN_FIELD_BYTES, FIELD_HEADER_BYTES + padded(body.length)));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, bytes.length);
  bytes.set(body, FIELD_HEADER_BYTES);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Placeholders that may be sent: as many as there are cookies missing, as long as the answer, in which each of them comes
 * back as a cookie, still fits.
 */
export function placeholdersFor(cookiesLeft: number, cookieBytes: number): number {
  const field = FIELD_HEADER_BYTES + padded(cookieBytes);
  const fixed =
    NTP_HEADER_BYTES +
    (FIELD_HEADER_BYTES + UNIQUE_IDENTIFIER_BYTES) +
    (FIELD_HEADER_BYTES + FIELD_HEADER_BYTES + NONCE_BYTES + TAG_BYTES);
  const fit = Math.floor((MAX_PACKET_BYTES - fixed) / field) - 1;
  return Math.max(0, Math.min(MAX_COOKIES - cookiesLeft - 1, fit));
}

/** Header and fields that the authenticator of a question covers. */
export function questionBody(
  header: Uint8Array,
  uniqueIdentifier: Uint8Array,
  cookie: Uint8Array,
  placeholders: number,
): Uint8Array {
  const placeholder = encodeField(fieldTypes.cookiePlaceholder, new Uint8Array(cookie.length));
  return concat([
    header,
    encodeField(fieldTypes.uniqueIdentifier, uniqueIdentifier),
    encodeField(fieldTypes.cookie, cookie),
    ...Array.from({ length: placeholders }, () => placeholder),
  ]);
}

/** `message` with the authenticator field behind it. */
export function appendAuthenticator(
  message: Uint8Array,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const body = new Uint8Array(4 + padded(nonce.length) + padded(ciphertext.length));
  const view = new DataView(body.buffer);
  view.setUint16(0, nonce.length);
  view.setUint16(2, ciphertext.length);
  body.set(nonce, 4);
  body.set(ciphertext, 4 + padded(nonce.length));
  return concat([message, encodeField(fieldTypes.authenticator, body)]);
}

/** What of an answer is to be opened: `associated` and `ciphertext` under `nonce`. */
export interface SealedAnswer {
  readonly associated: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

function sealedParts({ body }: ExtensionField): { nonce: Uint8Array; ciphertext: Uint8Array } | null {
  if (body.length < 4) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const nonceBytes = view.getUint16(0);
  const ciphertextBytes = view.getUint16(2);
  const ciphertextAt = 4 + padded(nonceBytes);
  if (nonceBytes === 0 || ciphertextBytes < TAG_BYTES) return null;
  if (ciphertextAt + padded(ciphertextBytes) > body.length) return null;
  return {
    nonce: body.subarray(4, 4 + nonceBytes),
    ciphertext: body.subarray(ciphertextAt, ciphertextAt + ciphertextBytes),
  };
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((octet, i) => octet === b[i]);

/** Whether a datagram carries the identifier of the question: without it nothing in it is looked at. */
export function carriesIdentifier(datagram: Uint8Array, uniqueIdentifier: Uint8Array): boolean {
  const fields = readFields(datagram, NTP_HEADER_BYTES, MIN_FIELD_BYTES);
  const found = fields?.filter(({ type }) => type === fieldTypes.uniqueIdentifier);
  return found?.length === 1 && found[0] !== undefined && sameBytes(found[0].body, uniqueIdentifier);
}

/** The sealed part of an answer to the question with this identifier; null if it is no such answer. */
export function sealedAnswer(datagram: Uint8Array, uniqueIdentifier: Uint8Array): SealedAnswer | null {
  const fields = readFields(datagram, NTP_HEADER_BYTES, MIN_FIELD_BYTES);
  const authenticator = fields?.find(({ type }) => type === fieldTypes.authenticator);
  if (fields === null || authenticator === undefined) return null;
  // The identifier must be under the authenticator: it is all that ties the answer to the question.
  const identifiers = fields.filter(({ type }) => type === fieldTypes.uniqueIdentifier);
  const [identifier] = identifiers;
  if (identifiers.length !== 1 || identifier === undefined || identifier.at > authenticator.at) return null;
  if (!sameBytes(identifier.body, uniqueIdentifier)) return null;
  const parts = sealedParts(authenticator);
  return parts === null ? null : { associated: datagram.subarray(0, authenticator.at), ...parts };
}

/** The cookies in what an answer's ciphertext opened to; null if it is malformed. Other fields are stepped over. */
export function cookiesIn(plaintext: Uint8Array): readonly Uint8Array[] | null {
  const fields = readFields(plaintext, 0, FIELD_HEADER_BYTES);
  if (fields === null) return null;
  return fields
    .filter(
      ({ type, body }) => type === fieldTypes.cookie && body.length > 0 && body.length <= MAX_COOKIE_BYTES,
    )
    .slice(0, MAX_COOKIES)
    .map(({ body }) => body.slice());
}

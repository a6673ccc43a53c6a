/**
 * C2SP signed notes: a text, a blank line, and signature lines. Reading is strict: what `formatNote` would not have
 * written is refused, so that a note has one form.
 *
 * @see https://c2sp.org/signed-note
 */

import { fromBase64, toBase64 } from './base64.js';
import { bytesOf, concat, hexOf } from './bytes.js';
import { sha256 } from './crypto.js';

export const SIGNATURE_TYPE_ED25519 = 0x01;
export const SIGNATURE_TYPE_COSIGNATURE_V1 = 0x04;

export const MAX_NOTE_BYTES = 64 * 1024;
export const MAX_NOTE_SIGNATURES = 64;

export const ED25519_KEY_BYTES = 32;
const KEY_ID_BYTES = 4;

export interface NoteSignature {
  readonly name: string;
  /** 8 hexadecimal digits. Short: it finds a key and proves nothing. */
  readonly keyId: string;
  /** What follows the key id; its form depends on the key's type. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** Ends with a newline. These very characters, as UTF-8, are what is signed. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Bytes that are not a signed note, or a key that is not a verifier key. `detail` says what is wrong. */
export class NoteError extends Error {
  override readonly name = 'NoteError';
  readonly code = 'NOTE_MALFORMED';
}

/** SHA-256(name ‖ '\n' ‖ type ‖ key), the first four bytes, in hexadecimal. */
export function keyIdOf(name: string, signatureType: number, key: Uint8Array): string {
  const digest = sha256(concat([bytesOf(`${name}\n`), Uint8Array.of(signatureType), key]));
  return hexOf(digest.subarray(0, KEY_ID_BYTES));
}

export function formatNote(note: Note): Uint8Array {
  return bytesOf(`${note.text}\n${note.signatures.map(formatSignature).join('')}`);
}

function formatSignature({ name, keyId, signature }: NoteSignature): string {
  return `— ${name} ${toBase64(concat([keyIdBytes(keyId), signature]))}\n`;
}

function keyIdBytes(keyId: string): Uint8Array {
  return Uint8Array.from({ length: KEY_ID_BYTES }, (_, i) =>
    Number.parseInt(keyId.slice(2 * i, 2 * i + 2), 16),
  );
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u;

/** @throws NoteError */
export function parseNote(bytes: Uint8Array): Note {
  if (bytes.length > MAX_NOTE_BYTES) throw new NoteError(`the note exceeds ${MAX_NOTE_BYTES} bytes`);
  const whole = decodeText(bytes);
  if (hasControlCharacters(whole)) throw new NoteError('the note holds control characters');
  // Signature lines are never empty, so the last blank line is where they begin.
  const blank = whole.lastIndexOf('\n\n');
  if (blank === -1 || !whole.endsWith('\n')) throw new NoteError('the note has no signatures');
  const lines = whole.slice(blank + 2, -1).split('\n');
  if (lines.length > MAX_NOTE_SIGNATURES) throw new NoteError(`more than ${MAX_NOTE_SIGNATURES} signatures`);
  return { text: whole.slice(0, blank + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
  const payload = encoded === undefined ? null : fromBase64(encoded);
  if (name === undefined || payload === null || payload.length <= KEY_ID_BYTES) {
    throw new NoteError('a signature line is malformed');
  }
  return { name, keyId: hexOf(payload.subarray(0, KEY_ID_BYTES)), signature: payload.subarray(KEY_ID_BYTES) };
}

function decodeText(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new NoteError('the note is not UTF-8');
  }
}

function hasControlCharacters(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return true;
  }
  return false;
}

/** A public key as other tools take it: `<name>+<key id>+<base64(type ‖ key)>`. */
export interface VerifierKey {
  readonly name: string;
  readonly signatureType: number;
  readonly key: Uint8Array;
}

export function formatVerifierKey({ name, signatureType, key }: VerifierKey): string {
  const encoded = toBase64(concat([Uint8Array.of(signatureType), key]));
  return `${name}+${keyIdOf(name, signatureType, key)}+${encoded}`;
}

/** @throws NoteError when the text is not a key or its id is not the one of its name, type and key */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name, keyId, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(text) ?? [];
  const payload = encoded === undefined ? null : fromBase64(encoded);
  const signatureType = payload?.[0];
  if (name === undefined || payload === null || signatureType === undefined) {
    throw new NoteError('not a verifier key of the form <name>+<id>+<base64>');
  }
  const key = payload.subarray(1);
  if (keyIdOf(name, signatureType, key) !== keyId)
    throw new NoteError('the id of the verifier key is not its own');
  return { name, signatureType, key };
}

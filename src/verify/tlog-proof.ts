/**
 * C2SP tlog-proof: the textual form of an inclusion proof with its checkpoint, which other tools verify.
 *
 * @see https://c2sp.org/tlog-proof
 */

import { fromBase64, toBase64 } from './base64.js';
import { bytesOf, concat } from './bytes.js';
import { HASH_BYTES } from './merkle.js';
import { MAX_NOTE_BYTES, NoteError } from './note.js';

export interface TlogProof {
  readonly index: number;
  /** Audit path from the leaf's sibling upwards. */
  readonly path: readonly Uint8Array[];
  /** The checkpoint note, verbatim. */
  readonly checkpoint: Uint8Array;
  /** Not authenticated by anything: never a fact. */
  readonly extra?: Uint8Array;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
/** Longest audit path of a tree below 2^53 leaves. */
export const MAX_PATH_HASHES = 53;
const MAX_PROOF_BYTES = 2 * MAX_NOTE_BYTES;

export function formatTlogProof({ index, path, checkpoint, extra }: TlogProof): Uint8Array {
  const lines = [HEADER];
  if (extra !== undefined) lines.push(`extra ${toBase64(extra)}`);
  lines.push(`index ${index}`, ...path.map(toBase64), '', '');
  return concat([bytesOf(lines.join('\n')), checkpoint]);
}

/** @throws NoteError. The checkpoint is handed back unread. */
export function parseTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > MAX_PROOF_BYTES) throw new NoteError(`the proof exceeds ${MAX_PROOF_BYTES} bytes`);
  const end = findBlankLine(bytes);
  if (end === -1) throw new NoteError('the proof has no checkpoint');
  const lines = asciiOf(bytes.subarray(0, end)).split('\n');
  if (lines.shift() !== HEADER) throw new NoteError(`the first line is not ${HEADER}`);
  const checkpoint = bytes.slice(end + 2);
  const extra = readExtra(lines);
  const index = readIndex(lines.shift());
  if (lines.length > MAX_PATH_HASHES) throw new NoteError(`more than ${MAX_PATH_HASHES} hashes`);
  const path = lines.map(readHash);
  return extra === undefined ? { index, path, checkpoint } : { index, path, checkpoint, extra };
}

function readExtra(lines: string[]): Uint8Array | undefined {
  if (lines[0]?.startsWith('extra ') !== true) return undefined;
  const extra = fromBase64((lines.shift() ?? '').slice('extra '.length));
  if (extra === null) throw new NoteError('the extra line is not base64');
  return extra;
}

function readIndex(line: string | undefined): number {
  const [, digits] = /^index (0|[1-9][0-9]{0,15})$/.exec(line ?? '') ?? [];
  const index = Number(digits);
  if (digits === undefined || !Number.isSafeInteger(index))
    throw new NoteError('the index line is malformed');
  return index;
}

function readHash(line: string): Uint8Array {
  const hash = fromBase64(line);
  if (hash?.length !== HASH_BYTES) throw new NoteError('a hash of the path is not 32 bytes of base64');
  return hash;
}

function findBlankLine(bytes: Uint8Array): number {
  for (let i = 0; i + 1 < bytes.length; i++) if (bytes[i] === 0x0a && bytes[i + 1] === 0x0a) return i;
  return -1;
}

function asciiOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    if (byte > 0x7e || (byte < 0x20 && byte !== 0x0a))
      throw new NoteError('the proof holds other than ASCII text');
    text += String.fromCharCode(byte);
  }
  return text;
}

/**
 * The Raft record on disk: a block of consecutive entries, one value of the database.
 *
 *   0  magic "TRB1"          the last byte is the version
 *   4  count u32             entries in the block, ≥ 1
 *   8  first index u64
 *  16  previous hash [32]    hash of the block before it; zeros before the first
 *  48  entries               term u64, cluster time i64 (TAI ns), kind u8, length u32, payload
 *  …   hash [32]             SHA-256 over everything before it
 *
 * All integers are big-endian. The hash of one block stands in the next: a block that is missing, stale or from
 * another history does not fit, whatever the database says about its own integrity.
 */

import type { Entry, EntryKind, LogIndex, Term } from '../raft/types.js';
import { equalBytes } from '../verify/bytes.js';
import { sha256 } from '../verify/crypto.js';

const MAGIC = 0x54524231; // "TRB1"
const HEADER = 48;
const ENTRY_HEADER = 21;
const HASH = 32;

/** Codes are never reused. */
const kindCodes: Record<EntryKind, number> = { command: 1, noop: 2, config: 3 };
const kindOf = new Map(Object.entries(kindCodes).map(([kind, code]) => [code, kind as EntryKind]));

/** Stands before the first block. */
export const NO_HASH: Uint8Array = new Uint8Array(HASH);

export interface Block {
  readonly firstIndex: LogIndex;
  readonly previousHash: Uint8Array;
  readonly entries: readonly Entry[];
  readonly hash: Uint8Array;
}

/** @param entries consecutive, at least one */
export function encodeBlock(
  previousHash: Uint8Array,
  entries: readonly Entry[],
): { readonly value: Uint8Array; readonly hash: Uint8Array } {
  const first = entries[0];
  if (first === undefined) throw new RangeError('a block holds at least one entry');
  const size = entries.reduce((sum, entry) => sum + ENTRY_HEADER + entry.payload.length, HEADER + HASH);
  const value = Buffer.allocUnsafe(size);
  value.writeUInt32BE(MAGIC, 0);
  value.writeUInt32BE(entries.length, 4);
  writeUint53(value, first.index, 8);
  value.set(previousHash, 16);
  let at = HEADER;
  for (const entry of entries) {
    writeUint53(value, entry.term, at);
    value.writeBigInt64BE(entry.time, at + 8);
    value[at + 16] = kindCodes[entry.kind];
    value.writeUInt32BE(entry.payload.length, at + 17);
    value.set(entry.payload, at + ENTRY_HEADER);
    at += ENTRY_HEADER + entry.payload.length;
  }
  const hash = sha256(value.subarray(0, at));
  value.set(hash, at);
  return { value, hash };
}

/** Null when the bytes are not a whole, unchanged block. Payloads are views of `value`. */
export function decodeBlock(value: Uint8Array): Block | null {
  if (value.length < HEADER + HASH) return null;
  const end = value.length - HASH;
  const hash = value.subarray(end);
  if (!equalBytes(sha256(value.subarray(0, end)), hash)) return null;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  if (view.getUint32(0) !== MAGIC) return null;
  const firstIndex = readUint53(view, 8) as LogIndex;
  const entries = decodeEntries(value, view, end, firstIndex, view.getUint32(4));
  return entries === null ? null : { firstIndex, previousHash: value.subarray(16, HEADER), entries, hash };
}

function decodeEntries(
  value: Uint8Array,
  view: DataView,
  end: number,
  firstIndex: number,
  count: number,
): Entry[] | null {
  const entries: Entry[] = [];
  let at = HEADER;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_HEADER > end) return null;
    const kind = kindOf.get(view.getUint8(at + 16));
    const payloadAt = at + ENTRY_HEADER;
    const next = payloadAt + view.getUint32(at + 17);
    if (kind === undefined || next > end) return null;
    entries.push({
      index: (firstIndex + i) as LogIndex,
      term: readUint53(view, at) as Term,
      kind,
      time: view.getBigInt64(at + 8),
      payload: value.subarray(payloadAt, next),
    });
    at = next;
  }
  return at === end && count > 0 ? entries : null;
}

/** An integer below 2^53 as u64, without the detour over bigint. */
export function writeUint53(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  target.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

export function readUint53(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}

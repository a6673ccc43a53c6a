/**
 * A small value that is overwritten often and must never fall back to an older one: two slots, written in turn, each in
 * two copies a page apart.
 *
 *   page 0, 1: slot 0    page 2, 3: slot 1    (4096 bytes a page, one record at its start)
 *   record: magic "TSL1", kind u8, generation u64, incarnation [16], length u16, payload, CRC-32 of all before
 *
 * A record fits a 512-byte sector, so a crash in the middle of a write leaves each copy old or new, never mixed: a copy
 * whose checksum fails is damage, not a torn write. One damaged copy is made good by its twin. When both copies of a
 * slot are damaged the newest value may be gone, and reading refuses: a guard or witness that goes back is worse than none.
 */

import { open, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { equalBytes } from '../verify/bytes.js';
import { writeFileAtomically } from './atomic-file.js';
import { readUint53, writeUint53 } from './log-block.js';

const PAGE = 4096;
const PAGES = 4;
const MAGIC = 0x54534c31; // "TSL1"
const HEADER = 31;
/** Largest payload: the record stays within one sector. */
const MAX_PAYLOAD = 512 - HEADER - 4;

export type SlotKind = 'guard' | 'witness';
const kindCodes: Record<SlotKind, number> = { guard: 1, witness: 2 };

/** Why a slot file cannot be trusted. ./guard.ts and ./witness-file.ts translate it into their own error. */
export class SlotFileError extends Error {
  override readonly name = 'SlotFileError';
}

export interface SlotFile {
  /** The newest value when the file was opened, or the last one written. */
  readonly payload: Uint8Array;
  /** Resolves after fdatasync. One call at a time. After a failure every further call fails. */
  write(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

interface Slot {
  readonly generation: number;
  readonly payload: Uint8Array;
}

/** Creates or replaces the file durably, both slots filled. */
export async function createSlotFile(
  path: string,
  kind: SlotKind,
  incarnation: Uint8Array,
  payload: Uint8Array,
): Promise<void> {
  // In file order: generation 2 is the even slot.
  const pages = [2, 1].map((generation) => slotPages(kind, incarnation, { generation, payload }));
  await writeFileAtomically(path, Buffer.concat(pages));
}

/** @throws SlotFileError when the newest value cannot be established, or belongs to another node. */
export async function openSlotFile(
  path: string,
  kind: SlotKind,
  incarnation: Uint8Array,
  options: { readonly readOnly: boolean },
): Promise<SlotFile> {
  const file = await open(path, options.readOnly ? 'r' : 'r+');
  try {
    const { newest, whole } = newestOf(await readAll(file), kind, incarnation);
    const opened = new OpenSlotFile(file, kind, incarnation, newest);
    if (!whole && !options.readOnly) {
      // The newest value may stand in one copy only. Writing it to both slots makes four of it again.
      await opened.write(newest.payload);
      await opened.write(newest.payload);
    }
    return opened;
  } catch (error) {
    await file.close();
    throw error;
  }
}

class OpenSlotFile implements SlotFile {
  readonly #file: FileHandle;
  readonly #kind: SlotKind;
  readonly #incarnation: Uint8Array;
  #newest: Slot;
  #failed: Error | null = null;

  constructor(file: FileHandle, kind: SlotKind, incarnation: Uint8Array, newest: Slot) {
    this.#file = file;
    this.#kind = kind;
    this.#incarnation = incarnation;
    this.#newest = newest;
  }

  get payload(): Uint8Array {
    return this.#newest.payload;
  }

  async write(payload: Uint8Array): Promise<void> {
    if (this.#failed !== null) throw this.#failed;
    const slot: Slot = { generation: this.#newest.generation + 1, payload: payload.slice() };
    const bytes = slotPages(this.#kind, this.#incarnation, slot);
    try {
      const { bytesWritten } = await this.#file.write(bytes, 0, bytes.length, slotOffset(slot.generation));
      if (bytesWritten !== bytes.length) throw new Error(`${bytesWritten} of ${bytes.length} bytes written`);
      // The file never changes its size, so there is no metadata to sync.
      await this.#file.datasync();
    } catch (error) {
      this.#failed = error instanceof Error ? error : new Error(String(error));
      throw this.#failed;
    }
    this.#newest = slot;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

const slotOffset = (generation: number): number => (generation % 2) * 2 * PAGE;

function slotPages(kind: SlotKind, incarnation: Uint8Array, slot: Slot): Buffer {
  if (slot.payload.length > MAX_PAYLOAD) throw new RangeError(`a slot holds at most ${MAX_PAYLOAD} bytes`);
  if (incarnation.length !== 16) throw new RangeError('an incarnation has 16 bytes');
  const record = Buffer.alloc(PAGE);
  record.writeUInt32BE(MAGIC, 0);
  record[4] = kindCodes[kind];
  writeUint53(record, slot.generation, 5);
  record.set(incarnation, 13);
  record.writeUInt16BE(slot.payload.length, 29);
  record.set(slot.payload, HEADER);
  const end = HEADER + slot.payload.length;
  record.writeUInt32BE(crc32(record.subarray(0, end)), end);
  return Buffer.concat([record, record]);
}

async function readAll(file: FileHandle): Promise<Buffer> {
  const bytes = Buffer.alloc(PAGES * PAGE + 1);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  if (bytesRead !== PAGES * PAGE) throw new SlotFileError(`the file has not ${PAGES * PAGE} bytes`);
  return bytes.subarray(0, bytesRead);
}

function newestOf(
  bytes: Buffer,
  kind: SlotKind,
  incarnation: Uint8Array,
): { readonly newest: Slot; readonly whole: boolean } {
  const copies = Array.from({ length: PAGES }, (_, page) =>
    readRecord(bytes.subarray(page * PAGE, (page + 1) * PAGE), kind, incarnation),
  );
  const slots = [0, 2].map((page) => newer(copies[page] ?? null, copies[page + 1] ?? null));
  const [even, odd] = slots;
  if (!even || !odd)
    throw new SlotFileError('both copies of a slot are damaged: the newest value may be lost');
  const [older, newest] = even.generation < odd.generation ? [even, odd] : [odd, even];
  // Slots are written in turn; anything else is a file that was put together from two.
  if (newest.generation !== older.generation + 1) throw new SlotFileError('the generations do not follow');
  const whole = copies.every((copy, page) => copy?.generation === slots[page >> 1]?.generation);
  return { newest, whole };
}

/** After a crash between the copies the slot holds its next value once: that write was never acknowledged, but it stands. */
function newer(a: Slot | null, b: Slot | null): Slot | null {
  if (a === null || b === null) return a ?? b;
  return a.generation >= b.generation ? a : b;
}

function readRecord(page: Buffer, kind: SlotKind, incarnation: Uint8Array): Slot | null {
  const end = HEADER + page.readUInt16BE(29);
  if (end - HEADER > MAX_PAYLOAD) return null;
  if (page.readUInt32BE(end) !== crc32(page.subarray(0, end)) || page.readUInt32BE(0) !== MAGIC) return null;
  if (page[4] !== kindCodes[kind]) throw new SlotFileError(`the file is not a ${kind} file`);
  if (!equalBytes(page.subarray(13, 29), incarnation)) {
    throw new SlotFileError('the file belongs to another node or an earlier incarnation of this one');
  }
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  return { generation: readUint53(view, 5), payload: Uint8Array.from(page.subarray(HEADER, end)) };
}

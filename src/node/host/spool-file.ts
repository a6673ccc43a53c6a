/**
 * The spool on disk: `TSP1`, then items, each behind its length and CRC-32 (32 bits each, big-endian). An append is done
 * when it is synced. A start reads up to the first item that is not whole: a crash in the middle of an append leaves
 * exactly that, and what was not synced was never promised.
 */

import { mkdirSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { SpoolStore } from '../environment.js';

const MAGIC = Buffer.from('TSP1', 'ascii');
const HEAD_BYTES = 8;
/** The largest record, with room to spare. */
export const MAX_ITEM_BYTES = 65_536;

/** The whole items of a spool file, and how far they reach; null if it is none. */
export function readSpool(
  bytes: Uint8Array,
): { readonly items: readonly Uint8Array[]; readonly end: number } | null {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const items: Uint8Array[] = [];
  let at = MAGIC.length;
  while (at + HEAD_BYTES <= file.length) {
    const length = file.readUInt32BE(at);
    const item = file.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (length === 0 || length > MAX_ITEM_BYTES || item.length !== length) break;
    if (crc32(item) !== file.readUInt32BE(at + 4)) break;
    items.push(new Uint8Array(item));
    at += HEAD_BYTES + length;
  }
  return { items, end: at };
}

export function spoolItem(item: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(HEAD_BYTES + item.length);
  framed.writeUInt32BE(item.length, 0);
  framed.writeUInt32BE(crc32(item), 4);
  framed.set(item, HEAD_BYTES);
  return framed;
}

/** One operation at a time, in the order in which they were asked for. */
export class SpoolFile implements SpoolStore {
  readonly #path: string;
  #file: FileHandle | null = null;
  #end = MAGIC.length;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  }

  load(done: (error: Error | null, items?: readonly Uint8Array[]) => void): void {
    let items: readonly Uint8Array[] = [];
    this.#queue(
      async () => {
        const read = readSpool(await readFile(this.#path).catch(absent));
        items = read?.items ?? [];
        this.#end = read?.end ?? MAGIC.length;
      },
      (error) => done(error, items),
    );
  }

  append(item: Uint8Array, done: (error: Error | null) => void): void {
    this.#queue(async () => {
      const file = await this.#opened();
      const framed = spoolItem(item);
      await file.write(framed, 0, framed.length, this.#end);
      await file.datasync();
      this.#end += framed.length;
    }, done);
  }

  clear(done: (error: Error | null) => void): void {
    this.#queue(async () => {
      const file = await this.#opened();
      await file.truncate(MAGIC.length);
      await file.datasync();
      this.#end = MAGIC.length;
    }, done);
  }

  /** After what was asked for before. */
  async close(): Promise<void> {
    await this.#last;
    await this.#file?.close();
    this.#file = null;
  }

  #queue(operation: () => Promise<void>, done: (error: Error | null) => void): void {
    this.#last = this.#last.then(operation).then(
      () => done(null),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Whatever follows the last whole item is cut off before anything is appended. */
  async #opened(): Promise<FileHandle> {
    if (this.#file !== null) return this.#file;
    const file = await open(this.#path, 'r+').catch(() => open(this.#path, 'w+', 0o600));
    await file.write(MAGIC, 0, MAGIC.length, 0);
    await file.truncate(this.#end);
    await file.sync();
    const directory = await open(dirname(this.#path), 'r');
    await directory.sync();
    await directory.close();
    this.#file = file;
    return file;
  }
}

function absent(error: unknown): Uint8Array {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0);
  throw error;
}

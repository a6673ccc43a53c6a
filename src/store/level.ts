/**
 * The LevelDB engine (classic-level 3): the laboratory's fallback where rocksdb does not load, and a production choice
 * by configuration. LevelDB has no read-only mode: opening for inspection works on a private copy, so that the evidence
 * stays as it was found.
 */

import { cp, link, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import {
  bufferOf,
  type Engine,
  type IterateOptions,
  type KeyRange,
  type Operation,
  type Visit,
} from './kv.js';
import { WRITE_BUFFER_BYTES } from './rocksdb.js';

type Handle = ClassicLevel<Buffer, Buffer>;

/** Entries fetched by one call of an iterator. */
const ITERATOR_ENTRIES = 1000;
const ITERATOR_BYTES = 256 << 10;

export function levelEngine(location: string): Engine {
  let handle: Handle | null = null;
  let privateCopy: string | null = null;
  const db = (): Handle => {
    if (handle === null) throw new Error('the LevelDB engine is not open');
    return handle;
  };
  const dropCopy = async (): Promise<void> => {
    if (privateCopy !== null) await rm(privateCopy, { recursive: true, force: true });
  };
  return {
    name: 'leveldb',
    async open({ readOnly, createIfMissing }) {
      const { ClassicLevel: Level } = await import('classic-level');
      if (readOnly) privateCopy = await copyForReading(location);
      const opened: Handle = new Level(privateCopy ?? location, {
        keyEncoding: 'buffer',
        valueEncoding: 'buffer',
        createIfMissing,
        writeBufferSize: WRITE_BUFFER_BYTES,
      });
      try {
        await opened.open();
      } catch (error) {
        await dropCopy();
        throw error;
      }
      handle = opened;
    },
    batch: (operations, sync) => db().batch(operations.map(toBinding), { sync }),
    // A synced write syncs only the current write-ahead file, not one that was rotated a moment ago. Compacting any
    // range first moves the memtable, and with it all write-ahead files, into synced tables.
    flush: async (marker) => {
      await db().batch([toBinding(marker)], { sync: true });
      await db().compactRange(bufferOf(marker.key), bufferOf(marker.key));
    },
    get: (key) => db().get(bufferOf(key)),
    iterate: (options, visit) => iterate(db(), options, visit),
    clear: (range) => db().clear(rangeOf(range)),
    compact: ({ gte, lt }) => db().compactRange(bufferOf(gte), bufferOf(lt)),
    close: async () => {
      await db().close();
      await dropCopy();
    },
  };
}

async function iterate(db: Handle, options: IterateOptions, visit: Visit): Promise<void> {
  const iterator = db.iterator({
    ...rangeOf(options),
    reverse: options.reverse ?? false,
    limit: options.limit ?? Infinity,
    highWaterMarkBytes: ITERATOR_BYTES,
  });
  const page = Math.min(ITERATOR_ENTRIES, options.limit ?? ITERATOR_ENTRIES);
  try {
    for (;;) {
      const entries = await iterator.nextv(page);
      if (entries.length === 0) return;
      for (const [key, value] of entries) if (!visit(key, value)) return;
    }
  } finally {
    await iterator.close();
  }
}

/** Tables never change once written, so links do; what LevelDB appends to or replaces is copied. */
async function copyForReading(location: string): Promise<string> {
  const names = await readdir(location);
  const copy = await mkdtemp(join(tmpdir(), 'taa-inspect-'));
  try {
    for (const name of names) {
      if (name === 'LOCK') continue;
      const [from, to] = [join(location, name), join(copy, name)];
      if (/\.(ldb|sst)$/.test(name)) await link(from, to).catch(() => cp(from, to));
      else await cp(from, to);
    }
  } catch (error) {
    await rm(copy, { recursive: true, force: true });
    throw error;
  }
  return copy;
}

function toBinding(
  operation: Operation,
): { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer } {
  const key = bufferOf(operation.key);
  return operation.type === 'put'
    ? { type: 'put', key, value: bufferOf(operation.value) }
    : { type: 'del', key };
}

function rangeOf({ gte, lt }: KeyRange): { gte?: Buffer; lt?: Buffer } {
  return { ...(gte && { gte: bufferOf(gte) }), ...(lt && { lt: bufferOf(lt) }) };
}

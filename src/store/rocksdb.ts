/**
 * The RocksDB engine (rocksdb 5.2.1, RocksDB 6.17.3). The package is loaded only in `open`: its prebuilt binary aborts
 * the process on Node ≥ 22, which ./engine.ts finds out beforehand in a child process.
 */

import type { RocksDB } from 'rocksdb';
import { bufferOf, type Engine, type IterateOptions, type KeyRange, type Operation } from './kv.js';

/**
 * One memtable. At most two exist, so the write-ahead files hold at most twice this; ./raft-log.ts relies on it when it
 * decides how far back a start must look for a hole.
 */
export const WRITE_BUFFER_BYTES = 4 << 20;

/** Bytes fetched by one call of an iterator. The default of 16 KiB is a third slower. */
const ITERATOR_BYTES = 256 << 10;

export function rocksdbEngine(location: string): Engine {
  let handle: RocksDB | null = null;
  const db = (): RocksDB => {
    if (handle === null) throw new Error('the RocksDB engine is not open');
    return handle;
  };
  const batch = (operations: readonly Operation[], sync: boolean): Promise<void> =>
    settled((done) => db().batch(operations.map(toBinding), { sync }, done));
  return {
    name: 'rocksdb',
    async open({ readOnly, createIfMissing }) {
      const { default: open } = await import('rocksdb');
      const opened = open(location);
      await settled((done) =>
        opened.open(
          // Hashes and signatures do not compress; trying costs a third of the time that the engine takes for a write.
          { createIfMissing, readOnly, compression: false, writeBufferSize: WRITE_BUFFER_BYTES },
          done,
        ),
      );
      handle = opened;
    },
    batch,
    // A synced write also syncs the older write-ahead files that are still needed.
    flush: (marker) => batch([marker], true),
    get: (key) =>
      new Promise((resolve, reject) => {
        db().get(bufferOf(key), { asBuffer: true }, (error, value) => {
          // The binding reports an absent key as an error whose text begins so (binding.cc, GetWorker).
          if (error instanceof Error && !error.message.startsWith('NotFound')) reject(error);
          else resolve(error instanceof Error ? undefined : value);
        });
      }),
    iterate: (options, visit) => iterate(db(), options, visit),
    clear: (range) => settled((done) => db().clear(rangeOf(range), done)),
    compact: ({ gte, lt }) => settled((done) => db().compactRange(bufferOf(gte), bufferOf(lt), done)),
    close: () => settled((done) => db().close(done)),
  };
}

async function iterate(
  db: RocksDB,
  options: IterateOptions,
  visit: (key: Uint8Array, value: Uint8Array) => boolean,
): Promise<void> {
  const iterator = db.iterator({
    ...rangeOf(options),
    ...(options.reverse === true && { reverse: true }),
    ...(options.limit !== undefined && { limit: options.limit }),
    keyAsBuffer: true,
    valueAsBuffer: true,
    highWaterMark: ITERATOR_BYTES,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      const step = (error: Error | null | undefined, key?: Buffer, value?: Buffer): void => {
        if (error instanceof Error) reject(error);
        else if (key === undefined || value === undefined) resolve();
        else {
          try {
            if (visit(key, value)) iterator.next(step);
            else resolve();
          } catch (thrown) {
            reject(thrown instanceof Error ? thrown : new Error(String(thrown)));
          }
        }
      };
      iterator.next(step);
    });
  } finally {
    await settled((done) => iterator.end(done));
  }
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

/** The binding's callback as a promise. */
function settled(start: (done: (error: Error | null | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

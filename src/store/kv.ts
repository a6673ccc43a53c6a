/**
 * An ordered key-value database, as little of it as the log and the ledger need, and the guards that no engine gives:
 *
 * - nothing reaches a binding before open or after close (rocksdb 5.2.1 ends the process with SIGSEGV);
 * - close waits for all pending work;
 * - the first failed write poisons the store: whatever was still in flight is not acknowledged either, and every later
 *   call fails. After EIO from fdatasync the next unsynced put of RocksDB succeeds, and the pages it would build on may
 *   be gone (Rebello et al., USENIX ATC 2020), so there is no retry.
 *
 * Engines do not verify checksums in iterators: whoever stores a value here puts its own check around it.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { StorageClosedError, StorageFailedError, StoreError, isDiskFull, messageOf } from './errors.js';

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** Keys in bytewise order: `gte` ≤ key < `lt`. An absent bound does not bound. */
export interface KeyRange {
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
}

export interface IterateOptions extends KeyRange {
  /** Descending order. */
  readonly reverse?: boolean;
  /** At most so many keys. */
  readonly limit?: number;
}

/** Return false to stop. Called synchronously; may throw, which ends the iteration with that error. */
export type Visit = (key: Uint8Array, value: Uint8Array) => boolean;

export type EngineName = 'rocksdb' | 'leveldb' | 'memory';

/** What a binding must offer. Not for use beside `openKeyValueStore`, which adds the guards. */
export interface Engine {
  readonly name: EngineName;
  open(options: OpenOptions): Promise<void>;
  /** Atomic. With `sync`, resolves after fdatasync has completed. */
  batch(operations: readonly Operation[], sync: boolean): Promise<void>;
  /** Makes every earlier batch durable. `marker` may be written to get there. */
  flush(marker: Operation): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Sees the state at its start: a consistent snapshot. */
  iterate(options: IterateOptions, visit: Visit): Promise<void>;
  clear(range: KeyRange): Promise<void>;
  compact(range: Required<KeyRange>): Promise<void>;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly readOnly: boolean;
  readonly createIfMissing: boolean;
}

export interface KeyValueStore {
  readonly engine: EngineName;
  batch(operations: readonly Operation[], sync: boolean): Promise<void>;
  flush(marker: Operation): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** The values in the order of the keys. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  iterate(options: IterateOptions, visit: Visit): Promise<void>;
  /** Removes a range. Not atomic and not durable until the next synced batch; slow (tombstones), so never on a hot path. */
  clear(range: KeyRange): Promise<void>;
  compact(range: Required<KeyRange>): Promise<void>;
  /**
   * Waits for pending work; a second call returns the same promise. After a failed write it may never resolve: RocksDB
   * can wait for ever for a flush that a full disk has refused (DBImpl::CloseHelper). `closeAllStores` has a limit.
   */
  close(): Promise<void>;
}

/** @throws StoreError STORAGE_LOCKED when another process or handle has it open, STORAGE_OPEN_FAILED otherwise. */
export async function openKeyValueStore(
  engine: Engine,
  options: OpenOptions = { readOnly: false, createIfMissing: true },
): Promise<KeyValueStore> {
  try {
    await engine.open(options);
  } catch (error) {
    throw error instanceof StoreError ? error : openFailed(engine.name, error);
  }
  const store = new GuardedStore(engine, options.readOnly);
  openStores.add(store);
  return store;
}

/** For the end of the process: an engine's threads must be at rest before the C++ destructors run. */
const openStores = new Set<KeyValueStore>();

/** Closes every store of this process. False when one did not close within the limit. */
export async function closeAllStores(limitMs: number): Promise<boolean> {
  const closing = Promise.allSettled([...openStores].map((store) => store.close())).then(() => true);
  const limit = new AbortController();
  const tooLong = delay(limitMs, false, { signal: limit.signal });
  try {
    return await Promise.race([closing, tooLong]);
  } finally {
    limit.abort();
    tooLong.catch(() => undefined); // the abort
  }
}

function openFailed(name: EngineName, error: unknown): StoreError {
  const text = `${messageOf(error)} ${error instanceof Error ? messageOf(error.cause ?? '') : ''}`;
  if (/lock/i.test(text) && /hold|held|unavailable|already/i.test(text)) {
    return new StoreError(
      'STORAGE_LOCKED',
      `another process has this ${name} database open`,
      'Stop the other process, or give this one its own data directory',
      error,
    );
  }
  if (isDiskFull(text)) return new StorageFailedError(`the ${name} database does not open`, error);
  return new StoreError(
    'STORAGE_OPEN_FAILED',
    `the ${name} database does not open: ${text.trim()}`,
    'Check that the volume is mounted and readable; if the files are damaged, keep a copy and let the node join again with an empty data directory',
    error,
  );
}

class GuardedStore implements KeyValueStore {
  readonly #engine: Engine;
  readonly #readOnly: boolean;
  readonly #pending = new Set<Promise<unknown>>();
  #closing: Promise<void> | null = null;
  #failure: StorageFailedError | null = null;

  constructor(engine: Engine, readOnly: boolean) {
    this.#engine = engine;
    this.#readOnly = readOnly;
  }

  get engine(): EngineName {
    return this.#engine.name;
  }

  batch(operations: readonly Operation[], sync: boolean): Promise<void> {
    return this.#write(sync ? 'a synced batch' : 'a batch', () => this.#engine.batch(operations, sync));
  }

  flush(marker: Operation): Promise<void> {
    return this.#write('a flush', () => this.#engine.flush(marker));
  }

  clear(range: KeyRange): Promise<void> {
    return this.#write('removing a range', () => this.#engine.clear(range));
  }

  compact(range: Required<KeyRange>): Promise<void> {
    return this.#write('a compaction', () => this.#engine.compact(range));
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read('get', () => this.#engine.get(key));
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  iterate(options: IterateOptions, visit: Visit): Promise<void> {
    return this.#read('iterate', () => this.#engine.iterate(options, visit));
  }

  close(): Promise<void> {
    this.#closing ??= this.#drainAndClose();
    return this.#closing;
  }

  async #drainAndClose(): Promise<void> {
    await Promise.allSettled(this.#pending);
    await this.#engine.close();
    openStores.delete(this);
  }

  #write(what: string, work: () => Promise<void>): Promise<void> {
    if (this.#readOnly) {
      return Promise.reject(
        new StoreError(
          'STORAGE_READ_ONLY',
          `${what} on a store opened for inspection`,
          'Open it for writing',
        ),
      );
    }
    return this.#track(what, async () => {
      try {
        await work();
      } catch (error) {
        this.#failure ??= new StorageFailedError(`${what} failed`, error);
      }
      // Also a batch that the engine calls successful is not acknowledged once another has failed.
      if (this.#failure !== null) throw this.#failure;
    });
  }

  #read<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#track(what, async () => {
      try {
        return await work();
      } catch (error) {
        if (error instanceof StoreError) throw error;
        throw new StoreError(
          'STORAGE_READ_FAILED',
          `the ${this.#engine.name} database cannot read: ${messageOf(error)}`,
          'Keep a copy of the data directory for inspection and check the volume',
          error,
        );
      }
    });
  }

  #track<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#closing !== null) return Promise.reject(new StorageClosedError(what));
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const running = work();
    this.#pending.add(running);
    const forget = (): void => {
      this.#pending.delete(running);
    };
    running.then(forget, forget);
    return running;
  }
}

/** A Buffer over the same bytes: the bindings take nothing else. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

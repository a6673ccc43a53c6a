/**
 * The ledger on disk: what the audit log declares in src/audit/storage.ts, over a database of its own. Writes are ordered
 * and atomic but not synced: after a crash the ledger is replayed from the Raft log, from the image that is found.
 */

import type { LedgerImage, LedgerStore, LedgerWrites } from '../audit/storage.js';
import type { DetachedBody } from '../audit/types.js';
import { asError } from './errors.js';
import type { KeyValueStore, Operation } from './kv.js';
import { checkLedgerEnd, verifyLedger } from './ledger-check.js';
import {
  bodyKey,
  bundleKey,
  checkpointKey,
  decodeBody,
  decodeBundle,
  decodeImage,
  decodeTile,
  IMAGE_KEY,
  LEDGER_PREFIXES,
  openedValue,
  operationsOf,
  readingLedger,
  SYNC_KEY,
  tileKey,
} from './ledger-values.js';
import { deliver } from './raft-log.js';
import { seal } from './sealed-value.js';

export interface OpenLedger extends LedgerStore {
  /** Reads every value and looks for missing ones. @throws LedgerDamagedError at the first damage. */
  verifyAll(): Promise<{ readonly values: number }>;
}

/** @throws LedgerDamagedError when the image or one of the youngest values is missing or damaged */
export async function openLedgerStore(store: KeyValueStore): Promise<OpenLedger> {
  await checkLedgerEnd(store);
  return new Ledger(store);
}

class Ledger implements OpenLedger {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    this.#store = store;
  }

  loadImage(done: (error: Error | null, image?: LedgerImage | null) => void): void {
    deliver(this.#get(IMAGE_KEY, 'image', decodeImage), done);
  }

  write(writes: LedgerWrites, done: (error: Error | null) => void): void {
    let operations: readonly Operation[];
    try {
      operations = operationsOf(writes);
    } catch (error) {
      // A caller's mistake (a tile that is not full): nothing was written.
      process.nextTick(done, asError(error));
      return;
    }
    deliver(this.#store.batch(operations, false), done);
  }

  sync(done: (error: Error | null) => void): void {
    deliver(this.#store.flush({ type: 'put', key: SYNC_KEY, value: seal(SYNC_KEY, new Uint8Array()) }), done);
  }

  readBundle(
    index: number,
    done: (error: Error | null, leaves?: readonly Uint8Array[] | null) => void,
  ): void {
    deliver(this.#get(bundleKey(index), `bundle ${index}`, decodeBundle), done);
  }

  readTile(
    level: number,
    index: number,
    done: (error: Error | null, hashes?: Uint8Array | null) => void,
  ): void {
    deliver(this.#get(tileKey(level, index), `tile ${level}/${index}`, decodeTile), done);
  }

  readBody(hash: Uint8Array, done: (error: Error | null, body?: DetachedBody | null) => void): void {
    deliver(
      this.#get(bodyKey(hash), 'body', (payload) => decodeBody(hash, payload)),
      done,
    );
  }

  readCheckpoint(size: number, done: (error: Error | null, note?: Uint8Array | null) => void): void {
    deliver(this.#checkpoint({ gte: checkpointKey(size) }), done);
  }

  newestCheckpoint(done: (error: Error | null, note?: Uint8Array | null) => void): void {
    deliver(this.#checkpoint({ gte: checkpointKey(0), reverse: true }), done);
  }

  verifyAll(): Promise<{ readonly values: number }> {
    return verifyLedger(this.#store);
  }

  async #get<T>(key: Uint8Array, name: string, decode: (payload: Uint8Array) => T | null): Promise<T | null> {
    const value = await readingLedger(this.#store.get(key));
    return value === undefined ? null : openedValue(key, value, name, decode);
  }

  /** The first checkpoint in the range, in its direction. */
  async #checkpoint(range: {
    readonly gte: Uint8Array;
    readonly reverse?: boolean;
  }): Promise<Uint8Array | null> {
    let note: Uint8Array | null = null;
    const all = { lt: Uint8Array.of(LEDGER_PREFIXES.checkpoint + 1), limit: 1 };
    await readingLedger(
      this.#store.iterate({ ...all, ...range }, (key, value) => {
        note = openedValue(key, value, 'checkpoint', (payload) => payload);
        return false;
      }),
    );
    return note;
  }
}

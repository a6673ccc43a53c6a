/**
 * The ledger on disk: what the audit log declares in src/audit/storage.ts, over a database of its own. Writes are ordered
 * and atomic but not synced: after a crash the ledger is replayed from the Raft log, from the image that is found.
 */

import type { LedgerImage, LedgerOrigin, LedgerStore, LedgerWrites } from '../audit/storage.js';
import type { DetachedBody } from '../audit/types.js';
import { asError, LedgerDamagedError } from './errors.js';
import type { KeyValueStore, Operation } from './kv.js';
import { checkLedgerEnd, verifyLedger } from './ledger-check.js';
import {
  bodyKey,
  bundleKey,
  checkpointKey,
  decodeBody,
  decodeFullBundle,
  decodeImage,
  decodeOrigin,
  decodeTile,
  IMAGE_KEY,
  LEDGER_PREFIXES,
  openedValue,
  operationsOf,
  ORIGIN_KEY,
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

/** Remembers outside the database how far the ledger was durable. Implemented by ./guard.ts. */
export interface LedgerGuard {
  readonly state: { readonly ledgerIndex: number };
  note(change: { readonly ledgerIndex: number }): void;
}

/** @throws LedgerDamagedError when the image is older than was durable, or it or a young value is missing or damaged */
export async function openLedgerStore(store: KeyValueStore, guard: LedgerGuard): Promise<OpenLedger> {
  const appliedIndex = await checkLedgerEnd(store);
  const { ledgerIndex } = guard.state;
  if (appliedIndex < ledgerIndex) {
    throw new LedgerDamagedError(
      `the ledger is at entry ${appliedIndex} of the log, but ${ledgerIndex} was durable`,
    );
  }
  return new Ledger(store, guard, appliedIndex);
}

class Ledger implements OpenLedger {
  readonly #store: KeyValueStore;
  readonly #guard: LedgerGuard;
  /** Of the newest image handed to the database. */
  #appliedIndex: number;

  constructor(store: KeyValueStore, guard: LedgerGuard, appliedIndex: number) {
    this.#store = store;
    this.#guard = guard;
    this.#appliedIndex = appliedIndex;
  }

  loadImage(done: (error: Error | null, image?: LedgerImage | null) => void): void {
    deliver(this.#get(IMAGE_KEY, 'image', decodeImage), done);
  }

  loadOrigin(done: (error: Error | null, origin?: LedgerOrigin | null) => void): void {
    deliver(this.#get(ORIGIN_KEY, 'origin', decodeOrigin), done);
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
    deliver(this.#write(operations, writes.image?.appliedIndex), done);
  }

  sync(done: (error: Error | null) => void): void {
    deliver(this.#sync(), done);
  }

  readBundle(
    index: number,
    done: (error: Error | null, leaves?: readonly Uint8Array[] | null) => void,
  ): void {
    deliver(this.#get(bundleKey(index), `bundle ${index}`, decodeFullBundle), done);
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

  readBodies(
    after: Uint8Array,
    maxBytes: number,
    done: (error: Error | null, bodies?: readonly DetachedBody[]) => void,
  ): void {
    deliver(this.#bodies(after, maxBytes), done);
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

  async #write(operations: readonly Operation[], appliedIndex: number | undefined): Promise<void> {
    await this.#store.batch(operations, false);
    if (appliedIndex !== undefined) this.#appliedIndex = appliedIndex;
  }

  async #sync(): Promise<void> {
    // What is written while the flush runs is not covered by it.
    const covered = this.#appliedIndex;
    await this.#store.flush({ type: 'put', key: SYNC_KEY, value: seal(SYNC_KEY, new Uint8Array()) });
    if (covered > this.#guard.state.ledgerIndex) this.#guard.note({ ledgerIndex: covered });
  }

  async #get<T>(key: Uint8Array, name: string, decode: (payload: Uint8Array) => T | null): Promise<T | null> {
    const value = await readingLedger(this.#store.get(key));
    return value === undefined ? null : openedValue(key, value, name, decode);
  }

  async #bodies(after: Uint8Array, maxBytes: number): Promise<readonly DetachedBody[]> {
    const found: DetachedBody[] = [];
    let bytes = 0;
    // The shortest key above that of `after`.
    const gte = Uint8Array.of(...bodyKey(after), 0);
    await readingLedger(
      this.#store.iterate({ gte, lt: Uint8Array.of(LEDGER_PREFIXES.body + 1) }, (key, value) => {
        const hash = key.slice(1);
        const body = openedValue(key, value, 'body', (payload) => decodeBody(hash, payload));
        bytes += body.bytes.length;
        if (found.length > 0 && bytes > maxBytes) return false;
        found.push({ hash, salt: body.salt.slice(), bytes: body.bytes.slice() });
        return true;
      }),
    );
    return found;
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

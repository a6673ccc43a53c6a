/**
 * The ledger on disk: what the audit log declares in src/audit/storage.ts, over a database of its own. Writes are ordered
 * and atomic but not synced: after a crash the ledger is replayed from the Raft log, from the image that is found.
 *
 *   'B' bundle u64           → 256 leaves, each length u32 ‖ bytes
 *   'T' level u8, tile u64   → 256 hashes of 32 bytes
 *   'D' hash [32]            → salt [16] ‖ bytes
 *   'C' tree size u64        → signed note
 *   'I'                      → image (CBOR)     'N' → incarnation     'S' → written by `sync`
 *
 * Every value is sealed (./sealed-value.ts). The hot keys, bundles, ascend: compaction then has nothing to merge.
 */

import type { LedgerImage, LedgerStore, LedgerWrites } from '../audit/storage.js';
import type { DetachedBody } from '../audit/types.js';
import { encode } from '../verify/cbor.js';
import { asBytes, decodeMap } from '../verify/cbor-reader.js';
import { asError, LedgerDamagedError, messageOf, StoreError } from './errors.js';
import type { KeyValueStore, Operation } from './kv.js';
import { writeUint53 } from './log-block.js';
import { deliver } from './raft-log.js';
import { seal, unseal } from './sealed-value.js';

const LEAVES = 256;
const HASH = 32;
const SALT = 16;

const prefix = { bundle: 0x42, tile: 0x54, body: 0x44, checkpoint: 0x43 } as const;
const IMAGE_KEY = Uint8Array.of(0x49);
const SYNC_KEY = Uint8Array.of(0x53);

/** Generous, because the replicated state travels inside; still a bound. */
const IMAGE_LIMITS = { maxBytes: 1 << 30, maxDepth: 16 };

export const bundleKey = (index: number): Uint8Array => uintKey([prefix.bundle], index);
export const tileKey = (level: number, index: number): Uint8Array => uintKey([prefix.tile, level], index);
export const checkpointKey = (size: number): Uint8Array => uintKey([prefix.checkpoint], size);
export const bodyKey = (hash: Uint8Array): Uint8Array => Uint8Array.of(prefix.body, ...hash);

export interface OpenLedger extends LedgerStore {
  /** Checks the seal of every value. @throws LedgerDamagedError at the first damaged one. */
  verifyAll(): Promise<{ readonly values: number }>;
}

export function ledgerStore(store: KeyValueStore): OpenLedger {
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
    const name = `tile ${level}/${index}`;
    deliver(
      this.#get(tileKey(level, index), name, (payload) =>
        payload.length === LEAVES * HASH ? payload : null,
      ),
      done,
    );
  }

  readBody(hash: Uint8Array, done: (error: Error | null, body?: DetachedBody | null) => void): void {
    const decodeBody = (payload: Uint8Array): DetachedBody | null =>
      payload.length < SALT
        ? null
        : { hash: hash.slice(), salt: payload.subarray(0, SALT), bytes: payload.subarray(SALT) };
    deliver(this.#get(bodyKey(hash), 'body', decodeBody), done);
  }

  readCheckpoint(size: number, done: (error: Error | null, note?: Uint8Array | null) => void): void {
    deliver(this.#firstCheckpoint(size), done);
  }

  newestCheckpoint(done: (error: Error | null, note?: Uint8Array | null) => void): void {
    deliver(this.#lastCheckpoint(), done);
  }

  async verifyAll(): Promise<{ readonly values: number }> {
    let values = 0;
    await readingLedger(
      this.#store.iterate({}, (key, value) => {
        opened(key, value, `value under ${Buffer.from(key).toString('hex')}`, (payload) => payload);
        values += 1;
        return true;
      }),
    );
    return { values };
  }

  async #get<T>(key: Uint8Array, name: string, decode: (payload: Uint8Array) => T | null): Promise<T | null> {
    const value = await readingLedger(this.#store.get(key));
    return value === undefined ? null : opened(key, value, name, decode);
  }

  /** Engines iterate forwards only: the last key is found by bisection of the sizes, 53 look-ups whatever the log. */
  async #lastCheckpoint(): Promise<Uint8Array | null> {
    let newest: Uint8Array | null = null;
    let low = 0;
    let high = Number.MAX_SAFE_INTEGER;
    while (low <= high) {
      const middle = low + Math.floor((high - low) / 2);
      const found = await this.#firstCheckpoint(middle);
      if (found === null) high = middle - 1;
      else {
        newest = found;
        low = middle + 1;
      }
    }
    return newest;
  }

  async #firstCheckpoint(size: number): Promise<Uint8Array | null> {
    let note: Uint8Array | null = null;
    const range = { gte: checkpointKey(size), lt: Uint8Array.of(prefix.checkpoint + 1), limit: 1 };
    await readingLedger(
      this.#store.iterate(range, (key, value) => {
        note = opened(key, value, 'checkpoint', (payload) => payload);
        return false;
      }),
    );
    return note;
  }
}

function opened<T>(
  key: Uint8Array,
  value: Uint8Array,
  name: string,
  decode: (payload: Uint8Array) => T | null,
): T {
  const payload = unseal(key, value);
  const decoded = payload === null ? null : decode(payload);
  if (decoded === null) throw new LedgerDamagedError(`the ledger's ${name} is damaged`);
  return decoded;
}

async function readingLedger<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StoreError && error.code !== 'STORAGE_READ_FAILED') throw error;
    throw new LedgerDamagedError(messageOf(error), error);
  }
}

/** @throws RangeError for a tile or bundle that is not full: only full ones are stored on their own. */
function operationsOf(writes: LedgerWrites): readonly Operation[] {
  const operations: Operation[] = [];
  const put = (key: Uint8Array, payload: Uint8Array): void => {
    operations.push({ type: 'put', key, value: seal(key, payload) });
  };
  for (const { index, leaves } of writes.bundles) put(bundleKey(index), encodeBundle(leaves));
  for (const { level, index, hashes } of writes.tiles) {
    if (hashes.length !== LEAVES * HASH) throw new RangeError(`tile ${level}/${index} is not full`);
    put(tileKey(level, index), hashes);
  }
  for (const { hash, salt, bytes } of writes.bodies) {
    if (hash.length !== HASH || salt.length !== SALT)
      throw new RangeError('a body has a hash of 32 and a salt of 16 bytes');
    put(bodyKey(hash), Buffer.concat([salt, bytes]));
  }
  for (const { size, note } of writes.checkpoints) put(checkpointKey(size), note);
  if (writes.image !== undefined) put(IMAGE_KEY, encodeImage(writes.image));
  return operations;
}

function encodeBundle(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length !== LEAVES) throw new RangeError(`a bundle holds ${LEAVES} leaves, not ${leaves.length}`);
  const bytes = Buffer.allocUnsafe(leaves.reduce((sum, leaf) => sum + 4 + leaf.length, 0));
  let at = 0;
  for (const leaf of leaves) {
    bytes.writeUInt32BE(leaf.length, at);
    bytes.set(leaf, at + 4);
    at += 4 + leaf.length;
  }
  return bytes;
}

function decodeBundle(payload: Uint8Array): readonly Uint8Array[] | null {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const leaves: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= payload.length) {
    const next = at + 4 + view.getUint32(at);
    if (next > payload.length) return null;
    leaves.push(payload.subarray(at + 4, next));
    at = next;
  }
  return at === payload.length && leaves.length === LEAVES ? leaves : null;
}

export function encodeImage(image: LedgerImage): Uint8Array {
  return encode({
    v: 1,
    appliedIndex: image.appliedIndex,
    appliedTime: image.appliedTime,
    size: image.size,
    edge: image.edge,
    tail: image.tail,
    state: image.state,
  });
}

export function decodeImage(bytes: Uint8Array): LedgerImage {
  try {
    return decodeMap(
      bytes,
      'image',
      (reader) => {
        const version = reader.uint('v');
        if (version !== 1) throw new LedgerDamagedError(`the ledger's image has unknown version ${version}`);
        return {
          appliedIndex: reader.uint('appliedIndex'),
          appliedTime: reader.int64('appliedTime'),
          size: reader.uint('size'),
          edge: reader.array('edge', (level, path) => {
            if (!Array.isArray(level)) throw new LedgerDamagedError(`${path} is not a list`);
            return level.map((hash: unknown) => asBytes(hash as Uint8Array, { length: HASH }, path));
          }),
          tail: reader.array('tail', (leaf, path) => asBytes(leaf, {}, path)),
          state: reader.bytes('state'),
        };
      },
      IMAGE_LIMITS,
    );
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new LedgerDamagedError(`the ledger's image cannot be read: ${messageOf(error)}`, error);
  }
}

function uintKey(head: readonly number[], value: number): Uint8Array {
  const key = Buffer.allocUnsafe(head.length + 8);
  key.set(head);
  writeUint53(key, value, head.length);
  return key;
}

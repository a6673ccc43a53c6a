/**
 * Keys and values of the ledger's database, and their encodings.
 *
 *   'B' bundle u64           → full entry bundle (C2SP tlog-tiles)
 *   'T' level u8, tile u64   → full tile (C2SP tlog-tiles)
 *   'D' hash [32]            → salt [16] ‖ bytes
 *   'C' tree size u64        → signed note
 *   'I'                      → image (CBOR)     'N' → incarnation     'S' → written by `sync`
 *
 * Every value is sealed (./sealed-value.ts). The hot keys, bundles, ascend: compaction then has nothing to merge.
 */

import type { FillPosition, LedgerImage, LedgerOrigin, LedgerWrites } from '../audit/storage.js';
import { decodeBundle, encodeBundle, TILE_WIDTH } from '../audit/tiles.js';
import type { DetachedBody } from '../audit/types.js';
import { encode } from '../verify/cbor.js';
import { asBytes, decodeMap, readMap, type CborReader } from '../verify/cbor-reader.js';
import { LedgerDamagedError, messageOf, StoreError } from './errors.js';
import type { Operation } from './kv.js';
import { writeUint53 } from './log-block.js';
import { seal, unseal } from './sealed-value.js';

const HASH = 32;
const SALT = 16;

export const LEDGER_PREFIXES = { bundle: 0x42, tile: 0x54, body: 0x44, checkpoint: 0x43 } as const;
export const IMAGE_KEY = Uint8Array.of(0x49);
export const SYNC_KEY = Uint8Array.of(0x53);
export const ORIGIN_KEY = Uint8Array.of(0x46);

/** Generous, because the replicated state travels inside; still a bound. */
const IMAGE_LIMITS = { maxBytes: 1 << 30, maxDepth: 16 };

export const bundleKey = (index: number): Uint8Array => uintKey([LEDGER_PREFIXES.bundle], index);
export const tileKey = (level: number, index: number): Uint8Array =>
  uintKey([LEDGER_PREFIXES.tile, level], index);
export const checkpointKey = (size: number): Uint8Array => uintKey([LEDGER_PREFIXES.checkpoint], size);
export const bodyKey = (hash: Uint8Array): Uint8Array => Uint8Array.of(LEDGER_PREFIXES.body, ...hash);

/** The decoded payload. @throws LedgerDamagedError when it is not what was sealed under this key */
export function openedValue<T>(
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

/** A database that cannot read back what it was given is damage of the ledger. */
export async function readingLedger<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof StoreError && error.code !== 'STORAGE_READ_FAILED') throw error;
    throw new LedgerDamagedError(messageOf(error), error);
  }
}

/** @throws RangeError for a tile or bundle that is not full: only full ones are stored on their own. */
export function operationsOf(writes: LedgerWrites): readonly Operation[] {
  const operations: Operation[] = [];
  const put = (key: Uint8Array, payload: Uint8Array): void => {
    operations.push({ type: 'put', key, value: seal(key, payload) });
  };
  for (const { index, leaves } of writes.bundles) put(bundleKey(index), fullBundle(leaves));
  for (const { level, index, hashes } of writes.tiles) {
    if (hashes.length !== TILE_WIDTH * HASH) throw new RangeError(`tile ${level}/${index} is not full`);
    put(tileKey(level, index), hashes);
  }
  for (const { hash, salt, bytes } of writes.bodies) {
    if (hash.length !== HASH || salt.length !== SALT)
      throw new RangeError('a body has a hash of 32 and a salt of 16 bytes');
    put(bodyKey(hash), Buffer.concat([salt, bytes]));
  }
  for (const { size, note } of writes.checkpoints) put(checkpointKey(size), note);
  if (writes.image !== undefined) put(IMAGE_KEY, encodeImage(writes.image));
  if (writes.origin !== undefined) put(ORIGIN_KEY, encodeOrigin(writes.origin));
  return operations;
}

/** The payload of a full bundle is the C2SP entry bundle itself. */
function fullBundle(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length !== TILE_WIDTH) {
    throw new RangeError(`a bundle holds ${TILE_WIDTH} leaves, not ${leaves.length}`);
  }
  return encodeBundle(leaves);
}

export function decodeFullBundle(payload: Uint8Array): readonly Uint8Array[] | null {
  const leaves = decodeBundle(payload);
  return leaves?.length === TILE_WIDTH ? leaves : null;
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

export function encodeOrigin(origin: LedgerOrigin): Uint8Array {
  const { appliedIndex, appliedTerm, time, size, present, next } = origin;
  return encode({
    v: 1,
    appliedIndex,
    appliedTerm,
    time,
    size,
    present,
    next: next === null ? null : { ...next },
  });
}

export function decodeOrigin(bytes: Uint8Array): LedgerOrigin {
  try {
    return decodeMap(bytes, 'origin', (reader) => {
      const version = reader.uint('v');
      if (version !== 1) throw new LedgerDamagedError(`the ledger's origin has unknown version ${version}`);
      const next = reader.value('next');
      return {
        appliedIndex: reader.uint('appliedIndex'),
        appliedTerm: reader.uint('appliedTerm'),
        time: reader.int64('time'),
        size: reader.uint('size'),
        present: reader.uint('present'),
        next: next === null ? null : readMap(next, 'origin.next', readPosition),
      };
    });
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new LedgerDamagedError(`the ledger's origin cannot be read: ${messageOf(error)}`, error);
  }
}

function readPosition(reader: CborReader): FillPosition {
  const kind = reader.oneOf('kind', ['tile', 'bundle', 'body']);
  switch (kind) {
    case 'tile':
      return { kind, level: reader.uint('level'), index: reader.uint('index') };
    case 'bundle':
      return { kind, index: reader.uint('index') };
    case 'body':
      return { kind, after: reader.bytes('after', { length: HASH }) };
  }
}

function uintKey(head: readonly number[], value: number): Uint8Array {
  const key = Buffer.allocUnsafe(head.length + 8);
  key.set(head);
  writeUint53(key, value, head.length);
  return key;
}

export function decodeTile(payload: Uint8Array): Uint8Array | null {
  return payload.length === TILE_WIDTH * HASH ? payload : null;
}

export function decodeBody(hash: Uint8Array, payload: Uint8Array): DetachedBody | null {
  return payload.length < SALT
    ? null
    : { hash: hash.slice(), salt: payload.subarray(0, SALT), bytes: payload.subarray(SALT) };
}

/**
 * Is every tile and bundle there that the image speaks of? A seal shows a changed value, not a missing one, and both
 * engines can lose a stretch of unsynced writes in the middle: after a power cut (the older of two write-ahead files was
 * never synced) or when a write-ahead file is damaged.
 *
 * Such a stretch ends where the write-ahead files reach, so a start looks at the youngest values only, as for the log
 * (./log-outline.ts); `verifyLedger` looks at all.
 */

import type { LedgerImage } from '../audit/storage.js';
import { fullTiles, MAX_TILE_LEVEL } from '../audit/tiles.js';
import { LedgerDamagedError } from './errors.js';
import type { KeyValueStore } from './kv.js';
import {
  bundleKey,
  decodeImage,
  decodeOrigin,
  IMAGE_KEY,
  LEDGER_PREFIXES,
  openedValue,
  ORIGIN_KEY,
  readingLedger,
  tileKey,
} from './ledger-values.js';
import { readUint53 } from './log-block.js';

/** Three memtables: two may be unflushed, one for the batch that crosses the border. */
const CHECKED_BYTES = 12 << 20;
/** Values fetched at once. */
const PAGE = 16;

async function readImage(store: KeyValueStore): Promise<LedgerImage | null> {
  const value = await readingLedger(store.get(IMAGE_KEY));
  return value === undefined ? null : openedValue(IMAGE_KEY, value, 'image', decodeImage);
}

async function isBeingFilled(store: KeyValueStore): Promise<boolean> {
  const value = await readingLedger(store.get(ORIGIN_KEY));
  if (value === undefined) return false;
  return openedValue(ORIGIN_KEY, value, 'origin', decodeOrigin).next !== null;
}

/**
 * Returns the image's applied index, 0 without one.
 * @throws LedgerDamagedError when the image or one of the youngest values is missing or damaged
 */
export async function checkLedgerEnd(store: KeyValueStore): Promise<number> {
  const image = await readImage(store);
  if (image === null) return 0;
  // What a snapshot left out is being fetched: nobody can say yet what is missing.
  if (await isBeingFilled(store)) return image.appliedIndex;
  for (let level = 0; level <= MAX_TILE_LEVEL; level++) {
    const count = fullTiles(image.size, level);
    await checkBackwards(store, count, `tile ${level}/`, (index) => tileKey(level, index));
  }
  await checkBackwards(store, fullTiles(image.size, 0), 'bundle ', bundleKey);
  return image.appliedIndex;
}

async function checkBackwards(
  store: KeyValueStore,
  count: number,
  name: string,
  keyOf: (index: number) => Uint8Array,
): Promise<void> {
  let bytes = 0;
  for (let end = count; end > 0 && bytes < CHECKED_BYTES; end -= PAGE) {
    const indexes = Array.from({ length: Math.min(PAGE, end) }, (_, i) => end - 1 - i);
    const values = await readingLedger(store.getMany(indexes.map(keyOf)));
    for (const [i, value] of values.entries()) {
      const index = indexes[i] ?? 0;
      if (value === undefined) throw missing(`${name}${index}`);
      bytes += openedValue(keyOf(index), value, `${name}${index}`, (payload) => payload).length;
    }
  }
}

/** Every seal, and that nothing is missing below the image. @throws LedgerDamagedError at the first damage */
export async function verifyLedger(store: KeyValueStore): Promise<{ readonly values: number }> {
  const whole = !(await isBeingFilled(store));
  const counts = new Map<string, number>();
  let values = 0;
  await readingLedger(
    store.iterate({}, (key, value) => {
      openedValue(key, value, `value under ${Buffer.from(key).toString('hex')}`, (payload) => payload);
      values += 1;
      const series = seriesOf(key);
      if (series === null || !whole) return true;
      const next = counts.get(series.name) ?? 0;
      if (series.index !== next) throw missing(`${series.name}${next}`);
      counts.set(series.name, next + 1);
      return true;
    }),
  );
  const image = await readImage(store);
  const size = whole ? (image?.size ?? 0) : 0;
  const expect = (name: string, count: number): void => {
    const found = counts.get(name) ?? 0;
    if (found < count) throw missing(`${name}${found}`);
  };
  expect('bundle ', fullTiles(size, 0));
  for (let level = 0; level <= MAX_TILE_LEVEL; level++) expect(`tile ${level}/`, fullTiles(size, level));
  return { values };
}

/** Keys that count from 0 without a gap. */
function seriesOf(key: Uint8Array): { readonly name: string; readonly index: number } | null {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  if (key[0] === LEDGER_PREFIXES.bundle && key.length === 9) {
    return { name: 'bundle ', index: readUint53(view, 1) };
  }
  if (key[0] === LEDGER_PREFIXES.tile && key.length === 10) {
    return { name: `tile ${view.getUint8(1)}/`, index: readUint53(view, 2) };
  }
  return null;
}

function missing(name: string): LedgerDamagedError {
  return new LedgerDamagedError(`the ledger's ${name} is missing`);
}

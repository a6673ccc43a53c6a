/** One flipped bit anywhere in a real data directory: opening and checking reports it, or everything is as it was written. */

import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import type { LedgerImage, WitnessState } from '../../src/audit/storage.js';
import { openForInspection, type DataDirectory } from '../../src/store/data-directory.js';
import type { DiskEngine } from '../../src/store/engine.js';
import { StoreError } from '../../src/store/errors.js';
import { sha256 } from '../../src/verify/crypto.js';
import {
  asked,
  diskEngines,
  entry,
  hardState,
  loaded,
  openNode,
  persist,
  plain,
  readEntries,
  seeded,
  temporaryDirectory,
} from './harness.js';

const LOG_ENTRIES = 240;
const FLIPS = 130;
const FLIPS_OF_RECOVERY = 24;

const random = seeded(20261124);
const noise = (length: number): Uint8Array => Uint8Array.from({ length }, () => random(256));
const hash = (n: number): Uint8Array => sha256(Uint8Array.of(n));

const model = Array.from({ length: LOG_ENTRIES }, (_, i) =>
  entry(i + 1, 1 + Math.floor(i / 100), noise(random(300))),
);
const bundles = [0, 1].map((index) => ({
  index,
  leaves: Array.from({ length: 256 }, () => noise(random(40))),
}));
const tiles = [0, 1].map((index) => ({ level: 0, index, hashes: noise(8192) }));
const image: LedgerImage = {
  appliedIndex: LOG_ENTRIES,
  appliedTime: 5n,
  size: 513,
  edge: [[hash(1)], [hash(2), hash(3)]],
  tail: [noise(30)],
  state: noise(2000),
};
const witness: WitnessState = { size: 513, root: hash(7) };

/** Half of everything is in tables and half in write-ahead files. */
async function build(path: string, engine: DiskEngine): Promise<void> {
  for (const half of [0, 1]) {
    const node = await openNode(path, engine);
    for (let i = (half * LOG_ENTRIES) / 2; i < ((half + 1) * LOG_ENTRIES) / 2; i += 4) {
      const added = model.slice(i, i + 4);
      await persist(node.log, { hardState: hardState(added[3]?.term ?? 1, 'n1', i), entries: added });
    }
    const writes = { bodies: [], checkpoints: [], bundles: [], tiles: [] };
    await asked((done) => node.ledger.write({ ...writes, bundles: bundles.slice(half, half + 1) }, done));
    await asked((done) =>
      node.ledger.write(
        {
          ...writes,
          tiles: tiles.slice(half, half + 1),
          image: half === 1 ? image : { ...image, size: 1, appliedIndex: 9 },
        },
        done,
      ),
    );
    await asked((done) => node.ledger.sync(done));
    await asked((done) => node.witness.save(half === 1 ? witness : { size: 9, root: hash(9) }, done));
    await node.close();
  }
}

/** Buffers and Uint8Arrays of the same bytes become equal. */
function bare(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, bare(v)]));
}

/** @throws StoreError when damage is reported; returns what differs otherwise */
async function difference(node: DataDirectory): Promise<string | null> {
  await node.log.verifyAll();
  await node.ledger.verifyAll();
  const { lastIndex, hardState: state } = await loaded(node.log);
  if (lastIndex !== LOG_ENTRIES) return `the log ends at ${lastIndex}`;
  if (state.term !== 3 || state.vote !== 'n1') return 'the hard state differs';
  if (!isDeepStrictEqual(plain(await readEntries(node.log, 1, LOG_ENTRIES)), plain(model))) {
    return 'an entry differs';
  }
  for (const { index, leaves } of bundles) {
    const found = await asked<readonly Uint8Array[] | null>((done) => node.ledger.readBundle(index, done));
    if (!isDeepStrictEqual(bare(found), bare(leaves))) return `bundle ${index} differs`;
  }
  for (const { index, hashes } of tiles) {
    const found = await asked<Uint8Array | null>((done) => node.ledger.readTile(0, index, done));
    if (found === null || !Buffer.from(found).equals(hashes)) return `tile ${index} differs`;
  }
  const found = await asked<LedgerImage | null>((done) => node.ledger.loadImage(done));
  if (!isDeepStrictEqual(bare(found), bare(image))) return 'the image differs';
  const seen = await asked<WitnessState | null>((done) => node.witness.load(done));
  if (seen?.size !== witness.size || !Buffer.from(seen.root).equals(witness.root))
    return 'the witness differs';
  return null;
}

/** 'intact', 'reported', or what is wrong. */
async function outcome(open: () => Promise<DataDirectory>): Promise<string> {
  let node: DataDirectory | null = null;
  try {
    node = await open();
    return (await difference(node)) ?? 'intact';
  } catch (error) {
    if (error instanceof StoreError && error.remedy !== '') return 'reported';
    return `not a StoreError: ${String(error)}`;
  } finally {
    await node?.close().catch(() => undefined);
  }
}

/** Every file several times, larger ones more often. */
function places(path: string, count: number): { readonly file: string; readonly bit: number }[] {
  const files = (
    readdirSync(path, { recursive: true, withFileTypes: true }) as { name: string; parentPath: string }[]
  )
    .map(({ name, parentPath }) => join(parentPath, name))
    .filter((file) => isFileWithContent(file))
    .sort();
  const chosen: { file: string; bit: number }[] = [];
  for (let i = 0; chosen.length < count; i++) {
    const file = files[i < files.length * 3 ? i % files.length : random(files.length)] ?? '';
    chosen.push({ file, bit: random(readFileSync(file).length * 8) });
  }
  return chosen;
}

function isFileWithContent(file: string): boolean {
  try {
    return readFileSync(file).length > 0;
  } catch {
    return false; // a directory
  }
}

function flip(file: string, bit: number): void {
  const bytes = readFileSync(file);
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  writeFileSync(file, bytes);
}

for (const engine of diskEngines) {
  test(`${engine}: ${FLIPS} flipped bits over all files, opened for inspection`, async (t) => {
    const path = temporaryDirectory();
    await build(path, engine);
    t.is(await outcome(() => openForInspection(path)), 'intact');
    const before = snapshot(path);
    const counts = { intact: 0, reported: 0 };
    for (const { file, bit } of places(path, FLIPS)) {
      flip(file, bit);
      const result = await outcome(() => openForInspection(path));
      flip(file, bit);
      if (result !== 'intact' && result !== 'reported') {
        return t.fail(`${file.slice(path.length)} bit ${bit}: ${result}`);
      }
      counts[result] += 1;
    }
    t.deepEqual(snapshot(path), before, 'inspection changes nothing');
    t.log(counts);
    t.true(counts.reported > FLIPS / 3);
  });

  test(`${engine}: ${FLIPS_OF_RECOVERY} flipped bits, started on`, async (t) => {
    const path = temporaryDirectory();
    await build(path, engine);
    const counts = { intact: 0, reported: 0 };
    for (const { file, bit } of places(path, FLIPS_OF_RECOVERY)) {
      const copy = temporaryDirectory();
      cpSync(path, copy, { recursive: true });
      flip(join(copy, file.slice(path.length)), bit);
      const result = await outcome(() => openNode(copy, engine));
      rmSync(copy, { recursive: true });
      if (result !== 'intact' && result !== 'reported') {
        return t.fail(`${file.slice(path.length)} bit ${bit}: ${result}`);
      }
      counts[result] += 1;
    }
    t.log(counts);
    t.true(counts.reported > 0 && counts.intact > 0);
  });
}

function snapshot(path: string): ReadonlyMap<string, string> {
  const names = readdirSync(path, { recursive: true }) as string[];
  return new Map(
    names
      .filter((name) => isFileWithContent(join(path, name)))
      .map((name) => [name, readFileSync(join(path, name)).toString('base64')]),
  );
}

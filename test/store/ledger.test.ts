/** The ledger on disk and the witness file. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { LedgerImage, LedgerStore, LedgerWrites, WitnessState } from '../../src/audit/storage.js';
import type { DetachedBody } from '../../src/audit/types.js';
import { openKeyValueStore } from '../../src/store/kv.js';
import { openLedgerStore, type LedgerGuard } from '../../src/store/ledger-store.js';
import { bundleKey, tileKey } from '../../src/store/ledger-values.js';
import { memoryDisk, memoryEngine } from '../../src/store/memory.js';
import { createWitnessFile, openWitnessFile, type OpenWitness } from '../../src/store/witness-file.js';
import { sha256 } from '../../src/verify/crypto.js';
import { asked, diskEngines, openNode, temporaryDirectory } from './harness.js';

const noGuard: LedgerGuard = { state: { ledgerIndex: 0 }, note: () => undefined };
const hash = (n: number): Uint8Array => sha256(Uint8Array.of(n));
const leaves = (n: number): Uint8Array[] =>
  Array.from({ length: 256 }, (_, i) => new Uint8Array(i % 7).fill(n));
const nothing: LedgerWrites = { bundles: [], tiles: [], bodies: [], checkpoints: [] };

const image: LedgerImage = {
  appliedIndex: 77,
  appliedTime: 1_790_000_000_123_456_789n,
  size: 515,
  edge: [[hash(1), hash(2), hash(3)], [hash(4), hash(5)], []],
  tail: [Uint8Array.of(1, 2), new Uint8Array()],
  state: new Uint8Array(1000).fill(9),
};

const write = (ledger: LedgerStore, writes: Partial<LedgerWrites>): Promise<unknown> =>
  asked((done) => ledger.write({ ...nothing, ...writes }, done));
const bundleOf = (ledger: LedgerStore, index: number): Promise<readonly Uint8Array[] | null> =>
  asked((done) => ledger.readBundle(index, done));
const tileOf = (ledger: LedgerStore, level: number, index: number): Promise<Uint8Array | null> =>
  asked((done) => ledger.readTile(level, index, done));
const bodyOf = (ledger: LedgerStore, of: Uint8Array): Promise<DetachedBody | null> =>
  asked((done) => ledger.readBody(of, done));
const imageOf = (ledger: LedgerStore): Promise<LedgerImage | null> => asked((done) => ledger.loadImage(done));
const checkpoint = (ledger: LedgerStore, size: number): Promise<Uint8Array | null> =>
  asked((done) => ledger.readCheckpoint(size, done));

for (const engine of diskEngines) {
  test(`${engine}: what the ledger wrote is found again after reopening`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    t.is(await imageOf(node.ledger), null);
    const tile = new Uint8Array(8192).map((_, i) => i);
    const body = { hash: hash(8), salt: new Uint8Array(16).fill(7), bytes: Uint8Array.of(5, 4, 3) };
    await write(node.ledger, {
      bundles: [
        { index: 0, leaves: leaves(1) },
        { index: 1, leaves: leaves(2) },
      ],
      tiles: [0, 1].map((index) => ({ level: 0, index, hashes: tile })),
      bodies: [body],
      checkpoints: [
        { size: 256, note: Uint8Array.of(2, 5, 6) },
        { size: 500, note: Uint8Array.of(5) },
      ],
      image,
    });
    await asked((done) => node.ledger.sync(done));
    await node.close();

    node = await openNode(path, engine);
    const { ledger } = node;
    t.deepEqual(await imageOf(ledger), image);
    const bundle = await bundleOf(ledger, 1);
    t.deepEqual(
      bundle?.map((leaf) => Uint8Array.from(leaf)),
      leaves(2),
    );
    t.is(await bundleOf(ledger, 2), null);
    t.deepEqual(Uint8Array.from((await tileOf(ledger, 0, 1)) ?? []), tile);
    t.is(await tileOf(ledger, 1, 0), null);
    const found = await bodyOf(ledger, hash(8));
    t.deepEqual([...(found?.salt ?? []), ...(found?.bytes ?? [])], [...body.salt, ...body.bytes]);
    t.is(await bodyOf(ledger, hash(9)), null);
    await node.close();
  });

  test(`${engine}: the checkpoint that covers a size is the smallest at or above it`, async (t) => {
    const node = await openNode(temporaryDirectory(), engine);
    t.is(await asked<unknown>((done) => node.ledger.newestCheckpoint(done)), null);
    const sizes = [1, 255, 256, 70_000, 2 ** 40];
    await write(node.ledger, {
      checkpoints: sizes.map((size) => ({ size, note: new TextEncoder().encode(String(size)) })),
    });
    for (const [size, covered] of [
      [0, 1],
      [1, 1],
      [2, 255],
      [256, 256],
      [257, 70_000],
      [70_001, 2 ** 40],
    ] as const) {
      t.is(Buffer.from((await checkpoint(node.ledger, size)) ?? []).toString(), String(covered));
    }
    t.is(await checkpoint(node.ledger, 2 ** 40 + 1), null);
    const newest = await asked<Uint8Array | null>((done) => node.ledger.newestCheckpoint(done));
    t.is(Buffer.from(newest ?? []).toString(), String(2 ** 40));
    await node.close();
  });
}

test('an image older than the one that was synced is noticed; one that was never synced may be lost', async (t) => {
  const store = await openKeyValueStore(memoryEngine());
  const noted: number[] = [];
  const guard = {
    state: { ledgerIndex: 0 },
    note: ({ ledgerIndex }: { ledgerIndex: number }): void => void noted.push(ledgerIndex),
  };
  const ledger = await openLedgerStore(store, guard);
  const small: LedgerImage = { ...image, size: 3 };
  await write(ledger, { image: { ...small, appliedIndex: 76 } });
  await asked((done) => ledger.sync(done));
  await write(ledger, { image: small });
  t.deepEqual(noted, [76]);
  await openLedgerStore(store, { ...guard, state: { ledgerIndex: 77 } });
  const error = await t.throwsAsync(openLedgerStore(store, { ...guard, state: { ledgerIndex: 78 } }), {
    code: 'LEDGER_VALUE_DAMAGED',
  });
  t.regex(error.message, /at entry 77 of the log, but 78 was durable/);
});

test('only full tiles and bundles are stored on their own; a refusal writes nothing', async (t) => {
  const store = await openKeyValueStore(memoryEngine());
  const ledger = await openLedgerStore(store, noGuard);
  for (const bad of [
    { tiles: [{ level: 0, index: 0, hashes: new Uint8Array(8191) }] },
    { bundles: [{ index: 0, leaves: leaves(1).slice(1) }] },
    { bodies: [{ hash: hash(1), salt: new Uint8Array(15), bytes: new Uint8Array() }] },
  ]) {
    await t.throwsAsync(write(ledger, { ...bad, image }), { instanceOf: RangeError });
  }
  t.is(await imageOf(ledger), null);
});

test('a changed byte and a value under another key are refused', async (t) => {
  const disk = memoryDisk();
  const ledger = await openLedgerStore(await openKeyValueStore(memoryEngine(disk)), noGuard);
  await write(ledger, { tiles: [{ level: 0, index: 0, hashes: new Uint8Array(8192) }] });
  t.deepEqual(await ledger.verifyAll(), { values: 1 });
  const key = Buffer.from(tileKey(0, 0)).toString('hex');
  const value = disk.entries.get(key)?.value ?? new Uint8Array();
  disk.entries.set(Buffer.from(tileKey(0, 6)).toString('hex'), { key: tileKey(0, 6), value });
  await t.throwsAsync(tileOf(ledger, 0, 6), { code: 'LEDGER_VALUE_DAMAGED' });
  value[4000] = 1;
  const error = await t.throwsAsync(tileOf(ledger, 0, 0), { code: 'LEDGER_VALUE_DAMAGED' });
  t.regex(error.message, /tile 0\/0 is damaged.*rebuilds it from the log/);
  await t.throwsAsync(ledger.verifyAll(), { code: 'LEDGER_VALUE_DAMAGED' });
});

test('a tile or bundle that the image speaks of is missing: noticed at open and by the full check', async (t) => {
  const tile = new Uint8Array(8192);
  for (const gone of [tileKey(0, 1), bundleKey(0), bundleKey(1)]) {
    const disk = memoryDisk();
    const store = await openKeyValueStore(memoryEngine(disk));
    const ledger = await openLedgerStore(store, noGuard);
    await write(ledger, {
      bundles: [0, 1].map((index) => ({ index, leaves: leaves(index) })),
      tiles: [0, 1].map((index) => ({ level: 0, index, hashes: tile })),
      image,
    });
    t.deepEqual(await ledger.verifyAll(), { values: 5 });
    disk.entries.delete(Buffer.from(gone).toString('hex'));
    await t.throwsAsync(ledger.verifyAll(), { code: 'LEDGER_VALUE_DAMAGED', message: /is missing/ });
    await t.throwsAsync(openLedgerStore(store, noGuard), {
      code: 'LEDGER_VALUE_DAMAGED',
      message: /is missing/,
    });
  }
});

// ------------------------------------------------------------------------------------------------------ witness file

const incarnation = new Uint8Array(16).fill(3);
const save = (witness: OpenWitness, state: WitnessState): Promise<unknown> =>
  asked((done) => witness.save(state, done));
const load = (witness: OpenWitness): Promise<WitnessState | null> => asked((done) => witness.load(done));

async function newWitness(): Promise<{ path: string; witness: OpenWitness }> {
  const path = join(temporaryDirectory(), 'witness');
  await createWitnessFile(path, incarnation);
  return { path, witness: await openWitnessFile(path, incarnation, { readOnly: false }) };
}

test('the witness remembers over a restart and never goes back', async (t) => {
  const { path, witness } = await newWitness();
  t.is(await load(witness), null);
  await save(witness, { size: 10, root: hash(10) });
  await save(witness, { size: 10, root: hash(10) });
  await save(witness, { size: 12, root: hash(12) });
  await t.throwsAsync(save(witness, { size: 11, root: hash(11) }), { code: 'WITNESS_WOULD_GO_BACK' });
  await t.throwsAsync(save(witness, { size: 12, root: hash(13) }), { code: 'WITNESS_WOULD_GO_BACK' });
  await witness.close();
  const again = await openWitnessFile(path, incarnation, { readOnly: false });
  t.deepEqual(await load(again), { size: 12, root: hash(12) });
  await t.throwsAsync(save(again, { size: 3, root: hash(3) }), { code: 'WITNESS_WOULD_GO_BACK' });
  await again.close();
});

test("a missing witness file and another node's are refused", async (t) => {
  const { path, witness } = await newWitness();
  await witness.close();
  const other = new Uint8Array(16).fill(4);
  await t.throwsAsync(openWitnessFile(path, other, { readOnly: false }), {
    code: 'WITNESS_DAMAGED',
    message: /another node/,
  });
  await t.throwsAsync(openWitnessFile(`${path}x`, incarnation, { readOnly: false }), {
    code: 'WITNESS_DAMAGED',
  });
});

test('any flipped bit of the witness file is made good by the twin copy or refused, never an older state', async (t) => {
  const { path, witness } = await newWitness();
  for (let size = 1; size <= 3; size++) await save(witness, { size, root: hash(size) });
  await witness.close();
  const whole = readFileSync(path);
  for (let page = 0; page < 4; page++) {
    for (let bit = page; bit < 90 * 8; bit += 5) {
      const flipped = Buffer.from(whole);
      const at = page * 4096 + (bit >> 3);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(path, flipped);
      const opened = await openWitnessFile(path, incarnation, { readOnly: true });
      if ((await load(opened))?.size !== 3) return t.fail(`page ${page} bit ${bit}: an older state`);
      await opened.close();
    }
  }
  t.pass();
});

test('every moment of a torn write leaves the state before or after it, and opening makes four copies again', async (t) => {
  const { path, witness } = await newWitness();
  for (let size = 1; size <= 4; size++) await save(witness, { size, root: hash(size) });
  const before = readFileSync(path);
  await save(witness, { size: 5, root: hash(5) });
  await witness.close();
  const after = readFileSync(path);
  const changed = [0, 1, 2, 3].filter(
    (page) =>
      !before.subarray(page * 4096, (page + 1) * 4096).equals(after.subarray(page * 4096, (page + 1) * 4096)),
  );
  t.is(changed.length, 2);
  for (const page of changed) {
    const torn = Buffer.from(before);
    after.copy(torn, page * 4096, page * 4096, (page + 1) * 4096);
    writeFileSync(path, torn);
    const opened = await openWitnessFile(path, incarnation, { readOnly: false });
    t.is((await load(opened))?.size, 5);
    await opened.close();
    const healed = readFileSync(path);
    for (const copy of changed) {
      const one = Buffer.from(healed);
      one.fill(0xff, copy * 4096, copy * 4096 + 64);
      writeFileSync(path, one);
      const again = await openWitnessFile(path, incarnation, { readOnly: true });
      t.is((await load(again))?.size, 5);
      await again.close();
    }
  }
});

test('both copies of a slot damaged: refused, because the newest state may be lost', async (t) => {
  const { path, witness } = await newWitness();
  await save(witness, { size: 1, root: hash(1) });
  await witness.close();
  const whole = readFileSync(path);
  for (const pages of [
    [0, 1],
    [2, 3],
  ]) {
    const damaged = Buffer.from(whole);
    for (const page of pages) damaged[page * 4096 + 20] = (damaged[page * 4096 + 20] ?? 0) ^ 1;
    writeFileSync(path, damaged);
    await t.throwsAsync(openWitnessFile(path, incarnation, { readOnly: false }), { code: 'WITNESS_DAMAGED' });
  }
});

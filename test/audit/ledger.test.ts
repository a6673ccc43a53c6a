import test from 'ava';
import type { ExecutionContext } from 'ava';
import { LedgerError } from '../../src/audit/errors.js';
import { Ledger } from '../../src/audit/ledger.js';
import { MemoryLedgerStore } from '../../src/audit/memory-store.js';
import type { LedgerImage } from '../../src/audit/storage.js';
import type { Done, LedgerReader } from '../../src/audit/tile-reader.js';
import { EMPTY_ROOT, leafHash, verifyConsistency, verifyInclusion } from '../../src/verify/merkle.js';
import { Random } from '../verify/random.js';
import { NaiveTree } from './naive-tree.js';

const SMALL_CACHE = { tiles: 2, bundles: 1 };
const STATE = new Uint8Array();

/** The value of a call that answers at once. */
function now<T>(call: (done: Done<T>) => void): T {
  let outcome: { error: LedgerError | null; value?: T | undefined } | undefined;
  call((error, value) => (outcome = { error, value }));
  if (outcome === undefined) throw new Error('it did not answer at once');
  if (outcome.error !== null) throw outcome.error;
  return outcome.value as T;
}

function flush(ledger: Ledger, store: MemoryLedgerStore, image?: LedgerImage): void {
  const parts = ledger.takeWrites();
  store.write({ ...parts, bodies: [], checkpoints: [], ...(image === undefined ? {} : { image }) }, () => {
    ledger.written(parts);
  });
}

function imageOf(store: MemoryLedgerStore): LedgerImage | null {
  let found: LedgerImage | null = null;
  store.loadImage((_error, image) => (found = image ?? null));
  return found;
}

function storedTile(store: MemoryLedgerStore, level: number, index: number): Uint8Array {
  let found = new Uint8Array();
  store.readTile(level, index, (_error, hashes) => (found = Uint8Array.from(hashes ?? [])));
  return found;
}

function leavesOf(count: number, seed = 5): Uint8Array[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.bytes(random.below(60)));
}

test('every tree up to 300 leaves: root, audit paths, consistency proofs and old heads are those of the definition', (t) => {
  const naive = new NaiveTree();
  const store = new MemoryLedgerStore();
  const ledger = Ledger.restore(null, store, SMALL_CACHE);
  t.deepEqual(ledger.head(), { size: 0, root: EMPTY_ROOT });
  for (const leaf of leavesOf(300)) {
    t.is(ledger.append(leaf), naive.leaves.length);
    naive.push(leaf);
    flush(ledger, store);
    const size = naive.leaves.length;
    equal(t, ledger.head().root, naive.root(size), `root of ${size}`);
  }
  for (let size = 1; size <= 300; size++) {
    const head = now<{ root: Uint8Array }>((done) => ledger.headAt(size, done));
    equal(t, head.root, naive.root(size), `head at ${size}`);
    for (let other = 1; other <= size; other++) {
      same(
        t,
        now((done) => ledger.inclusionProof(other - 1, size, done)),
        naive.path(other - 1, 0, size),
        `${other - 1} in ${size}`,
      );
      same(
        t,
        now((done) => ledger.consistencyProof(other, size, done)),
        naive.proof(other, size),
        `${other} to ${size}`,
      );
    }
  }
});

function equal(t: ExecutionContext, actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.compare(actual, expected) !== 0) t.fail(what);
}

function same(
  t: ExecutionContext,
  actual: readonly Uint8Array[],
  expected: readonly Uint8Array[],
  what: string,
): void {
  if (actual.length !== expected.length) t.fail(what);
  actual.forEach((hash, i) => equal(t, hash, expected[i] as Uint8Array, what));
}

test('a restored ledger is the same ledger, at every kind of edge and after every flush pattern', (t) => {
  const random = new Random(9);
  const leaves = leavesOf(70_000);
  const naive = new NaiveTree();
  for (const leaf of leaves) naive.push(leaf);
  const store = new MemoryLedgerStore();
  let ledger = Ledger.restore(null, store, SMALL_CACHE);
  const restarts = new Set([
    1, 255, 256, 257, 511, 512, 1000, 65_279, 65_280, 65_535, 65_536, 65_537, 69_999,
  ]);
  for (const leaf of leaves) {
    ledger.append(leaf);
    if (!restarts.has(ledger.size)) {
      if (random.below(500) === 0) flush(ledger, store);
      continue;
    }
    const image = ledger.image(ledger.size, 1n, STATE);
    flush(ledger, store, image);
    const head = ledger.head();
    ledger = Ledger.restore(imageOf(store), store, SMALL_CACHE);
    t.deepEqual(ledger.head(), head);
    t.deepEqual(ledger.image(ledger.size, 1n, STATE), image);
    equal(t, head.root, naive.root(head.size), `root of ${head.size}`);
  }
  for (let i = 0; i < 300; i++) {
    const size = 1 + random.below(70_000);
    const index = random.below(size);
    const proof = now<readonly Uint8Array[]>((done) => ledger.inclusionProof(index, size, done));
    same(t, proof, naive.path(index, 0, size), `${index} in ${size}`);
    const leaf = now<Uint8Array>((done) => ledger.leaf(index, done));
    equal(t, leaf, leaves[index] as Uint8Array, `leaf ${index}`);
    equal(
      t,
      now((done) => ledger.leafHash(index, done)),
      leafHash(leaf),
      `hash of leaf ${index}`,
    );
    const older = 1 + random.below(size);
    same(
      t,
      now((done) => ledger.consistencyProof(older, size, done)),
      naive.proof(older, size),
      `${older} to ${size}`,
    );
    equal(
      t,
      now<{ root: Uint8Array }>((done) => ledger.headAt(size, done)).root,
      naive.root(size),
      `head ${size}`,
    );
  }
});

test('ranges of leaves cross bundles and the tail', (t) => {
  const leaves = leavesOf(600);
  const store = new MemoryLedgerStore();
  const ledger = Ledger.restore(null, store, SMALL_CACHE);
  for (const leaf of leaves) ledger.append(leaf);
  flush(ledger, store);
  for (const [start, count] of [
    [0, 600],
    [0, 0],
    [600, 0],
    [255, 2],
    [250, 300],
    [512, 88],
    [511, 1],
    [599, 1],
    [100, 20],
  ] as const) {
    t.deepEqual(
      now((done) => ledger.leaves(start, count, done)),
      leaves.slice(start, start + count),
      `${start}+${count}`,
    );
  }
});

test('what is full but not yet written is answered from memory, and forgotten once the store has it', (t) => {
  const reads: string[] = [];
  const store = new MemoryLedgerStore();
  const watched: LedgerReader = {
    readTile: (level, index, done) => {
      reads.push(`tile ${level}/${index}`);
      store.readTile(level, index, done);
    },
    readBundle: (index, done) => {
      reads.push(`bundle ${index}`);
      store.readBundle(index, done);
    },
  };
  const ledger = Ledger.restore(null, watched, { tiles: 1, bundles: 1 });
  for (const leaf of leavesOf(1030)) ledger.append(leaf);
  const all = (done: Done<readonly Uint8Array[]>) => ledger.leaves(0, 1030, done);
  now(all);
  const parts = ledger.takeWrites();
  now(all);
  t.deepEqual(reads, [], 'nothing is read before it was written');
  t.deepEqual(ledger.takeWrites(), { bundles: [], tiles: [] }, 'nothing is handed out twice');
  store.write({ ...parts, bodies: [], checkpoints: [] }, () => ledger.written(parts));
  now(all);
  t.true(reads.includes('bundle 0') && reads.includes('tile 0/0'), reads.join());
});

test('a leaf appended while a proof reads the disk does not change the proof', (t) => {
  const waiting: (() => void)[] = [];
  const store = new MemoryLedgerStore((task) => waiting.push(task));
  const ledger = Ledger.restore(null, store, { tiles: 1, bundles: 1 });
  const leaves = leavesOf(1200);
  const naive = new NaiveTree();
  for (const leaf of leaves) naive.push(leaf);
  for (const leaf of leaves.slice(0, 1020)) ledger.append(leaf);
  flush(ledger, store);
  while (waiting.length > 0) waiting.shift()?.();
  const answers: { size: number; index: number; proof: readonly Uint8Array[] }[] = [];
  for (const leaf of leaves.slice(1020)) {
    const size = ledger.size;
    const index = size % 3 === 0 ? 5 : size - 1;
    ledger.inclusionProof(index, size, (error, proof) => {
      if (error !== null) t.fail(error.message);
      answers.push({ size, index, proof: proof ?? [] });
    });
    ledger.append(leaf);
    flush(ledger, store);
  }
  while (waiting.length > 0) waiting.shift()?.();
  t.is(answers.length, 180);
  for (const { size, index, proof } of answers)
    same(t, proof, naive.path(index, 0, size), `${index} in ${size}`);
});

test('altered, missing and unreadable parts are told apart and never become a proof', (t) => {
  const store = new MemoryLedgerStore();
  const first = Ledger.restore(null, store);
  for (const leaf of leavesOf(66_000)) first.append(leaf);
  const image = first.image(1, 1n, STATE);
  flush(first, store, image);
  const root = first.head().root;
  type Fault = (
    kind: 'tile' | 'bundle',
    level: number,
    index: number,
  ) => Uint8Array | null | Error | undefined;
  const faulty = (fault: Fault): Ledger =>
    Ledger.restore(image, {
      readTile: (level, index, done) => {
        const planted = fault('tile', level, index);
        if (planted instanceof Error) done(planted);
        else if (planted !== undefined) done(null, planted);
        else store.readTile(level, index, done);
      },
      readBundle: (index, done) => {
        const planted = fault('bundle', 0, index);
        if (planted instanceof Error) done(planted);
        else if (planted === null) done(null, null);
        else
          store.readBundle(index, (error, leaves) => {
            if (planted === undefined) done(error, leaves);
            else
              done(
                null,
                (leaves ?? []).map((leaf, i) => (i === 77 ? Uint8Array.of(...leaf, 1) : leaf)),
              );
          });
      },
    });
  const flip = (level: number, index: number): Uint8Array => {
    const tile = storedTile(store, level, index);
    const at = 4000;
    tile[at] = (tile[at] as number) ^ 4;
    return tile;
  };
  const cases: readonly (readonly [string, Fault, LedgerError['code']])[] = [
    [
      'a bit in a level-0 tile',
      (kind, level, index) => (kind === 'tile' && level === 0 && index === 3 ? flip(0, 3) : undefined),
      'damaged',
    ],
    [
      'a bit in a level-1 tile',
      (kind, level) => (kind === 'tile' && level === 1 ? flip(1, 0) : undefined),
      'damaged',
    ],
    [
      'the tile of another place',
      (kind, level, index) => (kind === 'tile' && level === 0 && index === 3 ? flip(0, 4) : undefined),
      'damaged',
    ],
    [
      'a short tile',
      (kind, level) => (kind === 'tile' && level === 0 ? new Uint8Array(31) : undefined),
      'damaged',
    ],
    ['a missing tile', (kind) => (kind === 'tile' ? null : undefined), 'missing'],
    ['an unreadable tile', (kind) => (kind === 'tile' ? new Error('EIO') : undefined), 'unreadable'],
  ];
  for (const [what, fault, code] of cases) {
    t.is(
      t.throws(
        () => now<unknown>((done) => faulty(fault).inclusionProof(800, 66_000, done)),
        { instanceOf: LedgerError },
        what,
      ).code,
      code,
      what,
    );
    t.is(
      t.throws(() => now<unknown>((done) => faulty(fault).leaf(800, done)), { instanceOf: LedgerError }, what)
        .code,
      code,
      what,
    );
  }
  const bundles: readonly (readonly [Fault, LedgerError['code']])[] = [
    [(kind) => (kind === 'bundle' ? new Uint8Array() : undefined), 'damaged'],
    [(kind) => (kind === 'bundle' ? null : undefined), 'missing'],
    [(kind) => (kind === 'bundle' ? new Error('EIO') : undefined), 'unreadable'],
  ];
  for (const [fault, code] of bundles) {
    t.is(
      t.throws(() => now<unknown>((done) => faulty(fault).leaf(800, done)), { instanceOf: LedgerError }).code,
      code,
    );
    const proof = now<readonly Uint8Array[]>((done) => faulty(fault).inclusionProof(800, 66_000, done));
    const hash = now<Uint8Array>((done) => faulty(fault).leafHash(800, done));
    t.true(verifyInclusion(800, 66_000, hash, proof, root), 'proofs do not need the leaves');
  }
});

test('an image whose parts do not fit each other is refused', (t) => {
  const store = new MemoryLedgerStore();
  const ledger = Ledger.restore(null, store);
  for (const leaf of leavesOf(600)) ledger.append(leaf);
  const image = ledger.image(7, 8n, STATE);
  const edge0 = image.edge[0] as Uint8Array[];
  const edge1 = image.edge[1] as Uint8Array[];
  const damaged: LedgerImage[] = [
    { ...image, size: 599 },
    { ...image, size: 600 + 65_536 },
    { ...image, size: -1 },
    { ...image, size: 1.5 },
    { ...image, edge: [edge0] },
    { ...image, edge: [edge0, edge1, []] },
    { ...image, edge: [edge0.slice(1), edge1] },
    { ...image, edge: [edge0, edge1.map((hash) => hash.subarray(1))] },
    { ...image, tail: image.tail.slice(1) },
    { ...image, tail: image.tail.map((leaf, i) => (i === 3 ? Uint8Array.of(0) : leaf)) },
  ];
  damaged.forEach((bad, i) => {
    t.is(
      t.throws(() => Ledger.restore(bad, store), { instanceOf: LedgerError }, `case ${i}`).code,
      'damaged',
    );
  });
  t.deepEqual(Ledger.restore(image, store).head(), ledger.head());
});

test('questions beyond the tree are refused by name', (t) => {
  const ledger = Ledger.restore(null, new MemoryLedgerStore());
  for (const leaf of leavesOf(10)) ledger.append(leaf);
  const questions: ((done: Done<unknown>) => void)[] = [
    (done) => ledger.leaf(10, done),
    (done) => ledger.leaf(-1, done),
    (done) => ledger.leaf(0.5, done),
    (done) => ledger.leaves(5, 6, done),
    (done) => ledger.leafHash(10, done),
    (done) => ledger.inclusionProof(5, 5, done),
    (done) => ledger.inclusionProof(5, 11, done),
    (done) => ledger.consistencyProof(0, 5, done),
    (done) => ledger.consistencyProof(6, 5, done),
    (done) => ledger.consistencyProof(5, 11, done),
    (done) => ledger.headAt(11, done),
  ];
  questions.forEach((ask, i) => {
    t.is(t.throws(() => now<unknown>(ask), { instanceOf: LedgerError }, `question ${i}`).code, 'outOfRange');
  });
  t.is(t.throws(() => ledger.append(new Uint8Array(65_536)), { instanceOf: LedgerError }).code, 'outOfRange');
  t.is(ledger.append(new Uint8Array(65_535)), 10);
});

test('power loss at any write: what survives restores to a prefix, and replay leads to the same tree', (t) => {
  const leaves = leavesOf(900);
  const naive = new NaiveTree();
  for (const leaf of leaves) naive.push(leaf);
  const random = new Random(21);
  for (let round = 0; round < 60; round++) {
    const store = new MemoryLedgerStore();
    let ledger = Ledger.restore(null, store, SMALL_CACHE);
    while (ledger.size < 900) {
      const until = Math.min(900, ledger.size + 1 + random.below(200));
      while (ledger.size < until) ledger.append(leaves[ledger.size] as Uint8Array);
      flush(ledger, store, ledger.image(ledger.size, 1n, STATE));
      if (random.below(3) === 0) store.sync(() => undefined);
      if (random.below(3) !== 0) continue;
      const size = ledger.size;
      store.losePower(random.below(store.unsynced + 1));
      ledger = Ledger.restore(imageOf(store), store, SMALL_CACHE);
      if (ledger.size > size) t.fail('the future was restored');
      equal(t, ledger.head().root, naive.root(ledger.size), `restored ${ledger.size}`);
    }
    equal(t, ledger.head().root, naive.root(900), 'at the end');
    t.deepEqual(
      now((done) => ledger.leaves(0, 900, done)),
      leaves,
    );
  }
});

test('a million leaves: proofs within 5 ms, restoring within 2 s, no growth of either with the size', (t) => {
  const store = new MemoryLedgerStore();
  const ledger = Ledger.restore(null, store);
  const leaf = new Uint8Array(100);
  const view = new DataView(leaf.buffer);
  for (let i = 0; i < 1_000_000; i++) {
    view.setUint32(0, i);
    ledger.append(leaf.slice());
    if (i % 4096 === 4095) flush(ledger, store);
  }
  const image = ledger.image(1, 1n, STATE);
  flush(ledger, store, image);

  const restoreFrom = performance.now();
  const restored = Ledger.restore(image, store);
  const restoreMs = performance.now() - restoreFrom;
  t.deepEqual(restored.head(), ledger.head());

  const random = new Random(33);
  const root = restored.head().root;
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const index = random.below(1_000_000);
    const start = performance.now();
    const proof = now<readonly Uint8Array[]>((done) => restored.inclusionProof(index, 1_000_000, done));
    times.push(performance.now() - start);
    view.setUint32(0, index);
    if (!verifyInclusion(index, 1_000_000, leafHash(leaf), proof, root)) t.fail(`${index}`);
    const size = 1 + random.below(1_000_000);
    const consistency = now<readonly Uint8Array[]>((done) =>
      restored.consistencyProof(size, 1_000_000, done),
    );
    const head = now<{ root: Uint8Array }>((done) => restored.headAt(size, done));
    if (!verifyConsistency(size, 1_000_000, consistency, head.root, root)) t.fail(`${size}`);
  }
  times.sort((a, b) => a - b);
  const [median, slowest] = [times[100] as number, times[199] as number];
  t.log(
    `restore ${restoreMs.toFixed(1)} ms, cold proof median ${median.toFixed(2)} ms, slowest ${slowest.toFixed(2)} ms`,
  );
  t.true(restoreMs <= 2000);
  t.true(median <= 5);
});

import test from 'ava';
import { Ledger } from '../../src/audit/ledger.js';
import { MemoryLedgerStore } from '../../src/audit/memory-store.js';
import {
  verifyLedger,
  type LedgerExpectations,
  type LedgerFindingCode,
  type LedgerReport,
} from '../../src/audit/offline.js';
import { repeat } from '../../src/audit/repeat.js';
import type { LedgerImage, LedgerStore } from '../../src/audit/storage.js';
import type { TreeHead } from '../../src/audit/types.js';
import { EMPTY_ROOT } from '../../src/verify/merkle.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { ORIGIN, signedNote, testPolicy } from '../verify/log-keys.js';
import { Random } from '../verify/random.js';

const LEAVES = 66_100;
/** Sizes with a published checkpoint. */
const PUBLISHED = [1, 200, 256, 257, 700, 65_536, 65_999, 66_100];

const leaves = (() => {
  const random = new Random(3);
  return Array.from({ length: LEAVES }, () => random.bytes(8 + random.below(8)));
})();

const heads = new Map<number, TreeHead>();
const store = new MemoryLedgerStore();
const image = ((): LedgerImage => {
  const ledger = Ledger.restore(null, store);
  for (const leaf of leaves) {
    ledger.append(leaf);
    if (PUBLISHED.includes(ledger.size) || ledger.size === 300) heads.set(ledger.size, ledger.head());
  }
  const checkpoints = PUBLISHED.map((size) => ({ size, note: noteOf(size) }));
  const made = ledger.image(9, 1n, new Uint8Array());
  store.write({ ...ledger.takeWrites(), bodies: [], checkpoints, image: made }, () => undefined);
  return made;
})();

function headOf(size: number): TreeHead {
  const head = heads.get(size);
  if (head === undefined) throw new Error(`no head of ${size}`);
  return head;
}

function noteOf(size: number, plain = ['tokyo', 'osaka']): Uint8Array {
  return signedNote({ origin: ORIGIN, ...headOf(size) }, plain, ['osaka', 'tokyo']);
}

const trusting: LedgerExpectations = {
  policyAt: () => testPolicy(),
  verifier: nodeVerifier,
  witness: headOf(66_100),
  heads: [headOf(300)],
};

function verify(
  changed: Partial<LedgerStore> = {},
  expectations: Partial<LedgerExpectations> = {},
): LedgerReport {
  const calls = {
    loadImage: store.loadImage.bind(store),
    readBundle: store.readBundle.bind(store),
    readTile: store.readTile.bind(store),
    readCheckpoint: store.readCheckpoint.bind(store),
    ...changed,
  };
  let report: LedgerReport | undefined;
  verifyLedger(calls, { ...trusting, ...expectations }, (found) => (report = found));
  if (report === undefined) throw new Error('it did not finish');
  return report;
}

const imageAs = (change: Partial<LedgerImage>): Partial<LedgerStore> => ({
  loadImage: (done) => done(null, { ...image, ...change }),
});
const tileAs = (
  level: number,
  index: number,
  change: (hashes: Uint8Array) => Uint8Array | null,
): Partial<LedgerStore> => ({
  readTile: (l, i, done) => {
    store.readTile(l, i, (error, hashes) => {
      done(error, l === level && i === index ? change(hashes ?? new Uint8Array()) : hashes);
    });
  },
});
const bundleAs = (
  index: number,
  change: (leaves: readonly Uint8Array[]) => readonly Uint8Array[] | null,
): Partial<LedgerStore> => ({
  readBundle: (i, done) => {
    store.readBundle(i, (error, found) => done(error, i === index && found ? change(found) : found));
  },
});
const checkpointAs = (at: number, note: Uint8Array | null): Partial<LedgerStore> => ({
  readCheckpoint: (size, done) => {
    const next = PUBLISHED.find((candidate) => candidate >= size) ?? 0;
    if (next === at && note !== null) done(null, note);
    else store.readCheckpoint(size, done);
  },
});
const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 16 : byte));

test('an untouched ledger is intact: every leaf, tile, checkpoint, the image, the witness and foreign heads', (t) => {
  let inspected = 0;
  const report = verify(
    {},
    {
      inspect: (index, leaf) => {
        if (leaf !== leaves[index]) t.fail(`leaf ${index}`);
        inspected++;
        return null;
      },
    },
  );
  t.deepEqual(report, {
    verdict: 'intact',
    head: headOf(LEAVES),
    checkpoints: PUBLISHED.length,
    published: 66_100,
    findings: [],
  });
  t.is(inspected, LEAVES);
});

test('every kind of damage is found, named and placed', (t) => {
  const otherHead = { size: 66_100, root: headOf(700).root };
  const edge = image.edge.map((hashes) => [...hashes]);
  edge[1] = (edge[1] ?? []).map((hash, i) => (i === 0 ? flipped(hash, 3) : hash));
  const stories: readonly (readonly [
    string,
    Partial<LedgerStore>,
    Partial<LedgerExpectations>,
    readonly (readonly [LedgerFindingCode, string])[],
  ])[] = [
    [
      'a leaf in a bundle',
      bundleAs(7, (found) => found.map((leaf, i) => (i === 5 ? flipped(leaf, 0) : leaf))),
      {},
      [['bundleDamaged', 'tile/entries/007']],
    ],
    [
      'a leaf near the right edge',
      bundleAs(257, (found) => found.map((leaf, i) => (i === 5 ? flipped(leaf, 0) : leaf))),
      {},
      [['bundleDamaged', 'tile/entries/257']],
    ],
    [
      'two leaves exchanged',
      bundleAs(7, ([a, b, ...rest]) => [b as Uint8Array, a as Uint8Array, ...rest]),
      {},
      [['bundleDamaged', 'tile/entries/007']],
    ],
    ['a short bundle', bundleAs(7, (found) => found.slice(1)), {}, [['bundleDamaged', 'tile/entries/007']]],
    ['a missing bundle', bundleAs(7, () => null), {}, [['bundleMissing', 'tile/entries/007']]],
    ['a level-0 tile', tileAs(0, 7, (hashes) => flipped(hashes, 77)), {}, [['tileDamaged', 'tile/0/007']]],
    ['a missing level-0 tile', tileAs(0, 7, () => null), {}, [['tileMissing', 'tile/0/007']]],
    [
      'the level-1 tile',
      tileAs(1, 0, (hashes) => flipped(hashes, 8000)),
      {},
      [['tileDamaged', 'tile/1/000']],
    ],
    ['a missing level-1 tile', tileAs(1, 0, () => null), {}, [['tileMissing', 'tile/1/000']]],
    [
      'a leaf of the tail',
      imageAs({ tail: image.tail.map((leaf, i) => (i === 1 ? flipped(leaf, 0) : leaf)) }),
      {},
      [['imageDamaged', 'image']],
    ],
    ['a hash of the upper edge', imageAs({ edge }), {}, [['imageDamaged', 'image']]],
    [
      'a checkpoint below quorum',
      checkpointAs(700, noteOf(700, ['tokyo'])),
      {},
      [['checkpointInvalid', 'checkpoint of size 700']],
    ],
    [
      'a checkpoint of another tree',
      checkpointAs(
        700,
        signedNote({ origin: ORIGIN, size: 700, root: EMPTY_ROOT }, ['tokyo', 'osaka'], ['osaka']),
      ),
      {},
      [['checkpointMismatch', 'checkpoint of size 700']],
    ],
    ['a witness of another tree', {}, { witness: otherHead }, [['witnessMismatch', 'witness of size 66100']]],
    [
      'a head of another tree',
      {},
      { heads: [{ size: 300, root: EMPTY_ROOT }] },
      [['headMismatch', 'head of size 300']],
    ],
    [
      'a refused leaf',
      {},
      { inspect: (index) => (index === 4711 ? 'no record' : null) },
      [['leafRefused', 'leaf 4711']],
    ],
  ];
  for (const [story, changed, expectations, expected] of stories) {
    const report = verify(changed, expectations);
    const places = report.findings.map(({ code, where }) => [code, where]);
    if (story.includes('tail'))
      t.true(
        places.some(([code]) => code === 'imageDamaged'),
        story,
      );
    else t.deepEqual(places, expected as never, story);
    t.is(report.verdict, 'damaged', story);
    if (!story.includes('tail'))
      t.deepEqual(report.head, headOf(LEAVES), `${story}: the tree is known from the rest`);
  }
});

test('unreadable parts and unreadable checkpoints are findings, not exceptions', (t) => {
  const failing = (done: (error: Error) => void): void => done(new Error('EIO'));
  t.is(verify({ loadImage: failing }).findings[0]?.code, 'unreadable');
  t.is(verify({ readCheckpoint: (_size, done) => failing(done) }).findings[0]?.code, 'unreadable');
  t.true(
    verify({ readTile: (_level, _index, done) => failing(done) }).findings.some(
      ({ code }) => code === 'unreadable',
    ),
  );
  const none = verify({
    readBundle: (_index, done) => failing(done),
    readTile: (_level, _index, done) => failing(done),
  });
  t.is(none.verdict, 'damaged');
  t.true(
    verify(checkpointAs(200, new Uint8Array(5))).findings.some(({ code }) => code === 'checkpointInvalid'),
  );
});

test('a ledger that its node would replay further is incomplete, not damaged', (t) => {
  const early = Ledger.restore(null, new MemoryLedgerStore());
  for (const leaf of leaves.slice(0, 1000)) early.append(leaf);
  const old = early.image(1, 1n, new Uint8Array());
  const behindImage = verify({ loadImage: (done) => done(null, old) });
  t.is(behindImage.verdict, 'incomplete');
  t.deepEqual(
    behindImage.findings.map(({ code }) => code),
    ['behindWitness', 'behindCheckpoint'],
  );
  t.is(behindImage.head.size, 66_048, 'all full bundles are verified all the same');

  const empty: Partial<LedgerStore> = {
    loadImage: (done) => done(null, null),
    readBundle: (_index, done) => done(null, null),
    readTile: (_level, _index, done) => done(null, null),
    readCheckpoint: (_size, done) => done(null, null),
  };
  t.is(verify(empty).verdict, 'incomplete');
  t.deepEqual(verify(empty, { witness: null, heads: [{ size: 0, root: EMPTY_ROOT }] }), {
    verdict: 'intact',
    head: { size: 0, root: EMPTY_ROOT },
    checkpoints: 0,
    published: 0,
    findings: [],
  });
});

test('300 random bit flips in anything stored are found, or change nothing that is signed', (t) => {
  const random = new Random(99);
  let harmless = 0;
  for (let i = 0; i < 300; i++) {
    const kind = random.below(4);
    const at = random.below(8);
    const story = `flip ${i}: kind ${kind}`;
    let changed: Partial<LedgerStore>;
    if (kind === 0)
      changed = bundleAs(random.below(3), (found) =>
        found.map((leaf, n) => (n === 100 + at ? flipped(leaf, at) : leaf)),
      );
    else if (kind === 1)
      changed = tileAs(0, random.below(3), (hashes) => flipped(hashes, random.below(8192)));
    else if (kind === 2) {
      const note = flipped(noteOf(256), 20 + random.below(300));
      changed = { readCheckpoint: (size, done) => done(null, size <= 256 ? note : null) };
    } else {
      const tail = small.tail.map((leaf, n) => (n === at ? flipped(leaf, 0) : leaf));
      changed = { loadImage: (done) => done(null, { ...small, tail }) };
    }
    const report = verify({ ...smallStore(), ...changed }, { witness: null, heads: [] });
    // The id of a key is not signed: a line whose id was altered is a stranger's, and the others still suffice.
    const isHarmless = kind === 2 && report.checkpoints === 1 && report.verdict === 'intact';
    t.true(report.verdict === 'damaged' || isHarmless, story);
    if (isHarmless) harmless++;
  }
  t.true(harmless < 15, `${harmless} harmless flips`);
});

/** The first three bundles and a tail, so that one verification is cheap. */
const small = (() => {
  const ledger = Ledger.restore(null, new MemoryLedgerStore());
  for (const leaf of leaves.slice(0, 800)) ledger.append(leaf);
  return ledger.image(1, 1n, new Uint8Array());
})();

function smallStore(): Partial<LedgerStore> {
  return {
    loadImage: (done) => done(null, small),
    readBundle: (index, done) => {
      if (index < 3) store.readBundle(index, done);
      else done(null, null);
    },
    readTile: (level, index, done) => {
      if (level === 0) store.readTile(level, index, done);
      else done(null, null);
    },
    readCheckpoint: (_size, done) => done(null, null),
  };
}

test('repeat runs steps that answer at once on one stack frame, and steps that answer later as well', (t) => {
  let count = 0;
  let finished = 0;
  repeat(
    (next) => next(++count < 100_000),
    () => finished++,
  );
  t.deepEqual([count, finished], [100_000, 1]);

  const waiting: (() => void)[] = [];
  const order: number[] = [];
  repeat(
    (next) => {
      order.push(order.length);
      if (order.length % 2 === 0) next(order.length < 7);
      else waiting.push(() => next(order.length < 7));
    },
    () => finished++,
  );
  while (waiting.length > 0) waiting.shift()?.();
  t.deepEqual([order.length, finished], [7, 2]);
});

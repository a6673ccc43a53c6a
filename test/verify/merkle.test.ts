import test from 'ava';
import {
  EMPTY_ROOT,
  inclusionRoot,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../src/verify/merkle.js';
import { NaiveTree } from '../audit/naive-tree.js';
import { Random, hex, unhex } from './random.js';

/** The test tree of the Certificate Transparency reference implementation. */
const ctLeaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const ctRoots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

function ctTree(): NaiveTree {
  const tree = new NaiveTree();
  for (const leaf of ctLeaves) tree.push(unhex(leaf));
  return tree;
}

test('the published vectors of RFC 6962 implementations hold', (t) => {
  t.is(hex(EMPTY_ROOT), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  t.is(hex(leafHash(new Uint8Array())), ctRoots[0] as string);
  const tree = ctTree();
  ctRoots.forEach((root, i) => t.is(hex(tree.root(i + 1)), root));
  t.is(hex(nodeHash(tree.mth(0, 4), tree.mth(4, 8))), ctRoots[7] as string);

  // Inclusion and consistency paths as published with them.
  const path = [
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ];
  t.true(verifyInclusion(0, 8, leafHash(unhex('')), path.map(unhex), unhex(ctRoots[7] as string)));
  const consistency = [
    '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
    'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  ];
  t.true(
    verifyConsistency(6, 8, consistency.map(unhex), unhex(ctRoots[5] as string), unhex(ctRoots[7] as string)),
  );
});

test('every inclusion proof of every tree up to 70 leaves verifies, and for no other position, size, leaf or root', (t) => {
  const tree = randomTree(70);
  for (let size = 1; size <= 70; size++) {
    const root = tree.root(size);
    for (let index = 0; index < size; index++) {
      const leaf = leafHash(tree.leaves[index] as Uint8Array);
      const proof = tree.path(index, 0, size);
      if (!verifyInclusion(index, size, leaf, proof, root)) t.fail(`${index} of ${size}`);
      for (const [wrong, why] of inclusionForgeries(index, size, proof)) {
        if (verifyInclusion(wrong.index, wrong.size, leaf, wrong.proof, root))
          t.fail(`${index} of ${size}: ${why}`);
      }
      if (verifyInclusion(index, size, root, proof, root) && size > 1) t.fail('root as leaf');
      if (verifyInclusion(index, size, leaf, proof, tree.root(size + 1 > 70 ? 1 : size + 1)) && size > 1)
        t.fail('root');
    }
  }
  t.pass();
});

function* inclusionForgeries(index: number, size: number, proof: Uint8Array[]) {
  yield [{ index, size, proof: [...proof, new Uint8Array(32)] }, 'one hash more'] as const;
  if (proof.length > 0) {
    yield [{ index, size, proof: proof.slice(1) }, 'first hash missing'] as const;
    yield [{ index, size, proof: proof.slice(0, -1) }, 'last hash missing'] as const;
    yield [
      { index, size, proof: proof.map((hash, i) => (i === 0 ? hash.map((byte) => byte ^ 1) : hash)) },
      'a bit flipped',
    ] as const;
    yield [{ index, size, proof: proof.map((h) => h.subarray(0, 31)) }, 'short hashes'] as const;
  }
  yield [{ index: index + 1, size, proof }, 'next position'] as const;
  yield [{ index: index - 1, size, proof }, 'previous position'] as const;
  yield [{ index, size: 0, proof }, 'no tree'] as const;
  yield [{ index: index + 0.5, size, proof }, 'no integer'] as const;
  yield [{ index: Number.NaN, size, proof }, 'not a number'] as const;
  yield [{ index, size: 2 ** 53, proof }, 'size beyond 2^53 − 1'] as const;
  yield [{ index, size: Infinity, proof }, 'infinite size'] as const;
}

test('every consistency proof of every pair up to 70 leaves verifies, and no forgery of it', (t) => {
  const tree = randomTree(70);
  for (let second = 1; second <= 70; second++) {
    for (let first = 1; first <= second; first++) {
      const proof = tree.proof(first, second);
      const [old, now] = [tree.root(first), tree.root(second)];
      if (!verifyConsistency(first, second, proof, old, now)) t.fail(`${first} in ${second}`);
      const flipped = proof.map((h, i) => (i === proof.length - 1 ? h.map((b) => b ^ 128) : h));
      const forgeries = [
        verifyConsistency(first, second, [...proof, new Uint8Array(32)], old, now),
        proof.length > 0 && verifyConsistency(first, second, proof.slice(1), old, now),
        proof.length > 0 && verifyConsistency(first, second, proof.slice(0, -1), old, now),
        proof.length > 0 && verifyConsistency(first, second, flipped, old, now),
        first < second && verifyConsistency(first, second, [], old, now),
        first < second && verifyConsistency(first, second, proof, now, now),
        first < second && verifyConsistency(first, second, proof, old, old),
        first < second && verifyConsistency(second, first, proof, now, old),
        verifyConsistency(0, second, proof, EMPTY_ROOT, now),
        verifyConsistency(0, second, [], EMPTY_ROOT, now),
      ];
      if (forgeries.some(Boolean)) t.fail(`${first} in ${second}: forgery ${forgeries.indexOf(true)}`);
    }
  }
  t.false(verifyConsistency(0, 0, [], EMPTY_ROOT, EMPTY_ROOT));
  t.false(verifyConsistency(2 ** 53, 2 ** 53, [], EMPTY_ROOT, EMPTY_ROOT));
});

test('positions beyond 2^32 are not cut to 32 bits', (t) => {
  // The last leaf of a tree of 2^40 + 1 leaves has one sibling: the perfect tree to its left.
  const left = leafHash(Uint8Array.of(1));
  const leaf = leafHash(Uint8Array.of(2));
  t.true(verifyInclusion(2 ** 40, 2 ** 40 + 1, leaf, [left], nodeHash(left, leaf)));
  t.true(verifyConsistency(2 ** 40, 2 ** 40 + 1, [leaf], left, nodeHash(left, leaf)));
  t.is(inclusionRoot(0, 2 ** 40 + 1, leaf, [left]), null);
  t.is(inclusionRoot(2 ** 52, 2 ** 52 + 1, leaf, [left])?.length, 32);
});

test('hashes of a wrong length are refused, never padded', (t) => {
  const hash = leafHash(Uint8Array.of(1));
  t.throws(() => nodeHash(hash, hash.subarray(1)), { instanceOf: RangeError });
  t.throws(() => nodeHash(new Uint8Array(33), hash), { instanceOf: RangeError });
  t.false(verifyConsistency(1, 2, [hash], hash.subarray(1), hash));
  t.false(verifyInclusion(0, 2, hash.subarray(1), [hash], hash));
  t.false(verifyInclusion(0, 1, new Uint8Array(), [], new Uint8Array()));
});

test('fuzz: no random position, size and proof verifies against a root, and none throws', (t) => {
  const random = new Random(3);
  const tree = randomTree(20);
  for (let i = 0; i < 20_000; i++) {
    const size = random.below(40);
    const proof = Array.from({ length: random.below(6) }, () =>
      random.bytes(random.below(8) === 0 ? 31 : 32),
    );
    if (verifyInclusion(random.below(40), size, random.bytes(32), proof, tree.root(20))) t.fail('inclusion');
    if (
      random.below(2) === 0 &&
      verifyConsistency(random.below(20), 20, proof, random.bytes(32), tree.root(20))
    )
      t.fail('consistency');
  }
  t.pass();
});

function randomTree(size: number): NaiveTree {
  const random = new Random(11);
  const tree = new NaiveTree();
  for (let i = 0; i < size; i++) tree.push(random.bytes(random.below(40)));
  return tree;
}

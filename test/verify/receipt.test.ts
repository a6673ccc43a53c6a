import test from 'ava';
import { CborError, encode } from '../../src/verify/cbor.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import {
  decodeReceipt,
  encodeReceipt,
  verifyReceipt,
  type ReceiptBundle,
  type ReceiptReason,
} from '../../src/verify/receipt.js';
import { NaiveTree } from '../audit/naive-tree.js';
import { ORIGIN, signedNote, testPolicy } from './log-keys.js';
import { Random, text } from './random.js';

const trust = { policy: testPolicy(), verifier: nodeVerifier };

const tree = new NaiveTree();
for (let i = 0; i < 100; i++) tree.push(text(`record ${i}`));

function proven(index: number, size = 90) {
  return { leaf: tree.leaves[index] as Uint8Array, index, path: tree.path(index, 0, size) };
}

function note(
  size = 90,
  plain: readonly string[] = ['tokyo', 'osaka'],
  stamped: readonly string[] = ['osaka'],
): Uint8Array {
  return signedNote({ origin: ORIGIN, size, root: tree.root(size) }, plain, stamped);
}

const bundle: ReceiptBundle = {
  issuance: proven(77),
  measurement: proven(70),
  checkpoint: note(),
  certificate: text('statement'),
  chain: [text('issuing certificate')],
  policyVersion: 3,
};

test('a receipt proves its leaves, and hands out what it holds', (t) => {
  const bytes = encodeReceipt(bundle);
  t.deepEqual(decodeReceipt(bytes), bundle);
  const verdict = verifyReceipt(bytes, trust, 'tokyo');
  if (!verdict.ok) {
    t.fail(verdict.detail);
    return;
  }
  t.deepEqual(verdict.bundle, bundle);
  t.deepEqual(verdict.checkpoint, { origin: ORIGIN, size: 90, root: tree.root(90) });
  t.deepEqual(verdict.lines.plain, ['tokyo', 'osaka']);
});

test('a receipt that is missing, of another log, below quorum or wrong in any part is refused for that reason', (t) => {
  const stories: readonly (readonly [string, Uint8Array | null, readonly ReceiptReason[]])[] = [
    ['no receipt', null, ['missing']],
    ['an empty one', new Uint8Array(), ['missing']],
    ['something else', text('not a receipt'), ['unreadable']],
    ['a newer version', encode({ v: 2 }), ['unreadable']],
    [
      'of another log',
      encodeReceipt({
        ...bundle,
        checkpoint: signedNote(
          { origin: 'other/log', size: 90, root: tree.root(90) },
          ['tokyo', 'osaka'],
          ['osaka'],
        ),
      }),
      ['otherLog'],
    ],
    [
      'below quorum',
      encodeReceipt({ ...bundle, checkpoint: note(90, ['tokyo'], ['osaka']) }),
      ['belowQuorum', 'belowSites'],
    ],
    [
      'time-stamped by the measurer only',
      encodeReceipt({ ...bundle, checkpoint: note(90, ['tokyo', 'osaka'], ['tokyo']) }),
      ['noIndependentTime'],
    ],
    [
      'an unsigned tree',
      encodeReceipt({ ...bundle, checkpoint: text('taa.example/log\n90\nAAAA\n') }),
      ['malformed'],
    ],
    [
      'another leaf',
      encodeReceipt({ ...bundle, issuance: { ...proven(77), leaf: text('forged') } }),
      ['badProof'],
    ],
    ['another position', encodeReceipt({ ...bundle, issuance: { ...proven(77), index: 76 } }), ['badProof']],
    [
      'another measurement',
      encodeReceipt({ ...bundle, measurement: { ...proven(70), leaf: text('forged') } }),
      ['badProof'],
    ],
    ['a leaf beyond the checkpoint', encodeReceipt({ ...bundle, issuance: proven(95, 100) }), ['badProof']],
    ['a proof for another size', encodeReceipt({ ...bundle, issuance: proven(77, 100) }), ['badProof']],
    ['no proof', encodeReceipt({ ...bundle, measurement: { ...proven(70), path: [] } }), ['badProof']],
  ];
  for (const [story, bytes, reasons] of stories) {
    const verdict = verifyReceipt(bytes, trust, 'tokyo');
    if (verdict.ok) t.fail(story);
    else {
      t.deepEqual(verdict.reasons, reasons as ReceiptReason[], story);
      t.true(verdict.detail.length > 20, story);
    }
  }
});

test('a receipt re-derived against a later checkpoint verifies as well', (t) => {
  const later: ReceiptBundle = {
    ...bundle,
    issuance: proven(77, 99),
    measurement: proven(70, 99),
    checkpoint: note(99),
  };
  t.true(verifyReceipt(encodeReceipt(later), trust, 'naha').ok);
});

test('fuzz: any mutation of a receipt is refused with a reason, or is the same receipt to its reader', (t) => {
  const random = new Random(8);
  const bytes = encodeReceipt(bundle);
  for (let i = 0; i < 3000; i++) {
    const mutated = Uint8Array.from(bytes);
    mutated[random.below(mutated.length)] = random.below(256);
    try {
      decodeReceipt(mutated);
    } catch (error) {
      if (!(error instanceof CborError)) throw error;
    }
    if (i % 10 !== 0) continue;
    const verdict = verifyReceipt(mutated, trust);
    // The certificate, its chain and the policy version are not the log's to vouch for here.
    if (verdict.ok)
      t.deepEqual(
        [verdict.bundle.issuance, verdict.bundle.measurement, verdict.checkpoint.size],
        [bundle.issuance, bundle.measurement, 90],
      );
  }
  t.pass();
});

/** The golden files of docs/formats.md: written once, read back for ever. A change of a byte here is a change of format. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { Ledger } from '../../src/audit/ledger.js';
import { decodeMessage, encodeMessage } from '../../src/audit/lines.js';
import { MemoryLedgerStore } from '../../src/audit/memory-store.js';
import { decodeBundle, encodeBundle } from '../../src/audit/tiles.js';
import { decode, encode } from '../../src/verify/cbor.js';
import { checkpointPolicy } from '../../src/verify/checkpoint-policy.js';
import { verifyCheckpoint } from '../../src/verify/checkpoint.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { leafHash } from '../../src/verify/merkle.js';
import { formatNote, parseNote, parseVerifierKey } from '../../src/verify/note.js';
import { encodeReceipt, verifyReceipt } from '../../src/verify/receipt.js';
import { formatTlogProof, parseTlogProof } from '../../src/verify/tlog-proof.js';
import { golden } from './golden.js';

const file = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../test/fixtures/formats/${name}`, import.meta.url)));

test('what this program writes today is, byte for byte, what the golden files hold', (t) => {
  const made = golden();
  t.deepEqual([...made.keys()].sort(), [
    'bundle',
    'checkpoint.note',
    'keys.txt',
    'lines.cbor',
    'note.cbor',
    'receipt.cbor',
    'receipt.tlog-proof',
    'tile',
    'value.cbor',
  ]);
  for (const [name, bytes] of made) t.true(Buffer.from(file(name)).equals(bytes), name);
});

test('CBOR: the golden value reads back', (t) => {
  const value = decode(file('value.cbor'));
  t.deepEqual(
    value,
    new Map<string, unknown>([
      ['v', 1],
      ['no', false],
      ['yes', true],
      ['late', null],
      ['list', [0, -1, 23, 24, 18446744073709551615n]],
      ['text', 'UTC(NICT) 日本標準時'],
      ['bytes', Uint8Array.of(1, 2, 3)],
      ['instant', 1_764_000_037_123_456_789n],
    ]) as never,
  );
  t.deepEqual(encode(value), file('value.cbor'));
});

test('the golden bundle hashes to the golden tile, and the tile to the golden checkpoint', (t) => {
  const leaves = decodeBundle(file('bundle'));
  if (leaves === null) throw new Error('not a bundle');
  t.is(leaves.length, 256);
  t.deepEqual(encodeBundle(leaves), file('bundle'));
  t.deepEqual(Buffer.concat(leaves.map(leafHash)), Buffer.from(file('tile')));
  const ledger = Ledger.restore(null, new MemoryLedgerStore());
  for (const leaf of leaves) ledger.append(leaf);
  t.deepEqual(ledger.takeWrites().tiles, [{ level: 0, index: 0, hashes: file('tile') }]);
  const verdict = verifyCheckpoint(file('checkpoint.note'), goldenPolicy(), nodeVerifier, ['tokyo']);
  if (!verdict.ok) throw new Error(verdict.reasons.join());
  t.deepEqual(ledger.head(), { size: verdict.checkpoint.size, root: verdict.checkpoint.root });
  t.deepEqual(verdict.lines, {
    plain: ['tokyo', 'osaka', 'naha'],
    timestamped: [
      { node: 'tokyo', seconds: 1_764_000_000 },
      { node: 'osaka', seconds: 1_764_000_000 },
    ],
  });
  t.deepEqual(formatNote(parseNote(file('checkpoint.note'))), file('checkpoint.note'));
});

/** The trust policy as an auditor would make it from the published keys. */
function goldenPolicy() {
  const keys = new TextDecoder().decode(file('keys.txt')).trim().split('\n').map(parseVerifierKey);
  const origin = keys[0]?.name ?? '';
  const nodes = keys
    .filter(({ signatureType }) => signatureType === 4)
    .map(({ name, key }) => ({ name: name.slice(origin.length + 1), site: name, key }));
  return checkpointPolicy({ origin, nodes, quorum: 2, distinctSites: 2 });
}

test('the golden receipt verifies, and holds the same proof as its tlog-proof', (t) => {
  const verdict = verifyReceipt(
    file('receipt.cbor'),
    { policy: goldenPolicy(), verifier: nodeVerifier },
    'tokyo',
  );
  if (!verdict.ok) throw new Error(verdict.detail);
  const { bundle } = verdict;
  t.deepEqual(encodeReceipt(bundle), file('receipt.cbor'));
  t.is(bundle.issuance.index, 77);
  t.is(bundle.measurement.index, 70);
  t.is(bundle.policyVersion, 3);
  const proof = parseTlogProof(file('receipt.tlog-proof'));
  t.deepEqual(proof, { index: 77, path: [...bundle.issuance.path], checkpoint: bundle.checkpoint });
  t.deepEqual(formatTlogProof(proof), file('receipt.tlog-proof'));
});

test('the golden messages between nodes read back', (t) => {
  for (const name of ['lines.cbor', 'note.cbor'])
    t.deepEqual(encodeMessage(decodeMessage(file(name))), file(name), name);
  const lines = decodeMessage(file('lines.cbor'));
  t.is(lines.kind === 'lines' && lines.heads.length, 2);
});

/** How the golden files of docs/formats.md came about: fixed inputs through the encoders. */

import { createHash } from 'node:crypto';
import { Ledger } from '../../src/audit/ledger.js';
import { encodeMessage, type SignedHead } from '../../src/audit/lines.js';
import { MemoryLedgerStore } from '../../src/audit/memory-store.js';
import { encodeBundle } from '../../src/audit/tiles.js';
import { encode } from '../../src/verify/cbor.js';
import { verifierKeys } from '../../src/verify/checkpoint-policy.js';
import { cosignatureMessage, plainMessage } from '../../src/verify/checkpoint.js';
import { encodeReceipt, type ProvenLeaf } from '../../src/verify/receipt.js';
import { formatTlogProof } from '../../src/verify/tlog-proof.js';
import { NODES, ORIGIN, SECONDS, keys, signedNote, testPolicy } from '../verify/log-keys.js';
import { text } from '../verify/random.js';

export function golden(): ReadonlyMap<string, Uint8Array> {
  const leaves = Array.from({ length: 256 }, (_, i) => goldenLeaf(i));
  const ledger = Ledger.restore(null, new MemoryLedgerStore());
  for (const leaf of leaves) ledger.append(leaf);
  const head = ledger.head();
  const note = signedNote({ origin: ORIGIN, ...head }, NODES, ['tokyo', 'osaka']);
  const proven = (index: number): ProvenLeaf => {
    let path: readonly Uint8Array[] = [];
    ledger.inclusionProof(index, head.size, (_error, found) => (path = found ?? []));
    return { leaf: leaves[index] as Uint8Array, index, path };
  };
  const receipt = {
    issuance: proven(77),
    measurement: proven(70),
    checkpoint: note,
    certificate: text('a time-audit statement in DER'),
    chain: [text('the issuing certificate in DER')],
    policyVersion: 3,
  };
  const { index, path } = receipt.issuance;
  return new Map([
    ['value.cbor', encode(goldenValue)],
    ['bundle', encodeBundle(leaves)],
    ['tile', ledger.takeWrites().tiles[0]?.hashes ?? new Uint8Array()],
    ['checkpoint.note', note],
    ['keys.txt', text(`${verifierKeys(testPolicy()).join('\n')}\n`)],
    ['receipt.cbor', encodeReceipt(receipt)],
    ['receipt.tlog-proof', formatTlogProof({ index, path, checkpoint: note })],
    [
      'lines.cbor',
      encodeMessage({ kind: 'lines', published: 200, retry: false, heads: [signed(true), signed(false)] }),
    ],
    ['note.cbor', encodeMessage({ kind: 'note', note })],
  ]);

  function signed(stamped: boolean): SignedHead {
    const checkpoint = { origin: ORIGIN, ...head };
    const sign = (message: Uint8Array): Uint8Array => keys.get('tokyo')?.sign(message) ?? new Uint8Array();
    const stamp = stamped
      ? { seconds: SECONDS, signature: sign(cosignatureMessage(checkpoint, SECONDS)) }
      : null;
    return { ...head, plain: sign(plainMessage(checkpoint)), stamp };
  }
}

/** Leaves of growing length, the first empty. */
function goldenLeaf(index: number): Uint8Array {
  return new Uint8Array(
    createHash('shake256', { outputLength: Math.max(index, 1) })
      .update(`${index}`)
      .digest(),
  ).slice(0, index);
}

const goldenValue = {
  v: 1,
  text: 'UTC(NICT) 日本標準時',
  bytes: Uint8Array.of(1, 2, 3),
  instant: 1_764_000_037_123_456_789n,
  list: [0, -1, 23, 24, 18446744073709551615n],
  yes: true,
  no: false,
  late: null,
};

/** Snapshots and the messages around them: the golden ones read back, nothing else is taken for one. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { logIndex, term } from '../../src/raft/types.js';
import {
  decodeSnapshotMessage,
  encodeSnapshotMessage,
  type SnapshotMessage,
} from '../../src/node/core/snapshot-messages.js';
import {
  decodeSnapshot,
  encodeSnapshot,
  verifySnapshot,
  type SnapshotBody,
} from '../../src/node/core/snapshot.js';
import { asBytes, decodeMap } from '../../src/verify/cbor-reader.js';
import { encode } from '../../src/verify/cbor.js';
import { nodeVerifier, sha256 } from '../../src/verify/crypto.js';
import { leafHash } from '../../src/verify/merkle.js';

const hash = (n: number): Uint8Array => sha256(Uint8Array.of(n));
const tail = [1, 2, 3].map((n) => Uint8Array.of(n, n));
const body: SnapshotBody = {
  size: 259,
  edge: [tail.map(leafHash), [hash(4)]],
  tail,
  state: Uint8Array.from({ length: 40 }, (_, i) => i),
};
const messages: readonly SnapshotMessage[] = [
  { kind: 'askSnapshot', least: 4096, have: 300 },
  {
    kind: 'snapshot',
    digest: hash(1),
    length: 1234,
    term: 7,
    have: 300,
    proof: {
      leaf: Uint8Array.of(9, 9),
      leafIndex: 70_001,
      path: [hash(2), hash(3)],
      note: new TextEncoder().encode('a note'),
      consistency: [hash(4)],
      prefix: [],
    },
  },
  { kind: 'askPart', digest: hash(1), at: 262_144 },
  { kind: 'part', digest: hash(1), at: 262_144, bytes: Uint8Array.of(1, 2, 3) },
  { kind: 'askTiles', level: 1, index: 3, count: 32 },
  { kind: 'tiles', level: 1, index: 3, tiles: [new Uint8Array(8192).fill(5)] },
  { kind: 'askBundles', index: 17, count: 16 },
  { kind: 'bundles', index: 17, bundles: [Uint8Array.of(0, 1, 7)] },
  { kind: 'askBodies', after: hash(6) },
  {
    kind: 'bodies',
    after: hash(6),
    bodies: [{ hash: hash(7), salt: new Uint8Array(16), bytes: Uint8Array.of(1) }],
  },
  { kind: 'askEntries', from: 7 },
  {
    kind: 'entries',
    from: 7,
    entries: [
      { index: logIndex(7), term: term(2), kind: 'noop', time: 0n, payload: new Uint8Array(0) },
      { index: logIndex(8), term: term(3), kind: 'command', time: 5n, payload: Uint8Array.of(1, 2) },
    ],
  },
  { kind: 'trimmed', from: 7, firstIndex: 40 },
  { kind: 'none', to: 'askPart' },
];

const fixture = (name: string): URL => new URL(`../../../test/fixtures/formats/${name}`, import.meta.url);

const golden = (name: string): Uint8Array => Uint8Array.from(readFileSync(fixture(name)));

test('the golden snapshot reads back, and is what is written today', (t) => {
  const bytes = golden('snapshot.cbor');
  t.deepEqual(decodeSnapshot(bytes), body);
  t.deepEqual(encodeSnapshot(body), bytes);
});

test('the golden messages read back, and are what is written today', (t) => {
  const bytes = golden('snapshot-messages.cbor');
  const read = decodeMap(bytes, 'golden', (reader) =>
    reader.array('messages', (value, path) => asBytes(value, {}, path)),
  );
  t.deepEqual(read.map(decodeSnapshotMessage), [...messages]);
  t.deepEqual(read, messages.map(encodeSnapshotMessage));
});

test('what is cut, changed or of another version is no message', (t) => {
  for (const message of messages) {
    const bytes = encodeSnapshotMessage(message);
    for (let end = 0; end < Math.min(bytes.length, 200); end++) {
      t.is(decodeSnapshotMessage(bytes.subarray(0, end)), null);
    }
  }
  t.is(decodeSnapshotMessage(encode({ v: 2, kind: 'none', to: 'askPart' })), null);
  t.is(decodeSnapshotMessage(encode({ v: 1, kind: 'askTiles', level: 7, index: 0, count: 1 })), null);
  t.is(decodeSnapshotMessage(encode({ v: 1, kind: 'askTiles', level: 0, index: 0, count: 33 })), null);
});

test('a snapshot without a published checkpoint is refused, whatever it holds', (t) => {
  const policy = {
    origin: 'x/log',
    nodes: [],
    quorum: 1,
    distinctSites: 1,
    membership: null,
    previous: null,
  };
  const { proof } = messages[1] as Extract<SnapshotMessage, { kind: 'snapshot' }>;
  const verdict = verifySnapshot(
    encodeSnapshot(body),
    proof,
    { size: 0, root: hash(0) },
    () => policy,
    nodeVerifier,
  );
  t.false(verdict.ok);
  t.regex(verdict.ok ? '' : verdict.fault, /not published: malformed/);
});

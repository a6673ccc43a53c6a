/** Records: what every leaf says, what is recorded at all and for how long, and bulk appends in the laboratory. */

import test from 'ava';
import {
  encodeLabItems,
  encodeRecord,
  labRandom,
  leafRandom,
  recordCatalogue,
} from '../../src/authority/records.js';
import { taiNs } from '../../src/time/types.js';
import { hex, Random, text } from '../verify/random.js';
import { decode, type CborMap } from '../../src/verify/cbor.js';
import { genesisDocument, genesisHash } from '../../src/verify/genesis.js';
import { Cluster, START, genesisOf } from './cluster.js';
import { RandomCommands } from './random-commands.js';

test('every record says what it is, when, by whom, and how long it is kept; no two have the same random part', (t) => {
  const cluster = new Cluster();
  const commands = new RandomCommands(cluster, 5);
  for (let i = 0; i < 500; i++) cluster.applyPayload(commands.next());
  const randoms = new Set<string>();
  const classes = new Map<unknown, string>(recordCatalogue.map(({ type, retention }) => [type, retention]));
  for (const leaf of cluster.leaves) {
    const record = decode(leaf) as CborMap;
    t.is(record.get('v'), 1);
    t.is(record.get('ret'), classes.get(record.get('type')));
    t.is(typeof record.get('index'), 'number');
    t.is(typeof record.get('node'), 'string');
    t.true(record.has('time'));
    randoms.add(hex(record.get('rnd') as Uint8Array));
    t.true(leaf.length <= 0xffff);
  }
  t.is(randoms.size, cluster.leaves.length);
});

test('no record type without a retention period, and what certificates rest on is kept ten years at least', (t) => {
  t.is(new Set(recordCatalogue.map(({ type }) => type)).size, recordCatalogue.length);
  for (const { type, says, minimumYears } of recordCatalogue) {
    t.true(says.endsWith('.'), type);
    t.true(minimumYears >= (type === 'labItem' ? 0 : 3), type);
  }
  for (const type of [
    'measurement',
    'confirmation',
    'certificate',
    'voided',
    'clockComparison',
    'clusterPolicy',
  ]) {
    t.true((recordCatalogue.find((entry) => entry.type === type)?.minimumYears ?? 0) >= 10, type);
  }
});

test('the first leaf names the genesis that the cluster was born from', (t) => {
  const cluster = new Cluster();
  const record = decode(cluster.leaves[0] as Uint8Array) as CborMap;
  t.is(record.get('type'), 'genesis');
  t.deepEqual(record.get('genesis'), genesisHash(genesisDocument(genesisOf())));
});

test('laboratory items: the fast encoder makes the bytes of the ordinary one', (t) => {
  const random = new Random(11);
  const digest = random.bytes(32);
  for (const length of [1, 23, 24, 255, 256, 512, 65_000]) {
    const items = [random.bytes(length), random.bytes(length)];
    const head = { time: taiNs(START), index: 1234, node: 'n1' };
    const fast = encodeLabItems(head, digest, 3, items);
    const slow = items.map((data, i) =>
      encodeRecord({ ...head, type: 'labItem', rnd: labRandom(digest, 3 + i) }, { data }),
    );
    t.deepEqual(fast.map(hex), slow.map(hex), `${length} bytes`);
    t.true(fast.every((leaf) => leaf.length <= 0xffff));
  }
});

test('bulk appends: one command, many leaves, at consecutive positions', (t) => {
  const cluster = new Cluster();
  const items = Array.from({ length: 256 }, (_, i) => text(`item ${i}`));
  const step = cluster.propose('n1', { kind: 'labAppend', items });
  t.is(step.leaf, 1);
  t.is(step.leaves.length, 256);
  t.deepEqual(
    step.records.map((record) => record.get('data')),
    items,
  );
  t.is(new Set(step.records.map((record) => hex(record.get('rnd') as Uint8Array))).size, 256);
});

test('the random part of one leaf does not tell that of its neighbour', (t) => {
  const digest = new Random(4).bytes(32);
  const [a, b] = [leafRandom(digest, 9, 0), leafRandom(digest, 9, 1)];
  const equal = a.filter((byte, i) => byte === b[i]).length;
  t.true(equal < 4);
});

/** Leap seconds as replicated state, and corrections that become known after the fact. */

import test from 'ava';
import { CommonViewFiles } from '../../src/authority/common-view-files.js';
import { restoreAuthority } from '../../src/authority/authority.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { sha256 } from '../../src/verify/crypto.js';
import { circularT, circularTRows, commonViewPair, leapSecondsList } from '../time/transfer-files.js';
import { hex, text } from '../verify/random.js';
import { JULY_2027, approve, clockEvidenceStory, orderWith, withInsertion } from './clock-evidence-story.js';
import { Cluster, deps, eventsOf, genesisOf, typesOf } from './cluster.js';

test('an approved list is replicated state: its check word, its end, the file as the detached body', (t) => {
  const cluster = new Cluster();
  t.is(cluster.authority.leap().table, null);
  const file = text(leapSecondsList(withInsertion));
  const step = orderWith(cluster, 'ada', approve('IERS Bulletin C 73'), file);
  t.deepEqual(typesOf(step), ['leapTable']);
  t.like(cluster.authority.leap().table, {
    hash: withInsertion.hash,
    expires: withInsertion.expiresPosix,
    taiMinusUtc: 38,
    source: 'IERS Bulletin C 73',
    leaf: step.leaf,
  });
  t.is(hex(step.bodies[0]?.bytes ?? new Uint8Array(0)), hex(file));
  t.is(eventsOf(step, 'leapChanged').length, 1);
});

test('what is refused: no list, a damaged one, an older one, a list without its body, another role', (t) => {
  const cluster = new Cluster();
  const list = leapSecondsList(builtinLeapTable);
  const rows: [string, string, string, string][] = [
    ['no list', 'ada', 'nothing', 'LEAP_TABLE_INVALID'],
    ['a damaged one', 'ada', list.replace('\t37\t', '\t38\t'), 'LEAP_TABLE_INVALID'],
    ['an operator', 'olga', list, 'ROLE_NOT_ALLOWED'],
    ['an auditor', 'audrey', list, 'ROLE_NOT_ALLOWED'],
  ];
  for (const [what, signer, file, reason] of rows) {
    const step = orderWith(cluster, signer, approve('x'), text(file));
    t.is(step.reason, reason, what);
    t.deepEqual(step.bodies, [], what);
  }
  t.is(cluster.order('ada', approve('x')(sha256(text(list)))).reason, 'DETAILS_MISMATCH');
  t.is(cluster.authority.leap().table, null);
  const newer = { ...builtinLeapTable, updatedPosix: builtinLeapTable.updatedPosix };
  t.true(orderWith(cluster, 'ada', approve('C 72'), text(leapSecondsList(newer))).accepted);
  t.true(orderWith(cluster, 'ada', approve('C 72'), text(list)).accepted, 'the same again');
});

test('entries about one midnight: the last one counts, all stay on record, and only ends of months can be named', (t) => {
  const cluster = new Cluster();
  const enter = (midnight: bigint, change: -1 | 0 | 1) =>
    cluster.order('olga', { command: 'enterLeap', midnight, change, reference: 'Bulletin C' });
  t.true(enter(JULY_2027, 1).accepted);
  t.true(enter(JULY_2027, 0).accepted);
  t.true(enter(JULY_2027 - 30n * 86_400n, -1).accepted);
  t.deepEqual(
    cluster.authority.leap().entries.map(({ midnight, change }) => [midnight, change]),
    [
      [JULY_2027 - 30n * 86_400n, -1],
      [JULY_2027, 0],
    ],
  );
  for (const midnight of [JULY_2027 + 1n, JULY_2027 + 86_400n, -1n, 1n << 60n]) {
    t.is(enter(midnight, 1).reason, 'MALFORMED');
  }
  t.is(enter(JULY_2027, 2 as never).reason, 'MALFORMED');
  for (let month = 0n; month < 70n; month += 1n) {
    // Januaries from 1970 on are all firsts of a month.
    const days = (month * 365n + (month + 1n) / 4n) * 86_400n;
    t.true(enter(days, 0).accepted, `${1970n + month}`);
  }
  t.is(cluster.authority.leap().entries.length, 64);
});

test('a check says whether the node’s list is the approved one', (t) => {
  const records = clockEvidenceStory().steps.flatMap((step) => step.records);
  const check = records.find((record) => record.get('type') === 'leapCheck');
  t.is(check?.get('approved'), true);
  t.is(check?.get('operator'), 'insert');
});

test('a common view and a Circular T are read on every node out of the files that the signer named', (t) => {
  const records = clockEvidenceStory().steps.flatMap((step) => step.records);
  const view = records.find((record) => record.get('type') === 'commonView');
  t.is(view?.get('of'), 'n1');
  t.is(view?.get('count'), 12);
  t.is(view?.get('nictMinusOwnPs'), 12_600);
  t.is(view?.get('spreadPs'), 85);
  const circular = records.find((record) => record.get('type') === 'circularT');
  t.is(circular?.get('number'), 456);
  t.is((circular?.get('values') as readonly unknown[]).length, 6);
});

test('imports that cannot be used change nothing and say why', (t) => {
  const cluster = new Cluster();
  const { own, nict } = commonViewPair();
  const files = (a: string, b: string) => CommonViewFiles.encode({ own: text(a), nict: text(b) });
  const common = (of: string, body: Uint8Array) =>
    orderWith(cluster, 'olga', (details) => ({ command: 'importCommonView', of, details }), body).reason;
  t.is(common('n9', files(own, nict)), 'MEMBER_UNKNOWN');
  t.is(common('n1', text('no map')), 'IMPORT_INVALID');
  t.is(common('n1', files(own, 'nothing')), 'IMPORT_INVALID');
  t.is(
    common('n1', files(own, nict.replaceAll('61000', '61001'))),
    'IMPORT_INVALID',
    'every checksum is wrong',
  );
  t.is(common('n1', files(own, nict)), '');
  const circular = (body: string) =>
    orderWith(cluster, 'olga', (details) => ({ command: 'importCircularT', details }), text(body)).reason;
  t.is(circular('nothing'), 'IMPORT_INVALID');
  t.is(circular(circularT('present', 1, 61_037, circularTRows.slice(0, 2))), 'IMPORT_INVALID');
  t.is(circular(circularT('before437', 1, 61_037, circularTRows)), '');
});

test('the state survives its image, and an image from before has none of it', (t) => {
  const cluster = clockEvidenceStory();
  const restored = restoreAuthority(cluster.authority.snapshot(), genesisOf(), deps);
  t.deepEqual(restored.leap(), cluster.authority.leap());
  t.is(hex(restored.snapshot()), hex(cluster.authority.snapshot()));
  t.deepEqual(restoreAuthority(new Cluster().authority.snapshot(), genesisOf(), deps).leap(), {
    table: null,
    entries: [],
  });
});

/** Who may: signed orders of people, what a stolen node cannot do with them, and how denials are counted. */

import test from 'ava';
import { deviceIdOf, mayOrder, actNames } from '../../src/authority/acts.js';
import { encodeCommand } from '../../src/authority/commands.js';
import type { CborMap } from '../../src/verify/cbor.js';
import { concat } from '../../src/verify/bytes.js';
import { sha256 } from '../../src/verify/crypto.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { text } from '../verify/random.js';
import {
  Cluster,
  MS,
  S,
  clusterId,
  eventsOf,
  factsOf,
  genesisOf,
  keyOf,
  registration,
  typesOf,
} from './cluster.js';

test('a node that forges an administrator’s command is refused and recorded', (t) => {
  const cluster = new Cluster();
  const forged = cluster.order('ada', registration('mallory'), { key: keyOf('n1') });
  t.is(forged.reason, 'SIGNATURE_INVALID');
  t.deepEqual(typesOf(forged), ['refused']);
  t.like(Object.fromEntries(forged.records[0] ?? []), {
    node: 'n1',
    command: 'signed',
    reason: 'SIGNATURE_INVALID',
  });
  t.deepEqual(cluster.authority.devices(), []);
});

test('a signed statement holds for its own cluster, time, signer and nonce only', (t) => {
  const cluster = new Cluster();
  const nonce = cluster.random.bytes(16);
  const cases: [string, string, Parameters<Cluster['order']>][] = [
    ['another cluster', 'WRONG_CLUSTER', ['ada', registration('a'), { cluster: 'other.test' }]],
    ['expired', 'EXPIRED', ['ada', registration('a'), { expires: cluster.now }]],
    [
      'expiring too late',
      'EXPIRY_TOO_FAR',
      ['ada', registration('a'), { expires: cluster.now + 86_401n * S }],
    ],
    ['nobody', 'SIGNER_UNKNOWN', ['eve', registration('a')]],
    ['an auditor', 'ROLE_NOT_ALLOWED', ['audrey', registration('a')]],
    [
      'an identity that is no client',
      'IDENTITY_NOT_ALLOWED',
      ['ada', { ...registration('a'), identity: `taa://${clusterId}/admin/a` }],
    ],
    [
      'a client of another cluster',
      'IDENTITY_NOT_ALLOWED',
      ['ada', { ...registration('a'), identity: 'taa://other.test/client/a' }],
    ],
  ];
  for (const [what, reason, order] of cases) t.is(cluster.order(...order).reason, reason, what);
  t.deepEqual(cluster.authority.devices(), []);
  t.true(cluster.order('ada', registration('a'), { nonce }).accepted);
  t.is(cluster.order('ada', registration('b'), { nonce }).reason, 'NONCE_REUSED');
  t.is(cluster.order('ada', registration('a')).reason, 'ALREADY_REGISTERED');
});

test('an order carried twice takes effect once, by whichever node, until it has expired', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const order = cluster.signed('ada', { command: 'stopClient', device, reason: 'drill' });
  const first = cluster.propose('n1', order);
  cluster.order('ada', { command: 'releaseClient', device, reason: 'over' });
  const again = cluster.propose('n2', order);
  t.true(again.accepted);
  t.is(again.leaf, first.leaf);
  t.is(cluster.authority.device(device)?.stop, null, 'replaying the order does not stop again');
  cluster.now += 61n * S;
  t.is(cluster.propose('n2', order).reason, 'EXPIRED');
  t.is(cluster.authority.device(device)?.stop, null);
});

test('an order that was refused is used up: it cannot be held back for a better moment', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const early = cluster.signed('ada', { command: 'releaseClient', device, reason: 'too early' });
  t.is(cluster.propose('n1', early).reason, 'NOT_STOPPED');
  cluster.order('sven', { command: 'stopClient', device, reason: 'compromised' });
  t.is(cluster.propose('n1', early).reason, 'NOT_STOPPED');
  t.not(cluster.authority.device(device)?.stop, null);
});

test('who may order what', (t) => {
  t.deepEqual(mayOrder.admin, actNames);
  t.deepEqual(mayOrder.auditor, []);
  t.false(mayOrder.operator.includes('releaseClient'));
  t.false(mayOrder['security-officer'].includes('registerClient'));
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  t.true(cluster.order('olga', { command: 'stopClient', device, reason: '' }).accepted);
  t.is(cluster.order('olga', { command: 'releaseClient', device, reason: '' }).reason, 'ROLE_NOT_ALLOWED');
  const policy = { command: 'setClusterPolicy', basedOn: 1, change: { audit: {} } } as const;
  t.is(cluster.order('sven', policy).reason, 'ROLE_NOT_ALLOWED');
});

test('registration names the client in detached bodies only', (t) => {
  const cluster = new Cluster();
  const body = text('Example K.K., Tokyo, +81 3 0000 0000');
  const bodySalt = cluster.random.bytes(16);
  const nonce = cluster.random.bytes(16);
  const act = {
    ...registration('example-tsa'),
    spki: keyOf('it'),
    details: sha256(concat([bodySalt, body])),
  };
  t.is(cluster.order('ada', act).reason, 'DETAILS_MISMATCH');
  const signed = cluster.signed('ada', act, { nonce, body, bodySalt });
  t.is(cluster.propose('n2', { ...signed, body: text('someone else') }).reason, 'DETAILS_MISMATCH');
  const step = cluster.propose('n1', signed);
  t.true(step.accepted, 'a node that lost the body has not used the order up');
  t.is(cluster.authority.deviceByIdentity(act.identity)?.id, deviceIdOf(nonce));
  t.deepEqual(
    step.bodies.map(({ bytes }) => bytes),
    [signed.statement, body],
  );
  for (const { hash, salt, bytes } of step.bodies) t.deepEqual(hash, sha256(concat([salt, bytes])));
  t.false(Buffer.from(step.leaves[0] as Uint8Array).includes('example-tsa'));
  t.deepEqual(step.records[0]?.get('statementHash'), step.bodies[0]?.hash);
});

test('stop, acknowledgement, release; while a stop stands nothing passes', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const ordered = cluster.order('olga', { command: 'stopClient', device, reason: 'clock drifts' });
  t.like(eventsOf(ordered, 'stopOrdered')[0]?.device.stop, { leaf: ordered.leaf, reason: 'clock drifts' });
  t.is(cluster.order('olga', { command: 'stopClient', device, reason: 'again' }).reason, 'ALREADY_STOPPED');

  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  t.deepEqual(cluster.audit(device, 1).outcome, { kind: 'inconclusive', reason: 'CLIENT_STOPPED' });
  cluster.measure('n1', factsOf(device, 'tsa1', 2, 700n * MS));
  t.deepEqual(cluster.audit(device, 2).outcome, { kind: 'failed' });

  const order = ordered.leaf as number;
  const acknowledge = (of: number) =>
    cluster.propose('n2', {
      kind: 'stopAcknowledged',
      device,
      order: of,
      statement: text('I stopped'),
      signature: text('signed'),
    });
  t.is(acknowledge(order + 1).reason, 'STOP_UNKNOWN');
  const acknowledged = acknowledge(order);
  t.deepEqual(typesOf(acknowledged), ['stopAcknowledgement']);
  t.is(acknowledge(order).leaf, acknowledged.leaf, 'acknowledging twice is acknowledging once');
  t.is(cluster.authority.device(device)?.stop?.acknowledgedLeaf, acknowledged.leaf);

  const released = cluster.order('ada', { command: 'releaseClient', device, reason: 'repaired' });
  t.is(released.records[0]?.get('order'), order);
  cluster.measure('n1', factsOf(device, 'tsa1', 3, 0n));
  t.is(cluster.audit(device, 3).judgement.verdict, 'pass');
});

test('credentials: added with overlap, suspended at commit, restored', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const spki = keyOf('tsa1 next');
  t.true(cluster.order('sven', { command: 'addCredential', device, spki }).accepted);
  t.is(cluster.order('sven', { command: 'addCredential', device, spki }).reason, 'CREDENTIAL_EXISTS');
  const old = keyOf('tsa1');
  t.true(
    cluster.order('sven', { command: 'suspendCredential', device, spki: old, reason: 'renewed' }).accepted,
  );
  t.deepEqual(
    cluster.authority.device(device)?.credentials.map(({ suspended }) => suspended),
    [true, false],
  );
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  t.is(cluster.audit(device, 1).judgement.verdict, 'pass', 'one key is left');
  cluster.order('sven', { command: 'suspendCredential', device, spki, reason: 'lost' });
  cluster.measure('n1', factsOf(device, 'tsa1', 2, 0n));
  t.is(cluster.audit(device, 2).judgement.reason, 'CREDENTIAL_SUSPENDED');
  t.true(cluster.order('sven', { command: 'restoreCredential', device, spki, reason: 'found' }).accepted);
  t.is(
    cluster.order('sven', { command: 'restoreCredential', device, spki, reason: '' }).reason,
    'CREDENTIAL_UNKNOWN',
  );
});

test('policy: a device’s overrides, the cluster’s versions, and what no policy may say', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  cluster.order('olga', { command: 'setDevicePolicy', device, policy: { limit: durNs(4n * MS) } });
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 3n * MS));
  t.is(cluster.audit(device, 1).judgement.reason, 'OFFSET_NOT_DECIDED');
  cluster.order('olga', { command: 'setDevicePolicy', device, policy: {} });

  const change = { audit: { maxDelay: durNs(MS) }, taaStop: durNs(60n * MS) };
  const set = cluster.order('ada', { command: 'setClusterPolicy', basedOn: 1, change });
  t.like(eventsOf(set, 'policyChanged')[0]?.policy, { version: 2, taaStop: 60n * MS });
  cluster.measure('n1', factsOf(device, 'tsa1', 2, 0n));
  t.like(cluster.audit(device, 2), { policyVersion: 2, judgement: { reason: 'DELAY_TOO_LONG' } });

  t.is(cluster.order('ada', { command: 'setClusterPolicy', basedOn: 1, change }).reason, 'POLICY_CHANGED');
  const alarm = { audit: {}, taaAlarm: durNs(61n * MS) };
  t.is(
    cluster.order('ada', { command: 'setClusterPolicy', basedOn: 2, change: alarm }).reason,
    'POLICY_NOT_ALLOWED',
  );
  const official = { audit: {}, policyOid: '1.2.3' };
  t.is(
    cluster.order('ada', { command: 'setClusterPolicy', basedOn: 2, change: official }).reason,
    'POLICY_NOT_ALLOWED',
    'a laboratory cannot pretend to be none',
  );
  const zero = { audit: { limit: durNs(0n) } };
  t.is(cluster.order('ada', { command: 'setClusterPolicy', basedOn: 2, change: zero }).reason, 'MALFORMED');
});

test('an audit is certified under the policy that was in force when it was measured', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  cluster.confirm(cluster.audit(device, 1));
  const der = cluster.certificate(cluster.audit(device, 1), keyOf('n1'));
  const change = { audit: {}, sourceName: 'another laboratory' };
  cluster.order('ada', { command: 'setClusterPolicy', basedOn: 1, change });
  t.true(cluster.propose('n1', { kind: 'issue', device, sequence: 1, der }).accepted);
});

test('the version is raised one step at a time, when every member supports it', (t) => {
  const cluster = new Cluster();
  for (const version of [1, 2, 3]) {
    t.is(cluster.order('ada', { command: 'raiseVersion', version }).reason, 'VERSION_NOT_ALLOWED');
  }
  t.is(cluster.authority.stateMachineVersion(), 1);
});

test('a flood of denials is one record a minute for each identity and reason; none is lost from the count', (t) => {
  const cluster = new Cluster();
  const deny = (identity: string, count = 1) =>
    cluster.propose('n1', { kind: 'accessDenied', identity, reason: 'CLIENT_NOT_REGISTERED', count });
  t.deepEqual(typesOf(deny('mallory')), ['accessDenied']);
  for (let i = 0; i < 50; i++) t.deepEqual(deny('mallory').leaves, []);
  t.deepEqual(typesOf(deny('trudy', 3)), ['accessDenied']);
  cluster.now += 60n * S;
  const summary = deny('mallory', 7);
  t.deepEqual(
    summary.records.map((record) => [record.get('identity'), record.get('count'), record.get('summary')]),
    [
      ['mallory', 50, true],
      ['mallory', 7, false],
    ],
  );
});

test('a flood of different identities stays bounded and is counted as others', (t) => {
  const cluster = new Cluster();
  let records = 0;
  for (let i = 0; i < 600; i++) {
    const step = cluster.propose('n1', {
      kind: 'accessDenied',
      identity: `x${i}`,
      reason: 'NOBODY',
      count: 1,
    });
    records += step.leaves.length;
  }
  t.is(records, 512);
  cluster.now += 60n * S;
  const [others] = cluster.propose('n1', { kind: 'checkpoint' }).records;
  t.deepEqual([others?.get('reason'), others?.get('count')], ['OTHERS', 88]);
});

test('laboratory records exist in a laboratory only', (t) => {
  const cluster = new Cluster(genesisOf(false));
  const step = cluster.propose('n1', { kind: 'labAppend', items: [text('x')] });
  t.is(step.reason, 'NOT_LABORATORY');
  t.deepEqual(typesOf(step), ['refused']);
});

test('a clock is released by an administrator, for one node, on record before it is done', (t) => {
  const cluster = new Cluster();
  const act = {
    command: 'releaseClock',
    clock: 'n2',
    what: 'latch',
    reason: 'the antenna was moved',
  } as const;
  t.is(cluster.order('olga', act).reason, 'ROLE_NOT_ALLOWED');
  t.is(cluster.order('ada', { ...act, clock: 'n9' }).reason, 'NODE_UNKNOWN');
  const released = cluster.order('ada', act);
  t.true(released.accepted);
  t.like(eventsOf(released, 'clockReleased')[0], { node: 'n2', what: 'latch', leaf: released.leaf });
  const record = released.records[0];
  t.is(record?.get('type'), 'clockRelease');
  t.is(record?.get('signer'), 'ada');
  t.is(record?.get('reason'), 'the antenna was moved');
});

test('what was delayed says when it happened, is on record once in either form, and only restrictions can be', (t) => {
  const cluster = new Cluster();
  const anomaly = { kind: 'clockAnomaly', code: 'peerSilent', source: 'n3', detail: '' } as const;
  const happened = { earliest: taiNs(cluster.now - 90n * S), latest: taiNs(cluster.now - 89n * S) };
  const nonce = new Uint8Array(16).fill(7);
  const late = cluster.applyPayload(encodeCommand('n2', nonce, anomaly, happened));
  t.true(late.accepted);
  t.is(late.records[0]?.get('delayed'), true);
  t.is((late.records[0]?.get('happened') as CborMap).get('earliest'), happened.earliest);
  // Far more than the state machine remembers of other commands.
  for (let i = 0; i < 400; i++) cluster.propose('n2', anomaly);
  cluster.restart();
  for (const again of [encodeCommand('n2', nonce, anomaly), encodeCommand('n2', nonce, anomaly, happened)]) {
    const step = cluster.applyPayload(again);
    t.true(step.accepted);
    t.is(step.records.length, 0);
  }
  t.is(cluster.applyPayload(encodeCommand('n1', nonce, anomaly)).records.length, 1, 'a nonce is of its node');
  const prompt = cluster.propose('n2', anomaly);
  t.false(prompt.records[0]?.has('delayed'));
  const permits = { kind: 'nodeStopping', run: nonce } as const;
  t.is(cluster.propose('n2', permits, happened).reason, 'MALFORMED');
  const backwards = { earliest: happened.latest, latest: happened.earliest };
  t.is(cluster.propose('n2', anomaly, backwards).reason, 'MALFORMED');
});

/** The life of an audit as the state machine sees it: exactly-once, in order, one outcome each. */

import test from 'ava';
import { nextSteps, type IssuingClock } from '../../src/authority/issuance.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { leafHash } from '../../src/verify/merkle.js';
import { hex } from '../verify/random.js';
import { Cluster, MS, S, START, eventsOf, factsOf, keyOf, runOf, sessionId, typesOf } from './cluster.js';

test('a right clock: measured, confirmed, issued; the certificate stands in the log', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const measured = cluster.measure('n1', factsOf(device, 'tsa1', 1, 3n * MS));
  t.deepEqual(typesOf(measured), ['measurement']);
  const audit = cluster.audit(device, 1);
  t.like(audit, { sequence: 1, stage: 'measured', outcome: null, leaf: measured.leaf });
  t.like(audit.judgement, { verdict: 'pass', low: MS, high: 5n * MS, delay: 2n * MS });
  t.is(hex(audit.leafHash), hex(leafHash(measured.leaves[0] as Uint8Array)));

  t.true(cluster.confirm(audit).accepted);
  const issued = cluster.issue(cluster.audit(device, 1));
  t.deepEqual(typesOf(issued), ['certificate']);
  const done = cluster.audit(device, 1);
  t.deepEqual(done.outcome, { kind: 'certified', leaf: issued.leaf as number });
  t.deepEqual(issued.records[0]?.get('der'), cluster.authority.certificate(done));
  t.deepEqual(cluster.authority.pending('n1'), []);
});

test('a clock 700 ms off fails at once and is never certified', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa2');
  cluster.measure('n1', factsOf(device, 'tsa2', 1, 700n * MS));
  const audit = cluster.audit(device, 1);
  t.deepEqual(audit.outcome, { kind: 'failed' });
  t.deepEqual(cluster.authority.pending('n1'), []);
  t.is(cluster.confirm(audit).reason, 'AUDIT_FINISHED');
  t.is(cluster.issue(audit).reason, 'AUDIT_FINISHED');
});

test('a retried request leads to the same audit; with other facts it is refused and recorded', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const facts = factsOf(device, 'tsa1', 1, 0n);
  const first = cluster.measure('n1', facts);
  const again = cluster.measure('n1', facts);
  t.true(again.accepted);
  t.is(again.leaf, first.leaf);
  t.deepEqual(again.leaves, []);

  const other = cluster.measure('n1', { ...facts, clockSamples: 11 });
  t.is(other.reason, 'REQUEST_REUSED');
  t.deepEqual(typesOf(other), ['refused']);
  t.is(cluster.measure('n2', facts).reason, 'REQUEST_REUSED', 'another node did not make this measurement');
  t.is(cluster.authority.device(device)?.lastSequence, 1);
});

test('requests of a session count up, on whichever node it is opened again', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  t.true(cluster.measure('n1', factsOf(device, 'tsa1', 5, 0n)).accepted);
  cluster.propose('n2', { kind: 'sessionOpen', device, session: sessionId('tsa1'), software: 'sdk' });
  t.is(cluster.measure('n2', factsOf(device, 'tsa1', 4, 0n)).reason, 'REQUEST_FORGOTTEN');
  t.true(cluster.measure('n2', factsOf(device, 'tsa1', 6, 0n)).accepted);
  t.is(cluster.measure('n2', factsOf(device, 'nobody', 1, 0n)).reason, 'SESSION_UNKNOWN');
  t.is(cluster.measure('n2', factsOf('d-0', 'tsa1', 1, 0n)).reason, 'DEVICE_UNKNOWN');
});

test('a command proposed twice takes effect once', (t) => {
  const cluster = new Cluster();
  const first = cluster.propose('n1', { kind: 'nodeStarted', run: runOf('n1'), version: '1', supports: 1 });
  cluster.restart();
  const again = cluster.applyPayload(first.payload);
  t.true(again.accepted);
  t.is(again.leaf, first.leaf);
  t.deepEqual(again.leaves, []);
});

test('a certificate is accepted only over the committed facts and by the key of the node that measured', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  cluster.measure('n1', factsOf(device, 'tsa1', 2, 0n));
  const measured = cluster.audit(device, 1);
  t.is(cluster.issue(measured).reason, 'NOT_CONFIRMED');
  cluster.confirm(measured);
  const audit = cluster.audit(device, 1);

  const issue = (der: Uint8Array, node = 'n1') =>
    cluster.propose(node, { kind: 'issue', device, sequence: 1, der });
  const right = cluster.certificate(audit, keyOf('n1'));
  const cases: [string, Uint8Array, string, string][] = [
    ['another node’s key', cluster.certificate(audit, keyOf('n2')), 'n1', 'CERTIFICATE_WRONG'],
    ['another audit', cluster.certificate(cluster.audit(device, 2), keyOf('n1')), 'n1', 'CERTIFICATE_WRONG'],
    ['another proposer', right, 'n2', 'NOT_THE_MEASURING_NODE'],
    ['nonsense', new Uint8Array([1]), 'n1', 'CERTIFICATE_WRONG'],
  ];
  const better = { ...audit, judgement: { ...audit.judgement, low: durNs(0n), high: durNs(0n) } };
  const narrower = { ...audit.judgement, high: durNs(audit.judgement.high + 1n) };
  t.is(cluster.authority.toBeSigned(better), null, 'a statement narrower than its legs cannot even be made');
  cases.push([
    'other facts',
    cluster.certificate({ ...audit, judgement: narrower }, keyOf('n1')),
    'n1',
    'CERTIFICATE_WRONG',
  ]);
  for (const [what, der, node, reason] of cases) {
    const step = issue(der, node);
    t.is(step.reason, reason, what);
    t.deepEqual(typesOf(step), ['refused'], what);
  }
  const first = issue(right);
  t.true(first.accepted);
  t.is(issue(right).leaf, first.leaf, 'the same certificate again is the same');
  t.is(issue(cluster.certificate({ ...audit, judgement: narrower }, keyOf('n1'))).reason, 'AUDIT_FINISHED');
});

test('a measurement is confirmed only by a later sample, or two later rounds, of its own run and epoch', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  const right = {
    kind: 'confirm',
    device,
    sequence: 1,
    run: runOf('n1'),
    epoch: 1,
    samples: 11,
    peerRounds: 4,
  } as const;
  for (const wrong of [
    { ...right, samples: 10 },
    { ...right, samples: 10, peerRounds: 5 },
    { ...right, samples: 10, peerRounds: 6, epoch: 2 },
    { ...right, epoch: 2 },
    { ...right, run: runOf('later') },
  ]) {
    t.is(cluster.propose('n1', wrong).reason, 'NOT_CONFIRMED');
  }
  t.is(cluster.propose('n2', right).reason, 'NOT_THE_MEASURING_NODE');
  t.is(cluster.propose('n1', { ...right, sequence: 2 }).reason, 'AUDIT_UNKNOWN');
  t.true(cluster.propose('n1', right).accepted);
  cluster.measure('n1', factsOf(device, 'tsa1', 2, 0n));
  const byPeers = { ...right, sequence: 2, samples: 10, peerRounds: 6 };
  const only = (confirmBy: 'reference' | 'peers', basedOn: number): void => {
    t.true(
      cluster.order('ada', { command: 'setClusterPolicy', basedOn, change: { audit: {}, confirmBy } })
        .accepted,
    );
  };
  only('reference', 1);
  t.is(cluster.propose('n1', byPeers).reason, 'NOT_CONFIRMED', 'the policy asks for the reference');
  only('peers', 2);
  t.true(cluster.propose('n1', byPeers).accepted);
});

test('what voids an audit: its deadline, the clock, a new run, a stop, its own node', (t) => {
  const stories: [string, string, (cluster: Cluster, device: string) => unknown][] = [
    [
      'the deadline passes, noticed by whatever is applied next',
      'NOT_CONFIRMED',
      (cluster) => {
        cluster.now += 301n * S;
        return cluster.propose('n2', { kind: 'checkpoint' });
      },
    ],
    ['its clock is disrupted', 'CLOCK_DISRUPTED', (cluster) => transition(cluster, 'n1', 'disrupted')],
    [
      'its clock is out of tolerance',
      'CLOCK_OUT_OF_TOLERANCE',
      (cluster) => transition(cluster, 'n1', 'outOfTolerance'),
    ],
    ['its clock is quarantined', 'CLOCK_QUARANTINED', (cluster) => transition(cluster, 'n1', 'quarantined')],
    ['its node starts again', 'NOT_CONFIRMED', (cluster) => started(cluster, 'n1', 'second')],
    [
      'the device is stopped',
      'CLIENT_STOPPED',
      (cluster, device) => cluster.order('ada', { command: 'stopClient', device, reason: 'drill' }),
    ],
    [
      'its last key is suspended',
      'CREDENTIAL_SUSPENDED',
      (cluster, device) =>
        cluster.order('sven', { command: 'suspendCredential', device, spki: keyOf('tsa1'), reason: 'lost' }),
    ],
    [
      'its node gives it up',
      'NOT_CONFIRMED',
      (cluster, device) =>
        cluster.propose('n1', { kind: 'void', device, sequence: 1, reason: 'NOT_CONFIRMED' }),
    ],
  ];
  for (const [what, reason, happens] of stories) {
    const cluster = new Cluster();
    started(cluster, 'n1', 'n1');
    const device = cluster.device('tsa1');
    cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
    happens(cluster, device);
    t.like(cluster.audit(device, 1).outcome, { kind: 'voided', reason }, what);
    t.is(cluster.steps.flatMap((step) => eventsOf(step, 'voided')).length, 1, what);
    t.deepEqual(cluster.authority.pending('n1'), [], what);
  }
});

test('what leaves an audit alone: another node’s trouble, and after confirmation its own restart', (t) => {
  const cluster = new Cluster();
  started(cluster, 'n1', 'n1');
  const device = cluster.device('tsa1');
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  transition(cluster, 'n2', 'disrupted');
  transition(cluster, 'n1', 'holdover');
  started(cluster, 'n2', 'x');
  cluster.confirm(cluster.audit(device, 1));
  started(cluster, 'n1', 'second');
  t.is(cluster.audit(device, 1).stage, 'confirmed');
  const clock = { run: runOf('second'), epoch: 7, samples: 1, peerRounds: 0, mayIssue: true };
  t.like(
    nextSteps(cluster.authority, 'n1', clock, () => false),
    [{ kind: 'sign' }],
  );
  t.true(cluster.issue(cluster.audit(device, 1)).accepted);
});

test('next steps are derived from the state: confirm, void, sign, each once, oldest first', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  for (const request of [1, 2, 3]) cluster.measure('n1', factsOf(device, 'tsa1', request, 0n));
  cluster.confirm(cluster.audit(device, 2));
  const clock: IssuingClock = { run: runOf('n1'), epoch: 1, samples: 11, peerRounds: 4, mayIssue: true };
  const kinds = (changes: Partial<IssuingClock>, asked: readonly string[] = []) =>
    nextSteps(cluster.authority, 'n1', { ...clock, ...changes }, (audit, kind) =>
      asked.includes(`${audit.sequence} ${kind}`),
    ).map(({ audit, kind }) => `${audit.sequence} ${kind}`);
  t.deepEqual(kinds({}), ['1 confirm', '2 sign', '3 confirm']);
  t.deepEqual(kinds({}, ['1 confirm', '2 sign']), ['3 confirm']);
  t.deepEqual(kinds({ samples: 10 }), ['2 sign'], 'no later sample yet');
  t.deepEqual(kinds({ samples: 10, peerRounds: 6 }), ['1 confirm', '2 sign', '3 confirm']);
  t.deepEqual(kinds({ epoch: 2 }), ['1 void', '2 sign', '3 void']);
  t.deepEqual(kinds({ run: runOf('later') }), ['1 void', '2 sign', '3 void']);
  t.deepEqual(kinds({ mayIssue: false }), []);
  t.deepEqual(
    nextSteps(cluster.authority, 'n2', clock, () => false),
    [],
  );
});

test('a device remembers its last 64 finished audits, whatever order they finish in', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  for (let request = 2; request <= 70; request++)
    cluster.measure('n1', factsOf(device, 'tsa1', request, 700n * MS));
  t.is(cluster.authority.audit(device, 6), undefined);
  t.truthy(cluster.authority.audit(device, 7));
  t.is(cluster.audit(device, 1).outcome, null, 'what is under way is not forgotten');
  t.is(cluster.measure('n1', factsOf(device, 'tsa1', 3, 700n * MS)).reason, 'REQUEST_FORGOTTEN');
});

test('a witness does not measure', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  t.is(cluster.measure('w1', factsOf(device, 'tsa1', 1, 0n)).reason, 'NODE_IS_WITNESS');
  t.is(cluster.propose('n9', { kind: 'checkpoint' }).reason, 'NODE_UNKNOWN');
});

function transition(
  cluster: Cluster,
  node: string,
  to: 'disrupted' | 'outOfTolerance' | 'quarantined' | 'holdover',
) {
  const instant = taiNs(START);
  return cluster.propose(node, {
    kind: 'clockTransition',
    from: 'synchronised',
    to,
    clock: {
      earliest: instant,
      best: instant,
      latest: instant,
      epoch: 1,
      samples: 10,
      rhoPpb: 15_000,
      taiMinusUtc: 37,
      leap: 'none',
      unmonitored: true,
      peers: 'agree',
    },
  });
}

const started = (cluster: Cluster, node: string, run: string) =>
  cluster.propose(node, { kind: 'nodeStarted', run: runOf(run), version: '0.1.0', supports: 1 });

/** The client's life with a scripted cluster, told in virtual time. */

import test from 'ava';
import { NS_PER_MS, durNs } from '../../src/time/types.js';
import { Prng } from '../simulation/prng.js';
import { MS, S, VirtualCluster, VirtualTsa, policy, run } from './virtual-cluster.js';

function scene(options?: ConstructorParameters<typeof VirtualTsa>[1]): {
  cluster: VirtualCluster;
  tsa: VirtualTsa;
} {
  const cluster = new VirtualCluster();
  return { cluster, tsa: new VirtualTsa(cluster, options) };
}

/** Longest time between two certificates, and when the first came. */
function gaps(tsa: VirtualTsa): { readonly first: bigint; readonly all: readonly bigint[] } {
  const times = tsa.notices.flatMap(({ at, notice }) => (notice.kind === 'certificate' ? [at] : []));
  return { first: times[0] ?? 0n, all: times.slice(1).map((at, i) => at - (times[i] ?? 0n)) };
}

test('a TSA starts closed, learns the time, is audited and opens within a second', (t) => {
  const { cluster, tsa } = scene();
  t.is(tsa.state, 'NOT_CONFIRMED');
  run(cluster, S);
  t.is(tsa.state, 'open');
  t.true(gaps(tsa).first < S);
  run(cluster, 10n * S);
  t.true(
    gaps(tsa).all.every((gap) => gap < 1_200n * MS),
    'then once an interval',
  );
  t.deepEqual(
    tsa.certificates.map((c) => c.sequence),
    tsa.certificates.map((_, i) => i + 1),
  );
  t.deepEqual(
    [...cluster.outcomes.keys()],
    tsa.certificates.map((_, i) => i + 1),
    'requests are numbered 1, 2, 3 …',
  );
  t.deepEqual(new Set(cluster.measuredBy), new Set(['n1']), 'the nearest node does it');
  t.deepEqual(tsa.errors(), []);
});

for (const step of ['hello', 'probe', 'readings', 'commit'] as const) {
  test(`a node that is killed after ${step} is replaced within two seconds, and no audit is made twice`, (t) => {
    const { cluster, tsa } = scene();
    run(cluster, 3n * S);
    if (step === 'hello') {
      cluster.node('n2').diesAfter = 'hello';
      cluster.node('n1').kill();
    } else cluster.node('n1').diesAfter = step;
    run(cluster, 5n * S);
    t.true(gaps(tsa).all.every((gap) => gap < 2n * S));
    t.is(new Set(tsa.certificates.map((c) => c.sequence)).size, tsa.certificates.length);
    t.is(cluster.outcomes.size, cluster.sequence, 'one outcome a number');
    t.is(tsa.certificates.length, cluster.sequence, 'every outcome reached the TSA');
    t.is(tsa.state, 'open');
  });
}

test('an outcome that was lost with its node is fetched from another under the same number', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2_500n * MS);
  const before = cluster.sequence;
  cluster.node('n1').swallows.add('outcome');
  run(cluster, 900n * MS);
  cluster.node('n1').kill();
  run(cluster, S);
  const fetched = cluster.node('n2').heard.find((m) => m.kind === 'fetchOutcome');
  t.deepEqual(fetched, { kind: 'fetchOutcome', request: before + 1 });
  t.true(tsa.certificates.some((c) => c.sequence === before + 1));
  t.is(cluster.outcomes.size, cluster.sequence);
});

test('a node that falls silent without breaking the connection is left within about a second', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 3n * S);
  cluster.node('n1').state = 'frozen';
  run(cluster, 5n * S);
  t.true(gaps(tsa).all.every((gap) => gap <= 2n * S + 500n * MS));
  t.is(tsa.state, 'open');
});

test('a node without quorum is left for one that can certify', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  const node = cluster.node('n1');
  node.certified = false;
  node.swallows.add('outcome');
  run(cluster, 4n * S);
  t.is(tsa.state, 'open');
  t.true(cluster.measuredBy.includes('n2'));
});

test('an outcome that the node does not know is asked for once more there, then elsewhere', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 1_500n * MS);
  const before = tsa.certificates.length;
  cluster.verdict = () => ({ verdict: 'inconclusive', reason: 'OUTCOME_UNKNOWN', sequence: 0 });
  run(cluster, 2n * S);
  t.true(cluster.node('n1').heard.some((m) => m.kind === 'fetchOutcome'));
  t.true(cluster.node('n2').heard.some((m) => m.kind === 'fetchOutcome'));
  cluster.outcomes.delete(before + 1);
  cluster.verdict = () => ({});
  run(cluster, 3n * S);
  t.true(tsa.certificates.length > before);
  t.is(tsa.state, 'open');
});

test('when every node is gone the lease runs out; when one returns it opens again', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 3n * S);
  for (const node of cluster.nodes.values()) node.kill();
  run(cluster, 2n * S);
  t.is(tsa.state, 'open', 'the lease still holds');
  run(cluster, 20n * S);
  t.is(tsa.state, 'LEASE_EXPIRED');
  const dials = tsa.notices.filter(
    ({ notice }) => notice.kind === 'connection' && notice.connection.kind === 'connecting',
  );
  t.true(dials.length < 60, 'with pauses between its attempts');
  cluster.node('n3').state = 'up';
  run(cluster, 3n * S);
  t.is(tsa.state, 'open');
});

test('an inconclusive verdict does not prolong the lease and does not end it early', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  const status = tsa.session.interlock.status(tsa.clocks());
  cluster.verdict = () => ({ verdict: 'inconclusive', reason: 'DELAY_TOO_LONG', receipt: new Uint8Array(0) });
  run(cluster, 500n * MS);
  t.deepEqual(tsa.session.interlock.status(tsa.clocks()), status);
  run(cluster, 4n * S);
  t.is(tsa.state, 'LEASE_EXPIRED');
});

test('a voided pass is no pass', (t) => {
  const cluster = new VirtualCluster();
  cluster.verdict = () => ({ voided: true, reason: 'NOT_CONFIRMED', receipt: new Uint8Array(0) });
  const tsa = new VirtualTsa(cluster);
  run(cluster, 5n * S);
  t.is(tsa.state, 'NOT_YET_AUDITED');
  t.true(cluster.sequence > 4, 'it was measured again and again');
});

test('the verdict fail closes at once, and the next pass opens', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  cluster.verdict = () => ({ verdict: 'fail', reason: 'OFFSET_OUTSIDE_LIMIT', receipt: new Uint8Array(0) });
  run(cluster, 1_200n * MS);
  t.is(tsa.state, 'AUDIT_FAILED');
  cluster.verdict = () => ({});
  run(cluster, 1_500n * MS);
  t.is(tsa.state, 'open');
});

test('a receipt that does not verify closes, is told, and another node is tried', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  let forged = 0;
  tsa.forged = () => (forged += 1) <= 1;
  run(cluster, 1_100n * MS);
  t.true(tsa.errors().includes('VERIFICATION_FAILED'));
  run(cluster, 2n * S);
  t.is(tsa.state, 'open');
  t.is(cluster.measuredBy.at(-1), 'n2');
});

test('receipts that never verify do not become a flood of audits', (t) => {
  const { cluster, tsa } = scene();
  tsa.forged = () => true;
  run(cluster, 20n * S);
  t.is(tsa.state, 'VERIFICATION_FAILED');
  t.is(tsa.certificates.length, 0);
  t.true(cluster.sequence < 40, cluster.sequence.toString());
});

test('a pass without a receipt opens nothing', (t) => {
  const cluster = new VirtualCluster();
  cluster.verdict = () => ({ receipt: new Uint8Array(0) });
  const tsa = new VirtualTsa(cluster);
  run(cluster, 3n * S);
  t.is(tsa.state, 'VERIFICATION_FAILED');
});

test('no permission without evidence on disk', (t) => {
  const { cluster, tsa } = scene();
  tsa.diskFails = true;
  run(cluster, 3n * S);
  t.is(tsa.state, 'NOT_YET_AUDITED');
  t.true(tsa.errors().includes('CERTIFICATE_NOT_STORED'));
  tsa.diskFails = false;
  run(cluster, 2n * S);
  t.is(tsa.state, 'open');
});

test('a stop order closes at once, is stored, then acknowledged; its release and a new pass open', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  cluster.order({ order: 71, reason: 'contract suspended' });
  run(cluster, MS + NS_PER_MS / 2n);
  t.is(tsa.state, 'STOPPED');
  t.deepEqual(tsa.disk, { kind: 'none' });
  t.deepEqual(cluster.acknowledged, []);
  run(cluster, 20n * MS);
  t.deepEqual(tsa.disk, { kind: 'stop', stop: { order: 71, reason: 'contract suspended' } });
  t.deepEqual(cluster.acknowledged, [71]);
  run(cluster, 5n * S);
  t.is(tsa.state, 'STOPPED');
  cluster.release();
  run(cluster, 5n * MS);
  t.is(tsa.state, 'NOT_YET_AUDITED');
  t.deepEqual(tsa.disk, { kind: 'none' });
  run(cluster, S);
  t.is(tsa.state, 'open');
});

test('a stop that cannot be stored closes all the same, and is acknowledged only when it is', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  tsa.diskFails = true;
  cluster.order({ order: 71, reason: 'contract suspended' });
  run(cluster, 3n * S);
  t.is(tsa.state, 'STOPPED');
  t.true(tsa.errors().includes('STOP_NOT_STORED'));
  t.deepEqual(cluster.acknowledged, []);
  tsa.diskFails = false;
  run(cluster, 2n * S);
  t.deepEqual(cluster.acknowledged, [71]);
});

test('a stop survives a restart, also while no node can be reached', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  cluster.order({ order: 71, reason: 'contract suspended' });
  run(cluster, 50n * MS);
  tsa.crash();
  for (const node of cluster.nodes.values()) node.kill();
  const second = new VirtualTsa(cluster, { stored: tsa.disk, seed: 2 });
  t.is(second.state, 'STOPPED');
  run(cluster, 5n * S);
  t.is(second.state, 'STOPPED');
  for (const node of cluster.nodes.values()) node.state = 'up';
  run(cluster, 4n * S);
  t.is(second.state, 'STOPPED', 'the cluster says that it stands');
  t.true(cluster.acknowledged.length >= 2, 'the acknowledgement is repeated in the new session');
  second.crash();
  cluster.release();
  const third = new VirtualTsa(cluster, { stored: second.disk, seed: 3 });
  t.is(third.state, 'STOPPED');
  run(cluster, 2n * S);
  t.is(third.state, 'open', 'released while it was away: seen at Welcome');
  t.deepEqual(third.disk, { kind: 'none' });
});

test('a restart closes until the new run was audited', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  tsa.crash();
  const second = new VirtualTsa(cluster, { stored: tsa.disk, seed: 9 });
  t.is(second.state, 'NOT_CONFIRMED');
  cluster.outcomes.clear(); // another session: its numbers begin at 1
  run(cluster, S);
  t.is(second.state, 'open');
});

test('a suspend closes, old exchanges are forgotten, and the next audit opens', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  tsa.suspended += 400n * MS;
  run(cluster, 40n * MS);
  t.is(tsa.state, 'CLOCK_JUMPED');
  run(cluster, S);
  t.is(tsa.state, 'open');
  t.true(tsa.errors().includes('CLOCK_JUMPED'));
});

test("a TSA's own clock that is 700 ms off never opens, and the interlock says by how much", (t) => {
  const cluster = new VirtualCluster();
  cluster.verdict = () => ({ verdict: 'fail', reason: 'OFFSET_OUTSIDE_LIMIT', receipt: new Uint8Array(0) });
  const tsa = new VirtualTsa(cluster, { ownOffset: 700n * MS });
  run(cluster, 5n * S);
  t.is(tsa.state, 'CLOCK_DISAGREES');
  const status = tsa.session.interlock.status(tsa.clocks());
  t.true(!status.open && /69\d ms/.test(status.reason), status.open ? '' : status.reason);
  t.deepEqual(tsa.issued, []);
});

test('a clock that moves away between two audits closes before the next audit is due', (t) => {
  const { cluster, tsa } = scene({ ownOffset: 0n });
  run(cluster, 2n * S);
  t.is(tsa.state, 'open');
  tsa.ownOffset = -800n * MS;
  run(cluster, 400n * MS);
  t.is(tsa.state, 'CLOCK_DISAGREES');
  tsa.ownOffset = 0n;
  run(cluster, 2n * S);
  t.is(tsa.state, 'open');
});

test('two nodes whose times exclude each other close the interlock', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  cluster.node('n2').clockError = 300n * MS;
  cluster.node('n1').kill();
  run(cluster, 150n * MS);
  const closed = tsa.notices.some(
    ({ notice }) =>
      notice.kind === 'interlock' && !notice.status.open && notice.status.code === 'CLOCK_DISAGREES',
  );
  t.true(closed);
});

test('a node that goes away, or has no time, is left at once', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  cluster.node('n1').broadcast({ kind: 'goingAway', reason: 'SHUTTING_DOWN' });
  run(cluster, S);
  t.is(cluster.measuredBy.at(-1), 'n2');
  cluster.node('n2').clockState = 'outOfTolerance';
  run(cluster, 3n * S);
  t.not(cluster.measuredBy.at(-1), 'n2');
  t.is(tsa.state, 'open');
});

test('a node that is not the one at this address is refused', (t) => {
  const { cluster, tsa } = scene();
  const answer = {
    kind: 'welcome',
    device: 'd1',
    node: 'n9',
    site: 'x',
    policy,
    stop: null,
    lastSequence: 0,
  } as const;
  run(cluster, 20n * MS);
  tsa.handle({ kind: 'linkLost', link: 1, failure: null });
  tsa.handle({ kind: 'received', link: 2, message: answer });
  t.true(tsa.errors().includes('WRONG_NODE'));
});

test('no quorum for a second only delays: the outcome comes in the same session', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 3n * S);
  cluster.halted = true;
  run(cluster, 1_200n * MS);
  cluster.halted = false;
  run(cluster, 3n * S);
  t.is(tsa.state, 'open');
  t.true(gaps(tsa).all.every((gap) => gap < 2_500n * MS));
  t.is(cluster.outcomes.size, cluster.sequence);
});

test('after close nothing is issued or sent any more', (t) => {
  const { cluster, tsa } = scene();
  run(cluster, 2n * S);
  tsa.handle({ kind: 'close' });
  t.is(tsa.state, 'CLIENT_CLOSED');
  const heard = cluster.node('n1').heard.length;
  run(cluster, 3n * S);
  t.true(cluster.node('n1').heard.length <= heard + 1);
});

test('through any order of faults it never issues while a stop stands or beyond a lease', (t) => {
  let issued = 0;
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = new Prng(seed);
    const cluster = new VirtualCluster();
    let tsa = new VirtualTsa(cluster, { seed });
    let order = 100;
    const node = () => cluster.node(random.pick(['n1', 'n2', 'n3']));
    const faults: readonly (() => void)[] = [
      () => node().kill(),
      () => (node().state = 'up'),
      () => (node().state = 'frozen'),
      () => (node().certified = random.chance(0.5)),
      () => node().swallows.add(random.pick(['outcome', 'probe', 'time', 'welcome'])),
      () => node().swallows.clear(),
      () => (node().diesAfter = random.pick(['hello', 'probe', 'readings', 'commit'])),
      () => cluster.order({ order: (order += 1), reason: 'x' }),
      () => cluster.release(),
      () => (tsa.suspended += BigInt(random.between(0, 300)) * MS),
      () => (tsa.diskFails = random.chance(0.5)),
      () => (cluster.halted = random.chance(0.4)),
      () =>
        (cluster.verdict = random.pick([
          () => ({}),
          () => ({ verdict: 'fail' as const, receipt: new Uint8Array(0) }),
          () => ({ voided: true, receipt: new Uint8Array(0) }),
          () => ({ lease: durNs(0n) }),
        ])),
      () => {
        tsa.crash();
        tsa = new VirtualTsa(cluster, { stored: tsa.disk, seed: seed * 1_000 + random.between(0, 999) });
        cluster.outcomes.clear();
      },
    ];
    const repair = (): void => {
      for (const healthy of cluster.nodes.values()) {
        healthy.state = 'up';
        healthy.certified = true;
        healthy.swallows.clear();
      }
      cluster.halted = false;
      cluster.verdict = () => ({});
      tsa.diskFails = false;
    };
    for (let i = 0; i < 40; i += 1) {
      if (random.chance(0.25)) repair();
      random.pick(faults)();
      run(cluster, BigInt(random.between(10, 900)) * MS);
      t.deepEqual(tsa.violations, [], `seed ${seed}, step ${i}`);
    }
    issued += tsa.issued.length;
  }
  t.true(issued > 1_000, 'and it did issue in between');
});

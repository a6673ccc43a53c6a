/** Members that come and go: what an administrator orders, what consensus makes of it, and what checkpoints attest. */

import test from 'ava';
import type { Act } from '../../src/authority/acts.js';
import { birthAuthority } from '../../src/authority/authority.js';
import { possibleMeasurers, verifyCheckpoint } from '../../src/verify/checkpoint.js';
import { followMembership, membershipTrust } from '../../src/verify/membership-chain.js';
import {
  MAX_MEMBERSHIP_VERSION,
  changeMembership,
  membershipOfGenesis,
} from '../../src/verify/membership.js';
import { hex } from '../verify/random.js';
import {
  Cluster,
  deps,
  directoryOf,
  eventsOf,
  factsOf,
  genesisOf,
  memberOf,
  runOf,
  typesOf,
} from './cluster.js';

const addNode = (id: string, site = 'nagoya', kind?: 'full' | 'witness' | 'standby'): Act => ({
  command: 'addNode',
  member: memberOf(id, site, kind),
});
const removeNode = (node: string): Act => ({ command: 'removeNode', node, reason: 'moved' });

/** n3 is ordered in, caught up, voting and attested. */
function withFour(): Cluster {
  const cluster = new Cluster();
  cluster.order('ada', addNode('n3'));
  cluster.configure(['n1', 'n2', 'w1'], ['n3:staging']);
  cluster.configure(['n1', 'n2', 'w1', 'n3']);
  cluster.attest(['n1', 'n2', 'n3']);
  return cluster;
}

const names = (cluster: Cluster): readonly string[] =>
  cluster.authority.membership().current.members.map(({ id }) => id);

test('a node that is ordered in speaks at once, votes and cosigns when consensus says so, and measures then', (t) => {
  const cluster = new Cluster();
  const device = cluster.device('tsa1');
  const ordered = cluster.order('ada', addNode('n3'));
  t.deepEqual(typesOf(ordered), ['membershipOrder']);
  t.deepEqual(names(cluster), ['n1', 'n2', 'w1']);
  t.true(cluster.authority.membership().pending);
  t.true(
    cluster.propose('n3', { kind: 'nodeStarted', run: runOf('n3'), version: '1', supports: 1 }).accepted,
  );
  t.is(cluster.measure('n3', factsOf(device, 'tsa1', 1, 0n)).reason, 'NODE_IS_WITNESS');

  for (const step of [
    cluster.configure(['n1', 'n2', 'w1'], ['n3:staging']),
    cluster.configure(['n1', 'n2', 'n3', 'w1'], [], ['n1', 'n2', 'w1']),
  ]) {
    t.deepEqual(typesOf(step), ['membershipChanged']);
    t.false(step.records[0]?.get('inForce'));
  }
  const size = cluster.leaves.length;
  const completed = cluster.configure(['n1', 'n2', 'n3', 'w1']);
  t.true(completed.records[0]?.get('inForce'));
  t.is(completed.records[0]?.get('order'), ordered.leaf);
  t.deepEqual(names(cluster), ['n1', 'n2', 'w1', 'n3']);
  t.is(cluster.authority.membership().current.quorum, 3);
  t.true(cluster.measure('n3', factsOf(device, 'tsa1', 2, 0n)).accepted);

  // Up to the record the first members publish; behind it, both memberships until it is attested.
  const before = cluster.authority.checkpointPolicy(size);
  const after = cluster.authority.checkpointPolicy(size + 1);
  t.is(before.membership, null);
  t.is(after.membership?.version, 1);
  t.is(after.previous, before);
});

test('a change is attested by a checkpoint that old and new members suffice for; then the new ones are enough', (t) => {
  const cluster = new Cluster();
  cluster.order('ada', addNode('n3'));
  cluster.configure(['n1', 'n2', 'w1', 'n3']);
  const stories: readonly (readonly [string, readonly string[], number?])[] = [
    ['too few of the old', ['n1', 'n3']],
    ['too few of the new', ['n1', 'n2']],
    ['before it came into force', ['n1', 'n2', 'n3'], cluster.leaves.length - 1],
  ];
  for (const [story, signers, size] of stories) {
    t.is(cluster.attest(signers, size).reason, 'ATTESTATION_WRONG', story);
    t.is(cluster.order('ada', addNode('n4')).reason, 'CHANGE_IN_PROGRESS', story);
  }
  const wrongVersion = {
    kind: 'membershipAttested',
    version: 7,
    note: cluster.checkpointBy(['n1', 'n2', 'n3']),
  } as const;
  t.is(cluster.propose('n1', wrongVersion).reason, 'ATTESTATION_WRONG');
  const attested = cluster.attest(['n1', 'n2', 'n3']);
  t.deepEqual(typesOf(attested), ['membershipAttested']);
  const again = cluster.attest(['n1', 'n2', 'w1', 'n3']);
  t.is(again.leaf, attested.leaf, 'a second one makes no second record');
  t.deepEqual(again.records, []);
  t.is(cluster.authority.checkpointPolicy(cluster.leaves.length).previous, null);
  t.true(cluster.order('ada', addNode('n4')).accepted);
});

test('an addition that does not come about is taken back, and the cluster stays as it is', (t) => {
  const cluster = new Cluster();
  const ordered = cluster.order('ada', addNode('n3'));
  cluster.configure(['n1', 'n2', 'w1'], ['n3:staging']);
  const withdrawn = cluster.order('ada', removeNode('n3'));
  t.is(withdrawn.records[0]?.get('withdraws'), ordered.leaf);
  t.false(cluster.authority.membership().pending);
  t.false(cluster.configure(['n1', 'n2', 'w1']).records[0]?.get('inForce'));
  t.is(cluster.authority.membership().current.version, 0);
  t.is(cluster.propose('n3', { kind: 'checkpoint' }).reason, 'NODE_UNKNOWN');
  t.true(cluster.order('ada', addNode('n4')).accepted, 'nothing stands in the way of the next');
});

test('what cannot be ordered is refused with its reason, recorded, and changes nothing', (t) => {
  const stories: readonly (readonly [string, string, Act, string])[] = [
    ['an operator', 'olga', addNode('n3'), 'ROLE_NOT_ALLOWED'],
    ['a security officer', 'sven', removeNode('n2'), 'ROLE_NOT_ALLOWED'],
    ['a name that is there', 'ada', addNode('n2'), 'NAME_OR_KEY_USED'],
    ['a stranger leaves', 'ada', removeNode('n9'), 'MEMBER_UNKNOWN'],
    [
      'a stranger is replaced',
      'ada',
      { command: 'replaceNode', node: 'n9', member: memberOf('n3', 'x'), reason: '' },
      'MEMBER_UNKNOWN',
    ],
    ['a voter is promoted', 'ada', { command: 'promoteNode', node: 'n1' }, 'NOT_A_STANDBY'],
    ['a stranger is promoted', 'ada', { command: 'promoteNode', node: 'n9' }, 'MEMBER_UNKNOWN'],
    ['a name that consensus does not take', 'ada', addNode('N3'), 'MEMBER_NOT_ALLOWED'],
    ['a site without a name', 'ada', addNode('n3', ''), 'MEMBER_NOT_ALLOWED'],
    [
      'somebody else’s log key',
      'ada',
      { command: 'addNode', member: { ...memberOf('n3', 'x'), logKey: memberOf('n2', 'x').logKey } },
      'NAME_OR_KEY_USED',
    ],
    [
      'somebody else’s issuing key',
      'ada',
      { command: 'addNode', member: { ...memberOf('n3', 'x'), issuingKey: memberOf('n2', 'x').issuingKey } },
      'NAME_OR_KEY_USED',
    ],
    [
      'an issuing certificate of another key',
      'ada',
      {
        command: 'addNode',
        member: { ...memberOf('n3', 'x'), issuingCertificate: memberOf('n4', 'x').issuingKey },
      },
      'MEMBER_NOT_ALLOWED',
    ],
    [
      'a log key of low order',
      'ada',
      { command: 'addNode', member: { ...memberOf('n3', 'x'), logKey: new Uint8Array(32) } },
      'MEMBER_NOT_ALLOWED',
    ],
    [
      'another identity',
      'ada',
      { command: 'addNode', member: { ...memberOf('n3', 'x'), tlsIdentity: 'taa://taa.test/node/n4' } },
      'MEMBER_NOT_ALLOWED',
    ],
  ];
  for (const [story, signer, act, reason] of stories) {
    const cluster = new Cluster();
    const before = hex(cluster.authority.snapshot());
    const step = cluster.order(signer, act);
    t.is(step.reason, reason, story);
    t.deepEqual(typesOf(step), ['refused'], story);
    const { pending, current } = cluster.authority.membership();
    t.false(pending, story);
    t.is(current.version, 0, story);
    t.not(hex(cluster.authority.snapshot()), before, 'the statement is used up');
  }
});

test('voters may not shrink to fewer sites than a checkpoint must come from; a replacement elsewhere may', (t) => {
  const cluster = new Cluster();
  cluster.order('ada', removeNode('w1'));
  cluster.configure(['n1', 'n2']);
  cluster.attest(['n1', 'n2']);
  t.is(cluster.order('ada', removeNode('n2')).reason, 'TOO_FEW_SITES');
  t.is(
    cluster.order('ada', { command: 'replaceNode', node: 'n2', member: memberOf('n3', 'tokyo'), reason: '' })
      .reason,
    'TOO_FEW_SITES',
  );
  t.true(
    cluster.order('ada', { command: 'replaceNode', node: 'n2', member: memberOf('n4', 'nagoya'), reason: '' })
      .accepted,
  );
});

test('a node that was replaced is void of everything: its audits, its name and its keys', (t) => {
  const cluster = withFour();
  const device = cluster.device('tsa1');
  cluster.measure('n2', { ...factsOf(device, 'tsa1', 1, 0n), run: runOf('n2') });
  cluster.order('ada', {
    command: 'replaceNode',
    node: 'n2',
    member: memberOf('n4', 'osaka'),
    reason: 'lost',
  });
  t.is(cluster.audit(device, 1).outcome, null, 'only ordered');
  cluster.configure(['n1', 'n2', 'n3', 'w1'], ['n4:staging']);
  const step = cluster.configure(['n1', 'n3', 'w1', 'n4']);
  t.deepEqual(typesOf(step), ['membershipChanged', 'voided']);
  t.deepEqual(cluster.audit(device, 1).outcome, {
    kind: 'voided',
    leaf: cluster.leaves.length - 1,
    reason: 'NODE_REMOVED',
  });
  t.is(cluster.propose('n2', { kind: 'checkpoint' }).reason, 'NODE_UNKNOWN');
  cluster.attest(['n1', 'n3', 'w1', 'n4']);
  t.is(cluster.order('ada', addNode('n2')).reason, 'NAME_OR_KEY_USED', 'names are used once');
  const reborn = { ...memberOf('n5', 'osaka'), logKey: memberOf('n2', 'x').logKey };
  t.is(cluster.order('ada', { command: 'addNode', member: reborn }).reason, 'NAME_OR_KEY_USED', 'and keys');
  t.is(cluster.authority.member('n2')?.site, 'osaka', 'certificates that it signed still name it');
});

test('a standby follows without a vote and without a line, until it is promoted', (t) => {
  const cluster = new Cluster();
  cluster.order('ada', addNode('s1', 'sapporo', 'standby'));
  t.true(cluster.configure(['n1', 'n2', 'w1'], ['s1:standby']).records[0]?.get('inForce'));
  const policy = cluster.authority.checkpointPolicy(cluster.leaves.length);
  t.deepEqual(
    policy.nodes.map(({ name }) => name),
    ['n1', 'n2', 'w1'],
  );
  const device = cluster.device('tsa1');
  t.is(cluster.measure('s1', factsOf(device, 'tsa1', 1, 0n)).reason, 'NODE_IS_WITNESS');
  cluster.attest(['n1', 'n2']);
  t.true(cluster.order('ada', { command: 'promoteNode', node: 's1' }).accepted);
  t.false(cluster.configure(['n1', 'n2', 'w1'], ['s1:staging']).records[0]?.get('inForce'));
  t.true(cluster.configure(['n1', 'n2', 'w1', 's1']).records[0]?.get('inForce'));
  t.is(cluster.authority.membership().current.members.at(-1)?.kind, 'full');
});

test('what consensus does without an order is an anomaly for everyone to see, and nobody becomes a member by it', (t) => {
  const stories: readonly (readonly [string, (cluster: Cluster) => ReturnType<Cluster['configure']>])[] = [
    ['a stranger votes', (cluster) => cluster.configure(['n1', 'n2', 'w1', 'x9'])],
    ['a stranger learns', (cluster) => cluster.configure(['n1', 'n2', 'w1'], ['x9:standby'])],
    ['a voter is dropped', (cluster) => cluster.configure(['n1', 'n2'])],
    ['old voters that never were', (cluster) => cluster.configure(['n1', 'n2', 'w1'], [], ['n1'])],
    [
      'another one than was ordered',
      (cluster) => {
        cluster.order('ada', addNode('n3'));
        return cluster.configure(['n1', 'n2', 'w1', 'x9']);
      },
    ],
  ];
  for (const [story, act] of stories) {
    const cluster = new Cluster();
    const step = act(cluster);
    t.deepEqual(typesOf(step), ['membershipAnomaly'], story);
    t.is(eventsOf(step, 'membershipAnomaly').length, 1, story);
    t.deepEqual(names(cluster), ['n1', 'n2', 'w1'], story);
    t.is(cluster.propose('x9', { kind: 'checkpoint' }).reason, 'NODE_UNKNOWN', story);
  }
});

test('the first leader writes down whose directories there are: no change, but from then on they are known', (t) => {
  const cluster = new Cluster();
  t.is(cluster.authority.membership().configuration, null);
  const step = cluster.configure(['n1', 'n2', 'w1']);
  t.deepEqual(typesOf(step), ['membershipChanged']);
  const { configuration, current } = cluster.authority.membership();
  t.is(current.version, 0);
  t.is(configuration?.index, cluster.index);
  t.deepEqual(configuration?.incarnations.get('n2'), directoryOf('n2'));
});

test('a rolling upgrade waits for the program of a node that is ordered in', (t) => {
  const cluster = new Cluster();
  const started = (node: string, supports: number) =>
    cluster.propose(node, { kind: 'nodeStarted', run: runOf(node), version: '1', supports });
  for (const node of ['n1', 'n2', 'w1']) started(node, 2);
  cluster.order('ada', addNode('n3'));
  started('n3', 1);
  t.is(cluster.order('ada', { command: 'raiseVersion', version: 2 }).reason, 'VERSION_NOT_ALLOWED');
});

test('at every step of a change the state image restores to the same state, and an image of before is of the first members', (t) => {
  const device = 'tsa1';
  const steps: readonly ((cluster: Cluster) => unknown)[] = [
    (cluster) => cluster.configure(['n1', 'n2', 'w1']),
    (cluster) => cluster.order('ada', addNode('n3')),
    (cluster) => cluster.configure(['n1', 'n2', 'w1'], ['n3:staging']),
    (cluster) => cluster.configure(['n1', 'n2', 'w1', 'n3']),
    (cluster) => cluster.attest(['n1', 'n2', 'n3']),
    (cluster) => cluster.order('ada', removeNode('n2')),
    (cluster) => cluster.device(device),
    (cluster) => cluster.configure(['n1', 'w1', 'n3']),
    (cluster) => cluster.attest(['n1', 'w1', 'n3']),
  ];
  const straight = new Cluster();
  const restarted = new Cluster();
  for (const [i, step] of steps.entries()) {
    step(straight);
    step(restarted);
    restarted.restart();
    t.is(hex(restarted.authority.snapshot()), hex(straight.authority.snapshot()), `step ${i}`);
    for (let size = 1; size <= straight.leaves.length; size++) {
      t.deepEqual(restarted.authority.checkpointPolicy(size), straight.authority.checkpointPolicy(size));
    }
  }
  t.deepEqual(restarted.leaves.map(hex), straight.leaves.map(hex));
});

test('a verifier who has only the genesis follows the same changes to the same policy', (t) => {
  const cluster = withFour();
  cluster.order('ada', {
    command: 'replaceNode',
    node: 'n2',
    member: memberOf('n4', 'osaka'),
    reason: 'lost',
  });
  cluster.configure(['n1', 'n3', 'w1', 'n4']);
  const trust = membershipTrust(cluster.genesis);
  const size = cluster.leaves.length;
  const joint = followMembership(cluster.authority.membershipSteps(size), trust, deps.verifier);
  if (!joint.ok) throw new Error(joint.detail);
  t.deepEqual(joint.policy, cluster.authority.checkpointPolicy(size));
  t.true(verifyCheckpoint(cluster.checkpointBy(['n1', 'n3', 'w1']), joint.policy, deps.verifier).ok);
  cluster.attest(['n1', 'n3', 'w1', 'n4']);
  const later = cluster.leaves.length;
  const followed = followMembership(cluster.authority.membershipSteps(later), trust, deps.verifier);
  if (!followed.ok) throw new Error(followed.detail);
  t.deepEqual(followed.policy, cluster.authority.checkpointPolicy(later));
  t.deepEqual([...possibleMeasurers(followed.policy)].sort(), ['n1', 'n3', 'n4', 'w1']);
  t.deepEqual(cluster.authority.membershipSteps(3), [], 'a checkpoint of before needs no step');
});

test('orders that were signed but refused, or are signed by others, lead a verifier nowhere', (t) => {
  const cluster = withFour();
  const steps = cluster.authority.membershipSteps(cluster.leaves.length);
  const [step] = steps;
  if (step === undefined) throw new Error('no step');
  const trust = membershipTrust(cluster.genesis);
  const stray = cluster.signed('ada', addNode('x9'));
  const byOlga = cluster.signed('olga', addNode('x9'));
  const elsewhere = cluster.signed('ada', addNode('x9'), { cluster: 'other.test' });
  const unreadable = cluster.signed('ada', { command: 'raiseVersion', version: 2 });
  const note = cluster.checkpointBy(['n1', 'n2', 'n3']);
  const stories: readonly (readonly [string, Parameters<typeof followMembership>[0], RegExp])[] = [
    ['never attested', [step, { order: stray, note }], /its checkpoint does not hold \(otherMembership\)/],
    ['in place of the one that was', [{ order: stray, note: step.note }], /otherMembership/],
    ['not by an administrator', [{ order: byOlga, note }], /olga, who signed it, is no administrator/],
    ['of another cluster', [{ order: elsewhere, note }], /other.test/],
    ['no order about members', [{ order: unreadable, note }], /cannot be read/],
    [
      'altered',
      [{ ...step, order: { ...step.order, signature: new Uint8Array(32) } }],
      /signature of ada is wrong/,
    ],
    [
      'a weak algorithm',
      [{ ...step, order: { ...step.order, algorithm: 'ed25519' } }],
      /signature of ada is wrong/,
    ],
    ['twice', [step, step], /NAME|name or a key/],
    ['unattested in the middle', [{ ...step, note: null }, step], /attested by no checkpoint/],
    ['attested by nothing readable', [{ ...step, note: new Uint8Array(3) }], /malformed/],
  ];
  for (const [story, given, detail] of stories) {
    const followed = followMembership(given, trust, deps.verifier);
    if (followed.ok) t.fail(story);
    else t.regex(followed.detail, detail, story);
  }
});

test('the number of changes ends where a receipt could no longer carry them', (t) => {
  const last = { ...membershipOfGenesis(genesisOf()), version: MAX_MEMBERSHIP_VERSION };
  const change = changeMembership(last, { command: 'addNode', member: memberOf('n3', 'x') });
  t.false(change.ok);
  t.is(change.ok ? '' : change.fault, 'TOO_MANY_CHANGES');
});

test('an order is the same on nodes that were born apart: nothing depends on who carried it', (t) => {
  const made = ['n1', 'n2'].map((carrier) => {
    const cluster = new Cluster();
    cluster.order('ada', addNode('n3'), { carrier });
    cluster.configure(['n1', 'n2', 'w1', 'n3']);
    return cluster.authority.membership().current;
  });
  t.deepEqual(made[0], made[1]);
  t.deepEqual(
    birthAuthority(genesisOf(), deps).authority.membership().current,
    membershipOfGenesis(genesisOf()),
  );
});

/** Memberships: their bytes, the rules between them, and the memberships of a log against a naive model. */

import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { MembershipLog } from '../../src/raft/core/membership-log.js';
import { firstStep, leaveJoint, problemOf, problemOfChange } from '../../src/raft/core/membership-rules.js';
import { Prng } from '../../src/raft/core/prng.js';
import {
  decodeMembership,
  encodeMembership,
  type Learner,
  type Membership,
  type MembershipAt,
  type MembershipTarget,
  type Voter,
} from '../../src/raft/membership.js';
import { logIndex, nodeId, term, type Entry } from '../../src/raft/types.js';
import { incarnationNamed, staging, standby, voter, votersNamed } from './members.js';
import { quorumsIntersect } from './naive-members.js';

// From dist/test/raft back to the source tree.
const golden = new URL('../../../test/fixtures/formats/raft-membership', import.meta.url);

const everything: Membership = {
  voters: [
    voter('tokyo', { site: '東京', priority: 255 }),
    voter('osaka', { kind: 'witness', incarnation: null }),
  ],
  outgoing: [voter('tokyo'), voter('naha')],
  learners: [
    staging('fukuoka', { replaces: nodeId('osaka'), kind: 'witness', priority: 7 }),
    standby('sendai'),
  ],
  retired: [{ id: nodeId('naha'), incarnation: incarnationNamed('naha', 3) }],
};

test('a membership comes back from its bytes, which are those of the golden file', (t) => {
  const bytes = encodeMembership(everything);
  if (process.env['REWRITE'] === '1') writeFileSync(golden, bytes);
  t.deepEqual(decodeMembership(readFileSync(golden)), everything);
  t.deepEqual(Buffer.from(bytes), readFileSync(golden));
  t.deepEqual(decodeMembership(encodeMembership(votersNamed(['n1']))), votersNamed(['n1']));
});

test('every proper prefix, another version and 20,000 garbled memberships are refused or read, and nothing else', (t) => {
  const bytes = encodeMembership(everything);
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => decodeMembership(bytes.subarray(0, length)), { code: 'RAFT_MEMBERSHIP_FORMAT' });
  }
  t.throws(() => decodeMembership(Uint8Array.of(2, ...bytes.subarray(1))), { message: /version 2/ });
  t.throws(() => decodeMembership(Uint8Array.of(...bytes, 0)), { code: 'RAFT_MEMBERSHIP_FORMAT' });
  const prng = new Prng(99);
  for (let round = 0; round < 20_000; round++) {
    const garbled = Uint8Array.from(bytes);
    for (let flips = 0; flips < 3; flips++)
      garbled[Math.floor(prng.between(0, bytes.length))] = prng.nextUint32() & 0xff;
    try {
      decodeMembership(garbled);
    } catch (error) {
      if ((error as { code?: string }).code !== 'RAFT_MEMBERSHIP_FORMAT') t.fail(String(error));
    }
  }
});

const three = votersNamed(['n1', 'n2', 'n3']);
const target = (voters: readonly Voter[], learners: readonly Learner[] = []): MembershipTarget => ({
  voters,
  learners,
});
const [v1, v2, v3] = ['n1', 'n2', 'n3'].map((id) => voter(id)) as [Voter, Voter, Voter];

const refused: readonly (readonly [string, MembershipTarget, RegExp])[] = [
  ['nobody votes', target([]), /no voter/],
  ['only witnesses vote', target([{ ...v1, kind: 'witness' }]), /full one/],
  ['a voter named twice', target([v1, v1]), /named twice/],
  ['a voter that is a learner too', target([v1, v2], [standby('n2')]), /named twice/],
  ['more than seven voters', target(Array.from({ length: 8 }, (_, at) => voter(`n${at}`))), /more than 7/],
  ['a name that is none', target([{ ...v1, id: nodeId('N 1') }]), /node name/],
  ['a priority out of range', target([{ ...v1, priority: 256 }]), /from 0 to 255/],
  [
    'a new incarnation of a member',
    target([v1, { ...v2, incarnation: incarnationNamed('n2', 1) }]),
    /remove that one first/,
  ],
  ['an incarnation left out', target([v1, { ...v2, incarnation: null }]), /not given/],
  ['an incarnation that is none', target([{ ...v1, incarnation: 'x' as never }]), /hexadecimal/],
  ['a replacement of nobody', target([v1, v2, v3], [staging('n4', { replaces: nodeId('n9') })]), /no voter/],
  [
    'a promotion that would leave only witnesses',
    target([v1, { ...v2, kind: 'witness' }], [staging('n4', { replaces: v1.id, kind: 'witness' })]),
    /once n4 is promoted/,
  ],
  [
    'learners that would become too many voters',
    target(
      [v1, v2, v3],
      ['a', 'b', 'c', 'd', 'e'].map((id) => staging(id)),
    ),
    /more than 7 voters once/,
  ],
];
for (const [name, wanted, problem] of refused) {
  test(`refused: ${name}`, (t) => {
    t.regex(problemOfChange(three, wanted) ?? '', problem);
  });
}

test('who was removed does not come back in the same incarnation, and may in a new one', (t) => {
  const without = leaveJoint(firstStep(three, target([v1, v2])));
  t.deepEqual(without.retired, [{ id: v3.id, incarnation: v3.incarnation }]);
  t.regex(problemOfChange(without, target([v1, v2], [staging('n3')])) ?? '', /cannot come back/);
  t.is(problemOfChange(without, target([v1, v2], [staging('n3', {}, 1)])), null);
});

test('20,000 random changes: each step is legal, keeps an intersection with the one before, and ends at the target', (t) => {
  const prng = new Prng(20261124);
  const pick = (below: number): number => Math.floor(prng.between(0, below));
  let membership = three;
  let changed = 0;
  for (let round = 0; round < 20_000; round++) {
    const ids = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6'].filter(() => pick(2) === 0);
    const lives = new Map(ids.map((id) => [id, pick(3)] as const));
    const learners = ids.filter(() => pick(4) === 0);
    const wanted = target(
      ids
        .filter((id) => !learners.includes(id))
        .map((id) =>
          voter(id, {
            incarnation: incarnationNamed(id, lives.get(id)),
            kind: pick(5) === 0 ? 'witness' : 'full',
          }),
        ),
      learners.map((id) => staging(id, {}, lives.get(id))),
    );
    if (problemOfChange(membership, wanted) !== null) {
      // A new world now and then: after many removals every incarnation is used up.
      if (pick(50) === 0) membership = three;
      continue;
    }
    changed++;
    const first = firstStep(membership, wanted);
    const last = first.outgoing === null ? first : leaveJoint(first);
    for (const step of [first, last]) if (problemOf(step) !== null) t.fail(problemOf(step) ?? '');
    if (!quorumsIntersect(membership, first) || !quorumsIntersect(first, last)) t.fail(`round ${round}`);
    if (last.voters !== wanted.voters || last.outgoing !== null) t.fail(`round ${round}: not the target`);
    membership = last;
  }
  t.true(changed > 500, `${changed} changes`);
});

/** The same, as a plain list of all that was ever appended and not cut. */
class NaiveLog {
  held: MembershipAt[];

  constructor(base: MembershipAt) {
    this.held = [base];
  }

  effective(): MembershipAt | undefined {
    return this.held.at(-1);
  }

  stable(commit: number): MembershipAt | undefined {
    return this.held.findLast((one) => one.index <= commit);
  }
}

test('10,000 random logs: the membership in effect and the stable one are those of a naive model', (t) => {
  const prng = new Prng(7);
  const pick = (below: number): number => Math.floor(prng.between(0, below));
  const base: MembershipAt = { index: logIndex(0), membership: three };
  let differing = 0;
  for (let round = 0; round < 10_000; round++) {
    const log = new MembershipLog(base, [], nodeId('n1'), incarnationNamed('n1'));
    const naive = new NaiveLog(base);
    let last = 0;
    let commit = 0;
    for (let step = 0; step < 12; step++) {
      const kind = pick(3);
      if (kind === 0) {
        const entries: Entry[] = Array.from({ length: 1 + pick(4) }, (_, at) => ({
          index: logIndex(last + 1 + at),
          term: term(1),
          kind: pick(3) === 0 ? 'config' : 'command',
          time: 0n,
          payload: encodeMembership(votersNamed([`n${1 + pick(5)}`])),
        }));
        last += entries.length;
        log.appended(entries);
        for (const { kind: of, index, payload } of entries) {
          if (of === 'config') naive.held.push({ index, membership: decodeMembership(payload) });
        }
      } else if (kind === 1) {
        commit += pick(last - commit + 1);
        log.committedTo(logIndex(commit));
      } else if (last > commit) {
        last = commit + pick(last - commit);
        log.truncatedFrom(logIndex(last + 1));
        naive.held = naive.held.filter((one) => one.index <= last);
      }
      if (log.index !== naive.effective()?.index || log.stable.index !== naive.stable(commit)?.index)
        differing++;
      else if (naive.effective()?.membership.voters[0]?.id !== log.members.membership.voters[0]?.id)
        differing++;
    }
  }
  t.is(differing, 0);
});

/**
 * What a membership may look like, and which may follow which. Pure functions; a problem is a sentence for whoever asked.
 *
 * Invariant: voter sets change only through a joint configuration, in which a majority of both must agree; so that no two
 * quorums in force at the same time fail to intersect (thesis 4.3).
 */

import {
  isIncarnation,
  MAX_LEARNERS,
  MAX_PRIORITY,
  MAX_RETIRED,
  MAX_SITE_BYTES,
  MAX_VOTERS,
  type Learner,
  type Membership,
  type MembershipTarget,
  type Retired,
  type Voter,
} from '../membership.js';
import { bytesOf } from '../../verify/bytes.js';
import { isNodeName } from './config.js';

/** @returns what is wrong with a membership by itself, or null */
export function problemOf({ voters, outgoing, learners }: Omit<Membership, 'retired'>): string | null {
  for (const set of outgoing === null ? [voters] : [voters, outgoing]) {
    if (set.length === 0) return 'there is no voter';
    if (set.length > MAX_VOTERS) return `there are more than ${MAX_VOTERS} voters`;
    if (!set.some((voter) => voter.kind === 'full')) return 'no voter is a full one, which alone may lead';
    if (new Set(set.map((voter) => voter.id)).size !== set.length) return 'a voter is named twice';
  }
  if (learners.length > MAX_LEARNERS) return `there are more than ${MAX_LEARNERS} learners`;
  const ids = [...voters, ...learners].map((member) => member.id);
  if (new Set(ids).size !== ids.length) return 'a node is named twice';
  for (const member of [...voters, ...(outgoing ?? []), ...learners]) {
    const problem = problemOfMember(member);
    if (problem !== null) return problem;
  }
  return null;
}

function problemOfMember(member: Voter | Learner): string | null {
  const { id, site, incarnation } = member;
  if (!isNodeName(id)) return `'${id}' is no node name (1 to 63 characters of a-z, 0-9 and -)`;
  if (bytesOf(site).length > MAX_SITE_BYTES)
    return `the site of ${id} is longer than ${MAX_SITE_BYTES} bytes`;
  if (incarnation !== null && !isIncarnation(incarnation)) {
    return `the incarnation of ${id} is not 32 hexadecimal digits`;
  }
  const priority = priorityOf(member);
  if (!Number.isInteger(priority) || priority < 0 || priority > MAX_PRIORITY) {
    return `the priority of ${id} is not a whole number from 0 to ${MAX_PRIORITY}`;
  }
  return null;
}

function priorityOf(member: Voter | Learner): number {
  if (member.kind === 'standby') return 0;
  return member.kind === 'staging' ? member.becomes.priority : member.priority;
}

/** @returns why `target` may not follow `from`, or null. `from` is not joint. */
export function problemOfChange(from: Membership, target: MembershipTarget): string | null {
  const problem = problemOf({ ...target, outgoing: null });
  if (problem !== null) return problem;
  for (const member of [...target.voters, ...target.learners]) {
    const { id, incarnation } = member;
    if (from.retired.some((one) => one.id === id && one.incarnation === incarnation)) {
      return `this incarnation of ${id} was removed and cannot come back: empty its data directory and add it anew`;
    }
    const known = findMember(from, id);
    if (incarnation === null) return `the incarnation of ${id} is not given`;
    if (known !== undefined && known.incarnation !== null && known.incarnation !== incarnation) {
      return `${id} is a member in another incarnation: remove that one first, in a change of its own`;
    }
  }
  const joining = target.learners.filter(
    (learner) => learner.kind === 'staging' && learner.becomes.replaces === null,
  );
  if (target.voters.length + joining.length > MAX_VOTERS) {
    return `there would be more than ${MAX_VOTERS} voters once all staging learners are promoted`;
  }
  for (const learner of target.learners) {
    if (learner.kind !== 'staging') continue;
    const { id, becomes } = learner;
    const added = findMember(from, id) === undefined;
    if (added && becomes.replaces !== null && !target.voters.some((one) => one.id === becomes.replaces)) {
      return `${id} is to replace ${becomes.replaces}, which is no voter`;
    }
    const later = problemOf({ ...promoting(target, learner), outgoing: null });
    if (later !== null) return `once ${id} is promoted, ${later}`;
  }
  return null;
}

export type StagingLearner = Extract<Learner, { kind: 'staging' }>;

/** What a staging learner becomes, in place of the voter that it replaces, if that is still one. */
export function promoting(from: MembershipTarget, learner: StagingLearner): MembershipTarget {
  const { id, site, incarnation, becomes } = learner;
  const { kind, priority, replaces } = becomes;
  const staying = from.voters.filter((voter) => voter.id !== replaces);
  return {
    voters: [...staying, { id, site, incarnation, kind, priority }],
    learners: from.learners.filter((other) => other.id !== id),
  };
}

export const findMember = ({ voters, learners }: MembershipTarget, id: string): Voter | Learner | undefined =>
  voters.find((voter) => voter.id === id) ?? learners.find((learner) => learner.id === id);

/** Voters of `target` that are none in `from`. */
export const newVoters = (from: Membership, target: MembershipTarget): readonly Voter[] =>
  target.voters.filter((voter) => !from.voters.some((known) => known.id === voter.id));

const sameVoters = (a: readonly Voter[], b: readonly Voter[]): boolean =>
  a.length === b.length && a.every(({ id }) => b.some((other) => other.id === id));

/** The first step from a membership that is not joint to `target`: joint if the voters differ, else already the last. */
export function firstStep(from: Membership, target: MembershipTarget): Membership {
  const { voters, learners } = target;
  if (!sameVoters(from.voters, voters)) {
    const retired = retiring(from.retired, { voters: [], learners: from.learners }, target);
    return { voters, learners, outgoing: from.voters, retired };
  }
  return { voters, learners, outgoing: null, retired: retiring(from.retired, from, target) };
}

/** Out of a joint membership. */
export function leaveJoint(joint: Membership): Membership {
  const { voters, outgoing, learners, retired } = joint;
  const before = { voters: outgoing ?? [], learners: [] };
  return { voters, learners, outgoing: null, retired: retiring(retired, before, joint) };
}

/** Who is in `before` and not in `after` never comes back. */
function retiring(
  retired: readonly Retired[],
  before: MembershipTarget,
  after: MembershipTarget,
): readonly Retired[] {
  const gone: Retired[] = [];
  for (const { id, incarnation } of [...before.voters, ...before.learners]) {
    const stays = findMember(after, id)?.incarnation === incarnation;
    if (!stays && incarnation !== null) gone.push({ id, incarnation });
  }
  return [...retired, ...gone].slice(-MAX_RETIRED);
}

/**
 * From the members that are ordered to the participants that consensus should have. A function of the two, so that
 * whoever leads next goes on from whatever state the last leader left.
 */

import type { Learner, Membership, MembershipTarget, Voter } from '../../raft/membership.js';
import { incarnationOf, type VoterKind } from '../../raft/membership.js';
import { nodeId, type Incarnation } from '../../raft/types.js';
import { isVoter, type Member, type Membership as Members } from '../../verify/membership.js';

export type RaftStep =
  /** Consensus has what is ordered, or is on its way there by itself. */
  | { readonly kind: 'none' }
  | { readonly kind: 'change'; readonly target: MembershipTarget }
  /** The node that was ordered in has not shown itself yet. */
  | { readonly kind: 'await'; readonly node: string };

/**
 * The next change to propose.
 * @param now what consensus has
 * @param members what is ordered
 * @param seen the data directory that an ordered node showed on its connection, proven by its TLS key
 */
export function nextRaftStep(
  now: Membership,
  members: Members,
  seen: (node: string) => Uint8Array | null,
): RaftStep {
  if (now.outgoing !== null) return { kind: 'none' };
  const ordered = new Map(members.members.map((member) => [member.id, member]));
  const added: Learner[] = [];
  const leaving = now.voters.filter(({ id }) => !isOrderedVoter(ordered.get(id)));
  // A voter that is replaced stays until the new one has caught up, and leaves in the same step.
  const replaced = new Set<string>();
  for (const member of members.members) {
    if (now.voters.some(({ id }) => id === member.id)) continue;
    const incarnation = incarnationFor(now, member.id, seen);
    if (incarnation === null) return { kind: 'await', node: member.id };
    const gone = isVoter(member) ? (leaving.find(({ id }) => !replaced.has(id)) ?? null) : null;
    if (gone !== null) replaced.add(gone.id);
    added.push(learnerOf(member, incarnation, gone));
  }
  const voters = now.voters.filter(({ id }) => isOrderedVoter(ordered.get(id)) || replaced.has(id));
  const target = { voters, learners: added };
  return isSame(now, target) ? { kind: 'none' } : { kind: 'change', target };
}

const isOrderedVoter = (member: Member | undefined): boolean => member !== undefined && isVoter(member);

/** A standby that is promoted keeps its directory; whoever is not in force yet may come with a new one. */
function incarnationFor(
  now: Membership,
  node: string,
  seen: (node: string) => Uint8Array | null,
): Incarnation | null {
  const known = now.learners.find(({ id }) => id === node);
  if (known?.kind === 'standby') return known.incarnation;
  const shown = seen(node);
  return shown === null ? (known?.incarnation ?? null) : incarnationOf(shown);
}

function learnerOf(member: Member, incarnation: Incarnation, gone: Voter | null): Learner {
  const { id, site, kind } = member;
  const base = { id: nodeId(id), site, incarnation };
  if (kind === 'standby') return { ...base, kind };
  const becomes: { kind: VoterKind; priority: number; replaces: Voter['id'] | null } = {
    kind,
    priority: 0,
    replaces: gone?.id ?? null,
  };
  return { ...base, kind: 'staging', becomes };
}

function isSame(now: Membership, target: MembershipTarget): boolean {
  return (
    now.voters.length === target.voters.length &&
    now.learners.length === target.learners.length &&
    target.learners.every((learner) => now.learners.some((other) => sameLearner(other, learner)))
  );
}

function sameLearner(a: Learner, b: Learner): boolean {
  if (a.id !== b.id || a.incarnation !== b.incarnation || a.kind !== b.kind) return false;
  if (a.kind === 'standby' || b.kind === 'standby') return true;
  return a.becomes.kind === b.becomes.kind && a.becomes.replaces === b.becomes.replaces;
}

/**
 * The leader's part in changing the membership (thesis 4.3, 4.2): one change at a time, through a joint configuration
 * whenever voters differ, finished by whoever leads; learners that caught up become voters.
 *
 * Invariants: no change is appended before an entry of the own term is committed (pitfall M1) nor while another is not;
 * a joint configuration is left by this leader or the next (M7); a leader that is no voter any more hands over only after
 * the configuration without it is committed (M8); an unreachable or lagging node never becomes a voter (M9).
 */

import type { ChangeResult, ChangeRefusal } from '../driver-api.js';
import { encodeMembership, type Membership, type MembershipTarget, type Voter } from '../membership.js';
import { logIndex, type Entry, type LogIndex } from '../types.js';
import { assert } from './assert.js';
import { appendOwn, quorumHeardAtOf } from './leader.js';
import { firstStep, leaveJoint, newVoters, problemOfChange, promoting } from './membership-rules.js';
import type { Progress } from './progress.js';
import { wantRound } from './read-index.js';
import type { CoreState, Leading } from './state.js';
import { leaveOffice, mayStay } from './transfer.js';

/** A learner without progress for that many election timeouts is reported. */
const BEHIND_AFTER_TIMEOUTS = 10;

export function configEntry(state: CoreState, index: LogIndex, membership: Membership): Entry {
  const { term, log } = state;
  return { index, term, kind: 'config', time: log.lastTime, payload: encodeMembership(membership) };
}

function appendConfig(state: CoreState, leading: Leading, membership: Membership): LogIndex {
  const index = logIndex(state.log.lastIndex + 1);
  appendOwn(state, leading, [configEntry(state, index, membership)], 0);
  return index;
}

/** At the birth of a cluster all have voted: the incarnations that they voted as are written down. Else null. */
export function bindingMembership({ memberships, votedAs, config }: CoreState): Membership | null {
  const { membership, unbound } = memberships.members;
  if (!unbound) return null;
  const bind = (voter: Voter): Voter => {
    const heard = voter.id === config.id ? config.incarnation : votedAs.get(voter.id);
    const incarnation = voter.incarnation ?? heard;
    assert(incarnation !== undefined, 'at its birth a cluster is led only by the choice of all');
    return { ...voter, incarnation };
  };
  const { voters, outgoing } = membership;
  return { ...membership, voters: voters.map(bind), outgoing: outgoing?.map(bind) ?? null };
}

/** @returns why no change can begin now, or null */
function obstacle(state: CoreState, leading: Leading): readonly [ChangeRefusal, string] | null {
  const { memberships, commit } = state;
  if (state.transfer !== null || !mayStay(state)) return ['notYet', 'the leader is handing over'];
  if (commit < leading.termStart) return ['notYet', 'the leader has not committed an entry of its term yet'];
  if (memberships.index > commit || memberships.members.joint || state.change !== null) {
    return ['changeUnderWay', `the change at entry ${memberships.index} is not finished`];
  }
  return null;
}

export function changeMembership(state: CoreState, request: number, target: MembershipTarget): void {
  const say = (result: ChangeResult): void => {
    state.out.push({ kind: 'changed', request, result });
  };
  const { leading } = state;
  if (leading === null) {
    say({ status: 'notLeader', leader: state.leader });
    return;
  }
  const refusal = obstacle(state, leading) ?? unfit(state, leading, target);
  if (refusal === null) begin(state, leading, target, request);
  else say({ status: 'refused', reason: refusal[0], problem: refusal[1] });
}

/** @returns why this target cannot be reached, or null */
function unfit(
  state: CoreState,
  leading: Leading,
  target: MembershipTarget,
): readonly [ChangeRefusal, string] | null {
  const { membership } = state.memberships.members;
  const problem = problemOfChange(membership, target);
  if (problem !== null) return ['illegal', problem];
  for (const { id } of newVoters(membership, target)) {
    if (!hasCaughtUp(state, leading.progress.get(id))) {
      return ['notCaughtUp', `${id} is not a learner that has caught up: add it as a staging learner`];
    }
  }
  const heardAt = quorumHeardAtOf(state, leading, [target.voters.map((voter) => voter.id)]);
  if (state.now - heardAt >= state.config.electionMin) {
    return ['noQuorum', 'no majority of the voters to be is heard'];
  }
  return null;
}

function hasCaughtUp(state: CoreState, peer: Progress | undefined): boolean {
  if (peer === undefined || peer.regressed) return false;
  return peer.catchUp.caughtUp && state.now - peer.contactAt < state.config.electionMin;
}

function begin(state: CoreState, leading: Leading, target: MembershipTarget, request: number | null): void {
  const step = firstStep(state.memberships.members.membership, target);
  if (request !== null) state.change = { request, term: state.term, index: null };
  const index = appendConfig(state, leading, step);
  if (state.change !== null && step.outgoing === null) state.change.index = index;
}

/** The commit index moved: what waited for that? */
export function afterCommit(state: CoreState, leading: Leading): void {
  const { memberships, commit } = state;
  wantRound(state, leading);
  if (memberships.index > commit) return;
  const { joint, membership } = memberships.members;
  if (joint) {
    const index = appendConfig(state, leading, leaveJoint(membership));
    if (state.change !== null) state.change.index = index;
  } else if (!mayStay(state)) leaveOffice(state, leading);
}

/** At the end of each step: is the change that a caller waits for finished, or can that not be seen any more? */
export function settleChange(state: CoreState): void {
  const { change, applied, log } = state;
  if (change === null) return;
  const say = (result: ChangeResult): void => {
    state.change = null;
    state.out.push({ kind: 'changed', request: change.request, result });
  };
  if (change.index !== null && applied >= change.index) {
    const stands = log.termAt(change.index) === change.term;
    say(stands ? { status: 'applied', index: change.index } : { status: 'unknown' });
  } else if (state.leading === null || state.term !== change.term) say({ status: 'unknown' });
}

/** A learner answered: how far has it come, and may it vote now? */
export function tendLearner(state: CoreState, leading: Leading, peer: Progress): void {
  const learner = state.memberships.members.learner(peer.id);
  if (learner === undefined) return;
  peer.catchUp.progressed(peer.match, state.log.lastIndex, state.now, state.config.electionMin);
  if (learner.kind !== 'staging' || !peer.ready || !hasCaughtUp(state, peer)) return;
  if (obstacle(state, leading) !== null) return;
  const target = promoting(state.memberships.members.membership, learner);
  if (unfit(state, leading, target) === null) begin(state, leading, target, null);
}

/** Tells of staging learners that do not come nearer. They are not promoted; whoever added them decides. */
export function reportBehind(state: CoreState, leading: Leading): void {
  const { learners } = state.memberships.members.membership;
  for (const { id, kind } of learners) {
    const peer = leading.progress.get(id);
    if (kind !== 'staging' || peer === undefined) continue;
    const { catchUp, match } = peer;
    if (!catchUp.behind(state.now, BEHIND_AFTER_TIMEOUTS * state.config.electionMax)) continue;
    const { lastIndex } = state.log;
    const event = { kind: 'learnerBehind', peer: id, rounds: catchUp.rounds, match, lastIndex } as const;
    state.out.push({ kind: 'event', event });
  }
}

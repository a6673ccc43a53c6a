/**
 * Elections: pre-vote, then vote; both always on, together with stickiness, without a switch (thesis 9.6, 4.2.3).
 *
 * Who campaigns: full voters; a witness too, but an election timeout later, because it may be the only one left that holds
 * the newest entries (then it brings a full voter up to date and hands over, see ./transfer.ts). Nobody else.
 *
 * Birth: while the incarnation of a voter is not written down, *every* voter must agree. So the first leader hears all of
 * them and writes their incarnations into the log; a member that is wiped before can never be half of a majority that
 * lacks what was committed with the help of its former self.
 *
 * Invariants: one vote a term, durable before it is told; a candidate's own vote counts, and its requests leave, only
 * when that vote is durable (pitfalls E1, E2); granting a *pre*-vote changes nothing at the grantor (E10).
 */

import { term as asTerm, type Incarnation, type NodeId } from '../types.js';
import { assert } from './assert.js';
import type { PreVote, PreVoteReply, Vote, VoteReply } from './messages.js';
import { becomeLeader, quorumHeardAt } from './leader.js';
import { unanimousResult, voteResult, type VoteResult } from './quorum.js';
import {
  becomeFollower,
  clearVotes,
  diskStalled,
  newFollowing,
  persistHardState,
  resetElectionTimer,
  send,
  type CoreState,
} from './state.js';

/**
 * While a node hears its leader, or a leader its quorum, it helps nobody to replace it: a node that cannot hear the
 * leader must not disturb those that can (pitfalls E5, E6).
 */
export function sticksToLeader(state: CoreState): boolean {
  const { electionMin } = state.config;
  if (state.leading !== null) return state.now - quorumHeardAt(state, state.leading) < electionMin;
  const { contactAt, suspected } = state.following;
  return state.leader !== null && !suspected && state.now - contactAt < electionMin;
}

/**
 * Also one that its newest, uncommitted membership no longer names (thesis 4.2.2): it may be the only one that holds that
 * entry, and the others need its vote in the joint configuration before. It does not count itself, and hands over.
 */
export const canCampaign = (state: CoreState): boolean => state.memberships.votes;

/** The election timer ran out. Forgetting the leader ends stickiness, or two would wait for each other (E7). */
export function electionTimeout(state: CoreState): void {
  if (state.mayLead && canCampaign(state) && !diskStalled(state)) becomePreCandidate(state);
  else becomeFollower(state, state.term, null);
  resetElectionTimer(state);
}

function becomePreCandidate(state: CoreState): void {
  state.role = 'preCandidate';
  state.leader = null;
  clearVotes(state);
  state.votes.set(state.config.id, true);
  const request = {
    kind: 'preVote',
    term: asTerm(state.term + 1),
    lastIndex: state.log.lastIndex,
    lastTerm: state.log.lastTerm,
  } as const;
  for (const peer of state.memberships.members.voterPeers) send(state, peer, request);
  countPreVotes(state);
}

/** Campaigns in a new term. @param transfer the leader asked for it, so nobody sticks to it */
export function becomeCandidate(state: CoreState, transfer: boolean): void {
  assert(state.role !== 'leader', 'a leader does not campaign');
  state.role = 'candidate';
  state.leader = null;
  state.term = asTerm(state.term + 1);
  state.vote = state.config.id;
  state.following = newFollowing(state.now);
  clearVotes(state);
  resetElectionTimer(state);
  const voted = persistHardState(state);
  const request = {
    kind: 'vote',
    term: state.term,
    lastIndex: state.log.lastIndex,
    lastTerm: state.log.lastTerm,
    transfer,
  } as const;
  for (const peer of state.memberships.members.voterPeers) send(state, peer, request, voted);
}

/** A candidate counts itself from the moment on which a restart would remember it. */
export function ownVoteDurable(state: CoreState): void {
  if (state.role !== 'candidate' || state.durability.persisted < state.termSeq) return;
  if (state.votes.has(state.config.id)) return;
  state.votes.set(state.config.id, true);
  countVotes(state);
}

export function onPreVote(state: CoreState, from: NodeId, request: PreVote): void {
  const granted =
    request.term > state.term &&
    state.log.isUpToDate(request.lastIndex, request.lastTerm) &&
    !sticksToLeader(state);
  // A refusal carries our term: a node left behind learns it even from one that will not help it (E8).
  send(state, from, { kind: 'preVoteReply', term: granted ? request.term : state.term, granted });
}

export function onPreVoteReply(state: CoreState, from: NodeId, reply: PreVoteReply): void {
  if (state.role !== 'preCandidate') return;
  if (reply.granted ? reply.term !== state.term + 1 : reply.term > state.term) return;
  state.votes.set(from, reply.granted);
  countPreVotes(state);
}

function electionResult({ memberships, votes }: CoreState): VoteResult {
  const { sets, unbound } = memberships.members;
  return unbound ? unanimousResult(sets, votes) : voteResult(sets, votes);
}

function countPreVotes(state: CoreState): void {
  switch (electionResult(state)) {
    case 'won':
      if (state.mayLead) becomeCandidate(state, false);
      else becomeFollower(state, state.term, null);
      return;
    case 'lost':
      becomeFollower(state, state.term, null);
      return;
    case 'pending':
      return;
  }
}

/** The prologue has settled terms: the request is of our term, and nothing here sticks to a leader. */
export function onVote(state: CoreState, from: NodeId, request: Vote): void {
  const free = state.vote === from || (state.vote === null && state.leader === null);
  const granted = free && state.log.isUpToDate(request.lastIndex, request.lastTerm);
  if (granted) {
    if (state.vote === null) {
      state.vote = from;
      persistHardState(state);
    }
    if (state.role === 'preCandidate') becomeFollower(state, state.term, null);
    resetElectionTimer(state);
  }
  send(state, from, { kind: 'voteReply', term: state.term, granted }, granted ? state.termSeq : 0);
}

export function onVoteReply(state: CoreState, from: NodeId, as: Incarnation, reply: VoteReply): void {
  if (state.role !== 'candidate') return;
  state.votes.set(from, reply.granted);
  state.votedAs.set(from, as);
  countVotes(state);
}

function countVotes(state: CoreState): void {
  switch (electionResult(state)) {
    case 'won':
      assert(state.votes.get(state.config.id) === true, 'a candidate wins only with its own durable vote');
      becomeLeader(state);
      return;
    case 'lost':
      becomeFollower(state, state.term, null);
      return;
    case 'pending':
      return;
  }
}

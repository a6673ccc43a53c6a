/**
 * The one door of the core: `step(state, now, input)` changes the state and returns what the world must do about it,
 * in order. No I/O, clock, timer or ambient randomness: the same inputs always give the same effects.
 *
 * A message first has to come from someone whose word counts; then it passes the term prologue (thesis 3.3): a newer term makes this node a follower of it, an older one
 * is answered so that its sender learns better. Only then do the roles see it.
 */

import type { Incarnation, LogIndex, NodeId, Term } from '../types.js';
import type { Nanos } from './config.js';
import { advanceApplied, entriesReadToApply } from './commit.js';
import { onLedgerPosition } from './compaction.js';
import type { MembershipStatus } from '../driver-api.js';
import type { Effect, Input } from './effects.js';
import {
  electionTimeout,
  onPreVote,
  onPreVoteReply,
  onVote,
  onVoteReply,
  ownVoteDurable,
  sticksToLeader,
} from './election.js';
import {
  answerHeartbeat,
  followerPersisted,
  onAppend,
  onCommitNotice,
  onHeartbeat,
  onSnapshotNeeded,
  onTimeoutNow,
} from './follower.js';
import { leaderPersisted, leaderTick, onAppendOk, onAppendReject, onHeartbeatReply } from './leader.js';
import type { Message } from './messages.js';
import { answerPatience, onForwardReply, onPropose } from './proposals.js';
import { onRead, onReadReply, onReadRequest, readLeadershipMoved } from './read-index.js';
import { changeMembership, settleChange } from './reconfigure.js';
import { entriesReadForPeer } from './replication.js';
import { becomeFollower, resetElectionTimer, send, type CoreState, type Role } from './state.js';
import { settleTransfer, startTransfer } from './transfer.js';

/** @param now monotonic, never less than at the previous step */
export function step(state: CoreState, now: Nanos, input: Input): readonly Effect[] {
  if (now > state.now) state.now = now;
  const { role, term, leader } = state;
  const { revision } = state.memberships;
  handle(state, input);
  settle(state, role, term, leader);
  if (state.memberships.revision !== revision) {
    state.out.push({ kind: 'event', event: { kind: 'membership', status: membershipStatus(state) } });
  }
  const effects = state.out;
  state.out = [];
  return effects;
}

/** When time alone will next change something; the driver ticks then, or a little later. */
export function nextDeadline(state: CoreState): Nanos {
  let at = Math.min(state.requests.deadline, state.reads.deadline);
  const { leading, transfer } = state;
  if (leading === null) at = Math.min(at, state.electionAt);
  else at = Math.min(at, leading.heartbeatAt, leading.commitNoticeAt);
  return transfer === null ? at : Math.min(at, transfer.deadline);
}

function handle(state: CoreState, input: Input): void {
  switch (input.kind) {
    case 'message':
      onMessage(state, input.from, input.incarnation, input.message);
      return;
    case 'start':
      if (state.applied + 1 < state.log.firstIndex) {
        const { firstIndex } = state.log;
        state.out.push({ kind: 'event', event: { kind: 'snapshotNeeded', firstIndex } });
      }
      advanceApplied(state);
      return;
    case 'persisted':
      onPersisted(state, input.seq);
      return;
    case 'propose':
      onPropose(state, input.proposals, input.time);
      return;
    case 'tick':
      onTick(state, input.stalled);
      return;
    case 'entriesRead':
      if (input.purpose.for === 'apply') entriesReadToApply(state, input.entries);
      else if (state.leading !== null) {
        entriesReadForPeer(state, state.leading, input.purpose.peer, input.from, input.entries);
      }
      return;
    case 'transfer':
      onTransferRequest(state, input.request, input.target);
      return;
    case 'changeMembership':
      changeMembership(state, input.request, input.target);
      return;
    case 'read':
      onRead(state, input.requests);
      return;
    case 'ledger':
      onLedgerPosition(state, input.synced, input.complete);
      return;
    case 'compacted':
      state.compaction.running = false;
      return;
    case 'peerLost':
      onPeerLost(state, input.peer);
      return;
    case 'mayLead':
      state.mayLead = input.value;
      if (!input.value && (state.role === 'preCandidate' || state.role === 'candidate')) {
        becomeFollower(state, state.term, null);
      }
      return;
    case 'ready':
      state.ready = input.value;
      return;
  }
}

function onMessage(state: CoreState, from: NodeId, incarnation: Incarnation, message: Message): void {
  const { members, stableMembers } = state.memberships;
  if (members.acquaintance(from, incarnation) !== 'member') {
    // A leader that removed itself leads, and is followed, until that is committed and it has handed over (M8).
    const gone = stableMembers.acquaintance(from, incarnation) === 'retired' && from !== state.leader;
    if (gone || !heardFromAnyone(message)) return;
  }
  if (prologue(state, from, message)) deliver(state, from, incarnation, message);
}

/**
 * A node that was away does not know who joined meanwhile, and must vote for them and follow them (thesis 4.1). Nothing
 * else counts from one who is not a member: no answer, no proposal, no read.
 */
function heardFromAnyone(message: Message): boolean {
  switch (message.kind) {
    case 'preVote':
    case 'vote':
    case 'append':
    case 'heartbeat':
    case 'commitNotice':
    case 'snapshotNeeded':
    case 'timeoutNow':
      return true;
    default:
      return false;
  }
}

export function membershipStatus({ memberships, commit }: CoreState): MembershipStatus {
  const { index, members, stable } = memberships;
  return { index, committed: index <= commit, membership: members.membership, stable };
}

function onTransferRequest(state: CoreState, request: number, target: NodeId | null): void {
  if (state.leading !== null) startTransfer(state, state.leading, request, target);
  else {
    const transferred = target === null || state.leader === target;
    state.out.push({ kind: 'transferred', request, transferred });
  }
}

/** What follows from a changed role, whichever way it changed. */
function settle(state: CoreState, role: Role, term: Term, leader: NodeId | null): void {
  settleTransfer(state);
  settleChange(state);
  if (state.role !== role || state.term !== term || state.leader !== leader) {
    state.requests.leadershipMoved(state.now, state.now + answerPatience(state));
    readLeadershipMoved(state);
    state.out.push({
      kind: 'event',
      event: { kind: 'role', role: state.role, term: state.term, leader: state.leader },
    });
  }
}

function onTick(state: CoreState, stalled: boolean): void {
  if (stalled) {
    // This process slept; what others sent meanwhile may still wait to be read (pitfall E16).
    resetElectionTimer(state);
    if (state.leading !== null) state.leading.quorumGraceUntil = state.now + state.config.electionMin;
  }
  if (state.leading !== null) leaderTick(state, state.leading);
  else if (state.now >= state.electionAt) electionTimeout(state);
  state.requests.expire(state.now, state.out);
  state.reads.expire(state.now, state.out);
}

function onPersisted(state: CoreState, seq: number): void {
  state.durability.completed(seq);
  ownVoteDurable(state);
  if (state.leading !== null) leaderPersisted(state, state.leading);
  else followerPersisted(state);
  advanceApplied(state);
}

/** A hint, never a proof: the timer is shortened, and pre-vote asks whether the others lost the leader too. */
function onPeerLost(state: CoreState, peer: NodeId): void {
  if (state.role !== 'follower' || state.leader !== peer) return;
  state.following.suspected = true;
  const { electionMin } = state.config;
  const soon = state.now + state.prng.between(electionMin / 6, electionMin / 2);
  if (soon < state.electionAt) state.electionAt = soon;
}

/** @returns whether the message is of this node's term (or speaks of no term) and goes on to its role */
function prologue(state: CoreState, from: NodeId, message: Message): boolean {
  switch (message.kind) {
    case 'preVote':
    case 'forward':
      // The one asks about a term to come, the other is judged by the term it was meant for.
      return true;
    case 'preVoteReply':
      if (!message.granted && message.term > state.term) becomeFollower(state, message.term, null);
      return true;
    case 'vote':
      // Not even its term is taken over while a leader is heard: a disturbed node must not disturb (E5, E6).
      if (message.term > state.term && !message.transfer && sticksToLeader(state)) return false;
      break;
    case 'forwardReply':
      // It tells the fate of a request, whatever the terms are now.
      if (message.term > state.term) becomeFollower(state, message.term, null);
      return true;
    case 'readReply':
      // A position stays one, whatever the terms are now.
      if (message.term > state.term) becomeFollower(state, message.term, null);
      return true;
    default:
      break;
  }
  if (message.term > state.term) {
    becomeFollower(state, message.term, null);
    return true;
  }
  if (message.term === state.term) return true;
  answerStale(state, from, message);
  return false;
}

/** An old leader or candidate learns of the newer term and steps down; old replies mean nothing (E4). */
function answerStale(state: CoreState, from: NodeId, message: Message): void {
  if (message.kind === 'vote') {
    send(state, from, { kind: 'voteReply', term: state.term, granted: false });
  } else if (message.kind === 'append' || message.kind === 'heartbeat') {
    answerHeartbeat(state, from, 0 as LogIndex, 0);
  }
}

function deliver(state: CoreState, from: NodeId, as: Incarnation, message: Message): void {
  switch (message.kind) {
    case 'preVote':
      onPreVote(state, from, message);
      return;
    case 'preVoteReply':
      onPreVoteReply(state, from, message);
      return;
    case 'vote':
      onVote(state, from, message);
      return;
    case 'voteReply':
      onVoteReply(state, from, as, message);
      return;
    case 'append':
      onAppend(state, from, message);
      return;
    case 'heartbeat':
      onHeartbeat(state, from, message);
      return;
    case 'commitNotice':
      onCommitNotice(state, from, message);
      return;
    case 'snapshotNeeded':
      onSnapshotNeeded(state, from, message);
      return;
    case 'timeoutNow':
      onTimeoutNow(state, from, message);
      return;
    case 'forwardReply':
      onForwardReply(state, from, message);
      return;
    case 'forward': {
      const { term, request, payloads } = message;
      onPropose(state, [{ from: 'peer', peer: from, incarnation: as, term, request, payloads }], null);
      return;
    }
    case 'readRequest':
      onReadRequest(state, from, message);
      return;
    case 'readReply':
      onReadReply(state, message);
      return;
    case 'appendOk':
    case 'appendReject':
    case 'heartbeatReply':
      if (state.leading === null) return;
      if (message.kind === 'appendOk') onAppendOk(state, state.leading, from, message);
      else if (message.kind === 'appendReject') onAppendReject(state, state.leading, from, message);
      else onHeartbeatReply(state, state.leading, from, message);
      return;
  }
}

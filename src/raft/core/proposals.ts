/**
 * Proposals: admitted by the leader within its bound of uncommitted bytes, or forwarded to it by a follower.
 * All that arrive together become one append, one write and one message a peer.
 */

import { logIndex, type Entry, type LogIndex, type NodeId } from '../types.js';
import type { Proposal } from './effects.js';
import { appendOwn } from './leader.js';
import type { Forward, ForwardReply } from './messages.js';
import { becomeFollower, send, type CoreState, type Leading } from './state.js';

export function onPropose(state: CoreState, proposals: readonly Proposal[], stamp: bigint | null): void {
  for (const proposal of proposals) {
    if (proposal.from === 'peer' && isNewer(state, proposal)) becomeFollower(state, proposal.term, null);
  }
  const previous = state.log.lastTime;
  const batch = new Batch(state, stamp !== null && stamp > previous ? stamp : previous);
  for (const proposal of proposals) {
    if (proposal.from === 'peer') takeForwarded(state, batch, proposal);
    else if (state.leading !== null) takeLocal(state, state.leading, batch, proposal);
    else passOn(state, proposal.request, proposal.payloads);
  }
  if (state.leading !== null && batch.entries.length > 0) {
    appendOwn(state, state.leading, batch.entries, batch.bytes);
  }
}

/** Only a member's word moves the term. */
function isNewer(
  state: CoreState,
  { peer, incarnation, term }: Extract<Proposal, { from: 'peer' }>,
): boolean {
  return term > state.term && state.memberships.members.acquaintance(peer, incarnation) === 'member';
}

/** Entries that are about to be appended together. */
class Batch {
  readonly entries: Entry[] = [];
  bytes = 0;
  readonly #state: CoreState;
  readonly #time: bigint;
  #next: number;

  constructor(state: CoreState, time: bigint) {
    this.#state = state;
    this.#time = time;
    this.#next = state.log.lastIndex + 1;
  }

  /** @returns the index of the last one */
  add(payloads: readonly Uint8Array[], bytes: number): LogIndex {
    const { term } = this.#state;
    for (const payload of payloads) {
      const index = logIndex(this.#next++);
      this.entries.push({ index, term, kind: 'command', time: this.#time, payload });
    }
    this.bytes += bytes;
    return logIndex(this.#next - 1);
  }
}

/**
 * Accepts nothing while it could not commit (no quorum heard, leadership on its way to another), or may not decide: a
 * witness, which has no clock, or a leader that the membership no longer names.
 */
function accepting(state: CoreState, leading: Leading): boolean {
  const serves = state.memberships.members.standing === 'voter';
  return serves && !leading.quorumLost && state.transfer === null && state.mayLead;
}

/** Bounded, so that an isolated leader does not grow (pitfall C4); one batch always fits when nothing waits. */
function hasRoom(state: CoreState, leading: Leading, batch: Batch, bytes: number): boolean {
  const waiting = leading.uncommittedBytes + batch.bytes;
  return waiting === 0 || waiting + bytes <= state.config.maxUncommittedBytes;
}

function takeLocal(
  state: CoreState,
  leading: Leading,
  batch: Batch,
  proposal: Extract<Proposal, { from: 'local' }>,
): void {
  const { request, payloads } = proposal;
  if (!accepting(state, leading)) {
    state.out.push({ kind: 'answer', request, result: { status: 'notLeader', leader: null } });
    return;
  }
  const bytes = bytesOf(payloads);
  if (!hasRoom(state, leading, batch, bytes)) {
    state.out.push({ kind: 'answer', request, result: { status: 'overloaded' } });
    return;
  }
  state.requests.await(request, batch.add(payloads, bytes), payloads.length, state.term, Infinity);
}

function takeForwarded(state: CoreState, batch: Batch, proposal: Extract<Proposal, { from: 'peer' }>): void {
  const { peer, incarnation, request, payloads } = proposal;
  if (state.memberships.members.acquaintance(peer, incarnation) !== 'member') return;
  const leads = state.leading !== null && proposal.term === state.term;
  const verdict = state.requests.judgeForward(peer, request, proposal.term, leads);
  if (verdict === 'ignore') return;
  const { leading } = state;
  if (verdict === 'refuse' || leading === null || !accepting(state, leading)) {
    const leader = state.leader === state.config.id ? null : state.leader;
    replyTo(state, peer, { request, status: 'notLeader', index: logIndex(0), leader });
    return;
  }
  const bytes = bytesOf(payloads);
  if (!hasRoom(state, leading, batch, bytes)) {
    replyTo(state, peer, { request, status: 'overloaded', index: logIndex(0), leader: null });
    return;
  }
  const index = batch.add(payloads, bytes);
  const progress = leading.progress.get(peer);
  if (progress !== undefined) progress.forwardedUpTo = index;
  replyTo(state, peer, { request, status: 'accepted', index, leader: null });
}

function replyTo(state: CoreState, peer: NodeId, reply: Omit<ForwardReply, 'kind' | 'term'>): void {
  send(state, peer, { kind: 'forwardReply', term: state.term, ...reply });
}

/** Not the leader: pass the batch on, if there is someone to pass it to. */
function passOn(state: CoreState, request: number, payloads: readonly Uint8Array[]): void {
  const { leader, requests, config } = state;
  if (leader === null) {
    state.out.push({ kind: 'answer', request, result: { status: 'notLeader', leader: null } });
    return;
  }
  const bytes = bytesOf(payloads);
  if (requests.forwardedBytes > 0 && requests.forwardedBytes + bytes > config.maxUncommittedBytes) {
    state.out.push({ kind: 'answer', request, result: { status: 'overloaded' } });
    return;
  }
  const id = requests.forward(request, payloads.length, bytes, state.now + answerPatience(state));
  const message: Forward = { kind: 'forward', term: state.term, request: id, payloads };
  send(state, leader, message);
}

/** How long an answer is awaited once its leader is gone or silent. */
export function answerPatience(state: CoreState): number {
  return 2 * state.config.electionMax;
}

export function onForwardReply(state: CoreState, from: NodeId, reply: ForwardReply): void {
  const forwarded = state.requests.forwardAnswered(reply.request);
  if (forwarded === null) return;
  const { request, count } = forwarded;
  switch (reply.status) {
    case 'accepted': {
      const current = reply.term === state.term && state.leader === from;
      const deadline = current ? Infinity : state.now + answerPatience(state);
      state.requests.await(request, reply.index, count, reply.term, deadline);
      // The entry may have come and been applied before this reply.
      state.requests.applied(state.applied, state.log, state.leader, state.out);
      return;
    }
    case 'notLeader':
      state.out.push({ kind: 'answer', request, result: { status: 'notLeader', leader: reply.leader } });
      return;
    case 'overloaded':
      state.out.push({ kind: 'answer', request, result: { status: 'overloaded' } });
      return;
  }
}

function bytesOf(payloads: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const payload of payloads) bytes += payload.length;
  return bytes;
}

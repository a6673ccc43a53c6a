/**
 * A follower's side of replication.
 *
 * Invariants: an entry that agrees is never removed (pitfall L2); nothing committed is; the commit index follows only
 * what is known to equal this leader's log (L3); an acknowledgement names what is durable, never what is merely
 * received, also when an append repeats what is still being written (L4), and leaves once a completed write.
 */

import { logIndex, type Entry, type LogIndex, type NodeId } from '../types.js';
import { assert } from './assert.js';
import { advanceApplied, commitTo } from './commit.js';
import { compactIfDue } from './compaction.js';
import { becomeCandidate, canCampaign } from './election.js';
import type { Append, CommitNotice, Heartbeat, SnapshotNeeded, TimeoutNow } from './messages.js';
import { appendToLog, noteLeader, persistEntries, send, truncateLog, type CoreState } from './state.js';

export function onAppend(state: CoreState, from: NodeId, append: Append): void {
  noteLeader(state, from);
  const { log, following } = state;
  const { prevIndex } = append;
  // What is committed is in every leader's log: there is nothing to check below it, and nothing to cut.
  if (log.termAt(prevIndex) !== append.prevTerm && prevIndex > state.commit) {
    rejectAppend(state, from, append);
    return;
  }
  const end = logIndex(prevIndex + append.entries.length);
  const changed = takeEntries(state, append.entries);
  if (end > following.matched) following.matched = end;
  if (changed || following.matched > state.durability.durable) following.ackDue = true;
  else acknowledge(state, from);
  learnCommit(state, append.commit);
}

function rejectAppend(state: CoreState, from: NodeId, append: Append): void {
  const hintIndex = state.log.agreeableUpTo(append.prevIndex, append.prevTerm);
  send(state, from, {
    kind: 'appendReject',
    term: state.term,
    rejected: append.prevIndex,
    hintIndex,
    hintTerm: state.log.termAt(hintIndex) ?? append.prevTerm,
  });
}

/** Adds what the log lacks, cutting a tail that disagrees. @returns whether anything was added */
function takeEntries(state: CoreState, entries: readonly Entry[]): boolean {
  const { log } = state;
  const known = agreeing(state, entries);
  if (known === entries.length) return false;
  const fresh = known === 0 ? entries : entries.slice(known);
  const first = fresh[0];
  assert(first !== undefined, 'something is left to add');
  let truncateFrom: LogIndex | null = null;
  if (first.index <= log.lastIndex) {
    assert(first.index > state.commit, 'a committed entry is never overwritten');
    truncateFrom = first.index;
    truncateLog(state, truncateFrom);
  }
  appendToLog(state, fresh);
  persistEntries(state, fresh, truncateFrom);
  return true;
}

/** How many of the entries, from the front, the log already holds. */
function agreeing(state: CoreState, entries: readonly Entry[]): number {
  const { log, commit } = state;
  const { lastIndex } = log;
  let known = 0;
  for (const entry of entries) {
    if (entry.index > lastIndex) break;
    if (entry.index > commit && log.termAt(entry.index) !== entry.term) break;
    known++;
  }
  return known;
}

function acknowledge(state: CoreState, leader: NodeId): void {
  const { following, durability, term } = state;
  const match = logIndex(Math.min(following.matched, durability.durable));
  following.ackDue = match < following.matched;
  following.acknowledged = match;
  // The acknowledgement also says "I follow this term", and must not be forgotten by a restart.
  send(state, leader, { kind: 'appendOk', term, match }, state.termSeq);
}

/** One acknowledgement a completed write, of the highest durable index. */
export function followerPersisted(state: CoreState): void {
  const { role, leader, following, durability } = state;
  if (role !== 'follower' || leader === null || !following.ackDue) return;
  // A write of something else completed: there is nothing new to tell.
  const { durable } = durability;
  if (durable >= following.matched || durable > following.acknowledged) acknowledge(state, leader);
}

function learnCommit(state: CoreState, commit: LogIndex): void {
  commitTo(state, logIndex(Math.min(commit, state.following.matched)));
  advanceApplied(state);
}

export function onHeartbeat(state: CoreState, from: NodeId, heartbeat: Heartbeat): void {
  noteLeader(state, from);
  answerHeartbeat(state, from, state.following.matched, heartbeat.round);
  learnCommit(state, heartbeat.commit);
  state.compaction.raiseFloor(heartbeat.floor);
  compactIfDue(state);
}

/** Also tells an old leader the newer term, with nothing matched and no round. */
export function answerHeartbeat(state: CoreState, to: NodeId, matched: LogIndex, round: number): void {
  const { term, durability, compaction, ready, mayLead } = state;
  send(state, to, {
    kind: 'heartbeatReply',
    term,
    matched,
    synced: compaction.position,
    round,
    durable: durability.durable,
    ready,
    mayLead: mayLead && canCampaign(state),
  });
}

export function onCommitNotice(state: CoreState, from: NodeId, notice: CommitNotice): void {
  noteLeader(state, from);
  learnCommit(state, notice.commit);
}

/**
 * The leader no longer has what follows this log. What is committed here equals its log, so once that reaches the
 * leader's first entry (a snapshot was installed) it is acknowledged, and appends can follow.
 */
export function onSnapshotNeeded(state: CoreState, from: NodeId, request: SnapshotNeeded): void {
  noteLeader(state, from);
  const { following, commit } = state;
  if (commit + 1 >= request.firstIndex) {
    if (commit > following.matched) following.matched = commit;
    acknowledge(state, from);
  } else {
    state.out.push({ kind: 'event', event: { kind: 'snapshotNeeded', firstIndex: request.firstIndex } });
  }
}

/** The leader hands over: campaign at once, without pre-vote, which would fail while others still hear the leader. */
export function onTimeoutNow(state: CoreState, from: NodeId, _request: TimeoutNow): void {
  if (state.role !== 'follower' || state.leader !== from || !state.mayLead || !canCampaign(state)) return;
  becomeCandidate(state, true);
}

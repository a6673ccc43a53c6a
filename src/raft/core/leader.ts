/**
 * The leader's part: opening its term, heartbeats, check-quorum, the health of its own disk, and what its peers answer.
 *
 * Invariants: a leader never removes or rewrites an entry; it opens its term with a noop, because only an entry of its
 * own term can be committed by counting. A leader that hears no majority first stops to accept, then steps down and
 * falls silent, so that its followers are free to elect another (thesis 6.2).
 */

import { logIndex, type Entry, type NodeId } from '../types.js';
import { assert } from './assert.js';
import { advanceApplied, advanceCommit, announceCommit, sendCommitNotices } from './commit.js';
import { compactIfDue, updateFloor } from './compaction.js';
import type { AppendOk, AppendReject, HeartbeatReply } from './messages.js';
import { Progress } from './progress.js';
import { quorumValue } from './quorum.js';
import { replicate, replicateToAll, sendProbe } from './replication.js';
import { becomeFollower, diskStalled, persistEntries, send, type CoreState, type Leading } from './state.js';
import { continueTransfer, handOverAtOnce, startTransfer } from './transfer.js';

const NO_PAYLOAD = new Uint8Array(0);

export function becomeLeader(state: CoreState): void {
  assert(state.role === 'candidate' && state.vote === state.config.id, 'a leader voted for itself');
  const { log, now } = state;
  const progress = new Map<NodeId, Progress>();
  for (const peer of state.peers) progress.set(peer, new Progress(peer, log.lastIndex, now));
  const termStart = logIndex(log.lastIndex + 1);
  const leading: Leading = {
    progress,
    termStart,
    heartbeatAt: now,
    commitNoticeAt: Infinity,
    quorumLost: false,
    quorumGraceUntil: now,
    uncommitted: [],
    uncommittedBytes: 0,
    lastAppend: null,
  };
  state.role = 'leader';
  state.leader = state.config.id;
  state.leading = leading;
  state.votes.clear();
  state.requests.lead(state.term);
  const noop: Entry = {
    index: termStart,
    term: state.term,
    kind: 'noop',
    time: log.lastTime,
    payload: NO_PAYLOAD,
  };
  appendOwn(state, leading, [noop], 0);
  heartbeat(state, leading);
}

/** Appends, persists and sends at once: the write and the network run in parallel (thesis 10.2.1). */
export function appendOwn(
  state: CoreState,
  leading: Leading,
  entries: readonly Entry[],
  bytes: number,
): void {
  state.log.append(entries);
  persistEntries(state, entries, null);
  leading.uncommitted.push({ end: state.log.lastIndex, bytes });
  leading.uncommittedBytes += bytes;
  replicateToAll(state, leading);
}

function heartbeat(state: CoreState, leading: Leading): void {
  updateFloor(state, leading);
  const { term, commit, compaction } = state;
  leading.heartbeatAt = state.now + state.config.heartbeat;
  const message = { kind: 'heartbeat', term, commit, floor: compaction.floor } as const;
  for (const peer of leading.progress.values()) send(state, peer.id, message);
  compactIfDue(state);
}

/** The latest instant at which a majority had been heard, this node included. */
export function quorumHeardAt(state: CoreState, leading: Leading): number {
  const { config, now } = state;
  return quorumValue(config.voterSets, (id) =>
    id === config.id ? now : (leading.progress.get(id)?.contactAt ?? -Infinity),
  );
}

export function leaderTick(state: CoreState, leading: Leading): void {
  if (!checkQuorum(state, leading)) return;
  // A leader whose disk is stuck would keep its followers quiet and commit nothing, for ever (pitfall L17).
  if (diskStalled(state)) {
    handOverAtOnce(state, leading);
    becomeFollower(state, state.term, null);
    return;
  }
  if (!state.mayLead && !leaveOffice(state, leading)) return;
  if (state.now >= leading.heartbeatAt) heartbeat(state, leading);
  if (state.now >= leading.commitNoticeAt) sendCommitNotices(state, leading);
}

/** Two steps: after electionMin without a majority nothing new is accepted; after electionMax more, step down. */
function checkQuorum(state: CoreState, leading: Leading): boolean {
  const { electionMin, electionMax } = state.config;
  const silence = state.now - quorumHeardAt(state, leading);
  const lost = silence >= electionMin;
  if (lost && !leading.quorumLost) {
    state.out.push({ kind: 'event', event: { kind: 'quorumLost', term: state.term } });
  }
  leading.quorumLost = lost;
  if (silence < electionMin + electionMax || state.now < leading.quorumGraceUntil) return true;
  becomeFollower(state, state.term, null);
  return false;
}

/** This node may not lead any more: hand over, and step down when that did not help. @returns whether it still leads */
function leaveOffice(state: CoreState, leading: Leading): boolean {
  startTransfer(state, leading, null);
  if (state.transfer !== null) return true;
  becomeFollower(state, state.term, null);
  return false;
}

/** Every message of the leader's own term shows that its sender is alive. */
function contact(state: CoreState, leading: Leading, from: NodeId): Progress | undefined {
  const peer = leading.progress.get(from);
  if (peer !== undefined) peer.contactAt = state.now;
  return peer;
}

export function onHeartbeatReply(
  state: CoreState,
  leading: Leading,
  from: NodeId,
  reply: HeartbeatReply,
): void {
  const peer = contact(state, leading, from);
  if (peer === undefined) return;
  peer.synced = reply.synced;
  if (peer.state === 'probe') {
    if (peer.probeOvertaken()) replicate(state, leading, peer);
  } else if (!peer.acknowledged && Math.min(reply.matched, peer.match) < peer.next - 1) {
    // Silence since the last heartbeat: an append or its answer may be lost, so ask behind what was sent.
    sendProbe(state, leading, peer);
  }
  peer.acknowledged = false;
}

export function onAppendOk(state: CoreState, leading: Leading, from: NodeId, reply: AppendOk): void {
  const peer = contact(state, leading, from);
  if (peer === undefined) return;
  assert(reply.match <= state.log.lastIndex, 'no peer matches more than the leader has');
  const news = peer.acknowledge(reply.match);
  const committed = news && advanceCommit(state, leading);
  replicate(state, leading, peer);
  if (committed) announceCommit(state, leading);
  continueTransfer(state, peer);
  if (news) advanceApplied(state);
}

export function onAppendReject(state: CoreState, leading: Leading, from: NodeId, reply: AppendReject): void {
  const peer = contact(state, leading, from);
  if (peer === undefined) return;
  const agreeable = state.log.agreeableUpTo(reply.hintIndex, reply.hintTerm);
  if (peer.reject(reply.rejected, agreeable)) replicate(state, leading, peer);
}

/** The leader's own write completed: it counts like any other acknowledgement. */
export function leaderPersisted(state: CoreState, leading: Leading): void {
  if (advanceCommit(state, leading)) announceCommit(state, leading);
}

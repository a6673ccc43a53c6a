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
import { quorumValue, type VoterSets } from './quorum.js';
import { replicate, replicateToAll, sendProbe } from './replication.js';
import { confirmReads, readRoundBegins } from './read-index.js';
import { afterCommit, bindingMembership, configEntry, reportBehind, tendLearner } from './reconfigure.js';
import {
  appendToLog,
  becomeFollower,
  clearVotes,
  diskStalled,
  persistEntries,
  send,
  type CoreState,
  type Leading,
} from './state.js';
import {
  considerSuccession,
  continueTransfer,
  firstSuccession,
  handOverAtOnce,
  leaveOffice,
  mayStay,
} from './transfer.js';

const NO_PAYLOAD = new Uint8Array(0);

export function becomeLeader(state: CoreState): void {
  assert(state.role === 'candidate' && state.vote === state.config.id, 'a leader voted for itself');
  const { log, now, config } = state;
  const termStart = logIndex(log.lastIndex + 1);
  const leading: Leading = {
    progress: new Map(),
    termStart,
    heartbeatAt: now,
    round: 0,
    succeedAt: firstSuccession(config, now),
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
  syncProgress(state, leading);
  const binding = bindingMembership(state);
  clearVotes(state);
  state.requests.lead(state.term);
  const noop: Entry = {
    index: termStart,
    term: state.term,
    kind: 'noop',
    time: log.lastTime,
    payload: NO_PAYLOAD,
  };
  const opening = binding === null ? [noop] : [noop, configEntry(state, logIndex(termStart + 1), binding)];
  appendOwn(state, leading, opening, 0);
  heartbeat(state, leading);
}

/** Serves exactly those whom the membership in effect names. A name that comes back begins anew. */
function syncProgress(state: CoreState, leading: Leading): void {
  const { peers } = state.memberships.members;
  for (const id of leading.progress.keys()) if (!peers.includes(id)) leading.progress.delete(id);
  for (const id of peers) {
    if (leading.progress.has(id)) continue;
    leading.progress.set(id, new Progress(id, state.log.lastIndex, state.now));
  }
}

/** Appends, persists and sends at once: the write and the network run in parallel (thesis 10.2.1). */
export function appendOwn(
  state: CoreState,
  leading: Leading,
  entries: readonly Entry[],
  bytes: number,
): void {
  const { revision } = state.memberships;
  appendToLog(state, entries);
  if (state.memberships.revision !== revision) syncProgress(state, leading);
  persistEntries(state, entries, null);
  leading.uncommitted.push({ end: state.log.lastIndex, bytes });
  leading.uncommittedBytes += bytes;
  replicateToAll(state, leading);
}

/** A round of heartbeats; also confirms the reads that wait for one. */
export function heartbeat(state: CoreState, leading: Leading): void {
  updateFloor(state, leading);
  const { term, commit, compaction } = state;
  leading.heartbeatAt = state.now + state.config.heartbeat;
  const round = ++leading.round;
  readRoundBegins(state, leading);
  const message = { kind: 'heartbeat', term, commit, floor: compaction.floor, round } as const;
  for (const peer of leading.progress.values()) {
    peer.roundBegan(round);
    send(state, peer.id, message);
  }
  compactIfDue(state);
  confirmReads(state, leading);
}

/** The latest instant at which a majority had been heard, this node included. */
export function quorumHeardAt(state: CoreState, leading: Leading): number {
  return quorumHeardAtOf(state, leading, state.memberships.members.sets);
}

export function quorumHeardAtOf(state: CoreState, leading: Leading, sets: VoterSets): number {
  const { config, now } = state;
  const heardAt = (id: NodeId): number => {
    const peer = leading.progress.get(id);
    return peer === undefined || peer.regressed ? -Infinity : peer.contactAt;
  };
  return quorumValue(sets, (id) => (id === config.id ? now : heardAt(id)));
}

export function leaderTick(state: CoreState, leading: Leading): void {
  if (!checkQuorum(state, leading)) return;
  // A leader whose disk is stuck would keep its followers quiet and commit nothing, for ever (pitfall L17).
  if (diskStalled(state)) {
    handOverAtOnce(state, leading);
    becomeFollower(state, state.term, null);
    return;
  }
  if (!mayStay(state) && !leaveOffice(state, leading)) return;
  considerSuccession(state, leading);
  reportBehind(state, leading);
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

/** Every message of the leader's own term shows that its sender is alive. */
function contact(state: CoreState, leading: Leading, from: NodeId): Progress | undefined {
  const peer = leading.progress.get(from);
  peer?.heard(state.now, state.config.electionMin);
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
  peer.ready = reply.ready;
  peer.mayLead = reply.mayLead;
  const acknowledged = peer.roundAnswered(reply.round, reply.durable);
  if (acknowledged !== null) {
    const event = { kind: 'matchRegressed', peer: from, from: acknowledged, to: reply.durable } as const;
    state.out.push({ kind: 'event', event });
  }
  if (peer.state === 'probe') {
    if (peer.probeOvertaken()) replicate(state, leading, peer);
  } else if (!peer.regressed && !peer.acknowledged && Math.min(reply.matched, peer.match) < peer.next - 1) {
    // Silence since the last heartbeat: an append or its answer may be lost, so ask behind what was sent.
    sendProbe(state, leading, peer);
  }
  peer.acknowledged = false;
  confirmReads(state, leading);
  tendLearner(state, leading, peer);
}

export function onAppendOk(state: CoreState, leading: Leading, from: NodeId, reply: AppendOk): void {
  const peer = contact(state, leading, from);
  if (peer === undefined) return;
  assert(reply.match <= state.log.lastIndex, 'no peer matches more than the leader has');
  const news = peer.acknowledge(reply.match);
  const committed = news && advanceCommit(state, leading);
  replicate(state, leading, peer);
  if (committed) {
    announceCommit(state, leading);
    afterCommit(state, leading);
    // It may have been this node's last act as leader.
    if (state.leading !== leading) return;
  }
  continueTransfer(state, peer);
  tendLearner(state, leading, peer);
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
  if (!advanceCommit(state, leading)) return;
  announceCommit(state, leading);
  afterCommit(state, leading);
}

/**
 * From durable to committed to applied.
 *
 * Invariants: a leader counts only entries of its own term (thesis 3.6.2; pitfall L1), its own disk counts like any
 * other (a match moves on `persisted`, pitfall L16); the commit index never decreases; nothing is applied that is not
 * durable on this node, so that after a crash the state machine is never ahead of the log.
 */

import { logIndex, type Entry, type LogIndex } from '../types.js';
import { assert } from './assert.js';
import { quorumValue } from './quorum.js';
import { send, type CoreState, type Leading } from './state.js';

/**
 * A commit that no append carries on is told after so much of a heartbeat: 5 ms on a LAN. One client in flight appends
 * again within that, and a notice of its own would be a third of all messages.
 */
const NOTICES_A_HEARTBEAT = 10;

/** Payload bytes that one read for the state machine brings into memory. */
const APPLY_READ_BYTES = 1 << 20;

/** Leader: has a majority made more of this term durable? @returns whether the commit index moved */
export function advanceCommit(state: CoreState, leading: Leading): boolean {
  const { config, durability, commit, memberships } = state;
  const reached = quorumValue(memberships.members.sets, (id) =>
    id === config.id ? durability.durable : (leading.progress.get(id)?.countedMatch ?? 0),
  );
  if (reached <= commit || reached < leading.termStart) return false;
  commitTo(state, logIndex(reached));
  releaseUncommitted(leading, state.commit);
  return true;
}

/** Raises the commit index; what lies below it never changes again. */
export function commitTo(state: CoreState, index: LogIndex): void {
  if (index <= state.commit) return;
  assert(index <= state.log.lastIndex, 'nothing is committed that the log does not hold');
  state.commit = index;
  state.memberships.committedTo(index);
}

function releaseUncommitted(leading: Leading, commit: LogIndex): void {
  const { uncommitted } = leading;
  let done = 0;
  for (let first = uncommitted[0]; first !== undefined && first.end <= commit; first = uncommitted[done]) {
    leading.uncommittedBytes -= first.bytes;
    done++;
  }
  if (done > 0) uncommitted.splice(0, done);
}

/** Hands what is committed and durable to the state machine, from memory or by way of the disk. */
export function advanceApplied(state: CoreState): void {
  if (state.applyReading) return;
  const target = Math.min(state.commit, state.durability.durable);
  const { log } = state;
  // Trimmed beyond a state machine that lost its state: only a snapshot helps, and nothing is applied before.
  if (state.applied + 1 < log.firstIndex) return;
  if (state.applied < target) {
    const from = logIndex(state.applied + 1);
    if (from >= log.cacheFirst) {
      apply(state, log.slice(from, target, Infinity));
    } else {
      state.applyReading = true;
      const to = logIndex(Math.min(target, log.cacheFirst - 1));
      const purpose = { for: 'apply' } as const;
      state.out.push({ kind: 'readEntries', purpose, from, to, maxBytes: APPLY_READ_BYTES });
    }
  }
  evict(state);
}

export function entriesReadToApply(state: CoreState, entries: readonly Entry[]): void {
  state.applyReading = false;
  assert(entries[0]?.index === state.applied + 1, 'what is read to be applied follows what was applied');
  apply(state, entries);
  advanceApplied(state);
}

function apply(state: CoreState, entries: readonly Entry[]): void {
  const last = entries.at(-1);
  assert(last !== undefined && last.index <= state.commit, 'only committed entries are applied');
  state.applied = last.index;
  state.out.push({ kind: 'apply', entries });
  state.requests.applied(last.index, state.log, state.leader, state.out);
  state.reads.applied(last.index, state.out);
}

/** Forgets payloads that nobody here needs soon; a peer that lags further has them read from disk. */
function evict(state: CoreState): void {
  const { log, leading, config, applied } = state;
  let everywhere: number = applied;
  if (leading !== null) {
    for (const peer of leading.progress.values()) if (peer.match < everywhere) everywhere = peer.match;
  }
  log.evictTo(everywhere, 0);
  log.evictTo(applied, config.maxCacheBytes);
}

/**
 * Leader, after the commit index moved: a peer whose forwarded proposal waits for it is told at once; the others when
 * the next append goes out, or by a notice if none does soon.
 */
export function announceCommit(state: CoreState, leading: Leading): void {
  for (const peer of leading.progress.values()) {
    if (peer.commitSent >= state.commit) continue;
    if (peer.forwardedUpTo > peer.commitSent) {
      peer.commitSent = state.commit;
      send(state, peer.id, { kind: 'commitNotice', term: state.term, commit: state.commit });
    } else if (leading.commitNoticeAt === Infinity) {
      leading.commitNoticeAt = state.now + state.config.heartbeat / NOTICES_A_HEARTBEAT;
    }
  }
}

export function sendCommitNotices(state: CoreState, leading: Leading): void {
  leading.commitNoticeAt = Infinity;
  const notice = { kind: 'commitNotice', term: state.term, commit: state.commit } as const;
  for (const peer of leading.progress.values()) {
    if (peer.commitSent >= state.commit) continue;
    peer.commitSent = state.commit;
    send(state, peer.id, notice);
  }
}

/**
 * The one mutable record of a participant, and the few ways in which every other file changes it: send, persist,
 * change role. Everything that `step` depends on is in here, seeded generator and time included, so that the same
 * inputs always give the same effects.
 *
 * Invariants: term never decreases; the vote changes only when the term does, or from null (pitfall E3);
 * applied ≤ commit ≤ last.
 */

import type { MembershipAt } from '../membership.js';
import {
  logIndex,
  type Entry,
  type HardState,
  type Incarnation,
  type LogIndex,
  type NodeId,
  type Term,
} from '../types.js';
import { assert } from './assert.js';
import { Compaction } from './compaction.js';
import { checkConfig, type CoreConfig, type Nanos } from './config.js';
import { Durability } from './durability.js';
import type { Effect, PersistSeq } from './effects.js';
import { RaftLog, type LogOutline } from './log.js';
import type { Append, Message } from './messages.js';
import { Prng } from './prng.js';
import { MembershipLog } from './membership-log.js';
import type { Members } from './members.js';
import type { Progress } from './progress.js';
import { Reads } from './reads.js';
import { Requests } from './requests.js';

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** What a follower knows about the leader of its term; forgotten when the term changes. */
export interface Following {
  /** Highest index known to equal this leader's log, durable or not. */
  matched: LogIndex;
  /** Highest index acknowledged to it. */
  acknowledged: LogIndex;
  /** An append was accepted whose durable extent has not been acknowledged. */
  ackDue: boolean;
  contactAt: Nanos;
  /** The connection to the leader was lost: votes no longer stick to it. */
  suspected: boolean;
}

/** What only a leader has; made new at every election won. */
export interface Leading {
  readonly progress: Map<NodeId, Progress>;
  /** Index of the noop that opened the term: only from here on does counting commit (thesis 3.6.2). */
  readonly termStart: LogIndex;
  heartbeatAt: Nanos;
  /** Of the last heartbeat. */
  round: number;
  /** A voter of a higher priority is not handed over to before. */
  succeedAt: Nanos;
  /** When followers are told of a commit that no append has carried to them; Infinity if there is none. */
  commitNoticeAt: Nanos;
  /** Check-quorum, first step: no majority was heard for electionMin, so nothing new is accepted. */
  quorumLost: boolean;
  /** After a stall of this process, silence counts only from here on. */
  quorumGraceUntil: Nanos;
  /** Appended and not committed, oldest first, and the sum of their payload bytes. */
  readonly uncommitted: { readonly end: LogIndex; readonly bytes: number }[];
  uncommittedBytes: number;
  /** The last append built: peers at the same place get the same object, which is then encoded once. */
  lastAppend: Append | null;
}

/** Leadership on its way to another node. Outlives the step-down, until its outcome is seen. */
export interface Transfer {
  readonly target: NodeId;
  readonly deadline: Nanos;
  sent: boolean;
  readonly requests: number[];
}

/** A membership change that a caller on this node waits for. */
export interface Change {
  readonly request: number;
  readonly term: Term;
  /** The entry that finishes it, once appended. */
  index: LogIndex | null;
}

export interface CoreState {
  readonly config: CoreConfig;
  readonly memberships: MembershipLog;
  readonly reads: Reads;
  readonly prng: Prng;
  readonly log: RaftLog;
  readonly durability: Durability;
  readonly requests: Requests;
  readonly compaction: Compaction;
  /** Never decreases. */
  now: Nanos;
  role: Role;
  term: Term;
  vote: NodeId | null;
  leader: NodeId | null;
  commit: LogIndex;
  /** Highest index handed to apply. */
  applied: LogIndex;
  /** Entries to apply are on their way from the disk. */
  applyReading: boolean;
  /** The last persist that carried a term or vote: what depends on those waits for it. */
  termSeq: PersistSeq;
  electionAt: Nanos;
  mayLead: boolean;
  ready: boolean;
  following: Following;
  leading: Leading | null;
  transfer: Transfer | null;
  change: Change | null;
  /** Answers of the running (pre-)election, by voter. */
  votes: Map<NodeId, boolean>;
  /** The incarnations that gave them. */
  votedAs: Map<NodeId, Incarnation>;
  /** Effects of the running step. */
  out: Effect[];
}

/** What is found on disk, and where the state machine stands. */
export interface CoreImage extends LogOutline {
  readonly hardState: HardState;
  readonly lastEntry: Entry | null;
  readonly appliedIndex: LogIndex;
  /** Membership of the entries before those of which `laterMemberships` tells. */
  readonly membership: MembershipAt;
  readonly laterMemberships: readonly MembershipAt[];
}

export function createCore(config: CoreConfig, image: CoreImage, now: Nanos): CoreState {
  checkConfig(config);
  assert(image.appliedIndex <= image.lastIndex, 'nothing was applied that the log does not hold');
  assert(image.hardState.commit <= image.lastIndex, 'nothing was committed that the log does not hold');
  const log = new RaftLog(image, image.lastEntry);
  assert(log.lastTerm <= image.hardState.term, 'no entry is newer than the term');
  const prng = new Prng(config.seed);
  const { membership, laterMemberships } = image;
  const memberships = new MembershipLog(membership, laterMemberships, config.id, config.incarnation);
  memberships.committedTo(logIndex(Math.max(image.hardState.commit, image.appliedIndex)));
  return {
    config,
    memberships,
    reads: new Reads(prng, now),
    prng,
    log,
    durability: new Durability(image.lastIndex),
    requests: new Requests(image.hardState.term, prng, now),
    compaction: new Compaction(config.compaction, log.base.index, log.lastIndex, now),
    now,
    role: 'follower',
    term: image.hardState.term,
    vote: image.hardState.vote,
    leader: null,
    commit: logIndex(Math.max(image.hardState.commit, image.appliedIndex, log.base.index)),
    applied: image.appliedIndex,
    applyReading: false,
    termSeq: 0,
    electionAt: now + electionDelay(config, memberships.members, prng),
    mayLead: true,
    ready: true,
    following: newFollowing(now),
    leading: null,
    transfer: null,
    change: null,
    votes: new Map(),
    votedAs: new Map(),
    out: [],
  };
}

export function clearVotes(state: CoreState): void {
  state.votes.clear();
  state.votedAs.clear();
}

/** A new term: nothing is known of its leader's log yet. */
export function newFollowing(now: Nanos): Following {
  return { matched: logIndex(0), acknowledged: logIndex(0), ackDue: false, contactAt: now, suspected: false };
}

/** @param after the persist that must have completed before; 0 for what asserts nothing durable */
export function send(state: CoreState, to: NodeId, message: Message, after: PersistSeq = 0): void {
  state.out.push({ kind: 'send', to, message, after });
}

/** Persists term and vote. The returned sequence gates everything that asserts them. */
export function persistHardState(state: CoreState): PersistSeq {
  const seq = state.durability.issue(state.log.lastIndex, state.now);
  state.termSeq = seq;
  state.out.push({ kind: 'persist', seq, batch: { hardState: hardStateOf(state), entries: [] } });
  return seq;
}

/** Persists entries already in the log; term, vote and commit ride along in the same atomic batch (pitfall L6). */
export function persistEntries(
  state: CoreState,
  entries: readonly Entry[],
  truncateFrom: LogIndex | null,
): void {
  state.compaction.appended(entries);
  const seq = state.durability.issue(state.log.lastIndex, state.now);
  const hardState = hardStateOf(state);
  state.out.push({
    kind: 'persist',
    seq,
    batch: truncateFrom === null ? { hardState, entries } : { hardState, truncateFrom, entries },
  });
}

function hardStateOf(state: CoreState): HardState {
  return { term: state.term, vote: state.vote, commit: state.commit };
}

/** A write that has waited for an election timeout: this node could neither lead nor vote. */
export function diskStalled(state: CoreState): boolean {
  const since = state.durability.waitingSince;
  return since !== null && state.now - since >= state.config.electionMax;
}

export function resetElectionTimer(state: CoreState): void {
  state.electionAt = state.now + electionDelay(state.config, state.memberships.members, state.prng);
}

/** A witness leaves full voters a whole round of elections before it campaigns to bring one of them up to date. */
function electionDelay({ electionMin, electionMax }: CoreConfig, members: Members, prng: Prng): Nanos {
  return prng.between(electionMin, electionMax) + (members.standing === 'witness' ? electionMax : 0);
}

/** Adds entries to the log; a membership among them is in effect from here on. */
export function appendToLog(state: CoreState, entries: readonly Entry[]): void {
  state.log.append(entries);
  state.memberships.appended(entries);
}

/** Removes `index` and all that follows; an earlier membership may come back into effect. */
export function truncateLog(state: CoreState, index: LogIndex): void {
  state.log.truncateFrom(index);
  state.durability.truncatedFrom(index);
  state.memberships.truncatedFrom(index);
}

/**
 * Follows in `term`, which is the current one or newer. A newer term clears the vote and is persisted; in the same
 * term the vote stays: a second one would elect two leaders (pitfall E3).
 */
export function becomeFollower(state: CoreState, term: Term, leader: NodeId | null): void {
  assert(term >= state.term, 'the term never decreases');
  const newTerm = term > state.term;
  if (newTerm || state.role !== 'follower' || state.leader !== leader) {
    if (newTerm || state.role === 'leader') {
      const contactAt = state.following.contactAt;
      state.following = newFollowing(contactAt);
    }
    resetElectionTimer(state);
  }
  state.role = 'follower';
  state.leader = leader;
  state.leading = null;
  clearVotes(state);
  if (newTerm) {
    state.term = term;
    state.vote = null;
    persistHardState(state);
  }
}

/** The leader of this term was heard: the election timer starts again and votes stick to it. */
export function noteLeader(state: CoreState, leader: NodeId): void {
  assert(state.role !== 'leader', 'a term has one leader');
  assert(state.leader === null || state.leader === leader, 'a follower hears one leader a term');
  if (state.leader === null || state.role !== 'follower') becomeFollower(state, state.term, leader);
  state.following.contactAt = state.now;
  state.following.suspected = false;
  resetElectionTimer(state);
}

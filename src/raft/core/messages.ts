/**
 * What nodes say to each other. The sender and the cluster travel in the envelope (../codec.ts). No message names its
 * receiver, so that one encoding serves all of them. `term` is the sender's term unless said otherwise.
 */

import type { Entry, LogIndex, NodeId, Term } from '../types.js';

/** "Would you vote for me in `term`?" Asked before the term is raised, so that a lone node disturbs nobody. */
export interface PreVote {
  readonly kind: 'preVote';
  /** The term that the sender would campaign in: its own plus one. */
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

export interface PreVoteReply {
  readonly kind: 'preVoteReply';
  /** Granted: the term asked about. Refused: the answerer's own term, which the asker adopts if it is newer. */
  readonly term: Term;
  readonly granted: boolean;
}

export interface Vote {
  readonly kind: 'vote';
  readonly term: Term;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** The leader asked for this election: voters do not stick to it. */
  readonly transfer: boolean;
}

export interface VoteReply {
  readonly kind: 'voteReply';
  readonly term: Term;
  readonly granted: boolean;
}

export interface Append {
  readonly kind: 'append';
  readonly term: Term;
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commit: LogIndex;
  /** Contiguous from prevIndex + 1; empty to probe. */
  readonly entries: readonly Entry[];
}

/** "Everything up to `match` equals your log and is on my disk." */
export interface AppendOk {
  readonly kind: 'appendOk';
  readonly term: Term;
  readonly match: LogIndex;
}

/** "I have no such entry at `rejected`; my log can agree with yours at (hintIndex, hintTerm) at the latest." */
export interface AppendReject {
  readonly kind: 'appendReject';
  readonly term: Term;
  readonly rejected: LogIndex;
  readonly hintIndex: LogIndex;
  readonly hintTerm: Term;
}

/** Liveness, apart from the appends so that it never waits behind them or behind a disk. */
export interface Heartbeat {
  readonly kind: 'heartbeat';
  readonly term: Term;
  readonly commit: LogIndex;
  /** Up to here a majority of complete ledgers holds everything durably: logs may be trimmed (./compaction.ts). */
  readonly floor: LogIndex;
  /** Counts the heartbeats of this leader in this term, from 1: an answer proves what held after it began. */
  readonly round: number;
}

export interface HeartbeatReply {
  readonly kind: 'heartbeatReply';
  readonly term: Term;
  /** Highest index known to equal this leader's log, durable or not; shows the leader what was lost on the way. */
  readonly matched: LogIndex;
  /** The sender's complete ledger holds everything up to here durably; 0 while records are missing in it. */
  readonly synced: LogIndex;
  /** The round answered; 0 in an answer to something else. */
  readonly round: number;
  /** Last index of the log that is on this node's disk, whether it equals the leader's or not. */
  readonly durable: LogIndex;
  /** This node's copy of what it must hold is complete and verified. */
  readonly ready: boolean;
  /** It would lead if it were asked to. */
  readonly mayLead: boolean;
}

/** A commit index that no append came to carry. Not answered. */
export interface CommitNotice {
  readonly kind: 'commitNotice';
  readonly term: Term;
  readonly commit: LogIndex;
}

/** "What you lack is no longer in my log: take a snapshot from any peer." Sent in place of a probe. */
export interface SnapshotNeeded {
  readonly kind: 'snapshotNeeded';
  readonly term: Term;
  /** The sender's log begins here. */
  readonly firstIndex: LogIndex;
}

/** "Campaign now": the leader hands over. */
export interface TimeoutNow {
  readonly kind: 'timeoutNow';
  readonly term: Term;
}

/** A follower's proposals on their way to the leader of `term`; taken by nobody else. */
export interface Forward {
  readonly kind: 'forward';
  readonly term: Term;
  /** Never repeated by its sender, not even after a restart. */
  readonly request: number;
  readonly payloads: readonly Uint8Array[];
}

export interface ForwardReply {
  readonly kind: 'forwardReply';
  /** Accepted: the term of the entries. */
  readonly term: Term;
  readonly request: number;
  readonly status: 'accepted' | 'notLeader' | 'overloaded';
  /** Accepted: index of the batch's last entry, which may still be lost; else 0. */
  readonly index: LogIndex;
  readonly leader: NodeId | null;
}

/** A follower's reads: up to where must it have applied? */
export interface ReadRequest {
  readonly kind: 'readRequest';
  readonly term: Term;
  /** Never repeated by its sender, not even after a restart. */
  readonly request: number;
}

export interface ReadReply {
  readonly kind: 'readReply';
  readonly term: Term;
  readonly request: number;
  /** Everything committed before the request was sent lies at or below; null: this node cannot say. */
  readonly index: LogIndex | null;
}

export type Message =
  | PreVote
  | PreVoteReply
  | Vote
  | VoteReply
  | Append
  | AppendOk
  | AppendReject
  | Heartbeat
  | HeartbeatReply
  | CommitNotice
  | SnapshotNeeded
  | TimeoutNow
  | Forward
  | ForwardReply
  | ReadRequest
  | ReadReply;

export type MessageKind = Message['kind'];

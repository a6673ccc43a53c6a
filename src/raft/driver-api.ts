/** The public face of one consensus participant. Implemented by ./driver.ts; used by src/node. */

import type { DurNs, MonoNs, Timers } from '../time/types.js';
import type { RaftLogStore } from './storage.js';
import type { PeerTransport } from './transport.js';
import type { Entry, LogIndex, NodeId, Term, Voter } from './types.js';

/** Timer profiles. Safety never depends on any of these. */
export interface TimingProfile {
  readonly heartbeat: DurNs;
  /** An election starts after a random time in [electionMin, electionMax] without a leader. */
  readonly electionMin: DurNs;
  readonly electionMax: DurNs;
}

export interface RaftLimits {
  /** Payload bytes proposed but not committed, beyond which proposals are refused as overloaded. */
  readonly maxUncommittedBytes: number;
  /** Payload bytes in one append message. */
  readonly maxAppendBytes: number;
  /** Append messages to one peer not yet acknowledged. Default 64. */
  readonly maxInflightAppends?: number;
  /** Payload bytes to one peer not yet acknowledged. Default 8 MiB. */
  readonly maxInflightBytes?: number;
  /** Memory for applied entries that a lagging follower may still ask for. Default 16 MiB. */
  readonly maxCacheBytes?: number;
}

export type ProposeResult =
  /** Committed, and applied on this node. */
  | { readonly status: 'applied'; readonly index: LogIndex }
  /** Certainly not committed, no part of it; ask the leader, if known. */
  | { readonly status: 'notLeader'; readonly leader: NodeId | null }
  /** Certainly not committed; try again later. */
  | { readonly status: 'overloaded' }
  /** The leader changed or a message was lost: the entry may or may not commit. */
  | { readonly status: 'unknown' };

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader';
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Leader only: highest durable index known per peer. */
  readonly peers: readonly {
    readonly id: NodeId;
    readonly match: LogIndex;
    readonly recentlyActive: boolean;
  }[];
}

export interface RaftOptions {
  readonly id: NodeId;
  /** Messages of another cluster have no effect. */
  readonly clusterId: string;
  readonly voters: readonly Voter[];
  readonly store: RaftLogStore;
  readonly transport: PeerTransport;
  readonly timers: Timers;
  readonly mono: () => MonoNs;
  /** Seeds the election jitter. */
  readonly seed: number;
  readonly timing: TimingProfile;
  readonly limits: RaftLimits;
  /** The last entry that the state machine has already applied durably; apply resumes after it. */
  readonly appliedIndex: LogIndex;
  /** Cluster time for an entry about to be appended by this node as leader, or null while its clock may not say. */
  readonly stamp: (previous: bigint) => bigint | null;
  /** Committed entries in order, each exactly once after `appliedIndex`. Synchronous; throwing ends the process. */
  readonly apply: (entries: readonly Entry[]) => void;
  /** False while this node may not lead (ledger diverged, shutting down). Asked before candidacy and while leading. */
  readonly mayLead: () => boolean;
  readonly onEvent: (event: RaftEvent) => void;
  /**
   * Storage failed, or an invariant broke: called once, after what was outstanding was answered `unknown`. Nothing is
   * acknowledged, sent or applied any more. The host ends the process.
   */
  readonly onFatal: (error: Error) => void;
}

export type RaftEvent =
  | {
      readonly kind: 'role';
      readonly role: RaftStatus['role'];
      readonly term: Term;
      readonly leader: NodeId | null;
    }
  | { readonly kind: 'quorumLost'; readonly term: Term }
  | { readonly kind: 'persisted'; readonly entries: number; readonly durationNs: bigint };

export interface Raft {
  /** Loads the log and starts timers; `ready` runs when the node takes part. */
  start(ready: () => void): void;
  /**
   * Proposes commands as consecutive entries of one batch; a follower forwards to the leader. `done` runs exactly
   * once, for the whole batch, with the index of its last entry, and never before `propose` has returned. At least
   * one payload.
   */
  propose(payloads: readonly Uint8Array[], done: (result: ProposeResult) => void): void;
  /** Hands leadership over before shutdown; `done(false)` when nobody could take it in time. */
  transferLeadership(done: (transferred: boolean) => void): void;
  status(): RaftStatus;
  stop(): void;
}

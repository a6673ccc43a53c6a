/** The public face of one consensus participant. Implemented by ./driver.ts; used by src/node. */

import type { DurNs, MonoNs, Timers } from '../time/types.js';
import type { Membership, MembershipAt, MembershipTarget } from './membership.js';
import type { LogBase, RaftLogStore } from './storage.js';
import type { PeerTransport } from './transport.js';
import type { Entry, Incarnation, LogIndex, NodeId, Term } from './types.js';

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
  /** Entries at the log's end that are never trimmed. Default 10,240. */
  readonly trailingEntries?: number;
  /** Trim when this many bytes of entries can go. Default 64 MiB. */
  readonly trimBytes?: number;
  /** Trim when anything can go and this long has passed. Default one hour. Unit: ns. */
  readonly trimIntervalNs?: number;
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

/** What became of a membership change. */
export type ChangeResult =
  /** The new membership stands: its entry, the last of the change, is committed and applied on this node. */
  | { readonly status: 'applied'; readonly index: LogIndex }
  /** Ask the leader, if known. Nothing was changed. */
  | { readonly status: 'notLeader'; readonly leader: NodeId | null }
  /** Nothing was changed. */
  | { readonly status: 'refused'; readonly reason: ChangeRefusal; readonly problem: string }
  /** Leadership moved meanwhile: look at `membership()` when there is a leader again. */
  | { readonly status: 'unknown' };

export type ChangeRefusal =
  /** Another change is not finished. Try again. */
  | 'changeUnderWay'
  /** The leader has not committed an entry of its own term yet, or is about to hand over. Try again. */
  | 'notYet'
  /** The target is not a membership that may follow this one; `problem` says why. */
  | 'illegal'
  /** No majority of the voters to be is heard: the change could not be finished. */
  | 'noQuorum'
  /** A voter to be is not caught up: let it be a staging learner, which the leader makes a voter by itself. */
  | 'notCaughtUp';

export type ReadResult =
  /** This node has applied everything that was committed when the read began: read the state machine here, now. */
  | { readonly status: 'ready'; readonly index: LogIndex }
  | { readonly status: 'notLeader'; readonly leader: NodeId | null }
  /** Too many reads wait. */
  | { readonly status: 'overloaded' }
  /** No quorum confirmed the leader in time. */
  | { readonly status: 'unknown' };

export interface MembershipStatus {
  /** Entry of the membership in effect, which is the last one in the log; 0 for that of the genesis document. */
  readonly index: LogIndex;
  /** False while it may still be rolled back. */
  readonly committed: boolean;
  readonly membership: Membership;
  /** The last one known to be committed. */
  readonly stable: MembershipAt;
}

/** How a participant takes part. */
export type Standing =
  | 'voter'
  | 'witness'
  | 'staging'
  | 'standby'
  /** Not in the membership, or only in another incarnation. */
  | 'outside';

export interface RaftStatus {
  readonly id: NodeId;
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader';
  readonly term: Term;
  readonly leader: NodeId | null;
  readonly commitIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly standing: Standing;
  /** Leader only: highest durable index known per peer. */
  readonly peers: readonly {
    readonly id: NodeId;
    readonly match: LogIndex;
    readonly recentlyActive: boolean;
    readonly standing: Standing;
    /** Its durable log became shorter within this term: it no longer counts, and has to be replaced. */
    readonly regressed: boolean;
    /** Learners: the last round of catching up was shorter than an election timeout. */
    readonly caughtUp: boolean;
  }[];
}

/**
 * What the host knows at start: the membership after entry `asOf`, from the last `config` entry that `apply` delivered
 * (`index`), or from the genesis document (index 0). The driver reads the log from `asOf` on for later ones, so `asOf`
 * should be the applied index; it is never above it, and never below what the log still has.
 */
export interface KnownMembership extends MembershipAt {
  readonly asOf: LogIndex;
}

export interface RaftOptions {
  readonly id: NodeId;
  /** Messages of another cluster have no effect. */
  readonly clusterId: string;
  /** Of this node's data directory. */
  readonly incarnation: Incarnation;
  readonly membership: KnownMembership;
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
  /**
   * The base of the snapshot from which the state machine was last installed, or null. If the log does not hold that
   * entry, it is begun anew behind it: a crash between the two installations is made good by the next start.
   */
  readonly installed?: LogBase | null;
  /** Cluster time for an entry about to be appended by this node as leader, or null while its clock may not say. */
  readonly stamp: (previous: bigint) => bigint | null;
  /**
   * Asked at heartbeats; what it says reaches the leader. A staging learner becomes a voter only once it says true: its
   * copy of everything that it must hold is complete and verified. Default: true.
   */
  readonly learnerReady?: () => boolean;
  /** Committed entries (`config` ones too, see `decodeMembership`) in order, each exactly once after `appliedIndex`. Synchronous; throwing ends the process. */
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
  /** The membership in effect changed: appended, rolled back, or now committed. */
  | { readonly kind: 'membership'; readonly status: MembershipStatus }
  /** Leader: a voter's durable log became shorter than what it had acknowledged in this term. */
  | { readonly kind: 'matchRegressed'; readonly peer: NodeId; readonly from: LogIndex; readonly to: LogIndex }
  /** Leader: a staging learner does not catch up; told once for every ten rounds, or spans without progress. */
  | {
      readonly kind: 'learnerBehind';
      readonly peer: NodeId;
      readonly rounds: number;
      readonly match: LogIndex;
      readonly lastIndex: LogIndex;
    }
  /**
   * The log from here on does not reach down to what this node has applied: its own log was trimmed beyond a ledger that
   * was lost (told once, at start), or the leader's was (repeated, about once a heartbeat). A snapshot must be installed.
   */
  | { readonly kind: 'snapshotNeeded'; readonly firstIndex: LogIndex }
  /** This node gave up the front of its log. */
  | { readonly kind: 'compacted'; readonly firstIndex: LogIndex; readonly durationNs: bigint }
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
  /**
   * Hands leadership to `target`, or with null to the best voter there is; `done(false)` when the target may not lead,
   * is not heard, or did not take over within an election timeout.
   */
  transferLeadership(target: NodeId | null, done: (transferred: boolean) => void): void;
  membership(): MembershipStatus;
  /** Leader only. `done` runs exactly once, when the change is finished (joint consensus is left) or refused. */
  changeMembership(target: MembershipTarget, done: (result: ChangeResult) => void): void;
  /**
   * A linearizable read (thesis 6.4): `done` runs once, with `ready` when this node has applied all that was committed
   * anywhere when it was called. A follower asks the leader.
   */
  readIndex(done: (result: ReadResult) => void): void;
  status(): RaftStatus;
  /**
   * How far this node's ledger is durable (`synced`, an applied entry; never goes back within a life), and whether it
   * holds every record since the birth. The log is trimmed no further.
   */
  ledgerPosition(synced: LogIndex, complete: boolean): void;
  stop(): void;
}

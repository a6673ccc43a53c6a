/**
 * The two sides of `step`: what can happen to a node, and what it then asks of the world. Effects are data, in order;
 * the driver carries them out and never decides anything.
 */

import type { ChangeResult, ProposeResult, RaftEvent, ReadResult } from '../driver-api.js';
import type { MembershipTarget } from '../membership.js';
import type { LogBatch } from '../storage.js';
import type { Entry, Incarnation, LogIndex, NodeId, Term } from '../types.js';
import type { Message } from './messages.js';

/** Grows by one with every persist effect; 0 means "nothing to wait for". Completions come in order. */
export type PersistSeq = number;

/** One caller's batch, or one that a follower forwarded. */
export type Proposal =
  | { readonly from: 'local'; readonly request: number; readonly payloads: readonly Uint8Array[] }
  | {
      readonly from: 'peer';
      readonly peer: NodeId;
      readonly incarnation: Incarnation;
      readonly term: Term;
      readonly request: number;
      readonly payloads: readonly Uint8Array[];
    };

export type ReadPurpose = { readonly for: 'apply' } | { readonly for: 'peer'; readonly peer: NodeId };

export type Input =
  /** The first of all: what was committed before the restart goes to the state machine. */
  | { readonly kind: 'start' }
  /** Time passed. `stalled`: this process itself slept, so silence proves nothing about the others. */
  | { readonly kind: 'tick'; readonly stalled: boolean }
  | {
      readonly kind: 'message';
      readonly from: NodeId;
      readonly incarnation: Incarnation;
      readonly message: Message;
    }
  /** `time` is the leader's stamp for all of them, or null while its clock may not say. */
  | { readonly kind: 'propose'; readonly proposals: readonly Proposal[]; readonly time: bigint | null }
  /** Everything up to this persist effect is durable. */
  | { readonly kind: 'persisted'; readonly seq: PersistSeq }
  | {
      readonly kind: 'entriesRead';
      readonly purpose: ReadPurpose;
      readonly from: LogIndex;
      readonly entries: readonly Entry[];
    }
  /** How far the host's ledger is durable, and whether it holds every record since the birth. */
  | { readonly kind: 'ledger'; readonly synced: LogIndex; readonly complete: boolean }
  /** The store has given up what `compact` named. */
  | { readonly kind: 'compacted' }
  | { readonly kind: 'transfer'; readonly request: number; readonly target: NodeId | null }
  | { readonly kind: 'changeMembership'; readonly request: number; readonly target: MembershipTarget }
  /** Reads that arrived together. */
  | { readonly kind: 'read'; readonly requests: readonly number[] }
  | { readonly kind: 'peerLost'; readonly peer: NodeId }
  | { readonly kind: 'mayLead'; readonly value: boolean }
  /** What the host says of its own copy, for the leader to know. */
  | { readonly kind: 'ready'; readonly value: boolean };

export type Effect =
  /** To be made durable in order of `seq`; several may be merged into one synced write. */
  | { readonly kind: 'persist'; readonly seq: PersistSeq; readonly batch: LogBatch }
  /** `after`: not before that persist has completed. What asserts a durable fact waits for it here. */
  | { readonly kind: 'send'; readonly to: NodeId; readonly message: Message; readonly after: PersistSeq }
  | {
      readonly kind: 'readEntries';
      readonly purpose: ReadPurpose;
      readonly from: LogIndex;
      readonly to: LogIndex;
      readonly maxBytes: number;
    }
  /** Nothing up to here is read any more. */
  | { readonly kind: 'compact'; readonly to: LogIndex }
  /** Committed, durable here, contiguous after the previous one. Applied before the next effect is carried out. */
  | { readonly kind: 'apply'; readonly entries: readonly Entry[] }
  | { readonly kind: 'answer'; readonly request: number; readonly result: ProposeResult }
  | { readonly kind: 'changed'; readonly request: number; readonly result: ChangeResult }
  | { readonly kind: 'read'; readonly requests: readonly number[]; readonly result: ReadResult }
  | { readonly kind: 'transferred'; readonly request: number; readonly transferred: boolean }
  | { readonly kind: 'event'; readonly event: RaftEvent };

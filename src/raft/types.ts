/** The vocabulary of consensus, shared by the pure core, the driver and those who implement its doors. */

declare const brand: unique symbol;

/** A name that is never reused: 1–63 characters of a–z, 0–9 and '-'. */
export type NodeId = string & { readonly [brand]: 'NodeId' };
/** Raft term, 0 … 2^53−1. */
export type Term = number & { readonly [brand]: 'Term' };
/** Raft log index; the first entry is 1, 0 means "before the log". */
export type LogIndex = number & { readonly [brand]: 'LogIndex' };

/**
 * One life of a node's data directory: 32 lower-case hexadecimal digits, drawn at random when the directory was made.
 * Name and incarnation together are a participant; the same name on an emptied disk is another one.
 */
export type Incarnation = string & { readonly [brand]: 'Incarnation' };

export const nodeId = (value: string): NodeId => value as NodeId;
export const term = (value: number): Term => value as Term;
export const incarnation = (value: string): Incarnation => value as Incarnation;
export const logIndex = (value: number): LogIndex => value as LogIndex;

/**
 * `command` carries opaque bytes of the state machine; `noop` opens a leader's term; `config` is a membership
 * change, whose payload only the core reads.
 */
export type EntryKind = 'command' | 'noop' | 'config';

export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  /**
   * Cluster time: TAI ns stamped by the leader when it appended the entry. Never decreases along the log; 0n until
   * the first leader whose clock is synchronised. Opaque to consensus.
   */
  readonly time: bigint;
  readonly payload: Uint8Array;
}

/** What a node must remember across a restart before it may say anything that depends on it. */
export interface HardState {
  readonly term: Term;
  readonly vote: NodeId | null;
  /** A lower bound of the commit index: saves work at restart, never needed for safety. */
  readonly commit: LogIndex;
}

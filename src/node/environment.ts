/**
 * Everything that a whole node needs from the world, injected once. `cmd/taad` gives the real one; the simulator runs
 * whole nodes on a simulated one, under one seed, where the truth about time is known.
 *
 * Nothing here returns a promise: callbacks keep the order of events in the hands of the environment, so that one seed
 * is one world.
 */

import type { LedgerStore, WitnessStore } from '../audit/storage.js';
import type { ClockRelease } from '../authority/acts.js';
import type { RaftLogStore } from '../raft/storage.js';
import type { Lane } from '../raft/transport.js';
import type { ClockReading, MonoNs, Timers } from '../time/types.js';
import type { SignatureVerifier } from '../verify/crypto.js';

/** Records that wait until somebody can commit them. Items come back in the order in which they were appended. */
export interface SpoolStore {
  load(done: (error: Error | null, items?: readonly Uint8Array[]) => void): void;
  /** `done` when it is synced. */
  append(item: Uint8Array, done: (error: Error | null) => void): void;
  clear(done: (error: Error | null) => void): void;
}

export interface NodeStorage {
  readonly log: RaftLogStore;
  readonly ledger: LedgerStore;
  readonly witness: WitnessStore;
  readonly spool: SpoolStore;
  /** The log was found damaged: this node must not take part before it is whole again. Absent: it was found whole. */
  readonly suspect?: SuspectLog | null;
}

export interface SuspectLog {
  /** What was found and what to do, as sentences; begins with the code. */
  readonly message: string;
  /** Null: only a new incarnation can take this node's place. */
  readonly repair: {
    /** Committed entries up to here must be fetched; what the log holds until then is right. */
    readonly until: number;
    finish(done: (error: Error | null) => void): void;
  } | null;
}

/** A node's own keys, one purpose each. `done` may run at once (key file) or later (HSM). */
export interface NodeSigner {
  /** Issuing key: signs time-audit statements. ECDSA P-256/SHA-256, DER signature. */
  issue(message: Uint8Array, done: (error: Error | null, signature?: Uint8Array) => void): void;
  /** Log key: signs checkpoint lines. Ed25519. */
  cosign(message: Uint8Array, done: (error: Error | null, signature?: Uint8Array) => void): void;
}

/** Messages between nodes: consensus and checkpoint lines share the two lanes. Unreliable and unordered. */
export interface PeerNetwork {
  /** Never throws and never blocks; what cannot be sent is dropped. `bytes` must not be changed afterwards. */
  send(to: string, lane: Lane, kind: PeerMessageKind, bytes: Uint8Array): void;
  onMessage(handler: (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void): void;
  /** A connection was lost: a hint, never a proof of death. */
  onPeerLost(handler: (peer: string) => void): void;
  /** Who may connect from now on, and who is dialled. Until the first call it is whoever the configuration names. */
  setDirectory(directory: PeerDirectory): void;
  /** A peer refused this node for a reason of the closed list (src/wire/reasons.ts). */
  onRefused(handler: (peer: string, reason: string) => void): void;
  /** The data directory that a connected peer named; null while it is not connected. */
  incarnationOf(peer: string): Uint8Array | null;
}

export interface PeerDirectory {
  /** Without this node. */
  readonly members: readonly PeerMember[];
  /** Names of those who were members: refused for good. */
  readonly former: readonly string[];
  /** False while this node does not find itself among the members: it then also talks to peers of its configuration. */
  readonly complete: boolean;
}

export interface PeerMember {
  readonly node: string;
  /** host:port; empty if only the configuration says it. */
  readonly address: string;
  /** DER SubjectPublicKeyInfo that its certificate must hold; null: any that the cluster's authority certified. */
  readonly tlsKey: Uint8Array | null;
  /** The data directory that it must name; null while it may come with any. */
  readonly incarnation: Uint8Array | null;
}

/**
 * `raft` and `checkpoint` belong to those rooms; `clock` is a node's own reading, see core/cluster-time.ts; `clockKeys` is
 * for the keys of the clock datagrams, see host/clock-peers.ts; `snapshot` is what a node left behind asks for, core/snapshot-messages.ts.
 */
export type PeerMessageKind = 'raft' | 'checkpoint' | 'clock' | 'clockKeys' | 'snapshot';

/** Something that a person should hear of now: alarms, refusals to serve. The record of it is in the log. */
export interface Notifier {
  notify(notice: {
    readonly severity: 'info' | 'warning' | 'alarm';
    readonly code: string;
    readonly message: string;
  }): void;
}

export interface Environment {
  readonly mono: () => MonoNs;
  /** Unpredictable bytes (seeded in the simulator). */
  readonly random: (length: number) => Uint8Array;
  readonly timers: Timers;
  readonly transport: PeerNetwork;
  readonly storage: NodeStorage;
  readonly signer: NodeSigner;
  readonly verifier: SignatureVerifier;
  readonly clockReading: () => ClockReading;
  /** So many rounds among the clocks of the cluster are wanted at once; the reading counts them. */
  readonly requestPeerRounds: (rounds: number) => void;
  /** An operator's committed release of this node's clock; `number` grows with every one, and each is carried out once. */
  readonly releaseClock: (what: ClockRelease, number: number) => void;
  readonly notifier: Notifier;
}

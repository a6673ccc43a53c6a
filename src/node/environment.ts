/**
 * Everything that a whole node needs from the world, injected once. `cmd/taad` gives the real one; the simulator runs
 * whole nodes on a simulated one, under one seed, where the truth about time is known.
 *
 * Nothing here returns a promise: callbacks keep the order of events in the hands of the environment, so that one seed
 * is one world.
 */

import type { LedgerStore, WitnessStore } from '../audit/storage.js';
import type { RaftLogStore } from '../raft/storage.js';
import type { Lane } from '../raft/transport.js';
import type { ClockReading, MonoNs, Timers } from '../time/types.js';
import type { SignatureVerifier } from '../verify/crypto.js';

export interface NodeStorage {
  readonly log: RaftLogStore;
  readonly ledger: LedgerStore;
  readonly witness: WitnessStore;
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
  readonly notifier: Notifier;
}

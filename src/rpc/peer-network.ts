/**
 * Messages between nodes as src/node's Environment asks for them; structurally the same, because this room does not know
 * that one. Unreliable and unordered: what cannot be sent is dropped, and consensus sends it again.
 */

import type { PeerMessage } from '../wire/peer-message.js';

export type PeerLane = 'control' | 'append' | 'bulk';

export type PeerMessageKind = PeerMessage['kind'];

export interface PeerNetwork {
  /** Never throws and never blocks; what cannot be sent is dropped. `bytes` must not be changed afterwards. */
  send(to: string, lane: PeerLane, kind: PeerMessageKind, bytes: Uint8Array): void;
  onMessage(handler: (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void): void;
  /** A connection was lost: a hint, never a proof of death. */
  onPeerLost(handler: (peer: string) => void): void;
  /** Who may connect from now on, and who is dialled. Until the first call it is whoever the configuration names. */
  setDirectory(directory: PeerDirectory): void;
  /** A peer refused this node for a reason of the closed list. */
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

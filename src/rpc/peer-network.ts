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
}

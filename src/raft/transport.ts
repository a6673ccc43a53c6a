/**
 * What consensus needs from a network: unreliable, unordered delivery of messages to named peers. Lanes, so that a vote
 * or heartbeat never waits behind a large append, nor either behind bulk data, which consensus itself never sends.
 */

import type { NodeId } from './types.js';

export type Lane = 'control' | 'append' | 'bulk';

export interface PeerTransport {
  /** Never throws and never blocks; a message that cannot be sent is dropped. `bytes` must not be changed afterwards. */
  send(to: NodeId, lane: Lane, bytes: Uint8Array): void;
  /** Set once, before start. */
  onMessage(handler: (from: NodeId, bytes: Uint8Array) => void): void;
  /** The connection to a peer was lost: a hint that shortens an election timeout, never a proof of death. */
  onPeerLost(handler: (peer: NodeId) => void): void;
}

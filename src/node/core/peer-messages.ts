/** The one network between nodes, shared by three rooms: each message goes to the room whose kind it carries. */

import type { PeerTransport } from '../../raft/transport.js';
import { nodeId } from '../../raft/types.js';
import type { PeerNetwork } from '../environment.js';

export interface OtherMessages {
  /** Checkpoint lines, for the cosigner. */
  readonly checkpoint: (from: string, bytes: Uint8Array) => void;
  /** A peer's word about the time, for cluster time. */
  readonly clock: (from: string, bytes: Uint8Array) => void;
  /** Snapshots and what they leave out, asked for and given. */
  readonly snapshot: (from: string, bytes: Uint8Array) => void;
}

/** Consensus's share of the network; what is not consensus's goes to `others`. */
export function raftTransport(network: PeerNetwork, others: OtherMessages): PeerTransport {
  return {
    send: (to, lane, bytes) => network.send(to, lane, 'raft', bytes),
    onMessage: (handler) =>
      network.onMessage((from, kind, bytes) => {
        switch (kind) {
          case 'raft':
            handler(nodeId(from), bytes);
            break;
          case 'checkpoint':
            others.checkpoint(from, bytes);
            break;
          case 'clock':
            others.clock(from, bytes);
            break;
          case 'clockKeys':
            // The host's: it takes them out before they come here.
            break;
          case 'snapshot':
            others.snapshot(from, bytes);
            break;
        }
      }),
    onPeerLost: (handler) => network.onPeerLost((peer) => handler(nodeId(peer))),
  };
}

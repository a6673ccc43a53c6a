/**
 * The clock's share of the network between nodes: the keys of the clock datagrams are agreed over it, because it is where
 * nodes are mutually authenticated. What is agreed goes to the clock's thread and nowhere else.
 */

import { PeerKeyAgreement } from '../../clock/index.js';
import type { ClockService } from '../../clock/index.js';
import type { PeerNetwork } from '../environment.js';

export interface ClockPeers {
  /** The network for everything else. */
  readonly network: PeerNetwork;
  close(): void;
}

export function connectClockPeers(
  network: PeerNetwork,
  clock: Pick<ClockService, 'setPeerKeys'>,
  names: { readonly cluster: string; readonly node: string; readonly peers: readonly string[] },
): ClockPeers {
  const agreement = new PeerKeyAgreement({
    ...names,
    send: (to, offer) => network.send(to, 'control', 'clockKeys', offer),
    onKeys: (peer, keys) => clock.setPeerKeys(peer, keys),
  });
  return {
    network: {
      send: (to, lane, kind, bytes) => network.send(to, lane, kind, bytes),
      onMessage: (handler) =>
        network.onMessage((from, kind, bytes) => {
          if (kind === 'clockKeys') agreement.receive(from, bytes);
          else handler(from, kind, bytes);
        }),
      onPeerLost: (handler) => network.onPeerLost(handler),
      setDirectory: (directory) => network.setDirectory(directory),
      onRefused: (handler) => network.onRefused(handler),
      incarnationOf: (peer) => network.incarnationOf(peer),
    },
    close: () => agreement.close(),
  };
}

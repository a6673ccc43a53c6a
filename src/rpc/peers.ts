/**
 * PeerNetwork over gRPC. The receiver dials: each node subscribes to every peer, once a lane, and a message to a peer is
 * written to the stream that this peer opened. Data thus flows from server to client, where grpc-js lets the window be
 * set. Each lane has its own TCP connection: a vote never stands behind an append.
 *
 * The newest subscription of a peer and lane counts; an older one is ended, because its connection is dead or dying.
 */

import { Metadata } from '@grpc/grpc-js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { channelOptions, clientCredentials } from '../pki/tls.js';
import type { TlsMaterial } from '../pki/tls.js';
import { MalformedMessage } from '../wire/malformed.js';
import type { SubscribeRequest__Output } from '../wire/gen/taa/v1/SubscribeRequest.js';
import { encodePeerMessage } from '../wire/peer-message.js';
import type { PeerMessage } from '../wire/peer-message.js';
import type { Caller } from './doors.js';
import { RpcError, statusOf } from './errors.js';
import { laneLimits, LaneQueue } from './lane-queue.js';
import { defaultTiming, PeerSubscription } from './peer-subscription.js';
import type { PeerAddress, SubscriptionTiming } from './peer-subscription.js';
import type { PeerLane, PeerMessageKind, PeerNetwork } from './peer-network.js';

export type { PeerAddress, SubscriptionTiming };

export interface PeerNetworkOptions {
  /** Name of this node. */
  readonly node: string;
  readonly clusterId: string;
  /** SHA-256 of the genesis document: nodes of different births do not talk. */
  readonly genesisHash: Uint8Array;
  /** Names this life of the data directory; 16 bytes. */
  readonly incarnation: Uint8Array;
  /** The other nodes. */
  readonly peers: readonly PeerAddress[];
  readonly tls: TlsMaterial;
  readonly timing?: SubscriptionTiming;
  readonly onEvent?: (event: PeerEvent) => void;
}

export type PeerEvent =
  /** This node now receives from the peer. */
  | { readonly kind: 'opened'; readonly peer: string; readonly lane: PeerLane }
  | {
      readonly kind: 'lost';
      readonly peer: string;
      readonly lane: PeerLane;
      readonly wasOpen: boolean;
      readonly error: RpcError;
    }
  /** The peer now receives from this node. */
  | { readonly kind: 'subscribed'; readonly peer: string; readonly lane: PeerLane };

export interface PeerLaneStatistics {
  readonly peer: string;
  readonly lane: PeerLane;
  /** This node receives from the peer; the peer receives from this node. */
  readonly receiving: boolean;
  readonly sending: boolean;
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  /** Not sent: no subscription, or no room. */
  readonly dropped: number;
  readonly queuedBytes: number;
}

export type SubscribeCall = ServerWritableStream<SubscribeRequest__Output, Buffer | PeerMessage>;

/** The network together with the half that the server of the peer listener calls. */
export interface PeerTransport extends PeerNetwork {
  /** Takes over the stream of an authenticated caller. @throws RpcError when it is not a peer of this cluster */
  accept(call: SubscribeCall, caller: Caller): void;
  /** Begins to dial. Set the handlers before. */
  start(): void;
  /** Ends all streams and dials no more. */
  close(): void;
  statistics(): readonly PeerLaneStatistics[];
}

const lanes: readonly PeerLane[] = ['control', 'append', 'bulk'];

/** One lane towards and from one peer. */
interface Link {
  readonly peer: string;
  readonly lane: PeerLane;
  readonly subscription: PeerSubscription;
  outgoing: { readonly call: SubscribeCall; readonly queue: LaneQueue } | null;
  sentMessages: number;
  sentBytes: number;
  receivedMessages: number;
  receivedBytes: number;
  dropped: number;
}

export function createPeerNetwork(options: PeerNetworkOptions): PeerTransport {
  return new GrpcPeerNetwork(options);
}

class GrpcPeerNetwork implements PeerTransport {
  readonly #options: PeerNetworkOptions;
  readonly #links = new Map<string, Link>();
  #deliver: (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void = () => undefined;
  #peerLost: (peer: string) => void = () => undefined;
  /** The last message encoded: a leader sends the same bytes to every follower. */
  #encoded: { readonly kind: PeerMessageKind; readonly bytes: Uint8Array; readonly message: Buffer } | null =
    null;
  #closed = false;

  constructor(options: PeerNetworkOptions) {
    this.#options = options;
    for (const peer of options.peers) {
      for (const lane of lanes) this.#links.set(linkName(peer.node, lane), this.#link(peer, lane));
    }
  }

  send(to: string, lane: PeerLane, kind: PeerMessageKind, bytes: Uint8Array): void {
    const link = this.#links.get(linkName(to, lane));
    if (!link) return;
    if (!link.outgoing?.queue.push(this.#encode(kind, bytes))) {
      link.dropped += 1;
      return;
    }
    link.sentMessages += 1;
    link.sentBytes += bytes.length;
  }

  onMessage(handler: (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void): void {
    this.#deliver = handler;
  }

  onPeerLost(handler: (peer: string) => void): void {
    this.#peerLost = handler;
  }

  accept(call: SubscribeCall, caller: Caller): void {
    const { request } = call;
    const { clusterId, genesisHash } = this.#options;
    if (request.cluster !== clusterId || !request.genesisHash.equals(genesisHash)) {
      throw new RpcError('WRONG_CLUSTER', `node ${caller.name} was born from another genesis`);
    }
    const lane = laneOf(request);
    const link = this.#links.get(linkName(caller.name, lane));
    if (!link) throw new RpcError('ROLE_NOT_ALLOWED', `${caller.name} is not a peer of this node`);
    if (this.#closed) throw new RpcError('SHUTTING_DOWN');
    if (link.outgoing) end(link, new RpcError('CANCELLED', 'a newer subscription took its place'));
    const queue = new LaneQueue(call, laneLimits[lane]);
    const outgoing = { call, queue };
    link.outgoing = outgoing;
    const gone = (): void => {
      queue.close();
      if (link.outgoing === outgoing) link.outgoing = null;
    };
    call.on('cancelled', gone);
    call.on('close', gone);
    call.sendMetadata(new Metadata());
    this.#options.onEvent?.({ kind: 'subscribed', peer: link.peer, lane });
  }

  start(): void {
    if (this.#closed) return;
    for (const link of this.#links.values()) link.subscription.start();
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) {
      link.subscription.close();
      end(link, new RpcError('SHUTTING_DOWN'));
    }
  }

  statistics(): readonly PeerLaneStatistics[] {
    return [...this.#links.values()].map(({ subscription, outgoing, ...counts }) => ({
      ...counts,
      receiving: subscription.isOpen,
      sending: outgoing !== null,
      queuedBytes: outgoing?.queue.bytes ?? 0,
    }));
  }

  #link(peer: PeerAddress, lane: PeerLane): Link {
    const { clusterId, genesisHash, incarnation, tls, timing, onEvent } = this.#options;
    const identity = { clusterId, role: 'node', name: peer.node } as const;
    const subscription = new PeerSubscription({
      peer,
      lane,
      request: { cluster: clusterId, genesisHash, incarnation },
      credentials: clientCredentials(tls, identity),
      channel: channelOptions(identity),
      timing: timing ?? defaultTiming,
      jitter: Math.random,
      onMessage: ({ kind, bytes }) => {
        link.receivedMessages += 1;
        link.receivedBytes += bytes.length;
        this.#deliver(peer.node, kind, bytes);
      },
      onOpen: () => onEvent?.({ kind: 'opened', peer: peer.node, lane }),
      onLost: (error, wasOpen) => {
        onEvent?.({ kind: 'lost', peer: peer.node, lane, wasOpen, error });
        if (lane === 'control' && wasOpen) this.#peerLost(peer.node);
      },
    });
    const link: Link = {
      peer: peer.node,
      lane,
      subscription,
      outgoing: null,
      sentMessages: 0,
      sentBytes: 0,
      receivedMessages: 0,
      receivedBytes: 0,
      dropped: 0,
    };
    return link;
  }

  #encode(kind: PeerMessageKind, bytes: Uint8Array): Buffer {
    if (this.#encoded?.bytes === bytes && this.#encoded.kind === kind) return this.#encoded.message;
    const message = encodePeerMessage({ kind, bytes });
    this.#encoded = { kind, bytes, message };
    return message;
  }
}

const linkName = (peer: string, lane: PeerLane): string => `${peer}/${lane}`;

function laneOf(request: SubscribeRequest__Output): PeerLane {
  switch (request.lane) {
    case 'LANE_CONTROL':
      return 'control';
    case 'LANE_APPEND':
      return 'append';
    case 'LANE_BULK':
      return 'bulk';
    default:
      throw new MalformedMessage('lane', `${request.lane} is not a lane`);
  }
}

function end(link: Link, error: RpcError): void {
  const { outgoing } = link;
  if (!outgoing) return;
  link.outgoing = null;
  outgoing.queue.close();
  outgoing.call.emit('error', statusOf(error));
}

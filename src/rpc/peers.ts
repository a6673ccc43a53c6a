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
import { equalBytes } from '../verify/bytes.js';
import { MalformedMessage } from '../wire/malformed.js';
import type { SubscribeRequest__Output } from '../wire/gen/taa/v1/SubscribeRequest.js';
import { encodePeerMessage } from '../wire/peer-message.js';
import type { PeerMessage } from '../wire/peer-message.js';
import type { Caller } from './doors.js';
import { RpcError, statusOf } from './errors.js';
import { laneLimits, LaneQueue } from './lane-queue.js';
import { defaultTiming, INCARNATION_KEY, PeerSubscription } from './peer-subscription.js';
import type { PeerAddress, SubscriptionTiming } from './peer-subscription.js';
import type { PeerDirectory, PeerLane, PeerMember, PeerMessageKind, PeerNetwork } from './peer-network.js';

export type { PeerAddress, SubscriptionTiming };

export interface PeerNetworkOptions {
  /** Name of this node. */
  readonly node: string;
  readonly clusterId: string;
  /** SHA-256 of the genesis document: nodes of different births do not talk. */
  readonly genesisHash: Uint8Array;
  /** Names this life of the data directory; 16 bytes. */
  readonly incarnation: Uint8Array;
  /** Where other nodes are, as this node's configuration says. */
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
  /** Null while nobody has said where the peer is: it may still connect. */
  readonly subscription: PeerSubscription | null;
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
  #members = new Map<string, PeerMember>();
  #former = new Set<string>();
  /** What each peer named when it connected. */
  readonly #incarnations = new Map<string, Uint8Array>();
  #deliver: (from: string, kind: PeerMessageKind, bytes: Uint8Array) => void = () => undefined;
  #peerLost: (peer: string) => void = () => undefined;
  #refused: (peer: string, reason: string) => void = () => undefined;
  /** The last message encoded: a leader sends the same bytes to every follower. */
  #encoded: { readonly kind: PeerMessageKind; readonly bytes: Uint8Array; readonly message: Buffer } | null =
    null;
  #started = false;
  #closed = false;

  constructor(options: PeerNetworkOptions) {
    this.#options = options;
    this.setDirectory({ members: [], former: [], complete: false });
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

  onRefused(handler: (peer: string, reason: string) => void): void {
    this.#refused = handler;
  }

  incarnationOf(peer: string): Uint8Array | null {
    return this.#incarnations.get(peer) ?? null;
  }

  setDirectory({ members, former, complete }: PeerDirectory): void {
    if (this.#closed) return;
    const before = this.#members;
    this.#members = new Map(members.map((member) => [member.node, member]));
    this.#former = new Set(former);
    const configured = complete ? [] : this.#options.peers.map(({ node }) => node);
    const wanted = new Set(
      [...this.#members.keys(), ...configured].filter((node) => !this.#former.has(node)),
    );
    for (const [name, link] of this.#links) {
      if (wanted.has(link.peer) && isSameMember(before.get(link.peer), this.#members.get(link.peer)))
        continue;
      this.#links.delete(name);
      link.subscription?.close();
      const reason = this.#former.has(link.peer) ? 'NODE_REMOVED' : 'NOT_A_MEMBER';
      end(link, new RpcError(wanted.has(link.peer) ? 'CANCELLED' : reason));
    }
    for (const node of wanted) {
      for (const lane of lanes) {
        if (this.#links.has(linkName(node, lane))) continue;
        const link = this.#link(node, lane);
        this.#links.set(linkName(node, lane), link);
        if (this.#started) link.subscription?.start();
      }
    }
  }

  accept(call: SubscribeCall, caller: Caller): void {
    const { request } = call;
    const { clusterId, genesisHash } = this.#options;
    if (request.cluster !== clusterId || !request.genesisHash.equals(genesisHash)) {
      throw new RpcError('WRONG_CLUSTER', `node ${caller.name} was born from another genesis`);
    }
    const lane = laneOf(request);
    const incarnation = new Uint8Array(request.incarnation);
    const link = this.#admitted(caller, lane, incarnation);
    if (this.#closed) throw new RpcError('SHUTTING_DOWN');
    this.#incarnations.set(caller.name, incarnation);
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
    const metadata = new Metadata();
    metadata.set(INCARNATION_KEY, Buffer.from(this.#options.incarnation));
    call.sendMetadata(metadata);
    this.#options.onEvent?.({ kind: 'subscribed', peer: link.peer, lane });
  }

  /** @throws RpcError saying why the caller is not one of the peers, with its own key and its own data directory */
  #admitted(caller: Caller, lane: PeerLane, incarnation: Uint8Array): Link {
    const { name, spki } = caller;
    if (this.#former.has(name)) throw new RpcError('NODE_REMOVED', `${name} was removed from the cluster`);
    const link = this.#links.get(linkName(name, lane));
    if (link === undefined) throw new RpcError('NOT_A_MEMBER', `${name} is not a member of the cluster`);
    const member = this.#members.get(name);
    if (member !== undefined && member.tlsKey !== null && !equalBytes(member.tlsKey, spki)) {
      throw new RpcError(
        'CREDENTIAL_NOT_REGISTERED',
        `this is not the TLS key that is registered for ${name}`,
      );
    }
    if (!this.#isExpected(name, incarnation)) {
      throw new RpcError('DIRECTORY_UNKNOWN', `the cluster knows ${name} with another data directory`);
    }
    return link;
  }

  #isExpected(peer: string, incarnation: Uint8Array): boolean {
    const expected = this.#members.get(peer)?.incarnation ?? null;
    return expected === null || equalBytes(expected, incarnation);
  }

  start(): void {
    if (this.#closed) return;
    this.#started = true;
    for (const link of this.#links.values()) link.subscription?.start();
  }

  close(): void {
    this.#closed = true;
    for (const link of this.#links.values()) {
      link.subscription?.close();
      end(link, new RpcError('SHUTTING_DOWN'));
    }
  }

  statistics(): readonly PeerLaneStatistics[] {
    return [...this.#links.values()].map(({ subscription, outgoing, ...counts }) => ({
      ...counts,
      receiving: subscription?.isOpen ?? false,
      sending: outgoing !== null,
      queuedBytes: outgoing?.queue.bytes ?? 0,
    }));
  }

  #link(peer: string, lane: PeerLane): Link {
    const address = this.#addressOf(peer);
    const link: Link = {
      peer,
      lane,
      subscription: address === null ? null : this.#subscription(address, lane, () => link),
      outgoing: null,
      sentMessages: 0,
      sentBytes: 0,
      receivedMessages: 0,
      receivedBytes: 0,
      dropped: 0,
    };
    return link;
  }

  /** What this node's own configuration says comes before what was ordered: addresses change, orders do not. */
  #addressOf(peer: string): PeerAddress | null {
    const configured = this.#options.peers.find(({ node }) => node === peer);
    if (configured !== undefined) return configured;
    const match = /^(\[[0-9a-fA-F:]+\]|[^:\s]+):(\d{1,5})$/.exec(this.#members.get(peer)?.address ?? '');
    if (match?.[1] === undefined) return null;
    return { node: peer, host: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2]) };
  }

  #subscription(peer: PeerAddress, lane: PeerLane, link: () => Link): PeerSubscription {
    const { clusterId, genesisHash, incarnation, tls, timing, onEvent } = this.#options;
    const identity = { clusterId, role: 'node', name: peer.node } as const;
    const tlsKey = this.#members.get(peer.node)?.tlsKey ?? null;
    return new PeerSubscription({
      peer,
      lane,
      request: { cluster: clusterId, genesisHash, incarnation },
      credentials: clientCredentials(tls, { ...identity, ...(tlsKey === null ? {} : { spki: tlsKey }) }),
      channel: channelOptions(identity),
      timing: timing ?? defaultTiming,
      jitter: Math.random,
      isExpected: (theirs) => this.#isExpected(peer.node, theirs),
      onMessage: ({ kind, bytes }) => {
        const counts = link();
        counts.receivedMessages += 1;
        counts.receivedBytes += bytes.length;
        this.#deliver(peer.node, kind, bytes);
      },
      onOpen: () => onEvent?.({ kind: 'opened', peer: peer.node, lane }),
      onLost: (error, wasOpen) => {
        onEvent?.({ kind: 'lost', peer: peer.node, lane, wasOpen, error });
        if (lane === 'control' && wasOpen) this.#peerLost(peer.node);
        if (refusals.has(error.reason)) this.#refused(peer.node, error.reason);
      },
    });
  }

  #encode(kind: PeerMessageKind, bytes: Uint8Array): Buffer {
    if (this.#encoded?.bytes === bytes && this.#encoded.kind === kind) return this.#encoded.message;
    const message = encodePeerMessage({ kind, bytes });
    this.#encoded = { kind, bytes, message };
    return message;
  }
}

/** Answers of a peer that say something about this node, and not about the connection. */
const refusals: ReadonlySet<string> = new Set(['NODE_REMOVED', 'NOT_A_MEMBER', 'DIRECTORY_UNKNOWN']);

/** Whether what the link was made for still holds; what only concerns new connections is looked up when they come. */
function isSameMember(before: PeerMember | undefined, now: PeerMember | undefined): boolean {
  const keys = [before?.tlsKey ?? null, now?.tlsKey ?? null] as const;
  const sameKey = keys[0] === null || keys[1] === null ? keys[0] === keys[1] : equalBytes(keys[0], keys[1]);
  return sameKey && (before?.address ?? '') === (now?.address ?? '');
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

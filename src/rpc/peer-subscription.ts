/**
 * The receiving half of one lane from one peer: dials, subscribes, hands over what comes, and dials again when the stream
 * is lost. A state machine of plain objects; `#enter` is the one transition.
 *
 *   idle → dialling → open → waiting → dialling → …        any → closed
 *
 * Each attempt uses a new channel: nothing of a broken connection, such as grpc-js's own backoff, outlives it.
 */

import type { ChannelCredentials, ClientOptions, ClientReadableStream, Metadata } from '@grpc/grpc-js';
import { openClient } from '../wire/clients.js';
import type { Clients } from '../wire/clients.js';
import type { PeerMessage } from '../wire/peer-message.js';
import { RpcError } from './errors.js';
import type { PeerLane } from './peer-network.js';

export interface PeerAddress {
  readonly node: string;
  readonly host: string;
  readonly port: number;
}

export interface SubscriptionTiming {
  /** First pause after a lost stream or failed dial, and the longest one; doubled in between. Unit: ms. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** A dial that has not led to an open stream by then is given up. Unit: ms. */
  readonly dialTimeoutMs: number;
}

export const defaultTiming: SubscriptionTiming = {
  backoffMinMs: 50,
  backoffMaxMs: 1_000,
  dialTimeoutMs: 3_000,
};

export interface SubscriptionOptions {
  readonly peer: PeerAddress;
  readonly lane: PeerLane;
  readonly request: {
    readonly cluster: string;
    readonly genesisHash: Uint8Array;
    readonly incarnation: Uint8Array;
  };
  readonly credentials: ChannelCredentials;
  readonly channel: Readonly<Record<string, string | number>>;
  readonly timing: SubscriptionTiming;
  /** 0 ≤ value < 1. */
  readonly jitter: () => number;
  /** Whether the data directory that the peer names (16 bytes) is the one expected of it. */
  readonly isExpected: (incarnation: Uint8Array) => boolean;
  readonly onMessage: (message: PeerMessage) => void;
  /** The stream is open. */
  readonly onOpen: () => void;
  /** A stream that was open ended, or a dial failed. */
  readonly onLost: (error: RpcError, wasOpen: boolean) => void;
}

/** In the metadata with which a subscription is accepted: the data directory of the node that sends. */
export const INCARNATION_KEY = 'taa-incarnation-bin';

type Client = Clients['taa.v1.ConsensusService'];

interface Attempt {
  readonly client: Client;
  readonly call: ClientReadableStream<PeerMessage | null>;
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'dialling'; readonly attempt: Attempt; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'open'; readonly attempt: Attempt }
  | { readonly kind: 'waiting'; readonly timer: NodeJS.Timeout }
  | { readonly kind: 'closed' };

/**
 * Control: a silent peer is noticed in 2–3 s even when TCP says nothing (votes do not wait for that). Append: up to a
 * whole window of data may stand between a ping and its answer on a slow line, so it is given time.
 */
const laneChannel: Readonly<Record<PeerLane, ClientOptions>> = {
  control: { 'grpc.keepalive_time_ms': 1_000, 'grpc.keepalive_timeout_ms': 2_000 },
  append: { 'grpc.keepalive_time_ms': 5_000, 'grpc.keepalive_timeout_ms': 20_000 },
  bulk: { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 30_000 },
};

const laneNames = {
  control: 'LANE_CONTROL',
  append: 'LANE_APPEND',
  bulk: 'LANE_BULK',
} as const satisfies Record<PeerLane, string>;

export class PeerSubscription {
  readonly #options: SubscriptionOptions;
  #state: State = { kind: 'idle' };
  #failures = 0;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  start(): void {
    if (this.#state.kind === 'idle') this.#dial();
  }

  close(): void {
    this.#enter({ kind: 'closed' });
  }

  #enter(next: State): void {
    const previous = this.#state;
    this.#state = next;
    if (previous.kind === 'dialling' || previous.kind === 'waiting') clearTimeout(previous.timer);
    if (previous.kind === 'dialling' || previous.kind === 'open') {
      const kept = next.kind === 'open' && next.attempt === previous.attempt;
      if (!kept) abandon(previous.attempt);
    }
  }

  #dial(): void {
    const { peer, lane, request, credentials, channel, timing } = this.#options;
    const client = openClient('taa.v1.ConsensusService', target(peer), credentials, {
      ...channel,
      ...laneChannel[lane],
      'grpc.keepalive_permit_without_calls': 1,
      'grpc-node.flow_control_window': 4 * 1024 * 1024,
      'grpc.max_receive_message_length': 64 * 1024 * 1024,
    });
    const call = client.Subscribe({
      cluster: request.cluster,
      genesisHash: request.genesisHash,
      incarnation: request.incarnation,
      lane: laneNames[lane],
    });
    const attempt: Attempt = { client, call };
    const timer = setTimeout(() => {
      this.#lost(attempt, new RpcError('DEADLINE_EXCEEDED', `${target(peer)} did not answer in time`));
    }, timing.dialTimeoutMs);
    this.#enter({ kind: 'dialling', attempt, timer });
    // The peer sends its metadata at once when it accepts the subscription.
    call.on('metadata', (metadata) => this.#opened(attempt, metadata));
    call.on('data', (message: PeerMessage | null) => {
      if (message && this.#state.kind === 'open') this.#options.onMessage(message);
    });
    call.on('error', (error) => this.#lost(attempt, RpcError.from(error)));
    call.on('end', () =>
      this.#lost(attempt, new RpcError('UNREACHABLE', `${target(peer)} ended the stream`)),
    );
  }

  #opened(attempt: Attempt, metadata: Metadata): void {
    if (this.#state.kind !== 'dialling' || this.#state.attempt !== attempt) return;
    const [incarnation] = metadata.get(INCARNATION_KEY);
    if (!Buffer.isBuffer(incarnation) || !this.#options.isExpected(new Uint8Array(incarnation))) {
      const { node } = this.#options.peer;
      this.#lost(attempt, new RpcError('DIRECTORY_UNKNOWN', `${node} answers with another data directory`));
      return;
    }
    this.#failures = 0;
    this.#enter({ kind: 'open', attempt });
    this.#options.onOpen();
  }

  #lost(attempt: Attempt, error: RpcError): void {
    const { kind } = this.#state;
    if ((kind !== 'dialling' && kind !== 'open') || this.#state.attempt !== attempt) return;
    const timer = setTimeout(() => this.#dial(), this.#pause());
    this.#failures += 1;
    this.#enter({ kind: 'waiting', timer });
    this.#options.onLost(error, kind === 'open');
  }

  /** Doubles from the minimum to the maximum; between half and all of it, so that nodes do not dial in step. */
  #pause(): number {
    const { backoffMinMs, backoffMaxMs } = this.#options.timing;
    const whole = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(this.#failures, 16));
    return whole * (0.5 + this.#options.jitter() / 2);
  }
}

function abandon({ client, call }: Attempt): void {
  call.cancel();
  client.close();
}

const target = ({ host, port }: PeerAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/**
 * One node as the SDK reaches it: a connection that is kept warm, at most one session on it, and a short question that
 * tells how far away it is. Messages go in and out in our own types; protobuf ends here.
 */

import type { ClientDuplexStream } from '@grpc/grpc-js';
import { openClient } from '../wire/clients.js';
import type { Clients } from '../wire/clients.js';
import type { SessionRequest as ProtoRequest } from '../wire/gen/taa/v1/SessionRequest.js';
import type { SessionResponse__Output as ProtoResponse } from '../wire/gen/taa/v1/SessionResponse.js';
import { requestToProto, responseFromProto, timeRequestToProto } from '../wire/mapping.js';
import type { SessionRequest, SessionResponse } from '../wire/messages.js';
import { RpcError } from '../wire/rpc-error.js';
import type { DurNs } from '../time/types.js';
import { durNs } from '../time/types.js';
import type { LinkFailure } from './core/events.js';
import { monotonicNow } from './local-clocks.js';
import { channelOptionsFor, credentialsFor } from './tls.js';
import type { Credential } from './tls.js';

export interface SessionStream {
  send(message: SessionRequest): void;
  /** Nothing is told any more. */
  hangUp(): void;
}

export interface SessionListener {
  received(message: SessionResponse): void;
  /** Once, at most. */
  lost(failure: LinkFailure | null): void;
}

/** Errors with which nobody answered: they say nothing about the distance. */
const unanswered: readonly string[] = ['UNREACHABLE', 'DEADLINE_EXCEEDED', 'CANCELLED'];
const QUESTION_DEADLINE_MS = 2_000;

export class NodeChannel {
  readonly #client: Clients['taa.v1.TimeService'];
  #closed = false;

  constructor(address: string, node: string, cluster: string, credential: Credential) {
    this.#client = openClient(
      'taa.v1.TimeService',
      address,
      credentialsFor(credential, cluster, node),
      channelOptionsFor(cluster, node),
    );
  }

  /** Opens the connection now, or again if it was lost, so that a failover finds it ready. */
  warm(): void {
    this.#client.getChannel().getConnectivityState(true);
  }

  openSession(listener: SessionListener): SessionStream {
    const stream = this.#client.Session();
    return new Stream(stream, listener);
  }

  /** Round trip of one question; null if nobody answered. A refusal is an answer. */
  distance(nonce: Uint8Array): Promise<DurNs | null> {
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      const sent = monotonicNow();
      const deadline = Date.now() + QUESTION_DEADLINE_MS;
      this.#client.GetTime(timeRequestToProto(nonce), { deadline }, (error) => {
        const roundTrip = durNs(monotonicNow() - sent);
        const answered = error === null || !unanswered.includes(RpcError.from(error).reason);
        resolve(answered ? roundTrip : null);
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#client.close();
  }
}

class Stream implements SessionStream {
  readonly #stream: ClientDuplexStream<ProtoRequest, ProtoResponse>;
  readonly #listener: SessionListener;
  #over = false;

  constructor(stream: ClientDuplexStream<ProtoRequest, ProtoResponse>, listener: SessionListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on('data', (message: ProtoResponse) => this.#received(message));
    stream.on('error', (error: unknown) => this.#lost(failureOf(error)));
    stream.on('end', () => this.#lost(null));
  }

  send(message: SessionRequest): void {
    if (!this.#over) this.#stream.write(requestToProto(message));
  }

  hangUp(): void {
    if (this.#over) return;
    this.#over = true;
    // The node sees the end at once; what it still sends is of no use.
    this.#stream.end();
    this.#stream.cancel();
  }

  #received(proto: ProtoResponse): void {
    if (this.#over) return;
    let message: SessionResponse;
    try {
      message = responseFromProto(proto);
    } catch (error) {
      this.#stream.cancel();
      this.#lost(failureOf(error));
      return;
    }
    this.#listener.received(message);
  }

  #lost(failure: LinkFailure | null): void {
    if (this.#over) return;
    // An error of the stream follows its end in the same turn: the error says more.
    if (failure === null) {
      setImmediate(() => this.#finish(null));
      return;
    }
    this.#finish(failure);
  }

  #finish(failure: LinkFailure | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.lost(failure);
  }
}

function failureOf(error: unknown): LinkFailure {
  const { reason, detail, retryable } = RpcError.from(error);
  return { code: reason, message: detail, retryable, cause: error };
}

/**
 * The gate of a listener, passed by every call before its message is read: authentication (identity of the certificate),
 * authorisation (method × role, replicated admission), limits. A refusal ends the call with its reason; denials are
 * reported to the node, which puts them on record.
 */

import { ServerInterceptingCall, status as grpcStatus } from '@grpc/grpc-js';
import type { Metadata, ServerInterceptor } from '@grpc/grpc-js';
import { callerOf } from '../pki/tls.js';
import { isErrorReason, reasonInfo } from '../wire/reasons.js';
import { mayCall } from './access.js';
import type { ListenerName } from './access.js';
import type { Caller, NodeDoors } from './doors.js';
import { RpcError, statusOf } from './errors.js';
import { IdentityLimits } from './limits.js';
import type { RpcLimits } from './limits.js';
import type { Refusal } from '../wire/messages.js';
import type { Role } from '../verify/identity.js';

/** One call, for metrics. */
export interface CallEvent {
  readonly listener: ListenerName;
  /** `/package.Service/Method`, of a method that is served. */
  readonly method: string;
  /** Name of the gRPC status, e.g. OK. */
  readonly status: string;
  readonly seconds: number;
  readonly stream: boolean;
}

export interface GuardOptions {
  readonly listener: ListenerName;
  readonly clusterId: string;
  readonly doors: Pick<NodeDoors, 'admission' | 'denied'>;
  readonly limits: RpcLimits;
  readonly onCall: (event: CallEvent) => void;
  readonly onDenied: (listener: ListenerName, reason: string) => void;
}

type InterceptedCall = Parameters<ServerInterceptor>[1];

export class Guard {
  readonly #options: GuardOptions;
  readonly #identities: IdentityLimits;
  /** Who called, by the metadata object that grpc-js hands from the interceptor to the handler. */
  readonly #callers = new WeakMap<Metadata, Caller>();
  /** Reading a certificate costs more than a call; a connection uses one. By fingerprint and address. */
  readonly #certificates = new Map<string, Caller>();

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#identities = new IdentityLimits(options.limits, () => performance.now());
  }

  get openStreams(): number {
    return this.#identities.openStreams;
  }

  /** The authenticated caller of a call that passed. */
  callerOf(call: { readonly metadata: Metadata }): Caller {
    const caller = this.#callers.get(call.metadata);
    if (!caller) throw new RpcError('INTERNAL', 'a call reached its handler without passing the guard');
    return caller;
  }

  /** Puts a denial on record. Everything that denies calls this once; other errors pass unnoticed. */
  reportDenial(error: RpcError, caller: Caller | null, identity: string): void {
    const { status } = reasonInfo(error.reason);
    if (status !== 'PERMISSION_DENIED' && status !== 'UNAUTHENTICATED') return;
    this.#options.onDenied(this.#options.listener, error.reason);
    this.#options.doors.denied(caller, identity, error.reason);
  }

  readonly interceptor: ServerInterceptor = (method, call) => {
    const started = performance.now();
    const stream = method.requestStream || method.responseStream;
    let status = 'CANCELLED';
    let release: (() => void) | null = null;
    // grpc-js reports every end of a call as a cancellation, after its status was sent.
    const finished = (): void => {
      release?.();
      release = null;
      const seconds = (performance.now() - started) / 1_000;
      this.#options.onCall({
        listener: this.#options.listener,
        method: method.path,
        status,
        seconds,
        stream,
      });
    };
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, proceed) => {
            try {
              const caller = this.#admit(method.path, call);
              if (stream) release = this.#openStream(caller);
              this.#callers.set(metadata, caller);
            } catch (caught) {
              const refusal = statusOf(caught);
              status = grpcStatus[refusal.code];
              call.sendStatus(refusal);
              return;
            }
            proceed(metadata);
          },
          onCancel: finished,
        });
      },
      sendStatus: (sent, next) => {
        status = grpcStatus[sent.code];
        next(sent);
      },
    });
  };

  #admit(method: string, call: InterceptedCall): Caller {
    const { listener, clusterId, doors } = this.#options;
    const caller = this.#authenticate(call);
    const refuse = (error: RpcError): RpcError => {
      this.reportDenial(error, caller, caller.identity);
      return error;
    };
    if (!caller.identity.startsWith(`taa://${clusterId}/`)) {
      throw refuse(new RpcError('WRONG_CLUSTER', `${caller.identity} is not of the cluster ${clusterId}`));
    }
    if (!mayCall(listener, method, caller.role as Role)) {
      throw refuse(
        new RpcError(
          'ROLE_NOT_ALLOWED',
          `the role ${caller.role} may not call ${method} on the ${listener} listener`,
        ),
      );
    }
    if (!this.#identities.mayCall(caller.identity)) throw new RpcError('RATE_LIMITED');
    const refused = caller.role === 'node' ? null : doors.admission(caller);
    if (refused) throw refuse(errorOfRefusal(refused));
    return caller;
  }

  #authenticate(call: InterceptedCall): Caller {
    const context = call.getAuthContext();
    const address = call.getPeer();
    const name = `${context.sslPeerCertificate?.fingerprint256 ?? ''} ${address}`;
    const known = this.#certificates.get(name);
    if (known) return known;
    try {
      const { identity, uri, certificate } = callerOf(context);
      const caller: Caller = {
        identity: uri,
        role: identity.role,
        name: identity.name,
        spki: certificate.spki,
        address,
      };
      if (this.#certificates.size >= 8_192) this.#certificates.clear();
      this.#certificates.set(name, caller);
      return caller;
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : undefined;
      const error = new RpcError('IDENTITY_NOT_ACCEPTED', detail, { cause });
      this.reportDenial(error, null, context.sslPeerCertificate?.subjectaltname ?? address);
      throw error;
    }
  }

  #openStream(caller: Caller): () => void {
    const release = this.#identities.openStream(caller.identity);
    if (release) return release;
    throw new RpcError('SESSION_LIMIT');
  }
}

/** A refusal by the node, as the error that the caller gets. */
export function errorOfRefusal({ reason, detail }: Refusal): RpcError {
  if (isErrorReason(reason)) return new RpcError(reason, detail === '' ? undefined : detail);
  return new RpcError('INTERNAL', `${reason}: ${detail}`);
}

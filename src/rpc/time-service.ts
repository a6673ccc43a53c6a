/**
 * taa.v1.TimeService. The reading that counts is taken first thing when a message arrives and last thing before the
 * answer is handed to the stream: what happens in between widens the client's interval, and never makes it wrong.
 */

import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ClockReading, ClockState } from '../time/types.js';
import { requestFromProto, responseToProto, timeRequestFromProto, timeToProto } from '../wire/mapping.js';
import { instantOfReading } from '../wire/common-mapping.js';
import type { GetTimeRequest__Output } from '../wire/gen/taa/v1/GetTimeRequest.js';
import type { GetTimeResponse } from '../wire/gen/taa/v1/GetTimeResponse.js';
import type { SessionRequest__Output } from '../wire/gen/taa/v1/SessionRequest.js';
import type { SessionResponse as ProtoResponse } from '../wire/gen/taa/v1/SessionResponse.js';
import type { ErrorReason } from '../wire/reasons.js';
import type { NodeDoors, SessionPeer } from './doors.js';
import { RpcError } from './errors.js';
import { errorOfRefusal } from './guard.js';
import type { Guard } from './guard.js';
import { failure, readable, unary } from './handlers.js';
import type { Unreadable } from './handlers.js';
import { RateMeter } from './limits.js';
import type { RpcLimits } from './limits.js';
import { resetStream } from './reset-stream.js';

const refusedStates: Readonly<Record<ClockState, ErrorReason | null>> = {
  synchronised: null,
  holdover: null,
  unsynchronised: 'CLOCK_NOT_SYNCHRONISED',
  acquiring: 'CLOCK_NOT_SYNCHRONISED',
  outOfTolerance: 'CLOCK_OUT_OF_TOLERANCE',
  disrupted: 'CLOCK_DISRUPTED',
  quarantined: 'CLOCK_QUARANTINED',
};

/** @throws RpcError while the clock may not say the time */
export function requireServable(reading: ClockReading): void {
  const reason = refusedStates[reading.state];
  if (reason) throw new RpcError(reason);
}

export function timeHandlers(
  doors: Pick<NodeDoors, 'clockReading' | 'certified' | 'sessions'>,
  guard: Guard,
  limits: RpcLimits,
) {
  const GetTime = unary<GetTimeRequest__Output, GetTimeResponse>(guard, (request) => {
    const received = doors.clockReading();
    requireServable(received);
    const nonce = timeRequestFromProto(request);
    const transmitted = doors.clockReading();
    requireServable(transmitted);
    return timeToProto({
      kind: 'time',
      nonce,
      received: instantOfReading(received),
      transmitted: instantOfReading(transmitted),
      clockState: transmitted.state,
      leap: transmitted.leap,
      uncertified: !doors.certified(),
    });
  });
  return { GetTime, Session: (call: SessionCall) => new SessionStream(call, doors, guard, limits) };
}

export type SessionCall = ServerDuplexStream<SessionRequest__Output | Unreadable, ProtoResponse>;

/**
 * One session stream: opens the node's side at Hello, passes messages both ways, and ends it when either side is done,
 * or when the client stalls, floods, or does not read.
 */
class SessionStream {
  readonly #call: SessionCall;
  readonly #doors: Pick<NodeDoors, 'sessions'>;
  readonly #guard: Guard;
  readonly #limits: RpcLimits;
  readonly #meter: RateMeter;
  readonly #helloTimer: NodeJS.Timeout;
  #unreadTimer: NodeJS.Timeout | null = null;
  #peer: SessionPeer | null = null;
  #ended = false;

  constructor(call: SessionCall, doors: Pick<NodeDoors, 'sessions'>, guard: Guard, limits: RpcLimits) {
    this.#call = call;
    this.#doors = doors;
    this.#guard = guard;
    this.#limits = limits;
    this.#meter = new RateMeter(limits.messagesPerSecond, limits.messageBurst, performance.now());
    this.#helloTimer = setTimeout(() => this.#end(new RpcError('SESSION_STALLED')), limits.helloTimeoutMs);
    call.on('data', (message: SessionRequest__Output | Unreadable) => this.#receive(message));
    call.on('end', () => this.#end(null));
    call.on('cancelled', () => this.#gone());
    call.on('drain', () => this.#stopUnreadTimer());
  }

  #receive(proto: SessionRequest__Output | Unreadable): void {
    if (this.#ended) return;
    try {
      const message = requestFromProto(readable(proto));
      if (!this.#meter.take(performance.now())) throw new RpcError('RATE_LIMITED');
      if (!this.#peer) {
        if (message.kind !== 'hello')
          throw new RpcError('UNEXPECTED_MESSAGE', 'the first message must be Hello');
        clearTimeout(this.#helloTimer);
        this.#open();
      }
      this.#peer?.receive(message);
    } catch (caught) {
      this.#end(RpcError.from(caught));
    }
  }

  #open(): void {
    const peer = this.#doors.sessions.open(
      this.#guard.callerOf(this.#call),
      (message) => this.#send(responseToProto(message)),
      (refusal) => this.#end(refusal && errorOfRefusal(refusal)),
    );
    // The node may have refused at once, before there was a peer to tell.
    if (this.#ended) peer.closed();
    else this.#peer = peer;
  }

  /** @returns false, and ends the session, when too much waits to be read */
  #send(message: ProtoResponse): boolean {
    if (this.#ended) return false;
    if (this.#call.writableLength >= this.#limits.maxUnreadMessages) {
      this.#end(new RpcError('SLOW_CONSUMER'));
      return false;
    }
    if (!this.#call.write(message)) {
      this.#unreadTimer ??= setTimeout(
        () => this.#end(new RpcError('SLOW_CONSUMER')),
        this.#limits.maxUnreadMs,
      );
    }
    return true;
  }

  #end(error: RpcError | null): void {
    if (this.#ended) return;
    const unread = this.#call.writableLength > 0;
    this.#gone();
    if (error) this.#call.emit('error', failure(this.#guard, this.#call, error));
    else this.#call.end();
    // The status waits behind what the client does not read.
    if (unread) resetStream(this.#call);
  }

  #gone(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#helloTimer);
    this.#stopUnreadTimer();
    this.#peer?.closed();
    this.#peer = null;
  }

  #stopUnreadTimer(): void {
    if (this.#unreadTimer) clearTimeout(this.#unreadTimer);
    this.#unreadTimer = null;
  }
}

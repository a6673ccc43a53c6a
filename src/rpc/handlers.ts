/**
 * From a plain function to a gRPC handler: decoding that cannot fail outside our hands, errors with their details, abort
 * when the caller goes away, denials reported.
 */

import type { MethodDefinition } from '@grpc/proto-loader';
import type { handleServerStreamingCall, handleUnaryCall } from '@grpc/grpc-js';
import type { Caller } from './doors.js';
import { RpcError, statusOf } from './errors.js';
import type { Guard } from './guard.js';

/** What the deserialiser gives for bytes that cannot be read: the handler answers with the error. */
export class Unreadable {
  readonly error: RpcError;

  constructor(error: RpcError) {
    this.error = error;
  }
}

/**
 * The same method with a deserialiser that gives Unreadable instead of throwing: grpc-js would answer INTERNAL, without
 * a reason. The transport's own limit lies above `maxBytes`, so that a message a little too long gets a reason too.
 */
export function tolerant<Input, Output, InputOut, OutputOut>(
  definition: MethodDefinition<Input, Output, InputOut, OutputOut>,
  maxBytes: number,
): MethodDefinition<Input, Output, InputOut | Unreadable, OutputOut> {
  return {
    ...definition,
    requestType: definition.requestType,
    requestDeserialize: (bytes) => {
      if (bytes.length > maxBytes) {
        const detail = `the message has ${bytes.length} bytes, at most ${maxBytes} are accepted`;
        return new Unreadable(new RpcError('MESSAGE_TOO_LARGE', detail));
      }
      try {
        return definition.requestDeserialize(bytes);
      } catch (cause) {
        const error = RpcError.from(cause);
        if (error.reason === 'MALFORMED_MESSAGE') return new Unreadable(error);
        const detail = `${definition.path}: the request is not valid protobuf`;
        return new Unreadable(new RpcError('MALFORMED_MESSAGE', detail, { cause }));
      }
    },
  };
}

export function readable<T>(message: T | Unreadable): T {
  if (message instanceof Unreadable) throw message.error;
  return message;
}

/** Aborted when the call has ended, for whatever cause. */
export function signalOf(call: { once(event: 'cancelled', listener: () => void): unknown }): AbortSignal {
  const controller = new AbortController();
  call.once('cancelled', () => {
    controller.abort();
  });
  return controller.signal;
}

export function unary<Input, Output>(
  guard: Guard,
  answer: (request: Input, caller: Caller, signal: AbortSignal) => Output | Promise<Output>,
): handleUnaryCall<Input | Unreadable, Output> {
  return (call, callback) => {
    const work = async (): Promise<Output> =>
      answer(readable(call.request), guard.callerOf(call), signalOf(call));
    work().then(
      (value) => callback(null, value),
      (caught: unknown) => callback(failure(guard, call, caught)),
    );
  };
}

/** `produce` writes to the call; the stream ends when it returns, with the error's status when it throws. */
export function serverStream<Input, Output>(
  guard: Guard,
  produce: (
    request: Input,
    call: Parameters<handleServerStreamingCall<Input | Unreadable, Output>>[0],
    signal: AbortSignal,
  ) => Promise<void>,
): handleServerStreamingCall<Input | Unreadable, Output> {
  return (call) => {
    const work = async (): Promise<void> => produce(readable(call.request), call, signalOf(call));
    work().then(
      () => call.end(),
      (caught: unknown) => call.emit('error', failure(guard, call, caught)),
    );
  };
}

/** The status of a failed call. A denial by a door is put on record like one by the guard. */
export function failure(
  guard: Guard,
  call: Parameters<Guard['callerOf']>[0],
  caught: unknown,
): ReturnType<typeof statusOf> {
  const error = RpcError.from(caught);
  const caller = guard.callerOf(call);
  guard.reportDenial(error, caller, caller.identity);
  return statusOf(error);
}

/**
 * Resets the HTTP/2 stream of a server call. A status is sent behind everything already written; to a client that does
 * not read it never goes out, and the stream with its buffers would live as long as the connection.
 *
 * grpc-js (pinned to 1.14.7) has no door for this: the stream is looked up behind its private fields, in this one place.
 * Should they change, nothing happens here and test/rpc/sessions.test.ts fails.
 */

import { constants } from 'node:http2';

/** Time in which a client that reads at all gets the status. Unit: ms. */
const GRACE_MS = 1_000;

interface Closable {
  close(code: number): void;
}

export function resetStream(
  call: { once(event: 'cancelled', listener: () => void): unknown },
  graceMs: number = GRACE_MS,
): void {
  const timer = setTimeout(() => {
    // grpc-js clients make RESOURCE_EXHAUSTED of this code.
    streamOf(call)?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }, graceMs);
  call.once('cancelled', () => {
    clearTimeout(timer);
  });
}

/** call → its interceptors, from the outermost to the innermost → the call that holds the stream */
function streamOf(call: unknown): Closable | null {
  let layer: unknown = field(call, 'call');
  for (let depth = 0; depth < 16 && layer !== undefined; depth += 1) {
    const stream = field(layer, 'stream');
    if (isClosable(stream)) return stream;
    layer = field(layer, 'nextCall');
  }
  return null;
}

const field = (owner: unknown, name: string): unknown =>
  typeof owner === 'object' && owner !== null
    ? (owner as Readonly<Record<string, unknown>>)[name]
    : undefined;

const isClosable = (value: unknown): value is Closable => typeof field(value, 'close') === 'function';

/** Following the log of one node as it grows. */

import type { Connection } from '../../src/operator/connection.js';
import { RpcError } from '../../src/wire/rpc-error.js';

const CANCELLED = 1;

/** Ends when `signal` aborts. @throws RpcError when the node ends the stream */
export async function followLog(
  connection: Connection,
  start: number,
  signal: AbortSignal,
  take: (record: { readonly index: number; readonly leaf: Uint8Array }) => void,
): Promise<void> {
  const [node] = connection.nodes;
  if (node === undefined) return;
  const call = node.log.Tail({ start });
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  try {
    for await (const message of call as AsyncIterable<{ index: string; leaf: Uint8Array }>) {
      take({ index: Number(message.index), leaf: new Uint8Array(message.leaf) });
    }
  } catch (error) {
    if (signal.aborted && RpcError.from(error).status === CANCELLED) return;
    throw RpcError.from(error);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

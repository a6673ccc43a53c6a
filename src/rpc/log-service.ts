/** taa.v1.LogService: the audit log, read. What it says is verified by the reader, never believed. */

import { once } from 'node:events';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { bytesOf, countOf, textOf } from '../wire/fields.js';
import type { GetBodyRequest__Output } from '../wire/gen/taa/v1/GetBodyRequest.js';
import type { GetBodyResponse } from '../wire/gen/taa/v1/GetBodyResponse.js';
import type { GetCheckpointRequest__Output } from '../wire/gen/taa/v1/GetCheckpointRequest.js';
import type { GetCheckpointResponse } from '../wire/gen/taa/v1/GetCheckpointResponse.js';
import type { GetConsistencyProofRequest__Output } from '../wire/gen/taa/v1/GetConsistencyProofRequest.js';
import type { GetConsistencyProofResponse } from '../wire/gen/taa/v1/GetConsistencyProofResponse.js';
import type { GetEntriesRequest__Output } from '../wire/gen/taa/v1/GetEntriesRequest.js';
import type { GetEntriesResponse } from '../wire/gen/taa/v1/GetEntriesResponse.js';
import type { GetInclusionProofRequest__Output } from '../wire/gen/taa/v1/GetInclusionProofRequest.js';
import type { GetInclusionProofResponse } from '../wire/gen/taa/v1/GetInclusionProofResponse.js';
import type { GetReceiptRequest__Output } from '../wire/gen/taa/v1/GetReceiptRequest.js';
import type { GetReceiptResponse } from '../wire/gen/taa/v1/GetReceiptResponse.js';
import type { GetTileRequest__Output } from '../wire/gen/taa/v1/GetTileRequest.js';
import type { GetTileResponse } from '../wire/gen/taa/v1/GetTileResponse.js';
import type { TailRequest__Output } from '../wire/gen/taa/v1/TailRequest.js';
import type { TailResponse } from '../wire/gen/taa/v1/TailResponse.js';
import { MalformedMessage } from '../wire/malformed.js';
import type { Caller, LogDoor, NodeDoors } from './doors.js';
import { RpcError } from './errors.js';
import type { Guard } from './guard.js';
import { serverStream, unary } from './handlers.js';
import type { Unreadable } from './handlers.js';

/** Leaves in one answer, and in one read of Tail. */
const MAX_ENTRIES = 1_024;
const TAIL_BATCH = 256;
/** Levels of tiles that a tree of 2^53 leaves can have. */
const MAX_LEVEL = 6;

export function logHandlers(doors: Pick<NodeDoors, 'log' | 'admin'>, guard: Guard) {
  const { log } = doors;

  return {
    GetCheckpoint: unary<GetCheckpointRequest__Output, GetCheckpointResponse>(
      guard,
      async (request, _caller, signal) => log.checkpoint(countOf('min_size', request.minSize), signal),
    ),

    GetEntries: unary<GetEntriesRequest__Output, GetEntriesResponse>(guard, async (request) => {
      const start = countOf('start', request.start);
      if (request.count < 1 || request.count > MAX_ENTRIES) {
        throw new MalformedMessage('count', `it is 1–${MAX_ENTRIES}, not ${request.count}`);
      }
      if (request.linearizable) await log.current();
      requireLeaf(log, start);
      const leaves = await log.entries(start, Math.min(request.count, log.size() - start));
      return { start, leaves: [...leaves], size: log.size() };
    }),

    GetInclusionProof: unary<GetInclusionProofRequest__Output, GetInclusionProofResponse>(
      guard,
      async (request) => {
        const leaf = countOf('leaf_index', request.leafIndex);
        requireLeaf(log, leaf);
        const proof = await log.inclusionProof(leaf, countOf('size', request.size));
        return { ...proof, path: [...proof.path] };
      },
    ),

    GetConsistencyProof: unary<GetConsistencyProofRequest__Output, GetConsistencyProofResponse>(
      guard,
      async (request) => {
        const first = countOf('first_size', request.firstSize);
        const second = countOf('second_size', request.secondSize);
        if (first > second) throw new MalformedMessage('first_size', `${first} is larger than ${second}`);
        requireSize(log, second);
        return { path: [...(await log.consistencyProof(first, second))] };
      },
    ),

    GetTile: unary<GetTileRequest__Output, GetTileResponse>(guard, async (request) => {
      if (request.level > MAX_LEVEL) {
        throw new MalformedMessage('level', `it is 0–${MAX_LEVEL}, not ${request.level}`);
      }
      return { hashes: await log.tile(request.level, countOf('index', request.index)) };
    }),

    GetBody: unary<GetBodyRequest__Output, GetBodyResponse>(guard, async (request) => {
      const { salt, bytes } = await log.body(bytesOf('hash', request.hash, 32, 32));
      return { salt, body: bytes };
    }),

    GetReceipt: unary<GetReceiptRequest__Output, GetReceiptResponse>(guard, async (request, caller) => {
      const device = textOf('device', request.device, 128);
      if (caller.role === 'client') requireOwnDevice(doors, device, caller);
      return { receipt: await log.receipt(device, countOf('sequence', request.sequence, 1)) };
    }),

    Tail: serverStream<TailRequest__Output, TailResponse>(guard, (request, call, signal) =>
      tail(log, countOf('start', request.start), call, signal),
    ),
  };
}

function requireLeaf(log: LogDoor, leaf: number): void {
  if (leaf < log.size()) return;
  throw new RpcError('BEYOND_LOG', `leaf ${leaf} is not yet in this node's log of ${log.size()}`);
}

function requireSize(log: LogDoor, size: number): void {
  if (size <= log.size()) return;
  throw new RpcError('BEYOND_LOG', `this node's log has ${log.size()} leaves, not ${size}`);
}

function requireOwnDevice(doors: Pick<NodeDoors, 'admin'>, device: string, caller: Caller): void {
  const own = doors.admin.clients(device).some((view) => view.device.identity === caller.identity);
  // An unknown device gets the same answer: nobody learns which ids exist.
  if (!own) throw new RpcError('NOT_YOUR_RECORD');
}

/** Follows the log; waits for the reader, so that a slow one costs one batch of memory. */
async function tail(
  log: LogDoor,
  start: number,
  call: ServerWritableStream<TailRequest__Output | Unreadable, TailResponse>,
  signal: AbortSignal,
): Promise<void> {
  requireSize(log, start);
  let next = start;
  while (!signal.aborted) {
    const size = log.size();
    if (next === size) {
      await appended(log, size, signal);
      continue;
    }
    for (const leaf of await log.entries(next, Math.min(TAIL_BATCH, size - next))) {
      if (!call.write({ index: next, leaf })) await drained(call, signal);
      next += 1;
    }
  }
}

/** Resolves when the log is longer than `size`, or when the call has ended. */
function appended(log: LogDoor, size: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = log.onAppend((now) => {
      if (now > size) done();
    });
    const done = (): void => {
      stop();
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    if (log.size() > size) done();
  });
}

async function drained(
  call: ServerWritableStream<TailRequest__Output | Unreadable, TailResponse>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await once(call, 'drain', { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

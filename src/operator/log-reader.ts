/** The audit log of a running node, read in pages. Nothing here is believed; who verifies is ./node-audit.ts. */

import type { Connection } from './connection.js';
import type { GetBodyRequest } from '../wire/gen/taa/v1/GetBodyRequest.js';
import type { GetBodyResponse__Output } from '../wire/gen/taa/v1/GetBodyResponse.js';
import type { GetCheckpointRequest } from '../wire/gen/taa/v1/GetCheckpointRequest.js';
import type { GetCheckpointResponse__Output } from '../wire/gen/taa/v1/GetCheckpointResponse.js';
import type { GetConsistencyProofRequest } from '../wire/gen/taa/v1/GetConsistencyProofRequest.js';
import type { GetConsistencyProofResponse__Output } from '../wire/gen/taa/v1/GetConsistencyProofResponse.js';
import type { GetEntriesRequest } from '../wire/gen/taa/v1/GetEntriesRequest.js';
import type { GetEntriesResponse__Output } from '../wire/gen/taa/v1/GetEntriesResponse.js';
import type { GetInclusionProofRequest } from '../wire/gen/taa/v1/GetInclusionProofRequest.js';
import type { GetInclusionProofResponse__Output } from '../wire/gen/taa/v1/GetInclusionProofResponse.js';
import type { GetReceiptRequest } from '../wire/gen/taa/v1/GetReceiptRequest.js';
import type { GetReceiptResponse__Output } from '../wire/gen/taa/v1/GetReceiptResponse.js';

/** Leaves a call; the server may send fewer. */
const PAGE = 256;

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

export class LogReader {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The newest published checkpoint that covers `minSize` leaves. */
  async checkpoint(
    minSize = 0,
  ): Promise<{ readonly note: Uint8Array; readonly size: number; readonly members: Uint8Array }> {
    const { value } = await this.#connection.call<GetCheckpointRequest, GetCheckpointResponse__Output>(
      ({ log }) => log.GetCheckpoint.bind(log),
      { minSize },
    );
    return { note: plain(value.note), size: Number(value.size), members: plain(value.members) };
  }

  /** Leaves from `start` on, at least one. */
  async page(
    start: number,
    count: number,
  ): Promise<{ readonly leaves: readonly Uint8Array[]; readonly size: number }> {
    const { value } = await this.#connection.call<GetEntriesRequest, GetEntriesResponse__Output>(
      ({ log }) => log.GetEntries.bind(log),
      { start, count: Math.min(count, PAGE) },
    );
    return { leaves: value.leaves.map(plain), size: Number(value.size) };
  }

  /** Leaves `start` … `end − 1` in order. */
  async *leaves(start: number, end: number): AsyncGenerator<{ index: number; leaf: Uint8Array }> {
    for (let next = start; next < end;) {
      const { leaves } = await this.page(next, end - next);
      if (leaves.length === 0) return;
      for (const leaf of leaves.slice(0, end - next)) yield { index: next++, leaf };
    }
  }

  async inclusionProof(
    leafIndex: number,
    size: number,
  ): Promise<{ readonly leaf: Uint8Array; readonly path: readonly Uint8Array[] }> {
    const { value } = await this.#connection.call<
      GetInclusionProofRequest,
      GetInclusionProofResponse__Output
    >(({ log }) => log.GetInclusionProof.bind(log), { leafIndex, size });
    return { leaf: plain(value.leaf), path: value.path.map(plain) };
  }

  async consistencyProof(firstSize: number, secondSize: number): Promise<readonly Uint8Array[]> {
    const { value } = await this.#connection.call<
      GetConsistencyProofRequest,
      GetConsistencyProofResponse__Output
    >(({ log }) => log.GetConsistencyProof.bind(log), { firstSize, secondSize });
    return value.path.map(plain);
  }

  async body(hash: Uint8Array): Promise<{ readonly salt: Uint8Array; readonly body: Uint8Array }> {
    const { value } = await this.#connection.call<GetBodyRequest, GetBodyResponse__Output>(
      ({ log }) => log.GetBody.bind(log),
      { hash },
    );
    return { salt: plain(value.salt), body: plain(value.body) };
  }

  async receipt(device: string, sequence: number): Promise<Uint8Array> {
    const { value } = await this.#connection.call<GetReceiptRequest, GetReceiptResponse__Output>(
      ({ log }) => log.GetReceipt.bind(log),
      { device, sequence },
    );
    return plain(value.receipt);
  }
}

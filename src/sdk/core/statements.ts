/**
 * What a TSA signs with the key of its TLS certificate: its readings in an audit, and that it has stopped. The bytes are
 * deterministic CBOR as proto/taa/v1/time.proto states; they are signed, sent and stored as they are.
 */

import type { TaiNs } from '../../time/types.js';
import { encode } from '../../verify/cbor.js';

const VERSION = 1;

/** One answer to a probe: nonce, and the audited clock at arrival and departure. */
export interface ProbeReading {
  readonly nonce: Uint8Array;
  readonly received: TaiNs;
  readonly transmitted: TaiNs;
}

export function readingsStatement(statement: {
  readonly cluster: string;
  readonly device: string;
  readonly session: Uint8Array;
  readonly request: number;
  readonly timescale: 'tai' | 'utc';
  readonly readings: readonly ProbeReading[];
}): Uint8Array {
  const { readings, ...rest } = statement;
  return encode({
    v: VERSION,
    ...rest,
    readings: readings.map((r) => [r.nonce, r.received, r.transmitted]),
  });
}

/** @param stoppedAt the TSA's clock when the stop was stored; null if it could not tell the time */
export function stopStatement(cluster: string, order: number, stoppedAt: TaiNs | null): Uint8Array {
  return encode({ v: VERSION, cluster, order, stoppedAt });
}

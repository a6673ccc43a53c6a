/**
 * What a client signs at the end of a measurement, and whether it is exactly what it answered: evidence that an auditor
 * checks again, years later, against the samples in the record.
 */

import { equalBytes } from '../../verify/bytes.js';
import type { CborValue } from '../../verify/cbor.js';
import { CborError, decode } from '../../verify/cbor.js';
import { isMap } from '../../verify/cbor-reader.js';

/** One answered probe, in TAI ns of the audited clock. */
export interface Reading {
  readonly nonce: Uint8Array;
  readonly received: bigint;
  readonly transmitted: bigint;
}

/** What the statement must say. */
export interface Readings {
  readonly cluster: string;
  readonly device: string;
  readonly session: Uint8Array;
  readonly request: number;
  readonly timescale: 'tai' | 'utc';
  readonly readings: readonly Reading[];
}

/** Deterministic CBOR {v, cluster, device, session, request, timescale, readings: [[nonce, received, transmitted], …]}. */
export function statesReadings(statement: Uint8Array, expected: Readings): boolean {
  const value = decoded(statement);
  if (value === null || !isMap(value)) return false;
  const session = value.get('session');
  const readings = value.get('readings');
  return (
    value.get('cluster') === expected.cluster &&
    value.get('device') === expected.device &&
    session instanceof Uint8Array &&
    equalBytes(session, expected.session) &&
    sameInteger(value.get('request'), expected.request) &&
    value.get('timescale') === expected.timescale &&
    Array.isArray(readings) &&
    readings.length === expected.readings.length &&
    expected.readings.every((said, i) => sameReading((readings as readonly CborValue[])[i], said))
  );
}

function decoded(statement: Uint8Array): CborValue | null {
  try {
    return decode(statement);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

function sameInteger(value: CborValue | undefined, expected: number | bigint): boolean {
  return (typeof value === 'number' || typeof value === 'bigint') && BigInt(value) === BigInt(expected);
}

function sameReading(value: CborValue | undefined, said: Reading): boolean {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [nonce, received, transmitted] = value as readonly CborValue[];
  return (
    nonce instanceof Uint8Array &&
    equalBytes(nonce, said.nonce) &&
    sameInteger(received, said.received) &&
    sameInteger(transmitted, said.transmitted)
  );
}

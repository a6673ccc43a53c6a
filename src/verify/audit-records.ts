/**
 * What the two records of a certified audit must say, so that a certificate can be tied to them offline, years later. The
 * records hold more; other keys are not read here, so that later versions may add some.
 */

import { isMap } from './cbor-reader.js';
import { CborError, decode, type CborMap, type CborValue } from './cbor.js';

/** Values of a record's `type`. */
const measurementType = 'measurement';
const certificateType = 'certificate';
const stateDigestType = 'stateDigest';

/** Whose audit it is: the same in both records and in the certificate. */
export interface AuditSubject {
  readonly device: string;
  readonly sequence: number;
  /** The node that measured and signs. */
  readonly node: string;
}

/** What was judged from the facts, nanoseconds: the numbers that the certificate states. */
export interface RecordedJudgement {
  readonly verdict: string;
  readonly tsaLow: bigint;
  readonly tsaHigh: bigint;
  readonly low: bigint;
  readonly high: bigint;
  readonly delay: bigint;
}

/** A record of type `measurement`. */
export interface MeasurementRecord extends AuditSubject {
  readonly policyVersion: number;
  readonly judgement: RecordedJudgement;
}

/** A record of type `certificate`. */
export interface CertificateRecord extends AuditSubject {
  /** Leaf index of the measurement record. */
  readonly measurement: number;
  /** The certificate: CMS DER. */
  readonly der: Uint8Array;
}

/** Null when the leaf is not a measurement record. Total. */
export function readMeasurementRecord(leaf: Uint8Array): MeasurementRecord | null {
  const map = recordOf(leaf, measurementType);
  const subject = map && subjectOf(map);
  const judgement = judgementOf(map?.get('judgement'));
  const policyVersion = map?.get('policyVersion');
  if (!subject || !judgement || typeof policyVersion !== 'number') return null;
  return { ...subject, policyVersion, judgement };
}

/** Null when the leaf is not the record of a certificate. Total. */
export function readCertificateRecord(leaf: Uint8Array): CertificateRecord | null {
  const map = recordOf(leaf, certificateType);
  const subject = map && subjectOf(map);
  const measurement = map?.get('measurement');
  const der = map?.get('der');
  if (!subject || typeof measurement !== 'number' || !(der instanceof Uint8Array)) return null;
  return { ...subject, measurement, der };
}

/** A record of type `stateDigest`: what the replicated state was before the entry that made it. */
export interface StateDigestRecord {
  /** Log entry that made the record, and its cluster time. */
  readonly index: number;
  readonly time: bigint;
  /** Leaves in the tree before that entry. */
  readonly size: number;
  /** SHA-256 of the encoded state. */
  readonly state: Uint8Array;
}

/** Null when the leaf is not the record of a state digest. Total. */
export function readStateDigestRecord(leaf: Uint8Array): StateDigestRecord | null {
  const map = recordOf(leaf, stateDigestType);
  const index = map?.get('index');
  const size = map?.get('size');
  const state = map?.get('state');
  const time = lengthOf(map?.get('time'));
  if (typeof index !== 'number' || typeof size !== 'number' || time === null) return null;
  return state instanceof Uint8Array && state.length === 32 ? { index, time, size, state } : null;
}

function recordOf(leaf: Uint8Array, type: string): CborMap | null {
  try {
    const value = decode(leaf);
    return isMap(value) && value.get('type') === type ? value : null;
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

function subjectOf(map: CborMap): AuditSubject | null {
  const device = map.get('device');
  const sequence = map.get('sequence');
  const node = map.get('node');
  if (typeof device !== 'string' || typeof sequence !== 'number' || typeof node !== 'string') return null;
  return { device, sequence, node };
}

function judgementOf(value: CborValue | undefined): RecordedJudgement | null {
  if (value === undefined || !isMap(value)) return null;
  const verdict = value.get('verdict');
  const lengths = (['tsaLow', 'tsaHigh', 'low', 'high', 'delay'] as const).map((key) =>
    lengthOf(value.get(key)),
  );
  const [tsaLow, tsaHigh, low, high, delay] = lengths;
  if (typeof verdict !== 'string') return null;
  if (tsaLow == null || tsaHigh == null || low == null || high == null || delay == null) return null;
  return { verdict, tsaLow, tsaHigh, low, high, delay };
}

const lengthOf = (value: CborValue | undefined): bigint | null =>
  typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : null;

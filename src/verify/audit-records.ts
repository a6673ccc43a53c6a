/**
 * What the two records of a certified audit must say, so that a certificate can be tied to them offline, years later. The
 * records hold more; other keys are not read here, so that later versions may add some.
 */

import { isMap } from './cbor-reader.js';
import { CborError, decode, type CborMap } from './cbor.js';

/** Values of a record's `type`. */
export const auditRecordTypes = { measured: 'measured', issued: 'issued' } as const;

/** Whose audit it is: the same in both records and in the certificate. */
export interface AuditSubject {
  readonly device: string;
  readonly sequence: number;
  /** The node that measured and signs. */
  readonly node: string;
}

/** Key `type` is `measured`; keys `device`, `sequence`, `node`. */
export type MeasuredRecord = AuditSubject;

/** Key `type` is `issued`; keys `device`, `sequence`, `node`, `measurement`, `certificateHash`. */
export interface IssuedRecord extends AuditSubject {
  /** Leaf index of the measurement record. */
  readonly measurement: number;
  /** SHA-256 of the certificate (the CMS DER), 32 bytes. */
  readonly certificateHash: Uint8Array;
}

/** Null when the leaf is not a measurement record. Total. */
export function readMeasuredRecord(leaf: Uint8Array): MeasuredRecord | null {
  const map = recordOf(leaf, auditRecordTypes.measured);
  return map && subjectOf(map);
}

/** Null when the leaf is not an issuance record. Total. */
export function readIssuedRecord(leaf: Uint8Array): IssuedRecord | null {
  const map = recordOf(leaf, auditRecordTypes.issued);
  const subject = map && subjectOf(map);
  const measurement = map?.get('measurement');
  const certificateHash = map?.get('certificateHash');
  if (!subject || typeof measurement !== 'number') return null;
  if (!(certificateHash instanceof Uint8Array) || certificateHash.length !== 32) return null;
  return { ...subject, measurement, certificateHash };
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

/**
 * What a whole log must satisfy beyond its hashes, looked at leaf by leaf in order: it begins with the birth from the
 * trusted genesis, every record reads, every certificate verifies and certifies a measurement that stands before it, and
 * each device's audits are numbered 1…n with at most one certificate or voiding each.
 *
 * Memory grows with the number of devices and of audits under way, not with the log.
 */

import type { LeafIndex } from '../audit/types.js';
import { birthAuthority } from '../authority/authority.js';
import { statementCodec } from '../authority/statements.js';
import { readCertificateRecord, readMeasurementRecord } from '../verify/audit-records.js';
import { equalBytes } from '../verify/bytes.js';
import { isMap } from '../verify/cbor-reader.js';
import { CborError, decode, type CborMap } from '../verify/cbor.js';
import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import { nodeVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import { leafHash } from '../verify/merkle.js';
import { verifyStatement } from '../verify/signed-statement.js';
import { MembersInLog } from './members-in-log.js';

/** What was seen, for the report. */
export interface RecordCounts {
  readonly records: number;
  readonly byType: Readonly<Record<string, number>>;
  readonly certificates: number;
  readonly devices: number;
}

/** Findings beyond this many only repeat. */
const MAX_BODIES = 100_000;

interface OpenAudit {
  readonly leaf: LeafIndex;
  readonly hash: Uint8Array;
}

export class RecordChecks {
  readonly #genesis: Genesis;
  readonly #first: Uint8Array;
  readonly #byType = new Map<string, number>();
  readonly #sequences = new Map<string, number>();
  /** Measurements without certificate or voiding so far, by device and sequence. */
  readonly #open = new Map<string, OpenAudit>();
  readonly #bodies = new Map<string, LeafIndex>();
  readonly #members: MembersInLog;
  #records = 0;
  #certificates = 0;

  constructor(genesis: Genesis) {
    this.#genesis = genesis;
    this.#members = new MembersInLog(genesis);
    const { leaves } = birthAuthority(genesis, { verifier: nodeVerifier, statements: statementCodec });
    this.#first = leaves[0] as Uint8Array;
  }

  get counts(): RecordCounts {
    return {
      records: this.#records,
      byType: Object.fromEntries([...this.#byType].sort(([a], [b]) => (a < b ? -1 : 1))),
      certificates: this.#certificates,
      devices: this.#sequences.size,
    };
  }

  /** Hashes (hex) of detached bodies that records name, with the leaf that names them. */
  get bodies(): ReadonlyMap<string, LeafIndex> {
    return this.#bodies;
  }

  /** @returns what is wrong with this leaf, or null. Leaves are given in order; one that is missing is left out. */
  inspect(index: LeafIndex, leaf: Uint8Array): string | null {
    this.#records += 1;
    if (index === 0 && !equalBytes(leaf, this.#first))
      return 'the log does not begin with the trusted genesis';
    const map = recordOf(leaf);
    const type = map?.get('type');
    if (map === null || typeof type !== 'string') return 'it is not a record';
    this.#byType.set(type, (this.#byType.get(type) ?? 0) + 1);
    this.#noteBody(index, map);
    switch (type) {
      case 'measurement':
        return this.#measurement(index, leaf);
      case 'certificate':
        return this.#certificate(leaf);
      case 'voided':
        return this.#voided(map);
      default:
        return this.#members.inspect(index, type, map);
    }
  }

  /** Whose lines publish a checkpoint of this size, as far as the leaves that were inspected tell. */
  policyAt(size: number): CheckpointPolicy {
    return this.#members.policyAt(size);
  }

  #noteBody(index: LeafIndex, map: CborMap): void {
    const hash = map.get('details');
    if (!(hash instanceof Uint8Array) || hash.length !== 32 || this.#bodies.size >= MAX_BODIES) return;
    this.#bodies.set(Buffer.from(hash).toString('hex'), index);
  }

  #measurement(index: LeafIndex, leaf: Uint8Array): string | null {
    const record = readMeasurementRecord(leaf);
    if (record === null) return 'the measurement record cannot be read';
    const expected = (this.#sequences.get(record.device) ?? 0) + 1;
    this.#sequences.set(record.device, record.sequence);
    if (record.sequence !== expected) {
      return `audit ${record.sequence} of ${record.device} follows ${expected - 1}`;
    }
    // A fail or an inconclusive audit has its outcome in this very record.
    if (record.judgement.verdict === 'pass') {
      this.#open.set(keyOf(record.device, record.sequence), { leaf: index, hash: leafHash(leaf) });
    }
    return null;
  }

  #certificate(leaf: Uint8Array): string | null {
    const record = readCertificateRecord(leaf);
    if (record === null) return 'the certificate record cannot be read';
    const key = keyOf(record.device, record.sequence);
    const measured = this.#open.get(key);
    this.#open.delete(key);
    if (measured?.leaf !== record.measurement) {
      return `the certificate of audit ${record.sequence} of ${record.device} has no measurement before it, or it had its outcome already`;
    }
    const { trustAnchors, clusterId } = this.#genesis;
    const verified = verifyStatement(record.der, { trustAnchors, clusterId }, nodeVerifier);
    if (!verified.ok) return `the certificate does not verify: ${verified.code}: ${verified.message}`;
    const { serial, measurementLeafHash } = verified.statement;
    if (serial !== measured.leaf || !equalBytes(measurementLeafHash, measured.hash)) {
      return 'the certificate was made from another measurement record';
    }
    this.#certificates += 1;
    return null;
  }

  #voided(map: CborMap): string | null {
    const device = map.get('device');
    const sequence = map.get('sequence');
    if (typeof device !== 'string' || typeof sequence !== 'number') return 'the voiding cannot be read';
    const found = this.#open.delete(keyOf(device, sequence));
    return found ? null : `audit ${sequence} of ${device} was voided without being under way`;
  }
}

const keyOf = (device: string, sequence: number): string => `${device}/${sequence}`;

function recordOf(leaf: Uint8Array): CborMap | null {
  try {
    const value = decode(leaf);
    return isMap(value) ? value : null;
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

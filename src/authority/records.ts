/**
 * Records: the leaves of the audit log. A leaf is small and permanent: a deterministic CBOR map with text keys that reads
 * without a schema. It names clients by opaque ids only and carries 16 bytes that nobody can guess, so that a leaf hash
 * tells nothing. Only apply makes records, with the one encoder of a state machine version.
 *
 * `recordCatalogue` is the list of everything that is recorded, with how long it is kept: no record type without a
 * retention class (accreditation criteria O7, O7.1).
 */

import type { TaiNs } from '../time/types.js';
import { concat } from '../verify/bytes.js';
import { encode, type CborInput } from '../verify/cbor.js';
import { sha256 } from '../verify/crypto.js';

/** Retention classes, with the shortest time for which a record of the class is kept. Years. */
export const retentionClasses = {
  /** Certificates, what they rest on, and who ordered what. */
  evidence: { minimumYears: 10 },
  /** How the service was running. */
  operation: { minimumYears: 5 },
  /** Who came, and who was turned away. */
  access: { minimumYears: 3 },
  /** Laboratories only. */
  laboratory: { minimumYears: 0 },
} as const;

export type RetentionClass = keyof typeof retentionClasses;

interface RecordInfo {
  readonly retention: RetentionClass;
  /** What the record says, as a sentence. */
  readonly says: string;
}

const info = (retention: RetentionClass, says: string): RecordInfo => ({ retention, says });

export const recordTypes = {
  genesis: info(
    'evidence',
    'A cluster was born from this genesis document, with these members and this policy.',
  ),
  registration: info('evidence', 'A device was registered; names and contacts are in the detached body.'),
  devicePolicy: info('evidence', 'The overrides of a device’s audit policy were replaced.'),
  clusterPolicy: info('evidence', 'The cluster’s policy was changed; the whole policy now in force.'),
  stopOrder: info('evidence', 'A device was ordered to stop issuing.'),
  stopRelease: info('evidence', 'A stop order was lifted.'),
  stopAcknowledgement: info('evidence', 'A device acknowledged a stop order; its signed statement.'),
  credential: info('evidence', 'A key of a device was added, suspended or restored.'),
  versionRaised: info('evidence', 'The state machine version was raised.'),
  membershipOrder: info('evidence', 'A member was ordered in, out, or to vote; the signed order.'),
  membershipChanged: info(
    'evidence',
    'Consensus took a configuration; with `inForce` an order is fulfilled by it.',
  ),
  membershipAttested: info('evidence', 'A published checkpoint states the new membership; the checkpoint.'),
  membershipAnomaly: info('evidence', 'Consensus took a configuration that no order covers.'),
  measurement: info('evidence', 'A clock was measured: the facts, the policy in force, and the judgement.'),
  confirmation: info(
    'evidence',
    'A later clock sample, or rounds among the peers, confirmed the clock that measured.',
  ),
  certificate: info('evidence', 'The certificate over a measurement was issued.'),
  voided: info('evidence', 'A measurement was given up before it was certified, and why.'),
  clockComparison: info('evidence', 'TAA clock − source, as measured, with its uncertainty.'),
  clockTransition: info('operation', 'A node’s clock changed its state.'),
  clockRelease: info('evidence', 'An operator released a node’s clock: which latch, and why.'),
  clockAnomaly: info('operation', 'Something about a clock or its sources was not as it should be.'),
  leapTable: info('evidence', 'A leap-second table was approved; the file is the detached body.'),
  leapEntry: info('evidence', 'An operator entered what was announced about the end of a month.'),
  leapCheck: info(
    'evidence',
    'A node’s daily check, preset or execution of a leap second, or a midnight that passed in doubt.',
  ),
  commonView: info(
    'evidence',
    'NICT − own reference by GNSS common view, known after the fact; the files are the detached body.',
  ),
  circularT: info(
    'evidence',
    'UTC − UTC(NICT) from a BIPM Circular T, known after the fact; the file is the detached body.',
  ),
  sessionOpened: info('access', 'A device opened a session with a node.'),
  sessionClosed: info('access', 'A session ended.'),
  nodeStarted: info('operation', 'A node’s process started.'),
  nodeStopping: info('operation', 'A node’s process stops as ordered.'),
  diverged: info('operation', 'A node found that its own tree differs from the published one.'),
  stateDigest: info(
    'operation',
    'The digest of the replicated state before this entry: what a snapshot is proven by.',
  ),
  forkEvidence: info('evidence', 'Two checkpoints were seen that no one log can have.'),
  accessDenied: info(
    'access',
    'Someone was turned away: the first time in a minute, or how often in a past one.',
  ),
  refused: info('access', 'A command was refused, and why.'),
  labItem: info('laboratory', 'Opaque bytes, appended to measure the log itself.'),
} as const satisfies Record<string, RecordInfo>;

export type RecordType = keyof typeof recordTypes;

export interface CatalogueEntry extends RecordInfo {
  readonly type: RecordType;
  readonly minimumYears: number;
}

/** Every record type with its retention: the generated list that the criteria ask for. */
export const recordCatalogue: readonly CatalogueEntry[] = Object.entries(recordTypes).map(
  ([type, entry]) => ({
    type: type as RecordType,
    ...entry,
    minimumYears: retentionClasses[entry.retention].minimumYears,
  }),
);

export const RECORD_VERSION = 1;

/** What every record says beside its own fields. */
export interface RecordHead {
  readonly type: RecordType;
  /** Cluster time of the entry. */
  readonly time: TaiNs;
  /** Index of the log entry that made it; 0 for the birth. */
  readonly index: number;
  /** The node that proposed the entry; empty when nothing readable was proposed. */
  readonly node: string;
  /** 16 bytes derived from the entry, see `leafRandom`. */
  readonly rnd: Uint8Array;
}

export function encodeRecord(
  head: RecordHead,
  fields: { readonly [key: string]: CborInput | undefined },
): Uint8Array {
  const { type, time, index, node, rnd } = head;
  return encode({
    ...fields,
    v: RECORD_VERSION,
    type,
    ret: recordTypes[type].retention,
    time,
    index,
    node,
    rnd,
  });
}

/**
 * The unguessable part of leaf number `position` of the entry at `index`. The proposer's random nonce is inside the
 * digest; hashing once more keeps someone who was given one leaf from knowing this part of its neighbours, which may be
 * another client's, and the index tells apart what was proposed twice.
 */
export function leafRandom(entryDigest: Uint8Array, index: number, position: number): Uint8Array {
  const place = new Uint8Array(12);
  const view = new DataView(place.buffer);
  view.setBigUint64(0, BigInt(index));
  view.setUint32(8, position);
  return sha256(concat([entryDigest, place])).slice(0, 16);
}

/**
 * Laboratory items, many at once. The bytes are those of `encodeRecord`; all but `rnd` and `data` is encoded once for
 * the command. Neighbours are the same caller's, so `rnd` is the digest with the position mixed in, without hashing.
 */
export function encodeLabItems(
  head: Omit<RecordHead, 'type' | 'rnd'>,
  entryDigest: Uint8Array,
  position: number,
  items: readonly Uint8Array[],
): readonly Uint8Array[] {
  const template = encodeRecord(
    { ...head, type: 'labItem', rnd: new Uint8Array(16) },
    { data: new Uint8Array(0) },
  );
  // Keys are ordered by length, then bytewise: v, ret, rnd, data, node, …
  const beforeRnd =
    1 + keyLength('v') + 1 + keyLength('ret') + 1 + 'laboratory'.length + keyLength('rnd') + 1;
  const beforeData = beforeRnd + 16 + keyLength('data');
  const front = template.subarray(0, beforeData);
  const tail = template.subarray(beforeData + 1);
  const heads = items.map((data) => byteStringHead(data.length));
  const overhead = beforeData + tail.length;
  // One area for all: hundreds of small ones would cost more than everything else here.
  const area = new Uint8Array(
    items.reduce((sum, data, i) => sum + overhead + data.length + (heads[i] as Uint8Array).length, 0),
  );
  let at = 0;
  return items.map((data, i) => {
    const length = heads[i] as Uint8Array;
    const start = at;
    area.set(front, at);
    mixIn(area, at + beforeRnd, entryDigest, position + i);
    area.set(length, at + beforeData);
    area.set(data, at + beforeData + length.length);
    at += beforeData + length.length + data.length;
    area.set(tail, at);
    at += tail.length;
    return area.subarray(start, at);
  });
}

/** The unguessable part of a laboratory item, see `encodeLabItems`. */
export function labRandom(entryDigest: Uint8Array, position: number): Uint8Array {
  const random = new Uint8Array(16);
  mixIn(random, 0, entryDigest, position);
  return random;
}

function mixIn(target: Uint8Array, at: number, entryDigest: Uint8Array, position: number): void {
  for (let i = 0; i < 12; i++) target[at + i] = entryDigest[i] as number;
  for (let i = 12; i < 16; i++) target[at + i] = (entryDigest[i] as number) ^ (position >>> (8 * (15 - i)));
}

const keyLength = (key: string): number => 1 + key.length;

function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length);
  if (length < 0x100) return Uint8Array.of(0x58, length);
  return Uint8Array.of(0x59, length >>> 8, length);
}

/**
 * What nodes say to each other when one of them pulls what it lacks: a small snapshot in parts, then tiles, bundles and
 * bodies. Requests and answers on the bulk lane; each may be lost or repeated, and an answer repeats what it answers.
 */

import { logIndex, term as asTerm, type Entry } from '../../raft/types.js';
import type { DetachedBody } from '../../audit/types.js';
import { asBytes, decodeMap, type CborReader } from '../../verify/cbor-reader.js';
import { CborError, encode, type CborLimits, type CborObject } from '../../verify/cbor.js';
import { MAX_LEAF_BYTES, TILE_WIDTH } from '../../audit/tiles.js';
import { HASH_BYTES } from '../../verify/merkle.js';
import { readSteps, stepBody, type MembershipStep } from '../../verify/membership-chain.js';
import { MAX_NOTE_BYTES } from '../../verify/note.js';

/** Why a snapshot may be believed: the record of its state's digest stands in a published log that continues its tree. */
export interface SnapshotProof {
  /** The record, its position, and its path to the checkpoint's root. */
  readonly leaf: Uint8Array;
  readonly leafIndex: number;
  readonly path: readonly Uint8Array[];
  /** Published checkpoint. */
  readonly note: Uint8Array;
  /** The snapshot's tree, and the tree that the asker has, are prefixes of the checkpoint's. */
  readonly consistency: readonly Uint8Array[];
  readonly prefix: readonly Uint8Array[];
  /** How the members changed from the genesis until the checkpoint; left out while they are the first ones. */
  readonly members?: readonly MembershipStep[];
}

export type SnapshotMessage =
  /** A snapshot of entry `least` or later; `have` leaves are in the asker's own tree. */
  | { readonly kind: 'askSnapshot'; readonly least: number; readonly have: number }
  | {
      readonly kind: 'snapshot';
      /** SHA-256 of the parts together: names them, and lets another peer's parts continue them. */
      readonly digest: Uint8Array;
      readonly length: number;
      /** Term of the last entry that the snapshot holds. */
      readonly term: number;
      readonly have: number;
      readonly proof: SnapshotProof;
    }
  | { readonly kind: 'askPart'; readonly digest: Uint8Array; readonly at: number }
  | { readonly kind: 'part'; readonly digest: Uint8Array; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'askTiles'; readonly level: number; readonly index: number; readonly count: number }
  /** Fewer than asked for are an answer too. */
  | {
      readonly kind: 'tiles';
      readonly level: number;
      readonly index: number;
      readonly tiles: readonly Uint8Array[];
    }
  | { readonly kind: 'askBundles'; readonly index: number; readonly count: number }
  | { readonly kind: 'bundles'; readonly index: number; readonly bundles: readonly Uint8Array[] }
  | { readonly kind: 'askBodies'; readonly after: Uint8Array }
  /** No bodies: there are no more. */
  | { readonly kind: 'bodies'; readonly after: Uint8Array; readonly bodies: readonly DetachedBody[] }
  /** Committed entries from here on, for a node that repairs its log. */
  | { readonly kind: 'askEntries'; readonly from: number }
  | { readonly kind: 'entries'; readonly from: number; readonly entries: readonly Entry[] }
  /** They are trimmed: a snapshot must come first. */
  | { readonly kind: 'trimmed'; readonly from: number; readonly firstIndex: number }
  | { readonly kind: 'none'; readonly to: SnapshotMessage['kind'] };

const VERSION = 1;
export const MAX_TILES = 32;
export const MAX_BUNDLES = 16;
/** A part, or a batch of bundles or bodies, stays around this many bytes. */
export const PART_BYTES = 256 * 1024;

const LIMITS: CborLimits = { maxBytes: 64 * 1024 * 1024, maxDepth: 6 };
const kinds = [
  'askSnapshot',
  'snapshot',
  'askPart',
  'part',
  'askTiles',
  'tiles',
  'askBundles',
  'bundles',
  'askBodies',
  'bodies',
  'askEntries',
  'entries',
  'trimmed',
  'none',
] as const satisfies readonly SnapshotMessage['kind'][];

export function encodeSnapshotMessage(message: SnapshotMessage): Uint8Array {
  switch (message.kind) {
    case 'snapshot':
      return encode({ v: VERSION, ...message, proof: proofBody(message.proof) });
    case 'bodies':
      return encode({
        v: VERSION,
        kind: message.kind,
        after: message.after,
        bodies: message.bodies.map(({ hash, salt, bytes }) => ({ hash, salt, bytes })),
      });
    case 'entries':
      return encode({
        v: VERSION,
        kind: message.kind,
        from: message.from,
        entries: message.entries.map(({ term, kind, time, payload }) => ({ term, kind, time, payload })),
      });
    default:
      return encode({ v: VERSION, ...message });
  }
}

/** Null for anything that `encodeSnapshotMessage` would not have written. */
export function decodeSnapshotMessage(bytes: Uint8Array): SnapshotMessage | null {
  try {
    return decodeMap(bytes, 'message', read, LIMITS);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

function read(reader: CborReader): SnapshotMessage {
  const version = reader.uint('v');
  if (version !== VERSION) throw new CborError('outOfRange', 'v', `version ${version} is not known`);
  const kind = reader.oneOf('kind', kinds);
  switch (kind) {
    case 'askSnapshot':
      return { kind, least: reader.uint('least'), have: reader.uint('have') };
    case 'snapshot':
      return {
        kind,
        digest: hash(reader, 'digest'),
        length: reader.uint('length'),
        term: reader.uint('term'),
        have: reader.uint('have'),
        proof: reader.map('proof', readProof),
      };
    case 'askPart':
      return { kind, digest: hash(reader, 'digest'), at: reader.uint('at') };
    case 'part':
      return { kind, digest: hash(reader, 'digest'), at: reader.uint('at'), bytes: reader.bytes('bytes') };
    case 'askTiles':
      return {
        kind,
        level: reader.uint('level', 6),
        index: reader.uint('index'),
        count: reader.uint('count', MAX_TILES),
      };
    case 'tiles':
      return {
        kind,
        level: reader.uint('level', 6),
        index: reader.uint('index'),
        tiles: blobs(reader, 'tiles', TILE_WIDTH * HASH_BYTES),
      };
    case 'askBundles':
      return { kind, index: reader.uint('index'), count: reader.uint('count', MAX_BUNDLES) };
    case 'bundles':
      return {
        kind,
        index: reader.uint('index'),
        bundles: blobs(reader, 'bundles', TILE_WIDTH * (MAX_LEAF_BYTES + 2)),
      };
    case 'askBodies':
      return { kind, after: hash(reader, 'after') };
    case 'bodies':
      return { kind, after: hash(reader, 'after'), bodies: reader.maps('bodies', readBody) };
    case 'askEntries':
      return { kind, from: reader.uint('from') };
    case 'entries': {
      const from = reader.uint('from');
      let index = from;
      return { kind, from, entries: reader.maps('entries', (entry) => readEntry(entry, index++)) };
    }
    case 'trimmed':
      return { kind, from: reader.uint('from'), firstIndex: reader.uint('firstIndex') };
    case 'none':
      return { kind, to: reader.oneOf('to', kinds) };
  }
}

const proofBody = ({ members, ...proof }: SnapshotProof): CborObject => ({
  ...proof,
  members: members?.map(stepBody),
});

function readProof(reader: CborReader): SnapshotProof {
  const members = reader.has('members') ? { members: readSteps(reader, 'members') } : {};
  return {
    ...members,
    leaf: reader.bytes('leaf', { max: MAX_LEAF_BYTES }),
    leafIndex: reader.uint('leafIndex'),
    path: blobs(reader, 'path', HASH_BYTES),
    note: reader.bytes('note', { max: MAX_NOTE_BYTES }),
    consistency: blobs(reader, 'consistency', HASH_BYTES),
    prefix: blobs(reader, 'prefix', HASH_BYTES),
  };
}

const readEntry = (reader: CborReader, index: number): Entry => ({
  index: logIndex(index),
  term: asTerm(reader.uint('term')),
  kind: reader.oneOf('kind', ['command', 'noop', 'config']),
  time: reader.int64('time'),
  payload: reader.bytes('payload'),
});

const readBody = (reader: CborReader): DetachedBody => ({
  hash: hash(reader, 'hash'),
  salt: reader.bytes('salt', { length: 16 }),
  bytes: reader.bytes('bytes'),
});

const hash = (reader: CborReader, key: string): Uint8Array => reader.bytes(key, { length: HASH_BYTES });

const blobs = (reader: CborReader, key: string, max: number): Uint8Array[] =>
  reader.array(key, (value, path) => asBytes(value, { max }, path));

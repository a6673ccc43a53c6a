/**
 * The small snapshot that a node left behind installs: the replicated state and the edge of the tree as of one entry.
 *
 * It is believed for its proof alone: its state has the digest that a record names, the record stands in a published
 * checkpoint, and the snapshot's tree is a prefix of that checkpoint's, which also continues the tree of the node itself.
 * Only the term of its last entry is the peer's word: consensus asks it for no promise, only where logs may meet.
 */

import { imageFault } from '../../audit/ledger.js';
import type { LedgerImage } from '../../audit/storage.js';
import { TreeEdge } from '../../audit/tree.js';
import type { TreeHead } from '../../audit/types.js';
import { readStateDigestRecord } from '../../verify/audit-records.js';
import { equalBytes } from '../../verify/bytes.js';
import { asBytes, decodeMap } from '../../verify/cbor-reader.js';
import { CborError, encode } from '../../verify/cbor.js';
import type { CheckpointPolicy } from '../../verify/checkpoint-policy.js';
import { verifyCheckpoint } from '../../verify/checkpoint.js';
import { sha256, type SignatureVerifier } from '../../verify/crypto.js';
import type { MembershipStep } from '../../verify/membership-chain.js';
import { HASH_BYTES, leafHash, verifyConsistency, verifyInclusion } from '../../verify/merkle.js';
import type { SnapshotProof } from './snapshot-messages.js';

export type SnapshotBody = Pick<LedgerImage, 'size' | 'edge' | 'tail' | 'state'>;

const VERSION = 1;
/** The replicated state travels inside: generous, still a bound. */
export const MAX_SNAPSHOT_BYTES = 1 << 30;

export function encodeSnapshot({ size, edge, tail, state }: SnapshotBody): Uint8Array {
  return encode({ v: VERSION, size, edge: edge.map((level) => [...level]), tail: [...tail], state });
}

/** @throws CborError for anything that `encodeSnapshot` would not have written */
export function decodeSnapshot(bytes: Uint8Array): SnapshotBody {
  return decodeMap(
    bytes,
    'snapshot',
    (reader) => {
      const version = reader.uint('v');
      if (version !== VERSION) throw new CborError('outOfRange', 'v', `version ${version} is not known`);
      return {
        size: reader.uint('size'),
        edge: reader.array('edge', (level, path) => {
          if (!Array.isArray(level)) throw new CborError('wrongType', path, 'a list is expected');
          return level.map((hash: unknown) => asBytes(hash as Uint8Array, { length: HASH_BYTES }, path));
        }),
        tail: reader.array('tail', (leaf, path) => asBytes(leaf, {}, path)),
        state: reader.bytes('state'),
      };
    },
    { maxBytes: MAX_SNAPSHOT_BYTES, maxDepth: 4 },
  );
}

export type SnapshotVerdict =
  | { readonly ok: true; readonly image: LedgerImage; readonly publishedSize: number }
  /** `prefix`: it is another tree than this node's own, which a quorum has not signed: this node diverged. */
  | { readonly ok: false; readonly fault: string; readonly diverged: boolean };

export function verifySnapshot(
  bytes: Uint8Array,
  proof: SnapshotProof,
  own: TreeHead,
  policyAfter: (members: readonly MembershipStep[]) => CheckpointPolicy,
  verifier: SignatureVerifier,
): SnapshotVerdict {
  const refuse = (fault: string): SnapshotVerdict => ({ ok: false, fault, diverged: false });
  const published = verifyCheckpoint(proof.note, policyAfter(proof.members ?? []), verifier);
  if (!published.ok) return refuse(`its checkpoint is not published: ${published.reasons.join(', ')}`);
  const { size, root } = published.checkpoint;
  const record = readStateDigestRecord(proof.leaf);
  if (record === null) return refuse('it names no record of a state digest');
  if (!verifyInclusion(proof.leafIndex, size, leafHash(proof.leaf), proof.path, root)) {
    return refuse('the record of its digest is not in the published log');
  }
  let body: SnapshotBody;
  try {
    body = decodeSnapshot(bytes);
  } catch (error) {
    if (error instanceof CborError) return refuse(`it cannot be read: ${error.message}`);
    throw error;
  }
  if (!equalBytes(sha256(body.state), record.state)) return refuse('its state is not the recorded one');
  const image: LedgerImage = { ...body, appliedIndex: record.index - 1, appliedTime: record.time };
  const fault = body.size === record.size ? imageFault(image) : 'it is of another size than recorded';
  if (fault !== null) return refuse(fault);
  const edge = TreeEdge.restore(body.size, body.edge).root();
  if (!verifyConsistency(body.size, size, proof.consistency, edge, root)) {
    return refuse('its tree is not a prefix of the published one');
  }
  if (own.size > 0 && !verifyConsistency(own.size, size, proof.prefix, own.root, root)) {
    return {
      ok: false,
      fault: `this node’s tree of ${own.size} leaves is not a prefix of the published one`,
      diverged: own.size <= size,
    };
  }
  return { ok: true, image, publishedSize: size };
}

/**
 * The receipt bundle: one file that proves, without a server, that a certificate's record stands in the log. It holds
 * the leaf, its audit path, the checkpoint, the certificate with its chain, and the policy version; for the measurement
 * that the certificate is about likewise, so that the certificate's serial number can be checked as a position.
 *
 * `verifyReceipt` checks what the log promises: the leaves stand at their positions in a published checkpoint. That the
 * leaf is about this certificate, and what the certificate says, is checked by whoever reads them on top of it.
 */

import { asBytes, decodeMap, readMap, type CborReader } from './cbor-reader.js';
import { CborError, encode, type CborInput, type CborLimits, type CborValue } from './cbor.js';
import type { CheckpointPolicy } from './checkpoint-policy.js';
import {
  verifyCheckpoint,
  type Checkpoint,
  type CheckpointLines,
  type CheckpointReason,
} from './checkpoint.js';
import type { SignatureVerifier } from './crypto.js';
import { HASH_BYTES, leafHash, verifyInclusion } from './merkle.js';
import {
  followMembership,
  readSteps,
  stepBody,
  type MembershipStep,
  type MembershipTrust,
} from './membership-chain.js';
import { MAX_NOTE_BYTES } from './note.js';
import { MAX_PATH_HASHES } from './tlog-proof.js';

export const RECEIPT_VERSION = 1;

/** A leaf with its place in the checkpoint's tree. */
export interface ProvenLeaf {
  readonly leaf: Uint8Array;
  readonly index: number;
  /** Audit path from the leaf's sibling upwards. */
  readonly path: readonly Uint8Array[];
}

export interface ReceiptBundle {
  /** The record that issued the certificate. */
  readonly issuance: ProvenLeaf;
  /** The record of the measurement that it certifies. */
  readonly measurement: ProvenLeaf;
  /** Signed note. */
  readonly checkpoint: Uint8Array;
  /** DER of the time-audit statement. */
  readonly certificate: Uint8Array;
  /** DER certificates from the issuing one upwards, without the trust anchor. */
  readonly chain: readonly Uint8Array[];
  /** Version of the replicated policy in force. */
  readonly policyVersion: number;
  /** How the members changed from the genesis until the checkpoint; left out while they are the first ones. */
  readonly members?: readonly MembershipStep[];
}

export type ReceiptReason =
  /** There is no receipt. */
  | 'missing'
  /** Not a receipt bundle of a version that this program reads. */
  | 'unreadable'
  /** A leaf does not stand at its position in the checkpoint's tree. */
  | 'badProof'
  /** The changes of the members do not hold. */
  | 'badMembers'
  | CheckpointReason;

export type ReceiptVerdict =
  | {
      readonly ok: true;
      readonly bundle: ReceiptBundle;
      readonly checkpoint: Checkpoint;
      readonly lines: CheckpointLines;
    }
  | {
      readonly ok: false;
      readonly reasons: readonly ReceiptReason[];
      /** For people: what is wrong and what that means. */
      readonly detail: string;
      readonly bundle?: ReceiptBundle;
    };

export interface ReceiptTrust {
  /** Of the membership from which the receipt starts: the first one, or one that the verifier knows from elsewhere. */
  readonly policy: CheckpointPolicy;
  readonly verifier: SignatureVerifier;
  /** Needed to follow changes of the members; without it only checkpoints of `policy` are accepted. */
  readonly membership?: MembershipTrust;
}

const LIMITS: CborLimits = { maxBytes: 1 << 20, maxDepth: 4 };
const MAX_DER_BYTES = 1 << 16;
const MAX_LEAF_BYTES = 0xffff;
const MAX_CHAIN = 8;

export function encodeReceipt(bundle: ReceiptBundle): Uint8Array {
  return encode({
    v: RECEIPT_VERSION,
    issuance: provenInput(bundle.issuance),
    measurement: provenInput(bundle.measurement),
    checkpoint: bundle.checkpoint,
    certificate: bundle.certificate,
    chain: bundle.chain,
    policyVersion: bundle.policyVersion,
    ...(bundle.members === undefined ? {} : { members: bundle.members.map(stepBody) }),
  });
}

/** @throws CborError */
export function decodeReceipt(bytes: Uint8Array): ReceiptBundle {
  return decodeMap(bytes, 'receipt', readReceipt, LIMITS);
}

/**
 * Does the receipt prove, to someone with this trust, that its leaves are in the log?
 * @param receipt null when the holder has none
 * @param measurer the node that measured, once it is known from the certificate: its own time-stamp does not count
 */
export function verifyReceipt(
  receipt: Uint8Array | null,
  trust: ReceiptTrust,
  measurer?: string,
): ReceiptVerdict {
  if (receipt === null || receipt.length === 0) return refused(['missing']);
  const bundle = readable(receipt);
  if (bundle === null) return refused(['unreadable']);
  const followed = policyFor(bundle, trust);
  if (!followed.ok) return { ok: false, reasons: ['badMembers'], detail: followed.detail, bundle };
  const measurers = measurer === undefined ? [] : [measurer];
  const verdict = verifyCheckpoint(bundle.checkpoint, followed.policy, trust.verifier, measurers);
  const reasons: ReceiptReason[] = verdict.ok ? [] : [...verdict.reasons];
  const { checkpoint } = verdict;
  if (checkpoint !== undefined) {
    const standing = (leaf: ProvenLeaf): boolean => isProven(leaf, checkpoint);
    if (!standing(bundle.issuance) || !standing(bundle.measurement)) reasons.push('badProof');
  }
  if (!verdict.ok || reasons.length > 0) return refused(reasons, bundle);
  return { ok: true, bundle, checkpoint: verdict.checkpoint, lines: verdict.lines };
}

type Followed =
  { readonly ok: true; readonly policy: CheckpointPolicy } | { readonly ok: false; readonly detail: string };

function policyFor({ members }: ReceiptBundle, trust: ReceiptTrust): Followed {
  if (members === undefined || trust.membership === undefined) return { ok: true, policy: trust.policy };
  return followMembership(members, trust.membership, trust.verifier);
}

function isProven({ leaf, index, path }: ProvenLeaf, checkpoint: Checkpoint): boolean {
  return verifyInclusion(index, checkpoint.size, leafHash(leaf), path, checkpoint.root);
}

function readable(receipt: Uint8Array): ReceiptBundle | null {
  try {
    return decodeReceipt(receipt);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

function readReceipt(reader: CborReader): ReceiptBundle {
  const version = reader.uint('v');
  if (version !== RECEIPT_VERSION)
    throw new CborError('outOfRange', 'receipt.v', `version ${version} is not known`);
  const members = reader.has('members') ? readSteps(reader, 'members') : null;
  if (members?.length === 0)
    throw new CborError('outOfRange', 'receipt.members', 'an empty list is left out');
  return {
    issuance: readProven(reader.value('issuance'), 'receipt.issuance'),
    measurement: readProven(reader.value('measurement'), 'receipt.measurement'),
    checkpoint: reader.bytes('checkpoint', { max: MAX_NOTE_BYTES }),
    certificate: reader.bytes('certificate', { min: 1, max: MAX_DER_BYTES }),
    chain: reader.array(
      'chain',
      (value, path) => asBytes(value, { min: 1, max: MAX_DER_BYTES }, path),
      MAX_CHAIN,
    ),
    policyVersion: reader.uint('policyVersion'),
    ...(members === null ? {} : { members }),
  };
}

function readProven(value: CborValue, name: string): ProvenLeaf {
  return readMap(value, name, (reader) => ({
    leaf: reader.bytes('leaf', { max: MAX_LEAF_BYTES }),
    index: reader.uint('index'),
    path: reader.array('path', (item, path) => asBytes(item, { length: HASH_BYTES }, path), MAX_PATH_HASHES),
  }));
}

function provenInput({ leaf, index, path }: ProvenLeaf): CborInput {
  return { leaf, index, path };
}

const explanations: Record<ReceiptReason, string> = {
  missing: 'there is no receipt: ask a node for it, a certificate without one proves nothing',
  unreadable: 'this is not a receipt bundle, or one of a newer version: use a newer program',
  badProof: 'a record is not in the log at the position that the receipt claims',
  malformed: 'the checkpoint is not a signed note of a tree',
  badMembers: 'the changes of the members since the genesis do not hold',
  otherLog: 'the checkpoint is of another log than the one that is trusted',
  otherMembership:
    'the checkpoint was signed under another membership than the receipt accounts for: ask a node for a new receipt',
  badSignature:
    'a checkpoint line claims a trusted node but was not signed by it: the receipt was tampered with',
  belowQuorum: 'too few trusted nodes have signed the checkpoint',
  belowSites: 'the nodes that signed the checkpoint are at too few sites',
  noIndependentTime: 'no node other than the measuring one has time-stamped the checkpoint',
};

function refused(reasons: readonly ReceiptReason[], bundle?: ReceiptBundle): ReceiptVerdict {
  const detail = reasons.map((reason) => explanations[reason]).join('; ');
  return bundle === undefined ? { ok: false, reasons, detail } : { ok: false, reasons, detail, bundle };
}

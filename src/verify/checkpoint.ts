/**
 * Checkpoints of the log: C2SP tlog-checkpoint notes with two lines a node, both by its one log key. The plain line
 * (type 0x01) states the order and counts for the quorum; the time-stamped one (`cosignature/v1`, type 0x04) adds that
 * at this POSIX time it was the largest tree that the node had seen. The first lines of the two signed messages differ,
 * so that neither signature can be taken for the other.
 *
 * @see https://c2sp.org/tlog-checkpoint
 * @see https://c2sp.org/tlog-cosignature
 */

import { fromBase64, toBase64 } from './base64.js';
import { bytesOf } from './bytes.js';
import {
  nodesOf,
  sameMembership,
  type CheckpointPolicy,
  type MembershipLabel,
  type PolicyNode,
} from './checkpoint-policy.js';
import type { SignatureVerifier } from './crypto.js';
import { HASH_BYTES } from './merkle.js';
import { NoteError, parseNote, type Note, type NoteSignature } from './note.js';

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** The membership under which it was signed; absent or null for the first one of the cluster. */
  readonly membership?: MembershipLabel | null;
}

export const ED25519_SIGNATURE_BYTES = 64;
const TIMESTAMP_BYTES = 8;

/**
 * The note text: origin, size, root; and, once the members of the cluster have changed, an extension line with the number
 * and hash of the membership that signs. These bytes are what a plain line signs.
 */
export function checkpointText({ origin, size, root, membership = null }: Checkpoint): string {
  const extension = membership === null ? '' : `members ${membership.version} ${toBase64(membership.hash)}\n`;
  return `${origin}\n${size}\n${toBase64(root)}\n${extension}`;
}

/** @throws NoteError for anything but these lines; no other extension is ever ours */
export function parseCheckpointText(text: string): Checkpoint {
  const [, origin, digits, encoded, version, encodedHash] =
    /^([^\n]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n(?:members ([1-9][0-9]{0,8}) ([A-Za-z0-9+/]{43}=)\n)?$/.exec(
      text,
    ) ?? [];
  const root = encoded === undefined ? null : fromBase64(encoded);
  const size = Number(digits);
  if (origin === undefined || root?.length !== HASH_BYTES || !Number.isSafeInteger(size)) {
    throw new NoteError('the note is not a checkpoint of origin, size and root');
  }
  if (version === undefined || encodedHash === undefined) return { origin, size, root };
  const hash = fromBase64(encodedHash);
  if (hash?.length !== HASH_BYTES) throw new NoteError('the note does not name a membership by its hash');
  return { origin, size, root, membership: { version: Number(version), hash } };
}

/** What a plain line signs. */
export function plainMessage(checkpoint: Checkpoint): Uint8Array {
  return bytesOf(checkpointText(checkpoint));
}

/** What a time-stamped line signs. @param seconds POSIX time, whole seconds */
export function cosignatureMessage(checkpoint: Checkpoint, seconds: number): Uint8Array {
  return bytesOf(`cosignature/v1\ntime ${seconds}\n${checkpointText(checkpoint)}`);
}

export function plainLine(policy: CheckpointPolicy, node: PolicyNode, signature: Uint8Array): NoteSignature {
  return { name: policy.origin, keyId: node.plainKeyId, signature };
}

export function cosignatureLine(node: PolicyNode, seconds: number, signature: Uint8Array): NoteSignature {
  const stamped = new Uint8Array(TIMESTAMP_BYTES + signature.length);
  new DataView(stamped.buffer).setBigUint64(0, BigInt(seconds));
  stamped.set(signature, TIMESTAMP_BYTES);
  return { name: node.cosignatureName, keyId: node.cosignatureKeyId, signature: stamped };
}

export function verifyPlain(
  verifier: SignatureVerifier,
  node: PolicyNode,
  checkpoint: Checkpoint,
  signature: Uint8Array,
): boolean {
  return (
    signature.length === ED25519_SIGNATURE_BYTES &&
    verifier.verify('ed25519', node.spki, plainMessage(checkpoint), signature)
  );
}

export function verifyCosignature(
  verifier: SignatureVerifier,
  node: PolicyNode,
  checkpoint: Checkpoint,
  seconds: number,
  signature: Uint8Array,
): boolean {
  return (
    signature.length === ED25519_SIGNATURE_BYTES &&
    verifier.verify('ed25519', node.spki, cosignatureMessage(checkpoint, seconds), signature)
  );
}

export interface TimestampedLine {
  readonly node: string;
  /** POSIX seconds. */
  readonly seconds: number;
}

/** Whose verified lines stand under a checkpoint. */
export interface CheckpointLines {
  readonly plain: readonly string[];
  readonly timestamped: readonly TimestampedLine[];
}

export type CheckpointReason =
  /** Not a note, or not a checkpoint. */
  | 'malformed'
  /** A checkpoint of another log. */
  | 'otherLog'
  /** Signed under another membership than the one that is trusted. */
  | 'otherMembership'
  /** A line that claims to be by a node of the policy does not verify: the note was tampered with. */
  | 'badSignature'
  /** Plain lines of too few nodes. */
  | 'belowQuorum'
  /** Plain lines from too few sites. */
  | 'belowSites'
  /** No time-stamped line of a node other than the measurer. */
  | 'noIndependentTime';

export type CheckpointVerdict =
  | { readonly ok: true; readonly checkpoint: Checkpoint; readonly lines: CheckpointLines }
  | {
      readonly ok: false;
      readonly reasons: readonly CheckpointReason[];
      readonly checkpoint?: Checkpoint;
      readonly lines?: CheckpointLines;
    };

/**
 * Is this a published checkpoint of the policy's log?
 * @param measurers nodes whose own time-stamp does not count: each needs a line of another node; with none given any
 *   time-stamped line will do
 */
export function verifyCheckpoint(
  note: Uint8Array,
  policy: CheckpointPolicy,
  verifier: SignatureVerifier,
  measurers: readonly string[] = [],
): CheckpointVerdict {
  const parsed = readCheckpoint(note);
  if (parsed === null) return { ok: false, reasons: ['malformed'] };
  const { checkpoint } = parsed;
  if (checkpoint.origin !== policy.origin) return { ok: false, reasons: ['otherLog'], checkpoint };
  if (!sameMembership(checkpoint.membership ?? null, policy.membership)) {
    return { ok: false, reasons: ['otherMembership'], checkpoint };
  }
  const { lines, forged } = verifiedLines(parsed.note, checkpoint, policy, verifier);
  const reasons = [
    ...(forged ? (['badSignature'] as const) : []),
    ...publicationFaults(policy, lines, measurers),
  ];
  return reasons.length === 0 ? { ok: true, checkpoint, lines } : { ok: false, reasons, checkpoint, lines };
}

/** What is missing for *published*; nothing when the lines suffice, for the membership before as well where that counts. */
export function publicationFaults(
  policy: CheckpointPolicy,
  lines: CheckpointLines,
  measurers: readonly string[],
): CheckpointReason[] {
  const own = faultsUnder(policy, lines, measurers);
  if (policy.previous === null) return own;
  const before = faultsUnder(policy.previous, lines, measurers);
  return [...own, ...before.filter((fault) => !own.includes(fault))];
}

function faultsUnder(
  { nodes, quorum, distinctSites }: CheckpointPolicy,
  lines: CheckpointLines,
  measurers: readonly string[],
): CheckpointReason[] {
  const faults: CheckpointReason[] = [];
  const signers = nodes.filter(({ name }) => lines.plain.includes(name));
  const stamps = lines.timestamped.filter(({ node }) => nodes.some(({ name }) => name === node));
  if (signers.length < quorum) faults.push('belowQuorum');
  if (new Set(signers.map(({ site }) => site)).size < distinctSites) faults.push('belowSites');
  const independent = (measurer: string): boolean => stamps.some(({ node }) => node !== measurer);
  if (stamps.length === 0 || !measurers.every(independent)) faults.push('noIndependentTime');
  return faults;
}

/**
 * Any node may have measured something that the checkpoint covers, so each needs the time-stamp of another: two stamps
 * in all. Such a checkpoint serves every receipt of every smaller size. A cluster of one has nobody else to ask.
 */
export function possibleMeasurers(policy: CheckpointPolicy): readonly string[] {
  const alone = policy.nodes.length === 1 || policy.previous?.nodes.length === 1;
  return alone ? [] : nodesOf(policy).map(({ name }) => name);
}

/** The note and its checkpoint, unverified; null when malformed. */
export function readCheckpoint(bytes: Uint8Array): { note: Note; checkpoint: Checkpoint } | null {
  try {
    const note = parseNote(bytes);
    return { note, checkpoint: parseCheckpointText(note.text) };
  } catch (error) {
    if (error instanceof NoteError) return null;
    throw error;
  }
}

/** Lines of unknown keys are ignored, as the note format demands; each node counts once a form. */
function verifiedLines(
  note: Note,
  checkpoint: Checkpoint,
  policy: CheckpointPolicy,
  verifier: SignatureVerifier,
): { lines: CheckpointLines; forged: boolean } {
  const plain = new Set<string>();
  const timestamped = new Map<string, TimestampedLine>();
  let forged = false;
  const nodes = nodesOf(policy);
  for (const { name, keyId, signature } of note.signatures) {
    for (const node of nodes) {
      if (name === policy.origin && keyId === node.plainKeyId) {
        if (verifyPlain(verifier, node, checkpoint, signature)) plain.add(node.name);
        else forged = true;
      } else if (name === node.cosignatureName && keyId === node.cosignatureKeyId) {
        const stamp = readTimestamp(signature);
        if (stamp !== null && verifyCosignature(verifier, node, checkpoint, stamp.seconds, stamp.signature)) {
          timestamped.set(node.name, { node: node.name, seconds: stamp.seconds });
        } else forged = true;
      }
    }
  }
  return { lines: { plain: [...plain], timestamped: [...timestamped.values()] }, forged };
}

function readTimestamp(stamped: Uint8Array): { seconds: number; signature: Uint8Array } | null {
  if (stamped.length !== TIMESTAMP_BYTES + ED25519_SIGNATURE_BYTES) return null;
  const seconds = Number(new DataView(stamped.buffer, stamped.byteOffset).getBigUint64(0));
  return Number.isSafeInteger(seconds) ? { seconds, signature: stamped.subarray(TIMESTAMP_BYTES) } : null;
}

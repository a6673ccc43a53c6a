/**
 * From the genesis to the membership under which a checkpoint was signed: the way of a verifier who was given nothing else.
 * Each step is an administrator's signed order, and a checkpoint that states the membership which this order makes (by
 * its hash) and is signed by enough nodes of the membership before as well as of the new one.
 *
 * So nobody becomes a cosigner by the word of new cosigners, of a stolen leader, or of an order that the cluster refused;
 * and a node that was removed cannot fill up a quorum any more: what its former colleagues sign names a membership of
 * which it is not part. docs/formats.md says what remains outside.
 */

import { CborError, encode, type CborObject } from './cbor.js';
import { decodeMap, type CborReader } from './cbor-reader.js';
import type { CheckpointPolicy } from './checkpoint-policy.js';
import { verifyCheckpoint } from './checkpoint.js';
import type { SignatureVerifier } from './crypto.js';
import type { Genesis, GenesisAdministrator } from './genesis.js';
import { membershipActNames, readMembershipAct } from './membership-acts.js';
import {
  MAX_MEMBERSHIP_VERSION,
  changeMembership,
  membershipOfGenesis,
  policyOfMembership,
  type Membership,
} from './membership.js';
import { MAX_NOTE_BYTES } from './note.js';
import { MAX_STATEMENT, decodeOrder, isSignedBy, type SignedOrder } from './orders.js';

/** One change of the members that came into force. */
export interface MembershipStep {
  readonly order: SignedOrder;
  /** The checkpoint that attests it; null when the checkpoint that is to be verified is to do that itself. */
  readonly note: Uint8Array | null;
}

/** Where a verifier starts from. */
export interface MembershipTrust {
  readonly first: Membership;
  readonly administrators: readonly GenesisAdministrator[];
}

export const membershipTrust = (genesis: Genesis): MembershipTrust => ({
  first: membershipOfGenesis(genesis),
  administrators: genesis.administrators,
});

export type FollowedMembership =
  | {
      readonly ok: true;
      readonly membership: Membership;
      /** Whose lines publish a checkpoint that is signed under it. */
      readonly policy: CheckpointPolicy;
    }
  | {
      readonly ok: false;
      /** A sentence: which step does not hold, and why. */
      readonly detail: string;
    };

/** Total, whatever the steps. */
export function followMembership(
  steps: readonly MembershipStep[],
  trust: MembershipTrust,
  verifier: SignatureVerifier,
): FollowedMembership {
  let membership = trust.first;
  let policy = policyOfMembership(membership);
  let size = 0;
  for (const [i, { order, note }] of steps.entries()) {
    const where = `change ${i + 1} of the members`;
    const made = orderedMembership(order, membership, trust.administrators, verifier);
    if (!made.ok) return { ok: false, detail: `${where}: ${made.detail}` };
    const joint = policyOfMembership(made.membership, policyOfMembership(membership));
    membership = made.membership;
    if (note === null) {
      if (i === steps.length - 1) return { ok: true, membership, policy: joint };
      return { ok: false, detail: `${where} is attested by no checkpoint` };
    }
    const verdict = verifyCheckpoint(note, joint, verifier);
    if (!verdict.ok) {
      return { ok: false, detail: `${where}: its checkpoint does not hold (${verdict.reasons.join(', ')})` };
    }
    if (verdict.checkpoint.size <= size)
      return { ok: false, detail: `${where} does not follow the one before` };
    size = verdict.checkpoint.size;
    policy = policyOfMembership(membership);
  }
  return { ok: true, membership, policy };
}

type Ordered =
  { readonly ok: true; readonly membership: Membership } | { readonly ok: false; readonly detail: string };

/**
 * What an order makes of a membership, if an administrator signed it for this cluster. Its expiry is for those who
 * commit it; afterwards it stands.
 */
export function orderedMembership(
  order: SignedOrder,
  before: Membership,
  administrators: readonly GenesisAdministrator[],
  verifier: SignatureVerifier,
): Ordered {
  const signer = administrators.find(({ name, role }) => name === order.signer && role === 'admin');
  if (signer === undefined)
    return { ok: false, detail: `${order.signer}, who signed it, is no administrator` };
  if (!isSignedBy(order, signer.spki, verifier)) {
    return { ok: false, detail: `the signature of ${order.signer} is wrong` };
  }
  return membershipAfter(order, before);
}

/** The same without a look at who signed: for orders that were judged when they were applied. */
export function membershipAfter({ statement }: SignedOrder, before: Membership): Ordered {
  try {
    const { cluster, act } = decodeOrder(statement, membershipActNames, readMembershipAct);
    if (cluster !== before.clusterId)
      return { ok: false, detail: `it was ordered in another cluster, ${cluster}` };
    return changeMembership(before, act);
  } catch (error) {
    if (error instanceof CborError) return { ok: false, detail: `the order cannot be read: ${error.code}` };
    throw error;
  }
}

// ---- bytes ---------------------------------------------------------------------------------------------------------

const CHAIN_VERSION = 1;
const MAX_CHAIN_BYTES = 4 << 20;

export const stepBody = ({ order, note }: MembershipStep): CborObject => ({ ...order, note });

/** @throws CborError */
export const readStep = (reader: CborReader): MembershipStep => ({
  order: readSignedOrder(reader),
  note: reader.value('note') === null ? null : reader.bytes('note', { max: MAX_NOTE_BYTES }),
});

/** @throws CborError */
export const readSignedOrder = (reader: CborReader): SignedOrder => ({
  statement: reader.bytes('statement', { max: MAX_STATEMENT }),
  signature: reader.bytes('signature', { max: 1024 }),
  signer: reader.text('signer', { max: 64 }),
  algorithm: reader.text('algorithm', { max: 32 }),
});

/** @throws CborError */
export const readSteps = (reader: CborReader, key: string): readonly MembershipStep[] =>
  reader.maps(key, readStep, MAX_MEMBERSHIP_VERSION);

/** The steps on their own, beside a checkpoint that is handed out without a receipt. */
export const encodeMembershipSteps = (steps: readonly MembershipStep[]): Uint8Array =>
  encode({ v: CHAIN_VERSION, steps: steps.map(stepBody) });

/** @throws CborError */
export function decodeMembershipSteps(bytes: Uint8Array): readonly MembershipStep[] {
  return decodeMap(
    bytes,
    'members',
    (reader) => {
      const version = reader.uint('v');
      if (version !== CHAIN_VERSION)
        throw new CborError('outOfRange', 'members.v', `version ${version} is not known`);
      return readSteps(reader, 'steps');
    },
    { maxBytes: MAX_CHAIN_BYTES, maxDepth: 4 },
  );
}

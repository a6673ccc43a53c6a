/**
 * The members of a cluster as its log tells them, followed leaf by leaf from the genesis: every change that came into
 * force rests on an order that an administrator signed, and every attestation on enough lines. From it follows whose
 * lines publish a checkpoint of any size.
 */

import type { LeafIndex } from '../audit/types.js';
import { equalBytes } from '../verify/bytes.js';
import type { CborMap } from '../verify/cbor.js';
import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import { verifyCheckpoint } from '../verify/checkpoint.js';
import { nodeVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import { membershipTrust, orderedMembership, type MembershipTrust } from '../verify/membership-chain.js';
import { membershipHash, policyOfMembership, type Membership } from '../verify/membership.js';
import type { SignedOrder } from '../verify/orders.js';

/** From trees of more than `above` leaves on. */
interface Period {
  readonly above: LeafIndex;
  readonly policy: CheckpointPolicy;
}

export class MembersInLog {
  readonly #trust: MembershipTrust;
  readonly #orders = new Map<LeafIndex, SignedOrder>();
  readonly #periods: Period[];
  #membership: Membership;

  constructor(genesis: Genesis) {
    this.#trust = membershipTrust(genesis);
    this.#membership = this.#trust.first;
    this.#periods = [{ above: -1, policy: policyOfMembership(this.#membership) }];
  }

  /** Whose lines publish a checkpoint of this size, as far as the leaves that were inspected tell. */
  policyAt(size: number): CheckpointPolicy {
    const period = this.#periods.findLast(({ above }) => above < size) ?? this.#periods[0];
    return (period as Period).policy;
  }

  /** @returns what is wrong with this record, or null; records of other types are none of its business */
  inspect(index: LeafIndex, type: string, record: CborMap): string | null {
    switch (type) {
      case 'membershipOrder':
        return this.#order(index, record);
      case 'membershipChanged':
        return record.get('inForce') === true ? this.#change(index, record) : null;
      case 'membershipAttested':
        return this.#attest(index, record);
      default:
        return null;
    }
  }

  #order(index: LeafIndex, record: CborMap): string | null {
    const order = orderIn(record);
    if (order === null) return 'the order about members cannot be read';
    this.#orders.set(index, order);
    return null;
  }

  #change(index: LeafIndex, record: CborMap): string | null {
    const leaf = record.get('order');
    const order = typeof leaf === 'number' ? this.#orders.get(leaf) : undefined;
    if (order === undefined) return 'members changed without an order before it';
    const made = orderedMembership(order, this.#membership, this.#trust.administrators, nodeVerifier);
    if (!made.ok) return `members changed by an order that does not hold: ${made.detail}`;
    const hash = record.get('hash');
    const { version } = made.membership;
    if (
      record.get('version') !== version ||
      !isBytes(hash) ||
      !equalBytes(hash, membershipHash(made.membership))
    ) {
      return `membership ${version} is not the one that the order makes`;
    }
    const before = policyOfMembership(this.#membership);
    this.#membership = made.membership;
    this.#periods.push({ above: index, policy: policyOfMembership(made.membership, before) });
    return null;
  }

  #attest(index: LeafIndex, record: CborMap): string | null {
    const note = record.get('note');
    const last = this.#periods.at(-1) as Period;
    if (!isBytes(note) || last.policy.previous === null)
      return 'a checkpoint attests no change of the members';
    const verdict = verifyCheckpoint(note, last.policy, nodeVerifier);
    if (!verdict.ok) return `the change of the members is not attested: ${verdict.reasons.join(', ')}`;
    this.#periods.push({ above: index, policy: policyOfMembership(this.#membership) });
    return null;
  }
}

function orderIn(record: CborMap): SignedOrder | null {
  const statement = record.get('statement');
  const signature = record.get('signature');
  const signer = record.get('signer');
  const algorithm = record.get('algorithm');
  if (!isBytes(statement) || !isBytes(signature)) return null;
  if (typeof signer !== 'string' || typeof algorithm !== 'string') return null;
  return { statement, signature, signer, algorithm };
}

const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** Whose lines publish a checkpoint that a node handed out, with the changes of the members that it gave along. */

import { CborError } from '../verify/cbor.js';
import { readCheckpoint } from '../verify/checkpoint.js';
import { nodeVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import {
  decodeMembershipSteps,
  followMembership,
  membershipTrust,
  type FollowedMembership,
} from '../verify/membership-chain.js';

/**
 * Follows the changes as far as the checkpoint says that it was signed under. Total.
 * @param members as in GetCheckpoint; empty while the members are those of the genesis
 */
export function membersOf(genesis: Genesis, members: Uint8Array, note: Uint8Array): FollowedMembership {
  try {
    const steps = members.length === 0 ? [] : decodeMembershipSteps(members);
    const version = readCheckpoint(note)?.checkpoint.membership?.version ?? 0;
    return followMembership(steps.slice(0, version), membershipTrust(genesis), nodeVerifier);
  } catch (error) {
    if (!(error instanceof CborError)) throw error;
    return { ok: false, detail: `the changes of the members cannot be read: ${error.message}` };
  }
}

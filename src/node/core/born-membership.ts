/**
 * What consensus is told of its participants at start: those of the last configuration that was applied, or those that a
 * genesis document gives birth to. The directories of its members did not exist when it was signed,
 * so that their incarnations are not known: the first leader writes them down.
 */

import type { MembershipView } from '../../authority/api.js';
import type { KnownMembership } from '../../raft/driver-api.js';
import { decodeMembership, type Membership } from '../../raft/membership.js';
import { logIndex, nodeId } from '../../raft/types.js';
import type { Genesis } from '../../verify/genesis.js';

export function bornMembership(genesis: Genesis): Membership {
  return {
    voters: genesis.members.map(({ id, site, kind }) => ({
      id: nodeId(id),
      site,
      incarnation: null,
      kind,
      priority: 0,
    })),
    outgoing: null,
    learners: [],
    retired: [],
  };
}

export const knownMembership = (
  { configuration }: MembershipView,
  genesis: Genesis,
  appliedIndex: number,
): KnownMembership => ({
  asOf: logIndex(appliedIndex),
  index: logIndex(configuration?.index ?? 0),
  membership: configuration === null ? bornMembership(genesis) : decodeMembership(configuration.payload),
});

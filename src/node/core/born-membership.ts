/**
 * The membership that a genesis document gives birth to. The directories of its members did not exist when it was signed,
 * so that their incarnations are not known: the first leader writes them down.
 */

import type { Membership } from '../../raft/membership.js';
import { nodeId } from '../../raft/types.js';
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

/** Memberships the slow and obvious way: sets of participants, by name and incarnation, and all their subsets. */

import type { Membership, Voter } from '../../src/raft/membership.js';

const identity = ({ id, incarnation }: Pick<Voter, 'id' | 'incarnation'>): string =>
  `${id}/${incarnation ?? ''}`;

const setsOf = ({ voters, outgoing }: Membership): readonly (readonly Voter[])[] =>
  outgoing === null ? [voters] : [voters, outgoing];

/** Is this more than half of each set? */
export const isQuorum = (membership: Membership, includes: (voter: Voter) => boolean): boolean =>
  setsOf(membership).every((set) => set.filter(includes).length * 2 > set.length);

/** No two quorums, one of each, without a common participant: tried with every split of all participants. */
export function quorumsIntersect(a: Membership, b: Membership): boolean {
  const everyone = [...new Set([...setsOf(a), ...setsOf(b)].flat().map(identity))];
  for (let bits = 0; bits < 2 ** everyone.length; bits++) {
    const inside = (voter: Voter): boolean => (bits & (1 << everyone.indexOf(identity(voter)))) !== 0;
    if (isQuorum(a, inside) && isQuorum(b, (voter) => !inside(voter))) return false;
  }
  return true;
}

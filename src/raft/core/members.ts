/**
 * A membership as the core asks it: which voter sets must agree, who is to be served, and whose word counts.
 *
 * Invariant (RAFT pitfalls L13, L14): a participant is a name *and* an incarnation. What a retired one says has no effect;
 * an answer counts only if it comes from the very participant that the membership names.
 */

import type { Standing } from '../driver-api.js';
import type { Learner, Membership, Voter } from '../membership.js';
import type { Incarnation, NodeId } from '../types.js';
import type { VoterSets } from './quorum.js';

/**
 * `unknown` is no enemy: a node that was away does not know those that came meanwhile, and must hear their requests for
 * votes and follow them when they lead (thesis 4.1), or it would never catch up. Their *answers* count for nothing.
 */
export type Acquaintance = 'member' | 'unknown' | 'retired';

export class Members {
  readonly membership: Membership;
  /** One set, or two while joint. */
  readonly sets: VoterSets;
  /** Everyone else who is served, learners included, in a fixed order. */
  readonly peers: readonly NodeId[];
  /** Everyone else whose vote counts. */
  readonly voterPeers: readonly NodeId[];
  /** How this node itself takes part. */
  readonly standing: Standing;
  readonly priority: number;
  /** Some voter's incarnation is not written down yet: a cluster at its birth. */
  readonly unbound: boolean;
  readonly #voters = new Map<NodeId, Voter>();
  readonly #learners = new Map<NodeId, Learner>();

  constructor(membership: Membership, self: NodeId, incarnation: Incarnation) {
    this.membership = membership;
    const { voters, outgoing, learners } = membership;
    // The incoming ones last, so that they win.
    for (const voter of [...(outgoing ?? []), ...voters]) this.#voters.set(voter.id, voter);
    for (const learner of learners) this.#learners.set(learner.id, learner);
    const idsOf = (set: readonly Voter[]): readonly NodeId[] => set.map((voter) => voter.id);
    this.sets = outgoing === null ? [idsOf(voters)] : [idsOf(voters), idsOf(outgoing)];
    const others = (ids: Iterable<NodeId>): readonly NodeId[] =>
      [...new Set(ids)].filter((id) => id !== self).sort();
    this.voterPeers = others(this.#voters.keys());
    this.peers = others([...this.#voters.keys(), ...this.#learners.keys()]);
    this.unbound = [...this.#voters.values()].some((voter) => voter.incarnation === null);
    const mine = this.acquaintance(self, incarnation) === 'member';
    this.standing = mine ? this.standingOf(self) : 'outside';
    this.priority = this.#voters.get(self)?.priority ?? 0;
  }

  get joint(): boolean {
    return this.membership.outgoing !== null;
  }

  voter(id: NodeId): Voter | undefined {
    return this.#voters.get(id);
  }

  learner(id: NodeId): Learner | undefined {
    return this.#learners.get(id);
  }

  standingOf(id: NodeId): Standing {
    const voter = this.#voters.get(id);
    if (voter !== undefined) return voter.kind === 'full' ? 'voter' : 'witness';
    return this.#learners.get(id)?.kind ?? 'outside';
  }

  acquaintance(id: NodeId, incarnation: Incarnation): Acquaintance {
    const named = this.#voters.get(id) ?? this.#learners.get(id);
    if (named !== undefined && named.incarnation === incarnation) return 'member';
    for (const one of this.membership.retired) {
      if (one.id === id && one.incarnation === incarnation) return 'retired';
    }
    return named !== undefined && named.incarnation === null ? 'member' : 'unknown';
  }
}

/**
 * The nemesis of memberships: asks whoever leads for changes of every kind, at any moment, and empties disks, as long as
 * what is lost stays within what the memberships in force can bear.
 */

import type { Learner, Membership, MembershipTarget, Voter } from '../../src/raft/membership.js';
import type { Invariants } from './invariants.js';
import { isQuorum } from './naive-members.js';
import type { SimNode, World } from './world.js';

export class Reconfigurer {
  readonly #world: World;
  readonly #invariants: Invariants;
  /** Changes asked and not answered, by the node that was asked. */
  readonly #open = new Map<number, SimNode>();
  #asked = 0;

  constructor(world: World, invariants: Invariants) {
    this.#world = world;
    this.#invariants = invariants;
  }

  /** @returns what was tried */
  act(): string {
    const world = this.#world;
    const leader = world.leader();
    const current = leader?.membership;
    if (leader === undefined || current === undefined) return 'noLeader';
    const acts: readonly (readonly [string, () => MembershipTarget | null])[] = [
      ['stage', () => this.#stage(current, null)],
      ['stage', () => this.#stage(current, null)],
      ['replace', () => this.#stage(current, world.pick(current.voters))],
      ['standby', () => this.#standby(current)],
      ['remove', () => this.#remove(current, world.pick(current.voters))],
      [
        'removeLeader',
        () =>
          this.#remove(
            current,
            current.voters.find((one) => one.id === leader.id),
          ),
      ],
      ['demote', () => this.#demote(current)],
      ['dropLearner', () => ({ voters: current.voters, learners: current.learners.slice(1) })],
      ['promoteAtOnce', () => this.#promoteAtOnce(current)],
      ['prefer', () => this.#prefer(current)],
      ['wipe', () => this.#wipe(leader, current)],
    ];
    const [name, choose] = world.pick(acts);
    const target = choose();
    if (target !== null) this.#ask(world.chance(0.9) ? leader : world.pick(world.nodes), target);
    return name;
  }

  #ask(node: SimNode, target: MembershipTarget): void {
    // Not a change to those that are gone: the leader refuses it only once it has missed them for a while.
    const reachable = isQuorum({ ...target, outgoing: null, retired: [] }, (voter) => {
      return this.#world.identity(voter) !== undefined;
    });
    if (!node.alive || !reachable) return;
    const number = ++this.#asked;
    let answers = 0;
    this.#open.set(number, node);
    node.raft?.changeMembership(target, () => {
      this.#open.delete(number);
      if (++answers > 1) this.#invariants.violations.push(`AnsweredOnce: a change at ${node.id}`);
    });
  }

  /** A node that is in no membership, as a new participant. */
  #newcomer(current: Membership): SimNode | null {
    const named = (id: string): boolean =>
      [...current.voters, ...(current.outgoing ?? []), ...current.learners].some((one) => one.id === id);
    const spare = this.#world.nodes.filter((node) => !named(node.id));
    if (spare.length === 0) return null;
    const node = this.#world.pick(spare);
    const retired = current.retired.some(({ incarnation }) => incarnation === node.incarnation);
    // Sometimes it is asked to come back as it is, which must be refused.
    if (retired && this.#world.chance(0.8)) this.#empty(node);
    return node;
  }

  #stage(current: Membership, replaced: Voter | null): MembershipTarget | null {
    const node = this.#newcomer(current);
    if (node === null) return null;
    const learner: Learner = {
      kind: 'staging',
      id: node.id,
      site: node.id,
      incarnation: node.incarnation,
      becomes: {
        kind: this.#world.chance(0.2) ? 'witness' : 'full',
        priority: this.#world.chance(0.3) ? 3 : 0,
        replaces: replaced?.id ?? null,
      },
    };
    return { voters: current.voters, learners: [...current.learners, learner] };
  }

  #standby(current: Membership): MembershipTarget | null {
    const node = this.#newcomer(current);
    if (node === null) return null;
    const { id, incarnation } = node;
    return {
      voters: current.voters,
      learners: [...current.learners, { kind: 'standby', id, site: id, incarnation }],
    };
  }

  #remove(current: Membership, voter: Voter | undefined): MembershipTarget | null {
    if (voter === undefined || current.voters.length <= 2) return null;
    return { voters: current.voters.filter((one) => one !== voter), learners: current.learners };
  }

  #demote(current: Membership): MembershipTarget | null {
    const voter = this.#world.pick(current.voters);
    const { id, site, incarnation } = voter;
    const target = this.#remove(current, voter);
    if (target === null || incarnation === null) return null;
    return { ...target, learners: [...target.learners, { kind: 'standby', id, site, incarnation }] };
  }

  /** Several changes of voters in one. */
  #promoteAtOnce(current: Membership): MembershipTarget | null {
    const [learner] = current.learners;
    if (learner === undefined) return null;
    const { id, site, incarnation } = learner;
    const kept = this.#world.chance(0.5) ? current.voters.slice(1) : current.voters;
    const voters = [...kept, { id, site, incarnation, kind: 'full', priority: 0 } as const];
    return { voters, learners: current.learners.slice(1) };
  }

  /** No change of voters: what is known of them. */
  #prefer(current: Membership): MembershipTarget {
    const preferred = this.#world.pick(current.voters);
    const voters = current.voters.map((voter) => ({ ...voter, priority: voter === preferred ? 5 : 0 }));
    return { voters, learners: current.learners };
  }

  /** Empties the disk of a voter, if all know the same membership and bear the loss. */
  #wipe(leader: SimNode, current: Membership): null {
    const { nodes } = this.#world;
    const victim = this.#world.identity(this.#world.pick(current.voters));
    const index = leader.raft?.membership().index;
    const agreed = nodes.every((node) => {
      const known = node.raft?.membership();
      const standing = node.raft?.status().standing;
      return standing === 'outside' || (known?.index === index && known?.committed === true);
    });
    if (victim === undefined || !agreed || current.outgoing !== null) return null;
    const bearable = isQuorum(current, (voter) => {
      const node = this.#world.identity(voter);
      return node !== undefined && node.alive && node !== victim;
    });
    if (bearable) this.#empty(victim);
    return null;
  }

  #empty(node: SimNode): void {
    this.#invariants.wiped(node);
    node.wipe();
    this.crashed(node);
    node.start();
  }

  /** Every change that was asked of a node that still runs has been answered. */
  mustHaveAnswered(): void {
    for (const node of this.#open.values()) {
      if (node.alive) throw new Error(`a change asked of ${node.id} was never answered`);
    }
  }

  /** A crash takes the questions with it. */
  crashed(node: SimNode): void {
    for (const [number, asked] of this.#open) if (asked === node) this.#open.delete(number);
  }
}

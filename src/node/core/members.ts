/**
 * Keeps what is real with what is ordered: the leader brings consensus to the ordered members and has their membership
 * attested by a checkpoint; every node tells the network who its peers are, and notices that it is a member no more.
 *
 * Nothing here is remembered across a crash: all of it is derived from the applied state, again and again, until the two
 * agree.
 */

import type { Authority, MembershipView } from '../../authority/api.js';
import type { Raft } from '../../raft/driver-api.js';
import type { MonoNs } from '../../time/types.js';
import { NS_PER_S } from '../../time/types.js';
import type { CheckpointPolicy } from '../../verify/checkpoint-policy.js';
import type { SignatureVerifier } from '../../verify/crypto.js';
import type { Genesis } from '../../verify/genesis.js';
import { followMembership, membershipTrust, type MembershipStep } from '../../verify/membership-chain.js';
import { membershipOfGenesis, policyOfMembership, type Member } from '../../verify/membership.js';
import type { Notifier, PeerNetwork } from '../environment.js';
import { nextRaftStep } from './raft-target.js';
import type { Testimony } from './testimony.js';

/** What does not change is said again after this long. */
const TELL_AGAIN = 60n * NS_PER_S;
/** A refused or lost change is tried again after this long. */
const RETRY = NS_PER_S;
/**
 * A node that was removed stays this long: the checkpoint that attests its removal may need its line, and the others may
 * still have to hear from it that they may stop.
 */
const FAREWELL = 3n * NS_PER_S;

/** The data directory is empty, and the cluster knows this member with another one. */
export class MemberEmptiedError extends Error {
  override readonly name = 'MemberEmptiedError';
  readonly code = 'MEMBER_EMPTIED';
}

export interface MembersOptions {
  readonly node: string;
  readonly mono: () => MonoNs;
  readonly network: PeerNetwork;
  readonly notifier: Notifier;
  readonly newest: () => { readonly size: number; readonly note: Uint8Array } | null;
  /** This node is a member no more, for good. */
  readonly removed: (detail: string) => void;
  /** This node's data directory is empty, and the cluster knows the name with another one. */
  readonly emptied: (detail: string) => void;
}

export class MembersKeeper {
  readonly #options: MembersOptions;
  readonly #authority: Authority;
  readonly #raft: Raft;
  readonly #testimony: Testimony;
  /** Who said so, of those whose connection this node may dial. */
  readonly #saidRemoved = new Set<string>();
  #isChanging = false;
  #isAttesting = false;
  #notBefore = 0n;
  #removedAt: MonoNs | null = null;
  #over = false;
  #awaited: string | null = null;
  #toldStranger: MonoNs | null = null;

  constructor(options: MembersOptions, authority: Authority, raft: Raft, testimony: Testimony) {
    this.#options = options;
    this.#authority = authority;
    this.#raft = raft;
    this.#testimony = testimony;
  }

  start(): void {
    this.#options.network.onRefused((peer, reason) => this.#refused(peer, reason));
    this.changed();
  }

  /** The ordered member that has not connected yet, for whoever asks why nothing happens. */
  get awaited(): string | null {
    return this.#awaited;
  }

  /** Reasons for which this node does not serve. */
  unready(): readonly string[] {
    if (this.#removedAt !== null) return ['NODE_REMOVED'];
    return memberIn(this.#authority.membership(), this.#options.node) === undefined ? ['NOT_A_MEMBER'] : [];
  }

  /** The applied state says something new about the members. */
  changed(): void {
    const view = this.#authority.membership();
    const { node, network, mono } = this.#options;
    const known = knownMembers(view);
    network.setDirectory({
      members: known
        .filter(({ id }) => id !== node)
        .map(({ id, address, tlsKey }) => ({
          node: id,
          address,
          tlsKey,
          incarnation: boundDirectory(view, id),
        })),
      former: view.current.former.map(({ id }) => id),
      complete: known.some(({ id }) => id === node),
    });
    if (view.current.former.some(({ id }) => id === node)) this.#removedAt ??= mono();
  }

  /** Called at every tick and after every applied entry. */
  advance(): void {
    if (this.#over) return;
    this.#leave();
    if (this.#raft.status().role !== 'leader') {
      this.#awaited = null;
      return;
    }
    this.#reconcile();
    this.#attest();
  }

  #reconcile(): void {
    const { mono, network } = this.#options;
    if (this.#isChanging || mono() < this.#notBefore) return;
    const { target } = this.#authority.membership();
    const step = nextRaftStep(this.#raft.membership().membership, target, (node) =>
      network.incarnationOf(node),
    );
    this.#awaited = step.kind === 'await' ? step.node : null;
    if (step.kind !== 'change') return;
    this.#isChanging = true;
    this.#raft.changeMembership(step.target, (result) => {
      this.#isChanging = false;
      if (result.status === 'applied') return;
      this.#notBefore = mono() + RETRY;
      if (result.status !== 'refused' || result.reason !== 'illegal') return;
      this.#options.notifier.notify({
        severity: 'warning',
        code: 'MEMBERSHIP_NOT_POSSIBLE',
        message: `consensus cannot take the ordered members: ${result.problem}`,
      });
    });
  }

  #attest(): void {
    const { current, attested } = this.#authority.membership();
    const newest = this.#options.newest();
    if (attested || this.#isAttesting || newest === null || !this.#states(newest.size, current.version))
      return;
    this.#isAttesting = true;
    this.#testimony.membershipAttested(current.version, newest.note, () => {
      this.#isAttesting = false;
    });
  }

  /** Whether checkpoints of this size name that membership. */
  #states(size: number, version: number): boolean {
    return this.#authority.checkpointPolicy(size).membership?.version === version;
  }

  #leave(): void {
    if (this.#removedAt === null || this.#options.mono() - this.#removedAt < FAREWELL) return;
    this.#over = true;
    const { node } = this.#options;
    this.#options.removed(
      `${node} is not a member of the cluster any more; its data directory may be archived`,
    );
  }

  /**
   * One stolen node must not stop another: two have to say so, or all that there are. A node with nothing in its log loses
   * nothing by stopping, and may know no second one.
   */
  #refused(peer: string, reason: string): void {
    const { node, mono } = this.#options;
    const isEmpty = this.#raft.status().lastIndex === 0;
    const others = this.#authority.membership().current.members.filter(({ id }) => id !== node).length;
    if (reason === 'NODE_REMOVED') {
      this.#saidRemoved.add(peer);
      if (isEmpty || this.#saidRemoved.size >= Math.min(2, others)) this.#removedAt ??= mono();
    } else if (reason === 'DIRECTORY_UNKNOWN' && isEmpty && !this.#over) {
      this.#over = true;
      this.#options.emptied(
        `the cluster knows ${node} with another data directory than this one, which is empty: a member that lost its disk cannot come back under its name; put the old directory back, or replace the member (taactl node replace)`,
      );
    } else if (reason === 'NOT_A_MEMBER' && this.unready().length > 0) {
      // One that is joining itself does not know everybody yet: what it says matters only to one that is not in force.
      const now = mono();
      if (this.#toldStranger !== null && now - this.#toldStranger < TELL_AGAIN) return;
      this.#toldStranger = now;
      this.#options.notifier.notify({
        severity: 'warning',
        code: 'NOT_A_MEMBER',
        message: `${peer} says that ${node} is not a member; an administrator orders it in with taactl node add, then it joins by itself`,
      });
    }
  }
}

const memberIn = ({ current }: MembershipView, id: string): Member | undefined =>
  current.members.find((member) => member.id === id);

/** In force or ordered. */
export function knownMembers({ current, target }: MembershipView): readonly Member[] {
  const names = new Set(current.members.map(({ id }) => id));
  return [...current.members, ...target.members.filter(({ id }) => !names.has(id))];
}

/** Whose lines publish a checkpoint after these changes; of the first members if the changes do not hold. */
export function policyAfter(
  genesis: Genesis,
  steps: readonly MembershipStep[],
  verifier: SignatureVerifier,
): CheckpointPolicy {
  const followed = followMembership(steps, membershipTrust(genesis), verifier);
  return followed.ok ? followed.policy : policyOfMembership(membershipOfGenesis(genesis));
}

/** The data directory with which a member must come; null while it may come with any. */
function boundDirectory({ current, configuration }: MembershipView, id: string): Uint8Array | null {
  const isInForce = current.members.some((member) => member.id === id);
  return isInForce ? (configuration?.incarnations.get(id) ?? null) : null;
}

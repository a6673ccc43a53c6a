/**
 * What must hold in every world, checked as it happens. Each violation is a sentence; a world is good when there is
 * none. The names are those of the Raft literature (thesis 3.2) and of src/raft/README.md.
 */

import type { MembershipStatus, ProposeResult, RaftEvent } from '../../src/raft/driver-api.js';
import { decodeMembership, type Membership, type Voter } from '../../src/raft/membership.js';
import type { Message } from '../../src/raft/core/messages.js';
import type { Entry, Incarnation, NodeId } from '../../src/raft/types.js';
import { LAN_TIMING } from '../../src/raft/timing.js';
import { Conduct } from './conduct.js';
import { isQuorum, quorumsIntersect } from './naive-members.js';
import { payloadNumber, type SimNode, type Watcher, type World } from './world.js';

const name = (node: SimNode): string => `${node.id}/${node.wipes}`;

const same = (a: Entry, b: Entry): boolean =>
  a.index === b.index &&
  a.term === b.term &&
  a.kind === b.kind &&
  a.time === b.time &&
  a.payload.length === b.payload.length &&
  a.payload.every((byte, at) => byte === b.payload[at]);

export class Invariants implements Watcher {
  #world: World | null = null;
  #conduct: Conduct | null = null;
  readonly violations: string[] = [];
  /** Every entry ever applied anywhere, by index − 1. */
  readonly committed: Entry[] = [];
  /** The term of the node that first applied it: the entry was committed in this term or an earlier one. */
  readonly #committedBy: number[] = [];
  leaderChanges = 0;
  /** Command number → how often it was answered. */
  readonly answers = new Map<number, number>();
  readonly #certainlyNot = new Set<number>();
  readonly #committedNumbers = new Set<number>();
  readonly #leaderOfTerm = new Map<number, string>();
  /** Committed memberships, ascending; the first is that of the birth. */
  readonly #memberships: Membership[] = [];
  /** What emptied disks had held: it counts as held when it was. */
  readonly #lost: {
    readonly id: NodeId;
    readonly incarnation: Incarnation;
    readonly entries: readonly Entry[];
  }[] = [];
  readonly reads = { asked: 0, ready: 0, refused: 0 };
  changes = 0;
  readonly #votes = new Map<string, NodeId>();
  readonly #terms = new Map<NodeId, number>();
  #persists = 0;

  /** The membership that the world begins with. */
  get world(): World | null {
    return this.#world;
  }

  set world(world: World | null) {
    this.#world = world;
    if (world === null) return;
    const electionMin = Number(LAN_TIMING.electionMin);
    const limits = {
      electionMin,
      electionMax: electionMin + world.electionSpreadMs * 1e6,
      maxUncommittedBytes: world.limits.maxUncommittedBytes,
    };
    this.#conduct = new Conduct(
      limits,
      () => world.now,
      (invariant, detail) => this.#broken(invariant, detail),
    );
  }

  watch(born: Membership): void {
    this.#memberships.push(born);
  }

  #broken(invariant: string, detail: string): void {
    this.violations.push(`${invariant}: ${detail}`);
  }

  role(node: SimNode, event: Extract<RaftEvent, { kind: 'role' }>): void {
    this.#conduct?.knows(node);
    const known = this.#terms.get(node.id) ?? 0;
    if (event.term < known) this.#broken('TermMonotone', `${node.id} went from ${known} to ${event.term}`);
    this.#terms.set(node.id, event.term);
    if (event.role !== 'leader') return;
    const other = this.#leaderOfTerm.get(event.term);
    if (other === undefined) this.leaderChanges++;
    else if (other !== name(node))
      this.#broken('ElectionSafety', `${other} and ${name(node)} led term ${event.term}`);
    this.#leaderOfTerm.set(event.term, name(node));
    this.#elected(node, event.term);
    const standing = node.raft?.status().standing;
    const mayComeBack = node.raft?.membership().committed === false;
    if (standing !== 'voter' && standing !== 'witness' && !mayComeBack) {
      this.#broken('OnlyVotersLead', `${node.id}, ${standing ?? 'down'}, led term ${event.term}`);
    }
  }

  /** ChosenByQuorum: whoever leads a term was voted for in that very term by a quorum (pitfall E4). */
  #elected(node: SimNode, term: number): void {
    const { membership } = node;
    if (membership === undefined) return;
    const votedFor = ({ id }: Voter): boolean => {
      const voter = this.#world?.node(id);
      if (voter === undefined) return false;
      const lives = Array.from({ length: voter.wipes + 1 }, (_, life) => `${id}/${life}`);
      return lives.some((one) => this.#votes.get(`${one}/${term}`) === node.id);
    };
    if (!isQuorum(membership, votedFor)) {
      this.#broken('ChosenByQuorum', `${node.id} leads term ${term} without the votes of a quorum`);
    }
  }

  /** A restart goes back to what is durable, and no further. */
  crashed(node: SimNode): void {
    this.#terms.set(node.id, node.store.durable.hardState.term);
  }

  /** Nothing that asserts a durable fact may leave before the fact is on the sender's disk. */
  sent(node: SimNode, to: NodeId, message: Message): void {
    this.#conduct?.sent(node, message);
    const { hardState, entries } = node.store.durable;
    switch (message.kind) {
      case 'appendOk':
        if (entries.length < message.match || hardState.term < message.term) {
          this.#broken(
            'NoAckWithoutDurable',
            `${node.id} acknowledged ${message.match}, has ${entries.length}`,
          );
        }
        return;
      case 'voteReply':
        if (message.granted) this.#vote(node, message.term, to);
        return;
      case 'vote':
        this.#vote(node, message.term, node.id);
        return;
      case 'append':
        if (hardState.term < message.term) this.#broken('TermDurable', `${node.id} leads ${message.term}`);
        return;
      default:
        return;
    }
  }

  #vote(node: SimNode, term: number, candidate: NodeId): void {
    const { hardState } = node.store.durable;
    const durable = hardState.term > term || (hardState.term === term && hardState.vote === candidate);
    if (!durable) this.#broken('NoVoteWithoutDurable', `${node.id} for ${candidate} in ${term}`);
    const key = `${name(node)}/${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate) {
      this.#broken('OneVote', `${node.id} voted for ${before} and ${candidate} in ${term}`);
    }
    this.#votes.set(key, candidate);
  }

  applied(node: SimNode, entries: readonly Entry[]): void {
    const first = entries[0];
    if (first !== undefined && node.machine[first.index - 1] !== first) {
      this.#broken('ApplyInOrder', `${node.id} applied ${first.index} out of place`);
    }
    for (const entry of entries) {
      const known = this.committed[entry.index - 1];
      if (known === undefined) this.#commit(entry, node.term);
      else if (!same(known, entry)) {
        this.#broken('StateMachineSafety', `${node.id} applied another entry ${entry.index}`);
      }
      if (node.store.durable.entries.length < entry.index) {
        this.#broken('ApplyOnlyDurable', `${node.id} applied ${entry.index} before it was on its disk`);
      }
    }
  }

  /** The first to apply an entry: it must be on a majority's disks, follow its predecessor, and be no repetition. */
  #commit(entry: Entry, term: number): void {
    const previous = this.committed.at(-1);
    if (entry.index !== this.committed.length + 1) this.#broken('NoGap', `first saw ${entry.index}`);
    if (previous !== undefined && (entry.time < previous.time || entry.term < previous.term)) {
      this.#broken('ClusterTimeMonotone', `entry ${entry.index} goes back`);
    }
    this.#onQuorum(entry);
    this.committed.push(entry);
    if (entry.kind === 'config') this.#membershipCommitted(decodeMembership(entry.payload), entry.index);
    this.#committedBy.push(term);
    if (entry.kind !== 'command') return;
    const number = payloadNumber(entry.payload);
    if (this.#committedNumbers.has(number))
      this.#broken('AtMostOnce', `command ${number} was committed twice`);
    if (this.#certainlyNot.has(number))
      this.#broken('HonestAnswer', `command ${number} was denied, yet committed`);
    this.#committedNumbers.add(number);
  }

  /** On the disks of a quorum, by some membership in force anywhere: the last committed one, or one appended after it. */
  #onQuorum(entry: Entry): void {
    const nodes = this.#world?.nodes ?? [];
    const holds = ({ entries }: { readonly entries: readonly Entry[] }): boolean => {
      const found = entries[entry.index - 1];
      return found !== undefined && same(found, entry);
    };
    const holders = [
      ...nodes.filter((node) => holds(node.store.durable)),
      ...this.#lost.filter((one) => holds(one)),
    ];
    const held = (voter: Voter): boolean =>
      holders.some(({ id, incarnation }) => id === voter.id && incarnation === voter.incarnation);
    const inForce = [this.#memberships.at(-1), ...nodes.map((node) => node.membership)];
    if (!inForce.some((membership) => membership !== undefined && isQuorum(membership, held))) {
      this.#broken('CommittedOnQuorum', `entry ${entry.index} is on ${holders.length} disks`);
    }
  }

  #membershipCommitted(membership: Membership, index: number): void {
    const previous = this.#memberships.at(-1);
    // At the birth all had to agree: nothing can be decided without the one that writes down who they are.
    const born = previous?.voters.some((voter) => voter.incarnation === null) === true;
    if (previous !== undefined && !born && !quorumsIntersect(previous, membership)) {
      this.#broken('QuorumsIntersect', `the membership at ${index} could decide without the one before it`);
    }
    if (previous?.outgoing !== null && membership.outgoing !== null && previous !== undefined) {
      this.#broken('OneChange', `the membership at ${index} is joint, and so is the one before it`);
    }
    this.#memberships.push(membership);
    this.changes++;
  }

  /** A leader appends a membership only when it knows the one before to be committed, and an entry of its term. */
  membership(node: SimNode, status: MembershipStatus): void {
    const entries = node.store.durable.entries;
    const role = node.raft?.status().role;
    if (role !== 'leader' || status.committed) return;
    const between = entries.filter(
      (entry) => entry.kind === 'config' && entry.index > status.stable.index && entry.index < status.index,
    );
    if (between.length > 0) this.#broken('OneChange', `${node.id} has two that are not committed`);
  }

  /** Before its disk is emptied. */
  wiped(node: SimNode): void {
    const { id, incarnation } = node;
    this.#lost.push({ id, incarnation, entries: [...node.store.durable.entries] });
  }

  /** A linearizable read: everything that anyone had applied when it began is applied where it is answered. */
  read(node: SimNode): void {
    const floor = this.committed.length;
    this.reads.asked++;
    let answers = 0;
    node.raft?.readIndex((result) => {
      if (++answers > 1) this.#broken('AnsweredOnce', `a read of ${node.id} got ${answers} answers`);
      if (result.status !== 'ready') {
        this.reads.refused++;
        return;
      }
      this.reads.ready++;
      if (result.index < floor || node.machine.length < result.index) {
        const has = node.machine.length;
        this.#broken(
          'ReadIndex',
          `${node.id} reads at ${result.index}, has ${has}; ${floor} were applied before`,
        );
      }
    });
  }

  persisted(node: SimNode): void {
    this.#conduct?.persisted(node);
    this.#conduct?.knows(node);
    this.#leaderCompleteness(node);
    if (++this.#persists % 20 === 0) this.logMatching();
  }

  /** A leader's log, once its opening noop is on its disk, holds everything committed in earlier terms. */
  #leaderCompleteness(node: SimNode): void {
    const { entries } = node.store.durable;
    const last = entries.at(-1);
    if (last?.kind !== 'noop' || this.#leaderOfTerm.get(last.term) !== name(node)) return;
    for (const known of this.committed) {
      if ((this.#committedBy[known.index - 1] ?? Infinity) >= last.term) break;
      const own = entries[known.index - 1];
      if (own === undefined || !same(own, known)) {
        this.#broken('LeaderCompleteness', `${node.id} leads ${last.term} without entry ${known.index}`);
        return;
      }
    }
  }

  /** Same index and term: same entry, and the same everything before. */
  logMatching(): void {
    const nodes = this.#world?.nodes ?? [];
    for (const [at, a] of nodes.entries()) {
      for (const b of nodes.slice(at + 1)) this.#matching(a, b);
    }
  }

  #matching(a: SimNode, b: SimNode): void {
    const left = a.store.durable.entries;
    const right = b.store.durable.entries;
    let agreed = false;
    for (let at = Math.min(left.length, right.length) - 1; at >= 0; at--) {
      const one = left[at];
      const other = right[at];
      if (one === undefined || other === undefined) return;
      if (one.term === other.term) agreed = true;
      if (agreed && !same(one, other)) {
        this.#broken('LogMatching', `${a.id} and ${b.id} differ at ${one.index}`);
        return;
      }
    }
  }

  proposed(_node: SimNode, payloads: readonly Uint8Array[]): void {
    for (const one of payloads) this.answers.set(payloadNumber(one), 0);
  }

  answered(node: SimNode, payloads: readonly Uint8Array[], result: ProposeResult): void {
    const numbers = payloads.map(payloadNumber);
    for (const number of numbers) {
      const times = (this.answers.get(number) ?? 0) + 1;
      this.answers.set(number, times);
      if (times > 1) this.#broken('AnsweredOnce', `command ${number} got ${times} answers`);
    }
    switch (result.status) {
      case 'applied':
        for (const [at, number] of numbers.entries()) {
          const entry = node.machine[result.index - numbers.length + at];
          if (entry === undefined || payloadNumber(entry.payload) !== number) {
            this.#broken('HonestAnswer', `command ${number} is not where ${node.id} said`);
          }
        }
        return;
      case 'notLeader':
      case 'overloaded':
        for (const number of numbers) {
          this.#certainlyNot.add(number);
          if (this.#committedNumbers.has(number)) {
            this.#broken('HonestAnswer', `command ${number} was committed, then denied`);
          }
        }
        return;
      case 'unknown':
        return;
    }
  }
}

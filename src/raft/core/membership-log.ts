/**
 * The memberships that the log holds: the last committed one and those appended after it.
 *
 * Invariants: the membership in effect is the last one *appended* (thesis 4.1; effect at apply time has liveness holes,
 * pitfall M6), so that a truncation brings back the one before; what is committed never comes back.
 */

import { decodeMembership, type MembershipAt } from '../membership.js';
import type { Entry, Incarnation, LogIndex, NodeId } from '../types.js';
import { assert } from './assert.js';
import { Members } from './members.js';

interface Held extends MembershipAt {
  readonly members: Members;
}

export class MembershipLog {
  readonly #self: NodeId;
  readonly #incarnation: Incarnation;
  /** Ascending; the first is the last one known to be committed. */
  #held: Held[];
  /** Grows whenever anything here changes. */
  revision = 0;

  /** @param later those found in the log after `base`, ascending */
  constructor(base: MembershipAt, later: readonly MembershipAt[], self: NodeId, incarnation: Incarnation) {
    this.#self = self;
    this.#incarnation = incarnation;
    this.#held = [this.#hold(base)];
    for (const one of later) this.#push(one);
  }

  #hold(at: MembershipAt): Held {
    return { ...at, members: new Members(at.membership, this.#self, this.#incarnation) };
  }

  #push(at: MembershipAt): void {
    assert(at.index > this.index, 'memberships follow one another in the log');
    this.#held.push(this.#hold(at));
  }

  get #last(): Held {
    const last = this.#held.at(-1);
    assert(last !== undefined, 'there is always a membership');
    return last;
  }

  /** In effect. */
  get members(): Members {
    return this.#last.members;
  }

  /** Of the last one known to be committed. */
  get stableMembers(): Members {
    const [first] = this.#held;
    assert(first !== undefined, 'there is always a membership');
    return first.members;
  }

  /** This node votes in the membership in effect, or did in one that may come back. */
  get votes(): boolean {
    return this.#held.some(({ members }) => members.standing === 'voter' || members.standing === 'witness');
  }

  /** Entry of the one in effect. */
  get index(): LogIndex {
    return this.#last.index;
  }

  /** The last one known to be committed. */
  get stable(): MembershipAt {
    const { membership } = this.stableMembers;
    return { index: this.#held[0]?.index ?? this.index, membership };
  }

  /** Takes note of the `config` entries among those appended. */
  appended(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind !== 'config') continue;
      this.#push({ index: entry.index, membership: decodeMembership(entry.payload) });
      this.revision++;
    }
  }

  truncatedFrom(index: LogIndex): void {
    if (this.index < index) return;
    const kept = this.#held.filter((one) => one.index < index);
    assert(kept.length > 0, 'a committed membership is never rolled back');
    this.#held = kept;
    this.revision++;
  }

  committedTo(commit: LogIndex): void {
    let passed = 0;
    while ((this.#held[passed + 1]?.index ?? Infinity) <= commit) passed++;
    if (passed === 0) return;
    this.#held = this.#held.slice(passed);
    this.revision++;
  }

  /** The log begins anew behind a snapshot, whose membership counts: nothing after it is held (pitfall M2). */
  restart(at: MembershipAt): void {
    this.#held = [this.#hold(at)];
    this.revision++;
  }
}

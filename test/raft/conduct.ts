/**
 * What a participant may do at all, whatever the others do: judged from what it sends and from what an onlooker knows of
 * its company. These break long before their consequences do, so that a seed or two shows what figure 8 needs thousands for.
 */

import type { Message } from '../../src/raft/core/messages.js';
import type { Entry, NodeId } from '../../src/raft/types.js';

/** The part of a simulated node that is looked at. */
export interface Observed {
  readonly id: NodeId;
  readonly term: number;
  readonly store: {
    readonly durable: { readonly entries: readonly Entry[]; readonly hardState: { readonly commit: number } };
  };
  readonly raft: {
    status(): { readonly role: string; readonly leader: NodeId | null; readonly commitIndex: number };
    membership(): {
      readonly stable: {
        readonly membership: { readonly voters: readonly { readonly incarnation: string | null }[] };
      };
    };
  } | null;
  readonly company: Company;
}

/** What a crash, a pause or a lost connection forgets. Instants in ns. */
export interface Company {
  heardLeader: { readonly id: NodeId; readonly term: number; readonly at: number } | null;
  heardAnyone: number;
  /** When the write under way began; null between writes. */
  writingSince: number | null;
}

export interface ConductLimits {
  readonly electionMin: number;
  readonly electionMax: number;
  readonly maxUncommittedBytes: number;
}

const LARGEST_BATCH_BYTES = 180;

export class Conduct {
  readonly #limits: ConductLimits;
  readonly #now: () => number;
  readonly #broken: (invariant: string, detail: string) => void;
  /** The highest commit index that anyone is known to have had by right. */
  #commit = 0;

  constructor(limits: ConductLimits, now: () => number, broken: (invariant: string, detail: string) => void) {
    this.#limits = limits;
    this.#now = now;
    this.#broken = broken;
  }

  /** What a node brings along into a new role or from its disk was counted before. */
  knows(node: Observed): void {
    const commit = Math.max(node.raft?.status().commitIndex ?? 0, node.store.durable.hardState.commit);
    this.#commit = Math.max(this.#commit, commit);
  }

  sent(node: Observed, message: Message): void {
    switch (message.kind) {
      case 'preVoteReply':
        if (message.granted) this.#sticky(node);
        return;
      case 'append':
        this.#commitTold(node, message.term, message.commit);
        this.#changes(node, message.term, message.entries);
        return;
      case 'heartbeat':
        this.#mayStillLead(node);
        this.#commitTold(node, message.term, message.commit);
        return;
      case 'commitNotice':
        this.#commitTold(node, message.term, message.commit);
        return;
      default:
        return;
    }
  }

  /** BoundedUncommitted: what a leader holds beyond the commit index stays within its limit (pitfall C4). */
  persisted(node: Observed): void {
    const status = node.raft?.status();
    if (status?.role !== 'leader') return;
    const { entries } = node.store.durable;
    let bytes = 0;
    for (let at = entries.length - 1; at >= status.commitIndex; at--) {
      const entry = entries[at];
      if (entry?.term !== node.term) break;
      if (entry.kind === 'command') bytes += entry.payload.length;
    }
    // One batch is let through when nothing waits.
    if (bytes > this.#limits.maxUncommittedBytes + LARGEST_BATCH_BYTES) {
      this.#broken('BoundedUncommitted', `${node.id} holds ${bytes} uncommitted bytes`);
    }
  }

  /**
   * CommitOwnTerm: a leader that raises the commit index beyond what was known has counted an entry of its own term
   * (thesis 3.6.2, figure 8).
   */
  #commitTold(node: Observed, term: number, commit: number): void {
    if (commit <= this.#commit) return;
    this.#commit = commit;
    const counted = node.store.durable.entries[commit - 1];
    if (counted !== undefined && counted.term < term) {
      this.#broken('CommitOwnTerm', `${node.id} committed ${commit} of term ${counted.term} in ${term}`);
    }
  }

  /** Stickiness: who hears the leader of its term helps nobody to replace it (pitfalls E5, E6). */
  #sticky(node: Observed): void {
    const heard = node.company.heardLeader;
    if (heard === null || node.raft?.status().leader !== heard.id || heard.term !== node.term) return;
    // Ten milliseconds for what was heard at the same instant as something else.
    if (this.#now() - heard.at < this.#limits.electionMin - 10e6) {
      this.#broken('Stickiness', `${node.id} hears ${heard.id} and grants a pre-vote`);
    }
  }

  /** CheckQuorum: a leader that hears nobody falls silent. StalledDisk: so does one that cannot write (pitfall L17). */
  #mayStillLead(node: Observed): void {
    const { heardAnyone, writingSince } = node.company;
    const patience = 3 * this.#limits.electionMax;
    const silence = this.#now() - heardAnyone;
    const alone = node.raft?.membership().stable.membership.voters.length === 1;
    if (silence > patience && !alone)
      this.#broken('CheckQuorum', `${node.id} leads on, ${silence / 1e6} ms without a word`);
    if (writingSince !== null && this.#now() - writingSince > patience) {
      this.#broken('StalledDisk', `${node.id} leads on a disk that does not answer`);
    }
  }

  /** ChangeAfterOwnCommit (pitfall M1): a leader changes the membership only after an entry of its term is committed. */
  #changes(node: Observed, term: number, entries: readonly Entry[]): void {
    const first = entries.find((entry) => entry.kind === 'config' && entry.term === term);
    // At its birth a cluster writes down who its members are: no change.
    const newborn = node.raft?.membership().stable.membership.voters.some((one) => one.incarnation === null);
    if (first === undefined || newborn !== false) return;
    const commit = node.raft?.status().commitIndex ?? 0;
    // Undefined: the disks of others were faster than its own.
    if ((node.store.durable.entries[commit - 1]?.term ?? term) !== term) {
      this.#broken('ChangeAfterOwnCommit', `${node.id} changes the membership at ${first.index} in ${term}`);
    }
  }
}

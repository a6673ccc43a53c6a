/**
 * What must hold in every world, checked as it happens. A violation names the invariant and what contradicted it.
 *
 * Names follow the Raft thesis where it has one. The oracle sees what no node can: every disk, and the true time.
 */
import type { TreeHead } from '../../src/audit/types.js';
import type { WitnessState } from '../../src/audit/storage.js';
import type { AuthorityEvent } from '../../src/authority/api.js';
import type { Entry, HardState } from '../../src/raft/types.js';
import { sha256 } from '../../src/verify/crypto.js';
import type { OutcomeMessage } from '../../src/wire/messages.js';

export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: string;

  constructor(invariant: string, detail: string) {
    super(`${invariant}: ${detail}`);
    this.invariant = invariant;
  }
}

function demand(condition: boolean, invariant: string, detail: () => string): void {
  if (!condition) throw new Violation(invariant, detail());
}

const hex = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
};

export interface Disks {
  /** Log entries that a crash of every node at this instant would leave, per node. */
  durableEntries(): readonly (readonly Entry[])[];
}

export class Invariants {
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  readonly #committed = new Map<number, { term: number; digest: string; time: bigint; by: string }>();
  readonly #heads = new Map<number, { root: string; by: string }>();
  readonly #witnesses = new Map<string, WitnessState>();
  readonly #outcomes = new Map<string, string>();
  readonly #lastSequence = new Map<string, number>();
  readonly #terms = new Map<string, number>();
  readonly #disks: Disks;
  readonly #majority: number;
  /** Counts, so that a run can show that it checked something. */
  checks = 0;

  constructor(disks: Disks, majority: number) {
    this.#disks = disks;
    this.#majority = majority;
  }

  get commits(): number {
    return this.#committed.size;
  }

  get leaderTerms(): number {
    return this.#leaders.size;
  }

  /** ElectionSafety: at most one leader a term, over all history. */
  ledBy(node: string, term: number): void {
    this.checks += 1;
    const other = this.#leaders.get(term);
    demand(
      other === undefined || other === node,
      'ElectionSafety',
      () => `${String(other)} and ${node} led term ${term}`,
    );
    this.#leaders.set(term, node);
  }

  /** OneVote and TermMonotone, on what is durable. */
  hardState(node: string, state: HardState): void {
    this.checks += 1;
    const last = this.#terms.get(node) ?? 0;
    demand(state.term >= last, 'TermMonotone', () => `${node} went from term ${last} back to ${state.term}`);
    this.#terms.set(node, state.term);
    if (state.vote === null) return;
    const key = `${node}/${state.term}`;
    const before = this.#votes.get(key);
    demand(
      before === undefined || before === state.vote,
      'OneVote',
      () => `${node} voted for ${String(before)} and ${String(state.vote)} in term ${state.term}`,
    );
    this.#votes.set(key, state.vote);
  }

  /**
   * StateMachineSafety and CommittedImmutable: what one node applies at an index, every node applies there.
   * CommittedOnQuorum: at that moment the entry is on the durable storage of a majority.
   */
  applied(node: string, entry: Entry): void {
    this.checks += 1;
    const digest = hex(sha256(entry.payload));
    const known = this.#committed.get(entry.index);
    if (known !== undefined) {
      demand(
        known.term === entry.term && known.digest === digest && known.time === entry.time,
        'StateMachineSafety',
        () => `${node} and ${known.by} applied different entries at ${entry.index}`,
      );
      return;
    }
    const before = this.#committed.get(entry.index - 1);
    demand(
      before === undefined || before.time <= entry.time,
      'ClusterTimeMonotone',
      () => `entry ${entry.index} is stamped ${entry.time}, the one before ${String(before?.time)}`,
    );
    const holders = this.#disks
      .durableEntries()
      .filter((entries) => entries[entry.index - 1]?.term === entry.term).length;
    demand(
      holders >= this.#majority,
      'CommittedOnQuorum',
      () => `${node} applied entry ${entry.index} of term ${entry.term} while ${holders} disks held it`,
    );
    this.#committed.set(entry.index, { term: entry.term, digest, time: entry.time, by: node });
  }

  /** One root a size, on every node, for ever. */
  boundary(node: string, head: TreeHead): void {
    this.checks += 1;
    const root = hex(head.root);
    const known = this.#heads.get(head.size);
    demand(
      known === undefined || known.root === root,
      'OneRoot',
      () => `${node} and ${String(known?.by)} computed different roots at size ${head.size}`,
    );
    if (known === undefined) this.#heads.set(head.size, { root, by: node });
  }

  /** A witness never goes back, and never signs two roots of one size. */
  witness(node: string, state: WitnessState): void {
    this.checks += 1;
    const before = this.#witnesses.get(node);
    demand(
      before === undefined || state.size >= before.size,
      'WitnessMonotone',
      () => `${node} saved size ${state.size} after ${String(before?.size)}`,
    );
    demand(
      before?.size !== state.size || hex(before.root) === hex(state.root),
      'WitnessMonotone',
      () => `${node} saved two roots of size ${state.size}`,
    );
    this.#witnesses.set(node, state);
  }

  /** Sequence numbers are 1…n without a gap, each with one outcome, on every node. */
  event(node: string, event: AuthorityEvent): void {
    if (event.kind === 'measured') {
      const { device, sequence, outcome } = event.audit;
      const nodeKey = `${node}/${device}`;
      const last = this.#lastSequence.get(nodeKey);
      this.checks += 1;
      demand(
        last === undefined || sequence === last + 1 || sequence <= last,
        'SequenceWithoutGap',
        () => `${device}: ${sequence} after ${String(last)} on ${node}`,
      );
      this.#lastSequence.set(nodeKey, Math.max(last ?? 0, sequence));
      if (outcome !== null) this.#decided(node, device, sequence, outcome.kind);
    } else if (event.kind === 'issued' || event.kind === 'voided') {
      this.#decided(node, event.audit.device, event.audit.sequence, event.kind);
    }
  }

  #decided(node: string, device: string, sequence: number, outcome: string): void {
    this.checks += 1;
    const key = `${device}/${sequence}`;
    const known = this.#outcomes.get(key);
    demand(
      known === undefined || known === outcome,
      'OneOutcome',
      () => `${key} is ${String(known)} and, on ${node}, ${outcome}`,
    );
    this.#outcomes.set(key, outcome);
  }

  /**
   * HonestInterval: the interval that a released outcome states contains the clock that the device showed.
   * PassWithinLimit: a released pass never belongs to a clock outside the limit.
   */
  outcome(message: OutcomeMessage, shown: { low: bigint; high: bigint }, limit: bigint): void {
    this.checks += 1;
    if (message.sequence === 0) return;
    // A device that showed several clocks in one audit is judged by one of them.
    if (shown.low === shown.high) {
      demand(
        message.low <= shown.low && shown.high <= message.high,
        'HonestInterval',
        () =>
          `outcome ${message.sequence} states [${message.low}, ${message.high}], the truth is ${shown.low}`,
      );
    }
    if (message.verdict === 'pass') {
      const worst = shown.low === shown.high ? [shown.low] : [];
      for (const offset of worst) {
        demand(
          offset < limit && offset > -limit,
          'PassWithinLimit',
          () => `a pass was released for a clock that was ${offset} ns off`,
        );
      }
    }
  }

  /** At the end every node has applied the same entries. */
  appliedCount(): number {
    return this.#committed.size;
  }

  /** A digest of everything that happened, for comparing two runs of one seed. */
  digest(): string {
    const lines: string[] = [];
    for (const [index, entry] of this.#committed)
      lines.push(`${index} ${entry.term} ${entry.digest} ${entry.time} ${entry.by}`);
    for (const [size, head] of this.#heads) lines.push(`${size} ${head.root}`);
    for (const [key, outcome] of this.#outcomes) lines.push(`${key} ${outcome}`);
    return hex(sha256(new TextEncoder().encode(lines.join('\n'))));
  }
}

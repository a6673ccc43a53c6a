/**
 * What must hold in every world, checked as it happens. A violation names the invariant and what contradicted it.
 *
 * Names follow the Raft thesis where it has one. The oracle sees what no node can: every disk, and the true time. All
 * checks are incremental: their cost does not grow with the length of the world.
 */
import type { LedgerImage, WitnessState } from '../../src/audit/storage.js';
import type { TreeHead } from '../../src/audit/types.js';
import type { AuthorityEvent } from '../../src/authority/api.js';
import type { LogBatch } from '../../src/raft/storage.js';
import type { Entry, HardState } from '../../src/raft/types.js';
import { equalBytes } from '../../src/verify/bytes.js';
import { sha256 } from '../../src/verify/crypto.js';
import type { OutcomeMessage } from '../../src/wire/messages.js';
import { hexOf } from './hex.js';
import { LogOracle } from './log-oracle.js';
import { demand } from './violation.js';

export { Violation } from './violation.js';

export interface Disks {
  /** Log entries that a crash of every node at this instant would leave, per node. */
  durableEntries(): readonly (readonly Entry[])[];
}

interface Committed {
  readonly entry: Entry;
  readonly by: string;
}

/** What a released outcome says of a clock, and what is true of it. */
export interface Shown {
  /** Least and greatest device clock − UTC(NICT) that the device showed during the audit. */
  readonly low: bigint;
  readonly high: bigint;
  /** How far a fault of the world may have moved the measuring clock unnoticed; 0 while its assumptions held. */
  readonly allowance: bigint;
}

export class Invariants {
  readonly #leaders = new Map<number, string>();
  readonly #votes = new Map<string, string>();
  readonly #committed: Committed[] = [];
  readonly #log = new LogOracle();
  readonly #heads = new Map<number, { root: string; by: string }>();
  readonly #images = new Map<number, { state: Uint8Array; size: number; by: string }>();
  readonly #witnesses = new Map<string, WitnessState>();
  readonly #outcomes = new Map<string, string>();
  readonly #lastSequence = new Map<string, number>();
  readonly #terms = new Map<string, number>();
  /** Last index that this node has applied in this life. */
  readonly #applied = new Map<string, number>();
  /** Outcome that a client was told for (session, request): never another one later. */
  readonly #told = new Map<string, string>();
  readonly #disks: Disks;
  readonly #majority: number;
  /** Counts, so that a run can show that it checked something. */
  checks = 0;

  constructor(disks: Disks, majority: number) {
    this.#disks = disks;
    this.#majority = majority;
  }

  get commits(): number {
    return this.#committed.length;
  }

  get leaderTerms(): number {
    return this.#leaders.size;
  }

  get highestTerm(): number {
    return Math.max(0, ...this.#leaders.keys());
  }

  committedPayload(index: number): Uint8Array | undefined {
    return this.#committed[index - 1]?.entry.payload;
  }

  /** ElectionSafety: at most one leader a term, over all history. LeaderVotedForItself, durably. */
  ledBy(node: string, term: number, durable: HardState): void {
    this.checks += 1;
    const other = this.#leaders.get(term);
    demand(
      other === undefined || other === node,
      'ElectionSafety',
      () => `${String(other)} and ${node} led term ${term}`,
    );
    this.#leaders.set(term, node);
    demand(
      durable.term === term && durable.vote === node,
      'LeaderVotedForItself',
      () => `${node} leads ${term}; on its disk is term ${durable.term}, vote ${String(durable.vote)}`,
    );
  }

  /** A process began: it applies again from its image on. */
  born(node: string): void {
    this.#applied.delete(node);
  }

  /** LeaderAppendOnly: asked of a write before it begins. */
  writes(node: string, batch: LogBatch, role: string, term: number): void {
    this.checks += 1;
    demand(
      role !== 'leader' || batch.truncateFrom === undefined || batch.hardState?.term !== term,
      'LeaderAppendOnly',
      () => `${node} leads ${term} and cuts its log from ${String(batch.truncateFrom)} on`,
    );
  }

  /** OneVote, TermMonotone, LogMatching, TermsAscend, LeaderCompleteness: on what is durable. */
  durable(node: string, batch: LogBatch, state: HardState, entries: readonly Entry[]): void {
    this.checks += 1;
    const last = this.#terms.get(node) ?? 0;
    demand(state.term >= last, 'TermMonotone', () => `${node} went from term ${last} back to ${state.term}`);
    this.#terms.set(node, state.term);
    this.#vote(node, state);
    this.#log.appended(node, batch.entries, entries);
    for (const entry of batch.entries) {
      demand(
        entry.term <= state.term,
        'TermsAscend',
        () => `${node} stores entry ${entry.index} of term ${entry.term} in term ${state.term}`,
      );
      if (entry.kind === 'noop' && this.#leaders.get(entry.term) === node)
        this.#complete(node, entry, entries);
    }
    if (batch.truncateFrom !== undefined) this.#cut(node, batch.truncateFrom, entries);
  }

  #vote(node: string, state: HardState): void {
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

  /** LeaderCompleteness: what was committed in earlier terms is in the log of a leader that opens its term. */
  #complete(node: string, noop: Entry, entries: readonly Entry[]): void {
    this.checks += 1;
    const known = this.#log.committedBefore(noop.term);
    if (known === null) return;
    // Log matching: the same entry there means the same log up to there.
    demand(
      entries[known.index - 1]?.term === known.term,
      'LeaderCompleteness',
      () => `${node} leads ${noop.term} without entry ${known.index} of term ${known.term}`,
    );
  }

  /** CommittedStays: a log that is cut below what is committed leaves it on a majority of the other disks. */
  #cut(node: string, from: number, entries: readonly Entry[]): void {
    const known = this.#committed[from - 1]?.entry;
    if (known === undefined || entries[from - 1]?.term === known.term) return;
    const holders = this.#holders(known);
    demand(
      holders >= this.#majority,
      'CommittedStays',
      () => `${node} cut its log at ${from}, which is committed; ${holders} disks still hold it`,
    );
  }

  #holders(entry: Entry): number {
    let holders = 0;
    for (const entries of this.#disks.durableEntries()) {
      // What came as a snapshot leaves no entry behind, and is held.
      const snapshot = entry.index <= entries.length && entries[entry.index - 1] === undefined;
      if (snapshot || entries[entry.index - 1]?.term === entry.term) holders += 1;
    }
    return holders;
  }

  /**
   * StateMachineSafety and CommittedImmutable: what one node applies at an index, every node applies there.
   * CommittedOnQuorum: at that moment the entry is on the durable storage of a majority.
   * AppliedInOrder: no node leaves an entry out.
   */
  applied(node: string, entry: Entry, term: number): void {
    this.checks += 1;
    const previous = this.#applied.get(node);
    demand(
      previous === undefined || entry.index === previous + 1,
      'AppliedInOrder',
      () => `${node} applied ${entry.index} after ${String(previous)}`,
    );
    this.#applied.set(node, entry.index);
    const known = this.#committed[entry.index - 1];
    if (known !== undefined) {
      demand(
        known.entry === entry || sameEntry(known.entry, entry),
        'StateMachineSafety',
        () => `${node} and ${known.by} applied different entries at ${entry.index}`,
      );
      return;
    }
    this.#commit(node, entry, term);
  }

  #commit(node: string, entry: Entry, term: number): void {
    const before = this.#committed.at(-1)?.entry;
    demand(
      entry.index === this.#committed.length + 1,
      'NoGap',
      () => `${node} applied ${entry.index} while only ${this.#committed.length} were committed`,
    );
    demand(
      before === undefined || (before.time <= entry.time && before.term <= entry.term),
      'ClusterTimeMonotone',
      () => `entry ${entry.index} is stamped ${entry.time}, the one before ${String(before?.time)}`,
    );
    const holders = this.#holders(entry);
    demand(
      holders >= this.#majority,
      'CommittedOnQuorum',
      () => `${node} applied entry ${entry.index} of term ${entry.term} while ${holders} disks held it`,
    );
    this.#committed.push({ entry, by: node });
    this.#log.committed(entry, term);
  }

  /** OneRoot: one root a size, on every node, for ever. */
  boundary(node: string, head: TreeHead): void {
    this.checks += 1;
    const root = hexOf(head.root);
    const known = this.#heads.get(head.size);
    demand(
      known === undefined || known.root === root,
      'OneRoot',
      () => `${node} and ${String(known?.by)} computed different roots at size ${head.size}`,
    );
    if (known === undefined) this.#heads.set(head.size, { root, by: node });
  }

  /** OneState: the replicated state after an entry is the same bytes on every node. */
  image(
    node: string,
    { appliedIndex, state, size }: Pick<LedgerImage, 'appliedIndex' | 'state' | 'size'>,
  ): void {
    this.checks += 1;
    const known = this.#images.get(appliedIndex);
    demand(
      known === undefined || (known.size === size && equalBytes(known.state, state)),
      'OneState',
      () => `${node} and ${String(known?.by)} hold different states after entry ${appliedIndex}`,
    );
    if (known === undefined) this.#images.set(appliedIndex, { state, size, by: node });
  }

  /** WitnessMonotone: a witness never goes back, and never signs two roots of one size. */
  witness(node: string, state: WitnessState): void {
    this.checks += 1;
    const before = this.#witnesses.get(node);
    demand(
      before === undefined || state.size >= before.size,
      'WitnessMonotone',
      () => `${node} saved size ${state.size} after ${String(before?.size)}`,
    );
    demand(
      before?.size !== state.size || equalBytes(before.root, state.root),
      'WitnessMonotone',
      () => `${node} saved two roots of size ${state.size}`,
    );
    this.#witnesses.set(node, state);
  }

  /** WitnessBeforeLine: a node signs only what its durable witness covers. */
  signs(node: string, newest: number): void {
    this.checks += 1;
    const saved = this.#witnesses.get(node)?.size ?? 0;
    demand(
      newest <= saved,
      'WitnessBeforeLine',
      () => `${node} signed ${newest}, its witness holds ${saved}`,
    );
  }

  /** SequenceWithoutGap, OneOutcome: audits of a device are 1…n, each with one outcome, on every node. */
  event(node: string, event: AuthorityEvent): void {
    if (event.kind === 'measured') {
      const { device, sequence, outcome } = event.audit;
      const nodeKey = `${node}/${device}`;
      const last = this.#lastSequence.get(nodeKey);
      this.checks += 1;
      demand(
        last === undefined || sequence <= last + 1,
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
   * OneAnswer: a request of a session is never answered in two ways.
   */
  outcome(client: string, message: OutcomeMessage, shown: Shown | null, limit: bigint): void {
    this.checks += 1;
    if (message.sequence === 0) return;
    this.#oneAnswer(client, message);
    // A device that showed several clocks in one audit is judged by one of them.
    if (shown?.low !== shown?.high || shown === null) return;
    const { allowance } = shown;
    const truth = shown.low;
    if (message.verdict === 'pass' && message.receipt.length > 0) {
      demand(
        message.low - allowance <= truth && truth <= message.high + allowance,
        'HonestInterval',
        () => `outcome ${message.sequence} states [${message.low}, ${message.high}], the truth is ${truth}`,
      );
      demand(
        truth < limit + allowance && truth > -limit - allowance,
        'PassWithinLimit',
        () => `a pass was released for a clock that was ${truth} ns off`,
      );
    }
  }

  #oneAnswer(client: string, message: OutcomeMessage): void {
    const key = `${client}/${message.request}`;
    const said = `${message.sequence} ${message.verdict} ${message.low} ${message.high} ${String(message.voided)}`;
    const known = this.#told.get(key);
    demand(
      known === undefined || known === said,
      'OneAnswer',
      () => `${key}: ${String(known)}, then ${said}`,
    );
    this.#told.set(key, said);
  }

  /** A digest of everything that happened, for comparing two runs of one seed. */
  digest(): string {
    const lines: string[] = [];
    for (const { entry, by } of this.#committed)
      lines.push(`${entry.index} ${entry.term} ${hexOf(entry.payload)} ${entry.time} ${by}`);
    for (const [size, head] of this.#heads) lines.push(`${size} ${head.root}`);
    for (const [key, outcome] of this.#outcomes) lines.push(`${key} ${outcome}`);
    for (const [key, said] of this.#told) lines.push(`${key} ${said}`);
    return hexOf(sha256(new TextEncoder().encode(lines.join('\n'))));
  }
}

const sameEntry = (a: Entry, b: Entry): boolean =>
  a.term === b.term && a.kind === b.kind && a.time === b.time && equalBytes(a.payload, b.payload);

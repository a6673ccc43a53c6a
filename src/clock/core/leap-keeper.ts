/**
 * Follows the coming possible leap second through the day: what was announced, what is decided, what is on record. Owns
 * the table that labels are made with.
 *
 * Invariant: across a midnight about which there is doubt the state is `doubtful`, from an hour before until the
 * reference's own labels have shown on the far side, within one epoch, that the table was right, or somebody has said so.
 */

import {
  leapTableDaysLeft,
  leapTableExpired,
  nextLeap,
  taiMinusUtcAt,
  taiMinusUtcAtPosix,
} from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { NS_PER_S, taiNs } from '../../time/types.js';
import type { LeapState, TaiNs } from '../../time/types.js';
import { daysFromCivil, utcParts } from '../../time/utc-label.js';
import type { LeapPhase } from './events.js';
import {
  decideLeap,
  effectiveTable,
  inLeapGuard,
  indicatorVote,
  listVote,
  midnightLabel,
  nextMonthPosix,
  operatorVote,
} from './leap-policy.js';
import type { LeapChange, LeapDecision, LeapKnowledge, LeapVotes } from './leap-policy.js';
import { tuning } from './profile.js';

const DAY_NS = 86_400n * NS_PER_S;

/** What `look` found worth a record. */
export type LeapFinding =
  | {
      readonly kind: 'leap';
      readonly phase: LeapPhase;
      /** End of the leap second, or of the possible one. */
      readonly midnight: TaiNs;
      readonly change: LeapChange;
      readonly votes: LeapVotes;
      readonly tableHash: string;
      readonly daysLeft: number;
    }
  | {
      readonly kind: 'anomaly';
      readonly code: 'leapContradiction' | 'leapTableExpired' | 'leapTableExpiring';
      readonly source: string | null;
      readonly detail: string;
    };

interface PassedMidnight {
  readonly posix: bigint;
  readonly epoch: number;
}

export interface PossibleLeap {
  /** The 00:00:00 UTC that follows it, POSIX seconds and TAI. */
  readonly posix: bigint;
  readonly midnight: TaiNs;
  readonly votes: LeapVotes;
  readonly decision: LeapDecision;
}

export class LeapKeeper {
  #knowledge: LeapKnowledge;
  #table: LeapTable;
  // Midnights are kept as POSIX counts: when a leap second becomes known, the TAI instant of its midnight moves.
  /** Indicators of voting sources, as heard on the last day before `#announcedFor`. */
  readonly #announced = new Map<string, number>();
  #announcedFor: bigint | null = null;
  /** The coming midnight at the last look. */
  #watched: PassedMidnight | null = null;
  /** A midnight that passed in doubt, and the epoch in which the clock went through it. */
  #unsettled: PassedMidnight | null = null;
  /** UTC day of the last daily check, days since 1970. */
  #day: number | null = null;
  #presetFor: bigint | null = null;
  #contradictionTold: bigint | null = null;
  #expiredTold = false;
  #warnedDays: number | null = null;

  constructor(knowledge: LeapKnowledge) {
    this.#knowledge = knowledge;
    this.#table = effectiveTable(knowledge);
  }

  /** Labels are made with it. */
  get table(): LeapTable {
    return this.#table;
  }

  /** Newly approved or entered: what was in doubt may be settled by it. */
  learn(knowledge: LeapKnowledge): void {
    this.#knowledge = knowledge;
    this.#table = effectiveTable(knowledge);
    this.#expiredTold = false;
    this.#warnedDays = null;
    const passed = this.#unsettled;
    if (passed !== null && this.#about(passed.posix).decision.kind === 'decided') this.#unsettled = null;
  }

  /** An operator has looked and says that labels and table agree. */
  release(): void {
    this.#unsettled = null;
    this.#announced.clear();
    this.#contradictionTold = null;
  }

  /**
   * A source's indicator. It speaks of the coming midnight only on the last UTC day of a month: some servers raise it
   * months ahead, others never lower it. A source that corrects itself is believed.
   * @param mayVote false for an unauthenticated monitor, whose word anyone could forge
   */
  heard(source: string, indicator: number, mayVote: boolean, tai: TaiNs): void {
    const posix = this.#comingAt(tai);
    if (!mayVote || this.#instantOf(posix) - tai > DAY_NS + NS_PER_S) return;
    if (this.#announcedFor !== posix) this.#announced.clear();
    this.#announcedFor = posix;
    this.#announced.set(source, indicator);
  }

  /** A sample of the reference at `tai` fitted what was known: its label agrees with the table. */
  confirmed(tai: TaiNs, epoch: number): void {
    const passed = this.#unsettled;
    if (passed === null || passed.epoch !== epoch) return;
    if (tai - this.#instantOf(passed.posix) > tuning.leapGuardNs + NS_PER_S) this.#unsettled = null;
  }

  coming(tai: TaiNs): PossibleLeap {
    return this.#about(this.#comingAt(tai));
  }

  stateAt(tai: TaiNs): LeapState {
    if (this.#unsettled !== null) return 'doubtful';
    const { midnight, decision } = this.coming(tai);
    if (decision.kind === 'doubt') return midnight - tai <= tuning.leapDoubtNs ? 'doubtful' : 'infoStale';
    if (inLeapGuard(this.#table, tai) !== null) return 'inProgress';
    return nextLeap(this.#table, tai) === null ? 'none' : 'announced';
  }

  /** What is to be recorded at `tai`, in the order in which it happened. */
  look(tai: TaiNs, epoch: number): readonly LeapFinding[] {
    const findings: LeapFinding[] = [];
    this.#crossed(tai, findings);
    const coming = this.coming(tai);
    this.#watched = { posix: coming.posix, epoch };
    this.#daily(tai, coming, findings);
    this.#preset(tai, coming, findings);
    this.#contradiction(coming, findings);
    return findings;
  }

  #crossed(tai: TaiNs, findings: LeapFinding[]): void {
    const watched = this.#watched;
    if (watched === null || tai < this.#instantOf(watched.posix)) return;
    const passed = this.#about(watched.posix);
    if (passed.decision.kind === 'doubt') {
      this.#unsettled = watched;
      findings.push(this.#finding('doubtful', passed, tai));
    } else if (passed.decision.change !== 0) {
      findings.push(this.#finding('executed', passed, tai));
    }
  }

  #daily(tai: TaiNs, coming: PossibleLeap, findings: LeapFinding[]): void {
    const { year, month, day: dayOfMonth } = utcParts(tai, this.#table);
    const day = daysFromCivil(year, month, dayOfMonth);
    if (this.#day !== null && day <= this.#day) return;
    this.#day = day;
    findings.push(this.#finding('dailyCheck', coming, tai));
    this.#expiry(tai, findings);
  }

  #expiry(tai: TaiNs, findings: LeapFinding[]): void {
    const { list } = this.#knowledge;
    const remedy =
      'install the current leap-seconds.list on every node and approve it (taactl clock leap approve)';
    if (leapTableExpired(list, tai)) {
      if (this.#expiredTold) return;
      this.#expiredTold = true;
      const detail = `the leap table (${list.source}) has expired; ${remedy}`;
      findings.push({ kind: 'anomaly', code: 'leapTableExpired', source: null, detail });
      return;
    }
    const left = leapTableDaysLeft(list, tai);
    // Once a week, and every day of the last week.
    if (left > tuning.leapWarningDays) return;
    if (this.#warnedDays !== null && left > 7 && this.#warnedDays - left < 7) return;
    this.#warnedDays = left;
    const detail = `the leap table (${list.source}) expires in ${left} days; ${remedy}`;
    findings.push({ kind: 'anomaly', code: 'leapTableExpiring', source: null, detail });
  }

  #preset(tai: TaiNs, coming: PossibleLeap, findings: LeapFinding[]): void {
    const { posix, midnight, decision } = coming;
    if (decision.kind === 'doubt' || decision.change === 0) return;
    if (midnight - tai > DAY_NS + NS_PER_S || this.#presetFor === posix) return;
    this.#presetFor = posix;
    findings.push(this.#finding('preset', coming, tai));
  }

  #contradiction(coming: PossibleLeap, findings: LeapFinding[]): void {
    const { posix, votes, decision } = coming;
    if (decision.kind !== 'doubt' || decision.why !== 'contradiction') return;
    if (this.#contradictionTold === posix) return;
    this.#contradictionTold = posix;
    const sources = [...this.#announced].filter(([, indicator]) => indicator !== 0).map(([name]) => name);
    findings.push({
      kind: 'anomaly',
      code: 'leapContradiction',
      source: sources[0] ?? null,
      detail:
        `about the midnight before ${midnightLabel(posix)} the list (${this.#knowledge.list.source}) says ` +
        `${votes.list}, the leap indicators ${votes.indicator}${sources.length === 0 ? '' : ` (${sources.join(', ')})`}, ` +
        `the operator ${votes.operator}; nothing is issued across it until they agree`,
    });
  }

  #finding(phase: LeapPhase, { midnight, votes, decision }: PossibleLeap, tai: TaiNs): LeapFinding {
    return {
      kind: 'leap',
      phase,
      midnight,
      change: decision.kind === 'decided' ? decision.change : 0,
      votes,
      tableHash: this.#knowledge.list.hash,
      daysLeft: leapTableDaysLeft(this.#knowledge.list, tai),
    };
  }

  /** The first possible midnight after `tai`. */
  #comingAt(tai: TaiNs): bigint {
    const utc = tai / NS_PER_S - BigInt(taiMinusUtcAt(tai, this.#table));
    // Within an inserted second the count stands at the midnight that is still to come.
    const near = nextMonthPosix(utc - 1n);
    return this.#instantOf(near) > tai ? near : nextMonthPosix(utc);
  }

  #instantOf(posix: bigint): TaiNs {
    return taiNs((posix + BigInt(taiMinusUtcAtPosix(posix, this.#table))) * NS_PER_S);
  }

  #about(posix: bigint): PossibleLeap {
    const votes: LeapVotes = {
      list: listVote(this.#knowledge.list, posix),
      indicator: indicatorVote(this.#announcedFor === posix ? [...this.#announced.values()] : []),
      operator: operatorVote(this.#knowledge.entries, posix),
    };
    return { posix, midnight: this.#instantOf(posix), votes, decision: decideLeap(votes) };
  }
}

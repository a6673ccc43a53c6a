/** One time source: its configuration, its politeness, and what is counted and remembered of it for status. */

import type { LeapTable } from '../../time/leap-table.js';
import type { MonoNs } from '../../time/types.js';
import { questionsLeft } from './budget.js';
import type { RejectionTest, SourceRole, TroubleCode } from './events.js';
import { judgeHostReport } from './host-report.js';
import type { HostReport, HostTest } from './host-report.js';
import { nearLeap } from './leap-policy.js';
import type { SourceMemory } from './memory.js';
import type { MonitorView } from './monitors.js';
import { SourcePolling } from './polling.js';
import type { ClockProfile } from './profile.js';
import { makeSample } from './sample.js';
import type { Sample } from './sample.js';
import type { Comparison } from './tracker.js';
import { judge } from './verdict.js';
import type { Exchange, PacketTest } from './verdict.js';

export interface SourceConfig {
  /** Unique; names the source in records and in the memory. */
  readonly name: string;
  readonly role: SourceRole;
  readonly profile: ClockProfile;
  /** Who runs it, for the independence of monitors; its own name if left out. */
  readonly operator?: string;
  /** Expected refid letters, or null. */
  readonly refid: string | null;
  /**
   * Of the host's chronyd only: addresses and refids that make it a reference while it follows them.
   */
  readonly references?: readonly string[];
}

export interface SourceStatus {
  readonly name: string;
  readonly role: SourceRole;
  readonly addresses: readonly string[];
  readonly accepted: number;
  readonly rejected: number;
  readonly unanswered: number;
  /** Rejections by test. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly lastOffsetNs: bigint;
  readonly lastUncertaintyNs: bigint;
  readonly lastDelayNs: bigint;
  /** Shortest round trip of an accepted sample; null if there was none. */
  readonly leastDelayNs: bigint | null;
  /** Monotonic instant of the last accepted sample, null if there was none. */
  readonly lastMono: MonoNs | null;
  readonly questionsLeft: number;
  /** The last eight questions, newest in bit 0: 1 for a sample that was used. */
  readonly reach: number;
  /** Whether the last accepted sample was authenticated. */
  readonly authenticated: boolean;
}

/** What came of one datagram. */
export type Answer =
  | { readonly kind: 'sample'; readonly sample: Sample; readonly authenticated: boolean }
  | { readonly kind: 'kiss'; readonly code: string; readonly authenticated: boolean }
  | { readonly kind: 'rejected'; readonly test: PacketTest | HostTest };

export class Source {
  readonly config: SourceConfig;
  readonly polling: SourcePolling;
  /** Of a monitor: what it last said, and for how long it has disagreed. */
  monitor: MonitorView | undefined = undefined;
  #role: SourceRole;
  /** What chronyd followed last. */
  #follows: string | null = null;
  #trouble: TroubleCode | null = null;
  readonly #rejectedBy = new Map<RejectionTest, number>();
  #accepted = 0;
  #last: { readonly comparison: Comparison | null; readonly delay: bigint; readonly mono: MonoNs } | null =
    null;
  #exhausted = false;
  #reach = 0;
  #authenticated = false;
  #leastDelay: bigint | null = null;

  constructor(config: SourceConfig, memory: SourceMemory | undefined, mono: MonoNs, wallNs: bigint) {
    this.config = config;
    this.#role = config.role;
    this.polling = new SourcePolling(config.profile, memory, mono, wallNs);
  }

  judge(exchange: Exchange, table: LeapTable): Answer {
    const { profile, refid } = this.config;
    const judgement = judge(exchange, { profile, refid, nearLeap: (posixNs) => nearLeap(table, posixNs) });
    switch (judgement.kind) {
      case 'rejected':
        return { kind: 'rejected', test: judgement.failed };
      case 'kiss':
        return judgement;
      case 'accepted': {
        const sample = makeSample(exchange, judgement.decoded, judgement.times, table);
        return { kind: 'sample', sample, authenticated: exchange.authentication === 'good' };
      }
    }
  }

  /** As configured; of the host's chronyd, what follows from the source that it has selected. */
  get role(): SourceRole {
    return this.#role;
  }

  get follows(): string | null {
    return this.#follows;
  }

  /** Judges what the host's chronyd says; an accepted report may change the role of this source. */
  judgeHost(report: HostReport, table: LeapTable): Answer {
    const { profile, references = [] } = this.config;
    const judgement = judgeHostReport(report, {
      profile,
      references,
      table,
      nearLeap: (posixNs) => nearLeap(table, posixNs),
    });
    if (judgement.kind === 'rejected') return { kind: 'rejected', test: judgement.failed };
    this.#role = judgement.role;
    this.#follows = judgement.follows;
    // What it said in its other role is no vote in this one.
    if (judgement.role === 'reference') this.monitor = undefined;
    return { kind: 'sample', sample: judgement.sample, authenticated: false };
  }

  /** True once each time that the source gets into this trouble; null ends any. */
  newTrouble(trouble: TroubleCode | null): boolean {
    const isNew = trouble !== null && trouble !== this.#trouble;
    this.#trouble = trouble;
    return isNew;
  }

  asked(): void {
    this.#reach = (this.#reach << 1) & 0xff;
  }

  countAccepted(sample: Sample, comparison: Comparison | null, authenticated: boolean): void {
    this.#accepted++;
    this.#reach |= 1;
    this.#authenticated = authenticated;
    if (this.#leastDelay === null || sample.delay < this.#leastDelay) this.#leastDelay = sample.delay;
    this.#last = { comparison, delay: sample.delay, mono: sample.m4 };
  }

  countRejected(test: RejectionTest): void {
    this.#rejectedBy.set(test, (this.#rejectedBy.get(test) ?? 0) + 1);
  }

  /** True once each time that the budget has run out. */
  budgetJustExhausted(): boolean {
    const before = this.#exhausted;
    this.#exhausted = this.polling.exhausted;
    return this.#exhausted && !before;
  }

  /** Whether a sample was accepted lately. */
  heardLately(now: MonoNs): boolean {
    return this.#last !== null && now - this.#last.mono <= this.polling.staleAfter();
  }

  status(): SourceStatus {
    const unanswered = this.#rejectedBy.get('answered') ?? 0;
    let rejected = 0;
    for (const count of this.#rejectedBy.values()) rejected += count;
    return {
      name: this.config.name,
      role: this.#role,
      addresses: this.polling.addresses,
      accepted: this.#accepted,
      rejected: rejected - unanswered,
      unanswered,
      rejectedBy: Object.fromEntries(this.#rejectedBy),
      lastOffsetNs: this.#last?.comparison?.offset ?? 0n,
      lastUncertaintyNs: this.#last?.comparison?.uncertainty ?? 0n,
      lastDelayNs: this.#last?.delay ?? 0n,
      leastDelayNs: this.#leastDelay,
      lastMono: this.#last?.mono ?? null,
      questionsLeft: questionsLeft(this.polling.budget),
      reach: this.#reach,
      authenticated: this.#authenticated,
    };
  }
}

/** One time source: its configuration, its politeness, and what is counted and remembered of it for status. */

import type { LeapTable } from '../../time/leap-table.js';
import type { MonoNs } from '../../time/types.js';
import { questionsLeft } from './budget.js';
import type { RejectionTest, SourceRole } from './events.js';
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
  /** Expected refid letters, or null. */
  readonly refid: string | null;
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
  /** Monotonic instant of the last accepted sample, null if there was none. */
  readonly lastMono: MonoNs | null;
  readonly questionsLeft: number;
}

/** What came of one datagram. */
export type Answer =
  | { readonly kind: 'sample'; readonly sample: Sample; readonly authenticated: boolean }
  | { readonly kind: 'kiss'; readonly code: string; readonly authenticated: boolean }
  | { readonly kind: 'rejected'; readonly test: PacketTest };

export class Source {
  readonly config: SourceConfig;
  readonly polling: SourcePolling;
  /** Of a monitor: what it last said, and for how long it has disagreed. */
  monitor: MonitorView | undefined = undefined;
  readonly #rejectedBy = new Map<RejectionTest, number>();
  #accepted = 0;
  #last: { readonly comparison: Comparison | null; readonly delay: bigint; readonly mono: MonoNs } | null =
    null;
  #exhausted = false;

  constructor(config: SourceConfig, memory: SourceMemory | undefined, mono: MonoNs, wallNs: bigint) {
    this.config = config;
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

  countAccepted(sample: Sample, comparison: Comparison | null): void {
    this.#accepted++;
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
      role: this.config.role,
      addresses: this.polling.addresses,
      accepted: this.#accepted,
      rejected: rejected - unanswered,
      unanswered,
      rejectedBy: Object.fromEntries(this.#rejectedBy),
      lastOffsetNs: this.#last?.comparison?.offset ?? 0n,
      lastUncertaintyNs: this.#last?.comparison?.uncertainty ?? 0n,
      lastDelayNs: this.#last?.delay ?? 0n,
      lastMono: this.#last?.mono ?? null,
      questionsLeft: questionsLeft(this.polling.budget),
    };
  }
}

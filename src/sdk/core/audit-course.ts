/**
 * The audits of one run: their numbers 1, 2, 3 …, which one is under way, what was answered in it, and when
 * the next is due. Invariant: at most one audit is under way, and a number stands for one audit on whatever node: what
 * is unknown is asked for again under its number, and its lease counts from when it was requested first.
 */

import type { DurNs, MonoNs } from '../../time/types.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs } from '../../time/types.js';
import type { AuditPolicyMessage } from '../../wire/messages.js';
import type { ProbeReading } from './statements.js';

/** Shortest time without progress after which an audit is taken to another node. */
const SHORTEST_PATIENCE: DurNs = durNs(2n * NS_PER_S);
/** First pause after an audit that decided nothing; doubled up to the planned interval. */
const FIRST_RETRY: DurNs = durNs(200n * NS_PER_MS);
/** A node that probes more often than this in one audit is not answered any more. */
const MAX_PROBES = 64;
/** Audits that are remembered, so that a late outcome finds when it was requested. */
const REMEMBERED = 16;

export interface RequestedAudit {
  readonly request: number;
  /** Of the interlock, when it was requested first. */
  readonly epoch: number;
  readonly requestedAt: MonoNs;
  /** Everything that was signed under this number, on whatever node. */
  readonly statements: Uint8Array[];
  /** Its outcome came; a repetition of it changes nothing. */
  settled: boolean;
}

interface UnderWay {
  readonly audit: RequestedAudit;
  readings: ProbeReading[];
  progressAt: MonoNs;
  signedAt: MonoNs | null;
  /** Outcomes of this number that were said to be unknown. */
  unknown: number;
}

export class AuditCourse {
  readonly #every: DurNs | null;
  readonly #remembered = new Map<number, RequestedAudit>();
  #lastRequest = 0;
  #underWay: UnderWay | null = null;
  #next: MonoNs;
  #retry: DurNs = FIRST_RETRY;
  #outcomeTakes: DurNs | null = null;

  /** @param every planned time between two audits; null: as the policy says */
  constructor(every: DurNs | null, now: MonoNs) {
    this.#every = every;
    this.#next = now;
  }

  interval(policy: AuditPolicyMessage): DurNs {
    return this.#every ?? policy.interval;
  }

  get underWay(): RequestedAudit | null {
    return this.#underWay?.audit ?? null;
  }

  due(now: MonoNs): boolean {
    return this.#underWay === null && now >= this.#next;
  }

  /** @param epoch of the interlock */
  begin(epoch: number, policy: AuditPolicyMessage, now: MonoNs): RequestedAudit {
    this.#lastRequest += 1;
    const audit: RequestedAudit = {
      request: this.#lastRequest,
      epoch,
      requestedAt: now,
      statements: [],
      settled: false,
    };
    this.#underWay = { audit, readings: [], progressAt: now, signedAt: null, unknown: 0 };
    this.#remembered.set(audit.request, audit);
    this.#remembered.delete(audit.request - REMEMBERED);
    this.#next = monoNs(now + this.interval(policy));
    return audit;
  }

  /** The audit under way is asked for again: probes start anew. */
  resumed(now: MonoNs): void {
    if (this.#underWay === null) return;
    this.#underWay.readings = [];
    this.#underWay.signedAt = null;
    this.#underWay.progressAt = now;
  }

  /** Whether a probe of this audit is to be answered. */
  probed(request: number, now: MonoNs): boolean {
    const current = this.#underWay;
    if (current?.audit.request !== request || current.readings.length >= MAX_PROBES) return false;
    current.progressAt = now;
    return true;
  }

  answered(reading: ProbeReading): void {
    this.#underWay?.readings.push(reading);
  }

  /** The readings to sign, or null if they are not asked for now. */
  readings(request: number): readonly ProbeReading[] | null {
    const current = this.#underWay;
    return current?.audit.request === request && current.readings.length > 0 ? current.readings : null;
  }

  signed(statement: Uint8Array, now: MonoNs): void {
    if (this.#underWay === null) return;
    this.#underWay.audit.statements.push(statement);
    this.#underWay.signedAt = now;
    this.#underWay.progressAt = now;
  }

  /** The audit that an outcome speaks of; a late one may belong to an earlier audit. */
  requested(request: number): RequestedAudit | null {
    return this.#remembered.get(request) ?? null;
  }

  /** An outcome was said to be unknown. @returns whether to ask this node once more before another */
  unknown(request: number, now: MonoNs): boolean {
    if (this.#underWay?.audit.request !== request) return true;
    this.#underWay.unknown += 1;
    this.#underWay.progressAt = now;
    return this.#underWay.unknown % 2 === 1;
  }

  /** The audit has its outcome. `decided`: a verdict; otherwise it is measured again soon. */
  finished(audit: RequestedAudit, decided: boolean, policy: AuditPolicyMessage, now: MonoNs): void {
    audit.settled = true;
    const current = this.#underWay;
    if (current?.audit !== audit) return;
    if (current.signedAt !== null) this.#learn(durNs(now - current.signedAt));
    this.#underWay = null;
    if (decided) {
      this.#retry = FIRST_RETRY;
      return;
    }
    this.#soon(now, this.#retry);
    const interval = this.interval(policy);
    const doubled = durNs(this.#retry * 2n);
    this.#retry = doubled > interval ? interval : doubled;
  }

  /** Gives the audit under way up: its number is not asked for again, but a late outcome still counts. */
  abandon(now: MonoNs): void {
    this.#underWay = null;
    this.#soon(now, durNs(0n));
  }

  /** Something closed the interlock that only a new audit can open. */
  wanted(now: MonoNs): void {
    this.#soon(now, durNs(0n));
  }

  /** The audit under way is too old to be worth asking for again: little of its lease would be left. */
  stale(epoch: number, policy: AuditPolicyMessage, now: MonoNs): boolean {
    if (this.#underWay === null) return false;
    const { requestedAt, epoch: since } = this.#underWay.audit;
    return since !== epoch || now - requestedAt > policy.lease / 2n;
  }

  /** The node makes no progress with the audit, and another may. */
  stalled(policy: AuditPolicyMessage, now: MonoNs): boolean {
    const current = this.#underWay;
    if (current === null) return false;
    const patience = current.signedAt === null ? SHORTEST_PATIENCE : this.#outcomePatience(policy);
    return now - current.progressAt > patience;
  }

  /** How long an outcome may take: a few times what it took lately; before the first, as long as the policy allows. */
  #outcomePatience(policy: AuditPolicyMessage): DurNs {
    const expected = this.#outcomeTakes === null ? policy.voidAfter : durNs(this.#outcomeTakes * 3n);
    return expected < SHORTEST_PATIENCE ? SHORTEST_PATIENCE : expected;
  }

  #learn(took: DurNs): void {
    const before = this.#outcomeTakes ?? took;
    this.#outcomeTakes = durNs(before + (took - before) / 4n);
  }

  #soon(now: MonoNs, pause: DurNs): void {
    const at = monoNs(now + pause);
    if (at < this.#next) this.#next = at;
  }
}

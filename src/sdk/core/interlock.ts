/**
 * The interlock: whether this TSA may issue a time-stamp now. It owns one invariant: it is open only while a verified
 * pass, requested after the last event that closed it, is younger than its lease, and a live session of this run has
 * confirmed that no stop stands.
 *
 * Closing acts at once and needs nobody; opening needs a session, an audit and a verification. Leases are counted on
 * the monotonic clock from when the audit was requested, so that a slow answer makes a lease shorter, never longer.
 */

import type { DurNs, MonoNs } from '../../time/types.js';
import { NS_PER_MS, NS_PER_S, durNs } from '../../time/types.js';

/** Why the interlock is closed. Stable: operators' alarms are keyed by it. */
export type ClosedCode =
  | 'NOT_CONFIRMED'
  | 'NOT_YET_AUDITED'
  | 'LEASE_EXPIRED'
  | 'CLOCK_JUMPED'
  | 'CLOCK_DISAGREES'
  | 'STOPPED'
  | 'STOP_STORE_DAMAGED'
  | 'VERIFICATION_FAILED'
  | 'AUDIT_FAILED'
  | 'CLIENT_CLOSED';

const remedies: Readonly<Record<ClosedCode, string>> = {
  NOT_CONFIRMED:
    'wait until a node of the TAA is reached; if it lasts, check endpoints, network and certificates',
  NOT_YET_AUDITED: 'wait for the audit that is under way; if it lasts, look at the verdict events',
  LEASE_EXPIRED: 'wait for the next pass; check that a node is reachable and what the last verdict said',
  CLOCK_JUMPED:
    'find out what suspended this machine or moved its clocks; the next audit that passes opens the interlock again',
  CLOCK_DISAGREES:
    'correct the clock of this TSA; it opens after the clock agrees again and an audit has passed',
  STOPPED: 'settle the cause with the operator of the TAA, who releases the stop (taactl client release)',
  STOP_STORE_DAMAGED:
    'ask the operator of the TAA whether a stop stands; then move the file away and start this TSA again',
  VERIFICATION_FAILED:
    'check that the genesis file is the one of this cluster; if it is, tell the operator of the TAA at once',
  AUDIT_FAILED: 'correct the clock of this TSA; the next audit that passes opens the interlock again',
  CLIENT_CLOSED: 'the SDK was closed by this program; connect again',
};

/** Thrown by `assertMayIssue`: answer the requester with timeNotAvailable (RFC 3161) and issue nothing. */
export class InterlockClosedError extends Error {
  override readonly name = 'InterlockClosedError';
  readonly code: ClosedCode;
  /** What closed it, in this case. */
  readonly reason: string;
  readonly remedy: string;

  constructor(code: ClosedCode, reason: string) {
    super(`${code}: ${reason}; ${remedies[code]}`);
    this.code = code;
    this.reason = reason;
    this.remedy = remedies[code];
  }
}

export interface Permission {
  /** Monotonic instant at which it ends: it holds while `mono < until`. */
  readonly until: MonoNs;
  /** Audit sequence number of the certificate that it rests on. */
  readonly sequence: number;
}

export type InterlockStatus =
  | { readonly open: true; readonly permission: Permission }
  | { readonly open: false; readonly code: ClosedCode; readonly reason: string; readonly remedy: string };

/**
 * One reading of this machine's clocks: the monotonic one before and after the uptime was read. `uptime` counts through
 * a suspend, which the monotonic clock does not; null where the platform has no such clock.
 */
export interface LocalClocks {
  readonly before: MonoNs;
  /** Unit: ns, truncated to a multiple of at most 10 ms. */
  readonly uptime: bigint | null;
  readonly after: MonoNs;
}

export interface Stop {
  /** Leaf index of the order in the log. */
  readonly order: number;
  readonly reason: string;
}

/** What the durable stop store held at start. */
export type StoredStop =
  | { readonly kind: 'none' }
  | { readonly kind: 'stop'; readonly stop: Stop }
  | { readonly kind: 'damaged'; readonly detail: string };

export interface VerifiedPass {
  /** `Interlock.epoch` when the audit was requested. */
  readonly epoch: number;
  /** When the audit was requested: the lease counts from here. */
  readonly requestedAt: MonoNs;
  readonly lease: DurNs;
  readonly sequence: number;
}

/** Uptime and monotonic clock may differ from their usual distance by this much. */
export const JUMP_TOLERANCE: DurNs = durNs(50n * NS_PER_MS);
/** A process that saw no time pass for so long was frozen, and cannot vouch for what happened meanwhile. */
export const LONGEST_GAP: DurNs = durNs(10n * NS_PER_S);
const UPTIME_RESOLUTION = 10n * NS_PER_MS;
/** Timers and the monotonic clock are compared over this many ticks: single ticks fire up to 1 ms early. */
const TICKS_COMPARED = 20;

interface Distance {
  readonly low: bigint;
  readonly high: bigint;
}

export class Interlock {
  #epoch = 0;
  #stop: Stop | null;
  readonly #damaged: string | null;
  /** A live session of this run said that no stop stands, and none was ordered since. */
  #confirmed = false;
  #disagreement: string | null = null;
  #finished = false;
  #lease: Permission | null = null;
  /** What closed it last; the reason shown when nothing more important stands. */
  #closed: { readonly code: ClosedCode; readonly reason: string } = {
    code: 'NOT_CONFIRMED',
    reason: 'this run has not yet reached the TAA, which alone knows whether a stop stands',
  };
  #last: LocalClocks;
  /** Distance of uptime from the monotonic clock, as narrowly as it was seen. */
  #distance: Distance | null;
  #ticks = 0;
  #ticksSince: MonoNs;
  /** A jump that `takeJump` has not told yet. */
  #jump: string | null = null;

  constructor(stored: StoredStop, clocks: LocalClocks) {
    this.#stop = stored.kind === 'stop' ? stored.stop : null;
    this.#damaged = stored.kind === 'damaged' ? stored.detail : null;
    this.#last = clocks;
    this.#ticksSince = clocks.after;
    this.#distance = distanceOf(clocks);
  }

  /** Grows whenever something closes the interlock for which older audits cannot vouch. */
  get epoch(): number {
    return this.#epoch;
  }

  get stop(): Stop | null {
    return this.#stop;
  }

  /** Welcome of a live session: what it says about stops is committed. */
  sessionOpened(stop: Stop | null): void {
    if (stop !== null) {
      this.stopOrdered(stop);
      return;
    }
    this.#released();
  }

  stopOrdered(stop: Stop): void {
    this.#stop = stop;
    this.#confirmed = false;
    this.#close('STOPPED', `stop order ${stop.order}: ${stop.reason}`);
  }

  /**
   * A release seen in a live session. A release of another order than the standing one changes nothing.
   * @returns whether a stop was released
   */
  stopReleased(order: number): boolean {
    // Order 0: the node does not name the order; only one can stand.
    if (this.#stop === null || (order !== 0 && order !== this.#stop.order)) return false;
    this.#released();
    return true;
  }

  /** @returns whether the permission was granted or extended */
  passVerified(pass: VerifiedPass): boolean {
    if (!this.#confirmed || this.#barred() !== null) return false;
    if (pass.epoch !== this.#epoch || pass.lease <= 0n) return false;
    const until = (pass.requestedAt + pass.lease) as MonoNs;
    if (this.#lease !== null && this.#lease.until >= until) return false;
    this.#lease = { until, sequence: pass.sequence };
    return true;
  }

  auditFailed(reason: string): void {
    this.#close('AUDIT_FAILED', reason);
  }

  verificationFailed(reason: string): void {
    this.#close('VERIFICATION_FAILED', reason);
  }

  /** The TSA's clock lies outside of what the distributed time allows; stands until `clockAgrees`. */
  clockDisagrees(reason: string): void {
    if (this.#disagreement !== null) return;
    this.#disagreement = reason;
    this.#close('CLOCK_DISAGREES', reason);
  }

  clockAgrees(): void {
    this.#disagreement = null;
  }

  /** For good: the program gives up the SDK. */
  finish(): void {
    this.#finished = true;
    this.#close('CLIENT_CLOSED', 'close() was called');
  }

  /** Compares this machine's clocks with each other. Called before every decision. */
  observe(clocks: LocalClocks): void {
    const found = this.#anomaly(clocks);
    this.#last = clocks;
    if (found === null) return;
    this.#distance = distanceOf(clocks);
    this.#jumped(found, clocks);
  }

  /** As `observe`, called by a timer every `cadence`: the monotonic clock must not fall behind the timers. */
  tick(clocks: LocalClocks, cadence: DurNs): void {
    this.observe(clocks);
    this.#ticks += 1;
    if (this.#ticks < TICKS_COMPARED) return;
    const behind = cadence * BigInt(TICKS_COMPARED) - (clocks.after - this.#ticksSince);
    this.#restartTicks(clocks.after);
    if (behind > JUMP_TOLERANCE) {
      this.#jumped(`the monotonic clock fell ${milliseconds(behind)} behind the timers`, clocks);
    }
  }

  /** What jumped since this was asked last, whoever noticed it; null if nothing did. */
  takeJump(): string | null {
    const jump = this.#jump;
    this.#jump = null;
    return jump;
  }

  status(clocks: LocalClocks): InterlockStatus {
    this.observe(clocks);
    const barred = this.#barred();
    if (barred !== null) return closed(barred.code, barred.reason);
    if (this.#lease === null) return closed(this.#closed.code, this.#closed.reason);
    if (clocks.after < this.#lease.until) return { open: true, permission: this.#lease };
    this.#closed = {
      code: 'LEASE_EXPIRED',
      reason: `the permission by audit ${this.#lease.sequence} has ended and no later audit passed`,
    };
    this.#lease = null;
    return closed(this.#closed.code, this.#closed.reason);
  }

  /** @throws InterlockClosedError unless it is open at this reading */
  assertMayIssue(clocks: LocalClocks): Permission {
    const status = this.status(clocks);
    if (status.open) return status.permission;
    throw new InterlockClosedError(status.code, status.reason);
  }

  /** What keeps it closed whatever audits say; the most important first. */
  #barred(): { readonly code: ClosedCode; readonly reason: string } | null {
    if (this.#finished) return { code: 'CLIENT_CLOSED', reason: 'close() was called' };
    if (this.#damaged !== null) return { code: 'STOP_STORE_DAMAGED', reason: this.#damaged };
    if (this.#stop !== null) {
      return { code: 'STOPPED', reason: `stop order ${this.#stop.order}: ${this.#stop.reason}` };
    }
    if (this.#disagreement !== null) return { code: 'CLOCK_DISAGREES', reason: this.#disagreement };
    return null;
  }

  #released(): void {
    if (this.#stop !== null || !this.#confirmed) {
      // An audit from before the release was made while the stop stood: it opens nothing.
      this.#close('NOT_YET_AUDITED', 'no stop stands; no audit has passed since that was confirmed');
    }
    this.#stop = null;
    this.#confirmed = true;
  }

  #jumped(what: string, clocks: LocalClocks): void {
    this.#restartTicks(clocks.after);
    this.#jump = what;
    this.#close('CLOCK_JUMPED', what);
  }

  #close(code: ClosedCode, reason: string): void {
    this.#epoch += 1;
    this.#lease = null;
    this.#closed = { code, reason };
  }

  #restartTicks(at: MonoNs): void {
    this.#ticks = 0;
    this.#ticksSince = at;
  }

  #anomaly(clocks: LocalClocks): string | null {
    const { before, after } = this.#last;
    // The same reading may be shown twice: to the timer and to a decision.
    if (clocks.before < before || clocks.after < after || clocks.after < clocks.before) {
      return 'the monotonic clock went backwards';
    }
    const gap = clocks.before - after;
    if (gap > LONGEST_GAP) return `this program did not run for ${milliseconds(gap)}`;
    const now = distanceOf(clocks);
    if (now === null || this.#distance === null) return null;
    const ahead = now.low - this.#distance.high;
    const behind = this.#distance.low - now.high;
    if (ahead > JUMP_TOLERANCE) return `this machine was suspended for about ${milliseconds(ahead)}`;
    if (behind > JUMP_TOLERANCE) return `the monotonic clock jumped ahead by ${milliseconds(behind)}`;
    // Narrowed while the readings agree; a slow drift is measured against the first distance, not the last.
    if (ahead <= 0n && behind <= 0n) this.#distance = intersection(this.#distance, now);
    return null;
  }
}

const closed = (code: ClosedCode, reason: string): InterlockStatus => ({
  open: false,
  code,
  reason,
  remedy: remedies[code],
});

/** The uptime was read somewhere between the two monotonic readings, and is truncated. */
function distanceOf({ before, uptime, after }: LocalClocks): Distance | null {
  if (uptime === null) return null;
  return { low: uptime - after, high: uptime + UPTIME_RESOLUTION - before };
}

const intersection = (a: Distance, b: Distance): Distance => ({
  low: a.low > b.low ? a.low : b.low,
  high: a.high < b.high ? a.high : b.high,
});

const milliseconds = (ns: bigint): string => `${(ns / NS_PER_MS).toString()} ms`;

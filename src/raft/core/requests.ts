/**
 * Every proposal gets exactly one answer (pitfall R6): *applied* when its entry was applied here, *notLeader* or
 * *overloaded* when it certainly is in no log, *unknown* when leadership moved and its fate was not seen in time.
 *
 * Also the leader's memory of what followers forwarded. Invariant: a forwarded batch is appended at most once and is
 * never refused after it was accepted, whatever the network repeats: a batch names the term of the leader it is meant
 * for, only the leader of that term takes it, and that leader remembers the requests of its term.
 */

import type { ProposeResult } from '../driver-api.js';
import { logIndex, type LogIndex, type NodeId, type Term } from '../types.js';
import type { Nanos } from './config.js';
import type { Effect } from './effects.js';
import type { RaftLog } from './log.js';
import type { Prng } from './prng.js';

/** Accepted by a leader as the entries first..index of its term; answered when the last is applied here. */
interface Waiting {
  readonly request: number;
  readonly first: number;
  readonly index: number;
  readonly term: Term;
  deadline: Nanos;
}

/** Sent to a leader, not yet accepted or refused. */
interface Forwarded {
  readonly request: number;
  readonly count: number;
  readonly bytes: number;
  deadline: Nanos;
}

export type ForwardVerdict = 'take' | 'refuse' | 'ignore';

export class Requests {
  /** By ascending index. `#first` is the oldest that still waits. */
  #waiting: Waiting[] = [];
  #first = 0;
  readonly #forwarded = new Map<number, Forwarded>();
  #forwardedBytes = 0;
  #earliestDeadline: Nanos = Infinity;
  #nextForward: number;
  /** Requests that this node decided on as leader of `#seenTerm`. */
  readonly #seen = new Map<NodeId, Set<number>>();
  #seenTerm: Term;
  /** Terms up to here may have had decisions that this process does not remember. */
  #forgottenTerm: Term;

  /** @param term the term found on disk: what was decided in it before the restart is forgotten */
  constructor(term: Term, prng: Prng, now: Nanos) {
    this.#seenTerm = term;
    this.#forgottenTerm = term;
    // A restarted sender must not repeat its request numbers: 32 random bits above a counter of 20.
    this.#nextForward = ((prng.nextUint32() ^ (Math.floor(now) >>> 0)) >>> 0) * 0x10_0000;
  }

  get forwardedBytes(): number {
    return this.#forwardedBytes;
  }

  get waitingCount(): number {
    return this.#waiting.length - this.#first + this.#forwarded.size;
  }

  /** The next instant at which `expire` has something to do. */
  get deadline(): Nanos {
    return this.#earliestDeadline;
  }

  /** Takes note of what `request` waits for: `count` entries ending at `index`. @param deadline Infinity for none */
  await(request: number, index: LogIndex, count: number, term: Term, deadline: Nanos): void {
    this.#noteDeadline(deadline);
    const one: Waiting = { request, first: index - count + 1, index, term, deadline };
    let place = this.#waiting.length;
    while (place > this.#first && (this.#waiting[place - 1]?.index ?? 0) > index) place--;
    if (place === this.#waiting.length) this.#waiting.push(one);
    else this.#waiting.splice(place, 0, one);
  }

  /** @returns the number under which the leader knows it */
  forward(request: number, count: number, bytes: number, deadline: Nanos): number {
    const id = this.#nextForward++;
    this.#forwarded.set(id, { request, count, bytes, deadline });
    this.#forwardedBytes += bytes;
    this.#noteDeadline(deadline);
    return id;
  }

  /** The leader answered. @returns the caller's request, or null when it was answered before */
  forwardAnswered(id: number): { readonly request: number; readonly count: number } | null {
    const one = this.#forwarded.get(id);
    if (one === undefined) return null;
    this.#forwarded.delete(id);
    this.#forwardedBytes -= one.bytes;
    return one;
  }

  #noteDeadline(deadline: Nanos): void {
    if (deadline < this.#earliestDeadline) this.#earliestDeadline = deadline;
  }

  /** Answers all whose last index is now applied, whatever entry it was. */
  applied(index: LogIndex, log: RaftLog, leader: NodeId | null, out: Effect[]): void {
    for (;;) {
      const one = this.#waiting[this.#first];
      if (one === undefined || one.index > index) break;
      this.#first++;
      out.push({ kind: 'answer', request: one.request, result: resultOf(one, log, leader) });
    }
    if (this.#first > 256 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
  }

  /**
   * Leadership moved: who waits for an entry does so at most until `deadline`, for the next leader may still commit it.
   * What was forwarded and not answered is given up at once: its leader is gone, and nobody else knows of it.
   */
  leadershipMoved(now: Nanos, deadline: Nanos): void {
    for (const one of this.#forwarded.values()) {
      if (one.deadline > now) one.deadline = now;
      this.#noteDeadline(now);
    }
    for (let at = this.#first; at < this.#waiting.length; at++) {
      const one = this.#waiting[at];
      if (one !== undefined && one.deadline > deadline) {
        one.deadline = deadline;
        this.#noteDeadline(deadline);
      }
    }
  }

  /** Called when `deadline` has come, so rarely: walks what waits. */
  expire(now: Nanos, out: Effect[]): void {
    if (now < this.#earliestDeadline) return;
    const unknown = (request: number): void => {
      out.push({ kind: 'answer', request, result: { status: 'unknown' } });
    };
    this.#earliestDeadline = Infinity;
    const kept: Waiting[] = [];
    for (const one of this.#waiting.slice(this.#first)) {
      if (one.deadline <= now) unknown(one.request);
      else {
        kept.push(one);
        this.#noteDeadline(one.deadline);
      }
    }
    this.#waiting = kept;
    this.#first = 0;
    for (const [id, one] of this.#forwarded) {
      if (one.deadline <= now) {
        this.forwardAnswered(id);
        unknown(one.request);
      } else this.#noteDeadline(one.deadline);
    }
  }

  /** This node leads `term` now: nothing of it has been decided yet. */
  lead(term: Term): void {
    // The previous leadership's decisions are forgotten from here on.
    if (this.#seenTerm > this.#forgottenTerm) this.#forgottenTerm = this.#seenTerm;
    this.#seenTerm = term;
    this.#seen.clear();
  }

  /**
   * What to do with a batch that `peer` forwarded to the leader of `term`. *ignore* leaves its sender to its deadline:
   * this node may have accepted the same batch before.
   */
  judgeForward(peer: NodeId, id: number, term: Term, leadsTerm: boolean): ForwardVerdict {
    if (term <= this.#forgottenTerm) return 'ignore';
    if (term === this.#seenTerm) {
      let seen = this.#seen.get(peer);
      if (seen === undefined) this.#seen.set(peer, (seen = new Set()));
      if (seen.has(id)) return 'ignore';
      seen.add(id);
      forgetOldest(seen);
    }
    return leadsTerm ? 'take' : 'refuse';
  }
}

/** Far more than can be under way between two nodes at once. */
const SEEN_MAX = 8192;

function forgetOldest(seen: Set<number>): void {
  if (seen.size <= SEEN_MAX) return;
  for (const id of seen) {
    seen.delete(id);
    return;
  }
}

function resultOf(one: Waiting, log: RaftLog, leader: NodeId | null): ProposeResult {
  if (log.termAt(one.index) === one.term) return { status: 'applied', index: logIndex(one.index) };
  // Another leader's entry took the last place. A batch travels in pieces: its front may have been committed.
  return log.termAt(one.first) === one.term ? { status: 'unknown' } : { status: 'notLeader', leader };
}

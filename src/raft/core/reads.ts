/**
 * Linearizable reads without a log entry (thesis 6.4): what was committed when a round of heartbeats began, and a quorum
 * that answered that very round, prove that nothing newer had been acknowledged by anyone when the read was asked.
 *
 * Invariants: a position is given only once an entry of the leader's own term is committed (pitfall R1); it belongs to a
 * round that began after the read, and rounds are counted by the leader, so that no late or repeated answer confirms
 * another read (R2); nothing is answered before a quorum confirmed it (R3); every read gets one answer (R6).
 */

import type { ReadResult } from '../driver-api.js';
import type { LogIndex, NodeId } from '../types.js';
import type { Nanos } from './config.js';
import type { Effect } from './effects.js';
import type { Prng } from './prng.js';

/** Batches of reads that wait at once, of each kind. */
const MAX_WAITING = 4096;

export type Reader =
  | { readonly from: 'local'; readonly requests: readonly number[] }
  | { readonly from: 'peer'; readonly peer: NodeId; readonly request: number };

interface Confirming {
  readonly round: number;
  readonly index: LogIndex;
  readonly readers: readonly Reader[];
}

interface Asked {
  readonly requests: readonly number[];
  readonly deadline: Nanos;
}

interface Applying extends Asked {
  readonly index: LogIndex;
}

export class Reads {
  /** Leader: for the next round to begin. */
  #waiting: Reader[] = [];
  /** Leader: by ascending round. */
  #confirming: Confirming[] = [];
  /** Follower: asked of the leader. */
  readonly #asked = new Map<number, Asked>();
  /** Confirmed, until applied here. */
  #applying: Applying[] = [];
  #earliestDeadline: Nanos = Infinity;
  #nextRequest: number;

  constructor(prng: Prng, now: Nanos) {
    // A restarted sender must not repeat its request numbers: 32 random bits above a counter of 20.
    this.#nextRequest = ((prng.nextUint32() ^ (Math.floor(now) >>> 0)) >>> 0) * 0x10_0000;
  }

  /** The next instant at which `expire` may have something to do. */
  get deadline(): Nanos {
    return this.#earliestDeadline;
  }

  #noteDeadline(deadline: Nanos): void {
    if (deadline < this.#earliestDeadline) this.#earliestDeadline = deadline;
  }

  // ---- leader

  /** @returns false when too many wait */
  wait(reader: Reader): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(reader);
    return true;
  }

  /** Something waits for a round, and none that would answer earlier reads is under way. */
  get wantRound(): boolean {
    return this.#waiting.length > 0 && this.#confirming.length === 0;
  }

  get confirming(): boolean {
    return this.#confirming.length > 0;
  }

  /** All that wait are answered by this round. */
  roundBegan(round: number, commit: LogIndex): void {
    if (this.#waiting.length === 0) return;
    this.#confirming.push({ round, index: commit, readers: this.#waiting });
    this.#waiting = [];
  }

  /** A quorum has answered `round`. @returns those that are confirmed by it */
  confirmed(round: number): readonly Confirming[] {
    let done = 0;
    while ((this.#confirming[done]?.round ?? Infinity) <= round) done++;
    return this.#confirming.splice(0, done);
  }

  /** Leadership ended. @returns the reads that were not confirmed */
  dropUnconfirmed(): readonly Reader[] {
    const dropped = [...this.#confirming.flatMap((one) => one.readers), ...this.#waiting];
    this.#confirming = [];
    this.#waiting = [];
    return dropped;
  }

  // ---- follower

  /** @returns the number of the request for the leader, or null when too many wait */
  ask(requests: readonly number[], deadline: Nanos): number | null {
    if (this.#asked.size >= MAX_WAITING) return null;
    const id = this.#nextRequest++;
    this.#asked.set(id, { requests, deadline });
    this.#noteDeadline(deadline);
    return id;
  }

  answered(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  /** The leader is another one, or nobody. @returns the reads that it was asked for */
  dropAsked(): readonly number[] {
    const dropped = [...this.#asked.values()].flatMap((one) => one.requests);
    this.#asked.clear();
    return dropped;
  }

  // ---- both

  /** Confirmed at `index`: answered when that is applied here. */
  confirm(requests: readonly number[], index: LogIndex, deadline: Nanos): void {
    this.#applying.push({ requests, index, deadline });
    this.#noteDeadline(deadline);
  }

  applied(index: LogIndex, out: Effect[]): void {
    if (this.#applying.length === 0) return;
    this.#applying = this.#applying.filter((one) => {
      if (one.index > index) return true;
      answer(out, one.requests, { status: 'ready', index: one.index });
      return false;
    });
  }

  /** Called when `deadline` has come, so rarely: walks what waits. */
  expire(now: Nanos, out: Effect[]): void {
    if (now < this.#earliestDeadline) return;
    this.#earliestDeadline = Infinity;
    const stays = (one: Asked): boolean => {
      if (one.deadline > now) {
        this.#noteDeadline(one.deadline);
        return true;
      }
      answer(out, one.requests, { status: 'unknown' });
      return false;
    };
    for (const [id, one] of this.#asked) if (!stays(one)) this.#asked.delete(id);
    this.#applying = this.#applying.filter(stays);
  }
}

export function answer(out: Effect[], requests: readonly number[], result: ReadResult): void {
  out.push({ kind: 'read', requests, result });
}

/**
 * What a leader knows of one peer, and how much it may send to it. `probe`: one append at a time until the logs meet;
 * `replicate`: optimistic, `next` runs ahead of the acknowledgements inside a window of messages and bytes.
 *
 * Invariants: match < next; match never goes back within a leadership; at most one append in flight while probing.
 */

import { logIndex, type LogIndex, type NodeId } from '../types.js';
import { assert } from './assert.js';
import { CatchUp } from './catch-up.js';
import type { Nanos } from './config.js';

/** Answers later than that many heartbeats tell nothing of a lost tail; fresher ones will. */
const ROUNDS_REMEMBERED = 16;

interface Inflight {
  readonly end: number;
  readonly bytes: number;
}

export class Progress {
  readonly id: NodeId;
  #state: 'probe' | 'replicate' = 'probe';
  #match = 0;
  #next: number;
  #probeSent = false;
  #probeAged = false;
  #inflight: Inflight[] = [];
  #inflightBytes = 0;
  /** First of the entries that are on their way from the disk for this peer; 0 if none are. */
  readingFrom = 0;
  /** Last message of this leader's term from the peer. */
  contactAt: Nanos;
  /** An acknowledgement arrived since the last heartbeat reply: nothing seems lost. */
  acknowledged = false;
  /** Up to here the peer's complete ledger holds everything durably. */
  synced = logIndex(0);
  /** The commit index that the peer was last told. */
  commitSent = 0;
  /** Since when it has been heard without a gap of an election timeout. */
  activeSince: Nanos;
  /** What its last heartbeat reply said. */
  ready = false;
  mayLead = true;
  /** The newest heartbeat round that it answered. */
  round = 0;
  readonly catchUp: CatchUp;
  #regressed = false;
  /** What was acknowledged when each of the last rounds began. */
  #matchAtRound: { readonly round: number; readonly match: number }[] = [];
  /** A proposal that the peer forwarded ends here: it waits for this commit, so it is told at once. */
  forwardedUpTo = 0;

  constructor(id: NodeId, lastIndex: LogIndex, now: Nanos) {
    this.id = id;
    this.#next = lastIndex + 1;
    this.contactAt = now;
    this.activeSince = now;
    this.catchUp = new CatchUp(lastIndex, now);
  }

  get state(): 'probe' | 'replicate' {
    return this.#state;
  }
  get match(): LogIndex {
    return logIndex(this.#match);
  }
  /** What commit may count. */
  get countedMatch(): LogIndex {
    return logIndex(this.#regressed ? 0 : this.#match);
  }
  /** Its durable log went back behind what it had acknowledged: it no longer counts (pitfall L12). */
  get regressed(): boolean {
    return this.#regressed;
  }
  get next(): LogIndex {
    return logIndex(this.#next);
  }
  get probeSent(): boolean {
    return this.#probeSent;
  }
  get inflightAppends(): number {
    return this.#inflight.length;
  }
  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  /** @returns whether `match` is news */
  acknowledge(match: LogIndex): boolean {
    this.acknowledged = true;
    while (this.#inflight[0] !== undefined && this.#inflight[0].end <= match) {
      this.#inflightBytes -= this.#inflight[0].bytes;
      this.#inflight.shift();
    }
    const news = match > this.#match;
    if (news) this.#match = match;
    if (this.#state === 'probe') {
      // The logs meet at `match` at the latest; what was sent beyond it may be lost, so it is sent again.
      this.#state = 'replicate';
      this.#probeSent = false;
      this.#next = this.#match + 1;
      this.readingFrom = 0;
    } else if (this.#next <= this.#match) {
      this.#next = this.#match + 1;
    }
    return news;
  }

  /**
   * The peer has no entry at `rejected` that fits. @returns false for a reply that later ones overtook: following it
   * would send the peer back behind what it acknowledged.
   */
  reject(rejected: LogIndex, retryAfter: LogIndex): boolean {
    if (this.#state === 'probe' ? rejected !== this.#next - 1 : rejected <= this.#match) return false;
    this.probeFrom(logIndex(Math.max(this.#match, Math.min(rejected - 1, retryAfter)) + 1));
    return true;
  }

  probeFrom(next: LogIndex): void {
    assert(next > this.#match, 'a probe starts after what is known to match');
    this.#state = 'probe';
    this.#probeSent = false;
    this.#next = next;
    this.#inflight = [];
    this.#inflightBytes = 0;
    this.readingFrom = 0;
  }

  /**
   * A heartbeat was answered. Control messages overtake appends, so one answer says little; after a second one the
   * probe, or its answer, counts as lost. @returns whether to send another
   */
  probeOvertaken(): boolean {
    if (!this.#probeSent) return true;
    const lost = this.#probeAged;
    this.#probeAged = !lost;
    this.#probeSent = !lost;
    return lost;
  }

  /** What it lacks is trimmed, and it was told so: asked again like after a lost probe. */
  snapshotAsked(): void {
    if (this.#state === 'replicate') this.probeFrom(this.next);
    this.#probeSent = true;
    this.#probeAged = false;
  }

  heard(now: Nanos, gap: Nanos): void {
    if (now - this.contactAt >= gap) this.activeSince = now;
    this.contactAt = now;
  }

  roundBegan(round: number): void {
    this.#matchAtRound.push({ round, match: this.#match });
    if (this.#matchAtRound.length > ROUNDS_REMEMBERED) this.#matchAtRound.shift();
  }

  /**
   * What the peer had acknowledged before a round began must still be on its disk when it answers the round, for within
   * a term nothing that equals this leader's log is ever cut. Stale answers cannot accuse: each is compared with what
   * stood when its own round began. @returns what it had acknowledged, if it has lost some of that; else null
   */
  roundAnswered(round: number, durable: LogIndex): LogIndex | null {
    if (round > this.round) this.round = round;
    const known = this.#matchAtRound.find((one) => one.round === round);
    if (known === undefined || durable >= known.match || this.#regressed) return null;
    this.#regressed = true;
    return logIndex(known.match);
  }

  mayReceive(maxAppends: number, maxBytes: number): boolean {
    if (this.readingFrom !== 0 || this.#regressed) return false;
    if (this.#state === 'probe') return !this.#probeSent;
    return this.#inflight.length < maxAppends && this.#inflightBytes < maxBytes;
  }

  /** An append that ends at `end` was sent; an empty one ends at next − 1. */
  sent(end: number, bytes: number): void {
    if (this.#state === 'probe') {
      this.#probeSent = true;
      this.#probeAged = false;
      return;
    }
    if (end < this.#next) return;
    this.#next = end + 1;
    this.#inflight.push({ end, bytes });
    this.#inflightBytes += bytes;
  }
}

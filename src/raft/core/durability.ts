/**
 * How far the disk has followed the log in memory. Three cursors in one order, persisted ≤ issued for the sequence and
 * durable ≤ last for the index, driven by completions that arrive in order.
 *
 * Invariant: log[1..durable], as it stands in memory now, is on this node's disk. A late completion of entries that
 * were overwritten meanwhile proves nothing about their replacements (pitfall L5, the ABA race): a truncation lowers
 * what every outstanding completion may claim.
 */

import { logIndex, type LogIndex } from '../types.js';
import { assert } from './assert.js';
import type { Nanos } from './config.js';
import type { PersistSeq } from './effects.js';

interface Outstanding {
  readonly seq: PersistSeq;
  /** The log's last index that this persist makes durable. */
  claim: number;
  readonly issuedAt: Nanos;
}

export class Durability {
  #issued: PersistSeq = 0;
  #persisted: PersistSeq = 0;
  #durable: number;
  readonly #outstanding: Outstanding[] = [];

  constructor(durable: LogIndex) {
    this.#durable = durable;
  }

  get durable(): LogIndex {
    return logIndex(this.#durable);
  }

  get persisted(): PersistSeq {
    return this.#persisted;
  }

  /** When the oldest unfinished persist was asked for, or null. */
  get waitingSince(): Nanos | null {
    return this.#outstanding[0]?.issuedAt ?? null;
  }

  issue(lastIndex: LogIndex, now: Nanos): PersistSeq {
    this.#issued++;
    this.#outstanding.push({ seq: this.#issued, claim: lastIndex, issuedAt: now });
    return this.#issued;
  }

  truncatedFrom(index: LogIndex): void {
    const end = index - 1;
    if (this.#durable > end) this.#durable = end;
    for (const one of this.#outstanding) if (one.claim > end) one.claim = end;
  }

  completed(seq: PersistSeq): void {
    assert(seq > this.#persisted && seq <= this.#issued, 'persists complete in order, once');
    this.#persisted = seq;
    while (this.#outstanding[0] !== undefined && this.#outstanding[0].seq <= seq) {
      this.#durable = this.#outstanding[0].claim;
      this.#outstanding.shift();
    }
  }
}

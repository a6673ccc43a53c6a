/**
 * The time queries of one session: when to ask, which answer belongs to which question, and whether the node still
 * answers at all. A node that lets a query stand is given up: time needs no consensus, so a live node answers at once.
 */

import type { DurNs, MonoNs } from '../../time/types.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs } from '../../time/types.js';
import { hexOf } from '../../verify/bytes.js';
import type { TimeMessage } from '../../wire/messages.js';
import type { DisciplinedClock } from './disciplined-clock.js';
import type { ExchangeResult } from './time-bound.js';

/** The first queries of a session come close together, so that the clock can be served soon. */
const BURST = 4;
const BURST_SPACING: DurNs = durNs(60n * NS_PER_MS);
const SHORTEST_SPACING: DurNs = durNs(250n * NS_PER_MS);
const LONGEST_SPACING: DurNs = durNs(4n * NS_PER_S);
const SHORTEST_PATIENCE: DurNs = durNs(NS_PER_S);
const LONGEST_PATIENCE: DurNs = durNs(5n * NS_PER_S);

export interface QueryAnswer {
  readonly result: ExchangeResult | 'notServing';
  readonly roundTrip: DurNs;
}

export class TimeQueries {
  readonly #clock: DisciplinedClock;
  readonly #spacing: DurNs;
  readonly #patience: DurNs;
  readonly #open = new Map<string, MonoNs>();
  #asked = 0;
  #next: MonoNs;

  /** @param auditEvery planned time between two audits: the faster audits come, the sooner a silent node is left */
  constructor(clock: DisciplinedClock, auditEvery: DurNs, now: MonoNs) {
    this.#clock = clock;
    this.#spacing = clamp(durNs(auditEvery / 4n), SHORTEST_SPACING, LONGEST_SPACING);
    this.#patience = clamp(auditEvery, SHORTEST_PATIENCE, LONGEST_PATIENCE);
    this.#next = now;
  }

  due(now: MonoNs): boolean {
    return now >= this.#next;
  }

  /** Called right before the query is handed to the stream. */
  asked(nonce: Uint8Array, now: MonoNs): void {
    this.#open.set(hexOf(nonce), now);
    this.#asked += 1;
    this.#next = monoNs(now + (this.#asked < BURST ? BURST_SPACING : this.#spacing));
  }

  /** Null for an answer to nothing that was asked. */
  answered(message: TimeMessage, now: MonoNs): QueryAnswer | null {
    const nonce = hexOf(message.nonce);
    const sent = this.#open.get(nonce);
    if (sent === undefined) return null;
    this.#open.delete(nonce);
    return { result: this.#clock.add(sent, now, message), roundTrip: durNs(now - sent) };
  }

  /** The node has let a query stand for longer than is reasonable. */
  silent(now: MonoNs): boolean {
    // Insertion order is the order of asking.
    for (const sent of this.#open.values()) return now - sent > this.#patience;
    return false;
  }

  /** The local clocks jumped: what was asked before can no longer be timed. */
  forget(now: MonoNs): void {
    this.#open.clear();
    this.#asked = 0;
    this.#next = now;
  }
}

function clamp(value: DurNs, low: DurNs, high: DurNs): DurNs {
  if (value < low) return low;
  return value > high ? high : value;
}

/**
 * Has a learner caught up? Rounds of thesis 4.2.1: a round ends when the learner holds what the leader held when the round
 * began. When a round takes less than an election timeout, so would the wait for it as a voter.
 */

import type { LogIndex } from '../types.js';
import type { Nanos } from './config.js';

const ROUNDS_UNTIL_BEHIND = 10;

export class CatchUp {
  #target: number;
  #startedAt: Nanos;
  #advancedAt: Nanos;
  #match = 0;
  /** Rounds finished; of those, the ones since the learner was last reported as behind. */
  #rounds = 0;
  #unreported = 0;
  #caughtUp = false;

  constructor(lastIndex: LogIndex, now: Nanos) {
    this.#target = lastIndex;
    this.#startedAt = now;
    this.#advancedAt = now;
  }

  get rounds(): number {
    return this.#rounds;
  }

  /** The last round was short enough. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  /** @param timeout the shortest election timeout */
  progressed(match: LogIndex, lastIndex: LogIndex, now: Nanos, timeout: Nanos): void {
    if (match > this.#match) {
      this.#match = match;
      this.#advancedAt = now;
    }
    if (match < this.#target) return;
    this.#caughtUp = now - this.#startedAt < timeout;
    this.#rounds++;
    this.#unreported = this.#caughtUp ? 0 : this.#unreported + 1;
    this.#target = lastIndex;
    this.#startedAt = now;
    this.#advancedAt = now;
  }

  /** @returns whether it is time to report that the learner stays behind: ten long rounds, or no progress for `patience` */
  behind(now: Nanos, patience: Nanos): boolean {
    if (this.#unreported < ROUNDS_UNTIL_BEHIND && now - this.#advancedAt < patience) return false;
    this.#unreported = 0;
    this.#advancedAt = now;
    this.#caughtUp = false;
    return true;
  }
}

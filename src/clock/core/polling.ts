/**
 * When to ask whom. Each source has its own interval and budget; its addresses are asked in turn. Sans I/O: the answer
 * to `duePolls` is a list of questions, nothing is sent here.
 */

import type { BackOff, Budget } from './budget.js';
import { afterKiss, fullBudget, mayAsk, noBackOff, refill, spend, waitFor } from './budget.js';
import type { SourceMemory } from './memory.js';
import type { ClockProfile } from './profile.js';

export class SourcePolling {
  readonly #profile: ClockProfile;
  #budget: Budget;
  #backOff: BackOff;
  #addresses: readonly string[] = [];
  #cursor = 0;
  #nextMono: bigint;
  #exhausted = false;

  constructor(profile: ClockProfile, memory: SourceMemory | undefined, mono: bigint, wallNs: bigint) {
    this.#profile = profile;
    this.#budget =
      memory === undefined ? fullBudget(profile, wallNs) : refill(memory.budget, profile, wallNs);
    this.#backOff = memory?.backOff ?? noBackOff;
    this.#nextMono = mono;
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  get budget(): Budget {
    return this.#budget;
  }

  /** True while the last due question could not be afforded. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** Monotonic instant of the next look at this source; far away while it has no address. */
  get nextMono(): bigint {
    return this.#nextMono;
  }

  memory(): SourceMemory {
    return { budget: this.#budget, backOff: this.#backOff };
  }

  setAddresses(addresses: readonly string[]): void {
    this.#addresses = [...addresses];
  }

  kiss(code: string, address: string, wallNs: bigint): void {
    this.#backOff = afterKiss(this.#backOff, code, address, this.#profile, wallNs);
  }

  /** Between questions, before jitter. A start-up is quick only while nobody has told us to slow down. */
  interval(startingUp: boolean): bigint {
    const { pollNs, startPollNs } = this.#profile;
    const factor = BigInt(this.#backOff.pollFactor);
    return startingUp && factor === 1n ? startPollNs : pollNs * factor;
  }

  /** Without an answer for this long (three intervals, at least the profile's) a source counts as silent. */
  staleAfter(): bigint {
    const three = 3n * this.interval(false);
    return three > this.#profile.staleAfterNs ? three : this.#profile.staleAfterNs;
  }

  /**
   * The address to ask now, or null. Taking it spends one question of the budget.
   *
   * @param random in [0, 1): spreads the next interval
   */
  due(mono: bigint, wallNs: bigint, startingUp: boolean, random: number): string | null {
    if (mono < this.#nextMono) return null;
    const interval = this.interval(startingUp);
    const jitter = (interval * BigInt(Math.round((random * 2 - 1) * this.#profile.jitterPermille))) / 1000n;
    this.#nextMono = mono + interval + jitter;
    const address = this.#nextAddress(wallNs);
    if (address === null) return null;
    this.#budget = refill(this.#budget, this.#profile, wallNs);
    const spent = spend(this.#budget, this.#profile, startingUp);
    this.#exhausted = spent === null;
    if (spent === null) return null;
    this.#budget = spent;
    return address;
  }

  /**
   * How long it takes to ask so many questions from now on, at the pace and within the budget of this source, as long as
   * each is answered; null while there is nobody to ask.
   */
  timeFor(questions: number, mono: bigint, wallNs: bigint, startingUp: boolean): bigint | null {
    if (!this.#addresses.some((address) => mayAsk(this.#backOff, address, wallNs))) return null;
    if (questions <= 0) return 0n;
    const first = this.#nextMono > mono ? this.#nextMono - mono : 0n;
    const paced = first + BigInt(questions - 1) * this.interval(startingUp);
    const budget = refill(this.#budget, this.#profile, wallNs);
    const afforded = waitFor(budget, this.#profile, questions, startingUp);
    return paced > afforded ? paced : afforded;
  }

  #nextAddress(wallNs: bigint): string | null {
    for (let tried = 0; tried < this.#addresses.length; tried++) {
      const address = this.#addresses[this.#cursor % this.#addresses.length];
      this.#cursor++;
      if (address !== undefined && mayAsk(this.#backOff, address, wallNs)) return address;
    }
    return null;
  }
}

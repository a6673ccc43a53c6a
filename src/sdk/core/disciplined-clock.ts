/**
 * The software clock of a TSA: distributed time, served from the monotonic clock between exchanges. Invariants: what it
 * serves never goes back, and the interval that it serves holds the true time whenever the exchanges' intervals do.
 *
 * A correction is slewed, so that two readings a moment apart differ by that moment within 5 %; only a correction
 * forward by more than 128 ms is a step. While a correction is under way, the served instant may lie outside of the
 * proven interval; the interval is then widened to hold it, never moved.
 */

import { builtinLeapTable, taiMinusUtcAt } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import type { ClockState, DurNs, LeapState, MonoNs, TaiInterval, TaiNs } from '../../time/types.js';
import { NS_PER_MS, NS_PER_S, durNs, taiNs } from '../../time/types.js';
import type { TimeMessage } from '../../wire/messages.js';
import { TimeBound } from './time-bound.js';
import type { ExchangeResult } from './time-bound.js';

export type ServedTime =
  | {
      /** `holdover`: no exchange for `HOLDOVER_AFTER`; the interval keeps growing by the assumed rate error. */
      readonly state: 'synchronised' | 'holdover';
      /** The true time lies in [earliest, latest]. Unit: TAI ns. */
      readonly earliest: TaiNs;
      /** The served time; never goes back. */
      readonly best: TaiNs;
      readonly latest: TaiNs;
      /** TAI − UTC in whole seconds at `best`. */
      readonly taiMinusUtc: number;
      readonly leap: LeapState;
    }
  | { readonly state: 'unsynchronised'; readonly reason: string };

/** Served corrections run at 1/20 of the speed of time. */
const SLEW_DIVISOR = 20n;
const STEP_FORWARD: DurNs = durNs(128n * NS_PER_MS);
export const HOLDOVER_AFTER: DurNs = durNs(15n * NS_PER_S);
/** Before so many exchanges the clock is not served: the first one alone may have been the slowest of all. */
const EXCHANGES_NEEDED = 3;

interface LeapKnowledge {
  readonly leap: LeapState;
  readonly taiMinusUtc: number;
  /** The built-in table says the same, so that it may be believed across a leap second. */
  readonly tableAgrees: boolean;
}

export class DisciplinedClock {
  readonly #bound: TimeBound;
  readonly #table: LeapTable;
  #exchanges = 0;
  #lastExchange: MonoNs | null = null;
  #leap: LeapKnowledge = { leap: 'infoStale', taiMinusUtc: 0, tableAgrees: false };
  /** What is still to be corrected: served − best estimate, as of `since`. */
  #residual: { readonly since: MonoNs; readonly amount: bigint } | null = null;
  #lastServed: TaiNs | null = null;

  constructor(ratePpb?: number, table: LeapTable = builtinLeapTable) {
    this.#bound = new TimeBound(ratePpb);
    this.#table = table;
  }

  /** Takes an answer to a time query. An answer of a clock that is not serving time teaches nothing. */
  add(sent: MonoNs, arrived: MonoNs, message: TimeMessage): ExchangeResult | 'notServing' {
    if (!serves(message.clockState)) return 'notServing';
    const before = this.#lastServed === null ? null : this.#served(arrived);
    const result = this.#bound.add({
      sent,
      arrived,
      received: message.received,
      transmitted: message.transmitted,
    });
    if (result === 'impossible') return result;
    this.#exchanges = result === 'contradicts' ? 1 : this.#exchanges + 1;
    this.#lastExchange = arrived;
    const { best, taiMinusUtc } = message.transmitted;
    this.#leap = {
      leap: message.leap,
      taiMinusUtc,
      tableAgrees: taiMinusUtcAt(best, this.#table) === taiMinusUtc,
    };
    const target = this.#bound.best(arrived);
    if (before !== null && target !== null) this.#correct(arrived, before - target);
    return result;
  }

  /** What exchanges prove, without the served instant; null before the first. */
  proven(mono: MonoNs): TaiInterval | null {
    return this.#bound.at(mono);
  }

  now(mono: MonoNs): ServedTime {
    const bound = this.#bound.at(mono);
    const best = this.#served(mono);
    if (bound === null || best === null || this.#lastExchange === null) {
      return { state: 'unsynchronised', reason: 'no node has told the time yet' };
    }
    if (this.#exchanges < EXCHANGES_NEEDED) {
      return { state: 'unsynchronised', reason: 'too few exchanges since start or since nodes disagreed' };
    }
    this.#lastServed = best;
    return {
      state: mono - this.#lastExchange > HOLDOVER_AFTER ? 'holdover' : 'synchronised',
      earliest: best < bound.earliest ? best : bound.earliest,
      best,
      latest: best > bound.latest ? best : bound.latest,
      taiMinusUtc: this.#leap.tableAgrees ? taiMinusUtcAt(best, this.#table) : this.#leap.taiMinusUtc,
      leap: this.#leap.leap,
    };
  }

  /** After this machine was suspended or its clocks moved, older exchanges say nothing. */
  forget(): void {
    this.#bound.forget();
    this.#exchanges = 0;
    this.#residual = null;
  }

  #served(mono: MonoNs): TaiNs | null {
    const best = this.#bound.best(mono);
    if (best === null) return null;
    const served = taiNs(best + this.#remaining(mono));
    return this.#lastServed !== null && served < this.#lastServed ? this.#lastServed : served;
  }

  #correct(at: MonoNs, amount: bigint): void {
    this.#residual = amount + STEP_FORWARD < 0n ? null : { since: at, amount };
  }

  #remaining(mono: MonoNs): bigint {
    if (this.#residual === null) return 0n;
    const { since, amount } = this.#residual;
    const done = (mono - since) / SLEW_DIVISOR;
    if (amount >= 0n) return amount > done ? amount - done : 0n;
    return amount + done < 0n ? amount + done : 0n;
  }
}

const serves = (state: ClockState): boolean => state === 'synchronised' || state === 'holdover';

/**
 * What the exchanges with nodes prove about the true time: an interval that holds it, as long as the nodes' own
 * intervals do and this machine's oscillator is not off by more than the assumed rate.
 *
 * Invariant: the interval at a monotonic instant is the intersection of what every exchange so far allows there. An
 * empty intersection proves that an assumption broke; then everything older than the newest exchange is forgotten.
 */

import type { DurNs, MonoNs, TaiInterval, TaiNs } from '../../time/types.js';
import { durNs, taiNs } from '../../time/types.js';
import type { InstantMessage } from '../../wire/messages.js';

/** One question to a node and its answer, on this machine's monotonic clock. */
export interface TimeExchange {
  readonly sent: MonoNs;
  readonly arrived: MonoNs;
  readonly received: InstantMessage;
  readonly transmitted: InstantMessage;
}

/** `impossible`: the answer contradicts itself and was not used. */
export type ExchangeResult = 'first' | 'agrees' | 'contradicts' | 'impossible';

/** Linux slews its monotonic clock by up to 500 ppm while it is disciplined, on top of the crystal's own error. */
export const DEFAULT_RATE_ERROR_PPB = 600_000;
const PPB = 1_000_000_000n;
/** Exchanges from which the best estimate is chosen. */
const KEPT = 8;

interface Estimate {
  readonly at: MonoNs;
  readonly tai: TaiNs;
  readonly delay: DurNs;
}

export class TimeBound {
  readonly #ratePpb: bigint;
  #bound: { readonly at: MonoNs; readonly earliest: bigint; readonly latest: bigint } | null = null;
  #estimates: Estimate[] = [];

  /** @param ratePpb bound of the monotonic clock's rate error, parts per billion */
  constructor(ratePpb: number = DEFAULT_RATE_ERROR_PPB) {
    this.#ratePpb = BigInt(ratePpb);
  }

  add(exchange: TimeExchange): ExchangeResult {
    const { sent, arrived, received, transmitted } = exchange;
    const elapsed = arrived - sent;
    // The reply left at `transmitted` and is here now; the question was not yet there when it left here.
    const earliest = transmitted.earliest;
    const latest = received.latest + elapsed + this.#drift(elapsed);
    const delay = elapsed - (transmitted.best - received.best);
    if (elapsed < 0n || earliest > latest || transmitted.best < received.best || !ordered(exchange)) {
      return 'impossible';
    }
    const estimate: Estimate = {
      at: arrived,
      tai: taiNs(transmitted.best + (delay > 0n ? delay / 2n : 0n)),
      delay: durNs(delay),
    };
    const before = this.at(arrived);
    if (before === null) {
      this.#restart(arrived, earliest, latest, estimate);
      return 'first';
    }
    const low = before.earliest > earliest ? before.earliest : earliest;
    const high = before.latest < latest ? before.latest : latest;
    if (low > high) {
      this.#restart(arrived, earliest, latest, estimate);
      return 'contradicts';
    }
    this.#bound = { at: arrived, earliest: low, latest: high };
    this.#estimates = [...this.#estimates.slice(1 - KEPT), estimate];
    return 'agrees';
  }

  /** The interval that holds the true time at `mono`, which must not lie before the last exchange; null before the first. */
  at(mono: MonoNs): TaiInterval | null {
    if (this.#bound === null) return null;
    const elapsed = mono - this.#bound.at;
    const drift = this.#drift(elapsed);
    return {
      earliest: taiNs(this.#bound.earliest + elapsed - drift),
      latest: taiNs(this.#bound.latest + elapsed + drift),
    };
  }

  /** The most likely time at `mono`: from the exchange that age and delay make the least uncertain. */
  best(mono: MonoNs): TaiNs | null {
    const bound = this.at(mono);
    if (bound === null) return null;
    const error = (e: Estimate): bigint => e.delay / 2n + this.#drift(mono - e.at);
    const [first, ...rest] = this.#estimates;
    if (first === undefined) return null;
    const chosen = rest.reduce((best, e) => (error(e) <= error(best) ? e : best), first);
    const tai = chosen.tai + (mono - chosen.at);
    if (tai < bound.earliest) return bound.earliest;
    return tai > bound.latest ? bound.latest : taiNs(tai);
  }

  forget(): void {
    this.#bound = null;
    this.#estimates = [];
  }

  #restart(at: MonoNs, earliest: bigint, latest: bigint, estimate: Estimate): void {
    this.#bound = { at, earliest, latest };
    this.#estimates = [estimate];
  }

  /** Rounded up: an interval is never narrower than what is known. */
  #drift(elapsed: bigint): bigint {
    const magnitude = elapsed < 0n ? -elapsed : elapsed;
    return (magnitude * this.#ratePpb + PPB - 1n) / PPB;
  }
}

function ordered({ received, transmitted }: TimeExchange): boolean {
  return [received, transmitted].every((i) => i.earliest <= i.best && i.best <= i.latest);
}

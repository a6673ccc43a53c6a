/**
 * Whether the oscillator keeps the rate that the bound assumes. The bound itself notices a broken assumption only when two
 * statements exclude each other, which takes an error of a whole round trip; from half of one on it may miss the truth.
 * Here the asymmetry of the path, unknown but constant, is left out: what moves two samples of one address against each
 * other is half of what their round trips exceed the least one by. Such statements are twice as sharp, so that an error
 * shows when it reaches half a round trip.
 *
 * Everything is carried forward by the same rate as the bound: what is found is what the bound suffers from, no more. No
 * proof, since a path may change its asymmetry and keep its round trip: one sample is suspect, two in a row disrupt.
 */

import { boundAt, withRate } from './bound.js';
import type { Bound } from './bound.js';
import type { Sample } from './sample.js';

/** Before so many samples the least round trip is not known well enough. */
const WARMING = 24;
/** The least round trip is that of so many last samples: a path may become longer for good. */
const DELAYS = 64;
/** On a busy host even the least round trip of a loopback is mostly waiting: this part of the innovation floor is allowed for. */
const FLOOR_PART = 20n;

/** The samples of one address: statements about TAI − mono plus an unknown constant, intersected. */
class AddressWatch {
  #delays: readonly bigint[] = [];
  #least = 0n;
  #known: Bound | null = null;

  /** @returns false if the sample and the earlier ones exclude each other; it is then not taken */
  take(sample: Sample, { ratePpb, rhoPpb }: Bound, floorNs: bigint): boolean {
    const before = this.#known;
    const at = sample.mid;
    // Of two exchanges that overlap only the first is looked at.
    if (before !== null && at <= before.mono) return true;
    const delays = [...this.#delays, sample.delay].slice(-DELAYS);
    const least = delays.reduce((a, b) => (a < b ? a : b));
    const slack = (sample.delay - least) / 2n + least / 4n + sample.error + floorNs / FLOOR_PART;
    const fresh = { lo: sample.theta - slack, hi: sample.theta + slack };
    const known = before === null ? fresh : this.#widened(boundAt(before, at), least);
    const lo = known.lo > fresh.lo ? known.lo : fresh.lo;
    const hi = known.hi < fresh.hi ? known.hi : fresh.hi;
    const fits = lo <= hi;
    if (!fits && delays.length >= WARMING) return false;
    this.#delays = delays;
    this.#least = least;
    this.#known = { mono: at, ...(fits ? { lo, hi } : fresh), ratePpb, rhoPpb };
    return true;
  }

  /** From the last sample on another rate is assumed. */
  assume(bound: Bound): void {
    const known = this.#known;
    if (known === null || (known.ratePpb === bound.ratePpb && known.rhoPpb === bound.rhoPpb)) return;
    const at = bound.mono > known.mono ? bound.mono : known.mono;
    this.#known = withRate(known, at, bound.ratePpb, bound.rhoPpb);
  }

  /** Earlier statements were made by another least round trip: half of the difference may be asymmetry. */
  #widened(known: { lo: bigint; hi: bigint }, least: bigint): { lo: bigint; hi: bigint } {
    const change = least - this.#least;
    const half = (change < 0n ? 1n - change : change + 1n) / 2n;
    return { lo: known.lo - half, hi: known.hi + half };
  }
}

export class RateWatch {
  readonly #addresses = new Map<string, AddressWatch>();

  /**
   * Takes a sample, unless it shows that the rate was not the one that `bound` assumes.
   *
   * @param floorNs innovation that is never suspicious
   */
  keeps(sample: Sample, address: string, bound: Bound, floorNs: bigint): boolean {
    let watch = this.#addresses.get(address);
    if (watch === undefined) {
      watch = new AddressWatch();
      this.#addresses.set(address, watch);
    }
    return watch.take(sample, bound, floorNs);
  }

  /** The bound assumes another rate from its own instant on. */
  assume(bound: Bound): void {
    for (const watch of this.#addresses.values()) watch.assume(bound);
  }
}

/**
 * The core's only randomness: a seeded generator held in its state (mulberry32, 32 bits). It spreads election timers;
 * nothing about safety or secrecy hangs on it.
 */

export class Prng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Uniform in [0, 2^32). */
  nextUint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** Uniform in [min, max). */
  between(min: number, max: number): number {
    return min + (this.nextUint32() / 0x1_0000_0000) * (max - min);
  }
}

/**
 * The host's clocks, read in one place. The oscillator is CLOCK_MONOTONIC; the wall clock serves budgets and probes, never
 * the time that we tell.
 */

import { uptime } from 'node:os';
import { monoNs } from '../time/types.js';
import type { MonoNs } from '../time/types.js';

/** CLOCK_MONOTONIC, nanoseconds. */
export function readMono(): MonoNs {
  return monoNs(process.hrtime.bigint());
}

/** CLOCK_REALTIME truncated to a millisecond, as POSIX nanoseconds. */
export function readWall(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** A quantity known to lie in [lo, hi], nanoseconds. */
export interface Range {
  readonly lo: bigint;
  readonly hi: bigint;
}

/** Sharp enough: looking on would cost more than it tells. */
const SHARP_NS = 2_000n;

/** Range of (other clock − monotonic), for an other clock read in whole `grainNs` downwards. */
function difference(read: () => bigint, grainNs: bigint): Range {
  const before = readMono();
  const value = read();
  const after = readMono();
  return { lo: value - after, hi: value + grainNs - before };
}

/** Watches one clock against the monotonic one; tells by how much it jumped at least. */
class JumpProbe {
  #known: Range;
  readonly #read: () => bigint;
  readonly #grainNs: bigint;

  constructor(read: () => bigint, grainNs: bigint) {
    this.#read = read;
    this.#grainNs = grainNs;
    this.#known = difference(read, grainNs);
  }

  /** Signed size of the jump since the last look that cannot be explained otherwise; 0 if there was none. */
  jump(): bigint {
    const now = difference(this.#read, this.#grainNs);
    const known = this.#known;
    const lo = now.lo > known.lo ? now.lo : known.lo;
    const hi = now.hi < known.hi ? now.hi : known.hi;
    // As long as one constant explains every look, what is known of it only gets sharper.
    if (lo <= hi) {
      this.#known = { lo, hi };
      return 0n;
    }
    this.#known = now;
    return now.lo > known.hi ? now.lo - known.hi : now.hi - known.lo;
  }
}

/** CLOCK_BOOTTIME runs on in suspend, the monotonic clock does not: a forward jump is a suspend. */
export function suspendProbe(): { jump(): bigint } {
  return new JumpProbe(() => BigInt(Math.floor(uptime() * 100)) * 10_000_000n, 20_000_000n);
}

/** Someone set the host's wall clock. (Slewing moves both clocks together and is not visible here.) */
export function wallProbe(): { jump(): bigint } {
  return new JumpProbe(readWall, 1_000_000n);
}

/**
 * POSIX time minus monotonic time, to a few microseconds although the wall clock is read in milliseconds: the instant at
 * which the millisecond changes is caught by looking without pause, for 2.5 ms at most.
 */
export function wallMinusMonoSharply(): Range {
  let known = difference(readWall, 1_000_000n);
  const deadline = readMono() + 2_500_000n;
  while (known.hi - known.lo > SHARP_NS && readMono() < deadline) {
    const now = difference(readWall, 1_000_000n);
    const lo = now.lo > known.lo ? now.lo : known.lo;
    const hi = now.hi < known.hi ? now.hi : known.hi;
    known = lo <= hi ? { lo, hi } : now;
  }
  return known;
}

/** The middle of that range. */
export function readWallSharply(): bigint {
  const { lo, hi } = wallMinusMonoSharply();
  return (lo + hi) / 2n;
}

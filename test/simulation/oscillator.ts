/**
 * A node's oscillator and its disciplined clock in the simulated world, where true time is known. The oscillator runs at a
 * constant wrong rate within ±ρ; reference samples arrive as intervals that contain the truth and are intersected, so
 * that the clock's promise holds by construction: a verdict that contradicts the truth is then the fault of the code
 * under test.
 */
import type { ClockReading, ClockState, MonoNs } from '../../src/time/types.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import type { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';

/** TAI of the world's beginning: 2026-01-01T00:00:37 TAI. */
export const WORLD_START_TAI = 1_767_225_637_000_000_000n;

const RHO_PPB = 50_000;

export class SimulatedClock {
  /** Oscillator seconds per true second. */
  readonly rate: number;
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #started: bigint;
  #epoch = 1;
  #samples = 0;
  /** TAI − mono lies in [low, high] as of `at` (mono), both widening at ρ. */
  #bound: { low: bigint; high: bigint; at: bigint } | null = null;
  #reachable = true;

  constructor(scheduler: Scheduler, prng: Prng) {
    this.#scheduler = scheduler;
    this.#prng = prng;
    this.rate = 1 + (prng.float() * 2 - 1) * (RHO_PPB / 1e9);
    this.#started = scheduler.now;
  }

  mono(): MonoNs {
    const elapsed = this.#scheduler.now - this.#started;
    return monoNs(1_000_000_000n + elapsed + BigInt(Math.floor(Number(elapsed) * (this.rate - 1))));
  }

  /** The reference stops or answers again. */
  set referenceReachable(value: boolean) {
    this.#reachable = value;
  }

  /** One exchange with the reference, if it answers. */
  poll(): void {
    if (!this.#reachable) return;
    const mono = this.mono();
    const truth = WORLD_START_TAI + this.#scheduler.now - mono;
    const width = BigInt(this.#prng.between(20_000, 4_000_000));
    const below = BigInt(Math.floor(this.#prng.float() * Number(width)));
    const sample = { low: truth - below, high: truth - below + width };
    const aged = this.#aged(mono);
    this.#bound =
      aged === null
        ? { ...sample, at: mono }
        : { low: max(aged.low, sample.low), high: min(aged.high, sample.high), at: mono };
    if (this.#bound.low > this.#bound.high) throw new Error('the simulated clock lost the truth');
    this.#samples += 1;
  }

  /** What a step of the reference or a suspend does: everything known is dropped. */
  disrupt(): void {
    this.#epoch += 1;
    this.#samples = 0;
    this.#bound = null;
  }

  reading(): ClockReading {
    const mono = this.mono();
    const aged = this.#aged(mono) ?? { low: -(1n << 61n), high: 1n << 61n };
    const earliest = mono + aged.low;
    const latest = mono + aged.high;
    return {
      mono,
      earliest: taiNs(earliest),
      latest: taiNs(latest),
      best: taiNs((earliest + latest) / 2n),
      state: this.#state(latest - earliest),
      epoch: this.#epoch,
      samples: this.#samples,
      rhoPpb: RHO_PPB,
      taiMinusUtc: 37,
      leap: 'none',
      unmonitored: true,
      peers: 'unknown',
      peerRounds: 0,
    };
  }

  #state(width: bigint): ClockState {
    if (this.#bound === null) return this.#epoch > 1 ? 'disrupted' : 'unsynchronised';
    if (this.#samples < 4) return 'acquiring';
    if (width > 100_000_000n) return 'outOfTolerance';
    return this.#reachable ? 'synchronised' : 'holdover';
  }

  #aged(mono: bigint): { low: bigint; high: bigint } | null {
    if (this.#bound === null) return null;
    // The true rate of TAI against mono differs from 1 by up to ρ (rounded outwards).
    const growth = ((mono - this.#bound.at) * BigInt(RHO_PPB + 100)) / 1_000_000_000n + 2n;
    return { low: this.#bound.low - growth, high: this.#bound.high + growth };
  }
}

const max = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const min = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/**
 * Reading the clock, from any thread: a handle can be posted to a worker and opened there. Each reader keeps the last time it
 * served, so that what one thread reads never goes back.
 */

import type { LeapTable } from '../time/leap-table.js';
import type { ClockReading, MonoNs, TaiNs } from '../time/types.js';
import type { MachineLimits } from './core/machine.js';
import { readingAt } from './core/reading.js';
import type { Published } from './core/reading.js';
import { readMono } from './monotonic.js';
import { SharedStateReader } from './shared-state.js';

/** Everything that a reader needs; survives `postMessage`. */
export interface ClockHandle {
  readonly shared: SharedArrayBuffer;
  readonly limits: MachineLimits;
  readonly table: LeapTable;
}

export class ClockReader {
  readonly #limits: MachineLimits;
  #table: LeapTable;
  readonly #state: SharedStateReader;
  #floor: TaiNs | null = null;
  #floorEpoch = -1;

  constructor(handle: ClockHandle) {
    this.#limits = handle.limits;
    this.#table = handle.table;
    this.#state = new SharedStateReader(handle.shared);
  }

  /** A newly known leap second; the clock's own worker has to be told as well. */
  set table(table: LeapTable) {
    this.#table = table;
  }

  /** The time now with its bound. Never blocks, never throws; check `state` before use. */
  reading(): ClockReading {
    // First the state, then the clock: a pause in between only lets the bound grow to the later instant.
    const published = this.#state.read();
    const heartbeat = this.#state.heartbeat();
    if (published.epoch !== this.#floorEpoch) {
      this.#floor = null;
      this.#floorEpoch = published.epoch;
    }
    const reading = readingAt(published, readMono(), heartbeat, this.#limits, this.#table, this.#floor);
    if (reading.state === 'synchronised' || reading.state === 'holdover') this.#floor = reading.best;
    return reading;
  }

  /** The last published state as it is, for events. */
  published(): Published {
    return this.#state.read();
  }

  /** Last sign of life of the clock's worker. */
  heartbeat(): MonoNs {
    return this.#state.heartbeat();
  }
}

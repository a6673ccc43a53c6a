/**
 * Turns what the clock does into records: every change of state or epoch, as this node's testimony. Stopping to measure
 * and to issue does not wait for the record; sessions and issuance read the clock themselves.
 */

import type { ClockReading, ClockState } from '../../time/types.js';
import type { Notifier } from '../environment.js';
import type { Testimony } from './testimony.js';

export class ClockWatch {
  readonly #testimony: Testimony;
  readonly #notifier: Notifier;
  #state: ClockState = 'unsynchronised';
  #epoch: number | null = null;

  constructor(testimony: Testimony, notifier: Notifier) {
    this.#testimony = testimony;
    this.#notifier = notifier;
  }

  look(reading: ClockReading): void {
    const disrupted = this.#epoch !== null && reading.epoch !== this.#epoch;
    if (reading.state === this.#state && !disrupted) return;
    const from = this.#state;
    this.#state = reading.state;
    this.#epoch = reading.epoch;
    // An epoch that passed between two looks was a disruption, whatever the state is by now.
    this.#testimony.clockTransition(from, disrupted ? 'disrupted' : reading.state, reading);
    if (disrupted && reading.state !== 'disrupted')
      this.#testimony.clockTransition('disrupted', reading.state, reading);
    if (disrupted || reading.state === 'outOfTolerance' || reading.state === 'quarantined') {
      this.#notifier.notify({
        severity: 'alarm',
        code: 'CLOCK_STATE',
        message: `the clock went from ${from} to ${disrupted ? 'disrupted' : reading.state}; nothing is measured or issued here`,
      });
    }
  }
}

/** Counts what the clock tells, by names of closed lists: what a server sends never becomes a label. */

import type { ClockEvent, ClockService } from '../../clock/index.js';
import type { ClockCounts } from '../../rpc/clock-metrics.js';

/** RFC 5905 §7.4 and RFC 8915; whatever else comes is counted as one. */
const kissCodes = ['RATE', 'DENY', 'RSTR', 'NTSN'];

export class ClockEventCounts {
  readonly #anomalies: Record<string, number> = {};
  readonly #transitions: Record<string, number> = {};
  readonly #kisses: Record<string, number> = {};

  /** Counts for as long as the clock runs. */
  constructor(clock: ClockService) {
    clock.on((event) => this.#count(event));
  }

  get counts(): ClockCounts {
    return { anomalies: this.#anomalies, transitions: this.#transitions, kisses: this.#kisses };
  }

  #count(event: ClockEvent): void {
    switch (event.kind) {
      case 'anomaly':
        add(this.#anomalies, event.code);
        break;
      case 'transition':
        add(this.#transitions, event.reason);
        break;
      case 'kod':
        add(this.#kisses, kissCodes.includes(event.code) ? event.code : 'other');
        break;
      case 'persistFailed':
        add(this.#anomalies, event.kind);
        break;
      case 'comparison':
      case 'sampleRejected':
      case 'leap':
        break;
    }
  }
}

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

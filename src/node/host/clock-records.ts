/**
 * Clock events that become records: every anomaly, and a periodic TAA − UTC(NICT) for each source, also when no TSA asks.
 * Changes of state are recorded by the core (core/clock-watch.ts), which sees them in the readings themselves.
 */

import type { ClockEvent, ClockService, ComparisonEvent } from '../../clock/index.js';
import type { MonoNs } from '../../time/types.js';
import { NS_PER_S } from '../../time/types.js';
import { allowListExceptions } from '../../verify/allow-list.js';
import type { NodeCore } from '../core/node.js';
import type { Notifier } from '../environment.js';
import type { ClockConfig } from './clock-config.js';
import { HostClockWatch } from './host-clock.js';

/** A source that is asked more often is recorded this often: the samples in between are in the estimate. */
const COMPARISON_INTERVAL = 10n * NS_PER_S;

export class ClockRecords {
  readonly #core: NodeCore;
  readonly #clock: ClockService;
  readonly #unsubscribe: () => void;
  readonly #recorded = new Map<string, MonoNs>();

  /** The clock of the host beside it. */
  readonly host: HostClockWatch;

  /** Sources under NTS are recorded as the exception to the allow-list that they are. */
  constructor(core: NodeCore, clock: ClockService, config: ClockConfig, notifier: Notifier) {
    this.#core = core;
    this.host = new HostClockWatch(core, clock, config, notifier);
    for (const source of config.sources) if ('nts' in source) this.#recordException(source.name);
    const unsubscribe = [
      clock.on((event) => this.#happened(event)),
      clock.onPeerRound(() => core.clockLooked()),
    ];
    this.#unsubscribe = () => {
      for (const end of unsubscribe) end();
    };
    this.#clock = clock;
  }

  close(): void {
    this.host.close();
    this.#unsubscribe();
  }

  #recordException(source: string): void {
    const [exception] = allowListExceptions;
    const detail = `${exception.name}: ${exception.algorithm} for ${exception.use}; ${exception.reason}`;
    this.#core.testimony.clockAnomaly('allowListException', source, detail);
  }

  #happened(event: ClockEvent): void {
    switch (event.kind) {
      case 'comparison':
        this.#compared(event);
        break;
      case 'anomaly':
        this.#core.testimony.clockAnomaly(event.code, event.source ?? '', event.detail);
        break;
      case 'persistFailed':
        this.#core.testimony.clockAnomaly('persistFailed', '', event.detail);
        break;
      case 'kod':
        this.#core.testimony.clockAnomaly('kissOfDeath', event.source, `${event.address} sent ${event.code}`);
        break;
      case 'leap':
        this.#core.testimony.leapCheck(event, this.#clock.reading());
        break;
      case 'transition':
      case 'sampleRejected':
        break;
    }
  }

  #compared(event: ComparisonEvent): void {
    if (event.role === 'reference') this.#core.clockLooked();
    const last = this.#recorded.get(event.source);
    if (last !== undefined && event.mono - last < COMPARISON_INTERVAL) return;
    this.#recorded.set(event.source, event.mono);
    this.#core.testimony.clockComparison(event);
  }
}

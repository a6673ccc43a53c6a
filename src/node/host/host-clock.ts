/**
 * The clock of the host beside the TAA clock (criterion S5): a comparison on record every minute, and whether chronyd
 * disciplines the host as it must, at the start and every ten minutes. Each change of what is wrong is told and recorded;
 * nothing is stopped for it, because the TAA clock does not follow the host's, and proves by itself when the host disturbs it.
 */

import { checkHostClock, wallMinusMonoSharply } from '../../clock/index.js';
import type { ClockService, HostClockFinding } from '../../clock/index.js';
import { posixNsFromTai } from '../../time/leap-table.js';
import { durNs } from '../../time/types.js';
import type { ClockReading } from '../../time/types.js';
import type { Notifier } from '../environment.js';
import type { NodeCore } from '../core/node.js';
import type { ClockConfig } from './clock-config.js';

const COMPARE_MS = 60_000;
const CHECK_MS = 600_000;
/** While the TAA clock does not know the time there is nothing to compare: it is looked at again after so long. */
const COMPARE_RETRY_MS = 5_000;

/** Host's clock − TAA clock, nanoseconds: within offset ± uncertainty. */
export interface HostClockOffset {
  readonly offsetNs: bigint;
  readonly uncertaintyNs: bigint;
}

/** Null while the TAA clock does not know the time. */
export function hostClockOffset(
  reading: ClockReading,
  wallMinusMono: { readonly lo: bigint; readonly hi: bigint },
  clock: Pick<ClockService, 'leapTable'>,
): HostClockOffset | null {
  if (reading.state !== 'synchronised' && reading.state !== 'holdover') return null;
  const posix = posixNsFromTai(reading.best, clock.leapTable);
  const below = reading.best - reading.earliest;
  const above = reading.latest - reading.best;
  const middle = (wallMinusMono.lo + wallMinusMono.hi) / 2n;
  return {
    offsetNs: reading.mono + middle - posix,
    uncertaintyNs: (below > above ? below : above) + (wallMinusMono.hi - wallMinusMono.lo) / 2n + 1n,
  };
}

export class HostClockWatch {
  readonly #core: NodeCore;
  readonly #clock: ClockService;
  readonly #config: ClockConfig;
  readonly #notifier: Notifier;
  readonly #checking: NodeJS.Timeout;
  #comparing: NodeJS.Timeout;
  #findings: readonly HostClockFinding[] = [];
  #closed = false;

  constructor(core: NodeCore, clock: ClockService, config: ClockConfig, notifier: Notifier) {
    this.#core = core;
    this.#clock = clock;
    this.#config = config;
    this.#notifier = notifier;
    void this.#check();
    this.#checking = setInterval(() => void this.#check(), CHECK_MS);
    this.#comparing = setTimeout(() => this.#compare(), COMPARE_RETRY_MS);
  }

  /** What is wrong with the host's clock, for metrics and status. */
  get findings(): readonly HostClockFinding[] {
    return this.#findings;
  }

  /** As of now. Looks at the host's clock for a millisecond. */
  offset(): HostClockOffset | null {
    return hostClockOffset(this.#clock.reading(), wallMinusMonoSharply(), this.#clock);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#checking);
    clearTimeout(this.#comparing);
  }

  #compare(): void {
    const offset = this.offset();
    this.#comparing = setTimeout(() => this.#compare(), offset === null ? COMPARE_RETRY_MS : COMPARE_MS);
    if (offset === null) return;
    this.#core.testimony.clockComparison({
      source: 'host clock',
      address: 'localhost',
      role: 'monitor',
      authenticated: false,
      // Records say TAA − source, like those of every other source.
      offset: durNs(-offset.offsetNs),
      uncertainty: durNs(offset.uncertaintyNs),
      delay: durNs(0n),
      state: this.#clock.reading().state,
      sample: 0,
    });
  }

  async #check(): Promise<void> {
    const { hostClock, rhoFloorPpb } = this.#config;
    if (hostClock === null) return;
    const { chronyd, configuration } = hostClock;
    const findings = await checkHostClock({
      address: chronyd.host,
      port: chronyd.port,
      configuration,
      rhoFloorPpb,
    });
    if (!this.#closed) this.#found(findings);
  }

  #found(findings: readonly HostClockFinding[]): void {
    const before = this.#findings;
    this.#findings = findings;
    const codes = (list: readonly HostClockFinding[]): string => list.map(({ code }) => code).join();
    if (codes(before) === codes(findings)) return;
    for (const { code, detail } of findings) {
      if (before.some((earlier) => earlier.code === code)) continue;
      this.#notifier.notify({ severity: 'warning', code: 'HOST_CLOCK', message: detail });
      this.#core.testimony.clockAnomaly(code, 'host clock', detail);
    }
    if (findings.length === 0) {
      const detail = 'the host is disciplined by chronyd, within the slew bound that is assumed';
      this.#core.testimony.clockAnomaly('hostClockInOrder', 'host clock', detail);
    }
  }
}

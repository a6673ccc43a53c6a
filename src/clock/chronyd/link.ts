/** The way to the host's chronyd: its tracking becomes samples (core/host-report.ts). */

import type { ClockProfile } from '../core/profile.js';
import { wallMinusMonoSharply } from '../monotonic.js';
import type { LinkHost, SourceLink } from '../source-link.js';
import { queryChronyd } from './query.js';
import type { ChronydQuery } from './query.js';

export interface ChronydTransport {
  readonly kind: 'chronyd';
  /** IPv4 address and UDP port of the command interface, usually 127.0.0.1 and 323. */
  readonly address: string;
  readonly port: number;
}

export class ChronydLink implements SourceLink {
  readonly #source: string;
  readonly #transport: ChronydTransport;
  readonly #windowMs: number;
  readonly #host: LinkHost;
  #query: ChronydQuery | null = null;
  #closed = false;

  constructor(source: string, transport: ChronydTransport, profile: ClockProfile, host: LinkHost) {
    this.#source = source;
    this.#transport = transport;
    this.#windowMs = Number(profile.windowNs / 1_000_000n);
    this.#host = host;
  }

  start(): void {
    this.#host.handle({ kind: 'addresses', source: this.#source, addresses: [this.#transport.address] });
  }

  ask(address: string): void {
    this.#query?.abandon();
    const query = queryChronyd(address, this.#transport.port, this.#windowMs);
    this.#query = query;
    query.view.then(
      (view) => {
        if (this.#closed) return;
        // Read last: it lies between two looks at the monotonic clock whatever happened before.
        const report = { ...view, wallMinusMono: wallMinusMonoSharply() };
        this.#host.handle({ kind: 'hostReport', source: this.#source, address, report });
      },
      () => {
        if (!this.#closed) this.#host.handle({ kind: 'noAnswer', source: this.#source, address });
      },
    );
  }

  close(): void {
    this.#closed = true;
    this.#query?.abandon();
  }
}

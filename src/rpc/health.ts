/**
 * grpc.health.v1.Health, the standard health check, on every listener. The node as a whole is named by the empty string;
 * a service is served while the node is.
 */

import type { ServerWritableStream } from '@grpc/grpc-js';
import type { HealthCheckRequest__Output } from '../wire/gen/grpc/health/v1/HealthCheckRequest.js';
import type { HealthCheckResponse } from '../wire/gen/grpc/health/v1/HealthCheckResponse.js';
import { RpcError } from './errors.js';
import type { Guard } from './guard.js';
import { failure, readable, unary } from './handlers.js';
import type { Unreadable } from './handlers.js';

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';
type WatchCall = ServerWritableStream<HealthCheckRequest__Output | Unreadable, HealthCheckResponse>;

/** How often watched health is looked at. Unit: ms. */
const WATCH_INTERVAL_MS = 500;

export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #serving: () => boolean;
  readonly #watchers = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;

  /** @param services names served on the listener */
  constructor(services: readonly string[], serving: () => boolean) {
    this.#services = new Set(['', ...services]);
    this.#serving = serving;
  }

  handlers(guard: Guard) {
    return {
      Check: unary<HealthCheckRequest__Output, HealthCheckResponse>(guard, ({ service }) => {
        const answer = this.#statusOf(service);
        if (answer === 'SERVICE_UNKNOWN') throw new RpcError('NOT_FOUND', `${service} is not served here`);
        return { status: answer };
      }),
      Watch: (call: WatchCall) => {
        try {
          this.#watch(call, readable(call.request).service);
        } catch (caught) {
          call.emit('error', failure(guard, call, caught));
        }
      },
    };
  }

  /** Ends all watches. */
  close(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#watchers.clear();
  }

  #statusOf(service: string): ServingStatus {
    if (!this.#services.has(service)) return 'SERVICE_UNKNOWN';
    return this.#serving() ? 'SERVING' : 'NOT_SERVING';
  }

  #watch(call: WatchCall, service: string): void {
    let last: ServingStatus | null = null;
    const look = (): void => {
      const now = this.#statusOf(service);
      if (now === last || call.writableNeedDrain) return;
      last = now;
      call.write({ status: now });
    };
    look();
    this.#watchers.add(look);
    call.on('cancelled', () => {
      this.#watchers.delete(look);
      if (this.#watchers.size === 0) this.close();
    });
    this.#timer ??= setInterval(() => {
      for (const watcher of this.#watchers) watcher();
    }, WATCH_INTERVAL_MS);
  }
}

/**
 * The laboratory's reference clock: a real NTPv4 server on UDP whose timescale is its own (the monotonic clock, set once
 * from the host's wall clock), so that it can be moved, stopped and made to lie on purpose.
 *
 * It is NOT UTC(NICT). Its refid is "LAB", so that nobody can take it for one.
 */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ClockError } from './errors.js';
import type { NtpKey } from './mac.js';
import { readMono, readWallSharply } from './monotonic.js';
import { ReferenceControls, ReferenceSocket } from './reference-socket.js';
import type { KissCode } from './reference-socket.js';

export interface ReferenceServerOptions {
  /** Address to bind, default 127.0.0.1. */
  readonly host?: string;
  /** UDP port, default 0: any free one. */
  readonly port?: number;
  /** Key for clients that authenticate; others are answered without a MAC. */
  readonly key?: NtpKey;
  /** Answer from a thread of its own, so that a busy main thread does not delay the answers. Default false. */
  readonly ownThread?: boolean;
}

export interface ReferenceServer {
  readonly host: string;
  /** Port that is bound; stays the same over stop and start. */
  readonly port: number;
  /** Moves the timescale, at once: it now differs by `ns` from the one that was set at the start. */
  setOffset(ns: bigint): void;
  /** Leap indicator to send, 0 … 3. */
  setLeap(indicator: number): void;
  /** Kiss code to answer with instead of time, or null. */
  setKiss(code: KissCode | null): void;
  /** POSIX nanoseconds of this timescale now. */
  now(): bigint;
  /** Answers sent since the start. */
  answered(): number;
  /** Stops answering and frees the port. */
  stop(): Promise<void>;
  /** Answers again, on the same port and timescale. @throws ClockError `CLOCK_REFERENCE_UNAVAILABLE` */
  start(): Promise<void>;
}

/** Opens and closes the socket, in this thread or in another. */
interface Host {
  /** @returns the bound port */
  open(port: number): Promise<number>;
  close(): Promise<void>;
}

export interface ReferenceWorkerData {
  readonly controls: SharedArrayBuffer;
  readonly address: string;
  readonly port: number;
  readonly key: NtpKey | null;
}

export type FromReferenceWorker = { readonly port: number } | { readonly failed: string };

function threadHost(controls: ReferenceControls, address: string, key: NtpKey | null): Host {
  let worker: Worker | null = null;
  return {
    async open(port) {
      const workerData: ReferenceWorkerData = { controls: controls.buffer, address, port, key };
      worker = new Worker(new URL('./reference-worker.js', import.meta.url), {
        workerData,
        name: 'taa-lab-reference',
      });
      const [answer] = (await once(worker, 'message')) as [FromReferenceWorker];
      if ('port' in answer) return answer.port;
      await this.close();
      throw new Error(answer.failed);
    },
    async close() {
      const ending = worker;
      worker = null;
      await ending?.terminate();
    },
  };
}

function localHost(controls: ReferenceControls, address: string, key: NtpKey | null): Host {
  let socket: ReferenceSocket | null = null;
  return {
    async open(port) {
      socket = await ReferenceSocket.open(controls, address, port, key);
      return socket.port;
    },
    async close() {
      const ending = socket;
      socket = null;
      await ending?.close();
    },
  };
}

class LabReference implements ReferenceServer {
  readonly host: string;
  readonly #controls = new ReferenceControls();
  readonly #socket: Host;
  #port: number;
  #open = false;

  constructor(options: ReferenceServerOptions) {
    this.host = options.host ?? '127.0.0.1';
    this.#port = options.port ?? 0;
    this.#controls.base = readWallSharply();
    const makeHost = options.ownThread === true ? threadHost : localHost;
    this.#socket = makeHost(this.#controls, this.host, options.key ?? null);
  }

  get port(): number {
    return this.#port;
  }

  setOffset(ns: bigint): void {
    this.#controls.offset = ns;
  }

  setLeap(indicator: number): void {
    this.#controls.leap = indicator & 3;
  }

  setKiss(code: KissCode | null): void {
    this.#controls.kiss = code;
  }

  now(): bigint {
    return this.#controls.at(readMono());
  }

  answered(): number {
    return this.#controls.answered;
  }

  async start(): Promise<void> {
    if (this.#open) return;
    try {
      this.#port = await this.#socket.open(this.#port);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ClockError(
        'CLOCK_REFERENCE_UNAVAILABLE',
        `the laboratory reference cannot bind UDP ${this.host}:${this.#port} (${reason}); choose another port`,
        { cause },
      );
    }
    this.#open = true;
  }

  async stop(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#socket.close();
  }
}

/**
 * Starts the laboratory reference.
 *
 * @throws ClockError `CLOCK_REFERENCE_UNAVAILABLE` if the port cannot be bound
 */
export async function startReferenceServer(options: ReferenceServerOptions = {}): Promise<ReferenceServer> {
  const server = new LabReference(options);
  await server.start();
  return server;
}

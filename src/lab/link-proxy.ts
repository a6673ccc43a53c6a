/**
 * A TCP proxy for one direction of dialling between two nodes, without privileges: passes, delays, cuts, or swallows. The
 * delay is one way and the same for both directions; the order of bytes is kept. No loss, no slow start, no congestion
 * window: the time that one message takes is modelled, the throughput of a long line is not.
 */

import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Bytes under way in one direction of one connection; beyond, the sender is not read. */
const MAX_UNDER_WAY = 64 << 20;

export class LinkProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: () => number | null;
  #open = true;
  #delayMs = 0;

  private constructor(target: () => number | null) {
    this.#target = target;
    this.#server = createServer((inbound) => this.#accept(inbound));
  }

  /** @param target port on loopback, asked at each connection; null breaks the connection */
  static async start(target: () => number | null): Promise<LinkProxy> {
    const proxy = new LinkProxy(target);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on each byte takes so much longer in each direction. Timers are coarse: up to a millisecond more. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** Nothing passes any more and nobody is told, as when a cable is pulled; new connections hang as well. */
  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Passes again; what hung is broken, as a stateful firewall would after an outage. */
  heal(): void {
    if (this.#open) return;
    this.#open = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(inbound: Socket): void {
    this.#track(inbound);
    const target = this.#open ? this.#target() : null;
    if (target === null) {
      if (this.#open) inbound.destroy();
      else inbound.pause();
      return;
    }
    const outbound = connect(target, '127.0.0.1');
    this.#track(outbound);
    this.#relay(inbound, outbound);
    this.#relay(outbound, inbound);
    const end = (): void => {
      inbound.destroy();
      outbound.destroy();
    };
    for (const socket of [inbound, outbound]) socket.on('close', end);
  }

  #relay(from: Socket, to: Socket): void {
    const passes = (): boolean => this.#open && !to.destroyed;
    const line = new DelayLine(passes, (chunk) => {
      if (chunk === null) to.end();
      else if (!to.write(chunk)) from.pause();
      if (this.#open && from.isPaused() && !to.writableNeedDrain) from.resume();
    });
    from.on('data', (chunk: Buffer) => {
      line.put(chunk, this.#delayMs);
      if (line.bytes > MAX_UNDER_WAY) from.pause();
    });
    from.on('end', () => line.put(null, this.#delayMs));
    to.on('drain', () => {
      if (this.#open) from.resume();
    });
    from.on('close', () => line.clear());
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
  }
}

interface UnderWay {
  readonly due: number;
  /** Null ends the stream. */
  readonly chunk: Buffer | null;
}

/** What is under way in one direction, in order. */
class DelayLine {
  readonly #passes: () => boolean;
  readonly #deliver: (chunk: Buffer | null) => void;
  #waiting: UnderWay[] = [];
  #lastDue = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(passes: () => boolean, deliver: (chunk: Buffer | null) => void) {
    this.#passes = passes;
    this.#deliver = deliver;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(chunk: Buffer | null, delayMs: number): void {
    const due = Math.max(this.#lastDue, performance.now() + delayMs);
    this.#lastDue = due;
    this.#waiting.push({ due, chunk });
    this.#bytes += chunk?.length ?? 0;
    if (delayMs === 0 && this.#waiting.length === 1) this.#pass();
    else this.#arm();
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(): void {
    const next = this.#waiting[0];
    if (next === undefined || this.#timer !== null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#pass();
      },
      Math.max(1, Math.ceil(next.due - performance.now())),
    );
  }

  #pass(): void {
    const now = performance.now();
    let passed = 0;
    for (const { due, chunk } of this.#waiting) {
      if (due > now) break;
      passed += 1;
      this.#bytes -= chunk?.length ?? 0;
      // What a cut line still held is lost with its connection.
      if (this.#passes()) this.#deliver(chunk);
    }
    this.#waiting.splice(0, passed);
    this.#arm();
  }
}

/** A TCP proxy for one direction of dialling between two nodes, without privileges: passes, cuts, or swallows. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export class LinkProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: () => number;
  #open = true;

  private constructor(target: () => number) {
    this.#target = target;
    this.#server = createServer((inbound) => this.#accept(inbound));
  }

  static async start(target: () => number): Promise<LinkProxy> {
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

  /** Nothing passes any more and nobody is told, as when a cable is pulled; new connections hang as well. */
  cut(): void {
    this.#open = false;
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  /** Passes again; what hung is broken, as a stateful firewall would after an outage. */
  heal(): void {
    this.#open = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(inbound: Socket): void {
    this.#track(inbound);
    if (!this.#open) {
      inbound.pause();
      return;
    }
    const outbound = connect(this.#target(), '127.0.0.1');
    this.#track(outbound);
    inbound.pipe(outbound);
    outbound.pipe(inbound);
    const end = (): void => {
      inbound.destroy();
      outbound.destroy();
    };
    for (const socket of [inbound, outbound]) socket.on('close', end);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
  }
}

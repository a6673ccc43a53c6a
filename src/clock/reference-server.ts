/**
 * The laboratory's reference clock: a real NTPv4 server on UDP whose timescale is its own (the monotonic clock, set once
 * from the host's wall clock), so that it can be moved, stopped and made to lie on purpose.
 *
 * It is NOT UTC(NICT). Its refid is "LAB", so that nobody can take it for one.
 */

import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import {
  MODE_CLIENT,
  MODE_SERVER,
  appendMac,
  decodeNtp,
  encodeNtp,
  ntpFromPosixNs,
  refidFromText,
} from './core/ntp-packet.js';
import type { NtpPacket } from './core/ntp-packet.js';
import { ClockError } from './errors.js';
import { macIsGood, makeMac } from './mac.js';
import type { NtpKey } from './mac.js';
import { readMono, readWallSharply } from './monotonic.js';

export interface ReferenceServerOptions {
  /** Address to bind, default 127.0.0.1. */
  readonly host?: string;
  /** UDP port, default 0: any free one. */
  readonly port?: number;
  /** Key for clients that authenticate; others are answered without a MAC. */
  readonly key?: NtpKey;
}

export interface ReferenceServer {
  readonly host: string;
  /** Port that is bound; stays the same over stop and start. */
  readonly port: number;
  /** Moves the timescale: it now differs by `ns` from the one that was set at the start. */
  setOffset(ns: bigint): void;
  /** Leap indicator to send, 0 … 3. */
  setLeap(indicator: number): void;
  /** Kiss code to answer with instead of time, or null. */
  setKiss(code: 'RATE' | 'DENY' | 'RSTR' | null): void;
  /** POSIX nanoseconds of this timescale now. */
  now(): bigint;
  /** Answers sent since the start. */
  answered(): number;
  /** Stops answering and frees the port. */
  stop(): Promise<void>;
  /** Answers again, on the same port and timescale. */
  start(): Promise<void>;
}

const REFID = refidFromText('LAB');
/** 2^-29 s, about 2 ns: what reading the monotonic clock resolves. */
const PRECISION = -29;
/** 16.16 seconds: about 15 µs, more than the gap between a stamp and the packet on the wire ever should be. */
const ROOT_DISPERSION = 1;

class LabReference implements ReferenceServer {
  readonly host: string;
  readonly #key: NtpKey | null;
  /** POSIX time minus monotonic time of the timescale without offset. */
  readonly #base: bigint;
  #port: number;
  #socket: Socket | null = null;
  #offset = 0n;
  #leap = 0;
  #kiss: string | null = null;
  #answered = 0;

  constructor(options: ReferenceServerOptions) {
    this.host = options.host ?? '127.0.0.1';
    this.#port = options.port ?? 0;
    this.#key = options.key ?? null;
    this.#base = readWallSharply();
  }

  get port(): number {
    return this.#port;
  }

  setOffset(ns: bigint): void {
    this.#offset = ns;
  }

  setLeap(indicator: number): void {
    this.#leap = indicator & 3;
  }

  setKiss(code: string | null): void {
    this.#kiss = code;
  }

  now(): bigint {
    return this.#at(readMono());
  }

  answered(): number {
    return this.#answered;
  }

  async start(): Promise<void> {
    if (this.#socket !== null) return;
    const socket = createSocket(this.host.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause) => {
        socket.close();
        reject(
          new ClockError(
            'CLOCK_REFERENCE_UNAVAILABLE',
            `the laboratory reference cannot bind UDP ${this.host}:${this.#port} (${cause.message}); choose another port`,
            { cause },
          ),
        );
      });
      socket.bind(this.#port, this.host, resolve);
    });
    socket.removeAllListeners('error');
    // A client that vanished makes sends fail: it will ask again.
    socket.on('error', () => undefined);
    socket.on('message', (bytes, from) => this.#answer(socket, bytes, from));
    this.#port = socket.address().port;
    this.#socket = socket;
  }

  async stop(): Promise<void> {
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    await new Promise<void>((resolve) => socket.close(resolve));
  }

  #at(mono: bigint): bigint {
    return mono + this.#base + this.#offset;
  }

  #answer(socket: Socket, bytes: Uint8Array, from: RemoteInfo): void {
    const received = this.now();
    const decoded = decodeNtp(bytes);
    if (
      !decoded.ok ||
      decoded.packet.mode !== MODE_CLIENT ||
      decoded.packet.version < 3 ||
      decoded.packet.version > 4
    )
      return;
    const key = this.#key;
    const keyed = key !== null && decoded.mac !== null;
    if (keyed && !macIsGood(key, decoded.covered, decoded.mac)) return;
    const packet: NtpPacket = {
      leap: this.#leap,
      version: decoded.packet.version,
      mode: MODE_SERVER,
      stratum: this.#kiss === null ? 1 : 0,
      poll: decoded.packet.poll,
      precision: PRECISION,
      rootDelay: 0,
      rootDispersion: ROOT_DISPERSION,
      refid: this.#kiss === null ? REFID : refidFromText(this.#kiss),
      reference: ntpFromPosixNs(received),
      origin: decoded.packet.transmit,
      receive: ntpFromPosixNs(received),
      transmit: ntpFromPosixNs(this.now()),
    };
    const header = encodeNtp(packet);
    this.#answered++;
    socket.send(keyed ? appendMac(header, makeMac(key, header)) : header, from.port, from.address);
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

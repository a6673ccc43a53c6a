/** The socket of the laboratory reference, and the controls that move its timescale from another thread, at once. */

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
import { macIsGood, makeMac } from './mac.js';
import type { NtpKey } from './mac.js';
import { readMono } from './monotonic.js';

export type KissCode = 'RATE' | 'DENY' | 'RSTR';
const kissCodes: readonly (KissCode | null)[] = [null, 'RATE', 'DENY', 'RSTR'];

const REFID = refidFromText('LAB');
/** 2^-29 s, about 2 ns: what reading the monotonic clock resolves. */
const PRECISION = -29;
/** 16.16 seconds, about 15 µs: an admission that software makes the stamps. */
const ROOT_DISPERSION = 1;

const SLOTS = { base: 0, offset: 1, leap: 2, kiss: 3, answered: 4 } as const;

/** Shared between the thread that commands and the one that answers. */
export class ReferenceControls {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(8 * Object.keys(SLOTS).length)) {
    this.buffer = buffer;
    this.#slots = new BigInt64Array(buffer);
  }

  /** POSIX time of this timescale at a monotonic instant. */
  at(mono: bigint): bigint {
    return mono + Atomics.load(this.#slots, SLOTS.base) + Atomics.load(this.#slots, SLOTS.offset);
  }

  /** POSIX time minus monotonic time of the timescale without offset. */
  set base(ns: bigint) {
    Atomics.store(this.#slots, SLOTS.base, ns);
  }

  set offset(ns: bigint) {
    Atomics.store(this.#slots, SLOTS.offset, ns);
  }

  get leap(): number {
    return Number(Atomics.load(this.#slots, SLOTS.leap));
  }

  set leap(indicator: number) {
    Atomics.store(this.#slots, SLOTS.leap, BigInt(indicator));
  }

  get kiss(): KissCode | null {
    return kissCodes[Number(Atomics.load(this.#slots, SLOTS.kiss))] ?? null;
  }

  set kiss(code: KissCode | null) {
    Atomics.store(this.#slots, SLOTS.kiss, BigInt(kissCodes.indexOf(code)));
  }

  get answered(): number {
    return Number(Atomics.load(this.#slots, SLOTS.answered));
  }

  countAnswer(): void {
    Atomics.add(this.#slots, SLOTS.answered, 1n);
  }
}

export class ReferenceSocket {
  readonly #controls: ReferenceControls;
  readonly #key: NtpKey | null;
  readonly #socket: Socket;

  private constructor(controls: ReferenceControls, key: NtpKey | null, socket: Socket) {
    this.#controls = controls;
    this.#key = key;
    this.#socket = socket;
    // A client that vanished makes a send fail: nobody waits for that answer.
    socket.on('error', () => undefined);
    socket.on('message', (bytes, from) => this.#answer(bytes, from));
  }

  /** Binds and answers from then on; rejects if the port cannot be bound. */
  static async open(
    controls: ReferenceControls,
    address: string,
    port: number,
    key: NtpKey | null,
  ): Promise<ReferenceSocket> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause) => {
        socket.close();
        reject(cause);
      });
      socket.bind(port, address, resolve);
    });
    socket.removeAllListeners('error');
    return new ReferenceSocket(controls, key, socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(resolve));
  }

  #answer(bytes: Uint8Array, from: RemoteInfo): void {
    const received = this.#controls.at(readMono());
    const decoded = decodeNtp(bytes);
    // Silence is the answer to anything that is no client's question.
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
    const { kiss, leap } = this.#controls;
    const header = encodeNtp({
      leap,
      version: decoded.packet.version,
      mode: MODE_SERVER,
      stratum: kiss === null ? 1 : 0,
      poll: decoded.packet.poll,
      precision: PRECISION,
      rootDelay: 0,
      rootDispersion: ROOT_DISPERSION,
      refid: kiss === null ? REFID : refidFromText(kiss),
      reference: ntpFromPosixNs(received),
      origin: decoded.packet.transmit,
      receive: ntpFromPosixNs(received),
      transmit: ntpFromPosixNs(this.#controls.at(readMono())),
    });
    this.#controls.countAnswer();
    this.#socket.send(keyed ? appendMac(header, makeMac(key, header)) : header, from.port, from.address);
  }
}

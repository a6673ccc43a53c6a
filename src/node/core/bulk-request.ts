/**
 * One request at a time to one peer after another, on the bulk lane: repeated with the next peer when no answer, or a
 * useless one, came; and no faster than its rate, so that what serves clients is not pushed aside.
 */

import type { DurNs, MonoNs, Timers } from '../../time/types.js';
import { durNs, NS_PER_S } from '../../time/types.js';
import { encodeSnapshotMessage, type SnapshotMessage } from './snapshot-messages.js';

/** An answer that has not come by then will not. */
const PATIENCE = 3n * NS_PER_S;
/** After every peer was asked in vain. */
const REST = durNs(NS_PER_S);
/** Bytes a second that a node pulls. */
export const PULL_RATE = 32 << 20;

export interface BulkPeers {
  /** Who may be asked, without this node. */
  readonly peers: () => readonly string[];
  readonly send: (to: string, message: Uint8Array) => void;
  readonly mono: () => MonoNs;
  readonly timers: Timers;
  /** Bytes a second; `PULL_RATE` unless a test wants another. */
  readonly rate: number;
}

export class BulkRequest {
  readonly #net: BulkPeers;
  readonly #next: () => SnapshotMessage | null;
  #asked = 0;
  #failures = 0;
  #peer: string | null = null;
  #deadline = 0n;
  /** Not before: the rate. */
  #notBefore = 0n;
  #cancelTimer: (() => void) | null = null;
  #stopped = false;

  /** @param next what to ask for now; null for nothing */
  constructor(net: BulkPeers, next: () => SnapshotMessage | null) {
    this.#net = net;
    this.#next = next;
  }

  /** Whom an answer is expected from, or null. */
  get peer(): string | null {
    return this.#peer;
  }

  /** Asks, if nothing is under way. */
  go(): void {
    if (this.#stopped || this.#peer !== null || this.#cancelTimer !== null) return;
    const wait = this.#notBefore - this.#net.mono();
    if (wait > 0n) this.#later(durNs(wait));
    else this.#ask();
  }

  /** The answer was of use: `bytes` of the rate are spent. */
  answered(bytes: number): void {
    this.#peer = null;
    this.#failures = 0;
    const now = this.#net.mono();
    const from = this.#notBefore > now ? this.#notBefore : now;
    this.#notBefore = from + (BigInt(bytes) * NS_PER_S) / BigInt(this.#net.rate);
    this.go();
  }

  /** It was not: another peer is asked. */
  useless(): void {
    this.#peer = null;
    this.#asked += 1;
    this.#failures += 1;
    if (this.#failures % Math.max(1, this.#net.peers().length) === 0) this.#later(REST);
    else this.go();
  }

  tick(): void {
    if (this.#peer === null) this.go();
    else if (this.#net.mono() >= this.#deadline) this.useless();
  }

  stop(): void {
    this.#stopped = true;
    this.#peer = null;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #later(wait: DurNs): void {
    this.#cancelTimer ??= this.#net.timers.after(wait, () => {
      this.#cancelTimer = null;
      this.go();
    });
  }

  #ask(): void {
    const peers = this.#net.peers();
    const to = peers[this.#asked % Math.max(1, peers.length)];
    const request = to === undefined ? null : this.#next();
    if (to === undefined || request === null) return;
    this.#peer = to;
    this.#deadline = this.#net.mono() + PATIENCE;
    this.#net.send(to, encodeSnapshotMessage(request));
  }
}

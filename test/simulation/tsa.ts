/**
 * A simulated TSA: asks whatever node it reaches for audits, answers probes with its own clock (whose true error the
 * world knows), signs its readings, keeps every receipt, and goes to the next node when one falls silent.
 */
import type { SessionPeer } from '../../src/rpc/doors.js';
import { taiNs } from '../../src/time/types.js';
import { encode } from '../../src/verify/cbor.js';
import type { OutcomeMessage, SessionRequest, SessionResponse } from '../../src/wire/messages.js';
import { WORLD_START_TAI } from './oscillator.js';
import type { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';

export interface Dialler {
  /** Opens a session on a node; null while that node cannot be reached. */
  dial(node: number, send: (message: SessionResponse) => boolean, ended: () => void): SessionPeer | null;
  readonly nodes: number;
}

export interface TsaOptions {
  readonly name: string;
  readonly cluster: string;
  /** Device clock − UTC(NICT): the truth that no certificate may contradict. */
  readonly offset: bigint;
  /** Claims another clock than it has in a share of its answers: a TSA that lies. */
  readonly lies: number;
  readonly interval: bigint;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export interface TsaListener {
  readonly outcome: (
    tsa: SimulatedTsa,
    outcome: OutcomeMessage,
    truth: { low: bigint; high: bigint },
  ) => void;
}

/** No answer for so long: try the next node. */
const PATIENCE = 1_500_000_000n;

export class SimulatedTsa {
  readonly options: TsaOptions;
  device: string | null = null;
  certificates = 0;
  readonly receipts: Uint8Array[] = [];
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #dialler: Dialler;
  readonly #listener: TsaListener;
  readonly #session: Uint8Array;
  #connection: { peer: SessionPeer | null; open: boolean } | null = null;
  #node: number;
  #request = 0;
  #waitingSince: bigint | null = null;
  #nextAudit = 0n;
  #readings: (readonly [Uint8Array, bigint, bigint])[] = [];
  /** What the clock was said to be during the audit under way, as offsets from the truth. */
  #said: { low: bigint; high: bigint } | null = null;

  constructor(
    scheduler: Scheduler,
    prng: Prng,
    dialler: Dialler,
    listener: TsaListener,
    options: TsaOptions,
  ) {
    this.#scheduler = scheduler;
    this.#prng = prng;
    this.#dialler = dialler;
    this.#listener = listener;
    this.options = options;
    this.#session = prng.bytes(16);
    this.#node = prng.between(0, dialler.nodes - 1);
  }

  start(): void {
    const tick = (): void => {
      this.#tick();
      this.#scheduler.after(50_000_000n, tick);
    };
    this.#scheduler.after(BigInt(this.#prng.between(0, 300)) * 1_000_000n, tick);
  }

  #tick(): void {
    const now = this.#scheduler.now;
    if (this.#waitingSince !== null && now - this.#waitingSince > PATIENCE) this.#elsewhere();
    if (this.#connection === null) {
      this.#connect();
    } else if (this.device !== null && this.#waitingSince === null && now >= this.#nextAudit) {
      this.#request += 1;
      this.#readings = [];
      this.#said = null;
      this.#waitingSince = now;
      this.#nextAudit = now + this.options.interval;
      this.#send({ kind: 'auditRequest', request: this.#request });
    }
  }

  #elsewhere(): void {
    this.#connection?.peer?.closed();
    if (this.#connection !== null) this.#connection.open = false;
    this.#connection = null;
    this.#waitingSince = null;
    this.device = null;
    this.#node = (this.#node + 1) % this.#dialler.nodes;
  }

  #connect(): void {
    const connection: { peer: SessionPeer | null; open: boolean } = { peer: null, open: true };
    connection.peer = this.#dialler.dial(
      this.#node,
      (message) => {
        this.#scheduler.after(this.#latency(), () => {
          if (connection.open) this.#receive(message);
        });
        return true;
      },
      () => {
        if (!connection.open) return;
        connection.open = false;
        if (this.#connection === connection) this.#elsewhere();
      },
    );
    if (connection.peer === null) {
      this.#node = (this.#node + 1) % this.#dialler.nodes;
      return;
    }
    this.#connection = connection;
    this.#waitingSince = this.#scheduler.now;
    this.#send({ kind: 'hello', session: this.#session, software: 'simulated TSA' });
  }

  #send(message: SessionRequest): void {
    const connection = this.#connection;
    this.#scheduler.after(this.#latency(), () => {
      if (connection?.open === true) connection.peer?.receive(message);
    });
  }

  #receive(message: SessionResponse): void {
    switch (message.kind) {
      case 'welcome':
        this.device = message.device;
        this.#waitingSince = null;
        break;
      case 'probe':
        this.#answer(message.nonce);
        break;
      case 'readingsRequest':
        this.#signReadings(message.request);
        break;
      case 'outcome':
        this.#outcome(message);
        break;
      case 'stopOrder':
      case 'stopRelease':
      case 'time':
        break;
      case 'goingAway':
        this.#elsewhere();
        break;
    }
  }

  #answer(nonce: Uint8Array): void {
    const lie = this.#prng.chance(this.options.lies)
      ? BigInt(this.#prng.between(-900, 900)) * 1_000_000n
      : 0n;
    const offset = this.options.offset + lie;
    // A certificate speaks of the clock that the device showed, lie or not.
    this.#said = {
      low: this.#said === null || offset < this.#said.low ? offset : this.#said.low,
      high: this.#said === null || offset > this.#said.high ? offset : this.#said.high,
    };
    const received = taiNs(WORLD_START_TAI + this.#scheduler.now + offset);
    this.#scheduler.after(BigInt(this.#prng.between(1, 200)) * 1_000n, () => {
      const transmitted = taiNs(WORLD_START_TAI + this.#scheduler.now + offset);
      this.#readings.push([nonce, received, transmitted]);
      this.#send({ kind: 'probeReply', nonce, received, transmitted, timescale: 'tai' });
    });
  }

  #signReadings(request: number): void {
    if (this.device === null) return;
    const statement = encode({
      v: 1,
      cluster: this.options.cluster,
      device: this.device,
      session: this.#session,
      request,
      timescale: 'tai',
      readings: this.#readings,
    });
    this.#send({ kind: 'signedReadings', request, statement, signature: this.options.sign(statement) });
  }

  #outcome(message: OutcomeMessage): void {
    if (message.request === this.#request) this.#waitingSince = null;
    if (message.receipt.length > 0) {
      this.certificates += 1;
      this.receipts.push(message.receipt);
    }
    if (this.#said !== null && message.request === this.#request)
      this.#listener.outcome(this, message, this.#said);
  }

  #latency(): bigint {
    return BigInt(this.#prng.between(100, 8_000)) * 1_000n;
  }
}

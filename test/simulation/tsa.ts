/**
 * A simulated TSA: asks whatever node it reaches for audits, answers probes with its own clock (whose true error the
 * world knows), signs its readings, keeps every receipt, and goes to the next node when one falls silent. What it had
 * asked there it asks again here, under the same number: a request has one outcome, wherever it is asked.
 */
import type { SessionPeer } from '../../src/rpc/doors.js';
import { taiNs } from '../../src/time/types.js';
import { encode } from '../../src/verify/cbor.js';
import type { OutcomeMessage, SessionRequest, SessionResponse } from '../../src/wire/messages.js';
import { readingsBehind } from './evidence.js';
import { hexOf } from './hex.js';
import type { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';
import { MS, US, WORLD_START_TAI } from './units.js';

export interface Dialler {
  /** Opens a session on a node; null while that node cannot be reached. */
  dial(node: number, send: (message: SessionResponse) => boolean, ended: () => void): SessionPeer | null;
  readonly nodes: number;
  /** UTC(NICT) as it is served now, on the TAI scale. */
  readonly reference: () => bigint;
  /** How far that node's clock may be off unnoticed. */
  readonly allowance: (node: number) => bigint;
}

export interface TsaOptions {
  readonly name: string;
  readonly cluster: string;
  /** Claims another clock than it has in a share of its answers: a TSA that lies. */
  readonly lies: number;
  /** Between audits, ns. */
  readonly interval: number;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** Offsets that the device showed in the answers of one audit. */
export interface Said {
  readonly low: bigint;
  readonly high: bigint;
  readonly allowance: bigint;
}

export interface TsaListener {
  /** `said` belongs to the measurement that a receipt certifies; null without one, or if this TSA never signed it. */
  readonly outcome: (outcome: OutcomeMessage, said: Said | null) => void;
}

/** No answer for so long: try the next node. */
export const PATIENCE = 900 * MS;
/** Pause after an audit that decided nothing. */
export const RETRY = 150 * MS;

interface Connection {
  readonly node: number;
  peer: SessionPeer | null;
  open: boolean;
}

export class SimulatedTsa {
  readonly options: TsaOptions;
  /** Device clock − the world's TAI: what no certificate may contradict. */
  offset: bigint;
  device: string | null = null;
  certificates = 0;
  #stopped = false;
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #dialler: Dialler;
  readonly #listener: TsaListener;
  readonly #session: Uint8Array;
  #connection: Connection | null = null;
  #node: number;
  #request = 0;
  /** The request has no outcome yet: it is asked again under its number. */
  #open = false;
  #waitingSince: number | null = null;
  #nextAudit = 0;
  #readings: (readonly [Uint8Array, bigint, bigint])[] = [];
  #said: Said | null = null;
  /** By what it signed: several nodes may have measured for one request, and its clock may have been set in between. */
  readonly #saidIn = new Map<string, Said>();

  constructor(
    scheduler: Scheduler,
    prng: Prng,
    dialler: Dialler,
    listener: TsaListener,
    options: TsaOptions,
    offset: bigint,
  ) {
    this.#scheduler = scheduler;
    this.#prng = prng;
    this.#dialler = dialler;
    this.#listener = listener;
    this.options = options;
    this.offset = offset;
    this.#session = prng.bytes(16);
    this.#node = prng.between(0, dialler.nodes - 1);
  }

  start(): void {
    const tick = (): void => {
      if (this.#stopped) return;
      this.#tick();
      this.#scheduler.after(50 * MS, tick);
    };
    this.#scheduler.after(this.#prng.between(0, 300) * MS, tick);
  }

  /** Asks for nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#connection?.peer?.closed();
  }

  #tick(): void {
    const { now } = this.#scheduler;
    if (this.#waitingSince !== null && now - this.#waitingSince > PATIENCE) this.#elsewhere();
    if (this.#connection === null) this.#connect();
    else if (this.device !== null && this.#waitingSince === null && now >= this.#nextAudit) this.#ask(now);
  }

  #ask(now: number): void {
    if (!this.#open) this.#request += 1;
    this.#open = true;
    this.#readings = [];
    this.#said = null;
    this.#waitingSince = now;
    this.#nextAudit = now + this.options.interval;
    this.#send({ kind: 'auditRequest', request: this.#request });
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
    const connection: Connection = { node: this.#node, peer: null, open: true };
    connection.peer = this.#dialler.dial(
      this.#node,
      (message) => {
        this.#scheduler.after(this.#latency(), () => {
          if (connection.open && !this.#stopped) this.#receive(message);
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
        // What was asked elsewhere is asked here at once, as the SDK does: an interval counts between audits.
        if (this.#open) this.#nextAudit = this.#scheduler.now;
        break;
      case 'probe':
        if (message.request === this.#request) this.#answer(message.nonce);
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

  #clock(lie: bigint): bigint {
    return WORLD_START_TAI + BigInt(Math.floor(this.#scheduler.now)) + this.offset + lie;
  }

  #answer(nonce: Uint8Array): void {
    const lie = this.#prng.chance(this.options.lies)
      ? BigInt(this.#prng.between(-900, 900)) * 1_000_000n
      : 0n;
    const received = this.#clock(lie);
    // A certificate speaks of the clock that the device showed, lie or not.
    this.#show(received - this.#dialler.reference());
    this.#scheduler.after(this.#prng.between(1, 200) * US, () => {
      const transmitted = this.#clock(lie);
      this.#readings.push([nonce, received, transmitted]);
      this.#send({
        kind: 'probeReply',
        nonce,
        received: taiNs(received),
        transmitted: taiNs(transmitted),
        timescale: 'tai',
      });
    });
  }

  #show(offset: bigint): void {
    const said = this.#said;
    const allowance = this.#connection === null ? 0n : this.#dialler.allowance(this.#connection.node);
    this.#said = {
      low: said === null || offset < said.low ? offset : said.low,
      high: said === null || offset > said.high ? offset : said.high,
      allowance: said === null || allowance > said.allowance ? allowance : said.allowance,
    };
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
    if (this.#said !== null) this.#saidIn.set(hexOf(statement), this.#said);
    this.#send({ kind: 'signedReadings', request, statement, signature: this.options.sign(statement) });
  }

  #outcome(message: OutcomeMessage): void {
    const current = message.request === this.#request;
    if (current) {
      this.#waitingSince = null;
      // The node that measured may be gone: half of the time asked again under its number, else measured anew, soon.
      const pending = message.sequence === 0 && message.reason === 'AUDIT_PENDING';
      this.#open = pending && this.#prng.chance(0.5);
      const decided = message.sequence > 0 && !message.voided && message.verdict !== 'inconclusive';
      if (!decided) this.#nextAudit = this.#scheduler.now + RETRY;
    }
    if (message.receipt.length > 0) this.certificates += 1;
    this.#listener.outcome(message, this.#saidFor(message.receipt));
  }

  #saidFor(receipt: Uint8Array): Said | null {
    const readings = receipt.length === 0 ? null : readingsBehind(receipt);
    return readings === null ? null : (this.#saidIn.get(hexOf(readings)) ?? null);
  }

  #latency(): number {
    return this.#prng.between(100, 8_000) * US;
  }
}

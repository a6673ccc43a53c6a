/**
 * The node's side of one client session: time distribution, measurement of the client's clock, delivery of outcomes
 * and stop orders. A pure reaction to messages, timers and what the state machine reports.
 *
 * T1 is read right before a probe is handed to the stream and T4 first thing when the answer arrives: whatever the
 * stream, the scheduler or the collector do in between makes the interval wider, never wrong.
 */

import type { AuthorityEvent } from '../../authority/api.js';
import type { Audit, AuditSample, Device, MeasurementFacts } from '../../authority/model.js';
import type { ClockReading, DurNs, MonoNs, Timers } from '../../time/types.js';
import { durNs, NS_PER_MS, NS_PER_S } from '../../time/types.js';
import { equalBytes } from '../../verify/bytes.js';
import type { SignatureAlgorithm, SignatureVerifier } from '../../verify/crypto.js';
import type { OutcomeMessage, Refusal, SessionRequest, SessionResponse } from '../../wire/messages.js';
import type { CommandResult } from './proposals.js';
import { statesReadings } from './readings.js';
import type { Reading } from './readings.js';

/** Exchanges per audit; the one with the shortest round trip counts. */
export const PROBES_PER_AUDIT = 4;
/** A client that does not answer a probe or sign its readings within this is not measured. */
const ANSWER_DEADLINE = durNs(2n * NS_PER_S);
/** A client that asks faster than this is slowed down: it shares the node with others. */
const AUDIT_SPACING = durNs(20n * NS_PER_MS);

/** What a session needs of its node. */
export interface SessionContext {
  readonly cluster: string;
  readonly node: string;
  readonly site: string;
  readonly run: Uint8Array;
  readonly mono: () => MonoNs;
  readonly timers: Timers;
  readonly random: (length: number) => Uint8Array;
  readonly clockReading: () => ClockReading;
  readonly verifier: SignatureVerifier;
  /** Why this node may not measure now, or null. */
  readonly mayMeasure: (reading: ClockReading) => Refusal | null;
  readonly certified: () => boolean;
  /** Certificate and receipt were handed over, so long after the first probe. */
  readonly delivered: (duration: DurNs) => void;
  readonly device: (id: string) => Device | undefined;
  readonly auditOfRequest: (device: string, session: Uint8Array, request: number) => Audit | undefined;
  readonly policyMessage: (device: Device) => Extract<SessionResponse, { kind: 'welcome' }>['policy'];
  readonly openSession: (
    device: Device,
    session: Uint8Array,
    software: string,
    done: (result: CommandResult) => void,
  ) => void;
  /** A measurement is complete: what confirms it may begin. */
  readonly measured: () => void;
  readonly measure: (facts: MeasurementFacts, done: (result: CommandResult) => void) => void;
  readonly acknowledgeStop: (
    device: Device,
    order: number,
    statement: Uint8Array,
    signature: Uint8Array,
    done: (result: CommandResult) => void,
  ) => void;
  /** The verdict that apply will reach on these facts, so that a failure is told before it is recorded. */
  readonly foresee: (facts: MeasurementFacts) => OutcomeMessage | null;
  /** Answers with the outcome of an audit, waiting until it is final and, for a pass, published. */
  readonly outcome: (audit: Audit, request: number, done: (outcome: OutcomeMessage) => void) => void;
}

/** The key that the client proved to hold in the handshake. */
export interface SessionKey {
  readonly spki: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
}

interface Exchange {
  readonly nonce: Uint8Array;
  readonly sent: ClockReading;
}

interface Measuring {
  readonly request: number;
  readonly epoch: number;
  readonly taiMinusUtc: number;
  readonly samples: AuditSample[];
  readonly readings: Reading[];
  timescale: 'tai' | 'utc';
  low: bigint;
  high: bigint;
  last: ClockReading;
  exchange: Exchange | null;
  cancelDeadline: () => void;
}

export class AuditSession {
  readonly #context: SessionContext;
  readonly #key: SessionKey;
  readonly #deviceId: string;
  readonly #send: (message: SessionResponse) => boolean;
  readonly #end: (reason: Refusal | null) => void;
  #session: Uint8Array | null = null;
  #opened = false;
  #live = false;
  #closed = false;
  #measuring: Measuring | null = null;
  #lastAudit: MonoNs | null = null;
  #lastRequest = 0;

  constructor(
    context: SessionContext,
    device: Device,
    key: SessionKey,
    send: (message: SessionResponse) => boolean,
    end: (reason: Refusal | null) => void,
  ) {
    this.#context = context;
    this.#deviceId = device.id;
    this.#key = key;
    this.#send = send;
    this.#end = end;
  }

  get device(): string {
    return this.#deviceId;
  }

  /** The client's session id from its committed opening on; null before. */
  get openedAs(): Uint8Array | null {
    return this.#opened ? this.#session : null;
  }

  get live(): boolean {
    return this.#live;
  }

  receive(message: SessionRequest): void {
    if (this.#closed) return;
    // T4 before anything else: the answer to a probe is a measurement.
    const reading =
      message.kind === 'probeReply' || message.kind === 'timeQuery' ? this.#context.clockReading() : null;
    if (message.kind === 'hello') {
      this.#hello(message.session, message.software);
      return;
    }
    if (!this.#live) {
      this.#fail(
        refusal(
          'MALFORMED_MESSAGE',
          'the first message of a session must be Hello, and Welcome must have come',
        ),
      );
      return;
    }
    switch (message.kind) {
      case 'timeQuery':
        this.#answerTime(message.nonce, reading as ClockReading);
        break;
      case 'auditRequest':
        this.#auditRequested(message.request);
        break;
      case 'probeReply':
        this.#probeAnswered(message, reading as ClockReading);
        break;
      case 'signedReadings':
        this.#readingsSigned(message.request, message.statement, message.signature);
        break;
      case 'stopAcknowledgement':
        this.#stopAcknowledged(message.order, message.statement, message.signature);
        break;
      case 'fetchOutcome':
        this.#outcomeAsked(message.request);
        break;
    }
  }

  closed(): void {
    this.#closed = true;
    this.#live = false;
    this.#measuring?.cancelDeadline();
    this.#measuring = null;
  }

  /** The state machine changed something: stop orders and releases concern a live session at once. */
  applied(event: AuthorityEvent): void {
    if (!this.#live || this.#closed) return;
    if (event.kind === 'stopOrdered' && event.device.id === this.#deviceId && event.device.stop !== null) {
      this.#write({ kind: 'stopOrder', order: event.device.stop.leaf, reason: event.device.stop.reason });
    } else if (event.kind === 'stopReleased' && event.device.id === this.#deviceId) {
      this.#write({ kind: 'stopRelease', order: event.order });
    } else if (event.kind === 'deviceChanged' && event.device.id === this.#deviceId) {
      if (!holdsKey(event.device, this.#key.spki))
        this.#fail(refusal('CREDENTIAL_SUSPENDED', 'the key was suspended'));
    }
  }

  goAway(reason: Refusal): void {
    if (this.#closed) return;
    this.#write({ kind: 'goingAway', reason: reason.reason });
    this.#fail(reason);
  }

  #hello(session: Uint8Array, software: string): void {
    if (this.#session !== null || session.length !== 16) {
      this.#fail(refusal('MALFORMED_MESSAGE', 'Hello comes once, with a session of 16 bytes'));
      return;
    }
    this.#session = session;
    const device = this.#context.device(this.#deviceId);
    if (device === undefined) return;
    this.#context.openSession(device, session, software.slice(0, 64), (result) =>
      this.#openingDecided(result),
    );
  }

  /** What Welcome says of stops is true at the entry that opened the session: the client may rely on it. */
  #openingDecided(result: CommandResult): void {
    if (this.#closed) return;
    const device = this.#context.device(this.#deviceId);
    if (result.status !== 'accepted' || device === undefined) {
      const detail =
        result.status === 'refused' ? result.detail : 'the opening of the session could not be committed';
      this.#fail(refusal(result.status === 'refused' ? 'COMMAND_REFUSED' : 'NO_QUORUM', detail));
      return;
    }
    this.#opened = true;
    this.#live = true;
    this.#write({
      kind: 'welcome',
      device: device.id,
      node: this.#context.node,
      site: this.#context.site,
      policy: this.#context.policyMessage(device),
      stop: device.stop === null ? null : { order: device.stop.leaf, reason: device.stop.reason },
      lastSequence: device.lastSequence,
    });
  }

  #answerTime(nonce: Uint8Array, received: ClockReading): void {
    const transmitted = this.#context.clockReading();
    this.#write({
      kind: 'time',
      nonce,
      received: instantOf(received),
      transmitted: instantOf(transmitted),
      clockState: transmitted.state,
      leap: transmitted.leap,
      uncertified: !this.#context.certified(),
    });
  }

  #auditRequested(request: number): void {
    const session = this.#session;
    if (session === null || this.#measuring !== null) return;
    const known = this.#context.auditOfRequest(this.#deviceId, session, request);
    if (known !== undefined) {
      this.#outcomeOf(known, request);
      return;
    }
    const reading = this.#context.clockReading();
    const mono = this.#context.mono();
    if (this.#lastAudit !== null && mono - this.#lastAudit < AUDIT_SPACING) {
      this.#write(withoutVerdict(request, 'RATE_LIMITED'));
      return;
    }
    const reason = this.#context.mayMeasure(reading);
    if (reason !== null) {
      this.#write(withoutVerdict(request, reason.reason));
      return;
    }
    this.#lastAudit = mono;
    this.#lastRequest = request;
    this.#measuring = {
      request,
      epoch: reading.epoch,
      taiMinusUtc: reading.taiMinusUtc,
      samples: [],
      readings: [],
      timescale: 'tai',
      low: reading.best - reading.latest,
      high: reading.best - reading.earliest,
      last: reading,
      exchange: null,
      cancelDeadline: () => undefined,
    };
    this.#probe(this.#measuring);
  }

  #probe(measuring: Measuring): void {
    const nonce = this.#context.random(16);
    this.#armDeadline(measuring, 'PROBE_TIMEOUT');
    const sent = this.#context.clockReading();
    measuring.exchange = { nonce, sent };
    widen(measuring, sent);
    this.#write({ kind: 'probe', request: measuring.request, nonce });
  }

  #probeAnswered(message: Extract<SessionRequest, { kind: 'probeReply' }>, arrived: ClockReading): void {
    const measuring = this.#measuring;
    if (measuring?.exchange == null || !equalBytes(message.nonce, measuring.exchange.nonce)) return;
    const { sent, nonce } = measuring.exchange;
    measuring.exchange = null;
    widen(measuring, arrived);
    measuring.last = arrived;
    if (arrived.epoch !== measuring.epoch) {
      this.#abandon(measuring, 'CLOCK_DISRUPTED');
      return;
    }
    // One measurement states one TAI − UTC: a reading from before the leap second cannot be told beside one from after it.
    if (arrived.taiMinusUtc !== measuring.taiMinusUtc) {
      this.#abandon(measuring, 'NEAR_LEAP_SECOND');
      return;
    }
    measuring.samples.push({
      t1: sent.best,
      t2: message.received,
      t3: message.transmitted,
      t4: arrived.best,
    });
    measuring.readings.push({ nonce, received: message.received, transmitted: message.transmitted });
    if (message.timescale === 'utc') measuring.timescale = 'utc';
    if (measuring.samples.length < PROBES_PER_AUDIT) {
      this.#probe(measuring);
      return;
    }
    this.#armDeadline(measuring, 'PROBE_TIMEOUT');
    this.#write({ kind: 'readingsRequest', request: measuring.request });
  }

  #readingsSigned(request: number, statement: Uint8Array, signature: Uint8Array): void {
    const measuring = this.#measuring;
    const session = this.#session;
    if (
      measuring === null ||
      session === null ||
      measuring.request !== request ||
      measuring.exchange !== null
    )
      return;
    if (measuring.samples.length < PROBES_PER_AUDIT) return;
    measuring.cancelDeadline();
    this.#measuring = null;
    const signed = this.#context.verifier.verify(this.#key.algorithm, this.#key.spki, statement, signature);
    if (
      !signed ||
      !statesReadings(statement, {
        cluster: this.#context.cluster,
        device: this.#deviceId,
        session,
        request: measuring.request,
        timescale: measuring.timescale,
        readings: measuring.readings,
      })
    ) {
      this.#write(withoutVerdict(request, 'READINGS_NOT_SIGNED'));
      return;
    }
    this.#commit(this.#factsOf(measuring, session, statement, signature));
  }

  #commit(facts: MeasurementFacts): void {
    const request = facts.request;
    // What will confirm it is under way while it is committed.
    this.#context.measured();
    // What restricts acts first: a failure is told at once, and recorded after.
    const foreseen = this.#context.foresee(facts);
    if (foreseen !== null) this.#write(foreseen);
    this.#context.measure(facts, (result) => {
      if (this.#closed || foreseen !== null) return;
      const audit = this.#context.auditOfRequest(this.#deviceId, facts.session, request);
      if (audit !== undefined) this.#outcomeOf(audit, request);
      else if (result.status === 'refused') this.#write(withoutVerdict(request, 'COMMAND_REFUSED'));
      else this.#write(withoutVerdict(request, 'OUTCOME_UNKNOWN'));
    });
  }

  #factsOf(
    measuring: Measuring,
    session: Uint8Array,
    statement: Uint8Array,
    signature: Uint8Array,
  ): MeasurementFacts {
    const reading = measuring.last;
    return {
      device: this.#deviceId,
      session,
      request: measuring.request,
      samples: measuring.samples,
      timescale: measuring.timescale,
      taaLow: durNs(measuring.low),
      taaHigh: durNs(measuring.high),
      clockState: reading.state,
      clockEpoch: reading.epoch,
      clockSamples: reading.samples,
      rhoPpb: reading.rhoPpb,
      taiMinusUtc: reading.taiMinusUtc,
      leap: reading.leap,
      unmonitored: reading.unmonitored,
      peers: reading.peers,
      peerRounds: reading.peerRounds,
      run: this.#context.run,
      clientStatement: statement,
      clientSignature: signature,
    };
  }

  #outcomeAsked(request: number): void {
    if (this.#session === null) return;
    const known = this.#context.auditOfRequest(this.#deviceId, this.#session, request);
    if (known === undefined) this.#write(withoutVerdict(request, 'NOT_FOUND'));
    else this.#outcomeOf(known, request);
  }

  #outcomeOf(audit: Audit, request: number): void {
    this.#context.outcome(audit, request, (outcome) => {
      if (this.#closed) return;
      this.#write(outcome);
      if (outcome.receipt.length > 0 && request === this.#lastRequest && this.#lastAudit !== null) {
        this.#context.delivered(durNs(this.#context.mono() - this.#lastAudit));
      }
    });
  }

  #stopAcknowledged(order: number, statement: Uint8Array, signature: Uint8Array): void {
    const device = this.#context.device(this.#deviceId);
    if (device?.stop?.leaf !== order) return;
    if (!this.#context.verifier.verify(this.#key.algorithm, this.#key.spki, statement, signature)) {
      this.#fail(refusal('MALFORMED_MESSAGE', 'the acknowledgement is not signed by the session key'));
      return;
    }
    this.#context.acknowledgeStop(device, order, statement, signature, () => undefined);
  }

  #armDeadline(measuring: Measuring, reason: 'PROBE_TIMEOUT'): void {
    measuring.cancelDeadline();
    measuring.cancelDeadline = this.#context.timers.after(ANSWER_DEADLINE, () => {
      if (this.#measuring === measuring) this.#abandon(measuring, reason);
    });
  }

  #abandon(measuring: Measuring, reason: string): void {
    measuring.cancelDeadline();
    this.#measuring = null;
    this.#write(withoutVerdict(measuring.request, reason));
  }

  #write(message: SessionResponse): void {
    if (!this.#closed && !this.#send(message)) {
      this.#fail(refusal('SLOW_CONSUMER', 'the client does not read what it is sent'));
    }
  }

  #fail(reason: Refusal): void {
    if (this.#closed) return;
    this.closed();
    this.#end(reason);
  }
}

function widen(measuring: Measuring, reading: ClockReading): void {
  const low = reading.best - reading.latest;
  const high = reading.best - reading.earliest;
  if (low < measuring.low) measuring.low = low;
  if (high > measuring.high) measuring.high = high;
}

const refusal = (reason: string, detail: string): Refusal => ({ reason, detail });

/** An answer to a request that got no sequence number: measure again. */
export function withoutVerdict(request: number, reason: string): OutcomeMessage {
  return {
    kind: 'outcome',
    request,
    sequence: 0,
    verdict: 'inconclusive',
    reason,
    low: durNs(0n),
    high: durNs(0n),
    receipt: new Uint8Array(0),
    lease: durNs(0n),
    voided: false,
  };
}

export function holdsKey(device: Device, spki: Uint8Array): boolean {
  return device.credentials.some((credential) => !credential.suspended && equalBytes(credential.spki, spki));
}

function instantOf(reading: ClockReading) {
  const { earliest, best, latest, taiMinusUtc } = reading;
  return { earliest, best, latest, taiMinusUtc };
}

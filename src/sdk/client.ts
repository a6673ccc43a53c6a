/**
 * The shell around the client's state machine: carries its effects out on connections and files, gives it ticks and
 * messages, and tells the program what happened. It decides nothing.
 */

import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { nodeVerifier } from '../verify/crypto.js';
import type { OutcomeMessage } from '../wire/messages.js';
import { CertificateStore } from './certificate-store.js';
import { DisciplinedClock } from './core/disciplined-clock.js';
import type { ServedTime } from './core/disciplined-clock.js';
import type {
  ClientEffect,
  ClientEvent,
  ClientNotice,
  ClientPorts,
  Connection,
  OwnReading,
  VerifiedCertificate,
} from './core/events.js';
import type { InterlockStatus, Permission, Stop } from './core/interlock.js';
import { readReceipt, verifyClaim } from './core/receipts.js';
import { ClientSession } from './core/session.js';
import { SdkError, sdkErrorCode } from './errors.js';
import { monotonicNow, readLocalClocks } from './local-clocks.js';
import { NodeChannel } from './node-channel.js';
import type { SessionStream } from './node-channel.js';
import { checkOptions } from './options.js';
import type { CheckedOptions, ConnectOptions } from './options.js';
import { StopStore } from './stop-store.js';
import { NS_PER_MS, durNs } from '../time/types.js';

/** What became of one audit. */
export interface VerdictEvent {
  /** The node that told it. */
  readonly node: string;
  readonly outcome: OutcomeMessage;
}

/** The interlock and the connection after something about one of them changed. */
export interface ClientState {
  readonly interlock: InterlockStatus;
  readonly connection: Connection;
}

export interface TsaClientEvents {
  /** A pass was verified and its certificate is durable in the store. */
  certificate: [certificate: VerifiedCertificate];
  verdict: [verdict: VerdictEvent];
  /** A stop order that acts already, or null after its release. */
  stop: [stop: Stop | null];
  state: [state: ClientState];
  /** Something went wrong; the client goes on by itself. Never thrown when nobody listens. */
  error: [error: SdkError];
}

const TICK_MS = 50;
/** A node's distance is measured anew about this often. */
const SURVEY_MS = 30_000;
/** The first session does not wait longer for distances than this. */
const FIRST_SURVEY_MS = 400;

export class TsaClient {
  readonly #options: CheckedOptions;
  readonly #session: ClientSession;
  readonly #clock: DisciplinedClock;
  readonly #channels: ReadonlyMap<string, NodeChannel>;
  readonly #streams = new Map<number, SessionStream>();
  readonly #stops: StopStore;
  readonly #certificates: CertificateStore;
  readonly #events = new EventEmitter<TsaClientEvents>();
  readonly #timers: NodeJS.Timeout[] = [];
  #connection: Connection = { kind: 'disconnected' };
  #lastCertificate: VerifiedCertificate | null = null;
  #closed = false;
  /** Writes under way; `close` waits for them. */
  readonly #writing = new Set<Promise<void>>();

  /** Use `connect`. @throws SdkError for options that cannot work */
  constructor(given: ConnectOptions) {
    const options = checkOptions(given);
    this.#options = options;
    makeStore(options.store);
    this.#stops = new StopStore(options.store, options.cluster);
    this.#certificates = new CertificateStore(options.store);
    this.#clock = new DisciplinedClock(options.rateErrorPpb);
    this.#session = new ClientSession(
      {
        cluster: options.cluster,
        software: options.software,
        nodes: options.endpoints.map(({ node }) => node),
        auditEvery: options.auditEvery,
        cadence: durNs(BigInt(TICK_MS) * NS_PER_MS),
      },
      this.#ports(),
      this.#clock,
      this.#stops.read(),
    );
    const { cluster, credential } = options;
    this.#channels = new Map(
      options.endpoints.map(({ node, address }) => [
        node,
        new NodeChannel(address, node, cluster, credential),
      ]),
    );
    void this.#start();
  }

  /**
   * Distributed time: the true time lies in [earliest, latest], `best` never goes back. While no node has told the time,
   * the state is `unsynchronised` and there is no time. Never throws, never waits.
   */
  now(): ServedTime {
    return this.#clock.now(monotonicNow());
  }

  /**
   * Call right before each time-stamp is signed.
   * @returns the permission: it holds while `process.hrtime.bigint() < until`
   * @throws InterlockClosedError with code, reason and remedy; then nothing may be issued
   */
  assertMayIssue(): Permission {
    return this.#session.interlock.assertMayIssue(readLocalClocks());
  }

  /** The same without throwing, for status pages. */
  state(): ClientState {
    return { interlock: this.#session.interlock.status(readLocalClocks()), connection: this.#connection };
  }

  /** The newest certificate of this run, or the newest one in the store that verifies; null if there is none. */
  lastCertificate(): VerifiedCertificate | null {
    this.#lastCertificate ??= this.#newestStored();
    return this.#lastCertificate;
  }

  /**
   * Resolves when the interlock is open.
   * @param timeoutMs 0 waits for ever
   * @throws SdkError NOT_PERMITTED_IN_TIME, with what keeps it closed as detail; also when the client is closed
   */
  permitted(timeoutMs = 0): Promise<Permission> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        clearTimeout(timer);
        this.off('state', look);
        settle();
      };
      const giveUp = (): void => {
        const { interlock } = this.state();
        const why = interlock.open ? 'it opened just now' : `${interlock.code}: ${interlock.reason}`;
        finish(() => reject(new SdkError('NOT_PERMITTED_IN_TIME', why, { retryable: true })));
      };
      const look = (): void => {
        const { interlock } = this.state();
        if (interlock.open) finish(() => resolve(interlock.permission));
        else if (interlock.code === 'CLIENT_CLOSED') giveUp();
      };
      const timer = timeoutMs > 0 ? setTimeout(giveUp, timeoutMs) : undefined;
      this.on('state', look);
      look();
    });
  }

  on<K extends keyof TsaClientEvents>(event: K, listener: (...args: TsaClientEvents[K]) => void): this {
    this.#events.on(event, listener as never);
    return this;
  }

  off<K extends keyof TsaClientEvents>(event: K, listener: (...args: TsaClientEvents[K]) => void): this {
    this.#events.off(event, listener as never);
    return this;
  }

  /** Closes the interlock for good, ends the session and waits until everything received is durable. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#handle({ kind: 'close' });
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    for (const stream of this.#streams.values()) stream.hangUp();
    await Promise.all(this.#writing);
    for (const channel of this.#channels.values()) channel.close();
  }

  // ---- running -----------------------------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const survey = this.#survey();
    if (this.#channels.size > 1)
      await Promise.race([survey, delay(FIRST_SURVEY_MS, undefined, { ref: false })]);
    if (this.#closed) return;
    this.#handle({ kind: 'tick' });
    this.#timers.push(setInterval(() => this.#handle({ kind: 'tick' }), TICK_MS));
    this.#timers.push(setInterval(() => void this.#survey(), SURVEY_MS));
  }

  /** Asks every node twice: the first question may have to open the connection. */
  async #survey(): Promise<void> {
    await Promise.all(
      [...this.#channels].map(async ([node, channel]) => {
        channel.warm();
        await channel.distance(randomBytes(16));
        const roundTrip = await channel.distance(randomBytes(16));
        if (roundTrip !== null && !this.#closed) this.#handle({ kind: 'surveyed', node, roundTrip });
      }),
    );
  }

  #ports(): ClientPorts {
    const { clock, credential, trust } = this.#options;
    return {
      clocks: readLocalClocks,
      ownClock: () => (clock === null ? this.#servedReading() : readingOf(clock)),
      random: (length) => new Uint8Array(randomBytes(length)),
      sign: credential.sign,
      verify: (receipt, claim) => verifyClaim(receipt, claim, trust, nodeVerifier),
    };
  }

  #servedReading(): OwnReading | null {
    const served = this.now();
    return served.state === 'unsynchronised' ? null : { tai: served.best, timescale: 'tai' };
  }

  #handle(event: ClientEvent): void {
    const effects = this.#session.handle(event);
    // First what others wait for; the program's listeners may take their time.
    for (const effect of effects) if (effect.kind !== 'notify') this.#carryOut(effect);
    for (const effect of effects) if (effect.kind === 'notify') this.#tell(effect.notice);
  }

  #carryOut(effect: Exclude<ClientEffect, { readonly kind: 'notify' }>): void {
    switch (effect.kind) {
      case 'dial':
        this.#dial(effect.link, effect.node);
        break;
      case 'hangUp':
        this.#streams.get(effect.link)?.hangUp();
        this.#streams.delete(effect.link);
        break;
      case 'send':
        this.#streams.get(effect.link)?.send(effect.message);
        break;
      case 'storeStop':
        this.#storeStop(effect.stop);
        break;
      case 'clearStop':
        this.#write(this.#stops.clear(), undefined, (cause) => {
          this.#tellError(
            new SdkError('STORE_UNUSABLE', `${this.#stops.file} could not be removed`, { cause }),
          );
        });
        break;
      case 'storeCertificate':
        this.#storeCertificate(effect.certificate);
        break;
    }
  }

  #dial(link: number, node: string): void {
    const channel = this.#channels.get(node);
    if (channel === undefined) throw new Error(`there is no channel to ${node}`);
    const stream = channel.openSession({
      received: (message) => this.#handle({ kind: 'received', link, message }),
      lost: (failure) => {
        this.#streams.delete(link);
        this.#handle({ kind: 'linkLost', link, failure });
      },
    });
    this.#streams.set(link, stream);
  }

  // ---- the store ---------------------------------------------------------------------------------------------------

  #storeStop(stop: Stop): void {
    const { order } = stop;
    this.#write(
      this.#stops.store(stop),
      () => this.#handle({ kind: 'stopStored', order }),
      (cause) => this.#handle({ kind: 'stopNotStored', order, cause }),
    );
  }

  #storeCertificate(certificate: VerifiedCertificate): void {
    this.#write(
      this.#certificates.store(certificate),
      () => this.#handle({ kind: 'certificateStored', certificate }),
      (cause) => this.#handle({ kind: 'certificateNotStored', certificate, cause }),
    );
  }

  #write(task: Promise<unknown>, done: (() => void) | undefined, failed: (cause: unknown) => void): void {
    const writing = task.then(() => done?.(), failed).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
  }

  #newestStored(): VerifiedCertificate | null {
    for (const { file } of [...this.#certificates.list()].reverse()) {
      try {
        return readReceipt(this.#certificates.read(file), this.#options.trust, nodeVerifier);
      } catch (cause) {
        this.#tellError(new SdkError('VERIFICATION_FAILED', `${file} does not verify`, { cause }));
      }
    }
    return null;
  }

  // ---- telling -----------------------------------------------------------------------------------------------------

  #tell(notice: ClientNotice): void {
    switch (notice.kind) {
      case 'certificate':
        if (notice.certificate.sequence > (this.#lastCertificate?.sequence ?? 0)) {
          this.#lastCertificate = notice.certificate;
        }
        this.#emit('certificate', notice.certificate);
        break;
      case 'verdict':
        this.#emit('verdict', notice.verdict);
        break;
      case 'stop':
        this.#emit('stop', notice.stop);
        break;
      case 'connection':
        this.#connection = notice.connection;
        this.#emit('state', this.state());
        break;
      case 'interlock':
        this.#emit('state', { interlock: notice.status, connection: this.#connection });
        break;
      case 'time':
        break;
      case 'error': {
        const { code, detail, retryable, cause } = notice;
        this.#tellError(new SdkError(sdkErrorCode(code), detail, { retryable, cause }));
        break;
      }
    }
  }

  #tellError(error: SdkError): void {
    if (this.#events.listenerCount('error') > 0) this.#emit('error', error);
  }

  /** An error of a listener is the program's own: it is thrown where it cannot hurt the client. */
  #emit<K extends keyof TsaClientEvents>(event: K, ...args: TsaClientEvents[K]): void {
    try {
      this.#events.emit(event, ...(args as never));
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}

function readingOf(clock: NonNullable<CheckedOptions['clock']>): OwnReading | null {
  const tai = clock.now();
  return tai === null ? null : { tai, timescale: clock.timescale };
}

function makeStore(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new SdkError('STORE_UNUSABLE', `${directory} cannot be made`, { cause });
  }
}

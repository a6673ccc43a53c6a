/**
 * The client as one state machine: events in, effects out. It keeps a session with some node, learns the time, has the
 * TSA's clock audited, believes what it has verified, and tells the interlock.
 *
 * Invariants: T2 is read before anything else is done with a probe, T3 right before its answer is handed out. A stop
 * closes before it is stored, and is acknowledged only once it is stored. A pass opens only after its receipt was
 * verified and stored: no permission without evidence on disk.
 */

import type { DurNs, MonoNs } from '../../time/types.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs } from '../../time/types.js';
import { isErrorReason, reasonInfo } from '../../wire/reasons.js';
import type {
  AuditPolicyMessage,
  OutcomeMessage,
  SessionRequest,
  SessionResponse,
} from '../../wire/messages.js';
import { AuditCourse } from './audit-course.js';
import type { RequestedAudit } from './audit-course.js';
import type { DisciplinedClock } from './disciplined-clock.js';
import { Endpoints } from './endpoints.js';
import type {
  ClientEffect,
  ClientEvent,
  ClientNotice,
  ClientPorts,
  Connection,
  LinkFailure,
  OwnReading,
  VerifiedCertificate,
} from './events.js';
import { Interlock } from './interlock.js';
import type { InterlockStatus, StoredStop } from './interlock.js';
import { readingsStatement, stopStatement } from './statements.js';
import { StopKeeper } from './stop-keeper.js';
import { TimeQueries } from './time-queries.js';

export interface SessionSettings {
  readonly cluster: string;
  /** Name and version of the TSA's software, for the records; at most 64 characters. */
  readonly software: string;
  /** Node names, nearest first. */
  readonly nodes: readonly string[];
  /** Planned time between two audits; null: as the policy says. */
  readonly auditEvery: DurNs | null;
  /** How often `tick` comes. */
  readonly cadence: DurNs;
}

/** A node that does not say Welcome by then is left. Covers the handshakes and one commit. */
const WELCOME_PATIENCE: DurNs = durNs(3n * NS_PER_S);
/** A node that says for so long that it cannot certify, or has no time, is left for another. */
const UNFIT_PATIENCE: DurNs = durNs(NS_PER_S);
const ASK_AGAIN: DurNs = durNs(100n * NS_PER_MS);

interface Live {
  readonly kind: 'live';
  readonly id: number;
  readonly node: string;
  readonly device: string;
  readonly policy: AuditPolicyMessage;
  readonly queries: TimeQueries;
  /** Since when the node has no quorum or no time; null while it is fit. */
  unfitSince: MonoNs | null;
  /** When to ask again for an outcome that was unknown. */
  askAgainAt: MonoNs | null;
}

type Link =
  | { readonly kind: 'none' }
  | { readonly kind: 'opening'; readonly id: number; readonly node: string; readonly since: MonoNs }
  | Live;

type Received<K extends SessionResponse['kind']> = Extract<SessionResponse, { readonly kind: K }>;

export class ClientSession {
  readonly #settings: SessionSettings;
  readonly #ports: ClientPorts;
  readonly #interlock: Interlock;
  readonly #stops: StopKeeper;
  readonly #clock: DisciplinedClock;
  readonly #endpoints: Endpoints;
  readonly #audits: AuditCourse;
  readonly #run: Uint8Array;
  /** Verified passes whose certificate is being stored, by sequence number. */
  readonly #storing = new Map<number, { readonly audit: RequestedAudit; readonly lease: DurNs }>();
  #link: Link = { kind: 'none' };
  #links = 0;
  #closed = false;
  #shown: InterlockStatus;
  #effects: ClientEffect[] = [];

  constructor(settings: SessionSettings, ports: ClientPorts, clock: DisciplinedClock, stored: StoredStop) {
    const clocks = ports.clocks();
    this.#settings = settings;
    this.#ports = ports;
    this.#clock = clock;
    this.#interlock = new Interlock(stored, clocks);
    this.#stops = new StopKeeper(this.#interlock, stored, {
      store: (stop) => this.#effects.push({ kind: 'storeStop', stop }),
      clear: () => this.#effects.push({ kind: 'clearStop' }),
      acknowledge: (order) => this.#acknowledge(order),
      changed: (stop) => this.#notify({ kind: 'stop', stop }),
    });
    this.#endpoints = new Endpoints(settings.nodes, () => (ports.random(1)[0] ?? 0) / 256);
    this.#audits = new AuditCourse(settings.auditEvery, clocks.after);
    this.#run = ports.random(16);
    this.#shown = this.#interlock.status(clocks);
  }

  get interlock(): Interlock {
    return this.#interlock;
  }

  handle(event: ClientEvent): readonly ClientEffect[] {
    // T2 (and T4 of a time query) before anything else.
    const own = event.kind === 'received' && event.message.kind === 'probe' ? this.#ports.ownClock() : null;
    const clocks = this.#ports.clocks();
    if (event.kind === 'tick') this.#interlock.tick(clocks, this.#settings.cadence);
    else this.#interlock.observe(clocks);
    const now = clocks.after;
    this.#learnOfJump(now);
    if (!this.#closed) this.#dispatch(event, now, own);
    this.#showInterlock();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #dispatch(event: ClientEvent, now: MonoNs, own: OwnReading | null): void {
    switch (event.kind) {
      case 'tick':
        this.#ticked(now);
        break;
      case 'received':
        if (this.#link.kind !== 'none' && this.#link.id === event.link)
          this.#received(event.message, now, own);
        break;
      case 'linkLost':
        this.#linkLost(event.link, event.failure, now);
        break;
      case 'stopStored':
        this.#stops.stored(event.order);
        break;
      case 'stopNotStored':
        this.#stops.notStored(event.order, now);
        this.#error('STOP_NOT_STORED', `stop order ${event.order} could not be stored`, true, event.cause);
        break;
      case 'certificateStored':
        this.#certificateStored(event.certificate);
        break;
      case 'certificateNotStored':
        this.#storing.delete(event.certificate.sequence);
        this.#error('CERTIFICATE_NOT_STORED', 'the certificate could not be stored', true, event.cause);
        break;
      case 'surveyed':
        this.#endpoints.measured(event.node, event.roundTrip);
        break;
      case 'close':
        this.#interlock.finish();
        this.#hangUp();
        this.#closed = true;
        break;
    }
  }

  // ---- time passes -------------------------------------------------------------------------------------------------

  #ticked(now: MonoNs): void {
    this.#stops.tick(now);
    const link = this.#link;
    switch (link.kind) {
      case 'none':
        this.#dialIfDue(now);
        break;
      case 'opening':
        if (now - link.since > WELCOME_PATIENCE)
          this.#leave(now, 'DEADLINE_EXCEEDED', `${link.node} did not welcome`);
        break;
      case 'live':
        this.#keepSession(link, now);
        break;
    }
  }

  /** The interlock may have noticed it when the program asked whether it may issue. */
  #learnOfJump(now: MonoNs): void {
    const found = this.#interlock.takeJump();
    if (found === null) return;
    this.#error('CLOCK_JUMPED', found, true);
    this.#clock.forget();
    if (this.#link.kind === 'live') this.#link.queries.forget(now);
    this.#audits.wanted(now);
  }

  #keepSession(link: Live, now: MonoNs): void {
    const why = this.#reasonToLeave(link, now);
    if (why !== null) {
      this.#leave(now, why.code, why.detail);
      return;
    }
    if (link.queries.due(now)) {
      const nonce = this.#ports.random(16);
      link.queries.asked(nonce, this.#ports.clocks().after);
      this.#send({ kind: 'timeQuery', nonce });
    }
    if (link.askAgainAt !== null && now >= link.askAgainAt) {
      link.askAgainAt = null;
      this.#resumeAudit(link, now);
    }
    this.#auditIfDue(link, now);
  }

  #reasonToLeave(link: Live, now: MonoNs): { readonly code: string; readonly detail: string } | null {
    if (link.queries.silent(now)) {
      return { code: 'DEADLINE_EXCEEDED', detail: `${link.node} does not answer time queries` };
    }
    if (this.#audits.stalled(link.policy, now)) {
      return { code: 'DEADLINE_EXCEEDED', detail: `${link.node} makes no progress with the audit` };
    }
    const unfit = link.unfitSince !== null && now - link.unfitSince > UNFIT_PATIENCE;
    if (unfit && this.#endpoints.hasAlternative(link.node, now)) {
      return { code: 'NO_QUORUM', detail: `${link.node} cannot certify now` };
    }
    return null;
  }

  // ---- the link ----------------------------------------------------------------------------------------------------

  #dialIfDue(now: MonoNs): void {
    const { node, at } = this.#endpoints.next(now);
    if (at > now) return;
    this.#links += 1;
    this.#link = { kind: 'opening', id: this.#links, node, since: now };
    this.#effects.push({ kind: 'dial', link: this.#links, node });
    this.#send({ kind: 'hello', session: this.#run, software: this.#settings.software });
    this.#notify({ kind: 'connection', connection: { kind: 'connecting', node } });
  }

  #linkLost(id: number, failure: LinkFailure | null, now: MonoNs): void {
    if (this.#link.kind === 'none' || this.#link.id !== id) return;
    const { node } = this.#link;
    this.#error(
      failure?.code ?? 'SESSION_ENDED',
      failure?.message ?? `${node} ended the session`,
      failure?.retryable ?? true,
      failure?.cause,
    );
    this.#link = { kind: 'none' };
    this.#goElsewhere(node, now);
  }

  #leave(now: MonoNs, code: string, detail: string): void {
    if (this.#link.kind === 'none') return;
    const { node } = this.#link;
    this.#error(code, detail, true);
    this.#hangUp();
    this.#goElsewhere(node, now);
  }

  #goElsewhere(node: string, now: MonoNs): void {
    this.#endpoints.failed(node, now);
    this.#notify({ kind: 'connection', connection: { kind: 'disconnected' } });
    this.#dialIfDue(now);
  }

  #hangUp(): void {
    if (this.#link.kind !== 'none') this.#effects.push({ kind: 'hangUp', link: this.#link.id });
    this.#link = { kind: 'none' };
  }

  // ---- messages ----------------------------------------------------------------------------------------------------

  #received(message: SessionResponse, now: MonoNs, own: OwnReading | null): void {
    const link = this.#link;
    if (message.kind === 'welcome') {
      this.#welcomed(message, now);
      return;
    }
    if (message.kind === 'goingAway') {
      this.#leave(now, message.reason, 'the node is going away');
      return;
    }
    if (link.kind !== 'live') return;
    switch (message.kind) {
      case 'time':
        this.#timeTold(link, message, now);
        break;
      case 'probe':
        this.#probed(link, message, now, own);
        break;
      case 'readingsRequest':
        this.#signReadings(link, message.request, now);
        break;
      case 'outcome':
        this.#outcome(link, message, now);
        break;
      case 'stopOrder':
        this.#stops.ordered({ order: message.order, reason: message.reason });
        break;
      case 'stopRelease':
        this.#stops.released(message.order);
        this.#audits.wanted(now);
        break;
    }
  }

  #welcomed(welcome: Received<'welcome'>, now: MonoNs): void {
    if (this.#link.kind !== 'opening') return;
    const { id, node } = this.#link;
    if (welcome.node !== node) {
      this.#leave(now, 'WRONG_NODE', `the node at the address of ${node} calls itself ${welcome.node}`);
      return;
    }
    this.#endpoints.succeeded(node);
    const queries = new TimeQueries(this.#clock, this.#audits.interval(welcome.policy), now);
    const { device, policy, site } = welcome;
    const live: Live = {
      kind: 'live',
      id,
      node,
      device,
      policy,
      queries,
      unfitSince: null,
      askAgainAt: null,
    };
    this.#link = live;
    const connection: Connection = { kind: 'connected', node, site, device };
    this.#notify({ kind: 'connection', connection });
    if (welcome.stop !== null) this.#stops.ordered(welcome.stop);
    else this.#stops.noneStands();
    if (this.#audits.underWay !== null) this.#resumeAudit(live, now);
    this.#keepSession(live, now);
  }

  #timeTold(link: Live, message: Received<'time'>, now: MonoNs): void {
    const answer = link.queries.answered(message, now);
    if (answer === null) return;
    this.#endpoints.measured(link.node, answer.roundTrip);
    const fit = answer.result !== 'notServing' && !message.uncertified;
    if (fit) link.unfitSince = null;
    else link.unfitSince ??= now;
    this.#notify({ kind: 'time', node: link.node, answer });
    if (answer.result === 'contradicts') {
      this.#interlock.clockDisagrees(`the time of ${link.node} contradicts what was distributed before`);
      this.#audits.wanted(now);
    }
    if (answer.result === 'agrees' || answer.result === 'contradicts') this.#compareOwnClock(link, now);
    this.#auditIfDue(link, now);
  }

  /** The clock with which the TSA issues must lie within the policy's limit of what distributed time allows. */
  #compareOwnClock(link: Live, now: MonoNs): void {
    const own = this.#ports.ownClock();
    const proven = this.#clock.proven(now);
    if (own === null || proven === null) return;
    const { limit } = link.policy;
    const early = proven.earliest - own.tai;
    const late = own.tai - proven.latest;
    if (early < limit && late < limit) {
      this.#interlock.clockAgrees();
      return;
    }
    const by = early > late ? early : late;
    const milliseconds = (by / NS_PER_MS).toString();
    this.#interlock.clockDisagrees(
      `the clock of this TSA is off by at least ${milliseconds} ms from distributed time`,
    );
  }

  // ---- audits ------------------------------------------------------------------------------------------------------

  #auditIfDue(link: Live, now: MonoNs): void {
    if (!this.#audits.due(now) || this.#interlock.stop !== null) return;
    // A clock that cannot say the time cannot answer a probe.
    if (this.#ports.ownClock() === null) return;
    const audit = this.#audits.begin(this.#interlock.epoch, link.policy, now);
    this.#send({ kind: 'auditRequest', request: audit.request });
  }

  /** On another node, or after an unknown outcome: first ask what became of the number. */
  #resumeAudit(link: Live, now: MonoNs): void {
    const audit = this.#audits.underWay;
    if (audit === null) return;
    if (this.#audits.stale(this.#interlock.epoch, link.policy, now)) {
      this.#audits.abandon(now);
      return;
    }
    this.#audits.resumed(now);
    this.#send({ kind: 'fetchOutcome', request: audit.request });
  }

  #probed(link: Live, probe: Received<'probe'>, now: MonoNs, own: OwnReading | null): void {
    if (own === null || !this.#audits.probed(probe.request, now)) return;
    const left = this.#ports.ownClock();
    if (left === null) return;
    const { nonce } = probe;
    this.#audits.answered({ nonce, received: own.tai, transmitted: left.tai });
    this.#send({
      kind: 'probeReply',
      nonce,
      received: own.tai,
      transmitted: left.tai,
      timescale: own.timescale,
    });
  }

  #signReadings(link: Live, request: number, now: MonoNs): void {
    const readings = this.#audits.readings(request);
    if (readings === null) return;
    const statement = readingsStatement({
      cluster: this.#settings.cluster,
      device: link.device,
      session: this.#run,
      request,
      timescale: this.#ports.ownClock()?.timescale ?? 'tai',
      readings,
    });
    const signature = this.#ports.sign(statement);
    this.#audits.signed(statement, now);
    this.#send({ kind: 'signedReadings', request, statement, signature });
  }

  #outcome(link: Live, outcome: OutcomeMessage, now: MonoNs): void {
    const audit = this.#audits.requested(outcome.request);
    if (audit === null || audit.settled) return;
    if (outcome.reason === 'NOT_FOUND') {
      this.#notMeasured(link, audit, now);
      return;
    }
    if (outcome.reason === 'OUTCOME_UNKNOWN') {
      if (this.#audits.unknown(outcome.request, now)) link.askAgainAt = monoNs(now + ASK_AGAIN);
      else this.#leave(now, outcome.reason, `${link.node} does not know what became of the audit`);
      return;
    }
    this.#notify({ kind: 'verdict', verdict: { outcome, node: link.node } });
    const passed = outcome.verdict === 'pass' && !outcome.voided;
    const decided = outcome.verdict === 'fail' || (passed && this.#believed(link, outcome, audit));
    this.#audits.finished(audit, decided, link.policy, now);
    if (outcome.verdict === 'fail') {
      this.#interlock.auditFailed(`audit ${outcome.sequence} failed: ${outcome.reason}`);
    } else if (!decided && (passed || cannotAudit(outcome.reason)))
      this.#tryAnother(link, outcome.reason, now);
  }

  /** The number led to nothing on record: measure it now, under the same number. */
  #notMeasured(link: Live, audit: RequestedAudit, now: MonoNs): void {
    if (this.#audits.underWay !== audit) return;
    if (this.#audits.stale(this.#interlock.epoch, link.policy, now)) {
      this.#audits.abandon(now);
      this.#auditIfDue(link, now);
      return;
    }
    this.#audits.resumed(now);
    this.#send({ kind: 'auditRequest', request: audit.request });
  }

  /** @returns whether the receipt verifies; then it is stored, and opens once it is stored */
  #believed(link: Live, outcome: OutcomeMessage, audit: RequestedAudit): boolean {
    const { sequence } = outcome;
    try {
      const claim = { device: link.device, sequence, statements: audit.statements };
      const certificate = this.#ports.verify(outcome.receipt, claim);
      this.#storing.set(sequence, { audit, lease: shorter(outcome.lease, certificate.lease) });
      this.#effects.push({ kind: 'storeCertificate', certificate });
      return true;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#interlock.verificationFailed(`the receipt of audit ${sequence} is not believed: ${reason}`);
      this.#error('VERIFICATION_FAILED', reason, false, cause);
      return false;
    }
  }

  #tryAnother(link: Live, reason: string, now: MonoNs): void {
    if (!this.#endpoints.hasAlternative(link.node, now)) return;
    this.#leave(now, reason === '' ? 'VERIFICATION_FAILED' : reason, `${link.node} cannot audit now`);
  }

  #certificateStored(certificate: VerifiedCertificate): void {
    const pass = this.#storing.get(certificate.sequence);
    this.#storing.delete(certificate.sequence);
    this.#notify({ kind: 'certificate', certificate });
    if (pass === undefined) return;
    const { epoch, requestedAt } = pass.audit;
    this.#interlock.passVerified({ epoch, requestedAt, lease: pass.lease, sequence: certificate.sequence });
  }

  #acknowledge(order: number): void {
    if (this.#link.kind !== 'live') return;
    const stoppedAt = this.#ports.ownClock()?.tai ?? null;
    const statement = stopStatement(this.#settings.cluster, order, stoppedAt);
    this.#send({ kind: 'stopAcknowledgement', order, statement, signature: this.#ports.sign(statement) });
  }

  // ---- telling -----------------------------------------------------------------------------------------------------

  #send(message: SessionRequest): void {
    if (this.#link.kind !== 'none') this.#effects.push({ kind: 'send', link: this.#link.id, message });
  }

  #notify(notice: ClientNotice): void {
    this.#effects.push({ kind: 'notify', notice });
  }

  #error(code: string, detail: string, retryable: boolean, cause?: unknown): void {
    this.#notify({ kind: 'error', code, detail, retryable, cause });
  }

  #showInterlock(): void {
    const status = this.#interlock.status(this.#ports.clocks());
    const before = this.#shown;
    this.#shown = status;
    if (!sameStatus(before, status)) this.#notify({ kind: 'interlock', status });
  }
}

/** A prolonged permission is no change; another reason is. */
function sameStatus(a: InterlockStatus, b: InterlockStatus): boolean {
  if (a.open || b.open) return a.open === b.open;
  return a.code === b.code && a.reason === b.reason;
}

const shorter = (a: DurNs, b: DurNs): DurNs => (a < b ? a : b);

/** Reasons that speak of the node and not of this client: another node may do better. */
function cannotAudit(reason: string): boolean {
  if (!isErrorReason(reason) || reason === 'RATE_LIMITED') return false;
  const { about, retryable } = reasonInfo(reason);
  return about === 'call' && retryable;
}

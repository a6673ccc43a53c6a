/**
 * A scripted cluster and a client in virtual time: what a TSA sees of the TAA, with the faults that a story asks for.
 * The client is the production state machine; only its effects are carried out by this world.
 */

import { DisciplinedClock } from '../../src/sdk/core/disciplined-clock.js';
import type {
  ClientNotice,
  ClientPorts,
  OwnReading,
  ReceiptClaim,
  VerifiedCertificate,
} from '../../src/sdk/core/events.js';
import type { LocalClocks, Stop, StoredStop } from '../../src/sdk/core/interlock.js';
import { ClientSession } from '../../src/sdk/core/session.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs, taiNs } from '../../src/time/types.js';
import type { ClockState } from '../../src/time/types.js';
import { decodeMap, asBytes } from '../../src/verify/cbor-reader.js';
import { equalBytes } from '../../src/verify/bytes.js';
import type { OutcomeMessage, SessionRequest, SessionResponse } from '../../src/wire/messages.js';
import { Prng } from '../simulation/prng.js';
import { Scheduler } from '../simulation/scheduler.js';

export const MS = NS_PER_MS;
export const S = NS_PER_S;
export const CLUSTER = 'taa.test';
const EPOCH_TAI = 1_795_000_000n * S;
const PROBES = 3;
const none = new Uint8Array(0);

export const policy = {
  limit: durNs(500n * MS),
  interval: durNs(S),
  maxDelay: durNs(100n * MS),
  certificateLife: durNs(86_400n * S),
  lease: durNs(3n * S),
  voidAfter: durNs(5n * S),
};

type Send = (message: SessionResponse) => void;

/** The simulator's scheduler, counting in bigints like the SDK. */
class VirtualTime {
  readonly #scheduler = new Scheduler();

  get now(): bigint {
    return BigInt(this.#scheduler.now);
  }

  after(delay: bigint, task: () => void): () => void {
    return this.#scheduler.after(Number(delay), task);
  }

  step(until: bigint): boolean {
    return this.#scheduler.step(Number(until));
  }
}

/** What the nodes have in common: the log. */
export class VirtualCluster {
  readonly scheduler = new VirtualTime();
  readonly outcomes = new Map<number, OutcomeMessage>();
  readonly acknowledged: number[] = [];
  readonly measuredBy: string[] = [];
  stop: Stop | null = null;
  sequence = 0;
  /** No leader: nothing is committed. */
  halted = false;
  verdict: (sequence: number) => Partial<OutcomeMessage> = () => ({});
  readonly nodes: ReadonlyMap<string, VirtualNode>;

  constructor(names: readonly string[] = ['n1', 'n2', 'n3']) {
    this.nodes = new Map(names.map((name, i) => [name, new VirtualNode(this, name, BigInt(i + 1) * MS)]));
  }

  node(name: string): VirtualNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  get truth(): bigint {
    return EPOCH_TAI + this.scheduler.now;
  }

  order(stop: Stop): void {
    this.stop = stop;
    for (const node of this.nodes.values()) node.broadcast({ kind: 'stopOrder', ...stop });
  }

  release(): void {
    this.stop = null;
    for (const node of this.nodes.values()) node.broadcast({ kind: 'stopRelease', order: 0 });
  }

  commit(done: () => void): void {
    if (this.halted) this.scheduler.after(50n * MS, () => this.commit(done));
    else this.scheduler.after(5n * MS, done);
  }
}

interface Session {
  readonly send: Send;
  session: Uint8Array;
  live: boolean;
  nonces: Uint8Array[];
  answers: (readonly [Uint8Array, bigint, bigint])[];
}

export class VirtualNode {
  readonly name: string;
  readonly latency: bigint;
  /** `dead`: connections break; `frozen`: nothing is answered any more, and nothing breaks. */
  state: 'up' | 'dead' | 'frozen' = 'up';
  clockState: ClockState = 'synchronised';
  clockError = 0n;
  certified = true;
  /** Messages of these kinds get lost on their way to the client. */
  readonly swallows = new Set<SessionResponse['kind']>();
  readonly heard: SessionRequest[] = [];
  /** Dies right after it has done this. */
  diesAfter: 'hello' | 'probe' | 'readings' | 'commit' | null = null;
  readonly #cluster: VirtualCluster;
  readonly #sessions = new Map<number, { session: Session; ended: () => void }>();

  constructor(cluster: VirtualCluster, name: string, latency: bigint) {
    this.#cluster = cluster;
    this.name = name;
    this.latency = latency;
  }

  open(link: number, send: Send, ended: () => void): void {
    if (this.state === 'dead') {
      this.#cluster.scheduler.after(MS, ended);
      return;
    }
    const deliver: Send = (message) => {
      if (this.state === 'up' && !this.swallows.has(message.kind)) send(message);
    };
    const session: Session = { send: deliver, session: none, live: false, nonces: [], answers: [] };
    this.#sessions.set(link, { session, ended });
  }

  hungUp(link: number): void {
    this.#sessions.delete(link);
  }

  kill(): void {
    this.state = 'dead';
    const broken = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const { ended } of broken) this.#cluster.scheduler.after(MS, ended);
  }

  broadcast(message: SessionResponse): void {
    for (const { session } of this.#sessions.values()) if (session.live) session.send(message);
  }

  receive(link: number, message: SessionRequest): void {
    const session = this.#sessions.get(link)?.session;
    if (session === undefined || this.state !== 'up') return;
    this.heard.push(message);
    switch (message.kind) {
      case 'hello':
        session.session = message.session;
        this.#cluster.commit(() => this.#welcome(session));
        this.#mayDie('hello');
        break;
      case 'timeQuery': {
        const instant = this.#instant();
        session.send({
          kind: 'time',
          nonce: message.nonce,
          received: instant,
          transmitted: instant,
          clockState: this.clockState,
          leap: 'none',
          uncertified: !this.certified,
        });
        break;
      }
      case 'auditRequest':
        this.#audit(session, message.request);
        break;
      case 'probeReply':
        this.#probeAnswered(session, message);
        break;
      case 'signedReadings':
        this.#measured(session, message);
        break;
      case 'fetchOutcome':
        session.send(this.#cluster.outcomes.get(message.request) ?? nothing(message.request, 'NOT_FOUND'));
        break;
      case 'stopAcknowledgement':
        this.#cluster.acknowledged.push(message.order);
        break;
    }
  }

  #welcome(session: Session): void {
    session.live = true;
    session.send({
      kind: 'welcome',
      device: 'd1',
      node: this.name,
      site: `site-${this.name}`,
      policy,
      stop: this.#cluster.stop,
      lastSequence: this.#cluster.sequence,
    });
  }

  #audit(session: Session, request: number): void {
    const known = this.#cluster.outcomes.get(request);
    if (known !== undefined) {
      session.send(known);
      return;
    }
    if (this.clockState !== 'synchronised') {
      session.send(nothing(request, 'CLOCK_NOT_SYNCHRONISED'));
      return;
    }
    session.nonces = [];
    session.answers = [];
    this.#probe(session, request);
    this.#mayDie('probe');
  }

  #probe(session: Session, request: number): void {
    const nonce = new Uint8Array(16).fill(session.nonces.length + 1);
    nonce[15] = request & 0xff;
    session.nonces.push(nonce);
    session.send({ kind: 'probe', request, nonce });
  }

  #probeAnswered(session: Session, reply: Extract<SessionRequest, { kind: 'probeReply' }>): void {
    const asked = session.nonces.at(-1);
    if (asked === undefined || !equalBytes(asked, reply.nonce)) return;
    session.answers.push([reply.nonce, reply.received, reply.transmitted]);
    const request = asked[15] ?? 0;
    if (session.answers.length < PROBES) this.#probe(session, request);
    else session.send({ kind: 'readingsRequest', request });
  }

  #measured(session: Session, message: Extract<SessionRequest, { kind: 'signedReadings' }>): void {
    const { request, statement } = message;
    requireStatement(statement, session, request);
    this.#mayDie('readings');
    this.#cluster.commit(() => {
      if (!this.#cluster.outcomes.has(request)) {
        this.#cluster.sequence += 1;
        const { sequence } = this.#cluster;
        this.#cluster.measuredBy.push(this.name);
        const measuredAt = session.answers[0]?.[1] ?? 0n;
        const pass: OutcomeMessage = {
          kind: 'outcome',
          request,
          sequence,
          verdict: 'pass',
          reason: '',
          low: durNs(-MS),
          high: durNs(MS),
          receipt: new TextEncoder().encode(`receipt ${sequence} ${measuredAt}`),
          lease: policy.lease,
          voided: false,
        };
        this.#cluster.outcomes.set(request, { ...pass, ...this.#cluster.verdict(sequence) });
      }
      this.#mayDie('commit');
      const outcome = this.#cluster.outcomes.get(request);
      if (outcome !== undefined) session.send(outcome);
    });
  }

  #instant() {
    const best = this.#cluster.truth + this.clockError;
    return { earliest: taiNs(best - MS), best: taiNs(best), latest: taiNs(best + MS), taiMinusUtc: 37 };
  }

  #mayDie(step: NonNullable<VirtualNode['diesAfter']>): void {
    if (this.diesAfter !== step) return;
    this.diesAfter = null;
    this.kill();
  }
}

/** The statement must be over exactly what was answered: a client that signs anything else breaks every story. */
function requireStatement(statement: Uint8Array, session: Session, request: number): void {
  decodeMap(statement, 'readings', (reader) => {
    const said = reader.array('readings', (value, path) => {
      if (!Array.isArray(value)) throw new Error(path);
      const [nonce, received, transmitted] = value as [Uint8Array, bigint, bigint];
      return [asBytes(nonce, { length: 16 }, path), received, transmitted] as const;
    });
    const same = said.every((reading, i) => {
      const answer = session.answers[i];
      return (
        answer !== undefined &&
        equalBytes(reading[0], answer[0]) &&
        reading[1] === answer[1] &&
        reading[2] === answer[2]
      );
    });
    const whole =
      reader.uint('v') === 1 &&
      reader.text('cluster') === CLUSTER &&
      reader.text('device') === 'd1' &&
      equalBytes(reader.bytes('session'), session.session) &&
      reader.uint('request') === request &&
      reader.text('timescale') === 'tai' &&
      said.length === session.answers.length;
    if (!same || !whole) throw new Error('the client signed something else than it answered');
  });
}

const nothing = (request: number, reason: string): OutcomeMessage => ({
  kind: 'outcome',
  request,
  sequence: 0,
  verdict: 'inconclusive',
  reason,
  low: durNs(0n),
  high: durNs(0n),
  receipt: none,
  lease: durNs(0n),
  voided: false,
});

export interface ClientOptions {
  readonly stored?: StoredStop;
  /** The TSA issues with a clock of its own that is off by this. */
  readonly ownOffset?: bigint;
  readonly seed?: number;
}

const CADENCE = durNs(50n * MS);

/** A TSA: the client's state machine with its effects carried out in virtual time. */
export class VirtualTsa {
  readonly session: ClientSession;
  readonly notices: { readonly at: bigint; readonly notice: ClientNotice }[] = [];
  readonly certificates: VerifiedCertificate[] = [];
  /** What is on the TSA's disk. */
  disk: StoredStop;
  diskFails = false;
  /** Receipts that do not verify. */
  forged: (receipt: string) => boolean = () => false;
  suspended = 0n;
  /** Every instant at which the interlock was asked and said yes. */
  readonly issued: bigint[] = [];
  /** What was issued against the rules, as an observer from outside sees it. */
  readonly violations: string[] = [];
  readonly #observer = new Observer();
  ownOffset: bigint;
  readonly #cluster: VirtualCluster;
  readonly #clock = new DisciplinedClock();
  readonly #ownClock: boolean;
  readonly #links = new Map<number, VirtualNode>();
  #running = true;

  constructor(cluster: VirtualCluster, options: ClientOptions = {}) {
    this.#cluster = cluster;
    this.disk = options.stored ?? { kind: 'none' };
    this.#ownClock = options.ownOffset !== undefined;
    this.ownOffset = options.ownOffset ?? 0n;
    const random = new Prng(options.seed ?? 1);
    const ports: ClientPorts = {
      clocks: () => this.clocks(),
      ownClock: () => this.#reading(),
      random: (length) => random.bytes(length),
      sign: (statement) => statement.slice(0, 8),
      verify: (receipt, claim) => this.#verify(receipt, claim),
    };
    this.session = new ClientSession(
      {
        cluster: CLUSTER,
        software: 'story',
        nodes: [...cluster.nodes.keys()],
        auditEvery: null,
        cadence: CADENCE,
      },
      ports,
      this.#clock,
      this.disk,
    );
    this.#tick();
  }

  clocks(): LocalClocks {
    const mono = monoNs(3n * S + this.#cluster.scheduler.now - this.suspended);
    return { before: mono, uptime: 9n * S + this.#cluster.scheduler.now, after: mono };
  }

  get state(): string {
    const status = this.session.interlock.status(this.clocks());
    return status.open ? 'open' : status.code;
  }

  /** The process ends without a word; what is on disk stays. */
  crash(): void {
    this.#running = false;
    for (const [link, node] of this.#links) node.hungUp(link);
    this.#links.clear();
  }

  errors(): string[] {
    return this.notices.flatMap(({ notice }) => (notice.kind === 'error' ? [notice.code] : []));
  }

  #tick(): void {
    if (!this.#running) return;
    this.handle({ kind: 'tick' });
    if (this.state === 'open') {
      this.issued.push(this.#cluster.scheduler.now);
      const wrong = this.#observer.objection(this.clocks().after, this.certificates);
      if (wrong !== null) this.violations.push(wrong);
    }
    this.#cluster.scheduler.after(CADENCE, () => this.#tick());
  }

  handle(event: Parameters<ClientSession['handle']>[0]): void {
    if (!this.#running) return;
    if (event.kind === 'received') this.#observer.received(event.message);
    for (const effect of this.session.handle(event)) this.#carryOut(effect);
  }

  #carryOut(effect: ReturnType<ClientSession['handle']>[number]): void {
    const later = (delay: bigint, task: () => void) => this.#cluster.scheduler.after(delay, task);
    switch (effect.kind) {
      case 'dial':
        this.#dial(effect.link, this.#cluster.node(effect.node));
        break;
      case 'hangUp':
        this.#links.get(effect.link)?.hungUp(effect.link);
        this.#links.delete(effect.link);
        break;
      case 'send': {
        const node = this.#links.get(effect.link);
        this.#observer.sent(effect.message, this.clocks().after);
        if (node !== undefined) later(node.latency, () => node.receive(effect.link, effect.message));
        break;
      }
      case 'storeStop': {
        const { stop } = effect;
        later(4n * MS, () => {
          if (this.diskFails) {
            this.handle({ kind: 'stopNotStored', order: stop.order, cause: new Error('no space') });
          } else {
            this.disk = { kind: 'stop', stop };
            this.handle({ kind: 'stopStored', order: stop.order });
          }
        });
        break;
      }
      case 'clearStop':
        this.disk = { kind: 'none' };
        break;
      case 'storeCertificate': {
        const { certificate } = effect;
        later(4n * MS, () => {
          if (this.diskFails) {
            this.handle({ kind: 'certificateNotStored', certificate, cause: new Error('no space') });
          } else {
            this.certificates.push(certificate);
            this.handle({ kind: 'certificateStored', certificate });
          }
        });
        break;
      }
      case 'notify':
        this.notices.push({ at: this.#cluster.scheduler.now, notice: effect.notice });
        break;
    }
  }

  #dial(link: number, node: VirtualNode): void {
    this.#links.set(link, node);
    node.open(
      link,
      (message) =>
        this.#cluster.scheduler.after(node.latency, () => {
          if (this.#links.has(link)) this.handle({ kind: 'received', link, message });
        }),
      () => {
        if (this.#links.delete(link)) this.handle({ kind: 'linkLost', link, failure: null });
      },
    );
  }

  #reading(): OwnReading | null {
    if (this.#ownClock) return { tai: taiNs(this.#cluster.truth + this.ownOffset), timescale: 'tai' };
    const served = this.#clock.now(this.clocks().after);
    return served.state === 'unsynchronised' ? null : { tai: served.best, timescale: 'tai' };
  }

  #verify(receipt: Uint8Array, claim: ReceiptClaim): VerifiedCertificate {
    const text = new TextDecoder().decode(receipt);
    const [, sequence, measuredAt] = /^receipt (\d+) (\d+)$/.exec(text) ?? [];
    if (sequence === undefined || measuredAt === undefined) throw new Error('there is no receipt');
    if (this.forged(text)) throw new Error('the checkpoint is below quorum');
    if (claim.statements.length === 0) throw new Error('nothing was signed for it');
    if (Number(sequence) !== claim.sequence) throw new Error('it is of another audit');
    return {
      device: claim.device,
      node: 'n1',
      evidenceUntil: taiNs(BigInt(measuredAt) + policy.certificateLife),
      sequence: claim.sequence,
      serial: claim.sequence * 3,
      measuredAt: taiNs(BigInt(measuredAt)),
      low: durNs(-MS),
      high: durNs(MS),
      lease: policy.lease,
      receipt,
    };
  }
}

/** Judges from the outside: what went over the wire and what is on disk, not what the client believes. */
class Observer {
  #stopped = true;
  readonly #requestedAt = new Map<number, bigint>();
  readonly #requestOf = new Map<number, number>();

  sent(message: SessionRequest, mono: bigint): void {
    if (message.kind === 'auditRequest' && !this.#requestedAt.has(message.request)) {
      this.#requestedAt.set(message.request, mono);
    }
  }

  received(message: SessionResponse): void {
    if (message.kind === 'welcome') this.#stopped = message.stop !== null;
    else if (message.kind === 'stopOrder') this.#stopped = true;
    else if (message.kind === 'stopRelease') this.#stopped = false;
    else if (message.kind === 'outcome') this.#requestOf.set(message.sequence, message.request);
  }

  objection(mono: bigint, onDisk: readonly VerifiedCertificate[]): string | null {
    if (this.#stopped) return 'a stop stands, or no session said that none does';
    const permitted = onDisk.some(({ sequence, lease }) => {
      const request = this.#requestOf.get(sequence);
      const at = request === undefined ? undefined : this.#requestedAt.get(request);
      return at !== undefined && mono < at + lease;
    });
    return permitted ? null : 'no certificate on disk permits it any more';
  }
}

/** Lets virtual time pass. */
export function run(cluster: VirtualCluster, ns: bigint): void {
  const until = cluster.scheduler.now + ns;
  while (cluster.scheduler.step(until));
  // Time also passes where nothing happens.
  cluster.scheduler.after(until - cluster.scheduler.now, () => undefined);
  while (cluster.scheduler.step(until));
}

/**
 * A world in which the truth about time is known: an oscillator whose rate stays within the assumption (at its very edge
 * if asked), a path that puts delay where it hurts, servers that are off by what they admit. It drives the production
 * discipline on virtual time.
 */

import { Discipline } from '../../src/clock/core/discipline.js';
import type { ClockEffect, ClockInput, DisciplineConfig, Moment } from '../../src/clock/core/inputs.js';
import type { OperatorLeap } from '../../src/clock/core/leap-policy.js';
import type { SourceConfig } from '../../src/clock/core/source.js';
import type { ClockEvent } from '../../src/clock/core/events.js';
import { freshMemory } from '../../src/clock/core/memory.js';
import type { ClockMemory } from '../../src/clock/core/memory.js';
import { encodeNtp, nsFromShort, ntpFromPosixNs, refidFromText } from '../../src/clock/core/ntp-packet.js';
import type { NtpPacket } from '../../src/clock/core/ntp-packet.js';
import { profiles } from '../../src/clock/core/profile.js';
import type { ClockProfile } from '../../src/clock/core/profile.js';
import { readingAt } from '../../src/clock/core/reading.js';
import { scaleDown } from '../../src/clock/core/bound.js';
import { builtinLeapTable, posixNsFromTai } from '../../src/time/leap-table.js';
import type { LeapTable } from '../../src/time/leap-table.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import type { ClockReading, MonoNs, TaiNs } from '../../src/time/types.js';
import { Random } from './random.js';

export interface SimulatedServer {
  readonly source: SourceConfig;
  /** How far the server is off, nanoseconds, as a function of nothing but what the test sets. */
  error: bigint;
  /** Advertised root dispersion, 16.16 seconds. */
  rootDispersion: number;
  leap: number;
  stratum: number;
  refid: string;
  /** Answers at all. */
  up: boolean;
  authenticated: boolean;
  /** Delay there and back, drawn for each exchange. */
  path: (random: Random) => { there: bigint; back: bigint };
}

export interface WorldOptions {
  readonly seed: number;
  readonly profile?: Partial<ClockProfile>;
  readonly limits?: DisciplineConfig['limits'];
  readonly table?: LeapTable;
  /** The table by which servers label their time. Default: the clock's own. */
  readonly labels?: LeapTable;
  /** What operators entered beside the table. */
  readonly entries?: readonly OperatorLeap[];
  readonly memory?: ClockMemory;
  /** TAI at the beginning. */
  readonly start?: TaiNs;
  /** Beside one reference `nict`, monitors with these names. */
  readonly monitors?: readonly string[];
  readonly peers?: DisciplineConfig['peers'];
}

export function symmetricPath(least: bigint, jitter: bigint): SimulatedServer['path'] {
  return (random) => ({ there: least + random.ns(0n, jitter), back: least + random.ns(0n, jitter) });
}

/** 2026-11-24T00:00:00Z */
export const NOVEMBER_2026 = taiNs((1_795_478_400n + 37n) * 1_000_000_000n);

export class SimulatedWorld {
  readonly random: Random;
  readonly discipline: Discipline;
  readonly events: ClockEvent[] = [];
  readonly servers = new Map<string, SimulatedServer>();
  readonly profile: ClockProfile;
  readonly table: LeapTable;
  readonly labels: LeapTable;
  /** Present rate of TAI against mono minus one, parts per billion. */
  ratePpb = 0n;
  /** Called after every input, before time goes on: an adversary may choose the rate by what the clock now assumes. */
  adversary: () => void = () => undefined;
  /** A round among the peers begins. */
  askPeers: (round: number, peers: readonly string[]) => void = () => undefined;
  #mono = monoNs(1_000_000_000_000n);
  #tai: TaiNs;
  /** Parts of a nanosecond, in billionths. */
  #fraction = 0n;
  /** Wall clock − TAI. */
  #wallOffset: bigint;
  #answers: { at: bigint; input: (moment: Moment) => ClockInput }[] = [];
  #floor: TaiNs | null = null;
  #floorEpoch = 0;

  constructor(options: WorldOptions) {
    this.random = new Random(options.seed);
    this.table = options.table ?? builtinLeapTable;
    this.labels = options.labels ?? this.table;
    this.profile = { ...profiles.lab, ...options.profile };
    this.#tai = options.start ?? NOVEMBER_2026;
    this.#wallOffset = -37_000_000_000n;
    const reference = this.#addServer('nict', 'reference');
    const monitors = (options.monitors ?? []).map((name) => this.#addServer(name, 'monitor'));
    this.discipline = new Discipline(
      {
        sources: [reference, ...monitors],
        profile: this.profile,
        limits: options.limits ?? { syncNs: 10_000_000n, holdNs: 50_000_000n },
        leap: { list: this.table, entries: options.entries ?? [] },
        seed: options.seed,
        ...(options.peers === undefined ? {} : { peers: options.peers }),
      },
      options.memory ?? freshMemory,
      this.#moment(),
    );
    for (const name of this.servers.keys())
      this.input({ kind: 'addresses', source: name, addresses: ['192.0.2.1'] });
  }

  get mono(): MonoNs {
    return this.#mono;
  }

  get truth(): TaiNs {
    return this.#tai;
  }

  server(name = 'nict'): SimulatedServer {
    const server = this.servers.get(name);
    if (server === undefined) throw new RangeError(name);
    return server;
  }

  input(
    input: ClockInput extends infer T ? (T extends unknown ? Omit<T, keyof Moment> : never) : never,
  ): void {
    this.#deliver({ ...input, ...this.#moment() });
  }

  /** What a thread would read now. */
  reading(heartbeat: MonoNs = this.#mono): ClockReading {
    const published = this.discipline.published();
    if (published.epoch !== this.#floorEpoch) [this.#floorEpoch, this.#floor] = [published.epoch, null];
    const reading = readingAt(
      published,
      this.#mono,
      heartbeat,
      this.discipline.limits,
      this.discipline.table,
      this.#floor,
    );
    if (reading.state === 'synchronised' || reading.state === 'holdover') this.#floor = reading.best;
    return reading;
  }

  /** Runs for `ns`; `look` is called at random instants, about `looks` times a second. */
  run(ns: bigint, look: (reading: ClockReading) => void = () => undefined, looks = 0): void {
    const end = this.#mono + ns;
    let nextLook = looks > 0 ? this.#mono + this.#lookGap(looks) : end;
    while (this.#mono < end) {
      const nextAnswer = this.#answers.reduce((least, { at }) => (at < least ? at : least), end);
      const poll = this.discipline.nextPollMono();
      const nextPoll = poll > this.#mono ? poll : this.#mono + 1_000_000n;
      let next = nextAnswer < nextPoll ? nextAnswer : nextPoll;
      if (nextLook < next) next = nextLook;
      if (end < next) next = end;
      this.#elapse(next - this.#mono);
      if (this.#mono >= nextLook && looks > 0) {
        look(this.reading());
        nextLook = this.#mono + this.#lookGap(looks);
      }
      this.#deliverAnswers();
      if (this.#mono >= nextPoll) this.input({ kind: 'tick' });
    }
  }

  /** The oscillator stands still for `ns` of true time: a pause of the whole machine that nothing notices. */
  pause(ns: bigint): void {
    this.#tai = taiNs(this.#tai + ns);
  }

  runUntil(condition: () => boolean, atMostNs = 600_000_000_000n): boolean {
    const end = this.#mono + atMostNs;
    while (!condition() && this.#mono < end) this.run(50_000_000n);
    return condition();
  }

  #lookGap(looks: number): bigint {
    return this.random.ns(1n, BigInt(Math.floor(2e9 / looks)));
  }

  #addServer(name: string, role: SourceConfig['role']): SourceConfig {
    const monitor = { ...this.profile, maxStratum: 15 };
    const source: SourceConfig = {
      name,
      role,
      profile: role === 'monitor' ? monitor : this.profile,
      refid: null,
    };
    this.servers.set(name, {
      source,
      error: 0n,
      rootDispersion: 1,
      leap: 0,
      stratum: 1,
      refid: 'NICT',
      up: true,
      authenticated: false,
      path: symmetricPath(4_000_000n, 400_000n),
    });
    return source;
  }

  #moment(): Moment {
    return { mono: this.#mono, wallNs: this.#tai + this.#wallOffset };
  }

  #elapse(ns: bigint): void {
    if (ns <= 0n) return;
    this.#mono = monoNs(this.#mono + ns);
    // What is less than a nanosecond is carried on, or many short steps would add up to another rate.
    this.#fraction += ns * this.ratePpb;
    const whole = scaleDown(this.#fraction, 1n);
    this.#fraction -= whole * 1_000_000_000n;
    this.#tai = taiNs(this.#tai + ns + whole);
  }

  #deliver(input: ClockInput): void {
    for (const effect of this.discipline.handle(input)) this.#execute(effect);
    this.adversary();
  }

  #deliverAnswers(): void {
    const due = this.#answers.filter(({ at }) => at <= this.#mono).sort((a, b) => (a.at < b.at ? -1 : 1));
    this.#answers = this.#answers.filter(({ at }) => at > this.#mono);
    for (const { input } of due) this.#deliver(input(this.#moment()));
  }

  #execute(effect: ClockEffect): void {
    if (effect.kind === 'event') this.events.push(effect.event);
    if (effect.kind === 'askPeers') this.askPeers(effect.round, effect.peers);
    if (effect.kind === 'ask') this.#exchange(effect.source, effect.address);
  }

  /** The server's stamps are truth at arrival and departure plus its error; both directions elapse at the present rate. */
  #exchange(name: string, address: string): void {
    const server = this.server(name);
    const m1 = this.#mono;
    if (!server.up) {
      const at = m1 + this.profile.windowNs;
      this.#answers.push({ at, input: (moment) => ({ kind: 'noAnswer', source: name, address, ...moment }) });
      return;
    }
    const { there, back } = server.path(this.random);
    const startTai = this.#tai;
    const nonce = this.random.ns(1n, 2n ** 52n);
    // In true time the question travels `there` and the answer `back`. Between them the server takes about 20 µs: what the
    // local clock's rate makes of the exchange is taken from there, so that nothing arrives before it left.
    const t2 = taiNs(startTai + there);
    const m4 = m1 + there + 20_000n + back;
    this.#answers.push({
      at: m4,
      input: (moment) => {
        if (!server.up) return { kind: 'noAnswer', source: name, address, ...moment };
        const bytes = encodeNtp(this.#packet(server, nonce, t2, taiNs(this.#tai - back)));
        const authentication = server.authenticated ? 'good' : 'none';
        const exchange = { m1, m4: moment.mono, nonce, bytes, authentication, firstAnswer: true } as const;
        return { kind: 'answer', source: name, address, exchange, ...moment };
      },
    });
  }

  #packet(server: SimulatedServer, nonce: bigint, t2: TaiNs, t3: TaiNs): NtpPacket {
    const stamp = (tai: TaiNs): bigint =>
      ntpFromPosixNs(posixNsFromTai(taiNs(tai + server.error), this.labels));
    return {
      leap: server.leap,
      version: 4,
      mode: 4,
      stratum: server.stratum,
      poll: 0,
      precision: -29,
      rootDelay: 0,
      rootDispersion: server.rootDispersion,
      refid: refidFromText(server.refid),
      reference: stamp(t2),
      origin: nonce,
      receive: stamp(t2),
      transmit: stamp(t3),
    };
  }
}

/** What a server with this advertised dispersion may be off by. */
export function admitted(rootDispersion: number): bigint {
  return nsFromShort(rootDispersion) - 1n;
}

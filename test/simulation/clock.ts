/**
 * Time in a simulated world: the true time, UTC(NICT) as it is served, and each host's oscillator, on which the production
 * clock (src/clock/core) runs: its estimators, bound and state machine, fed by NTP exchanges over a simulated path.
 *
 * Checked here at every reading: what the clock promises contains the truth (promise.ts says under which assumptions), and
 * the served time does not go back.
 */
import { boundAt } from '../../src/clock/core/bound.js';
import type { Bound } from '../../src/clock/core/bound.js';
import { Discipline } from '../../src/clock/core/discipline.js';
import type { ClockEffect, ClockInput, Moment } from '../../src/clock/core/inputs.js';
import type { ClockMemory } from '../../src/clock/core/memory.js';
import { freshMemory } from '../../src/clock/core/memory.js';
import { encodeNtp, ntpFromPosixNs, refidFromText } from '../../src/clock/core/ntp-packet.js';
import { profiles } from '../../src/clock/core/profile.js';
import type { ClockProfile } from '../../src/clock/core/profile.js';
import { readingAt } from '../../src/clock/core/reading.js';
import { builtinLeapTable, posixNsFromTai } from '../../src/time/leap-table.js';
import type { ClockReading, ClockState, MonoNs, TaiNs } from '../../src/time/types.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import type { Prng } from './prng.js';
import { PromiseOracle } from './promise.js';
import type { Life, Scheduler } from './scheduler.js';
import { MS, S, US, WORLD_START_TAI } from './units.js';
import { Violation } from './violation.js';

const SERVER_TURNROUND = 20 * US;
/** An exchange without an answer is given up after this long. */
export const EXCHANGE_TIMEOUT = S;
const SOURCE = 'nict';
const ADDRESS = '192.0.2.1';
const LIMITS = { syncNs: 10_000_000n, holdNs: 50_000_000n };

/** UTC(NICT) as it is served, on the TAI scale. Its steps are faults; by definition it is the truth that counts. */
export class Reference {
  readonly #scheduler: Scheduler;
  #stepped = 0n;
  /** Clocks that learn of a step only by their next sample. */
  readonly clocks = new Set<SimulatedClock>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  now(): TaiNs {
    return taiNs(WORLD_START_TAI + BigInt(Math.floor(this.#scheduler.now)) + this.#stepped);
  }

  /** How far it was stepped in all. */
  get stepped(): bigint {
    return this.#stepped;
  }

  step(by: bigint): void {
    this.#stepped += by;
    for (const clock of this.clocks) clock.assumptionBroke();
  }
}

/** One host: its oscillator and its path to the reference outlive its processes. */
export class Host {
  readonly scheduler: Scheduler;
  readonly prng: Prng;
  readonly reference: Reference;
  readonly profile: ClockProfile;
  /** What the clock of the last process wrote down. */
  memory: ClockMemory = freshMemory;
  reachable = true;
  /** Releases that an operator has given so far. */
  releases = 0;
  /** Share of the exchanges that get lost; one-way delays, ns. */
  path = { loss: 0, there: 0, back: 0, jitter: 0.5 * MS };
  #rate: number;
  readonly #properRate: number;
  #since = 0;
  #elapsed = 0;
  #frozen = false;
  /** Rate error beyond the specification, ppb, while a fault lasts, and what all such faults have added up to, ns. */
  #beyond: number | null = null;
  #excess = 0;

  constructor(
    scheduler: Scheduler,
    prng: Prng,
    reference: Reference,
    options: { readonly ratePpb: number; readonly coldNs: bigint },
  ) {
    this.scheduler = scheduler;
    this.prng = prng;
    this.reference = reference;
    this.#properRate = 1 + (prng.float() * 2 - 1) * (options.ratePpb / 1e9);
    this.#rate = this.#properRate;
    this.profile = { ...profiles.lab, samplesNeeded: 4, coldForNs: options.coldNs };
  }

  /** Oscillator seconds per true second. */
  get rate(): number {
    return this.#rate;
  }

  get isBeyondSpecification(): boolean {
    return this.#beyond !== null;
  }

  /** How far the oscillator may have led its clock astray, ns. */
  excess(): number {
    this.count();
    // An audit takes some tens of milliseconds more.
    return this.#excess + (Math.abs(this.#beyond ?? 0) * 100 * MS) / 1e9;
  }

  /** The oscillator's own count, ns. */
  count(): number {
    const { now } = this.scheduler;
    if (!this.#frozen) this.#elapsed += (now - this.#since) * this.#rate;
    if (this.#beyond !== null) this.#excess += ((now - this.#since) * Math.abs(this.#beyond)) / 1e9;
    this.#since = now;
    return this.#elapsed;
  }

  setRateError(ppb: number | null): void {
    this.count();
    this.#beyond = ppb;
    this.#rate = ppb === null ? this.#properRate : 1 + ppb / 1e9;
  }

  freeze(frozen: boolean): void {
    this.count();
    this.#frozen = frozen;
  }
}

type Input = ClockInput extends infer T ? (T extends unknown ? Omit<T, keyof Moment> : never) : never;

/** The clock of one process. */
export class SimulatedClock {
  readonly #host: Host;
  readonly #life: Life;
  readonly #started: number;
  readonly #discipline: Discipline;
  readonly #onSample: () => void;
  readonly #wallOffset: bigint;
  #floor: TaiNs | null = null;
  #floorEpoch = 0;
  #samples = 0;
  #cancelTick: () => void = () => undefined;
  readonly #promise = new PromiseOracle();

  constructor(host: Host, life: Life, onSample: () => void) {
    this.#host = host;
    this.#life = life;
    this.#onSample = onSample;
    this.#started = host.count();
    this.#wallOffset = BigInt(host.prng.between(-1000, 1000)) * 1_000_000n - 37_000_000_000n;
    const source = { name: SOURCE, role: 'reference', profile: host.profile, refid: null } as const;
    this.#discipline = new Discipline(
      {
        sources: [source],
        profile: host.profile,
        limits: LIMITS,
        leap: { list: builtinLeapTable, entries: [] },
        seed: host.prng.uint32(),
      },
      host.memory,
      this.#moment(),
    );
    host.reference.clocks.add(this);
    life.atDeath.push(() => host.reference.clocks.delete(this));
    if (host.isBeyondSpecification) this.assumptionBroke();
    this.#input({ kind: 'addresses', source: SOURCE, addresses: [ADDRESS] });
    this.#armTick();
  }

  mono(): MonoNs {
    return monoNs(1_000_000_000n + BigInt(Math.floor(this.#host.count() - this.#started)));
  }

  get state(): ClockState {
    return this.#discipline.published().state;
  }

  /** The host slept; whoever looks at the clock first finds out. */
  wokeUp(sleptNs: number): void {
    this.#input({ kind: 'suspended', forNs: BigInt(Math.floor(sleptNs)) });
  }

  /** An operator has looked and releases what the clock holds. */
  release(): void {
    this.#host.releases += 2;
    this.#input({ kind: 'release', what: 'latch', number: this.#host.releases - 1 });
    this.#input({ kind: 'release', what: 'highWater', number: this.#host.releases });
  }

  /** A fault of the world takes an assumption away, or gives it back. */
  assumptionBroke(): void {
    this.#promise.broke(this.mono());
  }

  /** How far a fault of the world may have moved this clock without its knowledge, ns. */
  allowance(): bigint {
    const open = this.#promise.isOpen || this.#host.isBeyondSpecification;
    return open ? BigInt(Math.ceil(this.#host.excess())) : 0n;
  }

  reading(): ClockReading {
    const published = this.#discipline.published();
    if (published.epoch !== this.#floorEpoch) [this.#floorEpoch, this.#floor] = [published.epoch, null];
    const mono = this.mono();
    const reading = readingAt(published, mono, mono, this.#discipline.limits, builtinLeapTable, this.#floor);
    const serving = reading.state === 'synchronised' || reading.state === 'holdover';
    if (serving) {
      if (this.#floor !== null && reading.best < this.#floor) {
        throw new Violation('ServedTimeMonotone', `${reading.best} after ${this.#floor}`);
      }
      this.#floor = reading.best;
    }
    this.#judge(reading, published.known?.bound ?? null);
    return reading;
  }

  #judge(reading: ClockReading, bound: Bound | null): void {
    const { mono, earliest, latest, state } = reading;
    const host = this.#host;
    const range = bound === null ? null : boundAt(bound, mono);
    // A clock that runs by `rate` sees TAI pass by 1 / rate.
    const rateError = (1 / host.rate - 1) * 1e9;
    const off = bound === null ? 0 : Math.abs(rateError - Number(bound.ratePpb)) - Number(bound.rhoPpb);
    this.#promise.judge(
      {
        mono,
        earliest,
        latest,
        state,
        truth: host.reference.now(),
        bound: range === null ? null : { earliest: mono + range.lo, latest: mono + range.hi },
        beyondPpb: Math.max(0, off),
      },
      host.isBeyondSpecification,
    );
  }

  #moment(): Moment {
    const { now } = this.#host.scheduler;
    return { mono: this.mono(), wallNs: WORLD_START_TAI + BigInt(Math.floor(now)) + this.#wallOffset };
  }

  #input(input: Input): void {
    const knew = this.#discipline.published().known !== null;
    const effects = this.#discipline.handle({ ...input, ...this.#moment() });
    for (const effect of effects) this.#perform(effect);
    const { samples, known } = this.#discipline.published();
    const taken = samples !== this.#samples;
    if (input.kind === 'answer' && input.exchange.m4 - input.exchange.m1 < this.#host.profile.maxDelayNs) {
      const { m1, m4 } = input.exchange;
      this.#promise.answered(
        { m1, m4, taken, knew, knows: known !== null },
        this.#host.isBeyondSpecification,
      );
    }
    if (!taken) return;
    this.#samples = samples;
    this.#onSample();
  }

  #perform(effect: ClockEffect): void {
    if (effect.kind === 'ask') this.#ask();
    else if (effect.kind === 'remember') this.#host.memory = this.#discipline.memory();
  }

  #armTick(): void {
    this.#cancelTick();
    const { scheduler, rate } = this.#host;
    const wait = Math.max(0.1 * MS, Number(this.#discipline.nextPollMono() - this.mono()) / rate);
    this.#cancelTick = scheduler.inLife(this.#life, Math.ceil(wait), () => {
      this.#input({ kind: 'tick' });
      this.#armTick();
    });
  }

  #ask(): void {
    const { scheduler, prng, path, reference, reachable } = this.#host;
    const m1 = this.mono();
    const nonce = BigInt(prng.uint32()) + 1n;
    if (!reachable || prng.chance(path.loss)) {
      scheduler.inLife(this.#life, EXCHANGE_TIMEOUT, () => {
        this.#input({ kind: 'noAnswer', source: SOURCE, address: ADDRESS });
      });
      return;
    }
    const there = path.there + Math.floor(prng.float() * path.jitter);
    const back = path.back + Math.floor(prng.float() * path.jitter);
    scheduler.after(there, () => {
      const t2 = reference.now();
      scheduler.after(SERVER_TURNROUND, () => {
        const bytes = answer(nonce, t2, reference.now());
        scheduler.inLife(this.#life, back, () => {
          const exchange = {
            m1,
            m4: this.mono(),
            nonce,
            bytes,
            authentication: 'none',
            firstAnswer: true,
          } as const;
          this.#input({ kind: 'answer', source: SOURCE, address: ADDRESS, exchange });
        });
      });
    });
  }
}

function answer(nonce: bigint, t2: TaiNs, t3: TaiNs): Uint8Array {
  const receive = ntpFromPosixNs(posixNsFromTai(t2, builtinLeapTable));
  return encodeNtp({
    leap: 0,
    version: 4,
    mode: 4,
    stratum: 1,
    poll: 0,
    precision: -29,
    rootDelay: 0,
    rootDispersion: 1,
    refid: refidFromText('NICT'),
    reference: receive,
    origin: nonce,
    receive,
    transmit: ntpFromPosixNs(posixNsFromTai(t3, builtinLeapTable)),
  });
}

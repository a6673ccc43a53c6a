/**
 * The whole clock without its sockets: inputs in, effects out. The worker feeds it real exchanges, the tests and the
 * whole-node simulator feed it simulated ones; the same input gives the same output.
 *
 * Invariants: a monitor's sample never reaches bound, estimate or served time; the served time moves back never, and jumps
 * only between epochs; everything that restricts is published by the same call that found it out.
 */

import { leapTableExpired } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { durNs, taiNs } from '../../time/types.js';
import type { MonoNs } from '../../time/types.js';
import { boundAt, boundFromSample, intersectSample, rhoFor, scaleUp, withRate } from './bound.js';
import type { Bound } from './bound.js';
import { questionsLeft } from './budget.js';
import type { AnomalyCode, ClockEvent, EventTime, SourceRole } from './events.js';
import { innovation, isSuspicious, isTooSlow } from './gate.js';
import { indicatorContradicts, leapStateAt, nearLeap } from './leap-policy.js';
import { machineStep } from './machine.js';
import type { DisruptionReason, Machine, MachineEvent, MachineLimits } from './machine.js';
import type { ClockMemory } from './memory.js';
import { observe, verdictOf } from './monitors.js';
import type { MonitorVerdict, MonitorView } from './monitors.js';
import { overlayAt, seedOverlay, steer } from './overlay.js';
import type { Overlay } from './overlay.js';
import { SourcePolling } from './polling.js';
import { tuning } from './profile.js';
import type { ClockProfile } from './profile.js';
import { halfWidthOf, knownAt } from './reading.js';
import type { Published } from './reading.js';
import { estimate, predict } from './regression.js';
import type { Estimate } from './regression.js';
import { makeSample } from './sample.js';
import type { Sample } from './sample.js';
import { judge } from './verdict.js';
import type { Exchange, PacketTest } from './verdict.js';

export interface SourceConfig {
  /** Unique; names the source in records and in the memory. */
  readonly name: string;
  readonly role: SourceRole;
  readonly profile: ClockProfile;
  /** Expected refid letters, or null. */
  readonly refid: string | null;
}

export interface DisciplineConfig {
  readonly sources: readonly SourceConfig[];
  /** Of the references: what it takes to be synchronised. */
  readonly profile: ClockProfile;
  /** Half-width above which the clock is in holdover, and above which it is out of tolerance. */
  readonly limits: { readonly syncNs: bigint; readonly holdNs: bigint };
  readonly table: LeapTable;
  /** Spreads the polls of nodes that start together. */
  readonly seed: number;
}

/** When an input happened. */
export interface Moment {
  readonly mono: MonoNs;
  /** Host's wall clock, POSIX ns: for budgets and back-off only. */
  readonly wallNs: bigint;
}

export type ReleaseWhat = 'latch' | 'highWater' | 'leap';

export type ClockInput = Moment &
  (
    | { readonly kind: 'tick' }
    | { readonly kind: 'addresses'; readonly source: string; readonly addresses: readonly string[] }
    | {
        readonly kind: 'answer';
        readonly source: string;
        readonly address: string;
        readonly exchange: Exchange;
      }
    | { readonly kind: 'noAnswer'; readonly source: string; readonly address: string }
    | { readonly kind: 'suspended'; readonly forNs: bigint }
    | { readonly kind: 'wallStepped'; readonly byNs: bigint }
    | { readonly kind: 'release'; readonly what: ReleaseWhat }
  );

export type ClockEffect =
  | { readonly kind: 'ask'; readonly source: string; readonly address: string }
  | { readonly kind: 'event'; readonly event: ClockEvent }
  /** Something that must survive a restart has changed. */
  | { readonly kind: 'remember' };

export interface SourceStatus {
  readonly name: string;
  readonly role: SourceRole;
  readonly addresses: readonly string[];
  readonly accepted: number;
  readonly rejected: number;
  readonly unanswered: number;
  /** Rejections by test. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly lastOffsetNs: bigint;
  readonly lastUncertaintyNs: bigint;
  readonly lastDelayNs: bigint;
  /** Monotonic instant of the last accepted sample, null if there was none. */
  readonly lastMono: MonoNs | null;
  readonly questionsLeft: number;
}

interface SourceState {
  readonly config: SourceConfig;
  readonly polling: SourcePolling;
  accepted: number;
  rejected: number;
  unanswered: number;
  readonly rejectedBy: Map<string, number>;
  last: { offset: bigint; uncertainty: bigint; delay: bigint; mono: MonoNs } | null;
  monitor: MonitorView | undefined;
  exhaustedReported: boolean;
}

/** What is known within one epoch; a disruption replaces it as a whole. */
interface Epoch {
  bound: Bound | null;
  overlay: Overlay | null;
  estimate: Estimate | null;
  window: Sample[];
  suspects: number;
  slowInARow: number;
  readonly addresses: Set<string>;
  samples: number;
  firstMono: MonoNs | null;
  lastMono: MonoNs | null;
}

const newEpoch = (): Epoch => ({
  bound: null,
  overlay: null,
  estimate: null,
  window: [],
  suspects: 0,
  slowInARow: 0,
  addresses: new Set(),
  samples: 0,
  firstMono: null,
  lastMono: null,
});

/** The memory is offered for writing at least this often while time is served. */
const REMEMBER_EVERY_NS = 10_000_000_000n;

/** A memory whose high-water mark is further ahead than this was poisoned: an operator must look. */
const HIGH_WATER_SUSPECT_NS = 1_000_000_000n;

export class Discipline {
  readonly #config: DisciplineConfig;
  readonly #limits: MachineLimits;
  readonly #sources = new Map<string, SourceState>();
  #machine: Machine;
  #epoch = newEpoch();
  /** Accepted reference samples since start. */
  #accepted = 0;
  #driftPpb: number | null;
  #highWater: bigint;
  #highWaterReported = false;
  #leapContradicted = false;
  #expiryReported = false;
  #monitorVerdict: MonitorVerdict = 'none';
  #rememberedMono: bigint;
  #random: number;
  #now: Moment;
  #effects: ClockEffect[] = [];

  constructor(config: DisciplineConfig, memory: ClockMemory, now: Moment) {
    this.#config = config;
    this.#limits = {
      samplesNeeded: config.profile.samplesNeeded,
      addressesNeeded: config.profile.addressesNeeded,
      staleAfterNs: config.profile.staleAfterNs,
      ...config.limits,
    };
    this.#machine = {
      state: memory.quarantined ? 'quarantined' : memory.rateHeld ? 'outOfTolerance' : 'unsynchronised',
      // Readings of an earlier run must not be compared with those of this one.
      epoch: memory.epoch + 1,
      disruptions: memory.disruptions,
      rateHeld: memory.rateHeld,
    };
    this.#driftPpb = memory.driftPpb;
    this.#highWater = memory.highWaterTai;
    this.#rememberedMono = now.mono;
    this.#random = config.seed >>> 0;
    this.#now = now;
    for (const source of config.sources) {
      this.#sources.set(source.name, {
        config: source,
        polling: new SourcePolling(source.profile, memory.sources[source.name], now.mono, now.wallNs),
        accepted: 0,
        rejected: 0,
        unanswered: 0,
        rejectedBy: new Map(),
        last: null,
        monitor: undefined,
        exhaustedReported: false,
      });
    }
  }

  get limits(): MachineLimits {
    return this.#limits;
  }

  /** Inputs must not go back in time. */
  handle(input: ClockInput): readonly ClockEffect[] {
    this.#effects = [];
    this.#now = input.mono >= this.#now.mono ? input : { mono: this.#now.mono, wallNs: input.wallNs };
    switch (input.kind) {
      case 'tick':
        break;
      case 'addresses':
        this.#sources.get(input.source)?.polling.setAddresses(input.addresses);
        break;
      case 'answer':
        this.#onAnswer(input.source, input.address, input.exchange);
        break;
      case 'noAnswer':
        this.#onNoAnswer(input.source, input.address);
        break;
      case 'suspended':
        this.#disrupt('suspended', `the host slept for ${input.forNs.toString()} ns`);
        break;
      case 'wallStepped':
        this.#anomaly(
          'wallClockStepped',
          null,
          `the host's wall clock was stepped by ${input.byNs.toString()} ns`,
        );
        break;
      case 'release':
        this.#onRelease(input.what);
        break;
    }
    this.#housekeeping();
    return this.#effects;
  }

  /** Earliest monotonic instant at which `tick` has something to do beside housekeeping. */
  nextPollMono(): bigint {
    let next: bigint | null = null;
    for (const { polling } of this.#sources.values()) {
      if (next === null || polling.nextMono < next) next = polling.nextMono;
    }
    return next ?? this.#now.mono + 1_000_000_000n;
  }

  published(): Published {
    const { bound, overlay, lastMono } = this.#epoch;
    return {
      state: this.#machine.state,
      epoch: this.#machine.epoch,
      samples: this.#accepted,
      known:
        bound === null || overlay === null || lastMono === null
          ? null
          : { bound, overlay, lastSampleMono: lastMono },
      leap: leapStateAt(this.#config.table, this.#leapInstant(), this.#leapContradicted),
      unmonitored: this.#unmonitored(),
    };
  }

  memory(): ClockMemory {
    return {
      driftPpb: this.#driftPpb,
      highWaterTai: this.#highWater,
      epoch: this.#machine.epoch,
      quarantined: this.#machine.state === 'quarantined',
      rateHeld: this.#machine.rateHeld,
      disruptions: this.#machine.disruptions,
      sources: Object.fromEntries([...this.#sources].map(([name, { polling }]) => [name, polling.memory()])),
    };
  }

  sourceStatus(): readonly SourceStatus[] {
    return [...this.#sources.values()].map((source) => ({
      name: source.config.name,
      role: source.config.role,
      addresses: source.polling.addresses,
      accepted: source.accepted,
      rejected: source.rejected,
      unanswered: source.unanswered,
      rejectedBy: Object.fromEntries(source.rejectedBy),
      lastOffsetNs: source.last?.offset ?? 0n,
      lastUncertaintyNs: source.last?.uncertainty ?? 0n,
      lastDelayNs: source.last?.delay ?? 0n,
      lastMono: source.last?.mono ?? null,
      questionsLeft: questionsLeft(source.polling.budget),
    }));
  }

  // ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────

  #onAnswer(name: string, address: string, exchange: Exchange): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    const { table } = this.#config;
    const { profile, refid } = source.config;
    const judgement = judge(exchange, { profile, refid, nearLeap: (posixNs) => nearLeap(table, posixNs) });
    switch (judgement.kind) {
      case 'rejected':
        this.#reject(source, address, judgement.failed);
        return;
      case 'kiss':
        source.polling.kiss(judgement.code, address, this.#now.wallNs);
        this.#reject(source, address, 'notKissOfDeath');
        this.#emit({
          kind: 'kod',
          ...this.#eventTime(),
          source: name,
          address,
          code: judgement.code,
          authenticated: judgement.authenticated,
        });
        this.#effects.push({ kind: 'remember' });
        return;
      case 'accepted': {
        const sample = makeSample(exchange, judgement.decoded, judgement.times, table);
        const authenticated = exchange.authentication === 'good';
        if (source.config.role === 'monitor') this.#onMonitorSample(source, address, sample, authenticated);
        else this.#onReferenceSample(source, address, sample, authenticated);
      }
    }
  }

  #onNoAnswer(name: string, address: string): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    source.unanswered++;
    this.#reject(source, address, 'answered');
  }

  #reject(source: SourceState, address: string, test: PacketTest | 'innovation' | 'answered'): void {
    source.rejected++;
    source.rejectedBy.set(test, (source.rejectedBy.get(test) ?? 0) + 1);
    this.#emit({ kind: 'sampleRejected', ...this.#eventTime(), source: source.config.name, address, test });
  }

  #onReferenceSample(source: SourceState, address: string, sample: Sample, authenticated: boolean): void {
    const { state, rateHeld } = this.#machine;
    if (state === 'quarantined' || rateHeld) return;
    this.#checkIndicator(source, sample);
    const bound = this.#absorbIntoBound(sample, source.config.name);
    if (bound === null) return;
    if (this.#isSuspect(source, address, sample)) return;
    this.#step({ kind: 'sample' }, '');
    // Re-acquisition began a new epoch, in which this sample is the first; the bound was not contradicted and stays true.
    const epoch = this.#epoch;
    epoch.bound = bound;
    epoch.samples++;
    epoch.addresses.add(address);
    epoch.firstMono ??= sample.mid;
    epoch.lastMono = sample.m4;
    this.#accepted++;
    source.accepted++;
    this.#compare(source, address, sample, authenticated);
    this.#learn(sample);
    this.#serve();
  }

  #firstBound(sample: Sample): Bound {
    return boundFromSample(sample, sample.m4, 0n, this.#config.profile.rhoColdPpb);
  }

  /** The bound with this sample; null if the two exclude each other, which was then dealt with. */
  #absorbIntoBound(sample: Sample, name: string): Bound | null {
    const { bound } = this.#epoch;
    if (bound === null) return this.#firstBound(sample);
    const joined = intersectSample(bound, sample);
    if (joined !== null) return joined;
    const at = sample.m4 > bound.mono ? sample.m4 : bound.mono;
    const known = boundAt(bound, at);
    this.#disrupt(
      'emptyIntersection',
      `${name} says TAI − mono is in [${sample.lo.toString()}, ${sample.hi.toString()}] ns, ` +
        `but it must be in [${known.lo.toString()}, ${known.hi.toString()}] ns`,
    );
    return null;
  }

  #isSuspect(source: SourceState, address: string, sample: Sample): boolean {
    const epoch = this.#epoch;
    const fit = epoch.estimate;
    if (fit === null || fit.samples < tuning.minRegressionSamples) return false;
    const drift = scaleUp(sample.m4 > fit.mono ? sample.m4 - fit.mono : 0n, epoch.bound?.rhoPpb ?? 0n);
    if (!isSuspicious(fit, epoch.window, sample, source.config.profile.innovationFloorNs, drift)) {
      epoch.suspects = 0;
      return false;
    }
    epoch.suspects++;
    const detail = `${source.config.name} lies ${innovation(fit, sample).toString()} ns from the expected time`;
    this.#reject(source, address, 'innovation');
    if (epoch.suspects >= 2) this.#disrupt('innovation', `${detail}, for the second time in a row`);
    else this.#anomaly('suspectSample', source.config.name, detail);
    return true;
  }

  /** Refits the line and, from it, the assumptions about the oscillator's rate. */
  #learn(sample: Sample): void {
    const epoch = this.#epoch;
    const previous = epoch.estimate;
    const fitted = previous !== null && previous.samples >= tuning.minRegressionSamples;
    if (fitted && isTooSlow(previous, epoch.window, sample)) {
      epoch.slowInARow++;
      // Several in a row are no outliers: the path has changed, and its new delay is the usual one from now on.
      if (epoch.slowInARow < tuning.slowToAdopt) return;
    } else {
      epoch.slowInARow = 0;
    }
    epoch.window = [...epoch.window, sample].slice(-tuning.maxSamples);
    const fit = estimate(epoch.window, this.#driftPpb ?? 0, Number(this.#config.profile.rhoColdPpb));
    epoch.estimate = fit;
    // The window as the runs test left it: what does not fit the line any more never will again.
    if (fit.samples >= tuning.minRegressionSamples) epoch.window = epoch.window.slice(-fit.samples);
    if (!Number.isFinite(fit.skewPpb)) return;
    if (this.#rateIsAbsurd(fit, previous)) {
      this.#step({ kind: 'excessRate' }, `the oscillator seems to be off by ${fit.ratePpb.toFixed(0)} ppb`);
      return;
    }
    this.#driftPpb = fit.ratePpb;
    this.#assumeRate(fit);
  }

  #rateIsAbsurd(fit: Estimate, previous: Estimate | null): boolean {
    if (Math.abs(fit.ratePpb) - fit.skewPpb > tuning.maxRatePpb) return true;
    if (previous === null || !Number.isFinite(previous.skewPpb)) return false;
    const change = Math.abs(fit.ratePpb - previous.ratePpb) - fit.skewPpb - previous.skewPpb;
    return change > Number(this.#epoch.bound?.rhoPpb ?? this.#config.profile.rhoColdPpb);
  }

  /** Cold, the oscillator is assumed to be nominal ± ρ_cold. Warm, it is assumed to keep the measured rate ± ρ. */
  #assumeRate(fit: Estimate): void {
    const { profile } = this.#config;
    const { bound, firstMono, samples } = this.#epoch;
    if (bound === null || firstMono === null) return;
    if (this.#now.mono - firstMono < profile.coldForNs || samples < profile.samplesNeeded) return;
    const measured = BigInt(Math.round(fit.ratePpb));
    const skew = BigInt(Math.ceil(fit.skewPpb));
    const frozen = bound.ratePpb;
    const excess = measured > frozen ? measured - frozen : frozen - measured;
    // The frozen rate follows only when it must, and only when the new one is well known.
    const follow =
      (bound.rhoPpb === profile.rhoColdPpb || excess * 3n > profile.rhoFloorPpb) &&
      skew * 3n <= profile.rhoFloorPpb;
    const rate = follow ? measured : frozen;
    const rho = rhoFor(profile.rhoFloorPpb, skew, follow ? 0n : excess, tuning.rhoWanderPpb);
    if (rho >= profile.rhoColdPpb && bound.rhoPpb === profile.rhoColdPpb) return;
    const at = this.#now.mono > bound.mono ? this.#now.mono : bound.mono;
    this.#epoch.bound = withRate(bound, at, rate, rho < profile.rhoColdPpb ? rho : profile.rhoColdPpb);
  }

  /** Bends the served time towards the estimate, held within the bound; while nothing is served it is set at once. */
  #serve(): void {
    const epoch = this.#epoch;
    const { bound, estimate: fit } = epoch;
    if (bound === null || fit === null) return;
    const mono = this.#now.mono > bound.mono ? this.#now.mono : bound.mono;
    const { lo, hi } = boundAt(bound, mono);
    const expected = predict(fit, mono);
    const offset = expected < lo ? lo : expected > hi ? hi : expected;
    const rate = BigInt(Math.round(fit.ratePpb));
    const serving = this.#machine.state === 'synchronised' || this.#machine.state === 'holdover';
    epoch.overlay =
      epoch.overlay !== null && serving
        ? steer(epoch.overlay, mono, mono + offset, rate)
        : seedOverlay(mono, taiNs(mono + offset), rate);
  }

  // ── comparisons and monitors ───────────────────────────────────────────────────────────────────────────────────

  /** TAA − source at the middle of the exchange, by the time that was being served then. */
  #compare(source: SourceState, address: string, sample: Sample, authenticated: boolean): void {
    const { overlay, bound } = this.#epoch;
    const rho = bound?.rhoPpb ?? this.#config.profile.rhoColdPpb;
    const half = (sample.hi - sample.lo + 1n) / 2n;
    // A piece of served time that began after the middle of the exchange is compared where it began.
    const at = overlay !== null && overlay.mono > sample.mid ? overlay.mono : sample.mid;
    const uncertainty = (half > 0n ? half : 0n) + scaleUp(sample.m4 - sample.m1 + at - sample.mid, rho) + 1n;
    const offset = overlay === null ? 0n : overlayAt(overlay, at) - (at + sample.theta);
    source.last = { offset, uncertainty, delay: sample.delay, mono: sample.m4 };
    if (overlay === null) return;
    const time = this.#eventTime();
    const reference = source.config.role === 'reference';
    this.#emit({
      kind: 'comparison',
      ...time,
      source: source.config.name,
      address,
      role: source.config.role,
      authenticated,
      offset: durNs(offset),
      uncertainty: durNs(uncertainty),
      delay: durNs(sample.delay),
      state: this.#machine.state,
      sample: reference ? this.#accepted : 0,
      taiMinusUtc: this.#taiMinusUtc(),
    });
  }

  #onMonitorSample(source: SourceState, address: string, sample: Sample, authenticated: boolean): void {
    source.accepted++;
    this.#checkIndicator(source, sample);
    source.monitor = observe(
      source.monitor,
      source.config.name,
      authenticated,
      sample,
      this.#epoch.bound,
      this.#config.profile.rhoColdPpb,
    );
    this.#compare(source, address, sample, authenticated);
    const views = [...this.#sources.values()].flatMap(({ monitor }) =>
      monitor === undefined ? [] : [monitor],
    );
    const latest = views.reduce(
      (mono, view) => (view.says.mono > mono ? view.says.mono : mono),
      this.#now.mono,
    );
    const verdict = verdictOf(views, latest);
    if (verdict === this.#monitorVerdict) return;
    this.#monitorVerdict = verdict;
    const names = views.filter((view) => view.disagreements > 0).map((view) => view.name);
    switch (verdict) {
      case 'none':
        this.#anomaly('referenceCleared', source.config.name, 'the monitors agree with the reference again');
        return;
      case 'suspected':
        this.#anomaly(
          'referenceSuspected',
          source.config.name,
          `the reference looks abnormal to: ${names.join(', ')}`,
        );
        return;
      case 'confirmed': {
        const detail = `authenticated monitors agree against the reference: ${names.join(', ')}`;
        this.#anomaly('referenceConfirmed', source.config.name, detail);
        this.#step({ kind: 'referenceAnomaly' }, detail);
      }
    }
  }

  /** No monitor has been heard lately: nobody can vouch for the reference. */
  #unmonitored(): boolean {
    for (const { config, last, polling } of this.#sources.values()) {
      if (config.role === 'monitor' && last !== null && this.#now.mono - last.mono <= polling.staleAfter())
        return false;
    }
    return true;
  }

  #checkIndicator(source: SourceState, sample: Sample): void {
    if (this.#leapContradicted) return;
    const { table } = this.#config;
    if (!indicatorContradicts(table, taiNs(sample.mid + sample.theta), sample.leapIndicator)) return;
    this.#leapContradicted = true;
    this.#anomaly(
      'leapContradiction',
      source.config.name,
      `leap indicator ${sample.leapIndicator} contradicts the leap table (${table.source})`,
    );
  }

  // ── state ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #disrupt(reason: DisruptionReason, detail: string): void {
    this.#step({ kind: 'disruption', reason, wallNs: this.#now.wallNs }, detail);
  }

  #step(event: MachineEvent, detail: string): void {
    const before = this.#machine;
    const { machine, reason } = machineStep(before, event, this.#limits);
    this.#machine = machine;
    if (reason === null) return;
    // The event tells the time as it was known when it happened, before the epoch's knowledge is dropped.
    const time = { ...this.#eventTime(), epoch: machine.epoch };
    if (machine.epoch !== before.epoch) this.#epoch = newEpoch();
    this.#emit({ kind: 'transition', ...time, from: before.state, to: machine.state, reason, detail });
    this.#effects.push({ kind: 'remember' });
  }

  #onRelease(what: ReleaseWhat): void {
    switch (what) {
      case 'latch':
        this.#monitorVerdict = 'none';
        this.#step({ kind: 'released' }, 'released by an operator');
        break;
      case 'highWater':
        this.#highWater = 0n;
        this.#highWaterReported = false;
        break;
      case 'leap':
        this.#leapContradicted = false;
        break;
    }
    this.#effects.push({ kind: 'remember' });
  }

  #housekeeping(): void {
    this.#assess();
    this.#checkTable();
    this.#poll();
    if (this.#now.mono - this.#rememberedMono >= REMEMBER_EVERY_NS) this.#effects.push({ kind: 'remember' });
    if (this.#effects.some(({ kind }) => kind === 'remember')) {
      this.#rememberedMono = this.#now.mono;
      this.#effects = [...this.#effects.filter(({ kind }) => kind !== 'remember'), { kind: 'remember' }];
    }
  }

  #assess(): void {
    const { known } = this.published();
    if (known === null) return;
    const instants = knownAt(known, this.#now.mono);
    const ahead = this.#highWater - instants.best;
    const event: MachineEvent = {
      kind: 'assess',
      facts: {
        samples: this.#epoch.samples,
        addresses: this.#epoch.addresses.size,
        ageNs: this.#now.mono - known.lastSampleMono,
        halfWidthNs: halfWidthOf(instants),
        aboveHighWater: ahead <= 0n,
      },
    };
    this.#step(event, '');
    const { state } = this.#machine;
    if (state === 'synchronised' || state === 'holdover') {
      if (instants.best > this.#highWater) this.#highWater = instants.best;
    } else if (state === 'acquiring' && ahead > HIGH_WATER_SUSPECT_NS && !this.#highWaterReported) {
      this.#highWaterReported = true;
      this.#anomaly(
        'highWaterAhead',
        null,
        `a time ${ahead.toString()} ns ahead of the reference was served before; an operator must release the high-water mark`,
      );
    }
  }

  #checkTable(): void {
    if (this.#expiryReported || this.#epoch.overlay === null) return;
    if (!leapTableExpired(this.#config.table, this.#leapInstant())) return;
    this.#expiryReported = true;
    this.#anomaly(
      'leapTableExpired',
      null,
      `the leap table (${this.#config.table.source}) has expired; install the current one`,
    );
  }

  #poll(): void {
    const { state, rateHeld } = this.#machine;
    for (const source of this.#sources.values()) {
      const startingUp =
        source.config.role === 'reference' &&
        !rateHeld &&
        (state === 'unsynchronised' ||
          state === 'acquiring' ||
          state === 'disrupted' ||
          state === 'outOfTolerance') &&
        this.#epoch.samples < this.#limits.samplesNeeded;
      const address = source.polling.due(this.#now.mono, this.#now.wallNs, startingUp, this.#draw());
      if (address !== null) this.#effects.push({ kind: 'ask', source: source.config.name, address });
      if (source.polling.exhausted !== source.exhaustedReported) {
        source.exhaustedReported = source.polling.exhausted;
        if (source.exhaustedReported) {
          this.#anomaly(
            'budgetExhausted',
            source.config.name,
            'the polling budget is used up; polling waits until it refills',
          );
        }
      }
    }
  }

  /** Numerical Recipes' linear congruential generator: enough to spread polls. */
  #draw(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#random / 2 ** 32;
  }

  // ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Instant for questions about leaps: served time, or the wall clock's guess before any is known. */
  #leapInstant(): ReturnType<typeof taiNs> {
    const { overlay } = this.#epoch;
    return overlay === null ? taiNs(this.#now.wallNs) : overlayAt(overlay, this.#now.mono);
  }

  #taiMinusUtc(): number {
    const { table } = this.#config;
    const at = this.#leapInstant();
    let value = table.entries[0].taiMinusUtc;
    for (const entry of table.entries) if (at >= entry.sinceTai) value = entry.taiMinusUtc;
    return value;
  }

  #eventTime(): EventTime {
    const { known } = this.published();
    const instants = known === null ? null : knownAt(known, this.#now.mono);
    return {
      mono: this.#now.mono,
      tai: instants === null ? null : { earliest: instants.earliest, latest: instants.latest },
      epoch: this.#machine.epoch,
    };
  }

  #anomaly(code: AnomalyCode, source: string | null, detail: string): void {
    this.#emit({ kind: 'anomaly', ...this.#eventTime(), code, source, detail });
  }

  #emit(event: ClockEvent): void {
    this.#effects.push({ kind: 'event', event });
  }
}

/**
 * The whole clock without its sockets: inputs in, effects out. The worker feeds it real exchanges, the tests and the
 * whole-node simulator feed it simulated ones; the same input gives the same output.
 *
 * Invariants: a monitor's sample never reaches bound, estimate or served time; the served time moves back never, and jumps
 * only between epochs; everything that restricts is published by the same call that found it out.
 */

import { taiMinusUtcAt } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { NS_PER_S, durNs, taiNs } from '../../time/types.js';
import type { ClockState, MonoNs, TaiNs } from '../../time/types.js';
import type { AnomalyCode, ClockEvent, EventTime, RejectionTest } from './events.js';
import type { HostReport } from './host-report.js';
import type { ClockEffect, ClockInput, DisciplineConfig, Moment, ReleaseWhat } from './inputs.js';
import { inSmearWindow, isSmearRate } from './leap-policy.js';
import { LeapKeeper } from './leap-keeper.js';
import type { PossibleLeap } from './leap-keeper.js';
import { machineStep } from './machine.js';
import type { DisruptionReason, Machine, MachineEvent, MachineLimits } from './machine.js';
import type { ClockMemory } from './memory.js';
import { looksSmeared, observe, verdictOf } from './monitors.js';
import type { MonitorVerdict, MonitorView } from './monitors.js';
import { overlayAt } from './overlay.js';
import { NOTHING_KNOWN } from './peer-packet.js';
import type { PeerStamp } from './peer-packet.js';
import { isServing } from './peer-relation.js';
import type { NodeView, PeerExchange, Range } from './peer-relation.js';
import { PeerWatch } from './peers.js';
import type { PeerStatus, RoundVerdict } from './peers.js';
import { boundAt } from './bound.js';
import { halfWidthOf, knownAt } from './reading.js';
import type { Published } from './reading.js';
import type { Sample } from './sample.js';
import { Source } from './source.js';
import type { SourceStatus } from './source.js';
import { Tracker } from './tracker.js';
import type { Exchange } from './verdict.js';

/** The memory is offered for writing at least this often while time is served. */
const REMEMBER_EVERY_NS = 10_000_000_000n;

/** A memory whose high-water mark is further ahead than this was poisoned: an operator must look. */
const HIGH_WATER_SUSPECT_NS = 1_000_000_000n;

export class Discipline {
  readonly #config: DisciplineConfig;
  readonly #limits: MachineLimits;
  readonly #sources = new Map<string, Source>();
  readonly #peers: PeerWatch | null;
  readonly #leap: LeapKeeper;
  #machine: Machine;
  #tracker: Tracker;
  /** Accepted reference samples since start. */
  #accepted = 0;
  #driftPpb: number | null;
  /** Rate as it was when no leap second was near. */
  #driftBeforeLeap: number | null = null;
  #smearing = new Set<string>();
  #highWater: bigint;
  #highWaterReported = false;
  #monitorVerdict: MonitorVerdict = 'none';
  #peerRounds = 0;
  /** What is known here and what a peer promised in the last round cannot both be true. */
  #inDoubt = false;
  /** The last release that was carried out. */
  #released: number;
  /** When the clock last lost its ground. What was asked before says nothing about the time after. */
  #disruptedMono: MonoNs;
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
      state: rememberedState(memory),
      // Readings of an earlier run must not be compared with those of this one.
      epoch: memory.epoch + 1,
      disruptions: memory.disruptions,
      rateHeld: memory.rateHeld,
      disputed: memory.disputed,
    };
    this.#peers = config.peers === undefined ? null : new PeerWatch(config.peers, now.mono);
    this.#released = memory.released;
    this.#leap = new LeapKeeper(config.leap);
    this.#driftPpb = memory.driftPpb;
    this.#tracker = new Tracker(config.profile, memory.driftPpb);
    this.#highWater = memory.highWaterTai;
    this.#disruptedMono = now.mono;
    this.#rememberedMono = now.mono;
    this.#random = config.seed >>> 0;
    this.#now = now;
    for (const source of config.sources) {
      this.#sources.set(source.name, new Source(source, memory.sources[source.name], now.mono, now.wallNs));
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
        this.#onAddresses(input.source, input.addresses);
        break;
      case 'trouble':
        if (this.#sources.get(input.source)?.newTrouble(input.code) === true)
          this.#anomaly(input.code, input.source, input.detail);
        break;
      case 'hostReport':
        this.#onHostReport(input.source, input.address, input.report);
        break;
      case 'answer':
        this.#onAnswer(input.source, input.address, input.exchange);
        break;
      case 'noAnswer':
        this.#onNoAnswer(input.source, input.address);
        break;
      case 'peerAnswer':
        this.#peers?.answered(input.peer, input.round, input.exchange, this.#now.mono);
        break;
      case 'peerSocketFailed':
        this.#anomaly('peerSocketFailed', null, input.detail);
        break;
      case 'peerRounds':
        this.#peers?.want(input.rounds);
        break;
      case 'machineDisrupted':
        this.#disrupt('machineDisrupted', input.detail);
        break;
      case 'paused':
        this.#anomaly('processPaused', null, `the node stood still for ${input.forNs.toString()} ns`);
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
      case 'leapKnowledge':
        this.#leap.learn(input.leap);
        break;
      case 'release':
        this.#onRelease(input.what, input.number);
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
    const peers = this.#peers?.nextMono();
    if (peers !== undefined && (next === null || peers < next)) next = peers;
    return next ?? this.#now.mono + 1_000_000_000n;
  }

  published(): Published {
    return {
      state: this.#machine.state,
      epoch: this.#machine.epoch,
      samples: this.#accepted,
      known: this.#tracker.known,
      leap: this.#leap.stateAt(this.#leapInstant()),
      unmonitored: this.#unmonitored(),
      peers: this.#peers?.verdict ?? 'unknown',
      peerRounds: this.#peerRounds,
    };
  }

  /** What this node says of itself to a peer at `mono`. */
  stampAt(mono: MonoNs): PeerStamp {
    const claim = this.#claimAt(mono);
    if (claim === null) return { mono, ...NOTHING_KNOWN };
    return { mono, earliest: taiNs(mono + claim.lo), latest: taiNs(mono + claim.hi) };
  }

  /** What stands beside the stamps. */
  standing(): Pick<PeerExchange, 'state' | 'disputed' | 'epoch' | 'ratePpb' | 'rhoPpb'> {
    const bound = this.#tracker.bound;
    return {
      state: this.#machine.state,
      disputed: this.#machine.disputed,
      epoch: this.#machine.epoch,
      ratePpb: bound?.ratePpb ?? 0n,
      rhoPpb: bound?.rhoPpb ?? this.#config.profile.rhoColdPpb,
    };
  }

  peerStatus(): readonly PeerStatus[] {
    return this.#peers?.status() ?? [];
  }

  get rate(): Tracker['rate'] {
    return this.#tracker.rate;
  }

  /** The table that labels are made with now. */
  get table(): LeapTable {
    return this.#leap.table;
  }

  /** The next possible leap second, and what is decided about it. */
  comingLeap(): PossibleLeap {
    return this.#leap.coming(this.#leapInstant());
  }

  memory(): ClockMemory {
    return {
      driftPpb: this.#driftPpb,
      highWaterTai: this.#highWater,
      epoch: this.#machine.epoch,
      quarantined: this.#machine.state === 'quarantined',
      rateHeld: this.#machine.rateHeld,
      disputed: this.#machine.disputed,
      released: this.#released,
      disruptions: this.#machine.disruptions,
      sources: Object.fromEntries([...this.#sources].map(([name, { polling }]) => [name, polling.memory()])),
    };
  }

  /**
   * How long until enough samples are held to serve time, if every question is answered: by pace and budget of the
   * references, which are asked side by side. 0 while time is served; null if an operator must act or nobody can be asked.
   */
  timeToSynchronisation(): bigint | null {
    if (this.#isServing()) return 0n;
    if (this.#machine.state === 'quarantined' || this.#machine.rateHeld) return null;
    const { mono, wallNs } = this.#now;
    const references = [...this.#sources.values()].filter(({ role }) => role === 'reference');
    const askable = references.filter(({ polling }) => polling.timeFor(0, mono, wallNs, true) !== null);
    const missing = Math.max(1, this.#limits.samplesNeeded - this.#tracker.samples);
    const each = Math.ceil(missing / Math.max(1, askable.length));
    const times = askable.flatMap(({ polling }) => polling.timeFor(each, mono, wallNs, true) ?? []);
    return times.length === 0 ? null : times.reduce((a, b) => (a > b ? a : b));
  }

  sourceStatus(): readonly SourceStatus[] {
    return [...this.#sources.values()].map((source) => source.status());
  }

  // ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────

  #onAnswer(name: string, address: string, exchange: Exchange): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    const answer = source.judge(exchange, this.#leap.table);
    switch (answer.kind) {
      case 'rejected':
        this.#reject(source, address, answer.test);
        return;
      case 'kiss':
        source.polling.kiss(answer.code, address, this.#now.wallNs);
        this.#reject(source, address, 'notKissOfDeath');
        this.#emit({
          kind: 'kod',
          ...this.#eventTime(),
          source: name,
          address,
          code: answer.code,
          authenticated: answer.authenticated,
        });
        this.#effects.push({ kind: 'remember' });
        return;
      case 'sample':
        this.#onSample(source, address, answer.sample, answer.authenticated);
    }
  }

  /**
   * A host that slept while the answer was under way has not counted that time: `hi`, true when the question left, is false
   * when the answer is read. Such an exchange is as good as none.
   */
  #onSample(source: Source, address: string, sample: Sample, authenticated: boolean): void {
    if (sample.m1 < this.#disruptedMono) this.#reject(source, address, 'answered');
    else if (source.role === 'monitor') this.#onMonitorSample(source, address, sample, authenticated);
    else this.#onReferenceSample(source, address, sample, authenticated);
  }

  #onAddresses(name: string, addresses: readonly string[]): void {
    const source = this.#sources.get(name);
    source?.polling.setAddresses(addresses);
    if (addresses.length > 0) source?.newTrouble(null);
  }

  #onHostReport(name: string, address: string, report: HostReport): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    const { role, follows } = source;
    const answer = source.judgeHost(report, this.#leap.table);
    if (answer.kind === 'rejected') this.#reject(source, address, answer.test);
    if (answer.kind !== 'sample') return;
    if (source.role !== role || (follows !== null && source.follows !== follows)) {
      const detail = `chronyd now follows ${source.follows ?? 'nothing'}: this source is a ${source.role}`;
      this.#anomaly('sourceRoleChanged', name, detail);
    }
    this.#onSample(source, address, answer.sample, answer.authenticated);
  }

  #onNoAnswer(name: string, address: string): void {
    const source = this.#sources.get(name);
    if (source !== undefined) this.#reject(source, address, 'answered');
  }

  #reject(source: Source, address: string, test: RejectionTest): void {
    source.countRejected(test);
    this.#emit({ kind: 'sampleRejected', ...this.#eventTime(), source: source.config.name, address, test });
  }

  #onReferenceSample(source: Source, address: string, sample: Sample, authenticated: boolean): void {
    const { state, rateHeld } = this.#machine;
    if (state === 'quarantined' || rateHeld) return;
    this.#hearIndicator(source, sample, true);
    const { name } = source.config;
    const verdict = this.#tracker.judgeSample(sample, address, source.config.profile.innovationFloorNs);
    switch (verdict.kind) {
      case 'excluded':
        this.#disrupt('emptyIntersection', `${name} ${verdict.detail}`);
        return;
      case 'suspect': {
        const detail = `${name} lies ${verdict.offNs.toString()} ns from the expected time`;
        this.#reject(source, address, 'innovation');
        if (verdict.inARow >= 2) this.#disrupt('innovation', `${detail}, for the second time in a row`);
        else this.#anomaly('suspectSample', name, detail);
        return;
      }
      case 'fits':
        // This may begin a new epoch: re-acquisition keeps the bound, which nothing contradicts, and sets the served time anew.
        this.#step({ kind: 'sample' }, '');
        this.#tracker.accept(sample, address, verdict.bound);
        this.#accepted++;
        this.#leap.confirmed(this.#leapInstant(), this.#machine.epoch);
        this.#compare(source, address, sample, authenticated);
        this.#learn(sample);
    }
  }

  #learn(sample: Sample): void {
    const lesson = this.#tracker.learn(sample, this.#now.mono);
    if (lesson.kind === 'absurdRate') {
      this.#step(
        { kind: 'excessRate' },
        `the oscillator seems to be off by ${lesson.ratePpb.toFixed(0)} ppb`,
      );
      return;
    }
    if (this.#smears(lesson.driftPpb, lesson.skewPpb)) return;
    if (lesson.driftPpb !== null) this.#driftPpb = lesson.driftPpb;
    this.#tracker.serve(this.#now.mono, this.#isServing());
  }

  /** Near a leap second of the table a reference that smears it is refused: what it says is not UTC(NICT). */
  #smears(driftPpb: number | null, skewPpb: number): boolean {
    if (driftPpb === null) return false;
    if (!inSmearWindow(this.#leap.table, this.#leapInstant())) {
      this.#driftBeforeLeap = driftPpb;
      return false;
    }
    this.#driftBeforeLeap ??= this.#driftPpb;
    if (this.#driftBeforeLeap === null || !isSmearRate(this.#driftBeforeLeap, driftPpb, skewPpb))
      return false;
    const detail = `within a day of a leap second the oscillator seems to change by ${(driftPpb - this.#driftBeforeLeap).toFixed(0)} ppb: the reference seems to smear it`;
    this.#anomaly('smearSuspected', null, detail);
    this.#step({ kind: 'referenceAnomaly' }, detail);
    return true;
  }

  #isServing(): boolean {
    return this.#machine.state === 'synchronised' || this.#machine.state === 'holdover';
  }

  // ── comparisons and monitors ───────────────────────────────────────────────────────────────────────────────────

  #compare(source: Source, address: string, sample: Sample, authenticated: boolean): void {
    const comparison = this.#tracker.compare(sample);
    source.countAccepted(sample, comparison, authenticated);
    if (comparison === null) return;
    const { role } = source;
    this.#emit({
      kind: 'comparison',
      ...this.#eventTime(),
      source: source.config.name,
      address,
      role,
      authenticated,
      offset: durNs(comparison.offset),
      uncertainty: durNs(comparison.uncertainty),
      delay: durNs(sample.delay),
      state: this.#machine.state,
      sample: role === 'reference' ? this.#accepted : 0,
      taiMinusUtc: taiMinusUtcAt(this.#leapInstant(), this.#leap.table),
    });
  }

  #onMonitorSample(source: Source, address: string, sample: Sample, authenticated: boolean): void {
    this.#hearIndicator(source, sample, authenticated);
    source.monitor = observe(
      source.monitor,
      source.config,
      authenticated,
      sample,
      this.#tracker.bound,
      this.#config.profile.rhoColdPpb,
    );
    this.#compare(source, address, sample, authenticated);
    // Who has fallen silent has no vote: what it last said would agree with anyone in the end.
    const heard = [...this.#sources.values()].filter((one) => one.heardLately(this.#now.mono));
    const views = heard.flatMap(({ monitor }) =>
      monitor === undefined || this.#isSmearing(monitor) ? [] : [monitor],
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

  /** Told once for each monitor and smear. */
  #isSmearing(view: MonitorView): boolean {
    const { bound } = this.#tracker;
    const smeared =
      bound !== null &&
      view.disagreements > 0 &&
      inSmearWindow(this.#leap.table, this.#leapInstant()) &&
      looksSmeared(view, bound);
    if (!smeared) this.#smearing.delete(view.name);
    else if (!this.#smearing.has(view.name)) {
      this.#smearing.add(view.name);
      const detail = 'within a day of a leap second it is off by less than a second: it seems to smear';
      this.#anomaly('smearSuspected', view.name, detail);
    }
    return smeared;
  }

  /** No monitor has been heard lately: nobody can vouch for the reference. */
  #unmonitored(): boolean {
    for (const source of this.#sources.values()) {
      if (source.role === 'monitor' && source.heardLately(this.#now.mono)) return false;
    }
    return true;
  }

  #hearIndicator(source: Source, sample: Sample, mayVote: boolean): void {
    this.#leap.heard(source.config.name, sample.leapIndicator, mayVote, taiNs(sample.mid + sample.theta));
  }

  // ── peers ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #watchPeers(): void {
    const peers = this.#peers;
    if (peers === null) return;
    const outcome = peers.close(this.#now.mono, (at) => this.#ownView(at));
    if (outcome !== null) {
      this.#inDoubt = outcome.inDoubt;
      if (outcome.verdict === 'agree') this.#peerRounds++;
      for (const { code, peer, detail } of outcome.notes) this.#anomaly(code, peer, detail);
      this.#onRound(outcome.verdict, outcome.oscillators, outcome.detail);
      this.#effects.push({ kind: 'peerRound' });
    }
    const due = peers.due(this.#now.mono);
    if (due !== null) this.#effects.push({ kind: 'askPeers', round: due.number, peers: due.peers });
  }

  /**
   * A clock that serves stops at once. One that does not serve yet is only kept from serving, unless its oscillator is in
   * doubt: then its samples, too, no longer belong together.
   */
  #onRound(verdict: RoundVerdict, oscillators: boolean, detail: string): void {
    if (verdict !== 'outvoted' && verdict !== 'disputed') return;
    if (this.#tracker.bound === null) return;
    if (this.#isServing() || oscillators) this.#disrupt(verdict, detail);
  }

  #ownView(at: MonoNs): NodeView {
    const { state, epoch, ratePpb, rhoPpb } = this.standing();
    return {
      name: 'this node',
      epoch,
      serving: isServing(state),
      claim: this.#claimAt(at),
      oscillator: { lo: 0n, hi: 0n },
      ratePpb,
      rhoPpb,
    };
  }

  /** Range of TAI − own oscillator; null while nothing is known. */
  #claimAt(mono: MonoNs): Range | null {
    const bound = this.#tracker.bound;
    if (bound === null) return null;
    return boundAt(bound, mono > bound.mono ? mono : bound.mono);
  }

  // ── state ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #disrupt(reason: DisruptionReason, detail: string): void {
    this.#disruptedMono = this.#now.mono;
    this.#step({ kind: 'disruption', reason, wallNs: this.#now.wallNs }, detail);
  }

  #step(event: MachineEvent, detail: string): void {
    const before = this.#machine;
    const { machine, reason } = machineStep(before, event, this.#limits);
    this.#machine = machine;
    if (reason === null) return;
    // The event tells the time as it was known when it happened, before the epoch's knowledge is dropped.
    const time = { ...this.#eventTime(), epoch: machine.epoch };
    if (machine.epoch !== before.epoch) {
      this.#tracker = new Tracker(this.#config.profile, this.#driftPpb);
      this.#peers?.forget();
      this.#inDoubt = false;
    }
    this.#emit({ kind: 'transition', ...time, from: before.state, to: machine.state, reason, detail });
    this.#effects.push({ kind: 'remember' });
  }

  #onRelease(what: ReleaseWhat, number: number): void {
    if (number <= this.#released) return;
    this.#released = number;
    this.#anomaly('released', null, `an operator released: ${what}`);
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
        this.#leap.release();
        break;
    }
    this.#effects.push({ kind: 'remember' });
  }

  #housekeeping(): void {
    this.#watchPeers();
    this.#assess();
    this.#watchLeap();
    this.#poll();
    if (this.#now.mono - this.#rememberedMono >= REMEMBER_EVERY_NS) this.#effects.push({ kind: 'remember' });
    if (this.#effects.some(({ kind }) => kind === 'remember')) {
      this.#rememberedMono = this.#now.mono;
      this.#effects = [...this.#effects.filter(({ kind }) => kind !== 'remember'), { kind: 'remember' }];
    }
  }

  #assess(): void {
    const { known } = this.#tracker;
    if (known === null) return;
    const instants = knownAt(known, this.#now.mono);
    const ahead = this.#highWater - instants.best;
    const event: MachineEvent = {
      kind: 'assess',
      facts: {
        samples: this.#tracker.samples,
        addresses: this.#tracker.addresses,
        ageNs: this.#now.mono - known.lastSampleMono,
        halfWidthNs: halfWidthOf(instants),
        aboveHighWater: ahead <= 0n,
        inDoubt: this.#inDoubt,
      },
    };
    this.#step(event, '');
    if (this.#isServing()) {
      if (instants.best > this.#highWater) this.#highWater = instants.best;
    } else if (
      this.#machine.state === 'acquiring' &&
      ahead > HIGH_WATER_SUSPECT_NS &&
      !this.#highWaterReported
    ) {
      this.#highWaterReported = true;
      this.#anomaly(
        'highWaterAhead',
        null,
        `a time ${ahead.toString()} ns ahead of the reference was served before; an operator must release the high-water mark`,
      );
    }
  }

  #watchLeap(): void {
    // Before anything is served there is no instant that could be put on record.
    if (!this.#isServing()) return;
    for (const finding of this.#leap.look(this.#leapInstant(), this.#machine.epoch)) {
      if (finding.kind === 'leap') this.#emit({ ...finding, ...this.#eventTime() });
      else this.#anomaly(finding.code, finding.source, finding.detail);
    }
  }

  /** Whether samples are still missing: then questions are asked at the start-up's pace, and from its share. */
  #isStartingUp(): boolean {
    const { state, rateHeld } = this.#machine;
    if (rateHeld || state === 'quarantined' || this.#isServing()) return false;
    return this.#tracker.samples < this.#limits.samplesNeeded;
  }

  #poll(): void {
    const startingUp = this.#isStartingUp();
    for (const source of this.#sources.values()) {
      const hurry = startingUp && source.role === 'reference';
      const address = source.polling.due(this.#now.mono, this.#now.wallNs, hurry, this.#draw());
      if (address !== null) {
        source.asked();
        this.#effects.push({ kind: 'ask', source: source.config.name, address });
        // Where questions are dear, each one is on record before the next start can ask again.
        if (source.config.profile.startPollNs >= NS_PER_S) this.#effects.push({ kind: 'remember' });
      }
      if (source.budgetJustExhausted()) {
        const detail = 'the polling budget is used up; polling waits until it refills';
        this.#anomaly('budgetExhausted', source.config.name, detail);
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
  #leapInstant(): TaiNs {
    const { overlay } = this.#tracker;
    return overlay === null ? taiNs(this.#now.wallNs) : overlayAt(overlay, this.#now.mono);
  }

  #eventTime(): EventTime {
    const { known } = this.#tracker;
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

/** A latch that was closed when the node stopped is closed when it starts. */
function rememberedState({ quarantined, rateHeld, disputed }: ClockMemory): ClockState {
  if (quarantined) return 'quarantined';
  if (rateHeld) return 'outOfTolerance';
  return disputed ? 'disrupted' : 'unsynchronised';
}

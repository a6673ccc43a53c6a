import test from 'ava';
import { SimulatedWorld } from './simulated-world.js';
import {
  afterKiss,
  fullBudget,
  mayAsk,
  noBackOff,
  questionsLeft,
  refill,
  spend,
} from '../../src/clock/core/budget.js';
import { Discipline } from '../../src/clock/core/discipline.js';
import { machineStep } from '../../src/clock/core/machine.js';
import type { Assessment, Machine, MachineEvent, MachineLimits } from '../../src/clock/core/machine.js';
import { freshMemory } from '../../src/clock/core/memory.js';
import { SourcePolling } from '../../src/clock/core/polling.js';
import { profiles } from '../../src/clock/core/profile.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { monoNs, NS_PER_S } from '../../src/time/types.js';
import type { ClockState } from '../../src/time/types.js';

const limits: MachineLimits = {
  samplesNeeded: 8,
  addressesNeeded: 2,
  staleAfterNs: 600n,
  syncNs: 10n,
  holdNs: 50n,
};
const ready: Assessment = {
  samples: 8,
  addresses: 2,
  ageNs: 0n,
  halfWidthNs: 5n,
  aboveHighWater: true,
  inDoubt: false,
};
const machine = (state: ClockState, other: Partial<Machine> = {}): Machine => ({
  state,
  epoch: 4,
  disruptions: [],
  rateHeld: false,
  disputed: false,
  ...other,
});

const assess = (facts: Partial<Assessment>): MachineEvent => ({
  kind: 'assess',
  facts: { ...ready, ...facts },
});
const sample: MachineEvent = { kind: 'sample' };
const disruption: MachineEvent = { kind: 'disruption', reason: 'emptyIntersection', wallNs: 10n ** 15n };
const released: MachineEvent = { kind: 'released' };

test('the table of transitions', (t) => {
  const all: ClockState[] = [
    'unsynchronised',
    'acquiring',
    'synchronised',
    'holdover',
    'outOfTolerance',
    'disrupted',
    'quarantined',
  ];
  const rows: [ClockState, string, MachineEvent, ClockState, number][] = [
    ['unsynchronised', 'sample', sample, 'acquiring', 4],
    ['unsynchronised', 'ready without a sample', assess({}), 'unsynchronised', 4],
    ['acquiring', 'sample', sample, 'acquiring', 4],
    ['acquiring', 'ready', assess({}), 'synchronised', 4],
    ['acquiring', 'too few samples', assess({ samples: 7 }), 'acquiring', 4],
    ['acquiring', 'one address', assess({ addresses: 1 }), 'acquiring', 4],
    ['acquiring', 'stale', assess({ ageNs: 601n }), 'acquiring', 4],
    ['acquiring', 'wide', assess({ halfWidthNs: 11n }), 'acquiring', 4],
    ['acquiring', 'in doubt among the peers', assess({ inDoubt: true }), 'acquiring', 4],
    ['acquiring', 'below the high-water mark', assess({ aboveHighWater: false }), 'acquiring', 4],
    ['synchronised', 'good', assess({}), 'synchronised', 4],
    ['synchronised', 'stale', assess({ ageNs: 601n }), 'holdover', 4],
    ['synchronised', 'above the sync limit', assess({ halfWidthNs: 11n }), 'holdover', 4],
    ['synchronised', 'at the hold limit', assess({ halfWidthNs: 50n }), 'holdover', 4],
    ['synchronised', 'above the hold limit', assess({ halfWidthNs: 51n }), 'outOfTolerance', 4],
    ['holdover', 'good', assess({}), 'synchronised', 4],
    ['holdover', 'stale', assess({ ageNs: 601n }), 'holdover', 4],
    ['holdover', 'above the hold limit', assess({ halfWidthNs: 51n }), 'outOfTolerance', 4],
    ['outOfTolerance', 'good bound is not enough', assess({}), 'outOfTolerance', 4],
    ['outOfTolerance', 'sample', sample, 'acquiring', 5],
    ['disrupted', 'good bound is not enough', assess({}), 'disrupted', 4],
    ['disrupted', 'sample', sample, 'acquiring', 4],
    ['quarantined', 'sample', sample, 'quarantined', 4],
    ['quarantined', 'ready', assess({}), 'quarantined', 4],
    ['quarantined', 'disruption', disruption, 'quarantined', 4],
    ['quarantined', 'operator', released, 'unsynchronised', 5],
    ...all
      .filter((s) => s !== 'quarantined')
      .map((s): [ClockState, string, MachineEvent, ClockState, number] => [
        s,
        'disruption',
        disruption,
        'disrupted',
        5,
      ]),
    ...all
      .filter((s) => s !== 'quarantined')
      .map((s): [ClockState, string, MachineEvent, ClockState, number] => [
        s,
        'excess rate',
        { kind: 'excessRate' },
        'outOfTolerance',
        5,
      ]),
    ...all
      .filter((s) => s !== 'quarantined')
      .map((s): [ClockState, string, MachineEvent, ClockState, number] => [
        s,
        'reference anomaly',
        { kind: 'referenceAnomaly' },
        'quarantined',
        5,
      ]),
    ...all
      .filter((s) => s !== 'quarantined')
      .map((s): [ClockState, string, MachineEvent, ClockState, number] => [
        s,
        'nothing to release',
        released,
        s,
        4,
      ]),
  ];
  for (const [from, what, event, to, epoch] of rows) {
    const step = machineStep(machine(from), event, limits);
    t.is(step.machine.state, to, `${from}, ${what}`);
    t.is(step.machine.epoch, epoch, `${from}, ${what}: epoch`);
    // A change has a reason, and only a change has one.
    const changed = from !== to || epoch !== 4;
    t.is(step.reason !== null, changed, `${from}, ${what}: reason`);
  }
});

test('an absurd rate stays until an operator looks, samples or not', (t) => {
  const held = machineStep(machine('synchronised'), { kind: 'excessRate' }, limits).machine;
  t.true(held.rateHeld);
  t.is(machineStep(held, sample, limits).machine.state, 'outOfTolerance');
  const free = machineStep(held, released, limits).machine;
  t.is(free.state, 'unsynchronised');
  t.false(free.rateHeld);
});

test('three disruptions latch if they lie within one hour of wall time, four in two hours do not', (t) => {
  const minute = 60_000_000_000n;
  const at = (times: bigint[]): ClockState =>
    times.reduce(
      (m, minutes) =>
        machineStep(
          { ...m, state: m.state === 'quarantined' ? m.state : 'synchronised' },
          { kind: 'disruption', reason: 'innovation', wallNs: minutes * minute },
          limits,
        ).machine,
      machine('synchronised'),
    ).state;
  t.is(at([0n, 20n, 40n]), 'quarantined');
  t.is(at([0n, 40n, 80n, 120n]), 'disrupted');
  t.is(at([0n, 40n]), 'disrupted');
});

test('the budget fills evenly, keeps a share for starts, and gains nothing from a clock set back', (t) => {
  const profile = profiles['public-nict'];
  const hour = 3_600_000_000_000n;
  let budget = fullBudget(profile, 0n);
  let asked = 0;
  for (let next = spend(budget, profile, false); next !== null; next = spend(budget, profile, false)) {
    budget = next;
    asked++;
  }
  t.is(asked, profile.budgetBurst - profile.budgetStartReserve);
  for (let next = spend(budget, profile, true); next !== null; next = spend(budget, profile, true)) {
    budget = next;
    asked++;
  }
  t.is(asked, profile.budgetBurst);
  t.is(questionsLeft(refill(budget, profile, hour / 2n)), profile.budgetPerHour / 2);
  t.is(questionsLeft(refill(budget, profile, 100n * hour)), profile.budgetBurst);
  const back = refill(budget, profile, -hour);
  t.is(questionsLeft(back), 0);
  t.is(questionsLeft(refill(back, profile, -hour + hour / 2n)), 9);
  // Looking often must not lose what a short time gains.
  let often = budget;
  for (let ms = 0n; ms <= 1_800_000n; ms += 10n) often = refill(often, profile, ms * 1_000_000n);
  t.true(questionsLeft(often) >= 8);
});

test('a crash loop at a public server stays within the hourly budget', (t) => {
  const profile = profiles['public-nict'];
  const source = { name: 'nict', role: 'reference', profile, refid: null } as const;
  const config = {
    sources: [source],
    profile,
    limits: { syncNs: 1n, holdNs: 1n },
    leap: { list: builtinLeapTable, entries: [] },
    seed: 1,
  };
  let memory = freshMemory;
  let asked = 0;
  // A crash every five seconds for six hours, each time right after the first question; only what was offered for
  // writing by then is remembered.
  for (let second = 0n; second < 6n * 3600n; second += 5n) {
    const moment = { mono: monoNs(10n ** 12n), wallNs: second * 1_000_000_000n };
    const clock = new Discipline(config, memory, moment);
    const effects = clock.handle({
      kind: 'addresses',
      source: 'nict',
      addresses: ['192.0.2.1', '192.0.2.2'],
      ...moment,
    });
    asked += effects.filter(({ kind }) => kind === 'ask').length;
    if (effects.some(({ kind }) => kind === 'remember')) memory = clock.memory();
  }
  t.true(asked <= 6 * profile.budgetPerHour + profile.budgetBurst, `${asked} questions`);
  t.true(asked >= 6 * profile.budgetPerHour - 2, `${asked} questions`);
});

test('kiss codes: RATE slows the source down, DENY stops the address for a day, others do nothing', (t) => {
  const profile = profiles['public-nict'];
  const day = 24n * 3_600_000_000_000n;
  const slower = afterKiss(noBackOff, 'RATE', 'a', profile, 0n);
  t.is(slower.pollFactor, 2);
  let slowest = slower;
  for (let i = 0; i < 20; i++) slowest = afterKiss(slowest, 'RATE', 'a', profile, 0n);
  t.true(BigInt(slowest.pollFactor) * profile.pollNs <= 4096n * 1_000_000_000n);
  for (const code of ['DENY', 'RSTR']) {
    const denied = afterKiss(noBackOff, code, 'a', profile, 1_000n);
    t.false(mayAsk(denied, 'a', 1_000n + day - 1n));
    t.true(mayAsk(denied, 'a', 1_000n + day));
    t.true(mayAsk(denied, 'b', 1_000n));
    // A deadline that is further away than any back-off: the wall clock was wrong when it was set.
    t.true(mayAsk(denied, 'a', -day));
  }
  t.is(afterKiss(noBackOff, 'NTSN', 'a', profile, 0n), noBackOff);
});

test('addresses take turns, and a denied one is passed over', (t) => {
  const profile = { ...profiles.lab, jitterPermille: 0 };
  const polling = new SourcePolling(profile, undefined, 0n, 0n);
  polling.setAddresses(['a', 'b', 'c']);
  const ask = (n: number): string | null =>
    polling.due(BigInt(n) * profile.pollNs, BigInt(n) * profile.pollNs, false, 0.5);
  t.deepEqual([0, 1, 2, 3].map(ask), ['a', 'b', 'c', 'a']);
  polling.kiss('DENY', 'b', 0n);
  t.deepEqual([4, 5, 6].map(ask), ['c', 'a', 'c']);
  t.is(polling.due(6n * profile.pollNs + 1n, 0n, false, 0.5), null);
});

test('how long until time is served: by the pace, by what is left of the budget, and unknown when nobody can be asked', (t) => {
  const profile = { ...profiles['public-nict'], jitterPermille: 0 };
  const second = 1_000_000_000n;
  const fresh = new SourcePolling(profile, undefined, 0n, 0n);
  t.is(fresh.timeFor(8, 0n, 0n, true), null, 'no address');
  fresh.setAddresses(['a', 'b']);
  t.is(fresh.timeFor(8, 0n, 0n, true), 7n * 16n * second);
  t.is(fresh.timeFor(8, 0n, 0n, false), 7n * 220n * second, 'the pace of ordinary polling');
  const used = (milliTokens: bigint): SourcePolling => {
    const polling = new SourcePolling(
      profile,
      { budget: { milliTokens, updatedWallNs: 0n }, backOff: noBackOff },
      0n,
      0n,
    );
    polling.setAddresses(['a']);
    return polling;
  };
  t.is(used(8000n).timeFor(8, 0n, 0n, true), 7n * 16n * second);
  // Six are missing, at 18 an hour.
  t.is(used(2000n).timeFor(8, 0n, 0n, true), 6n * 200n * second);
  t.is(used(2000n).timeFor(8, 0n, 600n * second, true), 3n * 200n * second, 'ten minutes later');
  // Ordinary polling leaves the share of a start alone.
  t.is(used(8000n).timeFor(1, 0n, 0n, false), 200n * second);
  fresh.kiss('DENY', 'a', 0n);
  fresh.kiss('DENY', 'b', 0n);
  t.is(fresh.timeFor(8, 0n, 0n, true), null, 'all of them have denied');
});

test('the time to synchronisation counts down, is nothing while time is served, and nobody knows it in quarantine', (t) => {
  const world = new SimulatedWorld({ seed: 4, profile: profiles['public-nict'] });
  world.input({ kind: 'addresses', source: 'nict', addresses: ['192.0.2.1', '192.0.2.2'] });
  const first = world.discipline.timeToSynchronisation() ?? 0n;
  t.true(first > 90n * NS_PER_S && first <= 130n * NS_PER_S, first.toString());
  world.run(60n * NS_PER_S);
  const later = world.discipline.timeToSynchronisation() ?? 0n;
  t.true(later < first - 40n * NS_PER_S, later.toString());
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  t.is(world.discipline.timeToSynchronisation(), 0n);
  const latched = new SimulatedWorld({ seed: 4, memory: { ...freshMemory, quarantined: true } });
  t.is(latched.discipline.timeToSynchronisation(), null);
});

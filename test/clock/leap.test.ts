import test from 'ava';
import {
  indicatorContradicts,
  leapStateAt,
  nearLeap,
  nextPossibleLeap,
} from '../../src/clock/core/leap-policy.js';
import { builtinLeapTable, posixNsFromTai, withLeap } from '../../src/time/leap-table.js';
import type { LeapTable } from '../../src/time/leap-table.js';
import { NS_PER_S, taiNs } from '../../src/time/types.js';
import type { LeapState, TaiNs } from '../../src/time/types.js';
import { formatUtc, parseUtc } from '../../src/time/utc-label.js';
import { SimulatedWorld } from './simulated-world.js';

const JULY_2027 = 1_814_400_000n;
const inserted = withLeap(builtinLeapTable, JULY_2027, 38, 1_900_000_000n, 'with an insertion');
const removed = withLeap(builtinLeapTable, JULY_2027, 36, 1_900_000_000n, 'with a removal');
const silent: LeapTable = { ...builtinLeapTable, expiresPosix: 1_900_000_000n };

const at = (label: string, table: LeapTable = builtinLeapTable): TaiNs => {
  const tai = parseUtc(label, table);
  if (tai === null) throw new RangeError(label);
  return tai;
};

test('table × indicator on the last day of June, and the day before', (t) => {
  // [table, indicator, contradicts on 06-30, contradicts on 06-29]
  const rows: [string, LeapTable, number, boolean][] = [
    ['no leap listed, LI 0', silent, 0, false],
    ['no leap listed, LI 1', silent, 1, true],
    ['no leap listed, LI 2', silent, 2, true],
    ['no leap listed, LI 3', silent, 3, false],
    ['expired, LI 0', builtinLeapTable, 0, false],
    ['expired, LI 1', builtinLeapTable, 1, true],
    ['expired, LI 2', builtinLeapTable, 2, true],
    ['insertion listed, LI 0', inserted, 0, false],
    ['insertion listed, LI 1', inserted, 1, false],
    ['insertion listed, LI 2', inserted, 2, true],
    ['removal listed, LI 0', removed, 0, false],
    ['removal listed, LI 1', removed, 1, true],
    ['removal listed, LI 2', removed, 2, false],
  ];
  for (const [name, table, indicator, contradicts] of rows) {
    t.is(indicatorContradicts(table, at('2027-06-30T12:00:00Z', table), indicator), contradicts, name);
    t.false(
      indicatorContradicts(table, at('2027-06-29T12:00:00Z', table), indicator),
      `${name}, a day early`,
    );
    t.false(
      indicatorContradicts(table, at('2027-07-01T00:00:06Z', table), indicator),
      `${name}, never lowered`,
    );
  }
});

test('the leap state of a reading', (t) => {
  const rows: [string, LeapTable, string, boolean, LeapState][] = [
    ['nothing listed', builtinLeapTable, '2026-11-24T00:00:00Z', false, 'none'],
    ['contradicted', builtinLeapTable, '2026-11-24T00:00:00Z', true, 'infoStale'],
    ['expired', builtinLeapTable, '2027-06-28T00:00:00Z', false, 'infoStale'],
    ['listed', inserted, '2027-06-30T23:00:00Z', false, 'announced'],
    ['six seconds before', inserted, '2027-06-30T23:59:53Z', false, 'announced'],
    ['five seconds before', inserted, '2027-06-30T23:59:55Z', false, 'inProgress'],
    ['within', inserted, '2027-06-30T23:59:60Z', false, 'inProgress'],
    ['five seconds after', inserted, '2027-07-01T00:00:05Z', false, 'inProgress'],
    ['six seconds after', inserted, '2027-07-01T00:00:06Z', false, 'none'],
    ['removal', removed, '2027-06-30T23:59:58Z', false, 'inProgress'],
  ];
  for (const [name, table, label, contradicted, expected] of rows) {
    t.is(leapStateAt(table, at(label, table), contradicted), expected, name);
  }
});

test('samples within five seconds of a leap are not near, they are in it', (t) => {
  const near = (label: string): boolean => nearLeap(inserted, posixNsFromTai(at(label, inserted), inserted));
  t.false(near('2027-06-30T23:59:53Z'));
  t.true(near('2027-06-30T23:59:55Z'));
  t.true(near('2027-06-30T23:59:60Z'));
  t.true(near('2027-07-01T00:00:05Z'));
  t.false(near('2027-07-01T00:00:06Z'));
  t.false(near('2027-06-15T00:00:00Z'));
});

test('the next date at which an unknown leap could be', (t) => {
  const rows: [string, string][] = [
    ['2026-11-24T12:00:00Z', '2027-01-01T00:00:00.000000000Z'],
    ['2026-12-31T23:59:59Z', '2027-01-01T00:00:00.000000000Z'],
    ['2027-01-01T00:00:00Z', '2027-07-01T00:00:00.000000000Z'],
    ['2027-06-30T23:59:59Z', '2027-07-01T00:00:00.000000000Z'],
    ['2027-07-01T00:00:00Z', '2028-01-01T00:00:00.000000000Z'],
  ];
  for (const [now, expected] of rows) {
    t.is(formatUtc(nextPossibleLeap(builtinLeapTable, at(now)), builtinLeapTable), expected, now);
  }
});

for (const [name, table] of [
  ['an inserted', inserted],
  ['a removed', removed],
] as const) {
  test(`the clock goes through ${name} second in TAI: no disruption, no backward step, truth inside`, (t) => {
    const world = new SimulatedWorld({ seed: 9, table, start: at('2027-06-30T23:59:30Z', table) });
    world.ratePpb = 20_000n;
    let last: TaiNs = taiNs(0n);
    let bad = 0;
    world.run(
      60n * NS_PER_S,
      (reading) => {
        if (reading.state !== 'synchronised' && reading.state !== 'holdover') return;
        if (reading.best < last || world.truth < reading.earliest || world.truth > reading.latest) bad++;
        last = reading.best;
      },
      50,
    );
    t.is(bad, 0);
    t.deepEqual(
      world.events.filter((e) => e.kind === 'transition' && e.to === 'disrupted'),
      [],
    );
    t.true(world.events.some((e) => e.kind === 'sampleRejected' && e.test === 'awayFromLeap'));
    t.true(world.truth > (table.entries.at(-1)?.sinceTai ?? 0n));
    t.is(world.reading().state, 'synchronised');
    t.is(world.reading().taiMinusUtc, table === inserted ? 38 : 36);
  });
}

test('a table that does not know of the leap: the server’s next time after it contradicts, and the clock stops', (t) => {
  const world = new SimulatedWorld({ seed: 9, table: silent, start: at('2027-06-30T23:59:30Z', silent) });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  const { epoch } = world.reading();
  world.run(32n * NS_PER_S);
  // The server inserted a second, the table did not: its labels now fall behind by one.
  world.server().error = -1_000_000_000n;
  world.run(NS_PER_S);
  t.is(world.reading().epoch, epoch + 1);
});

test('an indicator that contradicts the table is an anomaly, told once, and shown in every reading until cleared', (t) => {
  const world = new SimulatedWorld({ seed: 4, table: silent, start: at('2027-06-30T12:00:00Z', silent) });
  world.server().leap = 1;
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.run(5n * NS_PER_S);
  t.is(world.events.filter((e) => e.kind === 'anomaly' && e.code === 'leapContradiction').length, 1);
  t.is(world.reading().leap, 'infoStale');
  world.server().leap = 0;
  world.input({ kind: 'release', what: 'leap', number: 1 });
  world.run(NS_PER_S);
  t.is(world.reading().leap, 'none');
});

test('an expired table is said once; time is still served, flagged', (t) => {
  const world = new SimulatedWorld({ seed: 4, start: at('2027-06-28T00:00:01Z') });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.run(3n * NS_PER_S);
  t.is(world.events.filter((e) => e.kind === 'anomaly' && e.code === 'leapTableExpired').length, 1);
  t.is(world.reading().leap, 'infoStale');
});

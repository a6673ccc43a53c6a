import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { LeapEvent } from '../../src/clock/core/events.js';
import { LeapKeeper } from '../../src/clock/core/leap-keeper.js';
import { effectiveTable, nearLeap, nextPossibleLeap } from '../../src/clock/core/leap-policy.js';
import { builtinLeapTable, posixNsFromTai, withLeap } from '../../src/time/leap-table.js';
import type { LeapTable } from '../../src/time/leap-table.js';
import { NS_PER_S, taiNs } from '../../src/time/types.js';
import type { LeapState, TaiNs } from '../../src/time/types.js';
import { formatUtc, parseUtc } from '../../src/time/utc-label.js';
import { allVotes, outcomeOf, truthTable } from './leap-votes.js';
import { SimulatedWorld } from './simulated-world.js';

const JULY_2027 = 1_814_400_000n;
const FAR = 1_900_000_000n;
const inserted = withLeap(builtinLeapTable, JULY_2027, 38, FAR, 'with an insertion');
const removed = withLeap(builtinLeapTable, JULY_2027, 36, FAR, 'with a removal');
const silent: LeapTable = { ...builtinLeapTable, expiresPosix: FAR };
/** Ends on 2027-06-28, two days before the midnight of these stories. */
const expired = builtinLeapTable;

const at = (label: string, table: LeapTable = builtinLeapTable): TaiNs => {
  const tai = parseUtc(label, table);
  if (tai === null) throw new RangeError(label);
  return tai;
};

const keeper = (list: LeapTable, ...entries: readonly (-1 | 0 | 1)[]): LeapKeeper =>
  new LeapKeeper({ list, entries: entries.map((change) => ({ midnightPosix: JULY_2027, change })) });

// ---- the decision --------------------------------------------------------------------------------------------------

test('docs/clock.md prints the truth table as the code decides', (t) => {
  const docs = readFileSync(join(import.meta.dirname, '../../../docs/clock.md'), 'utf8');
  t.true(docs.includes(truthTable()), `replace the table in docs/clock.md by\n${truthTable()}`);
  t.is(allVotes.length, 64);
});

test('what the truth table must never say', (t) => {
  for (const votes of allVotes) {
    const { list, indicator, operator } = votes;
    const outcome = outcomeOf(votes);
    const spoken = [list, indicator, operator].filter((vote) => vote !== 'silent' && vote !== 'expired');
    const name = JSON.stringify(votes);
    if (new Set(spoken).size > 1 || indicator === 'divided') t.is(outcome, 'doubt: contradiction', name);
    // An indicator alone causes nothing.
    if (list === 'expired' && operator === 'silent' && indicator !== 'divided')
      t.is(outcome, 'doubt: unknown', name);
    if (!outcome.startsWith('doubt')) t.true([list, operator].includes(outcome as typeof list), name);
  }
});

test('an operator’s entry counts where the list has ended, and never against it', (t) => {
  const entry = { midnightPosix: JULY_2027, change: 1 } as const;
  t.is(effectiveTable({ list: expired, entries: [entry] }).entries.at(-1)?.taiMinusUtc, 38);
  t.is(effectiveTable({ list: silent, entries: [entry] }), silent);
  t.is(effectiveTable({ list: inserted, entries: [entry] }), inserted);
  t.is(effectiveTable({ list: expired, entries: [{ ...entry, change: 0 }] }), expired);
  t.is(
    effectiveTable({ list: expired, entries: [{ ...entry, change: -1 }] }).entries.at(-1)?.taiMinusUtc,
    36,
  );
});

// ---- the day -------------------------------------------------------------------------------------------------------

test('the leap state of a reading', (t) => {
  const rows: [string, LeapKeeper, string, LeapState][] = [
    ['nothing listed', keeper(builtinLeapTable), '2026-11-24T00:00:00Z', 'none'],
    ['expired, weeks before', keeper(expired), '2027-06-28T00:00:01Z', 'infoStale'],
    ['expired, an hour before', keeper(expired), '2027-06-30T23:00:00Z', 'doubtful'],
    ['expired, 61 minutes before', keeper(expired), '2027-06-30T22:59:00Z', 'infoStale'],
    ['expired, the operator knows of none', keeper(expired, 0), '2027-06-30T23:59:59Z', 'none'],
    ['expired, the operator knows of one', keeper(expired, 1), '2027-06-30T23:00:00Z', 'announced'],
    ['the list knows of none, the operator of one', keeper(silent, 1), '2027-06-30T23:00:00Z', 'doubtful'],
    ['listed', keeper(inserted), '2027-06-30T23:00:00Z', 'announced'],
    ['six seconds before', keeper(inserted), '2027-06-30T23:59:53Z', 'announced'],
    ['five seconds before', keeper(inserted), '2027-06-30T23:59:55Z', 'inProgress'],
    ['within', keeper(inserted), '2027-06-30T23:59:60Z', 'inProgress'],
    ['five seconds after', keeper(inserted), '2027-07-01T00:00:05Z', 'inProgress'],
    ['six seconds after', keeper(inserted), '2027-07-01T00:00:06Z', 'none'],
    ['removal', keeper(removed), '2027-06-30T23:59:58Z', 'inProgress'],
  ];
  for (const [name, leap, label, expected] of rows) t.is(leap.stateAt(at(label, leap.table)), expected, name);
});

test('indicators speak on the last day of a month only, and whoever corrects himself is believed', (t) => {
  const leap = keeper(silent);
  leap.heard('a', 1, true, at('2027-06-29T12:00:00Z'));
  t.is(leap.stateAt(at('2027-06-29T12:00:00Z')), 'none', 'a day early');
  leap.heard('a', 1, false, at('2027-06-30T12:00:00Z'));
  t.is(leap.stateAt(at('2027-06-30T12:00:00Z')), 'none', 'anyone could forge that');
  leap.heard('a', 1, true, at('2027-06-30T12:00:00Z'));
  t.is(leap.stateAt(at('2027-06-30T12:00:00Z')), 'infoStale');
  leap.heard('b', 2, true, at('2027-06-30T12:01:00Z'));
  t.is(leap.coming(at('2027-06-30T12:01:00Z')).votes.indicator, 'divided');
  leap.heard('b', 0, true, at('2027-06-30T12:02:00Z'));
  leap.heard('a', 0, true, at('2027-06-30T12:02:00Z'));
  t.is(leap.stateAt(at('2027-06-30T12:02:00Z')), 'none');
  leap.heard('a', 1, true, at('2027-06-30T12:03:00Z'));
  t.is(leap.stateAt(at('2027-07-01T00:00:06Z')), 'none', 'never lowered');
});

test('a midnight passed in doubt is settled by the reference’s label in the same epoch, a new table, or an operator', (t) => {
  const [before, after] = [at('2027-06-30T23:59:59Z'), at('2027-07-01T00:00:00Z')];
  const through = (): LeapKeeper => {
    const leap = keeper(expired);
    leap.look(before, 3);
    t.deepEqual(
      leap.look(after, 3).map((finding) => finding.kind === 'leap' && finding.phase),
      ['doubtful', 'dailyCheck'],
    );
    t.is(leap.stateAt(at('2027-07-01T09:00:00Z')), 'doubtful');
    return leap;
  };
  const labels = through();
  labels.confirmed(at('2027-07-01T00:00:05Z'), 3);
  t.is(labels.stateAt(at('2027-07-01T00:00:06Z')), 'doubtful', 'too near to tell');
  labels.confirmed(at('2027-07-01T00:00:07Z'), 4);
  t.is(labels.stateAt(at('2027-07-01T00:00:07Z')), 'doubtful', 'another epoch may count another second');
  labels.confirmed(at('2027-07-01T00:00:08Z'), 3);
  t.is(labels.stateAt(at('2027-07-01T00:00:08Z')), 'infoStale');
  const table = through();
  table.learn({ list: silent, entries: [] });
  t.is(table.stateAt(at('2027-07-01T00:00:08Z')), 'none');
  const released = through();
  released.release();
  t.is(released.stateAt(at('2027-07-01T00:00:08Z')), 'infoStale');
});

test('preset, daily check and execution are on record, each once', (t) => {
  for (const [list, change] of [
    [inserted, 1],
    [removed, -1],
  ] as const) {
    const leap = keeper(list);
    const seen: string[] = [];
    for (let tai = at('2027-06-29T22:00:00Z', list); tai < at('2027-07-01T02:00:00Z', list);) {
      for (const finding of leap.look(tai, 1)) {
        if (finding.kind !== 'leap') continue;
        seen.push(`${formatUtc(tai, list).slice(5, 19)} ${finding.phase} ${finding.change}`);
        if (finding.phase === 'executed') t.is(finding.midnight, at('2027-07-01T00:00:00Z', list));
      }
      tai = taiNs(tai + NS_PER_S);
    }
    t.deepEqual(
      seen,
      [
        `06-29T22:00:00 dailyCheck ${change}`,
        `06-30T00:00:00 dailyCheck ${change}`,
        change === 1 ? `06-30T00:00:00 preset ${change}` : `06-29T23:59:58 preset ${change}`,
        `07-01T00:00:00 executed ${change}`,
        '07-01T00:00:00 dailyCheck 0',
      ].sort((a, b) => (a.slice(0, 14) < b.slice(0, 14) ? -1 : 1)),
    );
  }
});

test('a list that will end is warned of 60 days ahead, weekly, then daily; one that has ended is said once', (t) => {
  const leap = keeper(builtinLeapTable);
  const told: string[] = [];
  for (let day = 0n; day < 70n; day += 1n) {
    const tai = taiNs(at('2027-04-25T12:00:00Z') + day * 86_400n * NS_PER_S);
    for (const finding of leap.look(tai, 1)) {
      if (finding.kind !== 'anomaly') continue;
      told.push(`${formatUtc(tai, builtinLeapTable).slice(5, 10)} ${finding.code.slice(9)}`);
    }
  }
  const weekly = ['04-28', '05-05', '05-12', '05-19', '05-26', '06-02', '06-09', '06-16'];
  const daily = ['06-20', '06-21', '06-22', '06-23', '06-24', '06-25', '06-26', '06-27'];
  t.deepEqual(told, [...[...weekly, ...daily].map((day) => `${day} Expiring`), '06-28 Expired']);
});

test('the next date at which an unknown leap could be: the end of any month', (t) => {
  const rows: [string, string][] = [
    ['2026-11-24T12:00:00Z', '2026-12-01T00:00:00.000000000Z'],
    ['2026-12-31T23:59:59Z', '2027-01-01T00:00:00.000000000Z'],
    ['2027-01-01T00:00:00Z', '2027-02-01T00:00:00.000000000Z'],
    ['2028-02-29T23:59:59Z', '2028-03-01T00:00:00.000000000Z'],
  ];
  for (const [now, expected] of rows) {
    t.is(formatUtc(nextPossibleLeap(at(now), 37), builtinLeapTable), expected, now);
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

// ---- the whole clock -----------------------------------------------------------------------------------------------

const anomalies = (world: SimulatedWorld, code: string): number =>
  world.events.filter((event) => event.kind === 'anomaly' && event.code === code).length;
const phases = (world: SimulatedWorld): readonly string[] =>
  world.events.filter((event): event is LeapEvent => event.kind === 'leap').map(({ phase }) => phase);

for (const [name, list, labels, entries] of [
  ['an inserted', inserted, inserted, []],
  ['a removed', removed, removed, []],
  ['an inserted second, entered by an operator after the list had ended: a', expired, inserted, [1]],
] as const) {
  test(`the clock goes through ${name} second in TAI: no disruption, no backward step, truth inside`, (t) => {
    const world = new SimulatedWorld({
      seed: 9,
      table: list,
      labels,
      entries: entries.map((change) => ({ midnightPosix: JULY_2027, change })),
      start: at('2027-06-30T23:59:30Z', labels),
    });
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
    t.true(world.truth > (labels.entries.at(-1)?.sinceTai ?? 0n));
    t.is(world.reading().state, 'synchronised');
    t.is(world.reading().taiMinusUtc, labels === inserted ? 38 : 36);
    t.deepEqual(phases(world), ['dailyCheck', 'preset', 'executed', 'dailyCheck']);
  });
}

test('a table that does not know of the leap: the server’s next time after it contradicts, and the clock stops', (t) => {
  const world = new SimulatedWorld({
    seed: 9,
    table: silent,
    labels: inserted,
    start: at('2027-06-30T23:59:30Z', silent),
  });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  const { epoch } = world.reading();
  world.run(34n * NS_PER_S);
  t.is(world.reading().epoch, epoch + 1);
});

test('an ended list: nothing is issued across the midnight, and the labels on its far side settle it', (t) => {
  const world = new SimulatedWorld({ seed: 9, table: expired, start: at('2027-06-30T23:59:30Z', expired) });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  t.is(world.reading().leap, 'doubtful');
  world.run(35n * NS_PER_S);
  t.is(world.reading().leap, 'doubtful', 'five seconds after');
  world.run(5n * NS_PER_S);
  t.is(world.reading().leap, 'infoStale');
  t.is(world.reading().state, 'synchronised');
  t.is(anomalies(world, 'leapTableExpired'), 1);
});

test('an ended list and a leap that nobody entered: the doubt stands until somebody says what happened', (t) => {
  const world = new SimulatedWorld({
    seed: 9,
    table: expired,
    labels: inserted,
    start: at('2027-06-30T23:59:30Z', expired),
  });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  const { epoch } = world.reading();
  t.true(world.runUntil(() => world.reading().epoch > epoch));
  world.run(30n * NS_PER_S);
  t.is(world.reading().leap, 'doubtful');
  world.input({ kind: 'leapKnowledge', leap: { list: inserted, entries: [] } });
  t.is(world.reading().leap, 'none');
});

test('an indicator that contradicts the table is an anomaly, told once, and shown until the server takes it back', (t) => {
  const world = new SimulatedWorld({ seed: 4, table: silent, start: at('2027-06-30T12:00:00Z', silent) });
  world.server().leap = 1;
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.run(5n * NS_PER_S);
  t.is(anomalies(world, 'leapContradiction'), 1);
  t.is(world.reading().leap, 'infoStale');
  world.server().leap = 0;
  world.run(NS_PER_S);
  t.is(world.reading().leap, 'none');
});

test('an expired table is said once; time is still served, flagged', (t) => {
  const world = new SimulatedWorld({ seed: 4, start: at('2027-06-28T00:00:01Z') });
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  world.run(3n * NS_PER_S);
  t.is(anomalies(world, 'leapTableExpired'), 1);
  t.is(world.reading().leap, 'infoStale');
});

test('a reference that smears the leap second is refused, although its rate stays within the assumption', (t) => {
  // Coarse polls: a whole day of them would prove nothing more.
  const profile = {
    pollNs: 20n * NS_PER_S,
    startPollNs: NS_PER_S,
    staleAfterNs: 120n * NS_PER_S,
    rhoFloorPpb: 15_000n,
    coldForNs: 600n * NS_PER_S,
  };
  const world = new SimulatedWorld({
    seed: 5,
    table: inserted,
    profile,
    start: at('2027-06-29T22:00:00Z', inserted),
  });
  world.run(7_200n * NS_PER_S);
  t.is(world.reading().state, 'synchronised');
  const begin = world.truth;
  for (let i = 0; i < 180 && world.reading().state !== 'quarantined'; i++) {
    world.server().error = -(world.truth - begin) / 86_400n;
    world.run(20n * NS_PER_S);
  }
  t.is(world.reading().state, 'quarantined');
  t.is(anomalies(world, 'smearSuspected'), 1);
});

test('a monitor that smears is told of once and is no evidence against the reference', (t) => {
  const monitors = ['a', 'b', 'c'];
  const world = new SimulatedWorld({
    seed: 6,
    table: inserted,
    monitors,
    start: at('2027-06-30T18:00:00Z', inserted),
  });
  for (const name of monitors) world.server(name).authenticated = true;
  t.true(world.runUntil(() => world.reading().state === 'synchronised'));
  for (const name of monitors) world.server(name).error = -250_000_000n;
  world.run(10n * NS_PER_S);
  t.is(world.reading().state, 'synchronised');
  t.is(anomalies(world, 'smearSuspected'), 3);
  t.is(anomalies(world, 'referenceSuspected'), 0);
  for (const name of monitors) world.server(name).error = -2_000_000_000n;
  world.run(10n * NS_PER_S);
  t.is(world.reading().state, 'quarantined', 'more than a smear explains');
});

import test from 'ava';
import { builtinLeapTable, withLeap } from '../../src/time/leap-table.js';
import {
  civilFromDays,
  daysFromCivil,
  formatJst,
  formatUtc,
  parseUtc,
  utcParts,
} from '../../src/time/utc-label.js';
import { NS_PER_S, taiNs } from '../../src/time/types.js';

// 2027-07-01 00:00:00 UTC, one way and the other.
const JULY_2027 = 1_814_400_000n;
const positive = withLeap(builtinLeapTable, JULY_2027, 38, 1_900_000_000n, 'test');
const negative = withLeap(builtinLeapTable, JULY_2027, 36, 1_900_000_000n, 'test');

function seconds(from: string, count: number, table = builtinLeapTable, step = NS_PER_S): string[] {
  const start = parseUtc(from, table) ?? taiNs(0n);
  return Array.from({ length: count }, (_, i) => formatUtc(taiNs(start + BigInt(i) * step), table));
}

test('an inserted second is a real second: 59, 60, 00', (t) => {
  t.deepEqual(seconds('2016-12-31T23:59:59Z', 3), [
    '2016-12-31T23:59:59.000000000Z',
    '2016-12-31T23:59:60.000000000Z',
    '2017-01-01T00:00:00.000000000Z',
  ]);
  t.deepEqual(seconds('2027-06-30T23:59:59.5Z', 3, positive, NS_PER_S / 2n), [
    '2027-06-30T23:59:59.500000000Z',
    '2027-06-30T23:59:60.000000000Z',
    '2027-06-30T23:59:60.500000000Z',
  ]);
});

test('a removed second is not there: 58, 00', (t) => {
  t.deepEqual(seconds('2027-06-30T23:59:57Z', 3, negative), [
    '2027-06-30T23:59:57.000000000Z',
    '2027-06-30T23:59:58.000000000Z',
    '2027-07-01T00:00:00.000000000Z',
  ]);
});

test('in Japan the leap is at 08:59:60', (t) => {
  const tai = parseUtc('2016-12-31T23:59:60.25Z', builtinLeapTable) ?? taiNs(0n);
  t.is(formatJst(tai, builtinLeapTable), '2017-01-01T08:59:60.250000000+09:00');
  t.is(parseUtc('2017-01-01T08:59:60.25+09:00', builtinLeapTable), tai);
});

test('labels that name no second do not parse', (t) => {
  const cases: [string, typeof builtinLeapTable][] = [
    ['2026-11-24T12:00:60Z', builtinLeapTable],
    ['2015-12-31T23:59:60Z', builtinLeapTable],
    ['2027-06-30T23:59:59Z', negative],
    ['2027-06-30T23:59:60Z', negative],
    ['2026-02-29T00:00:00Z', builtinLeapTable],
    ['2026-13-01T00:00:00Z', builtinLeapTable],
    ['2026-00-01T00:00:00Z', builtinLeapTable],
    ['2026-01-00T00:00:00Z', builtinLeapTable],
    ['2026-01-01T24:00:00Z', builtinLeapTable],
    ['2026-01-01T00:60:00Z', builtinLeapTable],
    ['2026-01-01T00:00:61Z', builtinLeapTable],
    ['2026-01-01T00:00:00', builtinLeapTable],
    ['2026-01-01T00:00:00.Z', builtinLeapTable],
    ['2026-01-01T00:00:00.1234567890Z', builtinLeapTable],
    ['2026-01-01 00:00:00Z', builtinLeapTable],
    ['', builtinLeapTable],
  ];
  for (const [label, table] of cases) t.is(parseUtc(label, table), null, label);
});

test('one TAI second has one label, strictly increasing, over each of the 27 leaps', (t) => {
  for (const entry of builtinLeapTable.entries) {
    let previous = '';
    for (let s = -3n; s <= 3n; s++) {
      const tai = taiNs(entry.sinceTai + s * NS_PER_S);
      const label = formatUtc(tai, builtinLeapTable);
      t.true(label > previous, `${previous} < ${label}`);
      if (s > -3n || entry !== builtinLeapTable.entries[0]) t.is(parseUtc(label, builtinLeapTable), tai);
      previous = label;
    }
  }
});

test('the calendar agrees with the platform on every day from 1600 to 2400', (t) => {
  const date = new Date(0);
  for (let day = daysFromCivil(1600, 1, 1); day < daysFromCivil(2400, 1, 1); day++) {
    date.setTime(day * 86_400_000);
    const civil = civilFromDays(day);
    if (
      civil.year !== date.getUTCFullYear() ||
      civil.month !== date.getUTCMonth() + 1 ||
      civil.day !== date.getUTCDate() ||
      daysFromCivil(civil.year, civil.month, civil.day) !== day
    ) {
      t.fail(`day ${day}`);
      return;
    }
  }
  t.pass();
});

test('before 1970 and at the ends of the range', (t) => {
  t.is(formatUtc(taiNs(-1n), builtinLeapTable), '1969-12-31T23:59:49.999999999Z');
  t.is(utcParts(taiNs(2n ** 63n - 1n), builtinLeapTable).year, 2262);
  t.is(utcParts(taiNs(-(2n ** 63n)), builtinLeapTable).year, 1677);
  t.throws(() => formatUtc(taiNs(2n ** 70n), builtinLeapTable), { instanceOf: RangeError });
});

test('random instants survive the round trip', (t) => {
  let state = 12_345n;
  for (let i = 0; i < 20_000; i++) {
    state = (state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & (2n ** 64n - 1n);
    const tai = taiNs(63_072_010n * NS_PER_S + (state % (5_000_000_000n * NS_PER_S)));
    for (const table of [builtinLeapTable, positive, negative]) {
      if (parseUtc(formatUtc(tai, table), table) !== tai || parseUtc(formatJst(tai, table), table) !== tai) {
        t.fail(`${tai.toString()} → ${formatUtc(tai, table)}`);
        return;
      }
    }
  }
  t.pass();
});

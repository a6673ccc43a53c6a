import test from 'ava';
import { parseCggtts } from '../../src/time/cggtts.js';
import { parseCircularT } from '../../src/time/circular-t.js';
import { commonView, squareRoot } from '../../src/time/common-view.js';
import { decimalUnits, posixOfMjd, TimeTransferError } from '../../src/time/transfer-text.js';
import { cggtts, circularT, circularTRows, commonViewPair, nictRow } from './transfer-files.js';
import type { CircularTLayout, Track } from './transfer-files.js';
import { Random } from '../verify/random.js';

const one: Track = { satellite: 7, mjd: 61_000, start: '001800', refSys: -123 };

// ---- CGGTTS --------------------------------------------------------------------------------------------------------

for (const version of ['02', '2E'] as const) {
  test(`CGGTTS ${version}: header, names and tracks`, (t) => {
    const file = parseCggtts(cggtts(version, 'TAA1', [one, { ...one, satellite: 12, length: 600 }]));
    t.like(file, { version, laboratory: 'TAA1', reference: 'UTC(TAA1)' });
    t.deepEqual(file.tracks, [
      {
        satellite: 'G07',
        mjd: 61_000,
        start: 1_080,
        combination: version === '2E' ? 'L3P' : '',
        refSys: -123n,
      },
    ]);
    t.deepEqual(file.skipped, { incomplete: 1, wrongChecksum: 0 });
  });
}

test('CGGTTS: what is refused, and what is left out', (t) => {
  const good = cggtts('2E', 'TAA1', [one, { ...one, satellite: 8 }]);
  const refused: [string, string, RegExp][] = [
    ['no title', good.slice(2), /line 1: it does not begin/],
    ['another version', good.replace('= 2E', '= 01'), /version 01 is not read/],
    ['a changed header', good.replace('RX-7', 'RX-8'), /header's checksum/],
    ['no checksum', good.replace(/CKSUM/, 'CKSUN'), /no checksum line/],
    ['no columns', good.replace('STTIME', 'STTIMF'), /columns/],
    ['a value too few', good.replace(' L3P ', ' '), /22 values|values for/],
    ['no tracks', cggtts('2E', 'TAA1', []), /no usable track/],
    ['only missing values', cggtts('2E', 'TAA1', [{ ...one, refSys: 99_999_999_999 }]), /no usable track/],
    ['longer than 1 MB', good + ' '.repeat(1_000_001), /longer than 1 MB/],
  ];
  for (const [what, text, message] of refused) {
    t.throws(() => parseCggtts(text), { instanceOf: TimeTransferError, message }, what);
  }
  const damaged = parseCggtts(good.replace('G08 FF', 'G09 FF'));
  t.deepEqual(damaged.skipped, { incomplete: 0, wrongChecksum: 1 });
  t.is(damaged.tracks.length, 1);
});

test('common view: same satellite, same track, NICT minus own, mean with count and spread', (t) => {
  for (const version of ['02', '2E'] as const) {
    const { own, nict } = commonViewPair(version);
    const view = commonView(parseCggtts(own), parseCggtts(nict));
    // 12.5, 12.6 and 12.7 ns, four satellites each.
    t.deepEqual(view, {
      count: 12,
      satellites: 4,
      epochs: 3,
      from: posixOfMjd(61_000) + 120n,
      to: posixOfMjd(61_000) + 2_040n,
      nictMinusOwnPs: 12_600n,
      spreadPs: 85n,
    });
  }
  const own = parseCggtts(cggtts('2E', 'TAA1', [one]));
  const other = (change: Partial<Track>) => parseCggtts(cggtts('2E', 'NICT', [{ ...one, ...change }]));
  t.is(commonView(own, other({ satellite: 8 })), null);
  t.is(commonView(own, other({ start: '003400' })), null);
  t.is(commonView(own, other({ mjd: 61_001 })), null);
  t.like(commonView(own, other({ refSys: -124 })), { count: 1, nictMinusOwnPs: -100n, spreadPs: 0n });
});

test('common view against a naive model in floating point', (t) => {
  const random = new Random(7);
  for (let round = 0; round < 50; round++) {
    const count = 1 + random.below(40);
    const pairs = Array.from({ length: count }, (_, i) => ({
      track: { ...one, satellite: 1 + (i % 30), start: `0${Math.floor(i / 30)}1800` },
      a: random.below(2_000) - 1_000,
      b: random.below(2_000) - 1_000,
    }));
    const file = (key: 'a' | 'b') =>
      parseCggtts(
        cggtts(
          '2E',
          key,
          pairs.map((pair) => ({ ...pair.track, refSys: pair[key] })),
        ),
      );
    const view = commonView(file('a'), file('b'));
    const differences = pairs.map(({ a, b }) => (b - a) * 100);
    const mean = differences.reduce((sum, d) => sum + d, 0) / count;
    const spread = Math.sqrt(
      differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / Math.max(1, count - 1),
    );
    t.is(view?.count, count);
    t.true(Math.abs(Number(view?.nictMinusOwnPs) - mean) <= 0.5);
    t.true(Math.abs(Number(view?.spreadPs) - spread) <= 1);
  }
});

test('whole square roots', (t) => {
  for (let n = 0n; n < 2_000n; n++) {
    const root = squareRoot(n);
    t.true(root * root <= n && (root + 1n) * (root + 1n) > n);
  }
  t.is(squareRoot(10n ** 40n - 1n), 10n ** 20n - 1n);
});

// ---- Circular T ----------------------------------------------------------------------------------------------------

const layouts: readonly CircularTLayout[] = ['present', 'before437', 'twoPages'];

for (const layout of layouts) {
  test(`Circular T, layout ${layout}: the row of NICT, section 1 only, a dash is no zero`, (t) => {
    const rows =
      layout === 'twoPages'
        ? [{ ...nictRow, values: ['2', '-1', '-', '1', '0', '-12', '3'] }]
        : circularTRows;
    const { number, values, uA, uB, u, taiMinusUtc } = parseCircularT(
      circularT(layout, 456, 61_037, rows),
      'NICT',
    );
    t.is(number, 456);
    t.deepEqual(
      values.map(({ mjd, utcMinusUtcKPs }) => [mjd, utcMinusUtcKPs]),
      layout === 'twoPages'
        ? [
            [61_037, 2_000n],
            [61_042, -1_000n],
            [61_052, 1_000n],
            [61_057, 0n],
            [61_062, -12_000n],
            [61_067, 3_000n],
          ]
        : [
            [61_037, 2_300n],
            [61_042, -500n],
            [61_052, 1_250n],
            [61_057, 0n],
            [61_062, -12_400n],
            [61_067, 3_100n],
          ],
    );
    t.deepEqual([uA, uB, u], layout === 'twoPages' ? [null, null, null] : [300n, 1_900n, 1_900n]);
    t.deepEqual(taiMinusUtc, [{ from: '2017-01-01', seconds: 37 }]);
  });
}

test('Circular T: another laboratory, an uncalibrated one, and two lines of TAI − UTC when a leap second is due', (t) => {
  const text = circularT('present', 456, 61_037, circularTRows);
  t.deepEqual(parseCircularT(text, 'NIC').uB, null);
  t.is(parseCircularT(text, 'AOS').values[6]?.utcMinusUtcKPs, 7_000n);
  const due = text.replace('37 s.', '37 s.\n     From 2027 July 1, 0h UTC, TAI-UTC = 38 s.');
  t.deepEqual(parseCircularT(due, 'NICT').taiMinusUtc.at(-1), { from: '2027-07-01', seconds: 38 });
});

test('Circular T: what is refused', (t) => {
  const good = circularT('present', 456, 61_037, circularTRows);
  const refused: [string, string, RegExp][] = [
    ['something else', 'nothing', /CIRCULAR T/],
    ['no such laboratory', good.replaceAll('NICT', 'XICT'), /no value of UTC\(NICT\)/],
    [
      'only dashes',
      circularT('present', 456, 61_037, [{ ...nictRow, values: Array<string>(7).fill('-') }]),
      /no value/,
    ],
    ['a value too few', good.replace('      -12.4', ''), /9 numbers stand where 7 values/],
    ['a word', good.replace('-12.4', '-1x.4'), /no number of nanoseconds/],
    ['finer than a picosecond', good.replace('-12.4', '-12.4001'), /no number/],
    ['a date twice', good.replace('61042', '61037'), /two values/],
    ['longer than 1 MB', good + ' '.repeat(1_000_001), /longer than 1 MB/],
  ];
  for (const [what, text, message] of refused) {
    t.throws(() => parseCircularT(text, 'NICT'), { instanceOf: TimeTransferError, message }, what);
  }
});

test('decimals are exact', (t) => {
  const rows: [string, number, bigint | null][] = [
    ['-12.3', 3, -12_300n],
    ['+0.1', 3, 100n],
    ['5', 0, 5n],
    ['5.', 1, 50n],
    ['1.2500', 2, 125n],
    ['1.2501', 2, null],
    ['', 3, null],
    ['1e3', 3, null],
    ['--1', 3, null],
    ['1234567890123456', 0, null],
  ];
  for (const [text, decimals, expected] of rows) t.is(decimalUnits(text, decimals), expected, text);
});

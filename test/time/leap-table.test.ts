import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import {
  LeapTableError,
  builtinLeapTable,
  leapTableDaysLeft,
  leapTableExpired,
  leapTableExpiry,
  nextLeap,
  parseLeapTable,
  posixNsFromTai,
  taiFromPosixNs,
  taiMinusUtcAt,
  taiMinusUtcAtNtp,
  withLeap,
} from '../../src/time/leap-table.js';
import { formatUtc, parseUtc } from '../../src/time/utc-label.js';
import { NS_PER_S, taiNs } from '../../src/time/types.js';
import { NTP_TO_POSIX_S as NTP } from '../../src/time/leap-table.js';
import { leapSecondsList as print } from './transfer-files.js';

test('the built-in table says 37 s since 2017 and expires on 2027-06-28', (t) => {
  const since = parseUtc('2017-01-01T00:00:00Z', builtinLeapTable) ?? taiNs(0n);
  t.is(taiMinusUtcAt(taiNs(since - 1n), builtinLeapTable), 36);
  t.is(taiMinusUtcAt(since, builtinLeapTable), 37);
  t.is(formatUtc(leapTableExpiry(builtinLeapTable), builtinLeapTable), '2027-06-28T00:00:00.000000000Z');
  t.is(builtinLeapTable.entries.length, 28);
});

test('its check word is SHA-1 over the digits alone, against an independent SHA-1', (t) => {
  const digits =
    (builtinLeapTable.updatedPosix + NTP).toString() +
    (builtinLeapTable.expiresPosix + NTP).toString() +
    builtinLeapTable.entries.map((e) => `${(e.posixSeconds + NTP).toString()}${e.taiMinusUtc}`).join('');
  t.is(builtinLeapTable.hash, createHash('sha1').update(digits).digest('hex'));
});

test('probes of history', (t) => {
  const probes: [string, number][] = [
    ['1972-01-01T00:00:00Z', 10],
    ['1999-01-01T00:00:00Z', 32],
    ['2012-06-30T12:00:00Z', 34],
    ['2012-07-01T00:00:00Z', 35],
    ['2016-12-31T23:59:59Z', 36],
    ['2026-11-24T00:00:00Z', 37],
  ];
  for (const [label, expected] of probes) {
    const tai = parseUtc(label, builtinLeapTable) ?? taiNs(0n);
    t.is(taiMinusUtcAt(tai, builtinLeapTable), expected, label);
    const posix = posixNsFromTai(tai, builtinLeapTable);
    t.is(taiFromPosixNs(posix, builtinLeapTable), tai, label);
    t.is(taiMinusUtcAtNtp(posix / NS_PER_S + NTP, builtinLeapTable), expected, label);
  }
});

test('a printed table is read back, also when #h words lost their leading zeros', (t) => {
  t.deepEqual(parseLeapTable(print(builtinLeapTable), builtinLeapTable.source), builtinLeapTable);
  // Expiry dates until some word begins with a zero: the case that plain comparison of words gets wrong.
  let zeros = 0;
  for (let day = 0n; day < 64n; day++) {
    const table = withLeap(builtinLeapTable, 1_814_400_000n, 38, 1_830_000_000n + day * 86_400n, 'x');
    if (/^(.{8})*0/.test(table.hash)) zeros++;
    t.deepEqual(parseLeapTable(print(table), 'x'), table);
  }
  t.true(zeros > 0);
});

test('the system file, where there is one, has a good check word', (t) => {
  const path = '/usr/share/zoneinfo/leap-seconds.list';
  if (!existsSync(path)) {
    t.log(`${path} is absent; the printed table above stands for it`);
    t.pass();
    return;
  }
  const table = parseLeapTable(readFileSync(path, 'utf8'), path);
  t.is(taiMinusUtcAt(parseUtc('2026-01-01T00:00:00Z', table) ?? taiNs(0n), table), 37);
});

test('damage is refused with a reason', (t) => {
  const good = print(builtinLeapTable);
  const cases: [string, string, RegExp][] = [
    ['a changed offset', good.replace('\t37\t', '\t38\t'), /jumps by 2/],
    ['a changed instant', good.replace('3692217600', '3692304000'), /check word/],
    ['a changed expiry', good.replace('4023129600', '4133129600'), /check word/],
    ['a removed line', good.replace(/3345062400.*\n/, ''), /jumps by 2/],
    ['no check word', good.replace(/#h.*/, ''), /no #h/],
    ['no expiry', good.replace(/#@.*/, ''), /no #@/],
    ['no update', good.replace(/#\$.*/, ''), /no #\$/],
    ['two expiries', `${good}#@ 1\n`, /more than one/],
    ['four words', good.replace(/#h.*/, '#h 1 2 3 4'), /five hexadecimal/],
    ['text', good.replace('2272060800', 'hello'), /is not/],
    ['nothing', '', /no #\$/],
    ['not at midnight', good.replace('3692217600', '3692217601'), /00:00:00/],
    ['a huge file', '#'.repeat(1_000_001), /1 MB/],
  ];
  for (const [name, text, reason] of cases) {
    const error = t.throws(() => parseLeapTable(text, name), { instanceOf: LeapTableError }, name);
    t.regex(error.message, reason, name);
  }
});

test('expiry and the next leap second', (t) => {
  const at = (label: string, table = builtinLeapTable) => parseUtc(label, table) ?? taiNs(0n);
  t.false(leapTableExpired(builtinLeapTable, at('2027-06-27T23:59:59Z')));
  t.true(leapTableExpired(builtinLeapTable, at('2027-06-28T00:00:00Z')));
  t.is(leapTableDaysLeft(builtinLeapTable, at('2027-06-27T00:00:00Z')), 1);
  t.is(leapTableDaysLeft(builtinLeapTable, at('2027-06-28T00:00:01Z')), -1);
  t.is(nextLeap(builtinLeapTable, at('2026-11-24T00:00:00Z')), null);
  t.deepEqual(nextLeap(builtinLeapTable, at('2016-12-31T23:59:60.5Z')), {
    at: at('2017-01-01T00:00:00Z'),
    before: 36,
    after: 37,
  });
});

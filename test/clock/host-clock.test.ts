/**
 * The clock of the host: chronyd's command protocol, what it says as a statement about time, its role by what it follows,
 * and the check of its configuration. Against a real chronyd where there is one.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { checkHostClock, startClock, startReferenceServer } from '../../src/clock/index.js';
import type { ClockEvent, ClockService } from '../../src/clock/index.js';
import { parseChronyConf, slewThatFits } from '../../src/clock/core/chrony-conf.js';
import {
  chronyFloat,
  decodeChronydReply,
  encodeChronydRequest,
  toChronyFloat,
} from '../../src/clock/core/chronyd-packets.js';
import type { ChronydRequest, ChronydSource, ChronydTracking } from '../../src/clock/core/chronyd-packets.js';
import { hostTests, judgeHostReport } from '../../src/clock/core/host-report.js';
import type { HostLimits, HostReport, HostTest } from '../../src/clock/core/host-report.js';
import { refidFromText } from '../../src/clock/core/ntp-packet.js';
import { profiles } from '../../src/clock/core/profile.js';
import { queryChronyd } from '../../src/clock/chronyd/query.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { monoNs } from '../../src/time/types.js';
import { chronyTest, chronydClient, chronydServer, freePort } from './chronyd-process.js';
import { Random } from './random.js';

// ---- packets ----------------------------------------------------------------------------------------------------------

test('requests are read-only, numbered, and as long as their answers', (t) => {
  const cases: [ChronydRequest, number, number][] = [
    [{ kind: 'tracking' }, 33, 104],
    [{ kind: 'sourceCount' }, 14, 32],
    [{ kind: 'sourceData', index: 3 }, 15, 76],
  ];
  for (const [request, command, length] of cases) {
    const bytes = encodeChronydRequest(request, 0x0102_0304);
    t.is(bytes.length, length);
    t.deepEqual([...bytes.subarray(0, 12)], [6, 1, 0, 0, 0, command, 0, 0, 1, 2, 3, 4]);
  }
});

test('chrony’s floats survive to 24 bits', (t) => {
  const random = new Random(6);
  for (let i = 0; i < 2000; i++) {
    const value = (random.unit() - 0.5) * 10 ** (random.below(20) - 12);
    const back = chronyFloat(toChronyFloat(value) | 0);
    t.true(Math.abs(back - value) <= Math.abs(value) * 2 ** -22, `${value} became ${back}`);
  }
  t.is(chronyFloat(0), 0);
});

test('an answer is refused if it is short, of another version, a refusal, or to another question', (t) => {
  const reply = new Uint8Array(104);
  const view = new DataView(reply.buffer);
  view.setUint8(0, 6);
  view.setUint8(1, 2);
  view.setUint16(4, 33);
  view.setUint16(6, 5);
  t.true(decodeChronydReply(reply, 'tracking').ok);
  const altered = (at: number, value: number): Uint8Array => {
    const copy = reply.slice();
    copy[at] = value;
    return copy;
  };
  const cases: [string, Uint8Array, ChronydRequest['kind']][] = [
    ['tooShort', reply.subarray(0, 27), 'tracking'],
    ['tooShort', reply.subarray(0, 103), 'tracking'],
    ['notAReply', altered(1, 1), 'tracking'],
    ['otherVersion', altered(0, 5), 'tracking'],
    ['unexpected', reply, 'sourceCount'],
    ['unexpected', altered(7, 3), 'tracking'],
    ['refused', altered(9, 2), 'tracking'],
  ];
  for (const [reason, bytes, kind] of cases) {
    const decoded = decodeChronydReply(bytes, kind);
    t.is(decoded.ok ? 'taken' : decoded.reason, reason);
  }
});

// ---- what it says of the time ------------------------------------------------------------------------------------------

const WALL = 1_795_478_400_000_000_000n;
const M4 = monoNs(5_000_000_000_000n);

const tracking: ChronydTracking = {
  kind: 'tracking',
  refid: refidFromText('PPS0'),
  address: null,
  stratum: 1,
  leap: 0,
  referenceTimeNs: WALL - 16_000_000_000n,
  correction: 0,
  lastOffset: 0,
  rmsOffset: 0,
  frequencyPpm: 0,
  residualFrequencyPpm: 0,
  skewPpm: 0,
  rootDelay: 0,
  rootDispersion: 0,
  lastUpdateInterval: 16,
};
const selected: ChronydSource = {
  kind: 'sourceData',
  address: null,
  refid: 'PPS0',
  poll: 4,
  stratum: 0,
  selected: true,
  mode: 'referenceClock',
  reachability: 255,
  sinceSample: 3,
};
const report: HostReport = {
  m1: monoNs(M4 - 100_000n),
  m4: M4,
  tracking,
  selected,
  wallMinusMono: { lo: WALL - M4 - 1_000n, hi: WALL - M4 + 1_000n },
};
const limits: HostLimits = {
  profile: profiles.leased,
  references: ['PPS0'],
  table: builtinLeapTable,
  nearLeap: () => false,
};
const LABEL = WALL - M4 + 37_000_000_000n;

test('offset, root delay and dispersion, and the age of the last update are all in the interval', (t) => {
  const told = { ...tracking, correction: -0.0025, rootDelay: 0.004, rootDispersion: 0.001 };
  const judged = judgeHostReport({ ...report, tracking: told }, limits);
  if (judged.kind !== 'accepted') {
    t.fail(judged.failed);
    return;
  }
  const { sample } = judged;
  // Half the root delay, the dispersion, 15 ppm for the 16 s since the last update; a microsecond each for stamps and wall.
  const error = 2_000_000n + 1_000_000n + 240_000n;
  t.is(sample.theta, LABEL - 2_500_000n);
  for (const width of [sample.hi - sample.theta, sample.theta - sample.lo])
    t.true(width >= error + 2_000n && width < error + 4_000n, width.toString());
});

test('its role follows what it has selected', (t) => {
  const ntp: ChronydSource = { ...selected, mode: 'client', refid: null, address: '192.0.2.7' };
  const cases: [string, HostReport, readonly string[], 'reference' | 'monitor'][] = [
    ['PPS that is UTC(NICT)', report, ['PPS0'], 'reference'],
    ['GNSS without common view', { ...report, selected: { ...selected, refid: 'GPS' } }, ['PPS0'], 'monitor'],
    ['the leased line', { ...report, selected: ntp }, ['192.0.2.7'], 'reference'],
    ['another server', { ...report, selected: { ...ntp, address: '192.0.2.8' } }, ['192.0.2.7'], 'monitor'],
    ['nothing is named', report, [], 'monitor'],
  ];
  for (const [name, one, references, role] of cases) {
    const judged = judgeHostReport(one, { ...limits, references });
    t.is(judged.kind === 'accepted' ? judged.role : judged.failed, role, name);
  }
});

test('each test refuses alone, by its name', (t) => {
  const withTracking = (part: Partial<ChronydTracking>): HostReport => ({
    ...report,
    tracking: { ...tracking, ...part },
  });
  const cases: [HostTest, HostReport, HostLimits?][] = [
    ['hostInWindow', { ...report, m1: monoNs(M4 - 2_000_000_000n) }],
    ['hostInWindow', { ...report, m1: monoNs(M4 + 1n) }],
    ['hostSynchronised', withTracking({ leap: 3 })],
    ['hostSynchronised', withTracking({ refid: 0 })],
    ['hostSynchronised', withTracking({ stratum: 16 })],
    ['hostSourceSelected', { ...report, selected: null }],
    ['hostSourceReachable', { ...report, selected: { ...selected, reachability: 0 } }],
    ['hostUpdatedLately', withTracking({ referenceTimeNs: WALL - 129_000_000_000n })],
    ['hostDistanceSane', withTracking({ rootDelay: 1, rootDispersion: 1 })],
    ['hostDistanceSane', withTracking({ rootDelay: -0.1 })],
    ['hostDistanceSmall', withTracking({ rootDispersion: 0.02 })],
    ['hostDistanceSmall', withTracking({ rootDispersion: Infinity })],
    ['hostAwayFromLeap', report, { ...limits, nearLeap: () => true }],
  ];
  for (const [test, one, lim] of cases) {
    const judged = judgeHostReport(one, lim ?? limits);
    t.is(judged.kind === 'rejected' ? judged.failed : 'accepted', test);
  }
  t.deepEqual(new Set(cases.map(([name]) => name)), new Set(hostTests));
});

// ---- configuration -----------------------------------------------------------------------------------------------------

test('the slew bound: the last line counts, comments do not, and chrony’s default is no bound', (t) => {
  t.is(parseChronyConf('server a\n! maxslewrate 1\n# maxslewrate 2').maxSlewPpm, 83_333.333);
  t.is(parseChronyConf('maxslewrate 5\n  MaxSlewRate   7.5 \n').maxSlewPpm, 7.5);
  t.is(parseChronyConf('maxslewrate\nmaxslewrate x\nmaxslewrate -1').maxSlewPpm, 83_333.333);
  t.deepEqual(parseChronyConf('include /a\nconfdir /b /c').more, [
    { kind: 'include', path: '/a' },
    { kind: 'confdir', path: '/b' },
    { kind: 'confdir', path: '/c' },
  ]);
  // 7 ppm either way and 1 ppm of wander are the 15 ppm that are assumed by default.
  t.is(slewThatFits(15_000), 7);
});

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'taa-host-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('without chronyd, or without a bound, the host is reported with the remedy', async (t) => {
  const where = folder(t);
  const options = { address: '127.0.0.1', port: await freePort(), rhoFloorPpb: 15_000 };
  const findings = await checkHostClock({ ...options, configuration: join(where, 'none') });
  t.deepEqual(
    findings.map(({ code }) => code),
    ['hostClockUndisciplined', 'hostSlewUnbounded'],
  );
  t.regex(
    findings[0]?.detail ?? '',
    /no chronyd answers at 127\.0\.0\.1:\d+ .*install chrony with deploy\/chrony\.conf/,
  );
  t.regex(findings[1]?.detail ?? '', /not known: ENOENT.*clock\.hostClock\.configuration.*maxslewrate 7/);
  mkdirSync(join(where, 'conf.d'));
  writeFileSync(join(where, 'conf.d', 'slew.conf'), 'maxslewrate 100\n');
  writeFileSync(
    join(where, 'chrony.conf'),
    `maxslewrate 1\nconfdir ${join(where, 'conf.d')} ${join(where, 'none')}\n`,
  );
  const [, slew] = await checkHostClock({ ...options, configuration: join(where, 'chrony.conf') });
  t.regex(slew?.detail ?? '', /by 100 ppm, more than the 7 ppm .*of 15 ppm covers/);
});

test('the file in deploy/ keeps the bound that it states', async (t) => {
  const configuration = new URL('../../../deploy/chrony.conf', import.meta.url).pathname;
  const findings = await checkHostClock({
    address: '127.0.0.1',
    port: await freePort(),
    configuration,
    rhoFloorPpb: 15_000,
  });
  t.deepEqual(
    findings.map(({ code }) => code),
    ['hostClockUndisciplined'],
  );
});

// ---- a real chronyd -----------------------------------------------------------------------------------------------------

async function until(what: string, condition: () => boolean, ms = 40_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function following(
  t: ExecutionContext,
  commandPort: number,
  references: readonly string[],
): Promise<{ clock: ClockService; events: ClockEvent[] }> {
  const clock = await startClock({
    sources: [
      { name: 'host', chronyd: { address: '127.0.0.1', port: commandPort, references } },
      // Never answers: the host alone is what this clock lives by.
      { name: 'silent', host: '127.0.0.1', port: await freePort(), role: 'reference' },
    ],
    profile: 'lab',
  });
  t.teardown(() => clock.stop());
  const events: ClockEvent[] = [];
  clock.on((event) => events.push(event));
  return { clock, events };
}

const truth = (): { lo: bigint; hi: bigint } => {
  const before = process.hrtime.bigint();
  const wall = BigInt(Date.now()) * 1_000_000n + 37_000_000_000n;
  return { lo: wall - process.hrtime.bigint(), hi: wall + 1_000_000n - before };
};

chronyTest(
  'a clock that lives by the host’s chronyd: synchronised, and the truth is in every reading',
  async (t) => {
    const server = await chronydServer(t);
    const client = await chronydClient(t, server.port);
    const { clock, events } = await following(t, client.commandPort, ['127.0.0.1']);
    await until('synchronised', () => clock.reading().state === 'synchronised');
    let widest = 0n;
    for (let i = 0; i < 300; i++) {
      const reading = clock.reading();
      const { lo, hi } = truth();
      t.true(reading.earliest <= reading.mono + hi && reading.latest >= reading.mono + lo);
      widest = reading.latest - reading.earliest > widest ? reading.latest - reading.earliest : widest;
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    t.log(`widest interval ${widest.toString()} ns`);
    t.true(widest < 20_000_000n);
    t.true(events.some((e) => e.kind === 'anomaly' && e.code === 'sourceRoleChanged'));
    t.true(events.every((e) => e.kind !== 'comparison' || (e.role === 'reference' && !e.authenticated)));
    // Its server and then it itself stop: the last update gets too old, and what it says is no longer taken.
    await client.stop();
    await until('silence', () => clock.reading().state === 'holdover');
  },
);

chronyTest('a chronyd that follows what is not UTC(NICT) is a monitor: it gives no time', async (t) => {
  const server = await chronydServer(t);
  const client = await chronydClient(t, server.port);
  const { clock, events } = await following(t, client.commandPort, ['192.0.2.1']);
  await until('comparisons or answers', () => !clock.reading().unmonitored);
  t.is(clock.reading().state, 'unsynchronised');
  t.is(clock.reading().samples, 0);
  t.false(events.some((e) => e.kind === 'comparison' && e.role === 'reference'));
});

chronyTest('a host whose chronyd steps is caught within three samples', async (t) => {
  const reference = await startReferenceServer({ ownThread: true });
  t.teardown(() => reference.stop());
  const client = await chronydClient(t, reference.port);
  const { clock, events } = await following(t, client.commandPort, ['127.0.0.1']);
  await until('synchronised', () => clock.reading().state === 'synchronised');
  const { epoch } = clock.reading();
  const width = clock.reading().latest - clock.reading().earliest;
  const step = width + 50_000_000n;
  reference.setOffset(step);
  await until('caught', () => clock.reading().epoch > epoch);
  // Samples that already showed more than half of the step, before the one that proved it.
  const moved = events.filter((e) => e.kind === 'comparison' && e.epoch === epoch && e.offset < step / -2n);
  t.true(moved.length <= 3, `${moved.length} samples were taken after the step`);
});

chronyTest('what a real chronyd answers', async (t) => {
  const server = await chronydServer(t);
  const client = await chronydClient(t, server.port);
  let view = await queryChronyd('127.0.0.1', client.commandPort, 2000).view;
  for (let i = 0; i < 500 && (view.selected === null || view.tracking.leap === 3); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    view = await queryChronyd('127.0.0.1', client.commandPort, 2000).view;
  }
  t.like(view.selected, { address: '127.0.0.1', refid: null, mode: 'client', stratum: 1 });
  t.like(view.tracking, { address: '127.0.0.1', stratum: 2, leap: 0 });
  t.true(view.m4 > view.m1);
  t.true(view.tracking.rootDelay > 0 && view.tracking.rootDelay < 0.1);
  t.true(Math.abs(Number(view.tracking.referenceTimeNs / 1_000_000n) - Date.now()) < 30_000);
  await t.throwsAsync(queryChronyd('127.0.0.1', await freePort(), 300).view);
});

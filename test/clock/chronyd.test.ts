/**
 * Against a real chronyd on loopback. It serves this host's CLOCK_REALTIME as it is (`-x`: it never touches the clock), so
 * the truth is known here to a few hundred nanoseconds, by other means than NTP.
 */
import type { ExecutionContext } from 'ava';
import { startClock } from '../../src/clock/index.js';
import type { ClockEvent, ClockOptions, ClockService } from '../../src/clock/index.js';
import { halfWidthOf } from '../../src/clock/core/reading.js';
import type { ClockReading } from '../../src/time/types.js';
import { KEY, chronyTest, chronydServer } from './chronyd-process.js';

async function started(
  t: ExecutionContext,
  options: ClockOptions,
): Promise<{ clock: ClockService; events: ClockEvent[] }> {
  const clock = await startClock(options);
  t.teardown(() => clock.stop());
  const events: ClockEvent[] = [];
  clock.on((event) => events.push(event));
  return { clock, events };
}

async function until(what: string, condition: () => boolean, ms = 40_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const inState = (clock: ClockService, state: ClockReading['state']) => (): boolean =>
  clock.reading().state === state;

/** TAI − monotonic of this host, as a range: where the millisecond of the wall clock changes is where it is known. */
function truthRange(): { lo: bigint; hi: bigint } {
  let [lo, hi] = [-(2n ** 63n), 2n ** 63n];
  // A busy host interrupts the look at just the wrong moments: then it takes longer.
  const end = process.hrtime.bigint() + 5_000_000_000n;
  for (;;) {
    const before = process.hrtime.bigint();
    const wall = BigInt(Date.now()) * 1_000_000n + 37_000_000_000n;
    const after = process.hrtime.bigint();
    if (wall - after > lo) lo = wall - after;
    if (wall + 1_000_000n - before < hi) hi = wall + 1_000_000n - before;
    if (hi - lo < 20_000n || after > end) return { lo, hi };
  }
}

chronyTest('10^4 readings against chronyd: the truth is in every one of them', async (t) => {
  const server = await chronydServer(t);
  const { clock } = await started(t, {
    sources: [{ name: 'chronyd', host: '127.0.0.1', port: server.port, role: 'reference' }],
    profile: 'lab',
  });
  await until('synchronised', inState(clock, 'synchronised'));
  const before = truthRange();
  let [outside, wrongState, widest] = [0, 0, 0n];
  for (let i = 0; i < 10_000; i++) {
    const reading = clock.reading();
    // Readings beyond what is known of the truth on both sides count as outside, to the nanosecond.
    if (reading.earliest > reading.mono + before.hi || reading.latest < reading.mono + before.lo) outside++;
    if (reading.state !== 'synchronised' && reading.state !== 'holdover') wrongState++;
    if (halfWidthOf(reading) > widest) widest = halfWidthOf(reading);
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const after = truthRange();
  t.true(
    before.lo <= after.hi && after.lo <= before.hi,
    'this host’s own clock was set during the test: repeat it',
  );
  t.is(outside, 0);
  t.is(wrongState, 0);
  t.true(after.hi - after.lo < 100_000n, 'the truth must be known better than what it judges');
  t.log(`truth known to ${(before.hi - before.lo).toString()} ns; widest half-width ${widest.toString()} ns`);
});

chronyTest(
  'chronyd stops: the bound grows by exactly ρ, the clock refuses at the limit, and resumes',
  async (t) => {
    const server = await chronydServer(t);
    const rho = 1_000_000n;
    const { clock } = await started(t, {
      sources: [{ name: 'chronyd', host: '127.0.0.1', port: server.port, role: 'reference' }],
      profile: 'lab',
      rho: { floorPpb: rho },
      limits: { syncNs: 8_000_000n, holdNs: 9_000_000n },
    });
    await until('synchronised', inState(clock, 'synchronised'));
    await server.stop();
    await until('holdover', inState(clock, 'holdover'));
    const first = clock.reading();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const second = clock.reading();
    t.is(second.samples, first.samples);
    const grown = second.latest - second.earliest - (first.latest - first.earliest);
    const exact = (2n * (second.mono - first.mono) * rho) / 1_000_000_000n;
    t.true(
      grown >= exact - 2n && grown <= exact + 2n,
      `grown ${grown.toString()}, ρ·2·t = ${exact.toString()}`,
    );
    t.is(second.rhoPpb, Number(rho));
    await until('refusal', inState(clock, 'outOfTolerance'));
    t.true(halfWidthOf(clock.reading()) > 9_000_000n);
    await server.start();
    await until('synchronised again', inState(clock, 'synchronised'));
    t.true(halfWidthOf(clock.reading()) <= 8_000_000n);
  },
);

chronyTest(
  'with an AES-CMAC key chronyd’s answers are authenticated; with the wrong key there is no time',
  async (t) => {
    const server = await chronydServer(t);
    const source = { name: 'chronyd', host: '127.0.0.1', port: server.port, role: 'reference' } as const;
    const good = await started(t, { sources: [{ ...source, key: KEY }], profile: 'lab' });
    await until('synchronised', inState(good.clock, 'synchronised'));
    await until('a comparison', () => good.events.some((e) => e.kind === 'comparison' && e.authenticated));
    const wrong = { id: KEY.id, secret: KEY.secret.map((byte) => byte ^ 1) };
    const bad = await started(t, { sources: [{ ...source, key: wrong }], profile: 'lab' });
    await until('rejections', () => bad.events.filter((e) => e.kind === 'sampleRejected').length >= 3);
    t.is(bad.clock.reading().state, 'unsynchronised');
    t.is(bad.clock.reading().samples, 0);
  },
);

chronyTest(
  'with the main thread saturated the clock goes on, and the truth is in every reading',
  async (t) => {
    const server = await chronydServer(t);
    const { clock } = await started(t, {
      sources: [{ name: 'chronyd', host: '127.0.0.1', port: server.port, role: 'reference' }],
      profile: 'lab',
    });
    await until('synchronised', inState(clock, 'synchronised'));
    const before = truthRange();
    const { samples } = clock.reading();
    let [outside, looks] = [0, 0];
    // Pieces of 1 to 10 ms without pause: nothing but microscopic gaps for anything else on this thread.
    for (let piece = 1; clock.reading().samples < samples + 8; piece = (piece % 10) + 1) {
      for (const end = performance.now() + piece; performance.now() < end;) {
        const reading = clock.reading();
        looks++;
        if (reading.earliest > reading.mono + before.hi || reading.latest < reading.mono + before.lo)
          outside++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    const after = truthRange();
    t.true(before.lo <= after.hi && after.lo <= before.hi, 'this host’s own clock was set: repeat the test');
    t.true(before.hi - before.lo < 20_000n, 'the truth must be known better than what it judges');
    t.is(outside, 0);
    t.log(`${looks} looks, truth known to ${(before.hi - before.lo).toString()} ns`);
  },
);

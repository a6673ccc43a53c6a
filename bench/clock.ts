/**
 * `npm run bench -- clock`: the clock against the truth, beside chrony on the same server in the same run. A chronyd serves
 * this host's clock on loopback; our clock and a second chronyd follow it, at about the same pace, while the main thread
 * first rests and then is saturated. The truth is read from the host's clock by other means than NTP. Rows that take hours
 * in real time are measured on virtual time, by the production discipline in the tests' simulated world.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { queryChronyd } from '../src/clock/chronyd/query.js';
import { startClock, startReferenceServer, wallMinusMonoSharply } from '../src/clock/index.js';
import type { ClockService } from '../src/clock/index.js';
import { halfWidthOf } from '../src/clock/core/reading.js';
import type { ClockState } from '../src/time/types.js';
import { chronydPath, clientIn, serverIn } from '../test/clock/chronyd-launcher.js';
import { simulatedRows } from './clock-simulated.js';
import { BenchError } from './errors.js';
import { optionsOf, positive } from './options.js';
import { percentile, rounded } from './statistics.js';

const USAGE = '--seconds 10';
const TAI_MINUS_UTC_NS = 37_000_000_000n;
const LOOK_MS = 40;

/** One line of the table. Figures are in the unit that the row names. */
export interface ClockRow {
  readonly row: string;
  readonly unit: string;
  readonly target: string;
  readonly figures: Readonly<Record<string, number>>;
  /** chrony's figures on the same server at the same time, where it has any. */
  readonly chrony?: Readonly<Record<string, number>>;
}

function print(row: ClockRow): void {
  console.log(JSON.stringify({ bench: 'clock', ...row }));
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > 60_000) throw new BenchError(`${what}: not within a minute; the machine may be too busy`);
    await sleep(10);
  }
}

const inState = (clock: ClockService, state: ClockState) => (): boolean => clock.reading().state === state;

interface Series {
  readonly errorUs: number[];
  readonly halfWidthUs: number[];
  outside: number;
}

const emptySeries = (): Series => ({ errorUs: [], halfWidthUs: [], outside: 0 });
const us = (ns: bigint): number => Number(ns < 0n ? -ns : ns) / 1000;

function figures({ errorUs, halfWidthUs, outside }: Series): Record<string, number> {
  const [errors, widths] = [errorUs, halfWidthUs].map((list) => [...list].sort((a, b) => a - b));
  return {
    looks: errorUs.length,
    outside,
    errorP50: rounded(percentile(errors ?? [], 0.5)),
    errorP95: rounded(percentile(errors ?? [], 0.95)),
    errorMax: rounded(errors?.at(-1) ?? Number.NaN),
    boundP50: rounded(percentile(widths ?? [], 0.5)),
    boundMax: rounded(widths?.at(-1) ?? Number.NaN),
  };
}

/** The truth: host's wall clock − monotonic clock, sharply, before and after; it must not have been set meanwhile. */
function truth(): bigint {
  let best = wallMinusMonoSharply();
  for (let i = 0; i < 20; i++) {
    const next = wallMinusMonoSharply();
    if (next.hi - next.lo < best.hi - best.lo) best = next;
  }
  return (best.lo + best.hi) / 2n;
}

function lookAtOurs(clock: ClockService, known: bigint, into: Series): void {
  const reading = clock.reading();
  const tai = reading.mono + known + TAI_MINUS_UTC_NS;
  into.errorUs.push(us(reading.best - tai));
  into.halfWidthUs.push(us(halfWidthOf(reading)));
  // The truth itself is known to about a microsecond.
  if (reading.earliest > tai + 1_000n || reading.latest < tai - 1_000n) into.outside++;
}

/** chrony's clock is the host's plus its correction: since the server serves the host's clock, the correction is its error. */
async function lookAtChrony(port: number, into: Series): Promise<void> {
  const { tracking } = await queryChronyd('127.0.0.1', port, 1000).view;
  const error = Math.abs(tracking.correction) * 1e6;
  // As `chronyc tracking` documents it: |error| ≤ root delay / 2 + root dispersion beside the correction.
  const bound = (tracking.rootDelay / 2 + tracking.rootDispersion) * 1e6;
  into.errorUs.push(error);
  into.halfWidthUs.push(bound);
  if (error > bound) into.outside++;
}

/** Blocks this thread in pieces of 1 … 10 ms until told to stop. */
async function saturate(stopped: () => boolean): Promise<void> {
  for (let piece = 1; !stopped(); piece = (piece % 10) + 1) {
    const end = performance.now() + piece;
    while (performance.now() < end);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function side(
  row: string,
  clock: ClockService,
  port: number,
  seconds: number,
  busy: boolean,
): Promise<void> {
  const known = truth();
  const [ours, chrony] = [emptySeries(), emptySeries()];
  let stop = false;
  const load = busy ? saturate(() => stop) : Promise.resolve();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    lookAtOurs(clock, known, ours);
    await lookAtChrony(port, chrony).catch(() => undefined);
    await sleep(LOOK_MS);
  }
  stop = true;
  await load;
  const moved = us(truth() - known);
  if (moved > 20) throw new BenchError(`the host's clock was set by ${moved} µs during the bench: repeat it`);
  print({
    row,
    unit: 'µs',
    target: 'outside 0; error p95 ≤ 20, max ≤ 60',
    figures: figures(ours),
    chrony: figures(chrony),
  });
}

function nowCost(clock: ClockService): ClockRow {
  const perCall: number[] = [];
  for (let round = 0; round < 60; round++) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < 10_000; i++) clock.reading();
    perCall.push(Number(process.hrtime.bigint() - start) / 10_000);
  }
  perCall.sort((a, b) => a - b);
  return {
    row: 'now() with its bound',
    unit: 'ns',
    target: '≤ 250',
    figures: { least: rounded(perCall[0] ?? Number.NaN), p50: rounded(percentile(perCall, 0.5)) },
  };
}

/** Samples that were taken after the reference was moved by `ms`, until the clock was disrupted; the mean of a few times. */
async function stepRow(ms: number): Promise<ClockRow> {
  const reference = await startReferenceServer({ ownThread: true });
  const clock = await startClock({
    sources: [{ name: 'lab', host: '127.0.0.1', port: reference.port, role: 'reference' }],
    profile: 'lab',
  });
  try {
    await until('synchronised', inState(clock, 'synchronised'));
    const { epoch } = clock.reading();
    const { samples } = clock.reading();
    const start = performance.now();
    reference.setOffset(BigInt(ms) * 1_000_000n);
    await until('disruption', () => clock.reading().epoch > epoch);
    const noticed = performance.now() - start;
    return {
      row: `a step of the reference by ${ms} ms is noticed`,
      unit: 'ms',
      target: 'next sample (polled each 250)',
      figures: { after: rounded(noticed), samplesBefore: samples },
    };
  } finally {
    await clock.stop();
    await reference.stop();
  }
}

async function startRow(port: number): Promise<{ clock: ClockService; row: ClockRow }> {
  const start = performance.now();
  const clock = await startClock({
    sources: [{ name: 'chronyd', host: '127.0.0.1', port, role: 'reference' }],
    profile: 'lab',
  });
  await until('synchronised', inState(clock, 'synchronised'));
  const row: ClockRow = {
    row: 'start to synchronised, laboratory profile',
    unit: 's',
    target: '≤ 60',
    figures: { after: rounded((performance.now() - start) / 1000) },
  };
  return { clock, row };
}

async function sideBySide(directory: string, seconds: number): Promise<void> {
  const { server, files } = await serverIn(mkdtempSync(join(directory, 'server-')));
  const { client, commandPort } = await clientIn(
    mkdtempSync(join(directory, 'client-')),
    files.port,
    'minpoll -2 maxpoll -2',
  );
  await server.start();
  await client.start();
  try {
    const { clock, row } = await startRow(files.port);
    try {
      print(row);
      console.error('both follow; warming for five seconds');
      await sleep(5000);
      await side('error and bound, main thread at rest', clock, commandPort, seconds, false);
      await side('error and bound, main thread saturated', clock, commandPort, seconds, true);
      print(nowCost(clock));
    } finally {
      await clock.stop();
    }
  } finally {
    await client.stop();
    await server.stop();
  }
}

export async function clock(args: readonly string[]): Promise<void> {
  const seconds = positive('seconds', optionsOf(args, { seconds: '10' }, USAGE).seconds, 1, USAGE);
  if (chronydPath === undefined)
    throw new BenchError('chronyd is not installed; on Debian: apt install chrony', 2);
  const directory = mkdtempSync(join(tmpdir(), 'taa-bench-clock-'));
  try {
    await sideBySide(directory, seconds);
    for (const ms of [200, 20, 8]) print(await stepRow(ms));
    console.error('simulated days');
    simulatedRows(print);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What readers see: shared memory, a stalled or dead worker, and the memory file. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { decodeMemory, encodeMemory, freshMemory } from '../../src/clock/core/memory.js';
import type { ClockMemory } from '../../src/clock/core/memory.js';
import { readingAt } from '../../src/clock/core/reading.js';
import type { Published } from '../../src/clock/core/reading.js';
import { MemoryWriter, interpretMemory, loadMemory, memoryText } from '../../src/clock/memory-file.js';
import { SharedStateReader, SharedStateWriter, createSharedState } from '../../src/clock/shared-state.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import type { ClockState } from '../../src/time/types.js';
import { Random } from './random.js';

const T0 = 1_795_478_437_000_000_000n;
const second = 1_000_000_000n;

function published(n: bigint): Published {
  return {
    state: 'synchronised',
    epoch: 3,
    samples: Number(n),
    known: {
      bound: { mono: monoNs(n), lo: T0 - 1_000n, hi: T0 + 1_000n, ratePpb: n, rhoPpb: n },
      overlay: { mono: monoNs(n), tai: taiNs(T0 + n), ratePpb: n, untilMono: monoNs(n), afterPpb: n },
      lastSampleMono: monoNs(n),
    },
    leap: 'announced',
    unmonitored: true,
    peers: 'agree',
    peerRounds: Number(n),
  };
}

const limits = {
  samplesNeeded: 8,
  addressesNeeded: 1,
  staleAfterNs: 3n * second,
  syncNs: 100_000n,
  holdNs: 300_000n,
};

test('what is published is what is read, known or not', (t) => {
  const buffer = createSharedState();
  const [writer, reader] = [new SharedStateWriter(buffer), new SharedStateReader(buffer)];
  t.is(reader.read().known, null);
  t.is(reader.read().state, 'unsynchronised');
  writer.publish(published(17n));
  t.deepEqual(reader.read(), published(17n));
  const unknown: Published = {
    ...published(1n),
    state: 'quarantined',
    known: null,
    leap: 'infoStale',
    unmonitored: false,
  };
  writer.publish(unknown);
  t.deepEqual(reader.read(), unknown);
  writer.heartbeat(monoNs(99n));
  t.is(reader.heartbeat(), monoNs(99n));
});

test('a worker that died in the middle of a write leaves readers with the last whole state', (t) => {
  const buffer = createSharedState();
  const [writer, reader] = [new SharedStateWriter(buffer), new SharedStateReader(buffer)];
  writer.publish(published(5n));
  t.is(reader.read().samples, 5);
  Atomics.add(new Int32Array(buffer, 0, 1), 0, 1);
  t.is(reader.read().samples, 5);
  // A reader that starts only now has no whole state and says that it knows nothing.
  t.is(new SharedStateReader(buffer).read().known, null);
});

// Serial: the other tests would hold this thread while the writer writes.
test.serial('under a writer that hardly rests, no reader ever sees half of a state', async (t) => {
  const buffer = createSharedState();
  const source = new URL('../../src/clock/shared-state.js', import.meta.url).href;
  const worker = new Worker(
    `import(${JSON.stringify(source)}).then(({ SharedStateWriter }) => {
      const { workerData, parentPort } = require('node:worker_threads');
      const writer = new SharedStateWriter(workerData);
      const end = Date.now() + 700;
      let n = 0n;
      while (Date.now() < end) {
        n++;
        writer.publish({ state: 'synchronised', epoch: 3, samples: Number(n), leap: 'announced', unmonitored: true, peers: 'agree', peerRounds: Number(n), known: {
          bound: { mono: n, lo: 0n, hi: n, ratePpb: n, rhoPpb: n },
          overlay: { mono: n, tai: n, ratePpb: n, untilMono: n, afterPpb: n }, lastSampleMono: n } });
        // Twenty thousand times a second: a hundred times more often than the clock ever does.
        for (const next = process.hrtime.bigint() + 50_000n; process.hrtime.bigint() < next; );
      }
      parentPort.postMessage(Number(n));
    });`,
    { eval: true, workerData: buffer },
  );
  const reader = new SharedStateReader(buffer);
  let [torn, seen, last] = [0, 0, -1];
  const done = new Promise<number>((resolve) => worker.once('message', resolve));
  let written = 0;
  void done.then((n) => (written = n));
  while (written === 0) {
    for (let i = 0; i < 2000; i++) {
      const { known, samples } = reader.read();
      if (samples === last || known === null) continue;
      last = samples;
      seen++;
      const n = BigInt(samples);
      const values: bigint[] = [
        known.bound.mono,
        known.bound.hi,
        known.bound.ratePpb,
        known.overlay.tai,
        known.overlay.afterPpb,
        known.lastSampleMono,
      ];
      if (values.some((value) => value !== n)) torn++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await worker.terminate();
  t.is(torn, 0);
  // On a busy host the writer itself writes little.
  t.true(seen > Math.min(10, written / 100), `${seen} states seen of ${written}`);
});

test('without any help of the worker: the bound grows, the state falls, and it never says more than the worker did', (t) => {
  const state: Published = {
    ...published(0n),
    known: {
      bound: { mono: monoNs(0n), lo: T0 - 50_000n, hi: T0 + 50_000n, ratePpb: 0n, rhoPpb: 50_000n },
      overlay: { mono: monoNs(0n), tai: taiNs(T0), ratePpb: 0n, untilMono: monoNs(0n), afterPpb: 0n },
      lastSampleMono: monoNs(0n),
    },
  };
  // [seconds since the worker published, seconds since its last sign of life, expected state]
  const rows: [bigint, bigint, ClockState][] = [
    [0n, 0n, 'synchronised'],
    [1n, 0n, 'synchronised'],
    [1n, 1n, 'synchronised'],
    [1n, 2n, 'holdover'],
    [2n, 0n, 'holdover'],
    [4n, 0n, 'holdover'],
    [5n, 0n, 'holdover'],
    [6n, 0n, 'outOfTolerance'],
    [600n, 600n, 'outOfTolerance'],
  ];
  for (const [age, silence, expected] of rows) {
    const mono = monoNs(age * second);
    // The bound reaches the sync limit (100 µs) after one second and the hold limit (300 µs) after five.
    const reading = readingAt(state, mono, monoNs(mono - silence * second), limits, builtinLeapTable, null);
    t.is(reading.state, expected, `${age.toString()} s old, silent for ${silence.toString()} s`);
    t.is(reading.latest - reading.earliest, 100_000n + 2n * age * 50_000n);
  }
  for (const low of [
    'unsynchronised',
    'acquiring',
    'holdover',
    'outOfTolerance',
    'disrupted',
    'quarantined',
  ] as const) {
    const reading = readingAt(
      { ...state, state: low },
      monoNs(0n),
      monoNs(0n),
      limits,
      builtinLeapTable,
      null,
    );
    t.is(reading.state, low);
  }
});

test('best is inside its bound by widening: a served time that the bound left behind is not hidden', (t) => {
  const state: Published = {
    ...published(0n),
    known: {
      bound: { mono: monoNs(0n), lo: T0 - 100n, hi: T0 + 100n, ratePpb: 0n, rhoPpb: 0n },
      overlay: {
        mono: monoNs(0n),
        tai: taiNs(T0 + 5_000n),
        ratePpb: 0n,
        untilMono: monoNs(0n),
        afterPpb: 0n,
      },
      lastSampleMono: monoNs(0n),
    },
  };
  const reading = readingAt(state, monoNs(0n), monoNs(0n), limits, builtinLeapTable, null);
  t.is(reading.latest, reading.best);
  t.is(reading.earliest, taiNs(T0 - 100n));
  const floored = readingAt(state, monoNs(0n), monoNs(0n), limits, builtinLeapTable, taiNs(T0 + 9_000n));
  t.is(floored.best, taiNs(T0 + 9_000n));
  t.is(floored.latest, taiNs(T0 + 9_000n));
});

const memory: ClockMemory = {
  driftPpb: -1234.5,
  highWaterTai: T0,
  epoch: 7,
  quarantined: true,
  rateHeld: false,
  disputed: true,
  released: 41,
  disruptions: [1n, 2n],
  sources: {
    nict: {
      budget: { milliTokens: 3_500n, updatedWallNs: T0 },
      backOff: { pollFactor: 4, notBefore: { '192.0.2.1': T0 } },
    },
  },
};
const host = { host: 'a', clocksource: 'tsc' };

test('the memory survives its text; on another oscillator only what restricts is kept', (t) => {
  t.deepEqual(interpretMemory(memoryText(memory, host), host, T0), { memory, problem: null });
  for (const other of [
    { host: 'b', clocksource: 'tsc' },
    { host: 'a', clocksource: 'hpet' },
  ]) {
    const loaded = interpretMemory(memoryText(memory, host), other, T0);
    t.deepEqual(loaded.memory, { ...memory, driftPpb: null });
    t.regex(loaded.problem ?? '', /drift was dropped/);
  }
});

test('every flipped bit of the memory is noticed, and fails closed', (t) => {
  const text = memoryText(memory, host);
  for (let at = 0; at < text.length; at++) {
    const damaged = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
    const loaded = interpretMemory(damaged, host, T0);
    // The last character is the line end behind the checksum: it carries nothing.
    if (at === text.length - 1) continue;
    if (loaded.problem === null || !loaded.memory.quarantined || loaded.memory.epoch < 1_000_000) {
      t.fail(`at ${at}`);
      return;
    }
  }
  t.pass();
});

test('10^5 random and mutated memories decode to null or to something sane', (t) => {
  const random = new Random(8);
  const text = encodeMemory(memory);
  t.deepEqual(decodeMemory(text), memory);
  t.deepEqual(decodeMemory(encodeMemory(freshMemory)), freshMemory);
  for (let i = 0; i < 100_000; i++) {
    const at = random.below(text.length);
    const mutated =
      text.slice(0, at) + String.fromCharCode(random.below(128)) + text.slice(at + random.below(3));
    const decoded = decodeMemory(mutated);
    if (
      decoded !== null &&
      !(decoded.epoch >= 0 && Object.values(decoded.sources).every((s) => s.backOff.pollFactor >= 1))
    ) {
      t.fail(mutated);
      return;
    }
  }
  for (const bad of [
    '',
    'null',
    '[]',
    '{}',
    '{"epoch":-1}',
    text.replace('"7"', '7').replace('"epoch":7', '"epoch":7.5'),
  ]) {
    t.is(decodeMemory(bad), null, bad);
  }
});

test('the file is replaced as a whole; a directory that is not there is reported, and the next write is tried again', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'taa-memory-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'clock-memory');
  const failures: Error[] = [];
  const writer = new MemoryWriter(path, host, (error) => failures.push(error));
  for (let epoch = 1; epoch <= 50; epoch++) writer.write({ ...memory, epoch });
  await writer.flushed();
  t.is(loadMemory(path, host, T0).memory.epoch, 50);
  t.deepEqual(readdirSync(directory), ['clock-memory']);
  t.true(readFileSync(path, 'utf8').endsWith('\n'));
  t.deepEqual(failures, []);
  const lost = new MemoryWriter(join(directory, 'missing', 'x'), host, (error) => failures.push(error));
  lost.write(memory);
  await lost.flushed();
  lost.write(memory);
  await lost.flushed();
  t.is(failures.length, 2);
  t.deepEqual(loadMemory(join(directory, 'none'), host, T0), { memory: freshMemory, problem: null });
});

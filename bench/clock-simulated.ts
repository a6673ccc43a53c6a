/** Rows of the clock's table that take hours or days: the production discipline on virtual time, the truth known. */

import { halfWidthOf } from '../src/clock/core/reading.js';
import { profiles } from '../src/clock/core/profile.js';
import type { ClockProfile } from '../src/clock/core/profile.js';
import { NS_PER_MS, NS_PER_S } from '../src/time/types.js';
import { SimulatedWorld } from '../test/clock/simulated-world.js';
import type { SimulatedServer } from '../test/clock/simulated-world.js';
import type { ClockRow } from './clock.js';
import { percentile, rounded } from './statistics.js';

const HOUR = 3600n * NS_PER_S;
const ADDRESSES = ['192.0.2.1', '192.0.2.2'] as const;

/** Round trip with exponential jitter of 0.4 ms each way, and one exchange in twenty 10 ms late. */
function path(rttNs: bigint): SimulatedServer['path'] {
  return (random) => {
    const leg = (): bigint => {
      const jitter = -Math.log(1 - random.unit()) * 400_000;
      return rttNs / 2n + BigInt(Math.round(jitter)) + (random.chance(0.05) ? 10n * NS_PER_MS : 0n);
    };
    return { there: leg(), back: leg() };
  };
}

function world(seed: number, rttNs: bigint): SimulatedWorld {
  const profile: Partial<ClockProfile> = profiles['public-nict'];
  const made = new SimulatedWorld({ seed, profile });
  made.input({ kind: 'addresses', source: 'nict', addresses: ADDRESSES });
  made.server().path = path(rttNs);
  made.ratePpb = 17_000n;
  return made;
}

interface Looked {
  readonly errorMs: number[];
  readonly halfWidthMs: number[];
  outside: number;
}

/** A day whose temperature moves the oscillator by ±0.3 ppm. */
function day(simulated: SimulatedWorld, hours: number, into: Looked): void {
  for (let minute = 0; minute < hours * 60; minute++) {
    simulated.ratePpb = 17_000n + BigInt(Math.round(300 * Math.sin((2 * Math.PI * minute) / 1440)));
    simulated.run(60n * NS_PER_S);
    const reading = simulated.reading();
    const error = Number(reading.best - simulated.truth) / 1e6;
    into.errorMs.push(Math.abs(error));
    into.halfWidthMs.push(Number(halfWidthOf(reading)) / 1e6);
    if (simulated.truth < reading.earliest || simulated.truth > reading.latest) into.outside++;
  }
}

function steadyRow(rttMs: bigint, target: string): ClockRow {
  const looked: Looked = { errorMs: [], halfWidthMs: [], outside: 0 };
  for (let seed = 1; seed <= 4; seed++) {
    const simulated = world(seed, rttMs * NS_PER_MS);
    simulated.run(2n * HOUR);
    day(simulated, 30, looked);
  }
  const [errors, widths] = [looked.errorMs, looked.halfWidthMs].map((list) => list.sort((a, b) => a - b));
  return {
    row: `simulated day, public-nict profile, round trip ${rttMs.toString()} ms`,
    unit: 'ms',
    target,
    figures: {
      looks: looked.errorMs.length,
      outside: looked.outside,
      errorP50: rounded(percentile(errors ?? [], 0.5)),
      errorP99: rounded(percentile(errors ?? [], 0.99)),
      boundP50: rounded(percentile(widths ?? [], 0.5)),
      boundP95: rounded(percentile(widths ?? [], 0.95)),
      boundMax: rounded(widths?.at(-1) ?? Number.NaN),
    },
  };
}

function startRow(): ClockRow {
  const seconds: number[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    const simulated = world(seed, 8n * NS_PER_MS);
    const start = simulated.mono;
    simulated.runUntil(() => simulated.reading().state === 'synchronised', HOUR);
    seconds.push(Number(simulated.mono - start) / 1e9);
  }
  seconds.sort((a, b) => a - b);
  return {
    row: 'start to synchronised, public-nict profile (8 samples at the 16 s that NICT asks for)',
    unit: 's',
    target: '8 × 16 s of politeness',
    figures: { p50: rounded(percentile(seconds, 0.5)), max: rounded(seconds.at(-1) ?? Number.NaN) },
  };
}

function loadRow(): ClockRow {
  const simulated = world(5, 8n * NS_PER_MS);
  simulated.run(HOUR);
  const before = simulated.discipline.sourceStatus()[0]?.accepted ?? 0;
  simulated.run(24n * HOUR);
  const asked = (simulated.discipline.sourceStatus()[0]?.accepted ?? 0) - before;
  return {
    row: 'questions to NICT an hour, over a day',
    unit: '1/h',
    target: '≤ 18',
    figures: { answered: rounded(asked / 24) },
  };
}

function holdoverRow(): ClockRow {
  const simulated = world(6, 8n * NS_PER_MS);
  simulated.run(3n * HOUR);
  simulated.server().up = false;
  simulated.run(20n * 60n * NS_PER_S);
  const [first, start] = [simulated.reading(), simulated.mono];
  simulated.run(HOUR / 2n);
  const second = simulated.reading();
  const grown = Number(second.latest - second.earliest - (first.latest - first.earliest)) / 2;
  const exact = (Number(simulated.mono - start) * first.rhoPpb) / 1e9;
  return {
    row: 'growth of the bound in holdover, of exactly ρ',
    unit: 'ratio',
    target: '1',
    figures: { grownByRho: Number((grown / exact).toFixed(6)), rhoPpm: rounded(first.rhoPpb / 1000) },
  };
}

export function simulatedRows(print: (row: ClockRow) => void): void {
  print(steadyRow(8n, 'error p50 ≤ 0.3, p99 ≤ 1.5; bound ≤ 10'));
  print(steadyRow(20n, 'bound ≤ 20'));
  print(startRow());
  print(loadRow());
  print(holdoverRow());
}

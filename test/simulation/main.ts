/**
 * `npm run simulate -- …`
 *
 *   --seeds N --from BASE --minutes M --jobs J   N worlds from seed BASE on, or as many as fit into M minutes, on J processes
 *   --seed N --trace                             one world, with everything of note that happens in it
 *   --world FILE|JSON --trace                    one described world, such as the shrinker prints
 *
 * Exit status 1 if an invariant was violated.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Summary } from './campaign.js';
import { emptySummary, merge, report, runSeeds } from './campaign.js';
import type { WorldDescription } from './description.js';
import { describe } from './description.js';
import { shrink } from './shrink.js';
import { runWorld } from './world.js';

/** So many failing seeds are shrunk; the others are only named. */
const SHRUNK_MAX = 3;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string' },
    world: { type: 'string' },
    trace: { type: 'boolean', default: false },
    part: { type: 'string' },
  },
});

function usage(): never {
  process.stderr.write(
    'simulate: --seeds, --from, --jobs and --seed take whole numbers, --minutes a positive number, --world a description as JSON or the name of a file that holds one\n',
  );
  process.exit(2);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= 0 ? value : usage();
}

const seeds = wholeNumber(values.seeds);
const from = wholeNumber(values.from);
const jobs = Math.max(1, Math.min(wholeNumber(values.jobs), Math.max(1, seeds)));
const minutes = Number(values.minutes);
if (!(minutes > 0)) usage();
const started = performance.now();
const deadline = started + minutes * 60_000;

function readDescription(text: string): WorldDescription {
  const json = text.trimStart().startsWith('{') ? text : readFileSync(text, 'utf8');
  const world = JSON.parse(json) as WorldDescription;
  return { ...describe(world.seed), ...world };
}

function show(description: WorldDescription): void {
  const result = runWorld(description, {
    trace: (at, who, what) => {
      if (values.trace)
        process.stdout.write(`${(at / 1e6).toFixed(3).padStart(10)} ms  ${who.padEnd(7)} ${what}\n`);
    },
  });
  process.stdout.write(`${JSON.stringify(description)}\n`);
  const { commits, leaderTerms, certificates, digest, violation } = result;
  process.stdout.write(
    `commits ${commits}, terms led ${leaderTerms}, certificates ${certificates}, digest ${digest.slice(0, 16)}\n`,
  );
  process.stdout.write(violation === null ? 'no violation\n' : `${violation.message}\n`);
  process.exitCode = violation === null ? 0 : 1;
}

/** Of a failing seed: how to replay it, and the smallest world that fails alike. */
function explain(seed: number, message: string): string {
  const replay = `seed ${seed}: ${message}\n  replay: npm run simulate -- --seed ${seed} --trace`;
  const judge = (world: WorldDescription): string | null => runWorld(world).violation?.invariant ?? null;
  const shrunk = shrink(describe(seed), judge);
  if (shrunk === null) return replay;
  const { description, runs } = shrunk;
  return `${replay}\n  smallest after ${runs} runs: npm run simulate -- --trace --world '${JSON.stringify(description)}'`;
}

function runPart(part: number): Promise<Summary> {
  const child = fork(import.meta.filename, [...process.argv.slice(2), '--part', String(part)], {
    // Worlds leave much behind that does not last: fewer, larger collections.
    execArgv: ['--enable-source-maps', '--max-semi-space-size=32'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Summary));
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`a simulating process ended with ${String(code)}`));
    });
  });
}

async function campaign(): Promise<void> {
  const parts = await Promise.all(Array.from({ length: jobs }, (_, part) => runPart(part)));
  const total = emptySummary();
  for (const part of parts) merge(total, part);
  const seconds = (performance.now() - started) / 1000;
  total.violations.sort((a, b) => a.seed - b.seed);
  total.violations.forEach(({ seed, message }, at) => {
    const text = at < SHRUNK_MAX ? explain(seed, message) : `seed ${seed}: ${message}`;
    process.stdout.write(`${text}\n`);
  });
  process.stdout.write(`${report(total, seconds)}\n`);
  process.exitCode = total.violations.length === 0 ? 0 : 1;
}

if (values.world !== undefined) show(readDescription(values.world));
else if (values.seed !== undefined) show(describe(wholeNumber(values.seed)));
else if (values.part !== undefined) {
  const part = wholeNumber(values.part);
  process.send?.(runSeeds(from + part, Math.ceil(Math.max(0, seeds - part) / jobs), jobs, deadline));
} else await campaign();

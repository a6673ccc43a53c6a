/**
 * `npm run simulate -- --seeds N --from BASE --minutes M`: N worlds from seed BASE on, or as many as fit into M minutes, on
 * two processes. Exit status 1 if an invariant was violated.
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { Summary } from './campaign.js';
import { emptySummary, merge, report, runSeeds } from './campaign.js';

const PROCESSES = 2;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '60' },
    part: { type: 'string' },
  },
});

const [seeds, from, minutes] = [Number(values.seeds), Number(values.from), Number(values.minutes)];
if (![seeds, from].every((value) => Number.isSafeInteger(value) && value >= 0) || !(minutes > 0)) {
  process.stderr.write('simulate: --seeds and --from take whole numbers, --minutes a positive number\n');
  process.exit(2);
}
const deadline = performance.now() + minutes * 60_000;

function runPart(part: number): Promise<Summary> {
  const child = fork(import.meta.filename, [...process.argv.slice(2), '--part', String(part)], {
    execArgv: ['--enable-source-maps'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Summary));
    child.once('exit', (code) => {
      if (code !== 0) reject(new Error(`a simulating process ended with ${String(code)}`));
    });
  });
}

if (values.part !== undefined) {
  const part = Number(values.part);
  const mine = Math.floor((seeds - part + PROCESSES - 1) / PROCESSES);
  process.send?.(runSeeds(from + part, mine, PROCESSES, deadline));
} else {
  const processes = Math.min(PROCESSES, Math.max(1, seeds));
  const parts = await Promise.all(Array.from({ length: processes }, (_, part) => runPart(part)));
  const total = emptySummary();
  for (const part of parts) merge(total, part);
  process.stdout.write(`${report(total)}\n`);
  process.exitCode = total.violations.length === 0 ? 0 : 1;
}

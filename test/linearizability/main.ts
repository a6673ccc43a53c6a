/**
 * `npm run histories -- --minutes M`: records histories of real clusters under faults and judges each. `--check FILE`
 * judges one that was recorded before, here or elsewhere. See docs/histories.md.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check } from './checker.js';
import { parseHistory } from './history.js';
import type { History } from './history.js';
import { faultKinds, recordHistory } from './record.js';
import { summarise } from './summary.js';

const USAGE = 'options: --minutes 5, --from 1 (first seed), --out DIR (keeps every history), --check FILE';
const FAULTS = 8;

function judge(history: History, name: string): number {
  const violations = check(history);
  console.log(JSON.stringify({ history: name, ...summarise(history), violations: violations.length }));
  for (const { rule, detail } of violations.slice(0, 10)) console.error(`${rule}: ${detail}`);
  return violations.length;
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      from: { type: 'string', default: '1' },
      out: { type: 'string' },
      check: { type: 'string' },
    },
  });
  if (values.check !== undefined)
    return judge(parseHistory(readFileSync(values.check, 'utf8')), values.check);
  const end = performance.now() + Number(values.minutes) * 60_000;
  let seed = Number(values.from);
  if (!Number.isFinite(end) || !Number.isSafeInteger(seed)) throw new Error(USAGE);
  let histories = 0;
  let operations = 0;
  let violations = 0;
  while (performance.now() < end) {
    // Every kind of fault, each seed beginning elsewhere.
    const faults = Array.from(
      { length: FAULTS },
      (_, at) => faultKinds[(seed + at) % faultKinds.length] ?? 'kill',
    );
    const history = await recordHistory({ seed, faults, faultMs: 1_500, calmMs: 700 });
    const found = judge(history, `seed ${seed}`);
    if (values.out !== undefined || found > 0) keep(values.out ?? '.', seed, history);
    histories += 1;
    operations += history.operations.length;
    violations += found;
    seed += 1;
  }
  console.log(`histories ${histories}, operations ${operations}, violations ${violations}`);
  return violations;
}

function keep(directory: string, seed: number, history: History): void {
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `history-${seed}.json`);
  writeFileSync(file, JSON.stringify(history));
  console.error(`kept as ${file}`);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
try {
  process.exitCode = (await main(process.argv.slice(2))) > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof TypeError || error instanceof Error ? `${error.message}\n${USAGE}` : error);
  process.exitCode = 2;
}

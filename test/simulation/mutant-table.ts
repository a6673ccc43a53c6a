/**
 * `npm run mutants`: brings each known bug back in a copy of the build, lets the simulator hunt it from five bases, and
 * writes the table docs/mutants.md. `npm run mutants -- E1 L4` hunts only those and writes nothing.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { alteredBuild, type Alteration } from '../cluster/altered-build.js';
import type { Found } from './hunt.js';
import type { Mutant } from './mutants.js';
import { mutants } from './mutants.js';

const BASES = [1, 10_001, 20_001, 30_001, 40_001];
/** So many seeds are tried from each base. */
const MOST = { consensus: 150, nodes: 25 };
const PARTS = ['src', 'test/raft', 'test/simulation', 'test/cluster'];

function hunted(
  directory: string,
  world: Mutant['world'],
  bases: readonly number[],
): Promise<readonly (Found | null)[]> {
  const program = join(directory, 'dist', 'test', 'simulation', 'hunt.js');
  const args = [program, world, String(MOST[world]), ...bases.map(String)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('close', () => {
      try {
        resolve(JSON.parse(output) as readonly (Found | null)[]);
      } catch (error) {
        reject(new Error(`the hunt ended without a result: ${output}`, { cause: error }));
      }
    });
  });
}

async function inCopy<T>(
  alterations: readonly Alteration[],
  task: (directory: string) => Promise<T>,
): Promise<T> {
  const build = alteredBuild(alterations, PARTS);
  try {
    return await task(build.directory);
  } finally {
    build.remove();
  }
}

/** @param bases where to hunt from; five for the table, one for a quick look */
export function huntMutant(mutant: Mutant, bases = BASES): Promise<readonly (Found | null)[]> {
  return inCopy(mutant.alterations, (directory) => hunted(directory, mutant.world, bases));
}

/** Seeds of the median base, or null when three bases or more did not catch it. */
export function median(found: readonly (Found | null)[]): number | null {
  const seeds = found.map((one) => one?.seeds ?? Infinity).sort((a, b) => a - b);
  const middle = seeds[seeds.length >> 1] ?? Infinity;
  return Number.isFinite(middle) ? middle : null;
}

interface Row {
  readonly mutant: Mutant;
  readonly found: readonly (Found | null)[];
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ mutant: { id, bug, world }, found }) => {
    const by = [...new Set(found.flatMap((one) => (one === null ? [] : [one.invariant])))].sort().join(', ');
    const caught = found.filter((one) => one !== null).length;
    return `| ${id} | ${bug} | ${world} | ${median(found) ?? '–'} | ${caught} of ${found.length} | ${by} |`;
  });
  return [
    '# Mutants',
    '',
    'Known bugs of other systems, each brought back in a copy of the compiled program, and how many seeds the simulator needs',
    'to catch it: the median over five bases. Ids: E elections, L log and durability, M membership, R reads, C clients, T our',
    'own. Made by `npm run mutants` from `test/simulation/mutants.ts`; the unaltered program passes the same seeds.',
    '',
    '| id | bug brought back | worlds | seeds needed | bases | caught by |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
}

async function main(): Promise<void> {
  const named = process.argv.slice(2);
  const chosen = named.length === 0 ? mutants : mutants.filter(({ id }) => named.includes(id));
  const waiting = [...chosen];
  const rows: Row[] = [];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const found = await huntMutant(mutant);
      rows.push({ mutant, found });
      process.stdout.write(
        `${mutant.id}: ${found.map((one) => one?.seeds ?? '–').join(' ')}  ${found.find((one) => one !== null)?.invariant ?? 'not caught'}\n`,
      );
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  rows.sort((a, b) => mutants.indexOf(a.mutant) - mutants.indexOf(b.mutant));
  if (named.length === 0) writeFileSync(join('docs', 'mutants.md'), table(rows));
  const missed = rows.filter(({ found }) => median(found) === null).map(({ mutant }) => mutant.id);
  process.stdout.write(
    `${rows.length} mutants, not caught: ${missed.length === 0 ? 'none' : missed.join(', ')}\n`,
  );
  process.exitCode = missed.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) await main();

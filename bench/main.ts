/**
 * `npm run bench -- NAME`: measurements of whole clusters of real processes. Results are JSON, one object a line, on
 * standard output; progress and explanations go to standard error. See docs/benchmarks.md.
 */

import { audit } from './audit.js';
import { clock } from './clock.js';
import { compaction } from './compaction.js';
import { BenchError } from './errors.js';
import { failover } from './failover.js';
import { memory } from './memory.js';
import { replicate } from './replicate.js';
import { steady } from './steady.js';

const benches: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  audit,
  clock,
  compaction,
  failover,
  memory,
  replicate,
  steady,
};

async function main([name, ...args]: readonly string[]): Promise<void> {
  const bench = name === undefined ? undefined : benches[name];
  if (bench === undefined) {
    throw new BenchError(
      `usage: npm run bench -- NAME; NAME is one of ${Object.keys(benches).join(', ')}`,
      2,
    );
  }
  await bench(args);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  // A mistake of the caller needs a sentence, everything else its stack.
  console.error(error instanceof BenchError ? error.message : error);
  process.exitCode = error instanceof BenchError ? error.exitCode : 1;
}

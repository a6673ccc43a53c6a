/**
 * `node …/hunt.js consensus|nodes BASE…`: how many seeds from each base on it takes until a world breaks an invariant.
 * Run in an altered build it says how soon a mutant is caught; in the true one it must find nothing. Prints one JSON
 * array, with null where none of the seeds did.
 */
import { runScenario } from '../raft/scenario.js';
import { runSeed } from './world.js';

export interface Found {
  readonly seeds: number;
  readonly invariant: string;
}

const [kind, most, ...bases] = process.argv.slice(2);

function violationOf(seed: number): string | null {
  try {
    if (kind === 'nodes') return runSeed(seed).violation?.message ?? null;
    return runScenario(seed).violations[0] ?? null;
  } catch (error) {
    // A mutant may break the world itself.
    return `Thrown: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function hunt(base: number): Found | null {
  for (let seeds = 1; seeds <= Number(most); seeds += 1) {
    const violation = violationOf(base + seeds - 1);
    if (violation !== null) return { seeds, invariant: violation.split(':')[0] ?? violation };
  }
  return null;
}

process.stdout.write(`${JSON.stringify(bases.map((base) => hunt(Number(base))))}\n`);

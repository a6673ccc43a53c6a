/**
 * Makes a failing world smaller for as long as it fails in the same way: fewer faults, fewer clients and nodes, a calmer
 * network, a shorter life. What is left is what the failure needs.
 */
import type { WorldDescription } from './description.js';

/** The invariant that the world breaks, or null. */
export type Judge = (description: WorldDescription) => string | null;

export interface Shrunk {
  readonly description: WorldDescription;
  readonly invariant: string;
  /** Worlds that were run. */
  readonly runs: number;
}

/** @param runsMax worlds that may be run; the smallest failing one so far is returned when they are used up */
export function shrink(failing: WorldDescription, judge: Judge, runsMax = 200): Shrunk | null {
  const invariant = judge(failing);
  if (invariant === null) return null;
  let best = failing;
  let runs = 1;
  const accept = (candidate: WorldDescription): boolean => {
    if (runs >= runsMax) return false;
    runs += 1;
    if (judge(candidate) !== invariant) return false;
    best = candidate;
    return true;
  };
  let progress = true;
  while (progress && runs < runsMax) {
    progress = fewerFaults(() => best, accept);
    for (const simpler of simplifications) {
      const candidate = simpler(best);
      if (candidate !== null && accept(candidate)) progress = true;
    }
  }
  return { description: best, invariant, runs };
}

/** Halves first, then smaller pieces, down to single faults (delta debugging). */
function fewerFaults(
  best: () => WorldDescription,
  accept: (candidate: WorldDescription) => boolean,
): boolean {
  let progress = false;
  for (let size = Math.ceil(best().faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best().faults.length;) {
      const { faults } = best();
      const fewer = [...faults.slice(0, from), ...faults.slice(from + size)];
      if (accept({ ...best(), faults: fewer })) progress = true;
      else from += size;
    }
  }
  return progress;
}

type Simplification = (world: WorldDescription) => WorldDescription | null;

const simplifications: readonly Simplification[] = [
  (world) => (world.tsas > 0 ? { ...world, tsas: 0 } : null),
  (world) => (world.tsas > 1 ? { ...world, tsas: 1 } : null),
  (world) => (world.lies > 0 ? { ...world, lies: 0 } : null),
  (world) => (world.writers > 1 ? { ...world, writers: 1 } : null),
  (world) => (world.writers > 0 ? { ...world, writers: 0 } : null),
  (world) => (world.nodes > 3 ? { ...world, nodes: 3 } : null),
  (world) => (world.loss > 0 ? { ...world, loss: 0 } : null),
  (world) => (world.duplication > 0 ? { ...world, duplication: 0 } : null),
  (world) => (world.maxDelayMs > 2 ? { ...world, maxDelayMs: 2 } : null),
  (world) => (world.electionSpreadMs !== 300 ? { ...world, electionSpreadMs: 300 } : null),
  (world) => (world.ratePpb !== 10_000 ? { ...world, ratePpb: 10_000 } : null),
  (world) => (world.clockColdMs !== 60_000 ? { ...world, clockColdMs: 60_000 } : null),
  (world) => {
    const last = world.faults.at(-1)?.at ?? 600;
    const shorter = Math.floor((last + world.faultMs) / 2);
    return world.faultMs - shorter >= 100 ? { ...world, faultMs: shorter } : null;
  },
  (world) => {
    const at = world.faults.findIndex(({ ms }) => ms > 100);
    if (at < 0) return null;
    const faults = world.faults.map((fault, i) =>
      i === at ? { ...fault, ms: Math.floor(fault.ms / 2) } : fault,
    );
    return { ...world, faults };
  },
];

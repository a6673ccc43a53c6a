/** Many worlds: runs a range of seeds and sums up what happened in them. */
import type { WorldResult } from './world.js';
import { runWorld } from './world.js';

export interface Summary {
  seeds: number;
  violations: { readonly seed: number; readonly message: string }[];
  commits: number;
  certificates: number;
  checks: number;
  simulatedSeconds: number;
  /** Seeds with at least 100 commits, at least one change of leader, at least three kinds of fault. */
  busy: number;
  faults: Record<string, number>;
}

export const emptySummary = (): Summary => ({
  seeds: 0,
  violations: [],
  commits: 0,
  certificates: 0,
  checks: 0,
  simulatedSeconds: 0,
  busy: 0,
  faults: {},
});

export function add(summary: Summary, result: WorldResult): void {
  summary.seeds += 1;
  if (result.violation !== null)
    summary.violations.push({ seed: result.seed, message: result.violation.message });
  summary.commits += result.commits;
  summary.certificates += result.certificates;
  summary.checks += result.checks;
  summary.simulatedSeconds += result.simulatedSeconds;
  const kinds = Object.keys(result.faults).length;
  if (result.commits >= 100 && result.leaderTerms >= 2 && kinds >= 3) summary.busy += 1;
  for (const [kind, count] of Object.entries(result.faults)) {
    summary.faults[kind] = (summary.faults[kind] ?? 0) + count;
  }
}

export function merge(into: Summary, other: Summary): void {
  into.seeds += other.seeds;
  into.violations.push(...other.violations);
  into.commits += other.commits;
  into.certificates += other.certificates;
  into.checks += other.checks;
  into.simulatedSeconds += other.simulatedSeconds;
  into.busy += other.busy;
  for (const [kind, count] of Object.entries(other.faults))
    into.faults[kind] = (into.faults[kind] ?? 0) + count;
}

/** Runs seeds `from`, `from + step`, … until `count` of them ran or `deadline` (performance.now) has passed. */
export function runSeeds(from: number, count: number, step: number, deadline: number): Summary {
  const summary = emptySummary();
  for (let i = 0; i < count && performance.now() < deadline; i += 1) add(summary, runWorld(from + i * step));
  return summary;
}

export function report(summary: Summary): string {
  const { seeds, violations, commits, certificates, checks, simulatedSeconds, busy, faults } = summary;
  const kinds = Object.entries(faults)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
  const share = seeds === 0 ? 0 : Math.round((100 * busy) / seeds);
  return [
    ...violations.map(
      ({ seed, message }) =>
        `seed ${seed}: ${message}\n  replay: npm run simulate -- --seeds 1 --from ${seed}`,
    ),
    `faults: ${kinds}`,
    `${share} % of the worlds committed ≥ 100 entries, changed leaders, and had ≥ 3 kinds of fault`,
    `seeds ${seeds}, violations ${violations.length}, commits ${commits}, certificates ${certificates}, checks ${checks}, simulated hours ${(simulatedSeconds / 3600).toFixed(2)}`,
  ].join('\n');
}

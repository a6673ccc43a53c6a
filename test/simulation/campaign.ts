/** Many worlds: runs a range of seeds and sums up what happened in them. */
import type { WorldResult } from './world.js';
import { runSeed } from './world.js';

export interface Summary {
  seeds: number;
  violations: { readonly seed: number; readonly message: string }[];
  commits: number;
  certificates: number;
  checks: number;
  simulatedSeconds: number;
  /** Seeds with at least 100 commits, with a change of leader, with three kinds of fault or more; and with all three. */
  committed100: number;
  changedLeader: number;
  threeKinds: number;
  eventful: number;
  faults: Record<string, number>;
}

export const emptySummary = (): Summary => ({
  seeds: 0,
  violations: [],
  commits: 0,
  certificates: 0,
  checks: 0,
  simulatedSeconds: 0,
  committed100: 0,
  changedLeader: 0,
  threeKinds: 0,
  eventful: 0,
  faults: {},
});

const counted = [
  'seeds',
  'commits',
  'certificates',
  'checks',
  'simulatedSeconds',
  'committed100',
  'changedLeader',
  'threeKinds',
  'eventful',
] as const;

export function add(summary: Summary, result: WorldResult): void {
  const committed = result.commits >= 100;
  const changed = result.leaderTerms >= 2;
  const various = Object.keys(result.faults).length >= 3;
  merge(summary, {
    seeds: 1,
    violations:
      result.violation === null ? [] : [{ seed: result.description.seed, message: result.violation.message }],
    commits: result.commits,
    certificates: result.certificates,
    checks: result.checks,
    simulatedSeconds: result.simulatedSeconds,
    committed100: Number(committed),
    changedLeader: Number(changed),
    threeKinds: Number(various),
    eventful: Number(committed && changed && various),
    faults: { ...result.faults },
  });
}

export function merge(into: Summary, other: Summary): void {
  for (const field of counted) into[field] += other[field];
  into.violations.push(...other.violations);
  for (const [kind, count] of Object.entries(other.faults))
    into.faults[kind] = (into.faults[kind] ?? 0) + count;
}

/** Runs seeds `from`, `from + step`, … until `count` of them ran or `deadline` (performance.now) has passed. */
export function runSeeds(from: number, count: number, step: number, deadline: number): Summary {
  const summary = emptySummary();
  for (let i = 0; i < count && performance.now() < deadline; i += 1) add(summary, runSeed(from + i * step));
  return summary;
}

/** @param seconds that the campaign took */
export function report(summary: Summary, seconds: number): string {
  const { seeds, violations, commits, certificates, checks, simulatedSeconds, faults } = summary;
  const kinds = Object.entries(faults)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, count]) => `${kind} ${count}`)
    .join(', ');
  const share = (of: number): string => `${seeds === 0 ? 0 : ((100 * of) / seeds).toFixed(1)} %`;
  return [
    `faults: ${kinds}`,
    `worlds with ≥ 100 commits ${share(summary.committed100)}, ≥ 1 change of leader ${share(summary.changedLeader)}, ` +
      `≥ 3 kinds of fault ${share(summary.threeKinds)}, all three ${share(summary.eventful)}`,
    `${Math.round((60 * seeds) / Math.max(seconds, 1e-9))} seeds a minute`,
    `seeds ${seeds}, violations ${violations.length}, commits ${commits}, certificates ${certificates}, checks ${checks}, simulated hours ${(simulatedSeconds / 3600).toFixed(2)}`,
  ].join('\n');
}

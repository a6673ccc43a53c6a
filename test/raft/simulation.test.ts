/**
 * Two hundred worlds (./scenario.ts): faults of every kind, all invariants, then recovery. A failing seed is
 * printed with its first violations and can be run alone: `RAFT_SEED=123 RAFT_SEEDS=1`.
 */

import test from 'ava';
import { runScenario, type Outcome } from './scenario.js';

const firstSeed = Number(process.env['RAFT_SEED'] ?? 1);
const seeds = Number(process.env['RAFT_SEEDS'] ?? 200);

const failures = (outcomes: readonly Outcome[]): string[] =>
  outcomes
    .filter((outcome) => outcome.violations.length > 0)
    .map((outcome) => `seed ${outcome.seed}: ${outcome.violations.slice(0, 3).join(' | ')}`);

test('no seed breaks an invariant, and every world recovers', (t) => {
  const outcomes = Array.from({ length: seeds }, (_, at) => runScenario(firstSeed + at));
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const faults = new Map<string, number>();
  for (const outcome of outcomes) {
    for (const [fault, times] of outcome.faults) faults.set(fault, (faults.get(fault) ?? 0) + times);
  }
  const eventful = outcomes.filter(
    (outcome) => outcome.committed >= 100 && outcome.leaderChanges >= 2 && outcome.faults.size >= 3,
  );
  t.log(
    `seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${sum((o) => o.virtualSeconds).toFixed(0)} virtual seconds`,
  );
  t.log(`${sum((o) => o.committed)} entries committed, ${sum((o) => o.leaderChanges)} leaders`);
  t.log(`${sum((o) => o.memberships)} memberships committed, ${sum((o) => o.reads)} reads answered`);
  t.log([...faults].map(([fault, times]) => `${fault} ${times}`).join(', '));
  t.deepEqual(failures(outcomes), []);
  // A simulator in which nothing happens proves nothing.
  if (seeds >= 100)
    t.true(eventful.length >= 0.8 * seeds, `${eventful.length} of ${seeds} worlds were eventful`);
});

test('a seed is one world: run twice, everything happens at the same instants', (t) => {
  for (let seed = firstSeed; seed < firstSeed + 10; seed++) {
    const first = runScenario(seed);
    const second = runScenario(seed);
    t.deepEqual({ ...second, faults: [...second.faults] }, { ...first, faults: [...first.faults] });
  }
});

test('another seed is another world', (t) => {
  t.not(runScenario(firstSeed).trace, runScenario(firstSeed + 1).trace);
});

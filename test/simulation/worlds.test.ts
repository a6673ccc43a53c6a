import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { runWorld } from './world.js';

/** Seeds that once failed stay here, each with what it had found. */
const keptSeeds: readonly number[] = [];

test('500 worlds without a violation', (t) => {
  t.timeout(400_000);
  const main = join(import.meta.dirname, 'main.js');
  const run = spawnSync(process.execPath, ['--enable-source-maps', main, '--seeds', '500', '--from', '1'], {
    encoding: 'utf8',
  });
  const last = run.stdout.trim().split('\n').at(-1) ?? '';
  t.log(run.stdout);
  t.regex(last, /^seeds 500, violations 0, /, run.stdout + run.stderr);
  t.is(run.status, 0);
});

test('one seed is one world: a second run is the same in every byte', (t) => {
  for (const seed of [3, 12, 25]) {
    const first = runWorld(seed);
    const second = runWorld(seed);
    t.is(first.digest, second.digest);
    t.deepEqual({ ...first, violation: null }, { ...second, violation: null });
  }
});

test('another seed is another world', (t) => {
  t.not(runWorld(5).digest, runWorld(6).digest);
});

for (const seed of keptSeeds) {
  test(`seed ${seed} failed once`, (t) => {
    t.is(runWorld(seed).violation, null);
  });
}

test('control: disks that acknowledge before they write are caught', (t) => {
  const caught = [1, 2, 3, 4, 5].map((seed) => runWorld(seed, { disksLie: true }).violation?.invariant);
  t.true(caught.includes('CommittedOnQuorum'), String(caught));
});

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const start = join(process.cwd(), 'scripts', 'start.js');

test.serial('npm start -- --once ends with a verified certificate and one line of JSON, within 15 s', (t) => {
  const begun = performance.now();
  const run = spawnSync(process.execPath, [start, '--once'], { encoding: 'utf8', timeout: 60_000 });
  const seconds = (performance.now() - begun) / 1000;
  t.is(run.status, 0, run.stdout + run.stderr);
  const report = JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
  t.true(report['verified'] === true && (report['certificates'] as number) >= 1, JSON.stringify(report));
  t.true((report['logSize'] as number) > 0);
  t.true(['tokyo', 'osaka', 'fukuoka'].includes(report['leader'] as string));
  t.log(`first verified certificate after ${seconds.toFixed(1)} s`);
  t.true(seconds < 15, `${seconds} s`);
});

test.serial('npm start keeps its state with --dir, and Ctrl-C stops everything cleanly', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'taa-lab-test-'));
  const sizes: number[] = [];
  for (const round of [1, 2]) {
    const child = spawn(process.execPath, [start, '--once', '--dir', directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    t.is(code, 0, `round ${round}: ${output}`);
    sizes.push((JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as { logSize: number }).logSize);
  }
  t.true((sizes[1] as number) > (sizes[0] as number), String(sizes));
  const child = spawn(process.execPath, [start, '--dir', directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('certificate')) resolve();
    });
  });
  child.kill('SIGINT');
  t.is(await new Promise((resolve) => child.once('exit', resolve)), 0);
  const left = spawnSync('pgrep', ['-f', directory], { encoding: 'utf8' });
  t.is(left.stdout, '', 'no process is left behind');
  rmSync(directory, { recursive: true });
});

test.serial('npm start says what is wrong with its arguments', (t) => {
  const run = spawnSync(process.execPath, [start, '--onec'], { encoding: 'utf8', timeout: 60_000 });
  t.not(run.status, 0);
  t.regex(run.stderr, /onec/);
  t.notRegex(run.stderr, /\n\s+at /);
});

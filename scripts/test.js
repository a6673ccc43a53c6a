// `npm test [-- FILE …]`: builds, runs every test and ends with the line "N passed, N failed, N skipped".
// Three groups: what runs inside one process, two files at a time; clusters of real processes, two at a time; and the files
// that measure time on a whole cluster, each alone.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from './build.js';

const root = join(import.meta.dirname, '..');
const ava = join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const totals = { passed: 0, failed: 0, skipped: 0 };

/** Runs ava over the files, prints failures and skips as they come, adds to the totals. */
function runGroup(name, files, options) {
  if (files.length === 0) return Promise.resolve();
  const started = performance.now();
  const child = spawn(process.execPath, [ava, '--tap', ...options, ...files], {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim(),
      FORCE_COLOR: '0',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let counted = 0;
  let inFailure = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const result = /^(not )?ok \d+/.exec(line);
    if (result) {
      counted += 1;
      const skipped = / # SKIP/.test(line);
      inFailure = result[1] !== undefined;
      if (skipped) totals.skipped += 1;
      else if (inFailure) totals.failed += 1;
      else totals.passed += 1;
      if (skipped || inFailure || process.env.TAA_TEST_VERBOSE) console.log(line);
    } else if (
      inFailure ||
      /^#? *(Bail out|error|fatal)/i.test(line) ||
      (options.includes('--serial') && line.startsWith('#   '))
    ) {
      // What the files that run alone have to say (figures) is printed for passing tests too.
      console.log(line);
    }
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      if (code !== 0 && totals.failed === 0) {
        console.log(`# ${name}: the runner ended with ${code} although no test was reported as failed`);
        totals.failed += 1;
      }
      console.log(`# ${name}: ${counted} tests in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      resolve();
    });
  });
}

function testFiles(folder) {
  return (
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => join(folder, name))
      // A file whose source is gone is a leftover of an earlier build.
      .filter((path) => existsSync(path.replace(join(root, 'dist'), root).replace(/\.js$/, '.ts')))
      .sort()
  );
}

build();
const named = process.argv.slice(2).map((path) => join(root, 'dist', path.replace(/\.ts$/, '.js')));
const all = named.length > 0 ? named : testFiles(join(root, 'dist', 'test'));
const cluster = all.filter((path) => path.includes(join('test', 'cluster')));
const alone = cluster.filter((path) => /(scene|laboratory)\.test\.js$/.test(path));
const units = all.filter((path) => !cluster.includes(path));
const together = cluster.filter((path) => !alone.includes(path));
await runGroup('units', units, ['--concurrency', '2']);
await runGroup('clusters', together, ['--concurrency', '2', '--timeout', '10m']);
for (const path of alone) {
  await runGroup(path.replace(`${join(root, 'dist')}/`, ''), [path], ['--serial', '--timeout', '10m']);
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed > 0 ? 1 : 0;

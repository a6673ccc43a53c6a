// `node scripts/run.js dist/FILE.js …`: builds, then runs a compiled program with the remaining arguments.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.js';

build();
const [program, ...args] = process.argv.slice(2);
const child = spawn(
  process.execPath,
  ['--enable-source-maps', join(import.meta.dirname, '..', program), ...args],
  {
    stdio: 'inherit',
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});

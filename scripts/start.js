// `npm start`: the laboratory. Everything behind it is in src/lab.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.js';

build();
const program = join(import.meta.dirname, '..', 'dist', 'cmd', 'lab.js');
const child = spawn(process.execPath, ['--enable-source-maps', program, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// The terminal delivers Ctrl-C to the whole group; a signal sent to this process alone is passed on.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});

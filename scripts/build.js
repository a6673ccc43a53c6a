// Installs what is missing and compiles. `npm start` and `npm test` call this first, so that a fresh clone needs nothing else.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** The lock file is newer than the installed tree, or nothing is installed. */
function installIsStale() {
  const marker = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(marker)) return true;
  return statSync(join(root, 'package-lock.json')).mtimeMs > statSync(marker).mtimeMs + 1000;
}

export function build() {
  if (installIsStale()) run('npm', ['ci', '--no-audit', '--no-fund']);
  run(process.execPath, [join(root, 'node_modules', 'typescript-7', 'bin', 'tsc'), '-p', root]);
}

if (process.argv[1] === import.meta.filename) build();

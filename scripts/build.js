// Installs what is missing and compiles. `npm start` and `npm test` call this first, so that a fresh clone needs nothing else.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Something that the lock file names is not installed, or in another version. */
function installIsStale() {
  const marker = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(marker)) return true;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(marker);
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).some(
    ([path, { version, optional }]) => path !== '' && !optional && installed[path]?.version !== version,
  );
}

export function build() {
  if (installIsStale()) run('npm', ['ci', '--no-audit', '--no-fund']);
  run(process.execPath, [join(root, 'node_modules', 'typescript-7', 'bin', 'tsc'), '-p', root]);
}

if (process.argv[1] === import.meta.filename) build();

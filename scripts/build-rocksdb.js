// `npm run build-rocksdb`: compiles the rocksdb package from source, for Node ≥ 22 (where its prebuilt binary ends the
// process at load) and for platforms without a prebuilt one. The result takes precedence over the prebuilt binary and
// serves every Node version. Install scripts stay off for all other packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const loads = () =>
  spawnSync(process.execPath, ['-e', 'require("rocksdb"); process.stdout.write("loaded")'], {
    cwd: root,
    encoding: 'utf8',
  }).stdout === 'loaded';

if (!existsSync(join(root, 'node_modules', 'rocksdb'))) {
  console.error('rocksdb is not installed: run `npm ci` first.');
  process.exit(1);
}
if (loads() && !process.argv.includes('--force')) {
  console.log(`rocksdb already loads under Node ${process.version}; nothing to do (--force builds anyway).`);
  process.exit(0);
}
for (const tool of ['make', 'c++', 'python3']) {
  if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error) {
    console.error(`${tool} is missing. On Debian: apt-get install g++ make python3`);
    process.exit(1);
  }
}

console.log('Building RocksDB from source with one compiler job: about 11 minutes …');
const started = Date.now();
const build = spawnSync(
  'npm',
  ['rebuild', 'rocksdb', '--build-from-source', '--ignore-scripts=false', '--foreground-scripts'],
  { cwd: root, stdio: 'inherit', env: { ...process.env, JOBS: process.env.JOBS ?? '1' } },
);
if (build.status !== 0) {
  console.error('The build failed; the compiler output is above.');
  process.exit(1);
}
if (!loads()) {
  console.error(`rocksdb was built but still does not load under Node ${process.version}.`);
  process.exit(1);
}
console.log(
  `rocksdb loads under Node ${process.version}; built in ${Math.round((Date.now() - started) / 1000)} s.`,
);

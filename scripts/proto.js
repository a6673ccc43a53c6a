// `npm run proto [-- DIR]`: generates the TypeScript types of proto/ into src/wire/gen (or DIR). They are checked in;
// test/wire/generated.test.ts fails when they are not current. Without DIR it also writes docs/error-reasons.md,
// docs/access.md and docs/metrics.md from the compiled tables, and adds what is new to test/fixtures/proto-outline.json.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = join(import.meta.dirname, '..');
const protoDir = join(root, 'proto');
const outDir = resolve(process.argv[2] ?? join(root, 'src', 'wire', 'gen'));
const generator = join(root, 'node_modules/@grpc/proto-loader/build/bin/proto-loader-gen-types.js');

const named = (folder, ending) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .sort();

rmSync(outDir, { recursive: true, force: true });
const result = spawnSync(
  process.execPath,
  [
    generator,
    ...['--longs=String', '--enums=String', '--defaults', '--oneofs', '--includeComments'],
    ...['--grpcLib=@grpc/grpc-js', '--importFileExtension=.js', `--includeDirs=${protoDir}`],
    `--outDir=${outDir}`,
    ...named(protoDir, '.proto'),
  ],
  { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
);
if (result.error) throw result.error;
if (result.status !== 0) process.exit(result.status ?? 1);

// The generator names its sources by absolute path: the output must not depend on where the repository lies.
for (const name of named(outDir, '.ts')) {
  const path = join(outDir, name);
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll(`${protoDir}/`, 'proto/'));
}

const compiled = (module) => import(join(root, 'dist', 'src', module));
if (process.argv[2] === undefined && existsSync(join(root, 'dist', 'src'))) {
  const [{ renderReasons }, { refusalReasons }, { renderAccess }, { describeMetrics }] = await Promise.all(
    ['wire/reasons.js', 'authority/refusals.js', 'rpc/access.js', 'rpc/metrics.js'].map(compiled),
  );
  writeFileSync(join(root, 'docs', 'error-reasons.md'), renderReasons(refusalReasons));
  writeFileSync(join(root, 'docs', 'access.md'), renderAccess());
  writeFileSync(join(root, 'docs', 'metrics.md'), describeMetrics());
}

const outline = join(root, 'dist', 'test', 'wire', 'proto-outline.js');
if (process.argv[2] === undefined && existsSync(outline)) {
  const { breakingChanges, outlineOf } = await import(outline);
  const golden = join(root, 'test', 'fixtures', 'proto-outline.json');
  const published = existsSync(golden) ? JSON.parse(readFileSync(golden, 'utf8')) : {};
  const broken = breakingChanges(published, outlineOf());
  if (broken.length > 0) {
    console.error(`proto/ breaks what was published:\n  ${broken.join('\n  ')}\nAdd new fields instead.`);
    process.exitCode = 1;
  } else writeFileSync(golden, `${JSON.stringify(outlineOf(), null, 2)}\n`);
}

/**
 * Builds that only tests have: a copy of the compiled program with named places replaced. What ships has no switch for
 * any of this. An alteration whose place is not found is an error, so that a control cannot silently stop controlling.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = process.cwd();

export interface Alteration {
  /** Compiled file below dist/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface AlteredBuild {
  readonly taad: string;
  remove(): void;
}

export function alteredBuild(alterations: readonly Alteration[]): AlteredBuild {
  const directory = mkdtempSync(join(tmpdir(), 'taa-build-'));
  mkdirSync(join(directory, 'dist'));
  for (const part of ['src', 'cmd'])
    cpSync(join(root, 'dist', part), join(directory, 'dist', part), { recursive: true });
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  for (const name of ['proto', 'node_modules']) symlinkSync(join(root, name), join(directory, name));
  for (const { file, find, replace } of alterations) {
    const path = join(directory, 'dist', file);
    const text = readFileSync(path, 'utf8');
    if (text.split(find).length !== 2)
      throw new Error(`${file} holds "${find}" ${text.split(find).length - 1} times, not once`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  return {
    taad: join(directory, 'dist', 'cmd', 'taad.js'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/**
 * Kills its own process when a step of the pipeline is reached that the file named by TAA_TEST_KILL_FILE holds. The
 * first process that takes the file away is the one that dies.
 */
export const killAtStep: readonly Alteration[] = [
  {
    file: 'src/node/host/daemon.js',
    find: 'hooks: { fatal: options.fatal }',
    replace: `hooks: {
      fatal: options.fatal,
      event: (event) => testStep(event.kind),
      step: (kind) => testStep(kind),
      published: () => testStep('published'),
    }`,
  },
  {
    file: 'src/node/host/daemon.js',
    find: 'export async function startDaemon(',
    replace: `import { readFileSync as testRead, renameSync as testRename } from 'node:fs';
function testStep(step) {
  const file = process.env.TAA_TEST_KILL_FILE;
  if (file === undefined) return;
  try {
    if (testRead(file, 'utf8') !== step) return;
    testRename(file, file + '.' + process.pid);
  } catch {
    return;
  }
  process.kill(process.pid, 'SIGKILL');
}
export async function startDaemon(`,
  },
];

/** Steps that `killAtStep` knows, in the order of the pipeline. */
export const pipelineSteps = [
  'measured',
  'confirm',
  'confirmed',
  'sign',
  'propose',
  'issued',
  'published',
  'deliver',
] as const;

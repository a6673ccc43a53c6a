/**
 * Builds that only tests have: a copy of the compiled program with named places replaced. What ships has no switch for
 * any of this. An alteration whose place is not found is an error, so that a control cannot silently stop controlling.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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
  /** Holds `dist`. */
  readonly directory: string;
  readonly taad: string;
  remove(): void;
}

/** The text of a compiled file with the one place that an alteration names replaced. @throws if it is not there once */
export function altered(text: string, { file, find, replace }: Alteration): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`${file} holds "${find}" ${times} times, not once`);
  return text.replace(find, () => replace);
}

export const compiledText = (file: string): string => readFileSync(join(root, 'dist', file), 'utf8');

/** @param parts folders below dist/ that the copy consists of */
export function alteredBuild(
  alterations: readonly Alteration[],
  parts: readonly string[] = ['src', 'cmd'],
): AlteredBuild {
  const directory = mkdtempSync(join(tmpdir(), 'taa-build-'));
  for (const part of parts)
    cpSync(join(root, 'dist', part), join(directory, 'dist', part), { recursive: true });
  cpSync(join(root, 'package.json'), join(directory, 'package.json'));
  for (const name of ['proto', 'node_modules']) symlinkSync(join(root, name), join(directory, name));
  for (const alteration of alterations) {
    const path = join(directory, 'dist', alteration.file);
    writeFileSync(path, altered(readFileSync(path, 'utf8'), alteration));
  }
  return {
    directory,
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
    find: 'hooks: { fatal: options.fatal, removed: options.removed }',
    replace: `hooks: {
      fatal: options.fatal,
      removed: options.removed,
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

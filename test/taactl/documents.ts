/** Commands of the documents, run as written: `taactl` and `taad` are the programs of this build, the shell is bash. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..', '..');

/** The blocks marked `sh run`, in order. */
export function runnableBlocks(document: string): readonly string[] {
  const text = readFileSync(join(root, 'docs', document), 'utf8');
  return [...text.matchAll(/```sh run\n([\s\S]*?)```/g)].map(([, block = '']) => block);
}

export interface ScriptResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export function runInShell(
  script: string,
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): ScriptResult {
  const bin = join(directory, '.bin');
  mkdirSync(bin, { recursive: true });
  for (const program of ['taactl', 'taad']) {
    const path = join(bin, program);
    writeFileSync(
      path,
      `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'dist', 'cmd', program)}.js" "$@"\n`,
    );
    chmodSync(path, 0o755);
  }
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, HOME: directory, PATH: `${bin}:${process.env['PATH'] ?? ''}`, ...environment },
  });
  return { code: status, out: stdout, err: stderr };
}

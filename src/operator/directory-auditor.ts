/**
 * Verification of data directories in a process of its own: a damaged table file can make a storage engine end its
 * process (RocksDB's assertions), and then that is the finding. One process serves many verifications, one at a time,
 * and is replaced when it ends.
 */

import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { damage, gap } from './audit-report.js';
import {
  requireDataDirectory,
  unopened,
  type DirectoryAuditOptions,
  type DirectoryReport,
} from './directory-audit.js';

/** What the process answers. */
export type AuditorAnswer = { readonly report: DirectoryReport } | { readonly failure: string };

/** Something other than the directory went wrong while it was verified. */
export class AuditorError extends Error {
  override readonly name = 'AuditorError';
  readonly code = 'AUDITOR_FAILED';
}

/** How a process ends that met damage; any other end (SIGKILL: out of memory) says nothing about the directory. */
const endsOfDamage: readonly (NodeJS.Signals | null)[] = ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE'];
/** Of what the process wrote before it ended. Unit: characters. */
const MAX_LAST_WORDS = 400;

interface Ended {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  readonly lastWords: string;
}

export class DirectoryAuditor {
  #child: { readonly process: ChildProcess; readonly lastWords: () => string } | null = null;

  /**
   * Verifies one directory. Not to be called while another call is under way.
   * @throws StoreError DIRECTORY_NOT_FOUND; AuditorError
   */
  async audit(options: DirectoryAuditOptions): Promise<DirectoryReport> {
    await requireDataDirectory(options.path);
    // Owned here: a process that ends in the middle leaves its copy behind.
    const scratch = await mkdtemp(join(tmpdir(), 'taa-audit-'));
    try {
      const answer = await this.#ask({ ...options, scratch });
      if ('report' in answer) return answer.report;
      if ('failure' in answer) throw new AuditorError(answer.failure);
      return unopened(findingOf(answer, options.path));
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  close(): void {
    this.#child?.process.kill();
    this.#child = null;
  }

  #ask(options: DirectoryAuditOptions & { readonly scratch: string }): Promise<AuditorAnswer | Ended> {
    const child = (this.#child ??= start());
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        child.process.off('message', onMessage);
        child.process.off('exit', onExit);
        child.process.off('error', reject);
      };
      const onMessage = (answer: unknown): void => {
        settle();
        resolve(answer as AuditorAnswer);
      };
      const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
        settle();
        this.#child = null;
        resolve({ code, signal, lastWords: child.lastWords() });
      };
      child.process.on('message', onMessage);
      child.process.on('exit', onExit);
      child.process.on('error', reject);
      child.process.send(options);
    });
  }
}

function start(): { readonly process: ChildProcess; readonly lastWords: () => string } {
  const program = join(fileURLToPath(new URL('.', import.meta.url)), 'directory-audit-process.js');
  const child = fork(program, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-MAX_LAST_WORDS);
  });
  return { process: child, lastWords: () => words.trim().replaceAll(/\s+/g, ' ') };
}

function findingOf({ signal, code, lastWords }: Ended, path: string) {
  const detail = `the storage engine ended with ${signal ?? `code ${code ?? '?'}`} while it read the database: ${lastWords}`;
  return endsOfDamage.includes(signal)
    ? damage('STORAGE_ENGINE_ENDED', path, detail)
    : gap('AUDITOR_ENDED', path, detail);
}

/** One `taad` as a child process: started, watched until it is ready, stopped or killed. */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Two cores that dozens of others use as well need most of a minute to start three nodes. */
const READY_PATIENCE_MS = 120_000;
/** A clean stop that takes longer than this becomes a kill. */
const STOP_PATIENCE_MS = 10_000;

export interface TaadOptions {
  readonly name: string;
  readonly configuration: string;
  readonly metricsPort: number;
  readonly logFile: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The program; tests give a build of their own. */
  readonly program?: string;
  /** Put before `node`, for instance a tracer. */
  readonly wrapper?: readonly string[];
}

export class TaadProcess {
  readonly options: TaadOptions;
  readonly #child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #running = true;

  constructor(options: TaadOptions) {
    this.options = options;
    const program =
      options.program ?? join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'cmd', 'taad.js');
    const command = [...(options.wrapper ?? []), process.execPath, '--enable-source-maps', program];
    const log = createWriteStream(options.logFile, { flags: 'a' });
    this.#child = spawn(command[0] as string, [...command.slice(1), '--config', options.configuration], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, UV_THREADPOOL_SIZE: '8', ...options.environment },
    });
    this.#child.stdout?.pipe(log);
    this.#child.stderr?.pipe(log);
    this.exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      // Whoever started it may end without a clean stop: nothing is left behind then.
      const endWithParent = (): void => void this.#child.kill('SIGKILL');
      process.once('exit', endWithParent);
      this.#child.once('exit', (code, signal) => {
        process.off('exit', endWithParent);
        this.#running = false;
        resolve({ code, signal });
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Resolves when /readyz says yes. Rejects when the process ends or the time is over. */
  async ready(timeoutMs = READY_PATIENCE_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      if (!this.#running)
        throw new Error(`${this.options.name} ended while starting; see ${this.options.logFile}`);
      if (await isReady(this.options.metricsPort)) return;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    throw new Error(`${this.options.name} was not ready within ${timeoutMs} ms; see ${this.options.logFile}`);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /** Clean stop. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_PATIENCE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/readyz', timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
    request.on('timeout', () => request.destroy());
  });
}

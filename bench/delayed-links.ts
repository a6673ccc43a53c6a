/** Lines of a given delay between the nodes of a cluster (./link-process.ts), each used for one pair and direction of dialling. */

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromLinks, ToLinks } from './link-process.js';
import { BenchError } from './errors.js';

export class DelayedLinks {
  /** Measured through a line when nothing else went on. */
  readonly roundTripMs: number;
  readonly #child: ChildProcess;
  readonly #ports: readonly number[];
  readonly #lines = new Map<string, number>();

  private constructor(child: ChildProcess, { ports, roundTripMs }: FromLinks) {
    this.#child = child;
    this.#ports = ports;
    this.roundTripMs = roundTripMs;
  }

  static async open(count: number, delayMs: number): Promise<DelayedLinks> {
    const child = fork(fileURLToPath(new URL('link-process.js', import.meta.url)));
    const opened = await new Promise<FromLinks>((resolve, reject) => {
      child.once('message', (message) => resolve(message as FromLinks));
      child.once('exit', () => reject(new BenchError('the process that delays the lines ended')));
      child.send({ kind: 'open', count, delayMs } satisfies ToLinks);
    });
    return new DelayedLinks(child, opened);
  }

  /** The port at which whoever is called `name` reaches what listens at `port`. */
  to(name: string, port: number): number {
    const line = this.#lines.get(name) ?? this.#lines.size;
    this.#lines.set(name, line);
    const entrance = this.#ports[line];
    if (entrance === undefined) throw new Error(`only ${this.#ports.length} lines were opened`);
    this.#child.send({ kind: 'lead', line, port } satisfies ToLinks);
    return entrance;
  }

  close(): void {
    this.#child.disconnect();
  }
}

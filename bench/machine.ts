/**
 * The machine that a figure was taken on: what its disk does for a sync, and who used its processors meanwhile. Figures
 * mean nothing without these two beside them.
 */

import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from './errors.js';
import { percentile } from './statistics.js';

/** Clock ticks a second in /proc: USER_HZ is 100 on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;
const PROBES = 64;
const PROBE_BYTES = 600;

/** statfs(2) types that keep files in memory, where a sync costs nothing. */
const MEMORY_FILE_SYSTEMS = new Map([
  [0x0102_1994, 'tmpfs'],
  [0x8584_58f6, 'ramfs'],
]);

/** A new directory below `parent`. @throws BenchError when that lies in memory */
export function workDirectory(parent: string): string {
  const memory = MEMORY_FILE_SYSTEMS.get(statfsSync(parent).type);
  if (memory !== undefined) {
    throw new BenchError(`${parent} is a ${memory}: give a directory on a real disk with --dir`, 2);
  }
  return mkdtempSync(join(parent, 'taa-bench-'));
}

/** Median time of a small append followed by fdatasync, one after the other. Unit: ms. */
export function fdatasyncMs(directory: string): number {
  const file = join(directory, 'fdatasync-probe');
  const descriptor = openSync(file, 'a', 0o600);
  const bytes = new Uint8Array(PROBE_BYTES);
  try {
    const times: number[] = [];
    for (let probe = 0; probe < PROBES; probe++) {
      writeSync(descriptor, bytes);
      const begun = performance.now();
      fdatasyncSync(descriptor);
      times.push(performance.now() - begun);
    }
    return percentile(
      times.sort((a, b) => a - b),
      0.5,
    );
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
}

/** User and system time of processes so far. Unit: seconds. @throws BenchError when one of them is gone */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
}

function cpuOf(pid: number): number {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    throw new BenchError(`process ${pid} ended during the measurement; see its log`);
  }
  // The name in parentheses may hold anything; the fields after it are numbers.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Starts watching; the answer is the share of all processors that others than these took since. 0 … 1. */
export function watchOthers(pids: readonly number[]): () => number {
  const ours = [process.pid, ...pids];
  const busyBefore = busySeconds();
  const oursBefore = cpuSeconds(ours);
  const begun = performance.now();
  return () => {
    const others = busySeconds() - busyBefore - (cpuSeconds(ours) - oursBefore);
    return Math.max(0, others / ((performance.now() - begun) / 1000) / availableParallelism());
  };
}

/** Others may take so much of the processors before a measurement waits for them. */
const QUIET = 0.1;
const LOOK_MS = 300;

/** Waits for moments in which nobody else uses the machine, for so long in all. */
export class QuietMoments {
  #leftMs: number;

  constructor(patienceMs: number) {
    this.#leftMs = patienceMs;
  }

  /** Resolves when the machine is quiet, or the patience is used up. */
  async next(pids: readonly number[]): Promise<void> {
    while (this.#leftMs > 0) {
      const others = watchOthers(pids);
      await sleep(LOOK_MS);
      this.#leftMs -= LOOK_MS;
      if (others() < QUIET) return;
    }
  }
}

function busySeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = first
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

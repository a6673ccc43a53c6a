/**
 * A closed loop: `concurrency` callers, each with exactly one append outstanding, so that the system under test sets the
 * pace. Callbacks instead of promises: the load generator shares the processors with what it measures.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, watchOthers } from './machine.js';
import { percentile } from './statistics.js';

export type Done = (error: Error | null) => void;

/** What is measured: a cluster that appends records durably. */
export interface Target {
  readonly name: string;
  /** The server processes. */
  readonly pids: readonly number[];
  /** Appends the next record; `done` once, when the cluster has acknowledged or refused it. */
  append(done: Done): void;
}

export interface Sample {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuSecondsPer1000: number;
  readonly clientCpuSecondsPer1000: number;
  /** Share of the processors that neither servers nor load generator took. 0 … 1. */
  readonly otherCpu: number;
  readonly errors: number;
}

export interface Duration {
  readonly warmMs: number;
  readonly runMs: number;
}

/** A refused append is counted and tried again after this long: a closed loop would spin on it. */
const PAUSE_AFTER_ERROR_MS = 5;

export async function closedLoop(target: Target, concurrency: number, duration: Duration): Promise<Sample> {
  const callers = new Callers(target, concurrency);
  await sleep(duration.warmMs);
  const others = watchOthers(target.pids);
  const serverBefore = cpuSeconds(target.pids);
  const clientBefore = process.cpuUsage();
  const begun = performance.now();
  callers.measuring = true;
  await sleep(duration.runMs);
  callers.measuring = false;
  const seconds = (performance.now() - begun) / 1000;
  const client = process.cpuUsage(clientBefore);
  const server = cpuSeconds(target.pids) - serverBefore;
  const otherCpu = others();
  await callers.stop();
  const latencies = callers.latencies.sort((a, b) => a - b);
  const thousands = latencies.length / 1000;
  return {
    opsPerSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    serverCpuSecondsPer1000: server / thousands,
    clientCpuSecondsPer1000: (client.user + client.system) / 1e6 / thousands,
    otherCpu,
    errors: callers.errors,
  };
}

class Callers {
  readonly latencies: number[] = [];
  errors = 0;
  measuring = false;
  readonly #target: Target;
  #running: number;
  #stopping = false;
  #stopped: () => void = () => undefined;

  constructor(target: Target, concurrency: number) {
    this.#target = target;
    this.#running = concurrency;
    for (let caller = 0; caller < concurrency; caller++) this.#next();
  }

  /** Resolves when the last outstanding append is answered. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#stopped = resolve;
      this.#stopping = true;
      if (this.#running === 0) resolve();
    });
  }

  #next(): void {
    if (this.#stopping) {
      this.#running -= 1;
      if (this.#running === 0) this.#stopped();
      return;
    }
    const begun = performance.now();
    this.#target.append((error) => {
      if (error === null) {
        if (this.measuring) this.latencies.push(performance.now() - begun);
        this.#next();
      } else {
        if (this.errors === 0) console.error(`${this.#target.name}: ${error.message}`);
        this.errors += 1;
        setTimeout(() => this.#next(), PAUSE_AFTER_ERROR_MS);
      }
    });
  }
}

/**
 * Full load for a long time, and nobody may lose the leadership over it: an election here means that the timers are too
 * tight for a machine that is as busy as ours makes it. Fails if the term rose.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closedLoop } from './closed-loop.js';
import { BenchError } from './errors.js';
import { whenInterrupted } from './interrupt.js';
import { fdatasyncMs, workDirectory } from './machine.js';
import { optionsOf, positive } from './options.js';
import { print } from './print.js';
import { rounded } from './statistics.js';
import { TaaTarget } from './taa-target.js';

const USAGE = '--minutes 30, --concurrency 256, --dir /var/tmp';
const LOOK_MS = 1_000;

interface Options {
  readonly minutes: number;
  readonly concurrency: number;
  readonly directory: string;
}

export async function steady(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const directory = workDirectory(options.directory);
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  const orderly = whenInterrupted(removeDirectory);
  let taa: TaaTarget | null = null;
  try {
    taa = await TaaTarget.start(join(directory, 'taa'));
    await taa.followLeader();
    const syncMs = fdatasyncMs(directory);
    const terms = new TermWatch(taa);
    const { opsPerSecond, p50Ms, p99Ms, otherCpu, errors } = await closedLoop(taa, options.concurrency, {
      warmMs: 0,
      runMs: options.minutes * 60_000,
    });
    const elections = await terms.stop();
    print({
      bench: 'steady',
      minutes: options.minutes,
      concurrency: options.concurrency,
      elections,
      opsPerSecond: rounded(opsPerSecond),
      p50Ms: rounded(p50Ms),
      p99Ms: rounded(p99Ms),
      fdatasyncP50Ms: rounded(syncMs),
      otherCpu: rounded(otherCpu),
      errors,
    });
    print({ bench: 'steady', verified: true, ...(await taa.stopAndWalk()) });
    if (elections > 0) throw new BenchError(`${elections} elections at full load`);
  } finally {
    await taa?.close();
    orderly();
    removeDirectory();
  }
}

/** Looks at the term now and then; what it rises by are elections. */
class TermWatch {
  readonly #taa: TaaTarget;
  readonly #watching: Promise<number>;
  #stopped = false;

  constructor(taa: TaaTarget) {
    this.#taa = taa;
    this.#watching = this.#watch();
  }

  stop(): Promise<number> {
    this.#stopped = true;
    return this.#watching;
  }

  async #watch(): Promise<number> {
    const first = await this.#term();
    let last = first;
    for (let stopped = false; !stopped;) {
      await sleep(LOOK_MS);
      // Once more after the end: an election in the last second counts.
      stopped = this.#stopped;
      const term = await this.#term();
      if (term > last) console.error(`term ${last} → ${term}`);
      last = term;
    }
    return last - first;
  }

  async #term(): Promise<number> {
    const { value } = await this.#taa.cluster.status();
    return Number(value.term);
  }
}

function readOptions(args: readonly string[]): Options {
  const values = optionsOf(
    args,
    {
      minutes: '30',
      concurrency: '256',
      dir: '/var/tmp',
    },
    USAGE,
  );
  return {
    minutes: positive('minutes', values.minutes, 0.1, USAGE),
    concurrency: Math.floor(positive('concurrency', values.concurrency, 1, USAGE)),
    directory: values.dir,
  };
}

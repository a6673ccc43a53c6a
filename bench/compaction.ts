/**
 * What a long life costs: after many appends, with the consensus log trimmed all the while, throughput beside that of a
 * fresh cluster on the same machine, in turns, so that a disturbance does not fall on one of them alone.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openForInspection } from '../src/store/data-directory.js';
import { closedLoop, type Sample } from './closed-loop.js';
import { whenInterrupted } from './interrupt.js';
import { fdatasyncMs, workDirectory } from './machine.js';
import { optionsOf, positive } from './options.js';
import { print } from './print.js';
import { median, rounded } from './statistics.js';
import { TaaTarget } from './taa-target.js';

const USAGE = '--appends 10000000, --concurrency 64, --rounds 5, --seconds 3, --dir /var/tmp';
/** Load that ages the cluster: as fast as it goes. */
const AGEING_CONCURRENCY = 1024;
const AGEING_MS = 5_000;

interface Options {
  readonly appends: number;
  readonly concurrency: number;
  readonly rounds: number;
  readonly runMs: number;
  readonly directory: string;
}

export async function compaction(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const directory = workDirectory(options.directory);
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  const orderly = whenInterrupted(removeDirectory);
  const targets: TaaTarget[] = [];
  try {
    const old = await TaaTarget.start(join(directory, 'old'));
    targets.push(old);
    const appends = await age(old, options.appends);
    const fresh = await TaaTarget.start(join(directory, 'fresh'));
    targets.push(fresh);
    const samples: { readonly old: Sample; readonly fresh: Sample }[] = [];
    await measure(fresh, options);
    for (let round = 0; round < options.rounds; round++) {
      samples.push({ old: await measure(old, options), fresh: await measure(fresh, options) });
    }
    const of = (which: 'old' | 'fresh', figure: (sample: Sample) => number): number =>
      rounded(median(samples.map((sample) => figure(sample[which]))));
    const figures = (which: 'old' | 'fresh') => ({
      opsPerSecond: of(which, ({ opsPerSecond }) => opsPerSecond),
      p50Ms: of(which, ({ p50Ms }) => p50Ms),
      p99Ms: of(which, ({ p99Ms }) => p99Ms),
    });
    const { concurrency, rounds } = options;
    const timesFresh = rounded(
      median(samples.map((sample) => sample.old.opsPerSecond / sample.fresh.opsPerSecond)),
    );
    const fdatasyncP50Ms = rounded(fdatasyncMs(directory));
    const after = { bench: 'compaction', appends, concurrency, rounds, fdatasyncP50Ms, timesFresh };
    print({ ...after, ...figures('old'), fresh: figures('fresh') });
    await fresh.close();
    const walked = await old.stopAndWalk();
    print({ bench: 'compaction', verified: true, ...walked, firstEntries: await firstEntries(old) });
  } finally {
    for (const target of targets) await target.close();
    orderly();
    removeDirectory();
  }
}

/** Appends until there are so many; returns how many there are. */
async function age(target: TaaTarget, appends: number): Promise<number> {
  let done = 0;
  while (done < appends) {
    await target.followLeader();
    const { opsPerSecond } = await closedLoop(target, AGEING_CONCURRENCY, { warmMs: 0, runMs: AGEING_MS });
    done += Math.round((opsPerSecond * AGEING_MS) / 1000);
    console.error(`${done} of ${appends} appended, ${Math.round(opsPerSecond)}/s`);
  }
  return done;
}

async function measure(target: TaaTarget, { concurrency, runMs }: Options): Promise<Sample> {
  await target.followLeader();
  return closedLoop(target, concurrency, { warmMs: runMs / 4, runMs });
}

/** Where the log of each node begins: above 1, it was trimmed. */
async function firstEntries(target: TaaTarget): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of target.cluster.names) {
    const directory = await openForInspection(target.cluster.dataDirectory(name));
    try {
      found.push((await directory.log.verifyAll()).firstIndex);
    } finally {
      await directory.close();
    }
  }
  return found;
}

function readOptions(args: readonly string[]): Options {
  const values = optionsOf(
    args,
    {
      appends: '10000000',
      concurrency: '64',
      rounds: '5',
      seconds: '3',
      dir: '/var/tmp',
    },
    USAGE,
  );
  return {
    appends: Math.floor(positive('appends', values.appends, 1, USAGE)),
    concurrency: Math.floor(positive('concurrency', values.concurrency, 1, USAGE)),
    rounds: Math.floor(positive('rounds', values.rounds, 1, USAGE)),
    runMs: 1000 * positive('seconds', values.seconds, 0.1, USAGE),
    directory: values.dir,
  };
}

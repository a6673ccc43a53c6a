/**
 * Does a node grow? Half of what the cluster can do, for a long time, with the memory of each node at every minute: RSS as
 * it stands, and the heap after a forced collection. The figures that count compare the end with the tenth minute (or a
 * quarter of a shorter run), when caches and compiled code have reached their size.
 */

import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { closedLoop } from './closed-loop.js';
import { BenchError } from './errors.js';
import { whenInterrupted } from './interrupt.js';
import { workDirectory } from './machine.js';
import { optionsOf, positive } from './options.js';
import { print } from './print.js';
import { rounded } from './statistics.js';
import { TaaTarget } from './taa-target.js';

const USAGE = '--minutes 60, --sample 60, --concurrency 64, --dir /var/tmp';
const FULL_LOAD_MS = 10_000;
const SETTLED_AFTER_MINUTES = 10;
const PROBE_PATIENCE_MS = 30_000;
const PACE_MS = 20;
const PAUSE_AFTER_ERROR_MS = 100;
const MIB = 1 << 20;

interface Options {
  readonly minutes: number;
  readonly sampleMs: number;
  readonly concurrency: number;
  readonly directory: string;
}

interface Held {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

interface Sample {
  readonly minute: number;
  readonly nodes: readonly Held[];
}

export async function memory(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const directory = workDirectory(options.directory);
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  const orderly = whenInterrupted(removeDirectory);
  const probes = new HeapProbes(directory);
  let taa: TaaTarget | null = null;
  try {
    taa = await TaaTarget.start(join(directory, 'taa'), {
      nodeEnvironment: (name) => probes.environment(name),
    });
    await taa.followLeader();
    const full = await closedLoop(taa, options.concurrency, { warmMs: FULL_LOAD_MS, runMs: FULL_LOAD_MS });
    const pace = new Pace(taa, full.opsPerSecond / 2, options.concurrency);
    const samples = await observe(options, taa, probes);
    const { refused } = await pace.stop();
    print({ bench: 'memory', ...summary(samples), perSecond: rounded(full.opsPerSecond / 2), refused });
    print({ bench: 'memory', verified: true, ...(await taa.stopAndWalk()) });
  } finally {
    await taa?.close();
    orderly();
    removeDirectory();
  }
}

async function observe(
  { minutes, sampleMs }: Options,
  taa: TaaTarget,
  probes: HeapProbes,
): Promise<readonly Sample[]> {
  const begun = performance.now();
  const samples: Sample[] = [];
  for (let next = 1; next * sampleMs <= minutes * 60_000; next++) {
    await sleep(Math.max(0, begun + next * sampleMs - performance.now()));
    const { cluster } = taa;
    const nodes = await Promise.all(cluster.names.map((name) => probes.ask(name, cluster.process(name).pid)));
    const minute = (performance.now() - begun) / 60_000;
    samples.push({ minute, nodes });
    print({
      bench: 'memory',
      minute: rounded(minute),
      rssMiB: nodes.map(({ rss }) => rounded(rss / MIB)),
      heapMiB: nodes.map(({ heapUsed }) => rounded(heapUsed / MIB)),
      externalMiB: nodes.map(({ external }) => rounded(external / MIB)),
    });
  }
  return samples;
}

/** The end beside the settled state; of three nodes the one that grew most. */
function summary(samples: readonly Sample[]) {
  const last = samples.at(-1);
  const settledAt = Math.min(SETTLED_AFTER_MINUTES, (last?.minute ?? 0) / 4);
  const settled = samples.find(({ minute }) => minute >= settledAt);
  if (last === undefined || settled === undefined)
    throw new BenchError('no sample was taken; give more --minutes');
  const growth = (of: (held: Held) => number): number =>
    Math.max(...last.nodes.map((held, node) => of(held) / of(settled.nodes[node] as Held)));
  return {
    fromMinute: rounded(settled.minute),
    toMinute: rounded(last.minute),
    rssGrowth: rounded(growth(({ rss }) => rss)),
    heapGrowth: rounded(growth(({ heapUsed }) => heapUsed)),
  };
}

/** Asks nodes for their memory, through ./heap-probe.ts. */
class HeapProbes {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = join(directory, 'heap');
    mkdirSync(this.#directory);
  }

  environment(name: string): Readonly<Record<string, string>> {
    const probe = new URL('heap-probe.js', import.meta.url).href;
    const options = `${process.env['NODE_OPTIONS'] ?? ''} --import=${probe}`.trim();
    return { NODE_OPTIONS: options, TAA_BENCH_HEAP_FILE: this.#fileOf(name) };
  }

  async ask(name: string, pid: number): Promise<Held> {
    const file = this.#fileOf(name);
    rmSync(file, { force: true });
    process.kill(pid, 'SIGUSR2');
    const deadline = performance.now() + PROBE_PATIENCE_MS;
    while (performance.now() < deadline) {
      if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Held;
      await sleep(20);
    }
    throw new BenchError(`${name} does not say how much memory it holds`);
  }

  #fileOf(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}

/** So many records a second whatever the cluster does, but never more than `limit` in flight. */
class Pace {
  readonly #target: TaaTarget;
  readonly #perSecond: number;
  readonly #limit: number;
  readonly #begun = performance.now();
  readonly #timer: NodeJS.Timeout;
  #sent = 0;
  #following = false;
  #inFlight = 0;
  #refused = 0;

  constructor(target: TaaTarget, perSecond: number, limit: number) {
    this.#target = target;
    this.#perSecond = perSecond;
    this.#limit = limit;
    this.#timer = setInterval(() => this.#append(), PACE_MS);
  }

  async stop(): Promise<{ readonly refused: number }> {
    clearInterval(this.#timer);
    while (this.#inFlight > 0) await sleep(PACE_MS);
    return { refused: this.#refused };
  }

  #append(): void {
    const due = Math.floor(((performance.now() - this.#begun) / 1000) * this.#perSecond);
    while (this.#sent < due) {
      this.#sent += 1;
      // What could not be sent in time is not made up for: the pace is an upper bound.
      if (this.#inFlight >= this.#limit) continue;
      this.#inFlight += 1;
      this.#target.append((error) => {
        this.#inFlight -= 1;
        if (error === null) return;
        this.#refused += 1;
        this.#follow();
      });
    }
  }

  /** The leader changed, or the stream broke: as a client would, to whoever leads now. */
  #follow(): void {
    if (this.#following) return;
    this.#following = true;
    const over = (): void => {
      this.#following = false;
    };
    sleep(PAUSE_AFTER_ERROR_MS)
      .then(() => this.#target.followLeader())
      .then(over, over);
  }
}

function readOptions(args: readonly string[]): Options {
  const values = optionsOf(
    args,
    {
      minutes: '60',
      sample: '60',
      concurrency: '64',
      dir: '/var/tmp',
    },
    USAGE,
  );
  return {
    minutes: positive('minutes', values.minutes, 0.1, USAGE),
    sampleMs: 1000 * positive('sample', values.sample, 1, USAGE),
    concurrency: Math.floor(positive('concurrency', values.concurrency, 1, USAGE)),
    directory: values.dir,
  };
}

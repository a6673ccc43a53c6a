/**
 * How long nobody can write after the leader was killed: a client with a stream to each node appends at a steady pace to
 * every one that is up, the leader is killed with SIGKILL, and the gap is the longest time between two acknowledgements
 * around the kill. The killed node is started again, and the next leader is killed when all three are whole.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabCluster } from '../src/lab/lab-cluster.js';
import type { GetStatusRequest } from '../src/wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../src/wire/gen/taa/v1/GetStatusResponse.js';
import { Acknowledged } from './acknowledged.js';
import { AppendStream } from './append-stream.js';
import { BenchError } from './errors.js';
import { whenInterrupted } from './interrupt.js';
import { fdatasyncMs, watchOthers, workDirectory } from './machine.js';
import { optionsOf, positive } from './options.js';
import { recordOf } from './records.js';
import { percentile, rounded } from './statistics.js';
import { startCluster } from './taa-target.js';
import { stopAndWalk } from './walk.js';

const USAGE = '--kills 20, --dir /var/tmp';
/** One append to each node every so often: what the gap is measured with. */
const APPEND_EVERY_MS = 5;
const WARM_MS = 3_000;
/** After a kill, until acknowledgements surely came again. */
const AFTER_KILL_MS = 3_000;
const WHOLE_PATIENCE_MS = 60_000;

interface Options {
  readonly kills: number;
  readonly directory: string;
}

export async function failover(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const directory = workDirectory(options.directory);
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  const orderly = whenInterrupted(removeDirectory);
  let cluster: LabCluster | null = null;
  try {
    cluster = await startCluster({ directory: join(directory, 'taa'), policy: new Map() });
    const load = new SteadyLoad(cluster);
    await sleep(WARM_MS);
    const gaps: number[] = [];
    const others: number[] = [];
    const syncMs = fdatasyncMs(directory);
    for (let kill = 1; kill <= options.kills; kill++) {
      const one = await killLeader(cluster, load);
      gaps.push(one.gapMs);
      others.push(one.otherCpu);
      console.error(
        `kill ${kill}: ${one.leader} led; ${rounded(one.gapMs)} ms without a commit (others ${rounded(one.otherCpu * 100)} % CPU)`,
      );
    }
    load.stop();
    const ascending = gaps.sort((a, b) => a - b);
    process.stdout.write(
      `${JSON.stringify({
        bench: 'failover',
        kills: gaps.length,
        gapP50Ms: rounded(percentile(ascending, 0.5)),
        gapP90Ms: rounded(percentile(ascending, 0.9)),
        gapMaxMs: rounded(ascending.at(-1) ?? Number.NaN),
        gapsMs: ascending.map(rounded),
        appendsPerSecond: (1000 / APPEND_EVERY_MS) * cluster.names.length,
        fdatasyncP50Ms: rounded(syncMs),
        otherCpu: rounded(
          percentile(
            [...others].sort((a, b) => a - b),
            0.5,
          ),
        ),
      })}\n`,
    );
    const walked = await stopAndWalk(cluster, load.acknowledged);
    process.stdout.write(`${JSON.stringify({ bench: 'failover', verified: true, ...walked })}\n`);
  } finally {
    await cluster?.close();
    orderly();
    removeDirectory();
  }
}

async function killLeader(
  cluster: LabCluster,
  load: SteadyLoad,
): Promise<{ readonly leader: string; readonly gapMs: number; readonly otherCpu: number }> {
  const leader = await whole(cluster);
  // Between two kills the pace must be steady, or the gap would be another's.
  await sleep(500);
  const survivors = cluster.names.filter((name) => name !== leader);
  const others = watchOthers(survivors.map((name) => cluster.process(name).pid));
  const before = performance.now();
  load.leave(leader);
  await cluster.process(leader).kill();
  await sleep(AFTER_KILL_MS);
  const gapMs = load.longestGap(before);
  const otherCpu = others();
  await cluster.startNode(leader);
  load.join(leader);
  return { leader, gapMs, otherCpu };
}

/** Resolves with the leader when all nodes hear it and have nearly the same log. */
async function whole(cluster: LabCluster): Promise<string> {
  const deadline = performance.now() + WHOLE_PATIENCE_MS;
  while (performance.now() < deadline) {
    const answers = await cluster.operator.callAll<GetStatusRequest, GetStatusResponse__Output>(
      ({ admin }) => admin.GetStatus.bind(admin),
      {},
    );
    const views = answers.flatMap((answer) => ('value' in answer ? [answer.value] : []));
    const leaders = new Set(views.map(({ leader }) => leader));
    const indices = views.map(({ appliedIndex }) => Number(appliedIndex));
    const [leader = ''] = leaders;
    const level = Math.max(...indices) - Math.min(...indices) < 50;
    if (views.length === cluster.names.length && leaders.size === 1 && leader !== '' && level) return leader;
    await sleep(50);
  }
  throw new BenchError('the three nodes did not come together again; see taad.log of the nodes');
}

/** A steady pace of single appends to every node that is up; notes when acknowledgements came. */
class SteadyLoad {
  readonly acknowledged = new Acknowledged();
  readonly #cluster: LabCluster;
  readonly #streams = new Map<string, AppendStream>();
  readonly #timer: NodeJS.Timeout;
  #times: number[] = [];
  #next = 0;

  constructor(cluster: LabCluster) {
    this.#cluster = cluster;
    for (const name of cluster.names) this.join(name);
    this.#timer = setInterval(() => this.#append(), APPEND_EVERY_MS);
  }

  join(name: string): void {
    const node = this.#cluster.operator.nodes.find(({ endpoint }) => endpoint.node === name);
    if (node === undefined) throw new BenchError(`${name} has no address`);
    this.#streams.set(name, new AppendStream(node.lab));
  }

  leave(name: string): void {
    this.#streams.get(name)?.close();
    this.#streams.delete(name);
  }

  /** Between two acknowledgements, or since the last one until now. */
  longestGap(since: number): number {
    const times = [...this.#times.filter((time) => time >= since), performance.now()];
    const before = this.#times.findLast((time) => time < since) ?? since;
    let longest = 0;
    let previous = before;
    for (const time of times) {
      longest = Math.max(longest, time - previous);
      previous = time;
    }
    this.#times = this.#times.filter((time) => time >= since);
    return longest;
  }

  stop(): void {
    clearInterval(this.#timer);
    for (const name of this.#cluster.names) this.leave(name);
  }

  #append(): void {
    for (const stream of this.#streams.values()) {
      const number = this.#next++;
      stream.append(recordOf(number), (error, leaf) => {
        // Refused or of unknown outcome: others are on their way.
        if (error !== null) return;
        this.acknowledged.set(number, leaf);
        this.#times.push(performance.now());
      });
    }
  }
}

function readOptions(args: readonly string[]): Options {
  const values = optionsOf(
    args,
    {
      kills: '20',
      dir: '/var/tmp',
    },
    USAGE,
  );
  return { kills: Math.floor(positive('kills', values.kills, 1, USAGE)), directory: values.dir };
}

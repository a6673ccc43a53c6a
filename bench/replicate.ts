/**
 * Durable appends: 512-byte records through gRPC over mutual TLS into three `taad` processes on loopback, acknowledged
 * when a majority has synced and the node has applied them. Rounds go round the concurrencies, so that a disturbance
 * does not fall on one of them alone; a figure is the median of its rounds.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { NodePorts } from '../src/lab/cluster-files.js';
import { closedLoop } from './closed-loop.js';
import type { Duration, Sample } from './closed-loop.js';
import { DelayedLinks } from './delayed-links.js';
import { EtcdTarget } from './etcd-target.js';
import { whenInterrupted } from './interrupt.js';
import { fdatasyncMs, QuietMoments, workDirectory } from './machine.js';
import { numbersOf, optionError, positive } from './options.js';
import { print } from './print.js';
import { RECORD_BYTES } from './records.js';
import { median, rounded } from './statistics.js';
import { TaaTarget } from './taa-target.js';

interface Options {
  readonly besideEtcd: boolean;
  readonly rounds: number;
  readonly concurrencies: readonly number[];
  readonly duration: Duration;
  /** Load before the first round. */
  readonly warmingMs: number;
  /** Waiting for other programs to leave the machine alone, in all. */
  readonly patienceMs: number;
  readonly directory: string;
  readonly keep: boolean;
  /** So many clients with one record a message; null: one that coalesces. */
  readonly streams: number | null;
  /** One way between any two sites, 0 for none. The client stays beside the leader. */
  readonly delayMs: number;
}

/** One turn of one concurrency: both systems directly after another, so that their ratio sees the same machine. */
interface Round {
  readonly fdatasyncMs: number;
  readonly taa: Sample;
  readonly etcd: Sample | null;
}

/** What makes compiled code out of a node's batches is their number, not their size: few records in flight warm best. */
const WARMING_CONCURRENCY = 8;

export async function replicate(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.besideEtcd) EtcdTarget.requireInstalled();
  const directory = workDirectory(options.directory);
  const removeDirectory = (): void => {
    if (!options.keep) rmSync(directory, { recursive: true, force: true });
  };
  const orderly = whenInterrupted(removeDirectory);
  let taa: TaaTarget | null = null;
  let etcd: EtcdTarget | null = null;
  let links: DelayedLinks | null = null;
  try {
    links = options.delayMs > 0 ? await DelayedLinks.open(LINES, options.delayMs) : null;
    taa = await startTaa(options, directory, links);
    etcd = options.besideEtcd ? await startEtcd(directory, links) : null;
    const rounds = await measure(options, directory, taa, etcd);
    const streams = options.streams === null ? {} : { streams: options.streams };
    for (const concurrency of options.concurrencies) {
      const found = summary(rounds.get(concurrency) ?? []);
      const line = links === null ? {} : lineFigures(options.delayMs, links, found);
      print({ bench: 'replicate', concurrency, ...streams, ...line, ...found });
    }
    if (etcd !== null) await etcd.requireAllStored();
    const walked = await taa.stopAndWalk();
    print({ bench: 'replicate', verified: true, ...walked });
  } finally {
    await etcd?.stop();
    await taa?.close();
    links?.close();
    orderly();
    removeDirectory();
    if (options.keep) console.error(`data directories: ${directory}`);
  }
}

/** Each of three nodes dials two; of etcd's members each is dialled at one address. */
const LINES = 6 + 3;

function startTaa({ streams }: Options, directory: string, links: DelayedLinks | null): Promise<TaaTarget> {
  const home = join(directory, 'taa');
  if (links === null) return TaaTarget.start(home, { streams });
  return TaaTarget.start(home, {
    streams,
    peerAddress: (from, to, ports) => {
      const { peers } = ports.get(to) as NodePorts;
      return `127.0.0.1:${links.to(`${from} ${to}`, peers)}`;
    },
  });
}

function startEtcd(directory: string, links: DelayedLinks | null): Promise<EtcdTarget> {
  const home = join(directory, 'etcd');
  return links === null
    ? EtcdTarget.start(home)
    : EtcdTarget.start(home, (port) => links.to(`etcd ${port}`, port));
}

/** What the lines did, and what a write costs in terms of it: 1 is one round trip and one sync. */
function lineFigures(
  delayMs: number,
  { roundTripMs }: DelayedLinks,
  { p50Ms, fdatasyncP50Ms }: { readonly p50Ms: number; readonly fdatasyncP50Ms: number },
) {
  return {
    delayMs,
    roundTripMs: rounded(roundTripMs),
    timesRoundTripAndSync: rounded(p50Ms / (roundTripMs + fdatasyncP50Ms)),
  };
}

async function measure(
  { rounds, concurrencies, duration, warmingMs, patienceMs }: Options,
  directory: string,
  taa: TaaTarget,
  etcd: EtcdTarget | null,
): Promise<ReadonlyMap<number, readonly Round[]>> {
  const found = new Map<number, Round[]>(concurrencies.map((concurrency) => [concurrency, []]));
  const runTaa = async (concurrency: number, how: Duration): Promise<Sample> => {
    await taa.followLeader();
    return closedLoop(taa, concurrency, how);
  };
  const quiet = new QuietMoments(patienceMs);
  const warming: Duration = { warmMs: 0, runMs: warmingMs };
  await runTaa(WARMING_CONCURRENCY, warming);
  if (etcd !== null) await closedLoop(etcd, WARMING_CONCURRENCY, warming);
  for (let round = 0; round < rounds; round++) {
    for (const concurrency of concurrencies) {
      await quiet.next([...taa.pids, ...(etcd?.pids ?? [])]);
      const syncMs = fdatasyncMs(directory);
      const one: Round = {
        fdatasyncMs: syncMs,
        taa: await runTaa(concurrency, duration),
        etcd: etcd === null ? null : await closedLoop(etcd, concurrency, duration),
      };
      found.get(concurrency)?.push(one);
      console.error(describe(round, concurrency, one));
    }
  }
  return found;
}

function describe(round: number, concurrency: number, { taa, etcd }: Round): string {
  const one = (name: string, { opsPerSecond, p50Ms, p99Ms, otherCpu }: Sample): string =>
    `${name} ${rounded(opsPerSecond)}/s p50 ${rounded(p50Ms)} p99 ${rounded(p99Ms)} ms (others ${rounded(otherCpu * 100)} % CPU)`;
  const parts = [one('taa', taa), ...(etcd === null ? [] : [one('etcd', etcd)])];
  return `round ${round + 1}, ${concurrency} in flight: ${parts.join('; ')}`;
}

function summary(rounds: readonly Round[]) {
  const taa = rounds.map((round) => round.taa);
  const etcd = rounds.flatMap((round) => (round.etcd === null ? [] : [round.etcd]));
  const ratio = (of: (sample: Sample) => number): number =>
    rounded(median(rounds.flatMap((round) => (round.etcd === null ? [] : [of(round.taa) / of(round.etcd)]))));
  return {
    ...figures(taa),
    fdatasyncP50Ms: rounded(median(rounds.map((round) => round.fdatasyncMs))),
    recordBytes: RECORD_BYTES,
    rounds: rounds.length,
    ...(etcd.length > 0 && {
      etcd: figures(etcd),
      timesEtcd: {
        opsPerSecond: ratio((sample) => sample.opsPerSecond),
        p50Ms: ratio((sample) => sample.p50Ms),
        p99Ms: ratio((sample) => sample.p99Ms),
        serverCpuSecondsPer1000: ratio((sample) => sample.serverCpuSecondsPer1000),
      },
    }),
  };
}

function figures(samples: readonly Sample[]) {
  const of = (figure: (sample: Sample) => number): number => rounded(median(samples.map(figure)));
  const rates = samples.map((sample) => sample.opsPerSecond);
  return {
    opsPerSecond: of((sample) => sample.opsPerSecond),
    opsPerSecondRange: [rounded(Math.min(...rates)), rounded(Math.max(...rates))],
    p50Ms: of((sample) => sample.p50Ms),
    p99Ms: of((sample) => sample.p99Ms),
    serverCpuSecondsPer1000: of((sample) => sample.serverCpuSecondsPer1000),
    clientCpuSecondsPer1000: of((sample) => sample.clientCpuSecondsPer1000),
    otherCpu: of((sample) => sample.otherCpu),
    errors: samples.reduce((sum, sample) => sum + sample.errors, 0),
  };
}

function readOptions(args: readonly string[]): Options {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        beside: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '2' },
        warm: { type: 'string', default: '6' },
        wait: { type: 'string', default: '15' },
        concurrency: { type: 'string', default: '1,16,64,256' },
        dir: { type: 'string', default: '/var/tmp' },
        streams: { type: 'string' },
        delay: { type: 'string', default: '0' },
        keep: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw optionError((error as Error).message, USAGE);
  }
  if (values.beside !== undefined && values.beside !== 'etcd') {
    throw optionError(`--beside ${values.beside} is not known; the only peer is etcd`, USAGE);
  }
  const runMs = 1000 * positive('seconds', values.seconds, 0.1, USAGE);
  return {
    besideEtcd: values.beside === 'etcd',
    rounds: Math.floor(positive('rounds', values.rounds, 1, USAGE)),
    concurrencies: numbersOf('concurrency', values.concurrency, USAGE),
    duration: { warmMs: runMs / 4, runMs },
    warmingMs: 1000 * positive('warm', values.warm, 0.1, USAGE),
    patienceMs: 1000 * positive('wait', values.wait, 0, USAGE),
    directory: values.dir,
    keep: values.keep,
    delayMs: positive('delay', values.delay, 0, USAGE),
    streams: values.streams === undefined ? null : Math.floor(positive('streams', values.streams, 1, USAGE)),
  };
}

const USAGE =
  '--beside etcd, --rounds 3, --seconds 2, --warm 6, --wait 15, --concurrency 1,16,64,256, --streams N, --delay 0, --dir /var/tmp, --keep';

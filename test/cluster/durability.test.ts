/**
 * Nothing is promised that is not on disk: every acknowledged batch and every granted vote is preceded by a completed
 * fdatasync on a majority. Watched from outside the processes, because `kill -9` keeps the page cache and proves nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import type { LabAcknowledgement } from '../../src/wire/lab-messages.js';
import { alteredBuild } from './altered-build.js';
import type { Alteration } from './altered-build.js';
import { marks, SyncTracer, tracingUnavailable } from './sync-trace.js';
import type { Mark, Sync, Trace } from './sync-trace.js';

const unavailable = tracingUnavailable();
const traced = unavailable === null ? test.serial : test.serial.skip;
const reason = unavailable === null ? '' : ` (${unavailable})`;

const MAJORITY = 2;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One acknowledgement of records sent together. Seconds since 1970 on this machine's clock. */
interface Acknowledged {
  readonly records: number;
  readonly sent: number;
  readonly acknowledged: number;
}

/** `Date.now()` with microseconds: the tracer's clock, read at the instant when its millisecond changes. */
function wallClock(): () => number {
  const before = Date.now();
  while (Date.now() === before);
  const base = Date.now() / 1000 - performance.now() / 1000;
  return () => base + performance.now() / 1000;
}

interface Run {
  readonly trace: Trace;
  readonly acknowledged: readonly Acknowledged[];
}

/** Three traced nodes: appends one by one and in bursts, then kills of the leader with appends after each. */
async function run(t: ExecutionContext, kills: number, alterations: readonly Alteration[]): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'taa-durability-'));
  const tracer = new SyncTracer();
  const build = alteredBuild([...marks, ...alterations]);
  let cluster: LabCluster | null = null;
  try {
    cluster = await LabCluster.start({
      directory,
      policy: LAB_POLICY,
      process: { program: build.taad, wrapper: tracer.wrapper },
    });
    const acknowledged = await append(cluster, [1, 1, 1, 1, 1, 1, 1, 1, 8, 16, 32]);
    for (let kill = 0; kill < kills; kill += 1) {
      const leader = await leaderOf(cluster);
      await cluster.process(leader).kill();
      await cluster.startNode(leader);
      acknowledged.push(...(await append(cluster, [1, 1, 8])));
    }
    await cluster.close();
    // The tracers end right after what they trace.
    await sleep(300);
    const trace = tracer.read();
    t.log(
      `${recordsOf(acknowledged)} records in ${acknowledged.length} acknowledgements, ${trace.syncs.length} syncs, ${countOf(trace, 'granted')} votes granted, ${countOf(trace, 'elected')} elections won`,
    );
    return { trace, acknowledged };
  } finally {
    await cluster?.close();
    build.remove();
    tracer.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

const recordsOf = (acknowledged: readonly Acknowledged[]): number =>
  acknowledged.reduce((sum, { records }) => sum + records, 0);

const countOf = (trace: Trace, kind: Mark['kind']): number =>
  trace.marks.filter((mark) => mark.kind === kind).length;

async function leaderOf(cluster: LabCluster): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      const { value } = await cluster.status();
      if (value.leader !== '') return value.leader;
    } catch {
      // Between two leaders; asked again below.
    }
    await sleep(100);
  }
  throw new Error('no leader for 10 s');
}

/** Appends groups of records, each group when the one before is acknowledged whole, through any node that takes them. */
async function append(cluster: LabCluster, groups: readonly number[]): Promise<Acknowledged[]> {
  const now = wallClock();
  const leader = await leaderOf(cluster);
  const connection = cluster.connectTo(cluster.files.administrator, [leader]);
  try {
    const stream = (connection.nodes[0] as (typeof connection.nodes)[number]).lab.Append();
    // Errors are heard below while an answer is awaited; one that comes after the last answer (the node is killed next) is
    // of no interest, and must not end this process.
    stream.on('error', () => undefined);
    const results: Acknowledged[] = [];
    let nextId = 0;
    for (const count of groups) {
      const firstId = nextId;
      nextId += count;
      const sent = now();
      await new Promise<void>((resolve, reject) => {
        let left = count;
        const heard = (answer: LabAcknowledgement): void => {
          const acknowledged = now();
          left -= answer.count;
          if (answer.refused === '') results.push({ records: answer.count, sent, acknowledged });
          if (left > 0) return;
          stream.off('data', heard);
          stream.off('error', reject);
          resolve();
        };
        stream.on('data', heard);
        stream.once('error', reject);
        for (let i = 0; i < count; i += 1) {
          stream.write({ firstId: firstId + i, records: [Buffer.from(`record ${firstId + i}`)] });
        }
      });
    }
    stream.end();
    return results;
  } finally {
    connection.close();
  }
}

/** Nodes that began and completed a sync of the file between two instants. */
function syncedBetween(syncs: readonly Sync[], file: Sync['file'], from: number, to: number): Set<string> {
  return new Set(
    syncs
      .filter((sync) => sync.file === file && sync.begun >= from && sync.completed <= to)
      .map(({ node }) => node),
  );
}

/** A record that did not exist before `sent` can only be on disk by a sync that began after it. */
function unsafeAcknowledgements({ trace, acknowledged }: Run): readonly string[] {
  return acknowledged.flatMap(({ sent, acknowledged: at }, i) => {
    const nodes = syncedBetween(trace.syncs, 'log', sent, at);
    return nodes.size >= MAJORITY
      ? []
      : [`acknowledgement ${i} after syncs on ${[...nodes].join(', ') || 'no node'}`];
  });
}

/** When a node's promise for this term and candidate went to the disk, for the last time before `until`. */
function promiseBegun(trace: Trace, vote: Omit<Mark, 'kind' | 'at'>, until: number): number | null {
  const written = trace.marks.filter(
    ({ kind, node, term, candidate, at }) =>
      kind === 'persist' &&
      node === vote.node &&
      term === vote.term &&
      candidate === vote.candidate &&
      at <= until,
  );
  return written[0]?.at ?? null;
}

function isDurable(
  trace: Trace,
  vote: Omit<Mark, 'kind' | 'at'>,
  file: Sync['file'],
  until: number,
): boolean {
  const begun = promiseBegun(trace, vote, until);
  return begun !== null && syncedBetween(trace.syncs, file, begun, until).has(vote.node);
}

function unsafeVotes({ trace }: Run, file: Sync['file']): readonly string[] {
  const granted = trace.marks
    .filter((mark) => mark.kind === 'granted' && !isDurable(trace, mark, file, mark.at))
    .map(
      ({ node, term, candidate }) =>
        `${node} voted for ${candidate} in term ${term} before its ${file} was synced`,
    );
  const nodes = [...new Set(trace.marks.map(({ node }) => node))];
  const elected = trace.marks
    .filter(({ kind }) => kind === 'elected')
    .flatMap(({ term, candidate, at }) => {
      const votes = nodes.filter((node) => isDurable(trace, { node, term, candidate }, file, at));
      return votes.length >= MAJORITY
        ? []
        : [`${candidate} led term ${term} on durable votes of ${votes.join(', ') || 'nobody'} (${file})`];
    });
  return [...granted, ...elected];
}

traced(
  `every acknowledged batch and granted vote was preceded by a completed fdatasync on a majority${reason}`,
  async (t) => {
    const seen = await run(t, 2, []);
    t.is(recordsOf(seen.acknowledged), 84);
    t.true(countOf(seen.trace, 'granted') >= 2 && countOf(seen.trace, 'elected') >= 2);
    t.deepEqual(unsafeAcknowledgements(seen), []);
    t.deepEqual(unsafeVotes(seen, 'log'), []);
    t.deepEqual(unsafeVotes(seen, 'guard'), []);
  },
);

traced(`control: without the sync of the log both are seen to be unsafe${reason}`, async (t) => {
  const seen = await run(t, 1, [
    {
      file: 'src/store/kv.js',
      find: 'this.#engine.batch(operations, sync)',
      replace: 'this.#engine.batch(operations, false)',
    },
  ]);
  t.is(unsafeAcknowledgements(seen).length, seen.acknowledged.length);
  t.true(unsafeVotes(seen, 'log').length >= countOf(seen.trace, 'granted'));
});

traced(`control: without the sync of the guard every vote is seen to be unsafe${reason}`, async (t) => {
  const seen = await run(t, 1, [
    { file: 'src/store/slot-file.js', find: 'await this.#file.datasync();', replace: '' },
  ]);
  t.deepEqual(unsafeAcknowledgements(seen), []);
  t.deepEqual(unsafeVotes(seen, 'log'), []);
  t.true(unsafeVotes(seen, 'guard').length >= countOf(seen.trace, 'granted'));
});

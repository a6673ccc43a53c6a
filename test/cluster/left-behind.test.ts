/**
 * Real processes: a node is away longer than the trimmed logs reach, comes back by snapshot and tiles, and cosigns again; then
 * a block of its log is lost on the disk, and it repairs itself in place.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import { openForInspection } from '../../src/store/index.js';
import { engineAt } from '../../src/store/engine.js';
import { openKeyValueStore } from '../../src/store/kv.js';
import { BLOCKS_END, blockKey } from '../../src/store/log-outline.js';
import type { GetStatusRequest } from '../../src/wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../../src/wire/gen/taa/v1/GetStatusResponse.js';
import type { LabAcknowledgement } from '../../src/wire/lab-messages.js';

const directory = mkdtempSync(join(tmpdir(), 'taa-left-behind-'));
let cluster: LabCluster | null = null;

test.after.always(async () => {
  await cluster?.close();
  rmSync(directory, { recursive: true, force: true });
});

const PATIENCE_MS = 120_000;

async function until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look().catch(() => null);
    if (found !== null) return found;
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(100);
  }
}

async function statusOf(running: LabCluster): Promise<ReadonlyMap<string, GetStatusResponse__Output>> {
  const answers = await running.operator.callAll<GetStatusRequest, GetStatusResponse__Output>(
    ({ admin }) => admin.GetStatus.bind(admin),
    {},
  );
  return new Map(
    answers.flatMap((answer) => ('value' in answer ? [[answer.node, answer.value] as const] : [])),
  );
}

/** So many log entries with eight records each, through the leader. */
async function append(running: LabCluster, entries: number): Promise<void> {
  const leader = await until('a leader', async () => (await running.status()).value.leader || null);
  const connection = running.connectTo(running.files.administrator, [leader]);
  const stream = (connection.nodes[0] as (typeof connection.nodes)[number]).lab.Append();
  await new Promise<void>((resolve, reject) => {
    let written = 0;
    const write = (): void => {
      const records = Array.from({ length: 8 }, (_, i) => Buffer.alloc(600, written * 8 + i));
      stream.write({ firstId: written * 8, records });
      written += 1;
    };
    let acknowledged = 0;
    stream.on('data', ({ count, refused }: LabAcknowledgement) => {
      if (refused !== '') reject(new Error(refused));
      acknowledged += count;
      if (acknowledged === entries * 8) resolve();
      else if (acknowledged === written * 8) write();
    });
    stream.on('error', reject);
    write();
  });
  connection.close();
}

/** All nodes have one tree, and `name` has cosigned a size that was not there when this was asked. */
async function whole(running: LabCluster, name: string): Promise<void> {
  const before = Math.max(...[...(await statusOf(running)).values()].map(({ logSize }) => Number(logSize)));
  await append(running, 3);
  await until(`${name} has the same tree, and cosigns it`, async () => {
    const states = await statusOf(running);
    const roots = new Set([...states.values()].map(({ root }) => root.toString('hex')));
    const leader = [...states.values()].find(({ role }) => role === 'RAFT_ROLE_LEADER');
    const cosigned = Number(leader?.nodes.find(({ node }) => node === name)?.cosignedSize ?? 0);
    const well = [...states.values()].every(({ impairments }) => impairments.length === 0);
    return states.size === 3 && roots.size === 1 && cosigned > before && well ? true : null;
  });
}

const logOf = async (running: LabCluster, name: string): Promise<{ first: number; last: number }> => {
  const opened = await openForInspection(running.dataDirectory(name));
  try {
    const { firstIndex, lastIndex } = await opened.log.verifyAll();
    await opened.ledger.verifyAll();
    return { first: firstIndex, last: lastIndex };
  } finally {
    await opened.close();
  }
};

test.serial(
  'a node beyond the trimmed logs catches up, cosigns again, and repairs a damaged log',
  async (t) => {
    t.timeout(600_000);
    const store = { keepEntries: 16, trimMiB: 1, trimSeconds: 1, syncSeconds: 1 };
    cluster = await LabCluster.start({ directory, policy: LAB_POLICY, store });
    const running = cluster;
    await append(running, 40);
    const leader = (await running.status()).value.leader;
    const away = running.names.find((name) => name !== leader) as string;
    await running.process(away).kill();
    const reached = (await logOf(running, away)).last;
    await append(running, 400);
    // Every second one trim; the positions of the ledgers travel with heartbeats.
    for (let i = 0; i < 4; i++) {
      await sleep(1000);
      await append(running, 20);
    }
    await running.startNode(away);
    await whole(running, away);
    await running.process(away).stop();
    const caught = await logOf(running, away);
    t.true(caught.first > reached + 1, `its log begins at ${caught.first}, it had ended at ${reached}`);

    const raft = join(running.dataDirectory(away), 'raft');
    const { identity, ...inspected } = await openForInspection(running.dataDirectory(away));
    await inspected.close();
    const database = await openKeyValueStore(await engineAt(identity.engine, raft));
    const keys: Uint8Array[] = [];
    await database.iterate({ gte: blockKey(0), lt: BLOCKS_END }, (key) => keys.push(key.slice()) > 0);
    await database.batch([{ type: 'del', key: keys[keys.length >> 1] as Uint8Array }], true);
    await database.close();
    await running.startNode(away).catch(() => undefined);
    await whole(running, away);
    const log = readFileSync(running.logFile(away), 'utf8');
    t.regex(log, /"code":"LOG_SUSPECT".*LOG_HOLE: .*fetched again from the other nodes/);
    t.regex(log, /"code":"LOG_REPAIRED"/);
    await running.process(away).stop();
    await logOf(running, away);
  },
);

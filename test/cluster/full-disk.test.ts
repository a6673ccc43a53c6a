/**
 * A full disk: the node says so and ends, refuses to start while nothing is free, and goes on when there is space again.
 * Nothing that was acknowledged is lost. The data directory is a small tmpfs, which needs root.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import { decode } from '../../src/verify/cbor.js';
import { isMap } from '../../src/verify/cbor-reader.js';
import type { LabAcknowledgement } from '../../src/wire/lab-messages.js';
import { wholeLog } from './examination.js';

const NODE = 'tokyo';
const directory = mkdtempSync(join(tmpdir(), 'taa-full-disk-'));
const volume = join(directory, 'nodes', NODE, 'data');
mkdirSync(volume, { recursive: true });
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', volume], { encoding: 'utf8' });
const reason = mounted.status === 0 ? '' : ` (no small volume: ${mounted.stderr.trim() || 'mount failed'})`;
const withVolume = reason === '' ? test.serial : test.serial.skip;

let cluster: LabCluster | null = null;

test.after.always(async () => {
  await cluster?.close();
  spawnSync('umount', ['-l', volume]);
  rmSync(directory, { recursive: true, force: true });
});

const RECORD_BYTES = 8_192;
const record = (id: number): Buffer => Buffer.alloc(RECORD_BYTES, `record ${id};`);

/** Appends one record after the other until the node ends; the numbers of those that it acknowledged. */
async function appendUntilItEnds(running: LabCluster): Promise<readonly number[]> {
  const connection = running.connect(running.files.administrator);
  const acknowledged: number[] = [];
  const stream = (connection.nodes[0] as (typeof connection.nodes)[number]).lab.Append();
  const write = (id: number): void => {
    stream.write({ firstId: id, records: [record(id)] });
  };
  await new Promise<void>((resolve) => {
    stream.on('data', ({ firstId, count, refused }: LabAcknowledgement) => {
      if (refused === '') for (let id = firstId; id < firstId + count; id += 1) acknowledged.push(id);
      if (acknowledged.length < 10_000) write(firstId + count);
      else resolve();
    });
    stream.on('error', () => resolve());
    stream.on('end', () => resolve());
    write(0);
  });
  connection.close();
  return acknowledged;
}

/** Fills the volume but for so many bytes. */
function fill(left: number): string {
  const file = join(volume, 'spool', 'filler');
  const { bavail, bsize } = statfsSync(volume);
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - left)));
  return file;
}

withVolume(`a full disk is told as such, and nothing acknowledged is lost${reason}`, async (t) => {
  cluster = await LabCluster.start({ directory, sites: [NODE], policy: LAB_POLICY });
  const filler = fill(2 << 20);
  const first = cluster.process(NODE);
  const acknowledged = await appendUntilItEnds(cluster);
  t.true(acknowledged.length > 0 && acknowledged.length < 10_000, `${acknowledged.length} acknowledged`);
  t.log(`${acknowledged.length} records of ${RECORD_BYTES} bytes acknowledged before the disk was full`);
  const end = await first.exited;
  t.is(end.code, 70, JSON.stringify(end));
  const log = readFileSync(cluster.logFile(NODE), 'utf8');
  t.regex(
    log,
    /"code":"FATAL".*The disk is full: free space on the volume of the data directory and restart/,
  );
  t.notRegex(log, /"stack"|\n\s+at /, 'a full disk is no fault of the program');

  // Still full: it must not come up on what it cannot write, and must say why.
  writeFileSync(filler, '');
  fill(0);
  const before = log.length;
  const second = cluster.launch(NODE);
  const refusal = await second.exited;
  t.true(refusal.code !== null && refusal.code !== 0, JSON.stringify(refusal));
  const said = readFileSync(cluster.logFile(NODE), 'utf8').slice(before);
  t.regex(said, /disk is full: free space|No space left|ENOSPC/i);
  t.notRegex(said, /\n\s+at /);

  rmSync(filler);
  await cluster.startNode(NODE);
  const kept = new Set<string>();
  for (const leaf of await wholeLog(cluster, NODE)) {
    const value = decode(leaf);
    const data = isMap(value) && value.get('type') === 'labItem' ? value.get('data') : null;
    if (data instanceof Uint8Array) kept.add(Buffer.from(data).toString('latin1'));
  }
  const lost = acknowledged.filter((id) => !kept.has(record(id).toString('latin1')));
  t.deepEqual(lost, []);
});

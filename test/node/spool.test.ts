/** Restrictions and faults that nobody can commit: they wait in order, survive a restart, and are on record once. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { decodeCommand } from '../../src/authority/commands.js';
import type { CommandResult } from '../../src/node/core/proposals.js';
import { SPOOL_RECORDS, Spool } from '../../src/node/core/spool.js';
import type { SpoolStore } from '../../src/node/environment.js';
import { SpoolFile, readSpool, spoolItem } from '../../src/node/host/spool-file.js';
import { monoNs, taiNs } from '../../src/time/types.js';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { Random } from '../verify/random.js';

const second = 1_000_000_000n;

/** A cluster as the spool sees it: a leader or none, and a log that answers for nonces. */
class FakeCluster {
  leader = false;
  /** Proposals are taken but never answered for. */
  deaf = false;
  mono = 0n;
  /** Committed: code and whether it was marked as delayed. Each nonce once. */
  readonly log: string[] = [];
  readonly items: Uint8Array[] = [];
  readonly #nonces = new Set<string>();
  #count = 0;

  readonly store: SpoolStore = {
    load: (done) => done(null, [...this.items]),
    append: (item, done) => {
      this.items.push(item);
      done(null);
    },
    clear: (done) => {
      this.items.length = 0;
      done(null);
    },
  };

  start(): Spool {
    const spool = new Spool({
      node: 'tokyo',
      store: this.store,
      mono: () => monoNs(this.mono),
      random: (length) => {
        this.#count++;
        return new Uint8Array(length).fill(this.#count % 256, 0, 8).fill(this.#count >> 8, 8);
      },
      happened: () => ({ earliest: taiNs(1000n), latest: taiNs(2000n) }),
      hasLeader: () => this.leader,
      submit: (_nonce, payload, _patience, done) =>
        done(this.deaf ? this.#lost(payload) : this.#commit(payload)),
      failed: (error) => {
        throw error;
      },
    });
    spool.load();
    return spool;
  }

  /** Committed, but the answer never came. */
  #lost(payload: Uint8Array): CommandResult {
    this.#commit(payload);
    return { status: 'unknown', leader: null };
  }

  #commit(payload: Uint8Array): CommandResult {
    const decoded = decodeCommand(payload);
    if (!decoded.ok || decoded.envelope.command.kind !== 'clockAnomaly') throw new Error('what is this?');
    const { nonce, command, happened } = decoded.envelope;
    const key = Buffer.from(nonce).toString('hex');
    if (!this.#nonces.has(key)) this.log.push(`${command.code}${happened === undefined ? '' : ' delayed'}`);
    this.#nonces.add(key);
    return { status: 'accepted', leaf: 0, raftIndex: 1 };
  }
}

const anomaly = (code: string) => ({ kind: 'clockAnomaly', code, source: '', detail: '' }) as const;

test('with a leader a record is committed at once and nothing is written down', (t) => {
  const cluster = new FakeCluster();
  cluster.leader = true;
  const spool = cluster.start();
  spool.record(anomaly('a'));
  t.deepEqual(cluster.log, ['a']);
  t.deepEqual(cluster.items, []);
});

test('without one it waits on disk; soon after it is not called delayed, later it is; the order is kept', (t) => {
  const cluster = new FakeCluster();
  const spool = cluster.start();
  spool.record(anomaly('a'));
  cluster.mono = 4n * second;
  spool.record(anomaly('b'));
  t.is(cluster.items.length, 2);
  cluster.mono = 6n * second;
  spool.drain();
  t.deepEqual(cluster.log, []);
  cluster.leader = true;
  spool.drain();
  t.deepEqual(cluster.log, ['a delayed', 'b']);
  t.deepEqual(cluster.items, [], 'what is on record is no longer kept');
});

test('what comes while others wait stands behind them', (t) => {
  const cluster = new FakeCluster();
  const spool = cluster.start();
  spool.record(anomaly('a'));
  cluster.leader = true;
  spool.record(anomaly('b'));
  t.deepEqual(cluster.log, []);
  spool.drain();
  t.deepEqual(cluster.log, ['a', 'b']);
});

test('a record whose fate is unknown is proposed until it is answered for, and stands once', (t) => {
  const cluster = new FakeCluster();
  cluster.leader = true;
  cluster.deaf = true;
  const spool = cluster.start();
  spool.record(anomaly('a'));
  spool.drain();
  cluster.mono = 60n * second;
  spool.drain();
  t.is(spool.length, 1);
  cluster.deaf = false;
  spool.drain();
  t.deepEqual(cluster.log, ['a']);
  t.is(spool.length, 0);
});

test('killed at any point and started again: every record once, in order', (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const cluster = new FakeCluster();
    let spool = cluster.start();
    const expected: string[] = [];
    for (let step = 0; step < 40; step++) {
      cluster.mono += BigInt(random.below(3)) * second;
      cluster.leader = random.below(3) > 0;
      cluster.deaf = random.below(3) === 0;
      switch (random.below(4)) {
        case 0:
          spool = cluster.start();
          break;
        case 1:
          spool.drain();
          break;
        default:
          expected.push(`${step}`);
          spool.record(anomaly(`${step}`));
      }
    }
    cluster.leader = true;
    cluster.deaf = false;
    spool.drain();
    t.deepEqual(
      cluster.log.map((entry) => entry.replace(' delayed', '')),
      expected,
      `seed ${seed}`,
    );
    t.deepEqual(cluster.items, []);
  }
});

test('what does not fit is counted, also over a restart, and the count is on record', (t) => {
  const cluster = new FakeCluster();
  let spool = cluster.start();
  for (let i = 0; i < SPOOL_RECORDS + 100; i++) spool.record(anomaly('x'));
  t.is(spool.length, SPOOL_RECORDS);
  t.true(cluster.items.length < SPOOL_RECORDS + 10, 'the file is bounded too');
  spool = cluster.start();
  cluster.leader = true;
  spool.drain();
  t.is(cluster.log.filter((entry) => entry.startsWith('x')).length, SPOOL_RECORDS);
  t.is(cluster.log.at(-1), 'spoolOverflow');
});

// ---- the file ------------------------------------------------------------------------------------------------------

function path(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'taa-spool-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'spool', 'records');
}

const load = (file: SpoolFile): Promise<readonly Uint8Array[]> =>
  new Promise((resolve, reject) => {
    file.load((error, items) => (error === null ? resolve(items ?? []) : reject(error)));
  });
const append = (file: SpoolFile, item: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    file.append(item, (error) => (error === null ? resolve() : reject(error)));
  });
const clear = (file: SpoolFile): Promise<void> =>
  new Promise((resolve, reject) => {
    file.clear((error) => (error === null ? resolve() : reject(error)));
  });

test('the golden file', (t) => {
  const golden = new Uint8Array(readFileSync(join(findPackageRoot(), 'test/fixtures/formats/spool')));
  const read = readSpool(golden);
  t.is(read?.end, golden.length);
  t.is(read?.items.length, 2);
  const [record, lost] = read?.items ?? [];
  t.is(record?.[0], 1);
  const decoded = decodeCommand((record as Uint8Array).subarray(1));
  t.true(decoded.ok);
  if (decoded.ok) t.like(decoded.envelope, { node: 'tokyo', command: anomaly('peerSilent') });
  t.deepEqual(lost, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 1, 44));
  const again = Buffer.concat([Buffer.from('TSP1'), ...(read?.items ?? []).map(spoolItem)]);
  t.deepEqual(new Uint8Array(again), golden);
});

test('what was appended is there after a start; half an item at the end is not, and does not hide what comes after', async (t) => {
  const at = path(t);
  const first = new SpoolFile(at);
  t.deepEqual(await load(first), []);
  await append(first, Uint8Array.of(1, 2, 3));
  await append(first, Uint8Array.of(4));
  await first.close();
  appendFileSync(at, spoolItem(Uint8Array.of(9, 9, 9)).slice(0, 9));
  const second = new SpoolFile(at);
  t.deepEqual(await load(second), [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
  await append(second, Uint8Array.of(5));
  await second.close();
  const third = new SpoolFile(at);
  t.deepEqual(await load(third), [Uint8Array.of(1, 2, 3), Uint8Array.of(4), Uint8Array.of(5)]);
  await clear(third);
  await append(third, Uint8Array.of(6));
  await third.close();
  t.deepEqual(readSpool(new Uint8Array(readFileSync(at)))?.items, [Uint8Array.of(6)]);
  writeFileSync(at, 'something else');
  const fourth = new SpoolFile(at);
  t.deepEqual(await load(fourth), []);
  await append(fourth, Uint8Array.of(7));
  await fourth.close();
  t.deepEqual(readSpool(new Uint8Array(readFileSync(at)))?.items, [Uint8Array.of(7)]);
});

test('every flipped bit ends the reading where it stands; 10^5 random files do not throw', (t) => {
  const items = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5), Uint8Array.of(6)];
  const whole = new Uint8Array(Buffer.concat([Buffer.from('TSP1'), ...items.map(spoolItem)]));
  for (let bit = 32; bit < whole.length * 8; bit++) {
    const damaged = whole.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    const read = readSpool(damaged)?.items ?? [];
    t.true(read.length < items.length);
    t.deepEqual(read, items.slice(0, read.length));
  }
  const random = new Random(4);
  for (let i = 0; i < 100_000; i++) {
    const mutated = whole.slice(0, random.below(whole.length + 1));
    if (mutated.length > 0) mutated[random.below(mutated.length)] = random.below(256);
    readSpool(mutated);
  }
});

/** The Raft log on disk: what is acknowledged is found again, what was damaged is not taken for the log. */

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { NO_BASE } from '../../src/raft/storage.js';
import {
  logIndex,
  term,
  type Entry,
  type HardState,
  type LogIndex,
  type Term,
} from '../../src/raft/types.js';
import { GUARD_LAG_MS } from '../../src/store/guard.js';
import {
  diskEngines,
  entries,
  entry,
  hardState,
  loaded,
  openNode,
  persist,
  plain,
  readEntries,
  seeded,
  temporaryDirectory,
} from './harness.js';

const run = (firstIndex: number, inTerm: number): { firstIndex: LogIndex; term: Term } => ({
  firstIndex: logIndex(firstIndex),
  term: term(inTerm),
});

for (const engine of diskEngines) {
  test(`${engine}: an empty log, then entries with their hard state, found again after reopening`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    t.deepEqual(await loaded(node.log), {
      hardState: hardState(0),
      base: NO_BASE,
      firstIndex: logIndex(1),
      lastIndex: logIndex(0),
      termRuns: [],
    });
    await persist(node.log, { hardState: hardState(1, 'n1'), entries: entries(1, 3) });
    await persist(node.log, { entries: entries(4, 4) });
    await persist(node.log, { hardState: hardState(2, 'n2', 4), entries: entries(5, 9, 2) });
    const expected = {
      hardState: hardState(2, 'n2', 4),
      base: NO_BASE,
      firstIndex: logIndex(1),
      lastIndex: logIndex(9),
      termRuns: [run(1, 1), run(5, 2)],
    };
    t.deepEqual(await loaded(node.log), expected);
    await node.close();
    node = await openNode(path, engine, {});
    t.deepEqual(await loaded(node.log), expected);
    t.deepEqual(plain(await readEntries(node.log, 1, 9)), plain([...entries(1, 4), ...entries(5, 9, 2)]));
    t.deepEqual(await node.log.verifyAll(), { firstIndex: logIndex(1), lastIndex: logIndex(9) });
    await node.close();
  });

  test(`${engine}: reading stops at the end of the range and at the byte limit, but not before one entry`, async (t) => {
    const node = await openNode(temporaryDirectory(), engine);
    const sized = (index: number): Entry => entry(index, 1, new Uint8Array(100).fill(index));
    for (let i = 1; i <= 21; i += 3) {
      await persist(node.log, { hardState: hardState(1), entries: [sized(i), sized(i + 1), sized(i + 2)] });
    }
    const indexes = async (from: number, to: number, max: number): Promise<number[]> =>
      (await readEntries(node.log, from, to, max)).map((e) => e.index);
    t.deepEqual(await indexes(5, 8, 1e6), [5, 6, 7, 8]);
    t.deepEqual(await indexes(5, 21, 399), [5, 6, 7]);
    t.deepEqual(await indexes(5, 21, 400), [5, 6, 7, 8]);
    t.deepEqual(await indexes(21, 21, 1), [21]);
    t.deepEqual(await indexes(2, 21, 0), [2]);
    t.deepEqual(await indexes(20, 99, 1e6), [20, 21], 'the log ends at 21');
    t.deepEqual(await indexes(22, 99, 1e6), []);
    await t.throwsAsync(readEntries(node.log, 0, 3), { instanceOf: RangeError });
    await node.close();
  });

  test(`${engine}: a truncation inside a block keeps what is before it and replaces what is after`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    await persist(node.log, { hardState: hardState(1), entries: entries(1, 10) });
    await persist(node.log, { entries: entries(11, 20) });
    await persist(node.log, {
      hardState: hardState(3),
      truncateFrom: logIndex(7),
      entries: entries(7, 8, 3),
    });
    const expected = plain([...entries(1, 6), ...entries(7, 8, 3)]);
    t.deepEqual(plain(await readEntries(node.log, 1, 20)), expected);
    await node.close();
    node = await openNode(path, engine);
    t.deepEqual((await loaded(node.log)).termRuns, [run(1, 1), run(7, 3)]);
    t.deepEqual(plain(await readEntries(node.log, 1, 20)), expected);
    await persist(node.log, { truncateFrom: logIndex(1), entries: [] });
    t.is((await loaded(node.log)).lastIndex, logIndex(0));
    await node.close();
    node = await openNode(path, engine);
    t.is((await loaded(node.log)).lastIndex, logIndex(0));
    await node.close();
  });

  test(`${engine}: entries that do not follow, and truncations outside the log, are refused and change nothing`, async (t) => {
    const node = await openNode(temporaryDirectory(), engine);
    await persist(node.log, { hardState: hardState(1), entries: entries(1, 3) });
    await t.throwsAsync(persist(node.log, { entries: entries(5, 6) }), { instanceOf: RangeError });
    await t.throwsAsync(persist(node.log, { entries: [entry(4), entry(6)] }), { instanceOf: RangeError });
    await t.throwsAsync(persist(node.log, { truncateFrom: logIndex(9), entries: [] }), {
      instanceOf: RangeError,
    });
    await persist(node.log, { entries: entries(4, 4) });
    t.is((await loaded(node.log)).lastIndex, logIndex(4));
    await node.close();
    await t.throwsAsync(persist(node.log, { entries: entries(5, 5) }), { code: 'STORAGE_CLOSED' });
    await t.throwsAsync(readEntries(node.log, 1, 1), { code: 'STORAGE_CLOSED' });
  });

  test(`${engine}: a second persist while one is outstanding is refused`, async (t) => {
    const node = await openNode(temporaryDirectory(), engine);
    const first = persist(node.log, { hardState: hardState(1), entries: entries(1, 3) });
    await t.throwsAsync(persist(node.log, { entries: entries(4, 4) }), { message: /outstanding/ });
    await first;
    await node.close();
  });

  test(`${engine}: 120 random batches and restarts agree with an array`, async (t) => {
    const random = seeded(42);
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    let model: Entry[] = [];
    let state: HardState = hardState(1);
    for (let round = 0; round < 120; round++) {
      const truncate = random(4) === 0 && model.length > 0;
      const cut = truncate ? Math.max(1, model.length - random(12)) : undefined;
      if (cut !== undefined) {
        model = model.slice(0, cut - 1);
        state = hardState(state.term + 1 + random(3), random(2) === 0 ? 'n1' : null);
      }
      const added = entries(model.length + 1, model.length + random(9), state.term);
      await persist(node.log, {
        ...((truncate || round === 0 || random(5) === 0) && { hardState: state }),
        ...(cut !== undefined && { truncateFrom: logIndex(cut) }),
        entries: added,
      });
      model.push(...added);
      if (random(8) === 0) {
        await node.close();
        node = await openNode(path, engine);
      }
      if (random(4) === 0 && model.length > 0) {
        const from = 1 + random(model.length);
        const to = from + random(20);
        t.deepEqual(plain(await readEntries(node.log, from, to)), plain(model.slice(from - 1, to)));
      }
    }
    t.is((await node.log.verifyAll()).lastIndex, logIndex(model.length));
    await node.close();
  });

  test(`${engine}: a deleted write-ahead file is noticed, not taken for an empty log`, async (t) => {
    const path = temporaryDirectory();
    const node = await openNode(path, engine);
    await persist(node.log, { hardState: hardState(1, 'n1'), entries: entries(1, 30) });
    await node.close();
    for (const file of writeAheadFiles(join(path, 'raft'))) rmSync(file);
    await t.throwsAsync(openNode(path, engine), {
      message: /^(LOG_TAIL_LOST|LOG_VOTE_LOST|LOG_HOLE|STORAGE_OPEN_FAILED)/,
    });
  });

  test(`${engine}: a log put back to an earlier moment is noticed by the guard`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    await persist(node.log, { hardState: hardState(1), entries: entries(1, 10) });
    await node.close();
    const earlier = snapshotOf(join(path, 'raft'));
    node = await openNode(path, engine);
    await persist(node.log, { entries: entries(11, 12) });
    await node.close();
    restore(join(path, 'raft'), earlier);
    const lost = await t.throwsAsync(openNode(path, engine), { code: 'LOG_TAIL_LOST' });
    t.regex(lost.message, /ends at 10, but 12 was durable.*new incarnation/);
  });

  test(`${engine}: a forgotten term or vote is noticed by the guard`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    await persist(node.log, { hardState: hardState(4), entries: entries(1, 1) });
    await node.close();
    const earlier = snapshotOf(join(path, 'raft'));
    for (const later of [hardState(4, 'n2'), hardState(5)]) {
      node = await openNode(path, engine);
      await persist(node.log, { hardState: later, entries: [] });
      await node.close();
      const newest = snapshotOf(join(path, 'raft'));
      restore(join(path, 'raft'), earlier);
      await t.throwsAsync(openNode(path, engine), { code: 'LOG_VOTE_LOST' });
      restore(join(path, 'raft'), newest);
    }
  });

  test(`${engine}: the guard follows within its lag, and at once for a vote`, async (t) => {
    const path = temporaryDirectory();
    const node = await openNode(path, engine);
    const before = readFileSync(join(path, 'guard'));
    await persist(node.log, { hardState: hardState(1, 'n1'), entries: [] });
    const voted = readFileSync(join(path, 'guard'));
    t.notDeepEqual(voted, before, 'the vote is there when persist is done');
    await persist(node.log, { entries: entries(1, 5) });
    await delay(GUARD_LAG_MS * 3);
    t.notDeepEqual(readFileSync(join(path, 'guard')), voted);
    await node.close();
  });
}

function writeAheadFiles(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(path, name));
}

function snapshotOf(path: string): ReadonlyMap<string, Buffer> {
  return new Map(readdirSync(path).map((name) => [name, readFileSync(join(path, name))]));
}

function restore(path: string, files: ReadonlyMap<string, Buffer>): void {
  for (const name of readdirSync(path)) rmSync(join(path, name));
  for (const [name, bytes] of files) writeFileSync(join(path, name), bytes);
}

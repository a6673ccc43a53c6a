/** Giving up the front of the log: what remains is found again after any crash, and trimming is never taken for damage. */

import { join } from 'node:path';
import test from 'ava';
import { MemoryLogStore } from '../../src/raft/memory-store.js';
import type { LogBase, RaftLogStore } from '../../src/raft/storage.js';
import { logIndex, term, type Entry } from '../../src/raft/types.js';
import { engineAt } from '../../src/store/engine.js';
import { createGuard, openGuard } from '../../src/store/guard.js';
import { openKeyValueStore, type Engine, type Operation } from '../../src/store/kv.js';
import { blockKey } from '../../src/store/log-outline.js';
import { MARKER_KEY } from '../../src/store/log-trim.js';
import { memoryDisk, memoryEngine, type MemoryDisk } from '../../src/store/memory.js';
import { initialLogContent, openRaftLog, type OpenRaftLog } from '../../src/store/raft-log.js';
import {
  asked,
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

const incarnation = new Uint8Array(16).fill(7);
const compact = (log: RaftLogStore, to: number): Promise<unknown> =>
  asked((done) => log.compact(logIndex(to), done));

/** A log over any engine, that can be opened again and again. */
interface Bench {
  open(wrap?: (engine: Engine) => Engine): Promise<{ log: OpenRaftLog; close: () => Promise<void> }>;
}

async function bench(makeEngine: () => Promise<Engine>): Promise<Bench> {
  const guardPath = join(temporaryDirectory(), 'guard');
  await createGuard(guardPath, incarnation);
  const born = await openKeyValueStore(await makeEngine());
  await born.batch(initialLogContent(), true);
  await born.close();
  return {
    open: async (wrap = (engine) => engine) => {
      const store = await openKeyValueStore(wrap(await makeEngine()));
      const guard = await openGuard(guardPath, incarnation, { readOnly: false });
      const close = async (): Promise<void> => {
        await guard.close().catch(() => undefined);
        await store.close();
      };
      try {
        const log = await openRaftLog(store, guard, { readOnly: false });
        return {
          log,
          close: async () => {
            await log.close();
            await close();
          },
        };
      } catch (error) {
        await close();
        throw error;
      }
    },
  };
}

const engines: readonly { readonly name: string; readonly make: () => () => Promise<Engine> }[] = [
  {
    name: 'memory',
    make: () => {
      const disk = memoryDisk();
      return () => Promise.resolve(memoryEngine(disk));
    },
  },
  ...diskEngines.map((name) => ({
    name,
    make: () => {
      const path = join(temporaryDirectory(), 'raft');
      return () => engineAt(name, path);
    },
  })),
];

/** 60 entries of two terms, three a block. */
async function fill(log: RaftLogStore): Promise<Entry[]> {
  const model = [...entries(1, 24), ...entries(25, 60, 2)];
  for (let i = 0; i < model.length; i += 3) {
    const added = model.slice(i, i + 3);
    await persist(log, { hardState: hardState(added[2]?.term ?? 1, 'n1', i), entries: added });
  }
  return model;
}

for (const { name, make } of engines) {
  test(`${name}: a trimmed log begins at a block, keeps the rest, and is found so again`, async (t) => {
    const logs = await bench(make());
    let { log, close } = await logs.open();
    const model = await fill(log);
    await compact(log, 29);
    const base: LogBase = { index: logIndex(27), term: term(2), time: model[26]?.time ?? 0n };
    for (const again of [false, true]) {
      if (again) {
        await close();
        ({ log, close } = await logs.open());
      }
      const image = await loaded(log);
      t.deepEqual(image.base, base, 'whole blocks only');
      t.is(image.firstIndex, logIndex(28));
      t.deepEqual(image.termRuns, [{ firstIndex: logIndex(28), term: term(2) }]);
      t.deepEqual(plain(await readEntries(log, 28, 60)), plain(model.slice(27)));
      await t.throwsAsync(readEntries(log, 27, 30), { instanceOf: RangeError });
      t.deepEqual(await log.verifyAll(), { firstIndex: logIndex(28), lastIndex: logIndex(60) });
    }
    await compact(log, 10);
    t.is((await loaded(log)).firstIndex, logIndex(28), 'it never grows back');
    await t.throwsAsync(compact(log, 60), { instanceOf: RangeError });
    await persist(log, { hardState: hardState(3), truncateFrom: logIndex(28), entries: [entry(28, 3)] });
    t.deepEqual((await loaded(log)).termRuns, [{ firstIndex: logIndex(28), term: term(3) }]);
    await close();
    ({ log, close } = await logs.open());
    t.deepEqual(plain(await readEntries(log, 28, 60)), plain([entry(28, 3)]));
    await close();
  });

  test(`${name}: after a snapshot the log continues behind it, whatever it held before`, async (t) => {
    for (const index of [40, 60, 75]) {
      const logs = await bench(make());
      let { log, close } = await logs.open();
      await fill(log);
      const base: LogBase = { index: logIndex(index), term: term(3), time: 77n };
      await persist(log, { hardState: hardState(3), restartAfter: base, entries: [] });
      await close();
      ({ log, close } = await logs.open());
      t.deepEqual(await loaded(log), {
        hardState: hardState(3),
        base,
        firstIndex: logIndex(index + 1),
        lastIndex: logIndex(index),
        termRuns: [],
      });
      await persist(log, { entries: entries(index + 1, index + 5, 3) });
      await close();
      ({ log, close } = await logs.open());
      t.deepEqual(
        plain(await readEntries(log, index + 1, index + 5)),
        plain(entries(index + 1, index + 5, 3)),
      );
      await close();
    }
  });

  test(`${name}: the process dies before or after any write of a compaction`, async (t) => {
    for (let point = 1; ; point++) {
      const logs = await bench(make());
      let opened = await logs.open();
      const model = await fill(opened.log);
      await opened.close();
      const dying = dyingAt(point);
      opened = await logs.open(dying.wrap);
      const outcome = await compact(opened.log, 45).then(
        () => 'done',
        () => 'died',
      );
      await opened.close().catch(() => undefined);
      const after = await logs.open();
      const { firstIndex, lastIndex } = await loaded(after.log);
      t.true(
        Number(firstIndex) === 1 || Number(firstIndex) === 46,
        `point ${point}: begins at ${firstIndex}`,
      );
      t.is(lastIndex, logIndex(60));
      t.deepEqual(plain(await readEntries(after.log, firstIndex, 60)), plain(model.slice(firstIndex - 1)));
      await after.log.verifyAll();
      // What the crash left behind is removed by the next one.
      await compact(after.log, 51);
      t.is((await loaded(after.log)).firstIndex, logIndex(52));
      await after.close();
      if (outcome === 'done') {
        t.true(point > 4, 'several points were tried');
        return;
      }
    }
  });

  test(`${name}: a block that is missing after the marker is damage, and so is a lost marker`, async (t) => {
    const logs = await bench(make());
    let { log, close } = await logs.open();
    await fill(log);
    await compact(log, 30);
    await close();
    for (const victim of [blockKey(31), MARKER_KEY]) {
      let stolen: Uint8Array | undefined;
      await logs
        .open((engine) => ({
          ...engine,
          open: async (options) => {
            await engine.open(options);
            stolen = (await engine.get(victim))?.slice();
            await engine.batch([{ type: 'del', key: victim }], true);
          },
        }))
        .then(
          () => t.fail('it opened'),
          (error: unknown) => t.is((error as { code?: string }).code, 'LOG_HOLE'),
        );
      ({ log, close } = await logs.open((engine) => ({
        ...engine,
        open: async (options) => {
          await engine.open(options);
          await engine.batch([{ type: 'put', key: victim, value: stolen ?? new Uint8Array() }], true);
        },
      })));
      await log.verifyAll();
      await close();
    }
  });
}

/** The n-th write is the last: half the points die before it, half after. */
function dyingAt(point: number): { wrap: (engine: Engine) => Engine } {
  let writes = 0;
  const passing = async (work: () => Promise<void>): Promise<void> => {
    writes += 1;
    if (writes * 2 - 1 === point) throw new Error('killed before');
    await work();
    if (writes * 2 === point) throw new Error('killed after');
  };
  return {
    wrap: (engine) => ({
      ...engine,
      batch: (operations, sync) => passing(() => engine.batch(operations, sync)),
      clear: (range) => passing(() => engine.clear(range)),
      compact: (range) => passing(() => engine.compact(range)),
    }),
  };
}

test('memory: the power fails at any moment of a compaction beside appends; unsynced writes are lost from the end', async (t) => {
  const random = seeded(4);
  for (let round = 0; round < 60; round++) {
    const disk = memoryDisk();
    const logs = await bench(() => Promise.resolve(memoryEngine(disk)));
    let opened = await logs.open();
    const model = await fill(opened.log);
    await opened.close();
    const power = powerCut(disk, random(14), random);
    opened = await logs.open(power.wrap);
    const more = entries(61, 90, 2);
    const appended = (async () => {
      for (const one of more) await persist(opened.log, { entries: [one] });
    })().catch(() => undefined);
    await compact(opened.log, 30 + random(30)).catch(() => undefined);
    await appended;
    await opened.close().catch(() => undefined);
    power.restore();
    const after = await logs.open();
    const { firstIndex, lastIndex } = await loaded(after.log);
    t.true(lastIndex >= 60 && firstIndex <= 60);
    t.deepEqual(
      plain(await readEntries(after.log, firstIndex, lastIndex)),
      plain([...model, ...more].slice(firstIndex - 1, lastIndex)),
    );
    await after.log.verifyAll();
    await after.close();
  }
});

/** After `writes` writes nothing reaches the disk any more; then a random tail of what was not synced is forgotten. */
function powerCut(
  disk: MemoryDisk,
  writes: number,
  random: (below: number) => number,
): { wrap: (engine: Engine) => Engine; restore: () => void } {
  let done = 0;
  let states: MemoryDisk['entries'][] = [];
  const pass = async (work: () => Promise<void>, sync: boolean): Promise<void> => {
    if (done >= writes) throw new Error('no power');
    done += 1;
    if (sync) states = [];
    await work();
    states.push(new Map(disk.entries));
  };
  return {
    wrap: (engine) => ({
      ...engine,
      batch: (operations: readonly Operation[], sync: boolean) =>
        pass(() => engine.batch(operations, sync), sync),
      clear: (range) => pass(() => engine.clear(range), false),
    }),
    restore: () => {
      const kept = states[random(Math.max(1, states.length))];
      if (kept === undefined) return;
      disk.entries.clear();
      for (const [key, value] of kept) disk.entries.set(key, value);
    },
  };
}

test('the simulated store trims and restarts like the real one', async (t) => {
  const store = new MemoryLogStore();
  const model = await fill(store);
  await compact(store, 30);
  const { base, firstIndex, lastIndex, termRuns } = await loaded(store);
  t.deepEqual([base?.index, firstIndex, lastIndex], [logIndex(30), logIndex(31), logIndex(60)]);
  t.deepEqual(termRuns, [{ firstIndex: logIndex(31), term: term(2) }]);
  t.deepEqual(plain(await readEntries(store, 31, 60)), plain(model.slice(30)));
  const restartAfter = { index: logIndex(80), term: term(2), time: 5n };
  await persist(store, { restartAfter, entries: [] });
  await persist(store, { entries: entries(81, 82, 2) });
  t.is((await loaded(store)).lastIndex, logIndex(82));
});

for (const engine of diskEngines) {
  test(`${engine}: a compaction beside 400 appends delays none of them for its duration`, async (t) => {
    const node = await openNode(temporaryDirectory(), engine);
    const payload = new Uint8Array(2000);
    for (let i = 1; i <= 2000; i += 50) {
      await persist(node.log, {
        hardState: hardState(1),
        entries: Array.from({ length: 50 }, (_, at) => entry(i + at, 1, payload)),
      });
    }
    const seen = { trimmed: false };
    const compaction = compact(node.log, 1900).then(() => {
      seen.trimmed = true;
    });
    let beside = 0;
    for (let i = 2001; i <= 2400; i++) {
      await persist(node.log, { entries: [entry(i)] });
      if (!seen.trimmed) beside += 1;
    }
    await compaction;
    t.true(beside > 0, 'appends were acknowledged while it ran');
    t.is((await loaded(node.log)).lastIndex, logIndex(2400));
    await node.close();
  });
}

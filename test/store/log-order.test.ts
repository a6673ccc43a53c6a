/** What happens before what in one persist, which part of the log a start walks, and failures of the guard file. */

import test from 'ava';
import { logIndex, type Entry } from '../../src/raft/types.js';
import { Guard, INITIAL_GUARD, type GuardState } from '../../src/store/guard.js';
import { openKeyValueStore, type Engine, type KeyValueStore } from '../../src/store/kv.js';
import { blockKey, SEGMENT_BYTES, WALKED_SEGMENTS } from '../../src/store/log-outline.js';
import { memoryDisk, memoryEngine, type MemoryDisk } from '../../src/store/memory.js';
import { initialLogContent, openRaftLog, type OpenRaftLog } from '../../src/store/raft-log.js';
import type { SlotFile } from '../../src/store/slot-file.js';
import { entries, entry, hardState, loaded, persist, plain, readEntries } from './harness.js';

interface World {
  readonly disk: MemoryDisk;
  readonly store: KeyValueStore;
  readonly guard: Guard;
  readonly log: OpenRaftLog;
  readonly events: string[];
}

/** A log on memory that writes down what reaches the database and the guard file. */
async function world(options: {
  readonly disk?: MemoryDisk;
  readonly guardState?: GuardState;
  readonly engine?: Partial<Engine>;
  readonly guardWrite?: () => Promise<void>;
}): Promise<World> {
  const disk = options.disk ?? memoryDisk();
  const events: string[] = [];
  const inner = memoryEngine(disk);
  const engine: Engine = {
    ...inner,
    batch: (operations, sync) => {
      events.push(`batch${sync ? ' synced' : ''}`);
      return inner.batch(operations, sync);
    },
    ...options.engine,
  };
  const file: SlotFile = {
    payload: new Uint8Array(),
    write: async () => {
      events.push('guard');
      await options.guardWrite?.();
    },
    close: () => Promise.resolve(),
  };
  const store = await openKeyValueStore(engine);
  if (options.disk === undefined) await store.batch(initialLogContent(), true);
  const guard = new Guard(file, options.guardState ?? INITIAL_GUARD);
  const log = await openRaftLog(store, guard, { readOnly: false });
  events.length = 0;
  return { disk, store, guard, log, events };
}

test('a vote: the database first, synced, then the guard, then done', async (t) => {
  const { log, events } = await world({});
  await persist(log, { hardState: hardState(1, 'n1'), entries: entries(1, 2) });
  t.deepEqual(events, ['batch synced', 'guard']);
});

test('entries alone do not wait for the guard', async (t) => {
  const { log, events } = await world({});
  await persist(log, { hardState: hardState(1), entries: entries(1, 1) });
  events.length = 0;
  await persist(log, { entries: entries(2, 5) });
  await persist(log, { hardState: hardState(1, null, 5), entries: [] });
  t.deepEqual(events, ['batch synced', 'batch synced']);
});

test('a truncation lowers the guard before the database forgets', async (t) => {
  const { log, guard, events } = await world({});
  await persist(log, { hardState: hardState(1), entries: entries(1, 9) });
  await guard.save({});
  events.length = 0;
  await persist(log, { truncateFrom: logIndex(4), entries: [] });
  t.deepEqual(events, ['guard', 'batch synced']);
  t.is(guard.state.lastIndex, logIndex(3));
});

test('a failed guard write: the vote is not acknowledged, nor anything after it', async (t) => {
  let broken = false;
  const failing = await world({
    guardWrite: () => (broken ? Promise.reject(new Error('EIO: fdatasync')) : Promise.resolve()),
  });
  await persist(failing.log, { hardState: hardState(1), entries: entries(1, 1) });
  broken = true;
  const first = await t.throwsAsync(persist(failing.log, { hardState: hardState(2, 'n2'), entries: [] }), {
    code: 'STORAGE_FAILED',
  });
  t.regex(first.message, /guard file failed: EIO/);
  broken = false;
  for (let i = 0; i < 3; i++) {
    await t.throwsAsync(persist(failing.log, { entries: entries(2, 2) }), { code: 'STORAGE_FAILED' });
  }
});

test('a lazy guard write that fails is reported by the next persist', async (t) => {
  let broken = false;
  const { log, guard } = await world({
    guardWrite: () => (broken ? Promise.reject(new Error('EIO')) : Promise.resolve()),
  });
  await persist(log, { hardState: hardState(1), entries: entries(1, 1) });
  broken = true;
  await t.throwsAsync(guard.save({}), { code: 'STORAGE_FAILED' });
  await t.throwsAsync(persist(log, { entries: entries(2, 2) }), { code: 'STORAGE_FAILED' });
  await t.throwsAsync(persist(log, { entries: entries(2, 2) }), { code: 'STORAGE_FAILED' });
});

test('a read that was asked for during a truncation sees one history', async (t) => {
  const { log } = await world({});
  await persist(log, { hardState: hardState(1), entries: entries(1, 40) });
  const before = readEntries(log, 1, 40);
  const truncation = persist(log, {
    hardState: hardState(2),
    truncateFrom: logIndex(21),
    entries: entries(21, 30, 2),
  });
  const during = readEntries(log, 1, 40);
  t.deepEqual(plain(await before), plain(entries(1, 40)));
  await truncation;
  t.deepEqual(plain(await during), plain([...entries(1, 20), ...entries(21, 30, 2)]));
});

// ------------------------------------------------------------------------------------------ what a start walks

const BIG = SEGMENT_BYTES / 4;
const big = (index: number): Entry => entry(index, 1 + (index >> 4), new Uint8Array(BIG).fill(index));

/** 48 entries of 1 MiB, one a block: twelve segments. Written once. */
const written = (async (): Promise<World> => {
  const made = await world({});
  for (let i = 1; i <= 48; i++) {
    await persist(made.log, { hardState: hardState(1 + (i >> 4)), entries: [big(i)] });
  }
  return made;
})();

/** A copy of the long log, opened. */
async function longLog(): Promise<World> {
  return world({ disk: { entries: new Map((await written).disk.entries) } });
}

const reopen = (disk: MemoryDisk, engine: Partial<Engine> = {}): Promise<World> => world({ disk, engine });
const without = (disk: MemoryDisk, index: number): MemoryDisk => {
  const copy: MemoryDisk = { entries: new Map(disk.entries) };
  copy.entries.delete(Buffer.from(blockKey(index)).toString('hex'));
  return copy;
};

test('a start walks the last segments only, and knows every term', async (t) => {
  const { disk, log } = await longLog();
  let visited = 0;
  const inner = memoryEngine(disk);
  const again = await reopen(disk, {
    iterate: (options, visit) =>
      inner.iterate(options, (key, value) => {
        visited += 1;
        return visit(key, value);
      }),
  });
  t.true(visited >= (WALKED_SEGMENTS - 1) * 4 && visited <= WALKED_SEGMENTS * 5, `${visited} blocks`);
  t.deepEqual(await loaded(again.log), await loaded(log));
  t.is((await again.log.verifyAll()).lastIndex, logIndex(48));
});

test('a missing block: at the end noticed by the start, further back by reading and by the full check', async (t) => {
  const { disk } = await longLog();
  for (const index of [34, 40, 47]) {
    await t.throwsAsync(reopen(without(disk, index)), { code: 'LOG_HOLE' }, `block ${index}`);
  }
  const old = await reopen(without(disk, 5));
  await t.throwsAsync(old.log.verifyAll(), { code: 'LOG_HOLE' });
  await t.throwsAsync(readEntries(old.log, 3, 8), { code: 'LOG_HOLE' });
  await t.throwsAsync(readEntries(old.log, 5, 5), { code: 'LOG_HOLE' });
  t.is((await readEntries(old.log, 6, 8)).length, 3);
});

test('blocks of the end lost with their segment are noticed by the outline, even without a guard', async (t) => {
  const { disk } = await longLog();
  let cut = disk;
  for (let index = 36; index <= 48; index++) cut = without(cut, index);
  await t.throwsAsync(reopen(cut), { code: 'LOG_TAIL_LOST' });
});

test('a truncation below everything that a start would walk is found as it was left', async (t) => {
  const { disk, log } = await longLog();
  await persist(log, { hardState: hardState(9), truncateFrom: logIndex(3), entries: entries(3, 4, 9) });
  const again = await reopen(disk);
  t.deepEqual(await loaded(again.log), await loaded(log));
  t.is((await again.log.verifyAll()).lastIndex, logIndex(4));
  t.deepEqual(plain(await readEntries(again.log, 1, 4)), plain([big(1), big(2), ...entries(3, 4, 9)]));
});

test('a guard that remembers another block at its index is believed', async (t) => {
  const { disk } = await longLog();
  const other: GuardState = {
    ...INITIAL_GUARD,
    lastIndex: logIndex(48),
    lastHash: new Uint8Array(32).fill(1),
  };
  await t.throwsAsync(world({ disk, guardState: other }), {
    code: 'LOG_HOLE',
    message: /the guard remembers/,
  });
});

/** What a damaged log is told to be: repairable in place exactly when nothing that was promised is in doubt. */

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { DiskEngine } from '../../src/store/engine.js';
import { engineAt } from '../../src/store/engine.js';
import { openKeyValueStore } from '../../src/store/kv.js';
import { HARD_STATE_KEY, blockKey } from '../../src/store/log-outline.js';
import {
  diskEngines,
  entries,
  entry,
  hardState,
  loaded,
  openNode,
  openSuspect,
  persist,
  plain,
  readEntries,
  temporaryDirectory,
} from './harness.js';

/** 90 entries, three a block, of term 2, voted for n2. */
async function build(engine: DiskEngine): Promise<string> {
  const path = temporaryDirectory();
  const node = await openNode(path, engine);
  for (let i = 1; i <= 90; i += 3) {
    await persist(node.log, { hardState: hardState(2, 'n2', i - 1), entries: entries(i, i + 2, 2) });
  }
  await node.close();
  return path;
}

/** Changes one value of the log's database, as a disk or a database would: without a word. */
async function alter(
  path: string,
  engine: DiskEngine,
  key: Uint8Array,
  change: (value: Uint8Array) => Uint8Array | null,
): Promise<void> {
  const store = await openKeyValueStore(await engineAt(engine, join(path, 'raft')));
  const value = (await store.get(key))?.slice() ?? new Uint8Array();
  const next = change(value);
  await store.batch([next === null ? { type: 'del', key } : { type: 'put', key, value: next }], true);
  await store.close();
}

const flip = (value: Uint8Array): Uint8Array => {
  value[60] = (value[60] ?? 0) ^ 1;
  return value;
};

for (const engine of diskEngines) {
  test(`${engine}: a damaged or missing block in the middle is repaired in place, over any number of restarts`, async (t) => {
    for (const change of [flip, () => null]) {
      const path = await build(engine);
      await alter(path, engine, blockKey(40), change);
      let node = await openSuspect(path, engine, {});
      t.regex(node.suspect?.error.code ?? '', /^LOG_(RECORD_DAMAGED|HOLE)$/);
      t.is(node.suspect?.repair?.until, 90 as never);
      const image = await loaded(node.log);
      t.is(Number(image.lastIndex), 39, 'what is left is right');
      t.deepEqual([image.hardState.term, image.hardState.vote], [2 as never, 'n2' as never]);
      await persist(node.log, { entries: entries(40, 60, 2) });
      await node.close();
      node = await openSuspect(path, engine, {});
      t.is(node.suspect?.repair?.until, 90 as never, 'a restart goes on with the repair');
      t.is(Number((await loaded(node.log)).lastIndex), 60);
      await persist(node.log, { entries: entries(61, 90, 2) });
      await node.suspect?.repair?.finish();
      await node.close();
      node = await openSuspect(path, engine, {});
      t.is(node.suspect, null);
      t.deepEqual(plain(await readEntries(node.log, 1, 90)), plain(entries(1, 90, 2)));
      await node.log.verifyAll();
      await node.close();
    }
  });

  test(`${engine}: a damaged hard state is restored from the guard, which had the vote before anybody was told`, async (t) => {
    const path = await build(engine);
    await alter(path, engine, HARD_STATE_KEY, (value) => {
      value[5] = (value[5] ?? 0) ^ 1;
      return value;
    });
    const node = await openSuspect(path, engine, {});
    t.is(node.suspect?.error.code, 'LOG_RECORD_DAMAGED');
    t.is(node.suspect?.repair?.until, 90 as never);
    const image = await loaded(node.log);
    t.deepEqual(image.hardState, hardState(2, 'n2', 0));
    t.is(Number(image.lastIndex), 90);
    await node.close();
  });

  test(`${engine}: a lost end, a forgotten vote and an emptied database are never repaired in place`, async (t) => {
    const damages: readonly ((path: string) => Promise<void> | void)[] = [
      (path) => alter(path, engine, blockKey(88), () => null),
      (path) => alter(path, engine, blockKey(88), flip),
      (path) => alter(path, engine, HARD_STATE_KEY, () => null),
      (path) => {
        for (const name of readdirSync(join(path, 'raft'))) {
          if (name.endsWith('.log')) rmSync(join(path, 'raft', name));
        }
      },
    ];
    for (const [at, damage] of damages.entries()) {
      const path = await build(engine);
      await damage(path);
      const node = await openSuspect(path, engine, {});
      t.truthy(node.suspect, `damage ${at}`);
      t.is(node.suspect?.repair, null, `damage ${at}`);
      t.regex(node.suspect?.error.message ?? '', /new incarnation/);
      await t.throwsAsync(persist(node.log, { entries: [entry(91, 2)] }), {
        code: node.suspect?.error.code ?? '',
      });
      await t.throwsAsync(loaded(node.log));
      await node.close();
    }
  });

  test(`${engine}: an old block that turns out damaged when it is read is noted, and the next start repairs it`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, engine);
    const payload = new Uint8Array(100_000);
    for (let i = 1; i <= 240; i += 2) {
      await persist(node.log, {
        hardState: hardState(1),
        entries: [entry(i, 1, payload), entry(i + 1, 1, payload)],
      });
    }
    await node.close();
    await alter(path, engine, blockKey(11), flip);
    node = await openSuspect(path, engine, {});
    t.is(node.suspect, null, 'a start looks at the young end only');
    await t.throwsAsync(readEntries(node.log, 11, 12), { code: 'LOG_RECORD_DAMAGED' });
    await node.close();
    node = await openSuspect(path, engine, {});
    t.is(node.suspect?.repair?.until, 240 as never);
    t.is(Number((await loaded(node.log)).lastIndex), 10);
    await node.close();
  });
}

test('a guard that is damaged proves nothing: the directory is refused with the remedy', async (t) => {
  const engine = diskEngines[0] as DiskEngine;
  const path = await build(engine);
  const bytes = readFileSync(join(path, 'guard'));
  bytes.fill(0);
  writeFileSync(join(path, 'guard'), bytes);
  await t.throwsAsync(openSuspect(path, engine, {}), { code: 'GUARD_DAMAGED', message: /new incarnation/ });
});

/** One conformance suite for every engine, with the naive model that the memory engine is. */

import { join } from 'node:path';
import test from 'ava';
import { StorageFailedError, StoreError } from '../../src/store/errors.js';
import { openKeyValueStore, type Engine, type KeyValueStore, type Operation } from '../../src/store/kv.js';
import { levelEngine } from '../../src/store/level.js';
import { memoryDisk, memoryEngine } from '../../src/store/memory.js';
import { rocksdbEngine } from '../../src/store/rocksdb.js';
import { diskEngines, seeded, temporaryDirectory } from './harness.js';

/** Each call of a factory's result opens the same disk again. */
type Disk = () => Engine;

const kinds: Record<string, () => Disk> = {
  memory: () => {
    const disk = memoryDisk();
    return () => memoryEngine(disk);
  },
};
for (const name of diskEngines) {
  kinds[name] = () => {
    const path = join(temporaryDirectory(), 'db');
    return () => (name === 'rocksdb' ? rocksdbEngine(path) : levelEngine(path));
  };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const put = (key: string, value: string): Operation => ({
  type: 'put',
  key: bytes(key),
  value: bytes(value),
});
const del = (key: string): Operation => ({ type: 'del', key: bytes(key) });

async function contents(
  store: KeyValueStore,
  options: Parameters<KeyValueStore['iterate']>[0] = {},
): Promise<string[]> {
  const found: string[] = [];
  await store.iterate(options, (key, value) => {
    found.push(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
    return true;
  });
  return found;
}

for (const [name, newDisk] of Object.entries(kinds)) {
  test(`${name}: ranges, order and limits`, async (t) => {
    const store = await openKeyValueStore(newDisk()());
    await store.batch([put('b', '2'), put('a', '1'), put('c', '3'), put('ab', '1.5')], true);
    t.deepEqual(await contents(store), ['a=1', 'ab=1.5', 'b=2', 'c=3']);
    t.deepEqual(await contents(store, { gte: bytes('ab'), lt: bytes('c') }), ['ab=1.5', 'b=2']);
    t.deepEqual(await contents(store, { lt: bytes('c'), reverse: true, limit: 2 }), ['b=2', 'ab=1.5']);
    t.deepEqual(await contents(store, { gte: bytes('d') }), []);
    t.is(await store.get(bytes('nothing')), undefined);
    const many = await store.getMany([bytes('c'), bytes('x'), bytes('a')]);
    t.deepEqual(
      many.map((value) => value && Buffer.from(value).toString()),
      ['3', undefined, '1'],
    );
    await store.close();
  });

  test(`${name}: a batch is applied in order, as a whole, and is there after reopening`, async (t) => {
    const disk = newDisk();
    let store = await openKeyValueStore(disk());
    await store.batch([put('a', 'old'), put('z', 'z')], false);
    await store.batch([del('a'), put('a', 'new'), put('b', ''), del('z')], true);
    await store.batch([put('later', '1')], false);
    await store.flush(put('marker', ''));
    await store.close();
    store = await openKeyValueStore(disk());
    t.deepEqual(await contents(store), ['a=new', 'b=', 'later=1', 'marker=']);
    await store.clear({ gte: bytes('a'), lt: bytes('c') });
    await store.compact({ gte: bytes('a'), lt: bytes('c') });
    t.deepEqual(await contents(store), ['later=1', 'marker=']);
    await store.close();
  });

  test(`${name}: an iteration sees one moment, stops when told, and passes on what its visitor throws`, async (t) => {
    const store = await openKeyValueStore(newDisk()());
    await store.batch(
      Array.from({ length: 50 }, (_, i) => put(String(i).padStart(2, '0'), 'x')),
      false,
    );
    const writes: Promise<void>[] = [];
    let seen = 0;
    await store.iterate({}, () => {
      if (seen === 0) writes.push(store.batch([put('99', 'late'), del('40')], false));
      seen += 1;
      return true;
    });
    await Promise.all(writes);
    t.is(seen, 50);
    seen = 0;
    await store.iterate({}, () => ++seen < 3);
    t.is(seen, 3);
    await t.throwsAsync(
      store.iterate({}, () => {
        throw new RangeError('from the visitor');
      }),
      { message: /from the visitor/ },
    );
    await store.close();
  });

  test(`${name}: after close nothing reaches the binding, close waits for what is pending`, async (t) => {
    const store = await openKeyValueStore(newDisk()());
    const pending = Array.from({ length: 40 }, (_, i) => store.batch([put(`k${i}`, 'v')], true));
    const reads = Array.from({ length: 40 }, (_, i) => store.get(bytes(`k${i}`)));
    const closing = store.close();
    t.is(store.close(), closing);
    await Promise.all(pending);
    await Promise.all(reads);
    await closing;
    for (const use of [
      () => store.get(bytes('k1')),
      () => store.getMany([bytes('k1')]),
      () => store.batch([put('k', 'v')], true),
      () => store.flush(put('k', 'v')),
      () => store.iterate({}, () => true),
      () => store.clear({}),
      () => store.compact({ gte: bytes('a'), lt: bytes('b') }),
    ]) {
      await t.throwsAsync(use, { code: 'STORAGE_CLOSED' });
    }
  });

  test(`${name}: 400 random batches agree with a sorted map`, async (t) => {
    const random = seeded(7);
    const store = await openKeyValueStore(newDisk()());
    const model = new Map<string, string>();
    for (let round = 0; round < 400; round++) {
      const operations = Array.from({ length: 1 + random(6) }, () => {
        const key = `k${random(120)}`;
        return random(3) === 0 ? del(key) : put(key, `v${round}.${random(1000)}`);
      });
      await store.batch(operations, false);
      for (const operation of operations) {
        const key = Buffer.from(operation.key).toString();
        if (operation.type === 'del') model.delete(key);
        else model.set(key, Buffer.from(operation.value).toString());
      }
      if (round % 20 === 0) {
        const [from, to] = [`k${random(120)}`, `k${random(120)}`];
        const expected = [...model]
          .filter(([key]) => key >= from && key < to)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => `${key}=${value}`);
        t.deepEqual(await contents(store, { gte: bytes(from), lt: bytes(to) }), expected);
      }
    }
    await store.close();
  });
}

for (const name of diskEngines) {
  test(`${name}: a second opener is told that the database is in use`, async (t) => {
    const disk = kinds[name]?.();
    if (disk === undefined) return t.fail();
    const store = await openKeyValueStore(disk());
    await t.throwsAsync(openKeyValueStore(disk()), { code: 'STORAGE_LOCKED' });
    await store.close();
  });

  test(`${name}: a store opened for reading finds everything and refuses writes`, async (t) => {
    const disk = kinds[name]?.();
    if (disk === undefined) return t.fail();
    const store = await openKeyValueStore(disk());
    await store.batch([put('a', '1')], true);
    await store.close();
    const reader = await openKeyValueStore(disk(), { readOnly: true, createIfMissing: false });
    t.deepEqual(await contents(reader), ['a=1']);
    await t.throwsAsync(reader.batch([put('b', '2')], true), { code: 'STORAGE_READ_ONLY' });
    await reader.close();
  });

  test(`${name}: a database that is not there is not created behind our back`, async (t) => {
    const path = join(temporaryDirectory(), 'absent');
    const engine = name === 'rocksdb' ? rocksdbEngine(path) : levelEngine(path);
    await t.throwsAsync(openKeyValueStore(engine, { readOnly: false, createIfMissing: false }), {
      code: 'STORAGE_OPEN_FAILED',
    });
  });
}

test('the first failed write poisons: concurrent successes are not acknowledged, later calls fail', async (t) => {
  const inner = memoryEngine();
  let fail: (error: Error) => void = () => undefined;
  let succeed: () => void = () => undefined;
  const outcomes = [
    new Promise<void>((_, reject) => (fail = reject)),
    new Promise<void>((resolve) => (succeed = resolve)),
  ];
  const store = await openKeyValueStore({ ...inner, batch: () => outcomes.shift() ?? Promise.resolve() });
  const first = store.batch([put('a', '1')], true);
  const second = store.batch([put('b', '2')], true);
  fail(new Error('EIO: i/o error, fdatasync'));
  const error = await t.throwsAsync(first, { instanceOf: StorageFailedError, code: 'STORAGE_FAILED' });
  t.regex(error.message, /EIO.*kernel log/);
  succeed();
  await t.throwsAsync(second, { code: 'STORAGE_FAILED' });
  await t.throwsAsync(store.batch([put('c', '3')], false), { code: 'STORAGE_FAILED' });
  await t.throwsAsync(store.get(bytes('a')), { code: 'STORAGE_FAILED' });
  await store.close();
});

test('a full disk is named with its remedy', (t) => {
  const error = new StorageFailedError(
    'a synced batch failed',
    new Error('IO error: No space left on device'),
  );
  t.true(error instanceof StoreError);
  t.regex(error.message, /^STORAGE_FAILED: .*disk is full.*restart/);
});

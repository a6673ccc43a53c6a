/** Whose directory is it, is it whole, may it be opened? Every refusal names its cause and what to do. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { LedgerWrites } from '../../src/audit/storage.js';
import { openDataDirectory, openForInspection, recordedEngine } from '../../src/store/data-directory.js';
import { chooseEngine, engineLoads } from '../../src/store/engine.js';
import {
  asked,
  diskEngines,
  entries,
  genesis,
  hardState,
  loaded,
  openNode,
  persist,
  temporaryDirectory,
} from './harness.js';

const engine = diskEngines[0] ?? 'leveldb';
const options = { clusterId: 'c1', nodeId: 'n1', engine };

test('a directory is born only with a genesis; then it has every part, readable by its owner only', async (t) => {
  const path = join(temporaryDirectory(), 'new');
  t.is(await recordedEngine(path), null);
  await t.throwsAsync(openDataDirectory({ ...options, path }), { code: 'GENESIS_REQUIRED' });
  t.false(existsSync(path));
  const node = await openNode(path, engine);
  t.deepEqual(readdirSync(path).sort(), [
    'VERSION',
    'genesis',
    'guard',
    'identity',
    'keys',
    'ledger',
    'raft',
    'spool',
    'witness',
  ]);
  for (const name of readdirSync(path)) t.is(statSync(join(path, name)).mode & 0o077, 0, name);
  t.deepEqual(Uint8Array.from(node.genesis), genesis);
  t.is(node.identity.incarnation.length, 16);
  t.false(node.ledgerRebuilt);
  await node.close();
  t.is(await recordedEngine(path), engine);
  const again = await openDataDirectory({ ...options, path });
  t.deepEqual(again.identity, node.identity);
  await again.close();
});

test('keys that an operator put there first are kept, anything unknown is refused', async (t) => {
  const path = temporaryDirectory();
  mkdirSync(join(path, 'keys'));
  writeFileSync(join(path, 'keys', 'tls.pem'), 'key');
  writeFileSync(join(path, 'holiday.jpg'), '');
  await t.throwsAsync(openNode(path, engine), { code: 'DIRECTORY_NOT_EMPTY', message: /holiday/ });
  rmSync(join(path, 'holiday.jpg'));
  await (await openNode(path, engine)).close();
  t.is(readFileSync(join(path, 'keys', 'tls.pem'), 'utf8'), 'key');
});

test('a birth that was interrupted begins anew; a lost VERSION is not taken for one', async (t) => {
  const path = temporaryDirectory();
  await (await openNode(path, engine)).close();
  const incarnation = readFileSync(join(path, 'identity'), 'utf8');
  writeFileSync(join(path, 'VERSION'), 'creating\n');
  rmSync(join(path, 'guard'));
  await t.throwsAsync(openForInspection(path), { code: 'DIRECTORY_NOT_FOUND' });
  await (await openNode(path, engine)).close();
  t.not(readFileSync(join(path, 'identity'), 'utf8'), incarnation, 'another incarnation');
  rmSync(join(path, 'VERSION'));
  await t.throwsAsync(openNode(path, engine), {
    code: 'DIRECTORY_NOT_EMPTY',
    message: /restore its VERSION/,
  });
});

test('refusals: another cluster, node, engine, genesis, format; missing and damaged files', async (t) => {
  const path = temporaryDirectory();
  const node = await openNode(path, engine);
  await persist(node.log, { hardState: hardState(1), entries: entries(1, 3) });
  await node.close();
  const otherEngine = engine === 'rocksdb' ? 'leveldb' : 'rocksdb';
  const refused: readonly [object, string][] = [
    [{ clusterId: 'c2' }, 'DIRECTORY_OF_ANOTHER_CLUSTER'],
    [{ nodeId: 'n2' }, 'DIRECTORY_OF_ANOTHER_NODE'],
    [{ engine: otherEngine }, 'ENGINE_MISMATCH'],
    [{ genesisBytes: Uint8Array.of(1) }, 'GENESIS_MISMATCH'],
    [{ path: join(path, 'VERSION') }, 'DIRECTORY_UNUSABLE'],
  ];
  for (const [change, code] of refused) {
    const error = await t.throwsAsync(openDataDirectory({ ...options, path, ...change }), { code });
    t.regex(error.message, new RegExp(`^${code}: .+\\. [A-Z].+`));
  }
  const damaging: readonly [string, string | null, string][] = [
    ['VERSION', '2\n', 'DIRECTORY_NEWER_VERSION'],
    ['VERSION', 'one\n', 'DIRECTORY_DAMAGED'],
    ['identity', null, 'DIRECTORY_INCOMPLETE'],
    ['identity', 'cluster c1\n', 'DIRECTORY_DAMAGED'],
    ['genesis', null, 'DIRECTORY_INCOMPLETE'],
    ['genesis', 'another', 'DIRECTORY_DAMAGED'],
    ['guard', null, 'GUARD_DAMAGED'],
    ['guard', '', 'GUARD_DAMAGED'],
    ['witness', null, 'WITNESS_DAMAGED'],
  ];
  for (const [name, content, code] of damaging) {
    const file = join(path, name);
    const before = readFileSync(file);
    if (content === null) rmSync(file);
    else writeFileSync(file, content);
    await t.throwsAsync(openDataDirectory({ ...options, path }), { code }, `${name} ${String(content)}`);
    writeFileSync(file, before);
  }
  await (await openDataDirectory({ ...options, path })).close();
});

test('a changed identity is noticed even where it still reads well', async (t) => {
  const path = temporaryDirectory();
  await (await openNode(path, engine)).close();
  const file = join(path, 'identity');
  writeFileSync(file, readFileSync(file, 'utf8').replace('node n1', 'node n2'));
  await t.throwsAsync(openDataDirectory({ ...options, path, nodeId: 'n2' }), { code: 'DIRECTORY_DAMAGED' });
});

test("another incarnation's guard, witness or database under this identity is refused", async (t) => {
  const [mine, other] = [temporaryDirectory(), temporaryDirectory()];
  for (const path of [mine, other]) await (await openNode(path, engine)).close();
  for (const [name, code] of [
    ['guard', 'GUARD_DAMAGED'],
    ['witness', 'WITNESS_DAMAGED'],
    ['raft', 'LOG_TAIL_LOST'],
    ['ledger', 'LEDGER_VALUE_DAMAGED'],
  ] as const) {
    const kept = join(temporaryDirectory(), name);
    await cp(join(mine, name), kept, { recursive: true });
    rmSync(join(mine, name), { recursive: true });
    await cp(join(other, name), join(mine, name), { recursive: true });
    await t.throwsAsync(openNode(mine, engine), { code, message: /another node|incarnation/ });
    rmSync(join(mine, name), { recursive: true });
    await cp(kept, join(mine, name), { recursive: true });
  }
  await (await openNode(mine, engine)).close();
});

for (const kind of diskEngines) {
  test(`${kind}: a second opener is refused while the first one runs, and served after it`, async (t) => {
    const path = temporaryDirectory();
    const first = await openNode(path, kind);
    const error = await t.throwsAsync(openNode(path, kind), { code: 'DIRECTORY_LOCKED' });
    t.regex(error.message, /in use by another process/);
    await persist(first.log, { hardState: hardState(1), entries: entries(1, 2) });
    await first.close();
    await first.close();
    const second = await openNode(path, kind);
    t.is((await loaded(second.log)).lastIndex, 2 as never);
    await second.close();
  });

  test(`${kind}: a ledger that was moved away begins anew; the log, guard and witness stay`, async (t) => {
    const path = temporaryDirectory();
    let node = await openNode(path, kind);
    await persist(node.log, { hardState: hardState(1, 'n1', 3), entries: entries(1, 3) });
    const empty: LedgerWrites = { bundles: [], tiles: [], bodies: [], checkpoints: [] };
    const image = { appliedIndex: 3, appliedTime: 0n, size: 0, edge: [], tail: [], state: new Uint8Array() };
    await asked((done) => node.ledger.write({ ...empty, image }, done));
    await asked((done) => node.ledger.sync(done));
    await node.close();
    rmSync(join(path, 'ledger'), { recursive: true });
    await t.throwsAsync(openForInspection(path), { code: 'STORAGE_OPEN_FAILED' });
    node = await openNode(path, kind);
    t.true(node.ledgerRebuilt);
    t.is(await asked<unknown>((done) => node.ledger.loadImage(done)), null);
    t.is((await loaded(node.log)).lastIndex, 3 as never);
    await node.close();
    node = await openNode(path, kind);
    t.false(node.ledgerRebuilt);
    await node.close();
  });

  test(`${kind}: inspection opens beside a copy, refuses writes and changes nothing`, async (t) => {
    const path = temporaryDirectory();
    const node = await openNode(path, kind);
    await persist(node.log, { hardState: hardState(1), entries: entries(1, 30) });
    await node.close();
    chmodSync(join(path, 'guard'), 0o400);
    const seen = await openForInspection(path);
    t.is(seen.identity.nodeId, 'n1');
    t.is((await seen.log.verifyAll()).lastIndex, 30 as never);
    await t.throwsAsync(persist(seen.log, { entries: entries(31, 31) }), { code: 'STORAGE_READ_ONLY' });
    const root = new Uint8Array(32);
    await t.throwsAsync(asked((done) => seen.witness.save({ size: 1, root }, done)));
    await seen.close();
  });
}

test('a path that is no data directory cannot be inspected', async (t) => {
  await t.throwsAsync(openForInspection(temporaryDirectory()), { code: 'DIRECTORY_NOT_FOUND' });
});

// ------------------------------------------------------------------------------------------------- choice of engine

test('the configured engine is taken; without one rocksdb where it loads, else LevelDB in the laboratory only', async (t) => {
  t.deepEqual(await chooseEngine({ configured: 'leveldb', lab: false }), { engine: 'leveldb', notice: null });
  const loads = await engineLoads('rocksdb');
  const lab = await chooseEngine({ lab: true });
  t.is(lab.engine, loads ? 'rocksdb' : 'leveldb');
  if (loads) {
    t.is(lab.notice, null);
    t.is((await chooseEngine({ lab: false })).engine, 'rocksdb');
  } else {
    t.regex(lab.notice ?? '', /does not load under Node .*npm run build-rocksdb/);
    const error = await t.throwsAsync(chooseEngine({ lab: false }), { code: 'ENGINE_UNAVAILABLE' });
    t.regex(error.message, /npm run build-rocksdb.*store\.engine: leveldb/);
    await t.throwsAsync(chooseEngine({ configured: 'rocksdb', lab: true }), { code: 'ENGINE_UNAVAILABLE' });
  }
  const recorded = await chooseEngine({ lab: true, recorded: 'leveldb' });
  t.is(recorded.engine, 'leveldb', 'a laboratory stays with what its directory was created with');
});

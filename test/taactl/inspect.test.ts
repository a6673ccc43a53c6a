/** `taactl node inspect` on real directories: what it shows, and how it ends for a whole, a damaged and no directory. */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { engineAt } from '../../src/store/engine.js';
import { openKeyValueStore } from '../../src/store/kv.js';
import { blockKey } from '../../src/store/log-outline.js';
import {
  asked,
  diskEngines,
  entries,
  hardState,
  openNode,
  persist,
  temporaryDirectory,
} from '../store/harness.js';
import { logIndex } from '../../src/raft/types.js';
import { taactl } from './run.js';

const engine = diskEngines[0] as (typeof diskEngines)[number];

async function build(): Promise<string> {
  const path = temporaryDirectory();
  const node = await openNode(path, engine);
  for (let i = 1; i <= 60; i += 3) {
    await persist(node.log, { hardState: hardState(3, 'n2', i - 1), entries: entries(i, i + 2, 3) });
  }
  await asked((done) => node.log.compact(logIndex(30), done));
  await node.close();
  return path;
}

test('a trimmed log is shown as such: intact, exit code 0', async (t) => {
  const { code, out: stdout } = await taactl([
    'node',
    'inspect',
    '--dir',
    await build(),
    '--from',
    '40',
    '--to',
    '41',
    '--output',
    'json',
  ]);
  t.is(code, 0);
  const found = JSON.parse(stdout) as Record<string, unknown>;
  t.is(found['verdict'], 'intact');
  t.is(found['trimmedTo'], '30');
  t.deepEqual(found['log'], { firstIndex: '31', lastIndex: '60', terms: [{ firstIndex: '31', term: '3' }] });
  t.deepEqual(found['hardState'], { term: '3', vote: 'n2', commit: '57' });
  t.like(found['guard'], { term: '3', vote: 'n2', lastIndex: '60' });
  t.deepEqual(
    (found['entries'] as { index: string }[]).map(({ index }) => index),
    ['40', '41'],
  );
});

test('a lost block and a lost guard are damage: exit code 4, and the rest is still shown', async (t) => {
  const path = await build();
  const store = await openKeyValueStore(await engineAt(engine, join(path, 'raft')));
  await store.batch([{ type: 'del', key: blockKey(43) }], true);
  await store.close();
  rmSync(join(path, 'guard'));
  const { code, out: stdout } = await taactl([
    'node',
    'inspect',
    '--dir',
    path,
    '--from',
    '40',
    '--output',
    'json',
  ]);
  t.is(code, 4);
  const found = JSON.parse(stdout) as {
    findings: string[];
    log: unknown;
    guard: unknown;
    entries: unknown[];
  };
  t.regex(found.findings.join('\n'), /GUARD_DAMAGED/);
  t.regex(found.findings.join('\n'), /LOG_HOLE: after entry 42 the log continues at 46/);
  t.deepEqual([found.log, found.guard], [null, null]);
  t.is(found.entries.length, 18, 'entries 40 to 42 and 46 to 60');
});

test('what is no data directory, and a range that makes no sense, are mistakes of the caller: exit code 2', async (t) => {
  const nowhere = await taactl(['node', 'inspect', '--dir', join(temporaryDirectory(), 'none')]);
  t.is(nowhere.code, 2, nowhere.err);
  const backwards = await taactl(['node', 'inspect', '--dir', await build(), '--from', '9', '--to', '3']);
  t.is(backwards.code, 2, backwards.err);
});

/** The log's outline and tail against a plain array, and the cursors of durability. */

import test from 'ava';
import { InvariantError } from '../../src/raft/core/assert.js';
import { Durability } from '../../src/raft/core/durability.js';
import { RaftLog } from '../../src/raft/core/log.js';
import { Prng } from '../../src/raft/core/prng.js';
import { PersistGather } from '../../src/raft/gather.js';
import type { LogBatch } from '../../src/raft/storage.js';
import { logIndex, term, type Entry } from '../../src/raft/types.js';

const entry = (index: number, of: number, time = 0n): Entry => ({
  index: logIndex(index),
  term: term(of),
  kind: 'command',
  time,
  payload: new Uint8Array(index % 5),
});

const empty = { firstIndex: logIndex(1), lastIndex: logIndex(0), termRuns: [] };

function logOf(...terms: readonly number[]): RaftLog {
  const log = new RaftLog(empty, null);
  log.append(terms.map((of, at) => entry(at + 1, of)));
  return log;
}

test('terms are known of every entry, and of nothing else', (t) => {
  const log = logOf(1, 1, 3, 3, 4);
  t.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((index) => log.termAt(index) as number | undefined),
    [0, 1, 1, 3, 3, 4, undefined],
  );
});

test('up to date means: a later last term, or the same and at least as long', (t) => {
  const log = logOf(1, 2, 2);
  t.true(log.isUpToDate(logIndex(1), term(3)));
  t.true(log.isUpToDate(logIndex(3), term(2)));
  t.false(log.isUpToDate(logIndex(2), term(2)));
  t.false(log.isUpToDate(logIndex(99), term(1)));
});

test('where two logs can agree skips whole terms', (t) => {
  const log = logOf(1, 1, 3, 3, 3, 5);
  const cases: readonly (readonly [number, number, number])[] = [
    [6, 5, 6],
    [6, 4, 5],
    [6, 2, 2],
    [99, 9, 6],
    [4, 1, 2],
    [4, 0, 0],
    [0, 0, 0],
  ];
  for (const [index, of, expected] of cases) {
    t.is(Number(log.agreeableUpTo(index, term(of))), expected, `${index}/${of}`);
  }
});

test('what contradicts the log is an invariant broken, not a silent repair', (t) => {
  const gap = t.throws(() => logOf(1).append([entry(3, 1)]), { instanceOf: InvariantError });
  t.is(gap.code, 'RAFT_INVARIANT');
  t.throws(() => logOf(2).append([entry(2, 1)]), { instanceOf: InvariantError });
  t.throws(() => new RaftLog({ ...empty, lastIndex: logIndex(1) }, entry(1, 1)), {
    instanceOf: InvariantError,
  });
  const log = new RaftLog(empty, null);
  log.append([entry(1, 1, 7n)]);
  t.throws(() => log.append([entry(2, 1, 6n)]), { instanceOf: InvariantError });
});

test('2,000 random histories of append, truncate and evict agree with a plain array', (t) => {
  const prng = new Prng(7);
  const pick = (below: number): number => Math.floor(prng.between(0, below));
  let checked = 0;
  for (let round = 0; round < 2000; round++) {
    const log = new RaftLog(empty, null);
    const model: Entry[] = [];
    let current = 1;
    for (let act = 0; act < 25; act++) {
      const kind = pick(4);
      if (kind <= 1) {
        if (pick(3) === 0) current++;
        const added = Array.from({ length: 1 + pick(4) }, (_, at) => entry(model.length + at + 1, current));
        model.push(...added);
        log.append(added);
      } else if (kind === 2 && model.length > 0) {
        const from = 1 + pick(model.length);
        model.length = from - 1;
        current++;
        log.truncateFrom(logIndex(from));
        // The core always appends after a truncation: the last entry stays in memory.
        const next = entry(from, current);
        model.push(next);
        log.append([next]);
      } else log.evictTo(pick(model.length + 1), pick(400));
      checked += agree(log, model) ? 1 : 0;
    }
  }
  t.is(checked, 50_000);
});

function agree(log: RaftLog, model: readonly Entry[]): boolean {
  if ((log.lastIndex as number) !== model.length) return false;
  if (!model.every((one) => log.termAt(one.index) === one.term)) return false;
  const last = model.at(-1);
  if (last === undefined) return true;
  if (log.cacheFirst > log.lastIndex) return false;
  const cached = log.slice(log.cacheFirst, log.lastIndex, Infinity);
  const bytes = cached.reduce((sum, one) => sum + one.payload.length + 200, 0);
  return cached.every((one, at) => model[log.cacheFirst - 1 + at] === one) && log.cachedBytes === bytes;
}

test('a slice ends at its byte limit, but never before one entry', (t) => {
  const log = logOf(1, 1, 1, 1);
  t.is(log.slice(1, 4, 3).length, 2);
  t.is(log.slice(4, 4, 1).length, 1);
  t.is(log.slice(1, 4, Infinity).length, 4);
});

test('a late completion of overwritten entries claims nothing about their replacements', (t) => {
  const durability = new Durability(logIndex(5));
  const first = durability.issue(logIndex(9), 100);
  durability.truncatedFrom(logIndex(7));
  const second = durability.issue(logIndex(8), 200);
  t.is(durability.waitingSince, 100);
  durability.completed(first);
  t.is(Number(durability.durable), 6);
  t.is(durability.waitingSince, 200);
  durability.completed(second);
  t.is(Number(durability.durable), 8);
  t.is(durability.waitingSince, null);
  t.throws(() => {
    durability.completed(second);
  });
});

/** What a disk holds after a batch. */
function write(disk: Entry[], batch: LogBatch): void {
  if (batch.truncateFrom !== undefined) disk.length = Math.min(disk.length, batch.truncateFrom - 1);
  for (const one of batch.entries) {
    if ((one.index as number) !== disk.length + 1) throw new Error(`entry ${one.index} leaves a gap`);
    disk.push(one);
  }
}

test('5,000 gathered writes leave the same disk as the writes one by one', (t) => {
  const prng = new Prng(11);
  const pick = (below: number): number => Math.floor(prng.between(0, below));
  for (let round = 0; round < 5000; round++) {
    const plain: Entry[] = [];
    const merged: Entry[] = [];
    let current = 1;
    for (let turn = 0; turn < 3; turn++) {
      const gather = new PersistGather();
      for (let seq = 1; seq <= 1 + pick(5); seq++) {
        const cut = pick(3) === 0 && plain.length > 0 ? 1 + pick(plain.length) : null;
        const from = cut ?? plain.length + 1;
        if (cut !== null) current++;
        const entries = Array.from({ length: pick(4) }, (_, at) => entry(from + at, current));
        const batch = cut === null ? { entries } : { entries, truncateFrom: logIndex(cut) };
        write(plain, batch);
        gather.add(seq, batch);
      }
      write(merged, gather.take().batch);
    }
    if (plain.length !== merged.length || plain.some((one, at) => one !== merged[at])) {
      t.fail(`round ${round} differs`);
      return;
    }
  }
  t.pass();
});

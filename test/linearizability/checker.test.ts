/** The checker against histories made by hand, and against histories of a naive log with every instant tried. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { check } from './checker.js';
import type { Rule } from './checker.js';
import { HISTORY_FORMAT, HISTORY_VERSION, parseHistory } from './history.js';
import type { Append, History, Operation, Read } from './history.js';

type Span = readonly [called: number, returned: number];

const call = ([called, returned]: Span) => ({ process: 1, node: 'n1', called, returned });
const appended = (span: Span, id: string, index: number): Append => ({
  operation: 'append',
  ...call(span),
  id,
  outcome: { kind: 'ok', index },
});
const open = (span: Span, id: string): Append => ({
  operation: 'append',
  ...call(span),
  id,
  outcome: { kind: 'unknown', reason: 'OUTCOME_UNKNOWN' },
});
const refused = (span: Span, id: string): Append => ({
  operation: 'append',
  ...call(span),
  id,
  outcome: { kind: 'refused', reason: 'OVERLOADED' },
});
const read = (span: Span, index: number, outcome: Read['outcome'], linearizable = true): Read => ({
  operation: 'read',
  ...call(span),
  index,
  linearizable,
  outcome,
});
const saw = (span: Span, index: number, id: string): Read => read(span, index, { kind: 'record', id });
const sawNothing = (span: Span, index: number): Read => read(span, index, { kind: 'nothing' });
const sawOther = (span: Span, index: number): Read => read(span, index, { kind: 'other' });
const lagging = (one: Read): Read => ({ ...one, linearizable: false });

const historyOf = (operations: readonly Operation[]): History => ({
  format: HISTORY_FORMAT,
  version: HISTORY_VERSION,
  about: 'made by hand',
  faults: [],
  operations,
});
const rules = (operations: readonly Operation[]): readonly Rule[] =>
  check(historyOf(operations)).map(({ rule }) => rule);

const bad: readonly (readonly [what: string, rule: Rule, operations: readonly Operation[]])[] = [
  [
    'two appends were given one index',
    'two-contents',
    [appended([0, 10], 'a', 3), appended([5, 15], 'b', 3)],
  ],
  [
    'an append is given an index that another was read at',
    'two-contents',
    [appended([0, 9], 'a', 1), open([0, 9], 'b'), saw([1, 8], 1, 'b')],
  ],
  [
    'an index changes what it holds',
    'two-contents',
    [appended([0, 9], 'a', 1), open([0, 9], 'b'), saw([10, 11], 1, 'a'), saw([12, 13], 1, 'b')],
  ],
  [
    'a follower shows another record than the leader acknowledged',
    'two-contents',
    [appended([0, 9], 'a', 1), open([0, 9], 'b'), lagging(saw([10, 11], 1, 'b'))],
  ],
  [
    'an acknowledged record was replaced by a foreign one',
    'two-contents',
    [appended([0, 9], 'a', 1), sawOther([10, 11], 1)],
  ],
  [
    'a foreign record was replaced by one of ours',
    'two-contents',
    [open([0, 9], 'a'), sawOther([1, 2], 4), saw([3, 4], 4, 'a')],
  ],
  [
    'a record is at two indexes: the retry took effect as well',
    'two-indexes',
    [appended([0, 9], 'a', 1), saw([10, 11], 2, 'a')],
  ],
  [
    'an append of unknown outcome took effect twice',
    'two-indexes',
    [open([0, 9], 'a'), saw([10, 11], 1, 'a'), saw([10, 11], 5, 'a')],
  ],
  ['a record that nobody appended', 'never-appended', [saw([0, 1], 0, 'ghost')]],
  [
    'a record that nobody appended, read where it may lag',
    'never-appended',
    [lagging(saw([0, 1], 0, 'ghost'))],
  ],
  ['a refused append is in the log', 'refused-but-there', [refused([0, 9], 'a'), saw([10, 11], 1, 'a')]],
  [
    'a refused append appears long after',
    'refused-but-there',
    [refused([0, 9], 'a'), lagging(saw([999, 1000], 1, 'a'))],
  ],
  ['a record is read before its append was called', 'order', [saw([0, 4], 1, 'a'), appended([5, 9], 'a', 1)]],
  ['the same, of an append whose outcome stayed open', 'order', [saw([0, 4], 1, 'a'), open([5, 9], 'a')]],
  [
    'the same, where the read may lag: it cannot lead',
    'order',
    [lagging(saw([0, 4], 1, 'a')), appended([5, 9], 'a', 1)],
  ],
  [
    'indexes against real time: the later append has the smaller one',
    'order',
    [appended([0, 4], 'a', 7), appended([5, 9], 'b', 6)],
  ],
  [
    'the same across a third that overlaps both',
    'order',
    [appended([0, 4], 'a', 7), appended([3, 6], 'c', 8), appended([5, 9], 'b', 2)],
  ],
  [
    'an append that began after a read has a smaller index than what was read',
    'order',
    [open([0, 9], 'a'), saw([1, 3], 7, 'a'), appended([5, 9], 'b', 6)],
  ],
  [
    'a foreign record was read, and a later append lies before it',
    'order',
    [sawOther([0, 3], 7), appended([5, 9], 'b', 6)],
  ],
  [
    'an acknowledged record is gone for a later read',
    'order',
    [appended([0, 4], 'a', 1), sawNothing([5, 9], 1)],
  ],
  [
    'the log got shorter: nothing where something was read before',
    'order',
    [open([0, 9], 'a'), saw([1, 2], 1, 'a'), sawNothing([3, 4], 1)],
  ],
  [
    'nothing at an index below an acknowledged one',
    'order',
    [appended([0, 4], 'a', 8), sawNothing([5, 9], 3)],
  ],
  [
    'nothing at an index below one that was read',
    'order',
    [open([0, 2], 'a'), saw([1, 4], 8, 'a'), sawNothing([5, 9], 3)],
  ],
  [
    'a log that ended at 3 holds at 8 what was acknowledged before',
    'order',
    [sawNothing([5, 9], 3), appended([0, 4], 'a', 8)],
  ],
  [
    'an open append is read, then denied, then read again',
    'order',
    [open([0, 1], 'a'), saw([2, 3], 1, 'a'), sawNothing([4, 5], 1), saw([6, 7], 1, 'a')],
  ],
  ['an append that returned before its call', 'malformed', [appended([9, 4], 'a', 1)]],
  ['two appends that use one id', 'malformed', [appended([0, 4], 'a', 1), open([5, 9], 'a')]],
  ['an index that is none', 'malformed', [appended([0, 4], 'a', -1)]],
];

for (const [what, rule, operations] of bad) {
  test(`bad: ${what}`, (t) => {
    t.true(rules(operations).includes(rule), JSON.stringify(check(historyOf(operations))));
    // The order in which a recorder writes operations down says nothing.
    t.true(rules([...operations].reverse()).includes(rule));
  });
}

const good: readonly (readonly [what: string, operations: readonly Operation[]])[] = [
  ['nothing happened', []],
  [
    'one after the other',
    [appended([0, 1], 'a', 1), appended([2, 3], 'b', 2), saw([4, 5], 1, 'a'), saw([4, 5], 2, 'b')],
  ],
  ['others write in between', [appended([0, 1], 'a', 1), appended([2, 3], 'b', 9), sawOther([4, 5], 5)]],
  ['overlapping appends in either order', [appended([0, 9], 'a', 2), appended([1, 8], 'b', 1)]],
  ['touching calls overlap: clocks have a resolution', [appended([0, 5], 'a', 2), appended([5, 9], 'b', 1)]],
  ['an append is read before it returned', [appended([0, 9], 'a', 1), saw([2, 4], 1, 'a')]],
  [
    'nothing before, something after, within one append',
    [appended([0, 9], 'a', 1), sawNothing([1, 2], 1), saw([3, 4], 1, 'a')],
  ],
  ['an open append that never appears', [open([0, 1], 'a'), sawNothing([2, 3], 1), appended([4, 5], 'b', 1)]],
  [
    'an open append that appears much later',
    [open([0, 1], 'a'), sawNothing([50, 51], 1), appended([52, 53], 'b', 1), saw([90, 91], 2, 'a')],
  ],
  [
    'an open append that appears while it was waited for',
    [open([0, 9], 'a'), saw([2, 3], 1, 'a'), appended([4, 5], 'b', 2)],
  ],
  ['a refused append that is not there', [refused([0, 1], 'a'), appended([2, 3], 'b', 1)]],
  [
    'a lagging node knows of nothing yet',
    [appended([0, 1], 'a', 1), lagging(sawNothing([2, 3], 1)), saw([4, 5], 1, 'a')],
  ],
  [
    'a lagging node may even go back',
    [appended([0, 1], 'a', 1), lagging(saw([2, 3], 1, 'a')), lagging(sawNothing([4, 5], 1))],
  ],
  [
    'a read without an answer says nothing',
    [appended([0, 1], 'a', 1), read([2, 3], 1, { kind: 'unknown', reason: 'NO_QUORUM' })],
  ],
];

for (const [what, operations] of good) {
  test(`good: ${what}`, (t) => {
    t.deepEqual(check(historyOf(operations)), []);
    t.deepEqual(check(historyOf([...operations].reverse())), []);
  });
}

test('the rule for the order is exact: a search over all orders agrees on every small history', (t) => {
  const random = generator(20_261_124);
  let linearizable = 0;
  const cases = 4_000;
  for (let number = 0; number < cases; number++) {
    const operations = smallHistory(random);
    const found = search(operations);
    if (found) linearizable += 1;
    t.is(check(historyOf(operations)).length === 0, found, JSON.stringify(operations));
  }
  t.true(linearizable > cases / 10 && linearizable < (cases * 9) / 10, `${linearizable} of ${cases}`);
});

test('a history is read back as it was written; another file is not taken for one', (t) => {
  const history = historyOf([appended([0, 1], 'a', 1), sawNothing([2, 3], 5)]);
  t.deepEqual(parseHistory(JSON.stringify(history)), history);
  t.throws(() => parseHistory('{}'), { message: /no taa-history/ });
  t.throws(() => parseHistory(JSON.stringify({ ...history, version: 2 })), { message: /version 1/ });
  t.throws(() => parseHistory(JSON.stringify({ ...history, operations: undefined })), {
    message: /no operations/,
  });
});

test('the history in docs/histories.md is one, and is good', (t) => {
  const page = readFileSync(join(findPackageRoot(), 'docs', 'histories.md'), 'utf8');
  const example = /```json\n(.*?)```/s.exec(page)?.[1] ?? '';
  const history = parseHistory(example);
  t.is(history.operations.length, 4);
  t.deepEqual(check(history), []);
});

/** mulberry32. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Up to five operations on a log of up to three records, with instants that never touch. */
function smallHistory(random: (below: number) => number): readonly Operation[] {
  const count = 2 + random(4);
  const instants = Array.from({ length: 2 * count }, (_, at) => at);
  for (let at = instants.length - 1; at > 0; at--) {
    const other = random(at + 1);
    [instants[at], instants[other]] = [instants[other] as number, instants[at] as number];
  }
  const ids = ['a', 'b', 'c'];
  return Array.from({ length: count }, (_, at) => {
    const pair = [instants[2 * at] as number, instants[2 * at + 1] as number].sort((x, y) => x - y);
    const span = pair as unknown as Span;
    const index = random(3);
    const id = ids[at];
    if (id !== undefined && random(3) > 0)
      return random(4) === 0 ? open(span, id) : appended(span, id, index);
    const kind = random(4);
    if (kind < 2) return sawNothing(span, index);
    return kind === 2 ? saw(span, index, ids[random(3)] as string) : sawOther(span, index);
  });
}

/** Tries every order that real time admits, with foreign records and open appends wherever they may come in. */
function search(operations: readonly Operation[]): boolean {
  const log: (string | null)[] = [];
  const pending = new Set(operations);
  const mayBeNext = (one: Operation): boolean =>
    [...pending].every((other) => isOpen(other) || other.returned > one.called);
  const explore = (): boolean => {
    if ([...pending].every(isOpen)) return true;
    for (const one of [...pending]) {
      if (!mayBeNext(one) || !takesEffect(one, log)) continue;
      pending.delete(one);
      if (one.operation === 'append') log.push(one.id);
      if (explore()) return true;
      if (one.operation === 'append') log.pop();
      pending.add(one);
    }
    // Somebody else appends a record; four are enough for the indexes here.
    if (log.length >= 4) return false;
    log.push(null);
    const found = explore();
    log.pop();
    return found;
  };
  return explore();
}

const isOpen = (one: Operation): boolean => one.operation === 'append' && one.outcome.kind === 'unknown';

function takesEffect(one: Operation, log: readonly (string | null)[]): boolean {
  if (one.operation === 'append') return one.outcome.kind !== 'ok' || one.outcome.index === log.length;
  const there = log[one.index];
  switch (one.outcome.kind) {
    case 'record':
      return there === one.outcome.id;
    case 'other':
      return there === null;
    case 'nothing':
      return there === undefined;
    case 'unknown':
      return true;
  }
}

/** Majorities against a naive model, and by hand. */

import test from 'ava';
import { Prng } from '../../src/raft/core/prng.js';
import { majority, quorumValue, unanimousResult, voteResult } from '../../src/raft/core/quorum.js';
import { nodeId, type NodeId } from '../../src/raft/types.js';

const ids = (count: number, from = 1): NodeId[] =>
  Array.from({ length: count }, (_, at) => nodeId(`n${at + from}`));

test('the majority of n is the least number of which two always share a member', (t) => {
  t.deepEqual([1, 2, 3, 4, 5, 6, 7].map(majority), [1, 2, 2, 3, 3, 4, 4]);
});

test('the quorum value by hand', (t) => {
  const cases: readonly (readonly [readonly number[], number])[] = [
    [[5], 5],
    [[5, 3], 3],
    [[1, 9, 4], 4],
    [[7, 7, 0], 7],
    [[1, 2, 3, 4], 2],
    [[1, 2, 3, 4, 5], 3],
  ];
  for (const [values, expected] of cases) {
    const set = ids(values.length);
    t.is(
      quorumValue([set], (id) => values[set.indexOf(id)] ?? 0),
      expected,
      values.join(),
    );
  }
});

test('while joint, both sets must agree', (t) => {
  const matches = new Map([
    [nodeId('n1'), 10],
    [nodeId('n2'), 10],
    [nodeId('n3'), 10],
    [nodeId('n4'), 3],
    [nodeId('n5'), 2],
  ]);
  const valueOf = (id: NodeId): number => matches.get(id) ?? 0;
  t.is(quorumValue([ids(3), ids(3, 3)], valueOf), 3);
  const votes = new Map(ids(3).map((id) => [id, true] as const));
  t.is(voteResult([ids(3)], votes), 'won');
  t.is(voteResult([ids(3), ids(3, 3)], votes), 'pending');
});

/** Asks of every candidate value, set by set, how many have reached it. */
function naiveQuorumValue(sets: readonly (readonly NodeId[])[], values: ReadonlyMap<NodeId, number>): number {
  const reached = [0, ...values.values()].filter((value) =>
    sets.every((set) => set.filter((id) => (values.get(id) ?? 0) >= value).length * 2 > set.length),
  );
  return Math.max(...reached);
}

function naiveVote(
  sets: readonly (readonly NodeId[])[],
  votes: ReadonlyMap<NodeId, boolean>,
): 'won' | 'lost' | 'pending' {
  const couldWin = (missing: boolean): boolean =>
    sets.every((set) => set.filter((id) => votes.get(id) ?? missing).length * 2 > set.length);
  if (couldWin(false)) return 'won';
  return couldWin(true) ? 'pending' : 'lost';
}

test('50,000 random configurations agree with the naive models', (t) => {
  const prng = new Prng(20260501);
  const pick = (below: number): number => Math.floor(prng.between(0, below));
  let differing = 0;
  for (let round = 0; round < 50_000; round++) {
    const sets = Array.from({ length: 1 + pick(2) }, () => ids(1 + pick(7), 1 + pick(3)));
    const values = new Map<NodeId, number>();
    const votes = new Map<NodeId, boolean>();
    for (const id of new Set(sets.flat())) {
      values.set(id, pick(6));
      if (pick(3) > 0) votes.set(id, pick(2) === 1);
    }
    if (quorumValue(sets, (id) => values.get(id) ?? 0) !== naiveQuorumValue(sets, values)) differing++;
    if (voteResult(sets, votes) !== naiveVote(sets, votes)) differing++;
  }
  t.is(differing, 0);
});

test('at the birth of a cluster all must agree', (t) => {
  const votes = new Map([
    [nodeId('n1'), true],
    [nodeId('n2'), true],
  ]);
  t.is(unanimousResult([ids(3)], votes), 'pending');
  t.is(unanimousResult([ids(3)], new Map([...votes, [nodeId('n3'), true]])), 'won');
  t.is(unanimousResult([ids(3)], new Map([[nodeId('n3'), false]])), 'lost');
});

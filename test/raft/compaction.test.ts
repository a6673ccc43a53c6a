/** Trimming by a floor that the leader tells: what a majority of ledgers holds, and never what this node may replay. */

import test from 'ava';
import { Compaction } from '../../src/raft/core/compaction.js';
import { RaftLog } from '../../src/raft/core/log.js';
import { logIndex, term, type Entry } from '../../src/raft/types.js';
import { payload, World, type SimNode } from './world.js';

const entry = (index: number, inTerm = 1, size = 10): Entry => ({
  index: logIndex(index),
  term: term(inTerm),
  kind: 'command',
  time: BigInt(index),
  payload: new Uint8Array(size),
});

const limits = { trailingEntries: 5, trimBytes: 1000, trimInterval: 60e9 };
const at = logIndex;

test('a log that gave up its front knows the term of its base and nothing below it', (t) => {
  const log = new RaftLog({ firstIndex: at(1), lastIndex: at(0), termRuns: [] }, null);
  log.append([1, 2, 3].map((i) => entry(i, 1)));
  log.append([4, 5, 6].map((i) => entry(i, 3)));
  log.append([7, 8].map((i) => entry(i, 4)));
  for (const [to, runs] of [
    [2, [3, 1, 4, 3, 7, 4]],
    [3, [4, 3, 7, 4]],
    [7, [8, 4]],
  ] as const) {
    log.compactTo(at(to));
    t.is(log.firstIndex, at(to + 1));
    t.is(log.termAt(to), term(to < 4 ? 1 : to < 7 ? 3 : 4));
    t.is(log.termAt(to - 1), undefined);
    t.deepEqual(
      log.termRuns.flatMap((run) => [Number(run.firstIndex), Number(run.term)]),
      [...runs],
    );
    t.is(Number(log.agreeableUpTo(8, term(0))), to, 'below its base it cannot say where logs agree');
  }
  t.throws(() => log.compactTo(at(8)), { message: /inside the log/ });
  log.append([entry(9, 4)]);
  t.is(log.lastTime, 9n);
});

test('nothing goes before a majority and this node itself have it, and not for a few bytes', (t) => {
  const compaction = new Compaction(limits, at(0), at(0), 0);
  const due = (now = 0): number | null => compaction.due(at(400), at(0), at(400), now);
  compaction.appended(Array.from({ length: 400 }, (_, i) => entry(i + 1)));
  t.is(due(), null, 'neither');
  compaction.raiseFloor(at(300));
  t.is(due(), null, 'own ledger not synced');
  compaction.synced = at(20);
  t.is(due(), null, '20 entries are 620 bytes');
  t.is(due(60e9), at(20), 'but after the interval they go');
  compaction.synced = at(400);
  t.is(due(), at(300), 'up to the floor');
  compaction.raiseFloor(at(400));
  t.is(due(), at(395), 'the trailing entries stay');
  compaction.raiseFloor(at(10));
  t.is(due(), at(395), 'the floor never goes back');
  compaction.begun(at(395), 0);
  t.is(due(), null, 'one at a time');
  t.is(compaction.position, at(0), 'an incomplete ledger counts for nothing');
  compaction.complete = true;
  t.is(compaction.position, at(400));
});

const small = { trailingEntries: 5, trimBytes: 400, trimIntervalNs: 1e9 };

let number = 1;

/** Proposes single commands until the log has grown by `count`. */
function grow(world: World, count: number): void {
  const goal = (world.leader()?.raft?.status().lastIndex ?? 0) + count;
  world.until(
    () => {
      const leader = world.leader();
      leader?.propose([payload(number++)]);
      return (leader?.raft?.status().commitIndex ?? 0) >= goal;
    },
    20_000,
    `the log reaches ${goal}`,
  );
}

/** The ledgers of these nodes are durable with what they have applied. */
function sync(nodes: readonly SimNode[], complete = true): void {
  for (const node of nodes) {
    const { raft } = node;
    raft?.ledgerPosition(raft.status().appliedIndex, complete);
  }
}

const firstOf = (node: SimNode): number => node.raft?.status().firstIndex ?? 0;

test('logs follow the floor of a majority; a node whose own ledger lags keeps what it may replay', (t) => {
  const world = new World(11, 3, undefined, small);
  const leader = world.elect();
  const [other, lagging] = world.nodes.filter((node) => node !== leader) as [SimNode, SimNode];
  grow(world, 60);
  world.run(500);
  sync([leader]);
  world.run(500);
  t.deepEqual(world.nodes.map(firstOf), [1, 1, 1], 'one ledger is no majority');
  sync([other], false);
  world.run(500);
  t.deepEqual(world.nodes.map(firstOf), [1, 1, 1], 'nor is an incomplete one');
  sync([other]);
  world.run(500);
  t.true(firstOf(leader) > 40 && firstOf(other) > 40);
  t.is(firstOf(lagging), 1);
  t.is(lagging.store.durable.base.index, at(0));
  sync([lagging]);
  world.run(500);
  t.true(firstOf(lagging) > 40);
  t.true(lagging.store.durable.base.index > 40, 'on disk too');
  grow(world, 20);
  world.run(200);
  t.is(new Set(world.nodes.map((node) => node.raft?.status().appliedIndex)).size, 1);
});

test('a follower beyond reach is told so until it has a snapshot, then continues behind it', (t) => {
  const world = new World(12, 3, undefined, small);
  const leader = world.elect();
  const [other, away] = world.nodes.filter((node) => node !== leader) as [SimNode, SimNode];
  grow(world, 10);
  world.run(300);
  away.crash();
  grow(world, 80);
  sync([leader, other]);
  world.run(1000);
  const first = firstOf(leader);
  t.true(first > 40);
  away.start();
  world.run(1000);
  t.true(away.snapshotsAskedFor > 2);
  t.true((away.raft?.status().lastIndex ?? 0) < 40, 'nothing else can help it');
  t.is(world.leader(), leader, 'and it disturbs nobody');
  // Its host installed a snapshot of what the leader has applied.
  const index = leader.raft?.status().appliedIndex ?? at(0);
  away.crash();
  away.machine.splice(0, Infinity, ...leader.machine.slice(0, index));
  away.installed = { index, term: term(leader.term), time: 0n };
  away.start();
  world.run(1000);
  t.is(away.store.durable.base.index, index);
  grow(world, 10);
  world.run(300);
  t.is(away.raft?.status().appliedIndex, leader.raft?.status().appliedIndex);
  t.is(away.raft?.status().firstIndex, at(index + 1));
});

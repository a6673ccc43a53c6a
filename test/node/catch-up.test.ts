/** A node that was away longer than logs reach comes back: a small snapshot, then every record, each proven. */

import test from 'ava';
import { S, SmallCluster, type SmallNode } from './small-cluster.js';

const firstIndex = (node: SmallNode): number => node.core?.raft.status().firstIndex ?? 0;
const applied = (node: SmallNode): number => node.core?.raft.status().appliedIndex ?? 0;

/** One node is killed, the others go on and trim their logs beyond it. */
function leaveBehind(cluster: SmallCluster, records: number, perEntry: number): SmallNode {
  cluster.append(40);
  cluster.run(2n * S);
  const away = cluster.nodes.find((node) => node !== cluster.leader) as SmallNode;
  const reached = applied(away);
  cluster.kill(away);
  cluster.append(records, perEntry);
  const others = cluster.nodes.filter((node) => node !== away);
  cluster.until(
    () => {
      cluster.append(5, 1);
      return others.every((node) => firstIndex(node) > reached + 50);
    },
    60n * S,
    'the others trim their logs',
  );
  return away;
}

/** All three have the same tree, every record of it, and cosign. */
function expectWhole(cluster: SmallCluster, node: SmallNode): void {
  cluster.until(() => node.ready, 10n * S, 'it starts');
  cluster.append(30);
  const goal = cluster.leader?.head.size ?? 0;
  cluster.until(() => cluster.nodes.every(({ head }) => head.size >= goal), 60n * S, 'all apply');
  cluster.until(() => node.core?.catchUp.ledgerComplete === true, 60n * S, 'the ledger is complete');
  const level = (): boolean => new Set(cluster.nodes.map(({ head }) => head.size)).size === 1;
  cluster.until(level, 10n * S, 'all are at one size');
  const roots = new Set(cluster.nodes.map(({ head }) => Buffer.from(head.root).toString('hex')));
  if (roots.size !== 1) throw new Error('the roots differ');
  const before = node.core?.publication.cosignedSize(node.id) ?? 0;
  cluster.until(
    () => {
      cluster.append(1, 1);
      return (node.core?.publication.cosignedSize(node.id) ?? 0) > before;
    },
    20n * S,
    'it cosigns again',
  );
}

/** Every leaf of one node, read through its tiles, equals that of another. */
function expectSameLeaves(cluster: SmallCluster, a: SmallNode, b: SmallNode): number {
  const size = Math.min(a.head.size, b.head.size);
  const read = (node: SmallNode): string[] => {
    let leaves: readonly Uint8Array[] | undefined;
    node.core?.ledger.leaves(0, size, (error, found) => {
      if (error !== null) throw error;
      leaves = found;
    });
    cluster.until(() => leaves !== undefined, 30n * S, 'the leaves are read');
    return (leaves ?? []).map((leaf) => Buffer.from(leaf).toString('hex'));
  };
  const ours = read(a);
  const theirs = read(b);
  return ours.filter((leaf, i) => leaf === theirs[i]).length;
}

test('a follower beyond the trimmed logs catches up by snapshot and tiles, and cosigns again', (t) => {
  const cluster = new SmallCluster(1);
  const away = leaveBehind(cluster, 1200, 40);
  cluster.boot(away);
  expectWhole(cluster, away);
  const leader = cluster.leader as SmallNode;
  t.is(expectSameLeaves(cluster, away, leader), Math.min(away.head.size, leader.head.size));
  t.true(firstIndex(away) > 40, 'its log begins behind the snapshot');
  t.deepEqual(cluster.fatal, []);
  t.deepEqual(
    cluster.notices.filter((notice) => notice.includes('DIVERGED')),
    [],
  );
});

test('a node whose ledger was lost after its log was trimmed pulls all of it', (t) => {
  const cluster = new SmallCluster(2);
  cluster.append(600, 20);
  cluster.until(
    () => {
      cluster.append(5, 1);
      return cluster.nodes.every((node) => firstIndex(node) > 40);
    },
    60n * S,
    'logs are trimmed',
  );
  const victim = cluster.nodes.find((node) => node !== cluster.leader) as SmallNode;
  cluster.kill(victim);
  victim.disk.loseLedger();
  cluster.boot(victim);
  cluster.run(2n * S);
  expectWhole(cluster, victim);
  const leader = cluster.leader as SmallNode;
  t.is(expectSameLeaves(cluster, victim, leader), Math.min(victim.head.size, leader.head.size));
  t.deepEqual(cluster.fatal, []);
});

test('a crash at any moment of catching up resumes or begins again', (t) => {
  // Few bytes a second, so that there is a moment between any two steps.
  for (let seed = 10; seed < 16; seed++) {
    const cluster = new SmallCluster(seed, { pullRate: 400_000 });
    const away = leaveBehind(cluster, 1200, 100);
    for (let crash = 0; crash < 4; crash++) {
      cluster.boot(away);
      cluster.run((BigInt((seed * 7919 + crash * 104_729) % 1200) * S) / 1000n);
      cluster.kill(away);
    }
    cluster.boot(away);
    expectWhole(cluster, away);
    const leader = cluster.leader as SmallNode;
    t.is(expectSameLeaves(cluster, away, leader), Math.min(away.head.size, leader.head.size));
    t.deepEqual(cluster.fatal, []);
  }
});

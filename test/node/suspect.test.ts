/** A node whose log was found damaged: it says so, promises nothing, and takes part again only when it is whole. */

import test from 'ava';
import { S, SmallCluster, type SmallNode } from './small-cluster.js';

const role = (node: SmallNode): string => node.core?.raft.status().role ?? '';

/** A follower's log loses everything from some entry on, as the store leaves it when the rest is proven. */
function damage(cluster: SmallCluster, node: SmallNode, fromEnd: number, beyond = 0): number {
  cluster.kill(node);
  const last = node.disk.durableEntries.length;
  const until = node.disk.loseLogFrom(last - fromEnd) + beyond;
  node.suspect = {
    message: 'LOG_HOLE: entries are missing. They are fetched again',
    repair: {
      until,
      finish: (done) => {
        node.suspect = null;
        done(null);
      },
    },
  };
  cluster.boot(node);
  return until;
}

const followers = (cluster: SmallCluster): SmallNode[] =>
  cluster.nodes.filter((node) => node !== cluster.leader);

test('a suspect node says what is wrong, fetches what it lacks, and takes part again', (t) => {
  const cluster = new SmallCluster(31, { limits: { maxUncommittedBytes: 1 << 24, maxAppendBytes: 1 << 20 } });
  cluster.append(160, 2);
  const [node] = followers(cluster) as [SmallNode];
  const others = cluster.nodes.filter((other) => other !== node);
  // Nobody answers it yet: it stands for inspection.
  const links = others.map((other) => `${other.id}>${node.id}`);
  cluster.network.cut(links);
  const until = damage(cluster, node, 25);
  cluster.until(() => node.ready, 5n * S, 'it is up');
  t.deepEqual(node.core?.impairments(), ['LOG_SUSPECT']);
  t.true(node.core?.unready().includes('LOG_SUSPECT'));
  t.regex(node.core?.impairmentDetails()[0] ?? '', /^LOG_SUSPECT: LOG_HOLE: entries are missing/);
  t.true(cluster.notices.some((notice) => notice.startsWith(`${node.id} LOG_SUSPECT`)));
  cluster.network.mend(links);
  cluster.append(30, 5);
  cluster.until(() => node.core?.impairments().length === 0 && node.ready, 20n * S, 'it is repaired');
  t.true(node.disk.durableEntries.length >= until);
  const goal = cluster.leader?.head.size ?? 0;
  cluster.until(() => node.head.size >= goal, 10n * S, 'it follows again');
  const before = node.core?.publication.cosignedSize(node.id) ?? 0;
  cluster.until(
    () => {
      cluster.append(1, 1);
      return (node.core?.publication.cosignedSize(node.id) ?? 0) > before;
    },
    20n * S,
    'it cosigns again',
  );
  t.deepEqual(cluster.fatal, []);
});

test('a suspect node elects nobody and commits nothing: with one other node alone, nothing moves', (t) => {
  const cluster = new SmallCluster(32, { limits: { maxUncommittedBytes: 1 << 24, maxAppendBytes: 1 << 20 } });
  cluster.append(120, 2);
  const [node, other] = followers(cluster) as [SmallNode, SmallNode];
  const leader = cluster.leader as SmallNode;
  // It had acknowledged a few entries that the other never saw.
  const until = damage(cluster, node, 20, 5);
  cluster.kill(leader);
  cluster.run(8n * S);
  t.deepEqual([role(other), role(node)].includes('leader'), false);
  t.not(role(node), 'candidate');
  t.true(node.disk.durableEntries.length < until, 'what the other had committed, and nothing new');
  cluster.boot(leader);
  cluster.append(20, 5);
  cluster.until(() => node.core?.impairments().length === 0 && node.ready, 20n * S, 'it is repaired');
  cluster.kill(other);
  cluster.append(10, 5);
  t.deepEqual(cluster.fatal, [], 'now its vote and its disk count again');
});

test('what peers have trimmed comes as a snapshot first', (t) => {
  const cluster = new SmallCluster(33);
  cluster.append(100, 10);
  const [node] = followers(cluster) as [SmallNode];
  cluster.kill(node);
  const last = node.disk.durableEntries.length;
  cluster.until(
    () => {
      cluster.append(10, 1);
      return (cluster.leader?.core?.raft.status().firstIndex ?? 0) > last + 5;
    },
    60n * S,
    'the others trim their logs',
  );
  cluster.boot(node);
  damage(cluster, node, 5);
  cluster.until(
    () => {
      cluster.append(5, 1);
      return node.ready && node.core?.impairments().length === 0 && node.core.catchUp.ledgerComplete;
    },
    60n * S,
    'it is whole',
  );
  const goal = cluster.leader?.head.size ?? 0;
  cluster.until(() => node.head.size >= goal, 10n * S, 'it follows again');
  t.true((node.core?.raft.status().firstIndex ?? 0) > last);
  t.deepEqual(cluster.fatal, []);
});

test('what cannot be repaired in place stays up for inspection, and no peer can change that', (t) => {
  const cluster = new SmallCluster(34);
  cluster.append(50, 10);
  const [node] = followers(cluster) as [SmallNode];
  cluster.kill(node);
  node.suspect = { message: 'LOG_TAIL_LOST: …; let it join again as a new incarnation', repair: null };
  cluster.boot(node);
  cluster.until(() => node.ready, 5n * S, 'it is up');
  cluster.append(100, 10);
  cluster.run(5n * S);
  t.deepEqual(node.core?.impairments(), ['LOG_SUSPECT']);
  t.is(node.core?.raft.status().leader, null);
  let stopped = false;
  node.core?.stop(() => (stopped = true));
  cluster.until(() => stopped, 5n * S, 'it can be stopped');
  t.deepEqual(cluster.fatal, []);
});

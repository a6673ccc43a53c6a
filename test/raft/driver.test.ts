/** The driver on virtual time, without random faults: each test is one story. */

import test from 'ava';
import { encodeMessage, clusterTag, type Sender } from '../../src/raft/codec.js';
import { createRaft } from '../../src/raft/driver.js';
import type { ProposeResult, RaftEvent } from '../../src/raft/driver-api.js';
import type { Message } from '../../src/raft/core/messages.js';
import { incarnationBytes } from '../../src/raft/membership.js';
import { MemoryLogStore } from '../../src/raft/memory-store.js';
import { DEFAULT_LIMITS, LAN_TIMING } from '../../src/raft/timing.js';
import { logIndex, nodeId, term, type NodeId } from '../../src/raft/types.js';
import { monoNs } from '../../src/time/types.js';
import { incarnationNamed, votersNamed } from './members.js';
import { EventQueue } from './events.js';
import { MS, nobodyWatches, payload, payloadNumber, World, type SimNode } from './world.js';

const commands = (node: SimNode): number[] =>
  node.machine.filter((entry) => entry.kind === 'command').map((entry) => payloadNumber(entry.payload));

const others = (world: World, node: SimNode): SimNode[] => world.nodes.filter((one) => one !== node);

function anotherThan(world: World, node: SimNode): SimNode {
  const [other] = others(world, node);
  if (other === undefined) throw new Error('there is only one node');
  return other;
}

/** Proposes, and collects what is answered. */
function ask(node: SimNode, ...numbers: readonly number[]): ProposeResult[] {
  const answers: ProposeResult[] = [];
  node.propose(
    numbers.map((number) => payload(number)),
    (result) => answers.push(result),
  );
  return answers;
}

function askAndWait(world: World, node: SimNode, ...numbers: readonly number[]): ProposeResult['status'] {
  const answers = ask(node, ...numbers);
  world.until(() => answers.length > 0, 5000, 'the proposal is answered');
  return answers[0]?.status ?? 'unknown';
}

test('three nodes elect one leader, and what it commits is applied by all, in order', (t) => {
  const world = new World(1, 3);
  const leader = world.elect();
  t.is(askAndWait(world, leader, 1, 2, 3), 'applied');
  t.is(askAndWait(world, leader, 4), 'applied');
  world.run(100);
  for (const node of world.nodes) t.deepEqual(commands(node), [1, 2, 3, 4]);
  t.deepEqual(world.fatal, []);
});

test('a follower forwards to the leader and answers when the entry is applied on the follower itself', (t) => {
  const world = new World(2, 3);
  const follower = anotherThan(world, world.elect());
  t.is(askAndWait(world, follower, 7), 'applied');
  t.deepEqual(commands(follower), [7]);
});

test('a forwarded proposal does not wait for the next heartbeat to be answered', (t) => {
  const world = new World(4, 3);
  const follower = anotherThan(world, world.elect());
  world.run(100);
  const begin = world.now;
  const answers = ask(follower, 1);
  world.until(() => answers.length > 0, 100, 'the answer');
  t.true(world.now - begin < 25 * MS, `${(world.now - begin) / MS} ms`);
});

test('a single voter commits alone, and only after its own write', (t) => {
  const world = new World(3, 1);
  const leader = world.elect();
  world.run(100);
  leader.diskMs = [40, 40];
  const begin = world.now;
  t.is(askAndWait(world, leader, 1), 'applied');
  t.true(world.now - begin >= 40 * MS);
});

test('what is proposed in one turn is one write, and what arrives during a write is the next', (t) => {
  const writes: number[] = [];
  const world = new World(5, 3, nobodyWatches, { maxAppendBytes: 1 << 20, maxUncommittedBytes: 1 << 20 });
  const leader = world.elect();
  world.run(200);
  leader.onEvent = (event: RaftEvent) => {
    if (event.kind === 'persisted') writes.push(event.entries);
  };
  leader.diskMs = [10, 10];
  const answers = Array.from({ length: 20 }, (_, at) => ask(leader, at));
  world.run(5);
  for (let at = 20; at < 50; at++) {
    answers.push(ask(leader, at));
    world.run(0.1);
  }
  world.run(100);
  t.true(answers.flat().length === 50 && answers.flat().every((answer) => answer.status === 'applied'));
  t.deepEqual(writes, [20, 30]);
});

test('one encoding of an append serves both followers', (t) => {
  const world = new World(6, 3);
  const leader = world.elect();
  world.run(200);
  const appends: Uint8Array[] = [];
  world.onSend = (from, lane, bytes) => {
    if (from === leader && lane === 'append') appends.push(bytes);
  };
  t.is(askAndWait(world, leader, 1), 'applied');
  t.is(appends.length, 2);
  t.is(appends[0], appends[1]);
});

test('heartbeats, votes and acknowledgements never share a lane with appends', (t) => {
  const lanes = new Map<string, Set<string>>();
  const watcher = { ...nobodyWatches };
  const world = new World(7, 3, watcher);
  let last: Message['kind'] = 'heartbeat';
  watcher.sent = (_node, _to, message) => {
    last = message.kind;
  };
  world.onSend = (_from, lane) => {
    lanes.set(lane, (lanes.get(lane) ?? new Set()).add(last));
  };
  askAndWait(world, anotherThan(world, world.elect()), 1);
  t.deepEqual([...(lanes.get('append') ?? [])].sort(), ['append', 'forward']);
  t.true(lanes.get('control')?.has('heartbeat'));
  t.true(lanes.get('control')?.has('appendOk'));
});

test('a lost connection replaces the leader in less than half the time', (t) => {
  const gaps = { lost: 0, silent: 0 };
  for (const kind of ['lost', 'silent'] as const) {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed, 3);
      const leader = world.elect();
      world.run(200);
      leader.crash();
      const begin = world.now;
      if (kind === 'lost') for (const node of world.nodes) node.losePeer(leader.id);
      world.until(() => world.leader() !== undefined, 3000, 'a new leader');
      gaps[kind] += (world.now - begin) / MS / 20;
    }
  }
  t.log(
    `mean ms to a new leader: ${gaps.lost.toFixed(0)} after a lost connection, ${gaps.silent.toFixed(0)} else`,
  );
  t.true(gaps.lost < gaps.silent / 2);
  t.true(gaps.silent < 600);
});

test('a process that slept does not campaign while heartbeats wait to be read (E16)', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(seed, 3);
    const leader = world.elect();
    world.run(200);
    const before = leader.term;
    anotherThan(world, leader).pause(5000);
    world.run(7000);
    t.is(world.leader(), leader);
    t.is(leader.term, before, `seed ${seed}`);
  }
});

test('a leader that slept finds another in its place, and every question gets its answer', (t) => {
  const world = new World(8, 3);
  const leader = world.elect();
  world.run(200);
  const before = leader.term;
  const answers = [ask(leader, 1), ask(leader, 2, 3)];
  leader.pause(5000);
  world.run(2000);
  const successor = world.leader();
  t.true((successor?.term ?? 0) > before);
  world.run(8000);
  t.deepEqual(
    answers.map((one) => one.length),
    [1, 1],
  );
  t.is(leader.raft?.status().leader, successor?.id ?? null);
});

test('a restarted node applies what the state machine had lost, from its log', (t) => {
  const world = new World(9, 3);
  const leader = world.elect();
  for (let number = 1; number <= 50; number++) askAndWait(world, leader, number);
  world.run(100);
  const follower = anotherThan(world, leader);
  follower.crash();
  follower.machine.length = 3;
  follower.start();
  world.run(500);
  t.deepEqual(commands(follower), commands(leader));
});

test('a follower that missed thousands of entries catches up from the leader’s disk', (t) => {
  const world = new World(10, 3, nobodyWatches, {
    maxUncommittedBytes: 1 << 20,
    maxAppendBytes: 1000,
    maxCacheBytes: 4000,
  });
  const leader = world.elect();
  world.run(100);
  const follower = anotherThan(world, leader);
  world.partition([follower.id]);
  for (let round = 0; round < 20; round++) {
    askAndWait(world, leader, ...Array.from({ length: 100 }, (_, at) => round * 100 + at));
  }
  world.heal();
  world.run(3000);
  t.is(commands(follower).length, 2000);
  t.deepEqual(commands(follower), commands(leader));
});

test('transfer: leadership moves without waiting for a timer, and questions are answered throughout', (t) => {
  const world = new World(11, 3);
  const leader = world.elect();
  world.run(100);
  const before = leader.term;
  const open = ask(leader, 1);
  world.run(0.5);
  const results: boolean[] = [];
  const begin = world.now;
  leader.raft?.transferLeadership(null, (transferred) => results.push(transferred));
  world.until(() => results.length > 0, 1000, 'the transfer is answered');
  t.deepEqual(results, [true]);
  t.true(world.now - begin < 60 * MS);
  t.is(world.leader()?.term, before + 1);
  t.not(world.leader(), leader);
  world.run(2000);
  t.deepEqual(open[0]?.status, 'applied');
});

test('a node that may not lead hands over and never campaigns', (t) => {
  const world = new World(12, 3);
  const leader = world.elect();
  leader.mayLead = false;
  world.run(1000);
  t.not(world.leader(), leader);
  for (const node of world.nodes) node.mayLead = false;
  world.run(5000);
  t.is(world.leader(), undefined);
  for (const node of world.nodes) node.mayLead = true;
  t.truthy(world.elect());
});

test('a stalled disk of the leader costs less than three election timeouts (L17)', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(seed, 3);
    const leader = world.elect();
    world.run(200);
    leader.diskMs = [1e6, 1e6];
    ask(leader, 1);
    const begin = world.now;
    world.until(() => world.leader() !== undefined && world.leader() !== leader, 1800, 'another leads');
    const successor = world.leader() ?? leader;
    t.is(askAndWait(world, successor, 2), 'applied');
    t.true(world.now - begin < 1800 * MS);
  }
});

test('an isolated leader refuses at once instead of growing (C4)', (t) => {
  const world = new World(13, 3);
  const leader = world.elect();
  world.run(100);
  world.partition([leader.id]);
  const counts = new Map<string, number>();
  for (let number = 0; number < 20_000; number++) {
    leader.propose([payload(number, 100)], (result) => {
      counts.set(result.status, (counts.get(result.status) ?? 0) + 1);
    });
    if (number % 100 === 0) world.run(1);
  }
  world.run(4000);
  t.is(
    [...counts.values()].reduce((sum, count) => sum + count, 0),
    20_000,
  );
  t.is(counts.get('applied'), undefined);
  t.true((counts.get('unknown') ?? 0) <= 45, 'only what fitted the bound was ever accepted');
  t.true((leader.raft?.status().lastIndex ?? 0) < 60);
});

// ---- one driver by itself, with a disk and a network made by hand

interface Bench {
  readonly events: EventQueue;
  readonly sent: { readonly to: NodeId; readonly bytes: Uint8Array }[];
  readonly fatal: Error[];
  readonly store: MemoryLogStore;
  readonly raft: ReturnType<typeof createRaft>;
  readonly deliver: (from: NodeId, bytes: Uint8Array) => void;
}

const sender = (cluster: string, id: NodeId): Sender => ({
  tag: clusterTag(cluster),
  id,
  incarnation: incarnationBytes(incarnationNamed(id)),
});
const n1 = nodeId('n1');
const n2 = nodeId('n2');

function bench(options: {
  readonly voters?: readonly NodeId[];
  readonly appliedIndex?: number;
  readonly apply?: () => void;
  readonly store?: MemoryLogStore;
}): Bench {
  const events = new EventQueue();
  const sent: { to: NodeId; bytes: Uint8Array }[] = [];
  const fatal: Error[] = [];
  const handlers: ((from: NodeId, bytes: Uint8Array) => void)[] = [];
  const store =
    options.store ??
    new MemoryLogStore({
      defer: (_kind, task) => {
        events.schedule(events.now + MS, task);
      },
    });
  const raft = createRaft({
    id: n1,
    clusterId: 'bench',
    incarnation: incarnationNamed(n1),
    membership: {
      asOf: logIndex(0),
      index: logIndex(0),
      membership: votersNamed(options.voters ?? [n1]),
    },
    store,
    transport: {
      send: (to, _lane, bytes) => sent.push({ to, bytes }),
      onMessage: (handler) => handlers.push(handler),
      onPeerLost: () => undefined,
    },
    timers: {
      after: (delay, task) => {
        let live = true;
        events.schedule(events.now + Number(delay), () => {
          if (live) task();
        });
        return () => {
          live = false;
        };
      },
    },
    mono: () => monoNs(BigInt(Math.floor(events.now))),
    seed: 1,
    timing: LAN_TIMING,
    limits: DEFAULT_LIMITS,
    appliedIndex: logIndex(options.appliedIndex ?? 0),
    stamp: () => null,
    apply: options.apply ?? ((): void => undefined),
    mayLead: () => true,
    onEvent: () => undefined,
    onFatal: (error) => fatal.push(error),
  });
  raft.start(() => undefined);
  const deliver = (from: NodeId, bytes: Uint8Array): void => {
    for (const handler of handlers) handler(from, bytes);
  };
  return { events, sent, fatal, store, raft, deliver };
}

test('after a failed write: onFatal once, the open question answered unknown, and silence', (t) => {
  const { events, fatal, raft, store, sent } = bench({});
  events.runUntil(1000 * MS);
  t.is(raft.status().role, 'leader');
  const answers: ProposeResult['status'][] = [];
  const note = (result: ProposeResult): void => {
    answers.push(result.status);
  };
  store.failWith(new Error('EIO'));
  raft.propose([payload(1)], note);
  events.runUntil(1010 * MS);
  t.is(fatal.length, 1);
  t.regex(
    fatal[0]?.message ?? '',
    /^RAFT_STORAGE: could not write and sync the log \(EIO\)\. .*Check the disk/,
  );
  t.deepEqual(answers, ['unknown']);
  const before = sent.length;
  raft.propose([payload(2)], note);
  events.runUntil(5000 * MS);
  t.deepEqual(answers, ['unknown', 'notLeader']);
  t.is(sent.length, before);
  t.is(fatal.length, 1);
});

test('a log that cannot be loaded, or ends before what was applied, is fatal and says what to do', (t) => {
  const broken = new MemoryLogStore();
  broken.failWith(new Error('record 17 is damaged'));
  const unreadable = bench({ store: broken });
  t.regex(unreadable.fatal[0]?.message ?? '', /could not load the log \(record 17 is damaged\)/);
  const short = bench({ appliedIndex: 12 });
  short.events.runUntil(10 * MS);
  t.regex(short.fatal[0]?.message ?? '', /entry 12, which the state machine has applied: the log ends at 0/);
  t.regex(short.fatal[0]?.message ?? '', /replace the node/);
});

test('an apply that throws ends the node before anything is answered', (t) => {
  let calls = 0;
  const { events, fatal, raft } = bench({
    apply: () => {
      if (++calls === 2) throw new Error('the ledger refuses');
    },
  });
  events.runUntil(1000 * MS);
  const answers: ProposeResult['status'][] = [];
  raft.propose([payload(1)], (result) => answers.push(result.status));
  events.runUntil(1100 * MS);
  t.deepEqual(
    fatal.map((error) => error.message),
    ['the ledger refuses'],
  );
  t.deepEqual(answers, ['unknown']);
});

test('stop answers what is open, exactly once, and starts nothing more', (t) => {
  const { events, fatal, raft } = bench({});
  events.runUntil(1000 * MS);
  const answers: ProposeResult['status'][] = [];
  raft.propose([payload(1)], (result) => answers.push(result.status));
  raft.propose([payload(2)], (result) => answers.push(result.status));
  raft.stop();
  events.runUntil(3000 * MS);
  t.deepEqual(answers, ['unknown', 'unknown']);
  t.deepEqual(fatal, []);
});

test('garbage, another cluster, and a message in another’s name have no effect', (t) => {
  const { events, raft, deliver, sent } = bench({ voters: [n1, n2] });
  events.runUntil(10 * MS);
  const heartbeat: Message = {
    kind: 'heartbeat',
    term: term(9),
    commit: logIndex(0),
    floor: logIndex(0),
    round: 1,
  };
  deliver(n2, Uint8Array.of(1, 2, 3));
  deliver(n2, encodeMessage(sender('other', n2), heartbeat));
  deliver(n2, encodeMessage(sender('bench', nodeId('n3')), heartbeat));
  events.runUntil(11 * MS);
  t.is(Number(raft.status().term), 0);
  t.is(sent.length, 0);
  deliver(n2, encodeMessage(sender('bench', n2), heartbeat));
  events.runUntil(20 * MS);
  t.is(Number(raft.status().term), 9);
  t.is(raft.status().leader, n2);
  t.is(sent.length, 1);
});

test('a proposal without a payload, and options that cannot work, are refused with a remedy', (t) => {
  const { raft } = bench({});
  t.throws(() => raft.propose([], () => undefined), { message: /give at least one payload/ });
  t.throws(() => bench({ voters: [n1, n1] }), { message: /a voter is named twice; correct the membership/ });
});

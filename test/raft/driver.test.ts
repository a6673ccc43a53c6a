/** The driver, three at a time, on virtual time and without random faults: each test is one story. */

import test from 'ava';
import type { ProposeResult } from '../../src/raft/driver-api.js';
import { payload, payloadNumber, World, type SimNode } from './world.js';

const commands = (node: SimNode): number[] =>
  node.machine.filter((entry) => entry.kind === 'command').map((entry) => payloadNumber(entry.payload));

const others = (world: World, leader: SimNode): SimNode[] => world.nodes.filter((node) => node !== leader);

function proposeAndWait(world: World, node: SimNode, numbers: readonly number[]): ProposeResult {
  const answers: ProposeResult[] = [];
  node.propose(
    numbers.map((number) => payload(number)),
    (result) => answers.push(result),
  );
  world.until(() => answers.length > 0, 5000, 'the proposal is answered');
  return answers[0] ?? { status: 'unknown' };
}

test('three nodes elect one leader, and what it commits is applied by all, in order', (t) => {
  const world = new World(1, 3);
  const leader = world.elect();
  t.is(proposeAndWait(world, leader, [1, 2, 3]).status, 'applied');
  t.is(proposeAndWait(world, leader, [4]).status, 'applied');
  world.run(100);
  for (const node of world.nodes) t.deepEqual(commands(node), [1, 2, 3, 4]);
  t.deepEqual(world.fatal, []);
});

test('a follower forwards to the leader and answers when the entry is applied on the follower itself', (t) => {
  const world = new World(2, 3);
  const leader = world.elect();
  const [follower] = others(world, leader);
  if (follower === undefined) throw new Error('no follower');
  const answer = proposeAndWait(world, follower, [7]);
  t.is(answer.status, 'applied');
  t.deepEqual(commands(follower), [7]);
});

test('a single voter commits alone, and only after its own write', (t) => {
  const world = new World(3, 1);
  const leader = world.elect();
  leader.diskMs = [40, 40];
  const begin = world.now;
  t.is(proposeAndWait(world, leader, [1]).status, 'applied');
  t.true(world.now - begin >= 40e6);
});

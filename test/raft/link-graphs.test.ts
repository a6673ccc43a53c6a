/**
 * Partial connectivity (pitfalls E12, E13): which links work is drawn as a graph. Raft with pre-vote, stickiness and
 * check-quorum must find a leader, and keep it, in every graph that has a node linked to a majority and whose log is
 * as new as theirs. (The limit, "constrained election": when the only well-linked node lacks an entry that a
 * neighbour has, Raft waits for a link to come back. Logs are equal here when the links are cut.)
 */

import test from 'ava';
import { payload, World, type SimNode } from './world.js';

type Link = readonly [string, string];

/** Cuts every link that the graph does not have. */
function connect(world: World, links: readonly Link[]): void {
  for (const a of world.nodes) {
    for (const b of world.nodes) {
      const linked = links.some(([x, y]) => (x === a.id && y === b.id) || (x === b.id && y === a.id));
      if (a !== b && !linked) world.block(a.id, b.id);
    }
  }
}

const linked = (links: readonly Link[], node: SimNode): number =>
  links.filter((link) => link.includes(node.id)).length;

/** A leader that commits a new entry; undefined after too long. */
function serves(world: World, milliseconds: number): SimNode | undefined {
  const end = world.now + milliseconds * 1e6;
  let served: SimNode | undefined;
  let number = 1;
  while (served === undefined && world.now < end) {
    const leader = world.leader();
    leader?.propose([payload(number++)], (result) => {
      // What a deposed leader had sent may be committed by its successor.
      if (result.status === 'applied' && world.leader() === leader) served = leader;
    });
    world.run(50);
  }
  return served;
}

/** @returns what is wrong with this graph, or null */
function tryGraph(seed: number, size: number, links: readonly Link[]): string | null {
  const world = new World(seed, size);
  world.elect();
  world.run(200);
  connect(world, links);
  const capable = world.nodes.some((node) => linked(links, node) + 1 > size / 2);
  const leader = serves(world, capable ? 4000 : 1500);
  const drawing = links.map(([a, b]) => `${a}-${b}`).join(' ');
  if (!capable) return leader === undefined ? null : `${drawing}: committed without a majority`;
  if (leader === undefined) return `${drawing}: nobody serves`;
  const { term } = leader;
  world.run(2000);
  return world.leader()?.term === term ? null : `${drawing}: the leader does not stay`;
}

function allLinks(size: number): Link[] {
  const names = Array.from({ length: size }, (_, at) => `n${at + 1}`);
  return names.flatMap((a, at) => names.slice(at + 1).map((b) => [a, b] as const));
}

const subset = (links: readonly Link[], bits: number): Link[] =>
  links.filter((_, at) => (bits & (1 << at)) !== 0);

test('every link graph of three nodes, whoever led before', (t) => {
  const links = allLinks(3);
  const wrong: string[] = [];
  for (let bits = 0; bits < 8; bits++) {
    for (let seed = 1; seed <= 8; seed++) {
      const problem = tryGraph(seed, 3, subset(links, bits));
      if (problem !== null) wrong.push(`seed ${seed}: ${problem}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('every fourth link graph of five nodes', (t) => {
  const links = allLinks(5);
  const wrong: string[] = [];
  for (let bits = 1; bits < 1024; bits += 4) {
    const problem = tryGraph(bits, 5, subset(links, bits));
    if (problem !== null) wrong.push(problem);
  }
  t.deepEqual(wrong, []);
});

test('the graph of the Cloudflare outage of 2020: one follower loses the leader only', (t) => {
  const world = new World(5, 3);
  const leader = world.elect();
  const { term } = leader;
  const [follower] = world.nodes.filter((node) => node !== leader);
  world.block(leader.id, follower?.id ?? '');
  world.block(follower?.id ?? '', leader.id);
  world.run(20_000);
  t.is(world.leader(), leader);
  t.is(leader.term, term, 'no election in twenty seconds');
});

test('quorum loss (OmniPaxos): the leader keeps one link, the others all hear a node that is not the leader', (t) => {
  const world = new World(9, 5);
  const leader = world.elect();
  const hub = world.nodes.find((node) => node !== leader);
  connect(
    world,
    world.nodes.filter((node) => node !== hub).map((node) => [node.id, hub?.id ?? ''] as const),
  );
  t.is(serves(world, 4000), hub);
});

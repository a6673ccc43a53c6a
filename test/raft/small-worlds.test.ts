/**
 * Exhaustive small worlds: every graph of links between three nodes × a power cut after every effect × the outstanding
 * write lost or kept × disks faster or slower than the network, for one election and one append. Safety at every step; when the links are healed, service.
 */

import test from 'ava';
import { SmallWorld, type Crash } from './small-world.js';

const links = ['n1n2', 'n1n3', 'n2n3'];
const FIRST = 1;
const LAST = 2;

/** One election and one append under the graph, then the links are healed. @returns the effects up to then */
function play(graph: number, crash: Crash, problems: string[]): number {
  const world = new SmallWorld(new Set(links.filter((_, at) => (graph & (1 << at)) !== 0)), crash);
  const [first] = world.nodes;
  if (first === undefined) throw new Error('unreachable');
  world.timeout(first);
  let proposed = false;
  for (let passed = 0; passed < 1500; passed += 50) {
    const leader = world.leader();
    if (leader !== undefined && !proposed) world.propose(leader, FIRST);
    proposed ||= leader !== undefined;
    world.pass(50);
    if (world.appliedEverywhere(FIRST)) break;
  }
  const effects = world.effects;
  world.healed = true;
  for (let passed = 0; passed < 5000 && !world.appliedEverywhere(LAST); passed += 50) {
    const leader = world.leader();
    if (leader !== undefined && passed % 500 === 450) world.propose(leader, LAST);
    world.pass(50);
  }
  if (!world.appliedEverywhere(LAST)) world.violations.push('nobody serves after the links are healed');
  world.check();
  const where = `graph ${graph.toString(2).padStart(3, '0')}, cut after effect ${crash.afterEffect}`;
  for (const problem of world.violations) problems.push(`${where}: ${problem}`);
  return effects;
}

test('every link graph of three nodes × every crash point of one election and one append', (t) => {
  const problems: string[] = [];
  let worlds = 0;
  for (let graph = 0; graph < 8; graph++) {
    for (const slowDisk of [false, true]) {
      const effects = play(graph, { afterEffect: 0, keepsWrite: false, slowDisk }, problems);
      for (let afterEffect = 1; afterEffect <= effects; afterEffect++) {
        for (const keepsWrite of [false, true]) {
          play(graph, { afterEffect, keepsWrite, slowDisk }, problems);
          worlds++;
        }
      }
    }
  }
  t.log(`${worlds} worlds`);
  t.deepEqual(problems.slice(0, 10), []);
  t.true(worlds > 1000, `${worlds} worlds`);
});

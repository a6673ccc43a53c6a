/** Runs the protocol stories in ./scripts: each block's effects must be exactly those written below it. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { ScriptWorld } from './script.js';

// From dist/test/raft back to the source tree.
const folder = new URL('../../../test/raft/scripts/', import.meta.url);

/** Replays a story and returns it with what really happened. */
function replay(story: string): string {
  const world = new ScriptWorld();
  const blocks = story.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => replayBlock(world, block)).join('\n\n')}\n`;
}

function replayBlock(world: ScriptWorld, block: string): string {
  const lines = block.split('\n');
  const end = lines.indexOf('----');
  const given = end < 0 ? lines : lines.slice(0, end);
  const verbs = given.filter((line) => !line.startsWith('#'));
  if (verbs.length === 0) return block;
  const happened = verbs.map((verb) => world.run(verb)).filter((said) => said !== 'nothing');
  return [...given, '----', happened.length === 0 ? 'nothing' : happened.join('\n')].join('\n');
}

const stories = readdirSync(folder).filter((name) => name.endsWith('.txt'));

test('there are stories', (t) => {
  t.true(stories.length >= 10);
});

for (const name of stories) {
  test(name.replace('.txt', '').replaceAll('-', ' '), (t) => {
    const file = new URL(name, folder);
    const story = readFileSync(file, 'utf8');
    const happened = replay(story);
    if (process.env['REWRITE'] === '1') writeFileSync(file, happened);
    else t.is(happened, story);
    t.pass();
  });
}

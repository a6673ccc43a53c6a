/**
 * Makes the golden files of the authority's formats: `node dist/test/authority/golden-maker.js DIR`. Run once for each
 * version of a format; existing files are never overwritten.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../src/verify/cbor.js';
import { goldenStory } from './golden-story.js';

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('give the directory to write to');
const story = goldenStory();
const write = (name: string, bytes: Uint8Array): void => {
  writeFileSync(join(directory, name), bytes, { flag: 'wx' });
};
write('commands.cbor', encode(story.steps.map(({ payload }) => payload)));
write('records.cbor', encode(story.leaves));
write('state.cbor', story.authority.snapshot());

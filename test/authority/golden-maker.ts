/**
 * Makes the golden files of the authority's formats: `node dist/test/authority/golden-maker.js DIR [STORY]`. Run once for each
 * version of a format; existing files are never overwritten.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '../../src/verify/cbor.js';
import { clockEvidenceStory } from './clock-evidence-story.js';
import { goldenStory } from './golden-story.js';
import { membersStory } from './members-story.js';

const [, , directory, name = 'all'] = process.argv;
const stories = { all: goldenStory, 'clock-evidence': clockEvidenceStory, members: membersStory };
if (directory === undefined || !(name in stories)) {
  throw new Error(`give the directory to write to, and one of ${Object.keys(stories).join(', ')}`);
}
const story = stories[name as keyof typeof stories]();
const write = (file: string, bytes: Uint8Array): void => {
  writeFileSync(join(directory, file), bytes, { flag: 'wx' });
};
write(
  'commands.cbor',
  encode(
    story.steps.map(({ payload, isConfiguration }) => (isConfiguration ? { config: payload } : payload)),
  ),
);
write('records.cbor', encode(story.leaves));
write('state.cbor', story.authority.snapshot());

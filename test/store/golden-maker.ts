/**
 * Makes the golden files of this room: `node dist/test/store/golden-maker.js DIR`. Run once for each version of a format;
 * files that were published are never made again, because what was stored must be read for ever.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { golden } from './golden.js';

const [, , directory] = process.argv;
if (directory === undefined) throw new Error('give the directory to write to');
mkdirSync(directory, { recursive: true });
for (const [name, bytes] of await golden()) writeFileSync(join(directory, name), bytes, { flag: 'wx' });

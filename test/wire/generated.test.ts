/** What is made from proto/ and from tables is current, and what was published is not broken. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { refusalReasons } from '../../src/authority/refusals.js';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { renderReasons } from '../../src/wire/reasons.js';
import { breakingChanges, outlineOf } from './proto-outline.js';
import type { Outline } from './proto-outline.js';

const root = findPackageRoot();
const published = JSON.parse(readFileSync(join(root, 'test/fixtures/proto-outline.json'), 'utf8')) as Outline;

test('the types in src/wire/gen are what npm run proto makes of proto/', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'taa-gen-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const result = spawnSync(process.execPath, [join(root, 'scripts/proto.js'), folder], { encoding: 'utf8' });
  t.is(result.status, 0, result.stderr);
  const files = (of: string): string[] =>
    readdirSync(of, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .sort();
  const checkedIn = join(root, 'src/wire/gen');
  t.deepEqual(files(checkedIn), files(folder));
  for (const name of files(folder)) {
    t.is(readFileSync(join(checkedIn, name), 'utf8'), readFileSync(join(folder, name), 'utf8'), name);
  }
});

test('docs/error-reasons.md is what the lists of reasons say (npm run proto writes it)', (t) => {
  t.is(readFileSync(join(root, 'docs/error-reasons.md'), 'utf8'), renderReasons(refusalReasons));
});

test('proto/ breaks nothing that was published, and everything in it is', (t) => {
  t.deepEqual(breakingChanges(published, outlineOf()), []);
  t.deepEqual(outlineOf(), published, 'npm run proto adds what is new to test/fixtures/proto-outline.json');
});

const without = (outline: Outline, name: string): Outline =>
  Object.fromEntries(Object.entries(outline).filter(([key]) => key !== name));

for (const [what, change, expected] of [
  [
    'a field that is taken away',
    (outline: Outline) => without(outline, 'field taa.v1.Hello.software'),
    /Hello\.software is gone/,
  ],
  [
    'a field with another type',
    (outline: Outline) => ({ ...outline, 'field taa.v1.Hello.software': '2 TYPE_BYTES LABEL_OPTIONAL' }),
    /Hello\.software was 2 TYPE_STRING LABEL_OPTIONAL and is 2 TYPE_BYTES/,
  ],
  [
    'a number that is used again under another name',
    (outline: Outline) => ({
      ...without(outline, 'field taa.v1.Hello.software'),
      'field taa.v1.Hello.agent': '2 TYPE_STRING LABEL_OPTIONAL',
    }),
    /Hello\.agent takes the number of field taa\.v1\.Hello\.software/,
  ],
  [
    'an enum value with another number',
    (outline: Outline) => ({ ...outline, 'enum taa.v1.Verdict.VERDICT_PASS': '9' }),
    /VERDICT_PASS was 1 and is 9/,
  ],
  [
    'a method that streams where it did not',
    (outline: Outline) => ({
      ...outline,
      'method /taa.v1.TimeService/GetTime': 'stream GetTimeRequest → GetTimeResponse',
    }),
    /GetTime was GetTimeRequest → GetTimeResponse and is stream/,
  ],
] as const) {
  test(`a breaking change is seen: ${what}`, (t) => {
    t.regex(breakingChanges(published, change(published)).join('\n'), expected);
  });
}

test('an addition breaks nothing', (t) => {
  const added = { ...published, 'field taa.v1.Hello.locale': '3 TYPE_STRING LABEL_OPTIONAL' };
  t.deepEqual(breakingChanges(published, added), []);
});

/** Golden files of the command envelope, the records and the state image, read back and made anew. */

import { readFileSync } from 'node:fs';
import test from 'ava';
import { birthAuthority, restoreAuthority } from '../../src/authority/authority.js';
import { decodeCommand, encodeCommand } from '../../src/authority/commands.js';
import { actNames } from '../../src/authority/acts.js';
import { refusalReasons } from '../../src/authority/refusals.js';
import { testimonyKinds } from '../../src/authority/testimony.js';
import { recordCatalogue } from '../../src/authority/records.js';
import { taiNs } from '../../src/time/types.js';
import { decode, type CborMap } from '../../src/verify/cbor.js';
import { fixture } from '../verify/fixtures.js';
import { hex } from '../verify/random.js';
import { deps, genesisOf } from './cluster.js';
import { clockEvidenceStory } from './clock-evidence-story.js';
import { goldenStory } from './golden-story.js';

const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(fixture(`formats/${name}`)));
/** Golden files in a folder of their own came later: what came before is read as it was written. */
const stories = [
  ['', goldenStory],
  ['clock-evidence/', clockEvidenceStory],
] as const;

const list = (name: string): readonly Uint8Array[] => decode(golden(name)) as readonly Uint8Array[];

for (const [folder, story] of stories) {
  test(`the golden commands ${folder}, applied from birth, make the golden records and the golden state`, (t) => {
    const { authority, leaves } = birthAuthority(genesisOf(), deps);
    const times = story().steps.map(({ time }) => time);
    const made = [...leaves];
    list(`${folder}commands.cbor`).forEach((payload, i) => {
      const entry = { index: i + 1, time: taiNs(times[i] ?? 0n), payload };
      made.push(...authority.apply(entry, made.length).leaves);
    });
    t.deepEqual(made.map(hex), list(`${folder}records.cbor`).map(hex));
    t.is(hex(authority.snapshot()), hex(golden(`${folder}state.cbor`)));
  });
}

test('golden commands decode and encode to the same bytes', (t) => {
  let read = 0;
  for (const payload of stories.flatMap(([folder]) => list(`${folder}commands.cbor`))) {
    const decoded = decodeCommand(payload);
    if (!decoded.ok) continue;
    const { node, nonce, command } = decoded.envelope;
    t.is(hex(encodeCommand(node, nonce, command)), hex(payload), command.kind);
    read++;
  }
  const all = stories.flatMap(([folder]) => list(`${folder}commands.cbor`));
  t.is(read, all.length - 1, 'one of them is no command');
});

test('the golden state is restored and encodes to the same bytes', (t) => {
  const authority = restoreAuthority(golden('state.cbor'), genesisOf(), deps);
  t.is(hex(authority.snapshot()), hex(golden('state.cbor')));
  t.is(authority.policy().version, 2);
  t.is(authority.pending('n1').length, 1);
});

test('the golden records hold one of every type but those that came later', (t) => {
  const types = new Set(
    stories
      .flatMap(([folder]) => list(`${folder}records.cbor`))
      .map((leaf) => (decode(leaf) as CborMap).get('type')),
  );
  const missing = recordCatalogue.map(({ type }) => type).filter((type) => !types.has(type));
  t.deepEqual(missing, ['versionRaised', 'stateDigest']);
});

test('docs/formats.md lists every record type, refusal, command and order', (t) => {
  const formats = readFileSync(fixture('../../docs/formats.md'), 'utf8');
  for (const { type, retention, says } of recordCatalogue) {
    t.true(formats.includes(`| \`${type}\` | ${retention} | ${says} |`), type);
  }
  for (const [reason, meaning] of Object.entries(refusalReasons)) {
    t.true(formats.includes(`| \`${reason}\` | ${meaning} |`), reason);
  }
  for (const name of [...testimonyKinds, ...actNames]) t.true(formats.includes(`\`${name}\``), name);
});

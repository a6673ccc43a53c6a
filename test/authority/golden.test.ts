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
import { describeConfiguration } from '../../src/raft/configuration.js';
import { decode, type CborMap } from '../../src/verify/cbor.js';
import { isMap } from '../../src/verify/cbor-reader.js';
import { membershipOfGenesis } from '../../src/verify/membership.js';
import { fixture } from '../verify/fixtures.js';
import { hex } from '../verify/random.js';
import { deps, genesisOf } from './cluster.js';
import { clockEvidenceStory } from './clock-evidence-story.js';
import { goldenStory } from './golden-story.js';
import { membersStory } from './members-story.js';

const golden = (name: string): Uint8Array => new Uint8Array(readFileSync(fixture(`formats/${name}`)));
/** Golden files in a folder of their own came later: what came before is read as it was written. */
const stories = [
  ['', goldenStory],
  ['clock-evidence/', clockEvidenceStory],
  ['members/', membersStory],
] as const;

const list = (name: string): readonly Uint8Array[] => decode(golden(name)) as readonly Uint8Array[];

/** Commands, and between them what consensus took for configurations: `{config: payload}`. */
const entriesOf = (folder: string) =>
  (decode(golden(`${folder}commands.cbor`)) as readonly (Uint8Array | CborMap)[]).map((entry) =>
    isMap(entry)
      ? { payload: entry.get('config') as Uint8Array, isConfiguration: true }
      : { payload: entry, isConfiguration: false },
  );
const commandsOf = (folder: string): readonly Uint8Array[] =>
  entriesOf(folder).flatMap(({ payload, isConfiguration }) => (isConfiguration ? [] : [payload]));

for (const [folder, story] of stories) {
  test(`the golden commands ${folder}, applied from birth, make the golden records and the golden state`, (t) => {
    const { authority, leaves } = birthAuthority(genesisOf(), deps);
    const times = story().steps.map(({ time }) => time);
    const made = [...leaves];
    entriesOf(folder).forEach(({ payload, isConfiguration }, i) => {
      const entry = { index: i + 1, time: taiNs(times[i] ?? 0n), payload };
      const configuration = isConfiguration ? { configuration: describeConfiguration(payload) } : {};
      made.push(...authority.apply({ ...entry, ...configuration }, made.length).leaves);
    });
    t.deepEqual(made.map(hex), list(`${folder}records.cbor`).map(hex));
    t.is(hex(authority.snapshot()), hex(golden(`${folder}state.cbor`)));
  });
}

test('golden commands decode and encode to the same bytes', (t) => {
  let read = 0;
  for (const payload of stories.flatMap(([folder]) => commandsOf(folder))) {
    const decoded = decodeCommand(payload);
    if (!decoded.ok) continue;
    const { node, nonce, command, happened } = decoded.envelope;
    t.is(hex(encodeCommand(node, nonce, command, happened)), hex(payload), command.kind);
    read++;
  }
  const all = stories.flatMap(([folder]) => commandsOf(folder));
  t.is(read, all.length - 1, 'one of them is no command');
});

test('the golden state is restored and encodes to the same bytes', (t) => {
  const authority = restoreAuthority(golden('state.cbor'), genesisOf(), deps);
  t.is(hex(authority.snapshot()), hex(golden('state.cbor')));
  t.is(authority.policy().version, 2);
  t.is(authority.pending('n1').length, 1);
});

test('the golden state with members is restored and encodes to the same bytes; without, it is one of the first members', (t) => {
  const authority = restoreAuthority(golden('members/state.cbor'), genesisOf(), deps);
  t.is(hex(authority.snapshot()), hex(golden('members/state.cbor')));
  t.is(authority.membership().current.version, 4);
  t.true(authority.membership().pending);
  const before = restoreAuthority(golden('state.cbor'), genesisOf(), deps);
  t.deepEqual(before.membership().current, membershipOfGenesis(genesisOf()));
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

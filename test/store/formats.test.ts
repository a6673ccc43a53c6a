/** The golden files of docs/formats.md that this room reads back. A change of a byte here is a change of format. */

import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { WitnessState } from '../../src/audit/storage.js';
import { layoutOf, readIdentity } from '../../src/store/directory-files.js';
import { openGuard } from '../../src/store/guard.js';
import { openKeyValueStore } from '../../src/store/kv.js';
import {
  decodeImage,
  decodeOrigin,
  ORIGIN_KEY,
  IMAGE_KEY,
  openedValue,
} from '../../src/store/ledger-values.js';
import { decodeBlock, encodeBlock, NO_HASH } from '../../src/store/log-block.js';
import {
  encodeHardState,
  HARD_STATE_KEY,
  OUTLINE_KEY,
  readHardState,
  readOutline,
} from '../../src/store/log-outline.js';
import { MARKER_KEY, readMarker } from '../../src/store/log-trim.js';
import { memoryEngine } from '../../src/store/memory.js';
import { seal, unseal } from '../../src/store/sealed-value.js';
import { openWitnessFile } from '../../src/store/witness-file.js';
import {
  golden,
  goldenEntries,
  goldenGuard,
  goldenHardState,
  goldenIdentity,
  goldenImage,
  goldenMarker,
  goldenOrigin,
  goldenOutline,
  goldenWitness,
  incarnation,
} from './golden.js';
import { asked, entries, plain, seeded, temporaryDirectory } from './harness.js';

const pathOf = (name: string): string =>
  fileURLToPath(new URL(`../../../test/fixtures/formats/store/${name}`, import.meta.url));
const file = (name: string): Uint8Array => Uint8Array.from(readFileSync(pathOf(name)));

test('what this program writes today is, byte for byte, what the golden files hold', async (t) => {
  for (const [name, bytes] of await golden()) t.true(Buffer.from(file(name)).equals(bytes), name);
});

test('Raft block: the golden one reads back, and every flipped bit of it is refused', (t) => {
  const bytes = file('raft-block');
  const block = decodeBlock(bytes);
  t.deepEqual(plain(block?.entries ?? []), plain(goldenEntries));
  t.is(block?.firstIndex, goldenEntries[0]?.index);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (decodeBlock(flipped) !== null) return t.fail(`bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length++) {
    if (decodeBlock(bytes.subarray(0, length)) !== null) return t.fail(`the first ${length} bytes`);
  }
});

test('hard state, outline and image: the golden ones read back', async (t) => {
  const store = await openKeyValueStore(memoryEngine());
  await store.batch(
    [
      { type: 'put', key: HARD_STATE_KEY, value: file('raft-hard-state') },
      { type: 'put', key: OUTLINE_KEY, value: file('raft-outline') },
    ],
    false,
  );
  t.deepEqual(await readHardState(store), goldenHardState);
  t.deepEqual(await readOutline(store), goldenOutline);
  await store.batch([{ type: 'put', key: MARKER_KEY, value: file('raft-marker') }], false);
  t.deepEqual(await readMarker(store), goldenMarker);
  t.deepEqual(openedValue(IMAGE_KEY, file('ledger-image'), 'image', decodeImage), goldenImage);
  t.deepEqual(openedValue(ORIGIN_KEY, file('ledger-origin'), 'origin', decodeOrigin), goldenOrigin);
});

test('guard, witness and identity: the golden ones read back', async (t) => {
  const guard = await openGuard(pathOf('guard'), incarnation, { readOnly: true });
  t.deepEqual(guard.state, goldenGuard);
  await guard.abandon();
  const witness = await openWitnessFile(pathOf('witness'), incarnation, { readOnly: true });
  t.deepEqual(await asked<WitnessState | null>((done) => witness.load(done)), goldenWitness);
  await witness.close();
  const directory = join(temporaryDirectory(), 'd');
  mkdirSync(directory);
  copyFileSync(pathOf('identity'), join(directory, 'identity'));
  t.deepEqual(await readIdentity(layoutOf(directory)), goldenIdentity);
});

test('a sealed value is opened under its own key only, and with none of its bits flipped', (t) => {
  const key = Uint8Array.of(0x54, 0, 1);
  const payload = Uint8Array.from({ length: 40 }, (_, i) => i);
  const value = Uint8Array.from(seal(key, payload));
  t.deepEqual(Uint8Array.from(unseal(key, value) ?? []), payload);
  t.is(unseal(Uint8Array.of(0x54, 0, 2), value), null);
  t.is(unseal(key, new Uint8Array(4)), null);
  for (let bit = 0; bit < value.length * 8; bit++) {
    const flipped = value.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.is(unseal(key, flipped), null);
  }
});

test('blocks of random entries read back, and 2,000 random changes are all refused', (t) => {
  const random = seeded(3);
  const list = entries(2 ** 32, 2 ** 32 + 20, 2 ** 33);
  const value = Uint8Array.from(encodeBlock(NO_HASH, list).value);
  t.deepEqual(plain(decodeBlock(value)?.entries ?? []), plain(list));
  for (let i = 0; i < 2000; i++) {
    const changed = value.slice(0, random(8) === 0 ? random(value.length) : value.length);
    const at = random(changed.length + 1);
    changed[at] = (changed[at] ?? 0) + 1 + random(255);
    if (decodeBlock(changed) !== null && !Buffer.from(changed).equals(value)) return t.fail(`change ${i}`);
  }
  t.pass();
});

test('a record of a later version is refused, not guessed at', async (t) => {
  const value = Uint8Array.from(encodeHardState(goldenHardState));
  const store = await openKeyValueStore(memoryEngine());
  const payload = unseal(HARD_STATE_KEY, value)?.slice() ?? new Uint8Array();
  const at = payload.findIndex((byte, i) => byte === 0x76 && payload[i - 1] === 0x61); // "v"
  payload[at + 1] = 2;
  await store.batch([{ type: 'put', key: HARD_STATE_KEY, value: seal(HARD_STATE_KEY, payload) }], false);
  await t.throwsAsync(readHardState(store), { code: 'LOG_RECORD_DAMAGED', message: /unknown version 2/ });
});

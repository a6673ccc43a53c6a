/** How the golden files of this room's formats came about: fixed inputs through the encoders. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerImage, LedgerOrigin } from '../../src/audit/storage.js';
import { encodeIdentity, type DirectoryIdentity } from '../../src/store/directory-files.js';
import { createGuard, openGuard, type GuardState } from '../../src/store/guard.js';
import { encodeImage, encodeOrigin, IMAGE_KEY, ORIGIN_KEY } from '../../src/store/ledger-values.js';
import { encodeBlock, NO_HASH } from '../../src/store/log-block.js';
import { encodeHardState, encodeOutline, type Outline } from '../../src/store/log-outline.js';
import { encodeMarker, type LogMarker } from '../../src/store/log-trim.js';
import { seal } from '../../src/store/sealed-value.js';
import { createWitnessFile, openWitnessFile } from '../../src/store/witness-file.js';
import { logIndex, nodeId, term } from '../../src/raft/types.js';
import { sha256 } from '../../src/verify/crypto.js';
import { asked, entry, hardState } from './harness.js';

export const incarnation = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const hash = (n: number): Uint8Array => sha256(Uint8Array.of(n));

export const goldenEntries = [entry(1, 1), entry(2, 1, ''), entry(3, 2)];
export const goldenHardState = hardState(7, 'tokyo', 2);
export const goldenOutline: Outline = {
  firstIndex: logIndex(1),
  boundaries: [
    { index: logIndex(1), previousHash: NO_HASH },
    { index: logIndex(90_000), previousHash: hash(1) },
  ],
  termRuns: [
    { firstIndex: logIndex(1), term: term(1) },
    { firstIndex: logIndex(4_000), term: term(7) },
  ],
};
export const goldenImage: LedgerImage = {
  appliedIndex: 300,
  appliedTime: 1_790_000_000_123_456_789n,
  size: 257,
  edge: [[hash(2)], [hash(3)]],
  tail: [Uint8Array.of(0xa0)],
  state: Uint8Array.of(1, 2, 3),
};
export const goldenGuard: GuardState = {
  term: term(7),
  vote: nodeId('tokyo'),
  lastIndex: logIndex(90_123),
  lastHash: hash(4),
  ledgerIndex: 300,
};
export const goldenMarker: LogMarker = { index: logIndex(40_960), term: term(3), time: 99n, hash: hash(8) };
export const goldenOrigin: LedgerOrigin = {
  appliedIndex: 40_960,
  appliedTerm: 3,
  time: 99n,
  size: 70_000,
  present: 300,
  next: { kind: 'tile', level: 0, index: 17 },
};
export const goldenWitness = { size: 257, root: hash(5) };
export const goldenIdentity: DirectoryIdentity = {
  clusterId: 'taa-example',
  nodeId: 'tokyo',
  incarnation,
  engine: 'rocksdb',
  genesisSha256: hash(6),
};

export async function golden(): Promise<ReadonlyMap<string, Uint8Array>> {
  const directory = mkdtempSync(join(tmpdir(), 'taa-golden-'));
  try {
    const guard = join(directory, 'guard');
    await createGuard(guard, incarnation);
    const openedGuard = await openGuard(guard, incarnation, { readOnly: false });
    await openedGuard.save(goldenGuard);
    await openedGuard.close();
    const witness = join(directory, 'witness');
    await createWitnessFile(witness, incarnation);
    const openedWitness = await openWitnessFile(witness, incarnation, { readOnly: false });
    await asked((done) => openedWitness.save(goldenWitness, done));
    await openedWitness.close();
    return new Map([
      ['raft-block', encodeBlock(hash(0), goldenEntries).value],
      ['raft-hard-state', encodeHardState(goldenHardState)],
      ['raft-outline', encodeOutline(goldenOutline)],
      ['raft-marker', encodeMarker(goldenMarker)],
      ['ledger-origin', seal(ORIGIN_KEY, encodeOrigin(goldenOrigin))],
      ['ledger-image', seal(IMAGE_KEY, encodeImage(goldenImage))],
      ['identity', encodeIdentity(goldenIdentity)],
      ['guard', Uint8Array.from(readFileSync(guard))],
      ['witness', Uint8Array.from(readFileSync(witness))],
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

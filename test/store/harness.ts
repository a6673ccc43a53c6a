/** What the tests of this room share: temporary directories, the loadable engines, doors as promises, entries. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogBatch, LogImage, RaftLogStore } from '../../src/raft/storage.js';
import { logIndex, term, type Entry, type EntryKind, type HardState } from '../../src/raft/types.js';
import { openDataDirectory, type DataDirectory } from '../../src/store/data-directory.js';
import { sha256 } from '../../src/verify/crypto.js';
import { engineLoads, type DiskEngine } from '../../src/store/engine.js';

const made: string[] = [];
process.on('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** Removed when the process exits. */
export function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'taa-store-'));
  made.push(path);
  return path;
}

/** The engines whose binding loads under this Node; at least LevelDB. */
export const diskEngines: readonly DiskEngine[] = (await engineLoads('rocksdb'))
  ? ['rocksdb', 'leveldb']
  : ['leveldb'];

export const genesis = new TextEncoder().encode('a genesis that somebody has verified');

interface Given {
  readonly genesisBytes?: Uint8Array | undefined;
}

/** As a process does it: a damaged log is opened too, as a suspect one. */
export const openSuspect = (
  path: string,
  engine: DiskEngine,
  given: Given = { genesisBytes: genesis },
): Promise<DataDirectory> => openDataDirectory({ path, clusterId: 'c1', nodeId: 'n1', engine, ...given });

/** A directory that is expected to be whole. @throws what makes its log suspect */
export async function openNode(path: string, engine: DiskEngine, given?: Given): Promise<DataDirectory> {
  const node = await openSuspect(path, engine, given);
  if (node.suspect === null) return node;
  await node.close();
  throw node.suspect.error;
}

type Door<T> = (done: (error: Error | null, value?: T) => void) => void;

/** A door's callback as a promise; a second call of it fails the test by an uncaught exception. */
export function asked<T>(door: Door<T>): Promise<T> {
  let called = 0;
  return new Promise((resolve, reject) => {
    door((error, value) => {
      if (++called > 1) throw new Error('the callback ran twice');
      if (error === null) resolve(value as T);
      else reject(error);
    });
  });
}

export const persist = (log: RaftLogStore, batch: LogBatch): Promise<unknown> =>
  asked((done) => log.persist(batch, done));
export const loaded = (log: RaftLogStore): Promise<LogImage> => asked((done) => log.load(done));
export const readEntries = (
  log: RaftLogStore,
  from: number,
  to: number,
  maxBytes = Number.MAX_SAFE_INTEGER,
): Promise<readonly Entry[]> => asked((done) => log.read(logIndex(from), logIndex(to), maxBytes, done));

export function entry(index: number, inTerm = 1, payload: Uint8Array | string = `entry ${index}`): Entry {
  const kinds: readonly EntryKind[] = ['command', 'noop', 'config'];
  return {
    index: logIndex(index),
    term: term(inTerm),
    kind: kinds[index % 3] ?? 'command',
    time: BigInt(index) * 1_000_000_007n,
    payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
  };
}

export const entries = (from: number, to: number, inTerm = 1): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, inTerm));

export const hardState = (inTerm: number, vote: string | null = null, commit = 0): HardState => ({
  term: term(inTerm),
  vote: vote as HardState['vote'],
  commit: logIndex(commit),
});

/** Buffers and plain arrays of the same bytes compare equal; long payloads are named by their hash. */
export const plain = (list: readonly Entry[]): unknown =>
  list.map((e) => ({
    ...e,
    payload: Buffer.from(e.payload.length > 64 ? sha256(e.payload) : e.payload).toString('hex'),
  }));

/** A small seeded generator (mulberry32): the same seed gives the same story. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/**
 * What stands in a data directory, part by part, each looked at although another is damaged. Nothing is changed; works beside
 * a running node for RocksDB (what it writes meanwhile is not seen) and on a copy for LevelDB.
 */

import type { LedgerOrigin } from '../audit/storage.js';
import type { Entry, HardState, LogIndex } from '../raft/types.js';
import { sha256 } from '../verify/crypto.js';
import { layoutOf, readIdentity, readVersion, type DirectoryIdentity } from './directory-files.js';
import { engineAt } from './engine.js';
import { messageOf, StoreError } from './errors.js';
import { checkAgainstGuard, openGuard, type GuardState } from './guard.js';
import { openKeyValueStore, type KeyValueStore } from './kv.js';
import { decodeBlock } from './log-block.js';
import { blockKey, BLOCKS_END, readHardState, walk, type TermRun } from './log-outline.js';
import { checkFirstBlock, readMarker, trimmedOutline, type LogMarker } from './log-trim.js';
import { decodeImage, decodeOrigin, IMAGE_KEY, openedValue, ORIGIN_KEY } from './ledger-values.js';
import { openWitnessFile } from './witness-file.js';

export interface InspectedEntry {
  readonly index: number;
  readonly term: number;
  readonly kind: Entry['kind'];
  readonly time: bigint;
  readonly bytes: number;
  readonly sha256: Uint8Array;
}

export interface Inspection {
  readonly identity: DirectoryIdentity | null;
  readonly hardState: HardState | null;
  /** What the log has given up; null when it cannot be read. */
  readonly marker: Omit<LogMarker, 'hash'> | null;
  /** Null when the blocks do not make one unbroken log. */
  readonly log: {
    readonly firstIndex: number;
    readonly lastIndex: number;
    readonly termRuns: readonly TermRun[];
  } | null;
  readonly guard: GuardState | null;
  readonly witness: { readonly size: number; readonly root: Uint8Array } | null;
  readonly ledger: {
    readonly appliedIndex: number;
    readonly size: number;
    readonly origin: LedgerOrigin | null;
  } | null;
  /** The entries asked for that are there and whole, also where the log as a whole is damaged. */
  readonly entries: readonly InspectedEntry[];
  /** Code, what was found, remedy: a sentence each. */
  readonly findings: readonly string[];
}

/** @throws StoreError when there is no data directory, or another process holds it */
export async function inspectDirectory(
  path: string,
  range: { readonly from: number; readonly to: number } | null,
): Promise<Inspection> {
  const layout = layoutOf(path);
  if ((await readVersion(layout)) === 'absent') {
    throw new StoreError(
      'DIRECTORY_NOT_FOUND',
      `${path} is not a data directory`,
      'Name the directory that holds VERSION, identity, raft and ledger',
    );
  }
  const findings: string[] = [];
  const attempt = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      if (error instanceof StoreError && /LOCKED|UNAVAILABLE|NOT_FOUND/.test(error.code)) throw error;
      findings.push(messageOf(error));
      return null;
    }
  };
  const identity = await attempt(() => readIdentity(layout));
  if (identity === null) return { ...NOTHING, findings };
  const { incarnation, engine } = identity;
  const guard = await attempt(async () => {
    const opened = await openGuard(layout.guard, incarnation, { readOnly: true });
    await opened.abandon();
    return opened.state;
  });
  const witness = await attempt(async () => {
    const opened = await openWitnessFile(layout.witness, incarnation, { readOnly: true });
    try {
      return await new Promise<Inspection['witness']>((resolve, reject) => {
        opened.load((error, state) => {
          if (error === null) resolve(state ?? null);
          else reject(error);
        });
      });
    } finally {
      await opened.close();
    }
  });
  const within = async <T>(location: string, look: (store: KeyValueStore) => Promise<T>): Promise<T | null> =>
    attempt(async () => {
      const opened = await openKeyValueStore(await engineAt(engine, location), {
        readOnly: true,
        createIfMissing: false,
      });
      try {
        return await look(opened);
      } finally {
        await opened.close();
      }
    });
  const raft = await within(layout.raft, async (store) => {
    const hardState = await attempt(() => readHardState(store));
    const marker = await attempt(() => readMarker(store));
    const log = marker === null ? null : await attempt(() => wholeLog(store, marker));
    if (hardState !== null && guard !== null && log !== null) {
      await attempt(() => {
        checkAgainstGuard(guard, { ...hardState, lastIndex: log.lastIndex as LogIndex });
        return Promise.resolve(null);
      });
    }
    return { hardState, marker, log, entries: range === null ? [] : await entriesOf(store, range) };
  });
  const ledger = await within(layout.ledger, async (store) => {
    const image = await store.get(IMAGE_KEY);
    const origin = await store.get(ORIGIN_KEY);
    const { appliedIndex, size } =
      image === undefined
        ? { appliedIndex: 0, size: 0 }
        : openedValue(IMAGE_KEY, image, 'image', decodeImage);
    return {
      appliedIndex,
      size,
      origin: origin === undefined ? null : openedValue(ORIGIN_KEY, origin, 'origin', decodeOrigin),
    };
  });
  const { hardState, marker, log, entries } = raft ?? NOTHING;
  return { identity, hardState, marker, log, guard, witness, ledger, entries, findings };
}

const NOTHING: Omit<Inspection, 'findings'> = {
  identity: null,
  hardState: null,
  marker: null,
  log: null,
  guard: null,
  witness: null,
  ledger: null,
  entries: [],
};

/** Every block, from the marker to the end. @throws LogDamagedError at the first that does not continue the one before */
async function wholeLog(store: KeyValueStore, marker: LogMarker): Promise<NonNullable<Inspection['log']>> {
  const { lastIndex, termRuns } = await walk(store, trimmedOutline({ boundaries: [], termRuns: [] }, marker));
  await checkFirstBlock(store, marker, lastIndex);
  return { firstIndex: marker.index + 1, lastIndex, termRuns };
}

async function entriesOf(
  store: KeyValueStore,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<readonly InspectedEntry[]> {
  const found: InspectedEntry[] = [];
  await store.iterate({ gte: blockKey(0), lt: BLOCKS_END }, (_key, value) => {
    const block = decodeBlock(value);
    if (block === null) return true; // told by the walk
    if (block.firstIndex > to) return false;
    for (const { index, term, kind, time, payload } of block.entries) {
      if (index < from || index > to) continue;
      found.push({ index, term, kind, time, bytes: payload.length, sha256: sha256(payload) });
    }
    return true;
  });
  return found;
}

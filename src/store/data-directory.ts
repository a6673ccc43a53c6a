/**
 * One node's data directory: everything it must not forget, in one place that says whose it is.
 *
 *   VERSION identity genesis      what it is (./directory-files.ts)
 *   raft/ guard                   the Raft log, and the independent memory of what it promised
 *   ledger/ witness               the audit log with its state, and what this node has cosigned
 *   spool/ keys/ clock            for the rooms that own them
 *
 * A directory is born only with the cluster's genesis, and complete once VERSION names a format: a crash before that
 * leaves "creating", and the next start begins anew. From then on nothing is recreated silently: what is missing is damage.
 */

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { equalBytes } from '../verify/bytes.js';
import { sha256 } from '../verify/crypto.js';
import { syncDirectory, writeFileAtomically } from './atomic-file.js';
import {
  encodeIdentity,
  layoutOf,
  readGenesis,
  readIdentity,
  readVersion,
  unusable,
  writeVersion,
  type DirectoryIdentity,
  type DirectoryLayout,
} from './directory-files.js';
import { engineAt, type DiskEngine } from './engine.js';
import {
  codeOf,
  isDiskFull,
  LedgerDamagedError,
  LogDamagedError,
  StorageFailedError,
  StoreError,
} from './errors.js';
import { createGuard, openGuard, type Guard } from './guard.js';
import { openKeyValueStore, type KeyValueStore, type Operation } from './kv.js';
import { openLedgerStore, type OpenLedger } from './ledger-store.js';
import { INCARNATION_KEY } from './log-outline.js';
import { openLogOrSuspect, type FoundLog, type SuspectLog } from './log-suspect.js';
import { initialLogContent, openRaftLog, type OpenRaftLog } from './raft-log.js';
import { seal, unseal } from './sealed-value.js';
import { createWitnessFile, openWitnessFile, type OpenWitness } from './witness-file.js';

export interface OpenDirectoryOptions {
  readonly path: string;
  readonly clusterId: string;
  readonly nodeId: string;
  /** From `chooseEngine`. Must be the one that an existing directory names. */
  readonly engine: DiskEngine;
  /** The signed genesis, already verified by the caller. Needed to create; compared when the directory exists. */
  readonly genesisBytes?: Uint8Array | undefined;
}

export interface DataDirectory {
  readonly log: OpenRaftLog;
  /** Not null: the log is damaged, and the node must not take part before it was repaired. */
  readonly suspect: SuspectLog | null;
  readonly ledger: OpenLedger;
  readonly witness: OpenWitness;
  /** The directory `ledger` was gone and begins anew, empty: the node replays its whole log and should say so. */
  readonly ledgerRebuilt: boolean;
  readonly directory: DirectoryLayout;
  readonly identity: DirectoryIdentity;
  readonly genesis: Uint8Array;
  /**
   * Waits for pending work, brings the guard up to date, gives the lock back. After a failed write it may never resolve:
   * end the process with `endProcess` instead.
   */
  close(): Promise<void>;
}

/**
 * Opens a node's directory, creating it when it is empty and `genesisBytes` is given.
 * @throws StoreError with code and remedy for everything that is not as it was left
 */
export async function openDataDirectory(options: OpenDirectoryOptions): Promise<DataDirectory> {
  const layout = layoutOf(options.path);
  const state = await readVersion(layout);
  if (state !== 'complete') await create(layout, state, options);
  const identity = await readIdentity(layout);
  checkIdentity(layout, identity, options);
  const genesis = await readGenesis(layout, identity);
  if (options.genesisBytes !== undefined && !equalBytes(options.genesisBytes, genesis)) {
    throw new StoreError(
      'GENESIS_MISMATCH',
      `${layout.path} was created with another genesis than the one configured`,
      'Configure the genesis file of this cluster, or another data directory',
    );
  }
  return openParts(layout, identity, genesis, false);
}

/**
 * Opens a directory, best a copy, for verification only: nothing in it changes, and every write is refused. Works for any
 * cluster and node; what they are stands in `identity`.
 */
export async function openForInspection(path: string): Promise<DataDirectory> {
  const layout = layoutOf(path);
  if ((await readVersion(layout)) !== 'complete') {
    throw new StoreError(
      'DIRECTORY_NOT_FOUND',
      `${path} is not a complete data directory`,
      'Name the directory that holds VERSION, identity, raft and ledger',
    );
  }
  const identity = await readIdentity(layout);
  return openParts(layout, identity, await readGenesis(layout, identity), true);
}

/** The engine that an existing directory names; null when there is none yet. */
export async function recordedEngine(path: string): Promise<DiskEngine | null> {
  const layout = layoutOf(path);
  return (await readVersion(layout)) === 'complete' ? (await readIdentity(layout)).engine : null;
}

function checkIdentity(
  layout: DirectoryLayout,
  identity: DirectoryIdentity,
  { clusterId, nodeId, engine }: OpenDirectoryOptions,
): void {
  if (identity.clusterId !== clusterId) {
    throw new StoreError(
      'DIRECTORY_OF_ANOTHER_CLUSTER',
      `${layout.path} belongs to cluster ${identity.clusterId}, not ${clusterId}`,
      'Correct the data directory or the cluster id in the configuration; never move a data directory between clusters',
    );
  }
  if (identity.nodeId !== nodeId) {
    throw new StoreError(
      'DIRECTORY_OF_ANOTHER_NODE',
      `${layout.path} belongs to node ${identity.nodeId}, not ${nodeId}`,
      'Correct the data directory or the node id in the configuration; a copy of another node must never run',
    );
  }
  if (identity.engine !== engine) {
    throw new StoreError(
      'ENGINE_MISMATCH',
      `${layout.path} was created with ${identity.engine}, not ${engine}`,
      `Configure \`store.engine: ${identity.engine}\`, or let the node join again with an empty data directory`,
    );
  }
}

// ---------------------------------------------------------------------------------------------------------- creating

/** What an operator may have put there before the first start. */
const MAY_BE_THERE = new Set(['keys', 'spool', 'clock', 'lost+found']);

async function create(
  layout: DirectoryLayout,
  state: 'absent' | 'creating',
  options: OpenDirectoryOptions,
): Promise<void> {
  if (options.genesisBytes === undefined) {
    throw new StoreError(
      'GENESIS_REQUIRED',
      `${layout.path} holds no data directory, and no genesis is given to create one`,
      'Configure the genesis file of the cluster, or correct the path',
    );
  }
  try {
    await mkdir(layout.path, { recursive: true, mode: 0o700 });
    if (state === 'absent') await refuseForeignContent(layout);
    await createParts(layout, options, options.genesisBytes);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    if (isDiskFull(error) || codeOf(error) === 'EIO') {
      throw new StorageFailedError(`creating ${layout.path} failed`, error);
    }
    throw unusable(layout.path, error);
  }
}

async function refuseForeignContent(layout: DirectoryLayout): Promise<void> {
  const foreign = (await readdir(layout.path)).filter(
    (name) => !MAY_BE_THERE.has(name) && name !== 'VERSION.new',
  );
  if (foreign.length === 0) return;
  throw new StoreError(
    'DIRECTORY_NOT_EMPTY',
    `${layout.path} holds ${foreign.slice(0, 3).join(', ')} but no VERSION`,
    'Name an empty directory; if this was a data directory, restore its VERSION file from a copy',
  );
}

async function createParts(
  layout: DirectoryLayout,
  options: OpenDirectoryOptions,
  genesisBytes: Uint8Array,
): Promise<void> {
  await writeVersion(layout, 'creating');
  for (const leftover of [layout.raft, layout.ledger]) await rm(leftover, { recursive: true, force: true });
  for (const directory of [layout.raft, layout.ledger, layout.spool, layout.keys]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  }
  const identity: DirectoryIdentity = {
    clusterId: options.clusterId,
    nodeId: options.nodeId,
    incarnation: Uint8Array.from(randomBytes(16)),
    engine: options.engine,
    genesisSha256: sha256(genesisBytes),
  };
  await writeFileAtomically(layout.genesis, genesisBytes);
  await writeFileAtomically(layout.identity, encodeIdentity(identity));
  await createGuard(layout.guard, identity.incarnation);
  await createWitnessFile(layout.witness, identity.incarnation);
  await createDatabase(layout.raft, identity, initialLogContent());
  await createDatabase(layout.ledger, identity, []);
  for (const directory of [layout.raft, layout.ledger, layout.path]) await syncDirectory(directory);
  await writeVersion(layout, 'complete');
}

async function createDatabase(
  location: string,
  { engine, incarnation }: DirectoryIdentity,
  content: readonly Operation[],
): Promise<void> {
  const store = await openKeyValueStore(await engineAt(engine, location));
  try {
    const owner: Operation = {
      type: 'put',
      key: INCARNATION_KEY,
      value: seal(INCARNATION_KEY, incarnation),
    };
    await store.batch([owner, ...content], true);
  } finally {
    await store.close();
  }
}

// ----------------------------------------------------------------------------------------------------------- opening

/** Opened things, closed in reverse order: the log's database, which is the directory's lock, last. */
type Closer = () => Promise<void>;

async function openParts(
  layout: DirectoryLayout,
  identity: DirectoryIdentity,
  genesis: Uint8Array,
  readOnly: boolean,
): Promise<DataDirectory> {
  const closers: Closer[] = [];
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const closer of closers.splice(0).reverse()) await closer().catch((e: unknown) => failures.push(e));
    if (failures.length > 0) throw failures[0];
  };
  try {
    const raft = await openDatabase(layout, layout.raft, identity, readOnly, closers);
    if (readOnly) await checkOwner(raft, layout.raft, identity);
    const guard = await openGuard(layout.guard, identity.incarnation, { readOnly });
    closers.push(() => (readOnly ? guard.abandon() : guard.close()));
    const { log, suspect }: FoundLog = readOnly
      ? { log: await openRaftLog(raft, guard, { readOnly }), suspect: null }
      : await openLogOrSuspect(raft, guard, () => checkOwner(raft, layout.raft, identity));
    closers.push(() => log.close());
    const ledgerRebuilt = !readOnly && (await recreateLedger(layout, identity, guard));
    const ledgerDatabase = await openDatabase(layout, layout.ledger, identity, readOnly, closers);
    await checkOwner(ledgerDatabase, layout.ledger, identity);
    const ledger = await openLedgerStore(ledgerDatabase, guard);
    const witness = await openWitnessFile(layout.witness, identity.incarnation, { readOnly });
    closers.push(() => witness.close());
    let closing: Promise<void> | null = null;
    return {
      log,
      suspect,
      ledger,
      ledgerRebuilt,
      witness,
      directory: layout,
      identity,
      genesis,
      close: () => (closing ??= closeAll()),
    };
  } catch (error) {
    // The first error says what happened; one from closing would hide it.
    await closeAll().catch(() => undefined);
    throw error;
  }
}

/**
 * A missing ledger is not damage: it is a function of the log, and moving a damaged one away is how an operator has it
 * rebuilt. The witness file still knows what was cosigned, so a rebuilt ledger cannot tell another history. The log is
 * never shortened at its beginning, so the replay can start at entry 1.
 */
async function recreateLedger(
  layout: DirectoryLayout,
  identity: DirectoryIdentity,
  guard: Guard,
): Promise<boolean> {
  if (await isDirectory(layout.ledger)) return false;
  // Built beside and renamed into place: a crash in between leaves it missing, and the next start begins anew.
  const temporary = `${layout.ledger}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { mode: 0o700 });
  await createDatabase(temporary, identity, []);
  await syncDirectory(temporary);
  await guard.save({ ledgerIndex: 0 });
  await rename(temporary, layout.ledger);
  await syncDirectory(layout.path);
  return true;
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw unusable(path, error);
  }
}

async function openDatabase(
  layout: DirectoryLayout,
  location: string,
  { engine }: DirectoryIdentity,
  readOnly: boolean,
  closers: Closer[],
): Promise<KeyValueStore> {
  try {
    const store = await openKeyValueStore(await engineAt(engine, location), {
      readOnly,
      createIfMissing: false,
    });
    closers.push(() => store.close());
    return store;
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'STORAGE_LOCKED') throw error;
    throw new StoreError(
      'DIRECTORY_LOCKED',
      `${layout.path} is in use by another process`,
      'Stop the other node process first; two must never run on one data directory',
      error,
    );
  }
}

/** Both databases name the incarnation: one that was swapped, or that lost its beginning, is noticed. */
async function checkOwner(
  store: KeyValueStore,
  location: string,
  { incarnation }: DirectoryIdentity,
): Promise<void> {
  const value = await store.get(INCARNATION_KEY);
  const owner = value === undefined ? null : unseal(INCARNATION_KEY, value);
  if (owner !== null && equalBytes(owner, incarnation)) return;
  const what = `the database ${location} ${
    value === undefined
      ? 'has lost its first record'
      : owner === null
        ? 'has a damaged first record'
        : 'belongs to another node or incarnation'
  }`;
  throw location.endsWith('ledger')
    ? new LedgerDamagedError(what)
    : new LogDamagedError('LOG_TAIL_LOST', what);
}

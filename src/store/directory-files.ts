/**
 * The small files that say what a data directory is: `VERSION`, `identity`, `genesis`. Text where an operator may want to
 * look; every one of them checked against changes.
 *
 * `identity` is lines of "name value", the last of which is the SHA-256 of the lines before it.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hexOf } from '../verify/bytes.js';
import { sha256 } from '../verify/crypto.js';
import { writeFileAtomically } from './atomic-file.js';
import type { DiskEngine } from './engine.js';
import { codeOf, messageOf, StoreError } from './errors.js';

export const FORMAT_VERSION = 1;
/** Stands in VERSION while a directory is being created: what is there then has promised nothing to anybody. */
const CREATING = 'creating\n';

export interface DirectoryIdentity {
  readonly clusterId: string;
  readonly nodeId: string;
  /** 16 random bytes, drawn when the directory was created: the same node on an emptied disk is another incarnation. */
  readonly incarnation: Uint8Array;
  readonly engine: DiskEngine;
  readonly genesisSha256: Uint8Array;
}

export interface DirectoryLayout {
  readonly path: string;
  readonly version: string;
  readonly identity: string;
  readonly genesis: string;
  readonly raft: string;
  readonly ledger: string;
  readonly guard: string;
  readonly witness: string;
  readonly spool: string;
  readonly keys: string;
  readonly clock: string;
}

export function layoutOf(path: string): DirectoryLayout {
  const at = (name: string): string => join(path, name);
  return {
    path,
    version: at('VERSION'),
    identity: at('identity'),
    genesis: at('genesis'),
    raft: at('raft'),
    ledger: at('ledger'),
    guard: at('guard'),
    witness: at('witness'),
    spool: at('spool'),
    keys: at('keys'),
    clock: at('clock'),
  };
}

export type DirectoryState = 'absent' | 'creating' | 'complete';

/** @throws StoreError when the version is newer than this program's, or is no version */
export async function readVersion(layout: DirectoryLayout): Promise<DirectoryState> {
  const bytes = await readIfPresent(layout.version);
  if (bytes === null) return 'absent';
  const text = Buffer.from(bytes).toString('latin1');
  if (text === CREATING) return 'creating';
  if (text === `${FORMAT_VERSION}\n`) return 'complete';
  if (/^[1-9][0-9]{0,5}\n$/.test(text)) {
    throw new StoreError(
      'DIRECTORY_NEWER_VERSION',
      `${layout.path} has format version ${text.trim()}, this program understands ${FORMAT_VERSION}`,
      'Install the newer release that wrote it; there is no way back to an older format',
    );
  }
  throw damaged(layout.version, 'it holds no format version');
}

export function writeVersion(layout: DirectoryLayout, state: 'creating' | 'complete'): Promise<void> {
  return writeFileAtomically(
    layout.version,
    Buffer.from(state === 'creating' ? CREATING : `${FORMAT_VERSION}\n`),
  );
}

/** Printable and without spaces, so that a line of `identity` has one reading. */
const WORD = /^[\x21-\x7e]{1,253}$/;

export function encodeIdentity(identity: DirectoryIdentity): Uint8Array {
  const { clusterId, nodeId, engine } = identity;
  for (const word of [clusterId, nodeId]) {
    if (!WORD.test(word)) throw new RangeError(`not an identifier: ${JSON.stringify(word)}`);
  }
  const lines =
    `cluster ${clusterId}\nnode ${nodeId}\nincarnation ${hexOf(identity.incarnation)}\n` +
    `engine ${engine}\ngenesis-sha256 ${hexOf(identity.genesisSha256)}\n`;
  return Buffer.from(`${lines}check ${hexOf(sha256(Buffer.from(lines)))}\n`);
}

const IDENTITY =
  /^cluster ([\x21-\x7e]+)\nnode ([\x21-\x7e]+)\nincarnation ([0-9a-f]{32})\nengine (rocksdb|leveldb)\ngenesis-sha256 ([0-9a-f]{64})\n$/;

/** @throws StoreError DIRECTORY_INCOMPLETE, DIRECTORY_DAMAGED */
export async function readIdentity(layout: DirectoryLayout): Promise<DirectoryIdentity> {
  const text = Buffer.from(await readRequired(layout.identity)).toString('latin1');
  const at = text.lastIndexOf('check ');
  const lines = text.slice(0, Math.max(at, 0));
  if (text.slice(at) !== `check ${hexOf(sha256(Buffer.from(lines, 'latin1')))}\n`) {
    throw damaged(layout.identity, 'its checksum does not fit');
  }
  const found = IDENTITY.exec(lines);
  const [, clusterId, nodeId, incarnation, engine, genesis] = found ?? [];
  if (
    clusterId === undefined ||
    nodeId === undefined ||
    incarnation === undefined ||
    engine === undefined ||
    genesis === undefined
  ) {
    throw damaged(layout.identity, 'it does not name a cluster, node, incarnation, engine and genesis');
  }
  return {
    clusterId,
    nodeId,
    incarnation: Uint8Array.from(Buffer.from(incarnation, 'hex')),
    engine: engine as DiskEngine,
    genesisSha256: Uint8Array.from(Buffer.from(genesis, 'hex')),
  };
}

/** @throws StoreError DIRECTORY_DAMAGED when it is not the one that the identity names */
export async function readGenesis(layout: DirectoryLayout, identity: DirectoryIdentity): Promise<Uint8Array> {
  const bytes = await readRequired(layout.genesis);
  if (hexOf(sha256(bytes)) !== hexOf(identity.genesisSha256)) {
    throw damaged(layout.genesis, 'it is not the one with which this directory was created');
  }
  return bytes;
}

async function readRequired(path: string): Promise<Uint8Array> {
  const bytes = await readIfPresent(path);
  if (bytes !== null) return bytes;
  throw new StoreError(
    'DIRECTORY_INCOMPLETE',
    `${path} is missing`,
    'Restore it from a copy of this very directory; if there is none, let the node join again with an empty data directory',
  );
}

async function readIfPresent(path: string): Promise<Uint8Array | null> {
  try {
    return Uint8Array.from(await readFile(path));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unusable(path, error);
  }
}

export function damaged(path: string, what: string): StoreError {
  return new StoreError(
    'DIRECTORY_DAMAGED',
    `${path} is damaged: ${what}`,
    'Restore it from a copy of this very directory; if there is none, let the node join again with an empty data directory',
  );
}

export function unusable(path: string, cause: unknown): StoreError {
  return new StoreError(
    'DIRECTORY_UNUSABLE',
    `${path} cannot be used: ${messageOf(cause)}`,
    'Check that it is a directory on a mounted, writable volume and belongs to the user who runs the node',
    cause,
  );
}

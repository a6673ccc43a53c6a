/**
 * Which database engine a node runs on. `rocksdb` is the default; its prebuilt binary ends the whole process when it is
 * loaded by Node ≥ 22 (a clash of C++ ABIs in its static initialisers), so a child process tries first.
 */

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { StoreError } from './errors.js';
import type { Engine } from './kv.js';
import { levelEngine } from './level.js';
import { rocksdbEngine } from './rocksdb.js';

export type DiskEngine = 'rocksdb' | 'leveldb';

const packages: Record<DiskEngine, string> = { rocksdb: 'rocksdb', leveldb: 'classic-level' };
const PROBE_TIMEOUT_MS = 30_000;

const probes = new Map<DiskEngine, Promise<boolean>>();

/** Whether the engine's binding loads under this Node. Asked once a process; takes about 0.1 s the first time. */
export function engineLoads(engine: DiskEngine): Promise<boolean> {
  let probe = probes.get(engine);
  if (probe === undefined) {
    probe = loadsInChild(packages[engine]);
    probes.set(engine, probe);
  }
  return probe;
}

function loadsInChild(packageName: string): Promise<boolean> {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(packageName);
  } catch {
    return Promise.resolve(false); // not installed
  }
  const program = 'require(process.argv[1]); process.stdout.write("loaded")';
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['-e', program, entry],
      { timeout: PROBE_TIMEOUT_MS, env: { PATH: process.env['PATH'] } },
      (error, stdout) => {
        resolve(error === null && stdout === 'loaded');
      },
    );
  });
}

export interface EngineChoice {
  readonly engine: DiskEngine;
  /** A sentence to print when the engine is not the default one and nobody asked for it. */
  readonly notice: string | null;
}

/**
 * @param configured `store.engine` of the configuration
 * @param lab the laboratory and tests may fall back, production may not: an operator should know what holds the evidence
 * @param recorded the engine that an existing data directory names (`recordedEngine`); the laboratory stays with it
 * @throws StoreError ENGINE_UNAVAILABLE with the remedy
 */
export async function chooseEngine(options: {
  readonly configured?: DiskEngine | undefined;
  readonly lab: boolean;
  readonly recorded?: DiskEngine | null | undefined;
}): Promise<EngineChoice> {
  const { configured, lab, recorded } = options;
  if (configured !== undefined) {
    await requireEngine(configured);
    return { engine: configured, notice: null };
  }
  if (lab && recorded === 'leveldb') {
    return { engine: 'leveldb', notice: 'This data directory was created with LevelDB and keeps it.' };
  }
  if (await engineLoads('rocksdb')) return { engine: 'rocksdb', notice: null };
  if (!lab || recorded === 'rocksdb') throw unavailable('rocksdb');
  await requireEngine('leveldb');
  return {
    engine: 'leveldb',
    notice: `The rocksdb package does not load under Node ${process.version}; using LevelDB. \`npm run build-rocksdb\` builds it (about 11 minutes).`,
  };
}

async function requireEngine(engine: DiskEngine): Promise<void> {
  if (!(await engineLoads(engine))) throw unavailable(engine);
}

function unavailable(engine: DiskEngine): StoreError {
  return new StoreError(
    'ENGINE_UNAVAILABLE',
    `the ${packages[engine]} package does not load under Node ${process.version} on ${process.platform}-${process.arch}`,
    engine === 'rocksdb'
      ? 'Run `npm run build-rocksdb` (about 11 minutes, needs a C++ compiler), or configure `store.engine: leveldb` for a new data directory'
      : 'Run `npm ci` again; classic-level has binaries for every platform that Node supports',
  );
}

/** An engine over `location` whose binding is known to load. @throws StoreError ENGINE_UNAVAILABLE */
export async function engineAt(engine: DiskEngine, location: string): Promise<Engine> {
  await requireEngine(engine);
  return engine === 'rocksdb' ? rocksdbEngine(location) : levelEngine(location);
}

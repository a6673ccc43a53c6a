/**
 * Verification of a copied data directory, offline: from nothing but its bytes and the genesis that the auditor trusts.
 *
 *   1. every small file, seal, tile, bundle, body and entry is what was written (src/store);
 *   2. the leaves make the tree; published checkpoints and the witness were signed for this tree (src/audit/offline.ts);
 *   3. the consensus log, replayed from entry 1 through the same state machine, makes the same leaves, the image's state
 *      byte for byte, and reaches every tree that was cosigned.
 *
 * Nothing is written into the directory: the databases are opened on a private copy, because RocksDB starts a log file
 * even when it opens for reading.
 */

import { cp, link, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LedgerImage, WitnessState } from '../audit/storage.js';
import { verifyLedger, type LedgerReport } from '../audit/offline.js';
import { openForInspection, StoreError, type DataDirectory, type StoreErrorCode } from '../store/index.js';
import { equalBytes, hexOf } from '../verify/bytes.js';
import { nodeVerifier } from '../verify/crypto.js';
import { GenesisError, verifyGenesis, type VerifiedGenesis } from '../verify/genesis.js';
import { damage, gap, verdictOf, type AuditFinding, type AuditReport } from './audit-report.js';
import { RecordChecks } from './record-checks.js';
import { replayLog, type Replayed } from './replay.js';

export interface DirectoryAuditOptions {
  readonly path: string;
  /** The trusted genesis. Null takes the directory's own word for it, which only shows that it fits itself. */
  readonly genesis: VerifiedGenesis | null;
  /** Where private copies are made; the temporary directory without it. */
  readonly scratch?: string;
}

export interface DirectoryReport extends AuditReport {
  readonly directory: {
    readonly cluster: string;
    readonly node: string;
    readonly incarnation: string;
    readonly engine: string;
    /** SHA-256 of the genesis document in it. */
    readonly genesis: string;
  } | null;
  readonly log: {
    readonly lastIndex: number;
    /** Entries up to here were replayed; those behind were not known to be committed. */
    readonly replayedTo: number;
  } | null;
  /** Size of the last tree that this node cosigned. */
  readonly witnessed: number | null;
  readonly checkpoints: number;
}

/** Not damage, but reasons why nothing can be said; the operator can remove them. */
const cannotSay: readonly StoreErrorCode[] = [
  'DIRECTORY_NEWER_VERSION',
  'DIRECTORY_UNUSABLE',
  'DIRECTORY_LOCKED',
  'STORAGE_LOCKED',
  'STORAGE_FAILED',
  'ENGINE_UNAVAILABLE',
];

/**
 * In this process, which a storage engine may end when it meets a damaged table: ./directory-auditor.ts survives that.
 * @returns a report whatever is in the directory
 * @throws StoreError DIRECTORY_NOT_FOUND when it is no data directory at all
 */
export async function auditDirectory(options: DirectoryAuditOptions): Promise<DirectoryReport> {
  await requireDataDirectory(options.path);
  const copy = await mkdtemp(join(options.scratch ?? tmpdir(), 'taa-audit-'));
  try {
    try {
      await copyInto(copy, options.path);
    } catch (error) {
      const detail = `it cannot be copied for inspection: ${(error as Error).message}; check that you may read it and that TMPDIR has room`;
      return unopened(gap('DIRECTORY_UNUSABLE', options.path, detail));
    }
    return await auditCopy(copy, options);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** @throws StoreError DIRECTORY_NOT_FOUND */
export async function requireDataDirectory(path: string): Promise<void> {
  // Either of the two says that it is, or was, one.
  if ((await exists(join(path, 'VERSION'))) || (await exists(join(path, 'identity')))) return;
  throw new StoreError(
    'DIRECTORY_NOT_FOUND',
    `${path} is not a data directory`,
    'Name the directory that holds VERSION, identity, raft and ledger',
  );
}

async function auditCopy(copy: string, options: DirectoryAuditOptions): Promise<DirectoryReport> {
  let directory: DataDirectory;
  try {
    directory = await openForInspection(copy);
  } catch (error) {
    return unopened(storeFinding(error, copy, options.path));
  }
  try {
    return await new DirectoryAudit(directory, options.genesis).run();
  } finally {
    // The handle wrote nothing, so that nothing is lost if a damaged database does not close cleanly.
    await directory.close().catch(() => undefined);
  }
}

const emptyHead = { size: 0, root: new Uint8Array(32) };
const nothing = { records: 0, byType: {}, certificates: 0, devices: 0 };

/** The report of a directory that could not be opened. */
export function unopened(finding: AuditFinding): DirectoryReport {
  return {
    verdict: verdictOf([finding]),
    head: emptyHead,
    published: 0,
    records: nothing,
    findings: [finding],
    directory: null,
    log: null,
    witnessed: null,
    checkpoints: 0,
  };
}

/** @throws what is not about the directory */
function storeFinding(error: unknown, copy: string, path: string): AuditFinding {
  if (!(error instanceof StoreError)) throw error;
  const text = error.message.replaceAll(copy, path);
  // It is a data directory, but does not say so any more.
  if (error.code === 'DIRECTORY_NOT_FOUND') return damage('DIRECTORY_DAMAGED', join(path, 'VERSION'), text);
  return cannotSay.includes(error.code) ? gap(error.code, path, text) : damage(error.code, path, text);
}

class DirectoryAudit {
  readonly #directory: DataDirectory;
  readonly #trusted: VerifiedGenesis | null;
  readonly #findings: AuditFinding[] = [];

  constructor(directory: DataDirectory, trusted: VerifiedGenesis | null) {
    this.#directory = directory;
    this.#trusted = trusted;
  }

  async run(): Promise<DirectoryReport> {
    const { identity, log, ledger } = this.#directory;
    const genesis = this.#genesis();
    const about = {
      cluster: identity.clusterId,
      node: identity.nodeId,
      incarnation: hexOf(identity.incarnation),
      engine: identity.engine,
      genesis: genesis === null ? '' : hexOf(genesis.hash),
    };
    await this.#attempt('raft', () => log.verifyAll());
    await this.#attempt('ledger', () => ledger.verifyAll());
    if (genesis === null)
      return {
        ...unopened(gap('notLookedAt', 'records', 'without a genesis')),
        ...this.#verdict(),
        directory: about,
      };
    const checks = new RecordChecks(genesis.genesis);
    const witness = await this.#attempt('witness', () =>
      asked<WitnessState | null>((done) => this.#directory.witness.load(done)),
    );
    const report = await this.#ledger(checks, witness ?? null);
    const image = await this.#attempt('image', () =>
      asked<LedgerImage | null>((done) => ledger.loadImage(done)),
    );
    const replayed = await this.#replay(genesis, checks, report, witness ?? null, image ?? null);
    await this.#bodies(checks, replayed);
    return {
      ...this.#verdict(),
      head: replayed?.head ?? report.head,
      published: report.published,
      records: checks.counts,
      directory: about,
      log: replayed === null ? null : { lastIndex: replayed.lastIndex, replayedTo: replayed.appliedIndex },
      witnessed: witness?.size ?? null,
      checkpoints: report.checkpoints,
    };
  }

  #verdict() {
    return { verdict: verdictOf(this.#findings), findings: this.#findings };
  }

  /** The genesis in the directory must verify, and be the trusted one. */
  #genesis(): VerifiedGenesis | null {
    try {
      const own = verifyGenesis(this.#directory.genesis, nodeVerifier);
      if (own.genesis.clusterId !== this.#directory.identity.clusterId) {
        this.#find(damage('genesisMismatch', 'identity', `it names another cluster than the genesis`));
      }
      if (this.#trusted !== null && !equalBytes(own.hash, this.#trusted.hash)) {
        this.#find(
          damage(
            'genesisMismatch',
            'genesis',
            'the directory is of another cluster than the trusted genesis',
          ),
        );
      }
      return own;
    } catch (error) {
      if (!(error instanceof GenesisError)) throw error;
      this.#find(damage(error.code, 'genesis', error.message));
      return null;
    }
  }

  async #ledger(checks: RecordChecks, witness: WitnessState | null): Promise<LedgerReport> {
    const report = await new Promise<LedgerReport>((resolve) => {
      verifyLedger(
        this.#directory.ledger,
        {
          policyAt: (size) => checks.policyAt(size),
          verifier: nodeVerifier,
          witness,
          inspect: (index, leaf) => checks.inspect(index, leaf),
        },
        resolve,
      );
    });
    for (const { code, where, detail } of report.findings) {
      // What lies beyond the stored tree is for the replay to reach.
      if (!code.startsWith('behind')) this.#find(damage(code, where, detail));
    }
    return report;
  }

  async #replay(
    { genesis }: VerifiedGenesis,
    checks: RecordChecks,
    report: LedgerReport,
    witness: WitnessState | null,
    image: LedgerImage | null,
  ): Promise<Replayed | null> {
    const replayed = await this.#attempt('raft', () =>
      replayLog({
        log: this.#directory.log,
        store: this.#directory.ledger,
        genesis,
        stored: report.head,
        witness,
        image,
        leaf: (index, leaf) => {
          if (index >= report.head.size) {
            const refusal = checks.inspect(index, leaf);
            if (refusal !== null) this.#find(damage('leafRefused', `leaf ${index}`, refusal));
          }
        },
      }),
    );
    for (const finding of replayed?.findings ?? []) this.#find(finding);
    return replayed ?? null;
  }

  /** Every body that a record names is there, or comes out of the part of the log that the ledger had not written. */
  async #bodies(checks: RecordChecks, replayed: Replayed | null): Promise<void> {
    for (const [hash, leaf] of checks.bodies) {
      if (replayed?.unwrittenBodies.has(hash) === true) continue;
      const body = await this.#attempt(`body of leaf ${leaf}`, () =>
        asked<object | null>((done) => this.#directory.ledger.readBody(Buffer.from(hash, 'hex'), done)),
      );
      if (body === null) this.#find(damage('bodyMissing', `leaf ${leaf}`, `the body ${hash} is not there`));
    }
  }

  /** Undefined when it failed; the failure is a finding, unless it is not about the directory. */
  async #attempt<T>(where: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const known = this.#findings.some(
        ({ code, detail }) => code === error.code && detail === error.message,
      );
      if (!known) this.#find(damage(error.code, where, error.message));
      return undefined;
    }
  }

  #find(finding: AuditFinding): void {
    this.#findings.push(finding);
  }
}

/** A callback door as a promise. */
function asked<T>(call: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error !== null) reject(error);
      else resolve(value as T);
    });
  });
}

// ---- the private copy ----------------------------------------------------------------------------------------------

const databases = ['raft', 'ledger'];
const files = ['VERSION', 'identity', 'genesis', 'guard', 'witness'];

/** Tables never change once written, so links do where the copy is on the same volume; everything else is copied. */
async function copyInto(copy: string, path: string): Promise<void> {
  for (const name of files) {
    if (await exists(join(path, name))) await cp(join(path, name), join(copy, name));
  }
  for (const database of databases) {
    const from = join(path, database);
    if (!(await exists(from))) continue;
    const to = join(copy, database);
    await mkdir(to, { mode: 0o700 });
    for (const name of await readdir(from)) {
      if (name === 'LOCK') continue;
      const [source, target] = [join(from, name), join(to, name)];
      if (/\.(ldb|sst)$/.test(name)) await link(source, target).catch(() => cp(source, target));
      else await cp(source, target, { recursive: true });
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

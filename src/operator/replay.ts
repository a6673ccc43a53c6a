/**
 * The consensus log replayed from the birth of the cluster through the state machine that made the records. What the
 * log says and what the ledger holds must be one history: every stored leaf is made again, the image's state comes out
 * byte for byte, and every tree that this node cosigned or that was published is reached.
 *
 * Which entries were committed is not written anywhere at once; the log's own hint is a lower bound. Entries beyond it
 * are replayed only as far as a stored, cosigned or published tree shows that they were.
 */

import type { LedgerImage, LedgerStore, WitnessState } from '../audit/storage.js';
import { TreeEdge } from '../audit/tree.js';
import type { TreeHead } from '../audit/types.js';
import type { Authority } from '../authority/api.js';
import { birthAuthority } from '../authority/authority.js';
import { statementCodec } from '../authority/statements.js';
import { describeConfiguration } from '../raft/configuration.js';
import type { DataDirectory } from '../store/index.js';
import { taiNs } from '../time/types.js';
import { equalBytes, hexOf } from '../verify/bytes.js';
import { readCheckpoint } from '../verify/checkpoint.js';
import { nodeVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import { leafHash } from '../verify/merkle.js';
import { damage, gap, type AuditFinding } from './audit-report.js';

type Log = DataDirectory['log'];
type LogImage = Parameters<Parameters<Log['load']>[0]>[1] & object;
type Entry = NonNullable<Parameters<Parameters<Log['read']>[3]>[1]>[number];

/** Payload bytes read at once. */
const READ_BYTES = 1 << 20;

export interface ReplayOptions {
  readonly log: Log;
  readonly store: Pick<LedgerStore, 'readCheckpoint'>;
  readonly genesis: Genesis;
  /** The tree that the ledger's own leaves make. */
  readonly stored: TreeHead;
  readonly witness: WitnessState | null;
  readonly image: LedgerImage | null;
  /** Called for every leaf that the log makes, in order. */
  readonly leaf: (index: number, leaf: Uint8Array) => void;
}

export interface Replayed {
  readonly head: TreeHead;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  readonly findings: readonly AuditFinding[];
  /** Hashes (hex) of bodies made after the image: the ledger need not have written them. */
  readonly unwrittenBodies: ReadonlySet<string>;
}

interface Target extends TreeHead {
  readonly what: string;
  readonly code: string;
}

/** @throws StoreError when the log cannot be read */
export async function replayLog(options: ReplayOptions): Promise<Replayed> {
  const { hardState, firstIndex, lastIndex } = await loaded(options.log);
  const replay = new Replay(options, await targetsOf(options));
  if (firstIndex !== 1) {
    replay.findings.push(
      gap(
        'logBegins',
        'raft',
        `the log was trimmed up to entry ${firstIndex - 1}, so that the state cannot be made again from the birth; the records themselves are checked by tiles and checkpoints`,
      ),
    );
    return replay.result(lastIndex);
  }
  const mustApply = Math.max(hardState.commit, options.image?.appliedIndex ?? 0);
  while (replay.appliedIndex < lastIndex && (replay.appliedIndex < mustApply || replay.isShort)) {
    for (const entry of await read(options.log, replay.appliedIndex + 1, lastIndex)) {
      if (replay.appliedIndex >= mustApply && !replay.isShort) break;
      replay.apply(entry);
    }
  }
  return replay.result(lastIndex);
}

class Replay {
  readonly findings: AuditFinding[] = [];
  appliedIndex = 0;
  readonly #options: ReplayOptions;
  readonly #authority: Authority;
  readonly #edge = new TreeEdge();
  /** Smallest last. */
  readonly #targets: Target[];
  readonly #unwrittenBodies = new Set<string>();

  constructor(options: ReplayOptions, targets: readonly Target[]) {
    this.#options = options;
    this.#targets = [...targets].sort((a, b) => b.size - a.size);
    const born = birthAuthority(options.genesis, { verifier: nodeVerifier, statements: statementCodec });
    this.#authority = born.authority;
    for (const leaf of born.leaves) this.#append(leaf);
    this.#compareImage(0n);
  }

  /** A tree is known that the replay has not reached. */
  get isShort(): boolean {
    return this.#targets.length > 0;
  }

  apply(entry: Entry): void {
    this.appliedIndex = entry.index;
    if (entry.kind !== 'noop') {
      const { index, payload } = entry;
      const time = taiNs(entry.time);
      const { leaves, bodies } = this.#authority.apply(
        entry.kind === 'config'
          ? { index, time, payload, configuration: describeConfiguration(payload) }
          : { index, time, payload },
        this.#edge.size,
      );
      for (const leaf of leaves) this.#append(leaf);
      if (index > (this.#options.image?.appliedIndex ?? 0)) {
        for (const { hash } of bodies) this.#unwrittenBodies.add(hexOf(hash));
      }
    }
    this.#compareImage(entry.time);
  }

  result(lastIndex: number): Replayed {
    for (const { what } of this.#targets) {
      const detail = `the log makes a tree of ${this.#edge.size} leaves only; copy the directory of a stopped node`;
      this.findings.push(gap('behind', what, detail));
    }
    const { image } = this.#options;
    if (image !== null && this.appliedIndex < image.appliedIndex) {
      this.findings.push(gap('behind', 'image', `the log ends at entry ${lastIndex}, the image is later`));
    }
    return {
      head: { size: this.#edge.size, root: this.#edge.root() },
      appliedIndex: this.appliedIndex,
      lastIndex,
      findings: this.findings,
      unwrittenBodies: this.#unwrittenBodies,
    };
  }

  #append(leaf: Uint8Array): void {
    const index = this.#edge.size;
    this.#edge.append(leafHash(leaf), () => undefined);
    this.#options.leaf(index, leaf);
    for (;;) {
      const target = this.#targets.at(-1);
      if (target === undefined || target.size > this.#edge.size) return;
      this.#targets.pop();
      if (equalBytes(target.root, this.#edge.root())) continue;
      this.findings.push(damage(target.code, target.what, 'the log makes another tree of this size'));
    }
  }

  #compareImage(time: bigint): void {
    const { image } = this.#options;
    if (image === null || image.appliedIndex !== this.appliedIndex) return;
    const say = (detail: string): unknown => this.findings.push(damage('imageDamaged', 'image', detail));
    if (image.size !== this.#edge.size) say(`${image.size} leaves, the log makes ${this.#edge.size}`);
    if (this.appliedIndex > 0 && image.appliedTime !== time) say('its time is not that of its entry');
    if (!equalBytes(image.state, this.#authority.snapshot()))
      say('its state is not the one that the log makes');
  }
}

/** Every head that the replay must pass through. */
async function targetsOf({ store, stored, witness }: ReplayOptions): Promise<readonly Target[]> {
  const targets: Target[] = [];
  if (stored.size > 0)
    targets.push({ ...stored, what: `ledger of ${stored.size} leaves`, code: 'ledgerMismatch' });
  if (witness !== null) {
    targets.push({ ...witness, what: `witness of size ${witness.size}`, code: 'witnessMismatch' });
  }
  // Checkpoints within the stored tree were compared with it.
  for (let size = stored.size + 1; ;) {
    const note = await checkpointFrom(store, size);
    const checkpoint = note === null ? null : (readCheckpoint(note)?.checkpoint ?? null);
    if (checkpoint === null || checkpoint.size < size) return targets;
    targets.push({
      ...checkpoint,
      what: `checkpoint of size ${checkpoint.size}`,
      code: 'checkpointMismatch',
    });
    size = checkpoint.size + 1;
  }
}

/** Null also when it cannot be read: the ledger's own verification has said so. */
function checkpointFrom(
  store: Pick<LedgerStore, 'readCheckpoint'>,
  size: number,
): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    store.readCheckpoint(size, (error, note) => resolve(error === null ? (note ?? null) : null));
  });
}

function loaded(log: Log): Promise<LogImage> {
  return new Promise((resolve, reject) => {
    log.load((error, image) => {
      if (error !== null) reject(error);
      else resolve(image as LogImage);
    });
  });
}

function read(log: Log, from: number, to: number): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    log.read(from as Entry['index'], to as Entry['index'], READ_BYTES, (error, entries) => {
      if (error !== null) reject(error);
      else resolve(entries ?? []);
    });
  });
}

/**
 * Verification of a stored ledger from nothing but its bytes and a trust policy: every leaf is hashed again into the
 * tree, and everything that claims something about the tree is compared with it on the way: tiles, the image,
 * published checkpoints, the witness, heads that the caller knows from elsewhere. One pass in order, bounded memory.
 *
 * Full bundles may reach beyond the image, which is written less often; what the image or a checkpoint has and the
 * bundles do not is *incomplete*, not damaged: a running node replays it from its consensus log.
 */

import { equalBytes } from '../verify/bytes.js';
import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import { readCheckpoint, verifyCheckpoint } from '../verify/checkpoint.js';
import type { SignatureVerifier } from '../verify/crypto.js';
import { HASH_BYTES, leafHash } from '../verify/merkle.js';
import { imageFault } from './ledger.js';
import { repeat } from './repeat.js';
import type { LedgerImage, LedgerStore, WitnessState } from './storage.js';
import { TILE_WIDTH, entriesPath, tilePath } from './tiles.js';
import { FullTile, TreeEdge } from './tree.js';
import type { LeafIndex, TreeHead, TreeSize } from './types.js';

export type LedgerFindingCode =
  /** Bytes are not what the tree says. */
  | 'imageDamaged'
  | 'bundleDamaged'
  | 'tileDamaged'
  /** The store names it and does not hold it. */
  | 'bundleMissing'
  | 'tileMissing'
  /** The store failed to read it. */
  | 'unreadable'
  /** A stored checkpoint is not one of this log, or not signed as the policy demands. */
  | 'checkpointInvalid'
  /** Signed for another tree than this. */
  | 'checkpointMismatch'
  | 'witnessMismatch'
  | 'headMismatch'
  /** `inspect` refused a leaf. */
  | 'leafRefused'
  /** Signed for more than the store holds: replay the consensus log, or verify a stopped node. */
  | 'behindCheckpoint'
  | 'behindWitness'
  | 'behindHead';

const INCOMPLETE: readonly LedgerFindingCode[] = ['behindCheckpoint', 'behindWitness', 'behindHead'];

export interface LedgerFinding {
  readonly code: LedgerFindingCode;
  /** What it is about: a path of tlog-tiles, or a name with a size. */
  readonly where: string;
  readonly detail: string;
}

export interface LedgerExpectations {
  /** Whose lines publish a checkpoint of this size. Asked when all smaller leaves have been given to `inspect`. */
  readonly policyAt: (size: TreeSize) => CheckpointPolicy;
  readonly verifier: SignatureVerifier;
  readonly witness: WitnessState | null;
  /** Heads that are known from elsewhere, such as receipts; in any order. */
  readonly heads?: readonly TreeHead[];
  /** Called for every readable leaf in order; a text refuses it. */
  readonly inspect?: (index: LeafIndex, leaf: Uint8Array) => string | null;
}

export interface LedgerReport {
  readonly verdict: 'intact' | 'incomplete' | 'damaged';
  /** The tree that the leaves make. */
  readonly head: TreeHead;
  /** Verified checkpoints, and the size of the newest. */
  readonly checkpoints: number;
  readonly published: TreeSize;
  /** The first 1,000 of them. */
  readonly findings: readonly LedgerFinding[];
}

type VerifiedStore = Pick<LedgerStore, 'loadImage' | 'readBundle' | 'readTile' | 'readCheckpoint'>;

const MAX_FINDINGS = 1000;

/** Reads and verifies everything; `done` runs once, with a report whatever was found. */
export function verifyLedger(
  store: VerifiedStore,
  expectations: LedgerExpectations,
  done: (report: LedgerReport) => void,
): void {
  new LedgerVerification(store, expectations).run(done);
}

/** A head that the tree must pass through. */
interface Target extends TreeHead {
  /** Of a checkpoint: verified when the leaves before it have told who signs it. */
  readonly note?: Uint8Array;
  readonly mismatch: LedgerFindingCode;
  readonly behind: LedgerFindingCode;
  readonly what: string;
}

interface Believed {
  readonly hashes: readonly Uint8Array[];
  /** By position; null or absent where no leaf with that hash was found. */
  readonly leaves: readonly (Uint8Array | null)[];
}

class LedgerVerification {
  readonly #store: VerifiedStore;
  readonly #expect: LedgerExpectations;
  readonly #edge = new TreeEdge();
  #image: LedgerImage | null = null;
  /** Smallest size last. */
  #targets: Target[] = [];
  /** Checkpoints up to this size have become targets. */
  #checkpointsUpTo: TreeSize = 0;
  #checkpoints = 0;
  #published: TreeSize = 0;
  readonly #findings: LedgerFinding[] = [];
  /** Tiles that the appended leaves completed, to be compared with the stored ones. */
  #completed: { level: number; index: number; tile: FullTile }[] = [];

  constructor(store: VerifiedStore, expectations: LedgerExpectations) {
    this.#store = store;
    this.#expect = expectations;
    for (const head of expectations.heads ?? []) {
      this.#target({
        ...head,
        mismatch: 'headMismatch',
        behind: 'behindHead',
        what: `head of size ${head.size}`,
      });
    }
    const { witness } = expectations;
    if (witness !== null) {
      this.#target({
        ...witness,
        mismatch: 'witnessMismatch',
        behind: 'behindWitness',
        what: `witness of size ${witness.size}`,
      });
    }
  }

  run(done: (report: LedgerReport) => void): void {
    this.#store.loadImage((error, image) => {
      if (error !== null) this.#find('unreadable', 'image', error.message);
      const fault = image === null || image === undefined ? null : imageFault(image);
      if (fault !== null) this.#find('imageDamaged', 'image', fault);
      else this.#image = image ?? null;
      this.#compareTargets();
      let bundle = 0;
      repeat(
        (next) => this.#bundle(bundle++, next),
        () => this.#tail(() => done(this.#report())),
      );
    });
  }

  /** One bundle and the tile over it. `next(false)` at the end of the bundles. */
  #bundle(index: number, next: (more: boolean) => void): void {
    this.#checkpointsWithin((index + 1) * TILE_WIDTH, () => {
      this.#read<readonly Uint8Array[]>(
        entriesPath(index),
        (done) => this.#store.readBundle(index, done),
        (leaves) => {
          this.#read<Uint8Array>(
            tilePath(0, index),
            (done) => this.#store.readTile(0, index, done),
            (stored) => {
              const isWithin = (index + 1) * TILE_WIDTH <= (this.#image?.size ?? 0);
              if (leaves === null && !isWithin) {
                next(false);
                return;
              }
              this.#expectedRoot(index, (root) => {
                const believed = this.#believed(index, leaves, stored, root);
                if (believed === null) next(false);
                else this.#appendBundle(believed, () => next(true));
              });
            },
          );
        },
      );
    });
  }

  /** What to go on with: the leaves, or the hashes of the tile where the leaves are missing or wrong. */
  #believed(
    index: number,
    leaves: readonly Uint8Array[] | null,
    stored: Uint8Array | null,
    root: Uint8Array | null,
  ): Believed | null {
    const path = entriesPath(index);
    const computed = leaves?.length === TILE_WIDTH ? leaves.map(leafHash) : null;
    const tile = stored?.length === TILE_WIDTH * HASH_BYTES ? split(stored) : null;
    if (leaves === null) this.#find('bundleMissing', path, 'the store has no such bundle');
    else if (computed === null) this.#find('bundleDamaged', path, `${leaves.length} leaves`);
    if (leaves === null || computed === null) return tile === null ? null : { hashes: tile, leaves: [] };
    if (stored === null || tile === null) return { hashes: computed, leaves };
    const isSame = computed.map((hash, i) => equalBytes(hash, tile[i] as Uint8Array));
    const wrong = isSame.indexOf(false);
    // One of the two was altered. The tile above tells which; a wrong tile is found when it is compared as completed.
    if (wrong === -1 || root === null || !equalBytes(FullTile.build(stored).root, root))
      return { hashes: computed, leaves };
    this.#find('bundleDamaged', path, `leaf ${index * TILE_WIDTH + wrong} is not the one in the tree`);
    return { hashes: tile, leaves: leaves.map((leaf, i) => (isSame[i] === true ? leaf : null)) };
  }

  /** What the level above says about a level-0 tile, unverified: it only decides who is to be believed. */
  #expectedRoot(index: number, done: (root: Uint8Array | null) => void): void {
    const above = Math.floor(index / TILE_WIDTH);
    const position = index % TILE_WIDTH;
    this.#store.readTile(1, above, (error, hashes) => {
      if (error === null && hashes?.length === TILE_WIDTH * HASH_BYTES) {
        done(hashes.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES));
        return;
      }
      const isOnEdge = Math.floor((this.#image?.size ?? 0) / TILE_WIDTH ** 2) === above;
      done(isOnEdge ? (this.#image?.edge[1]?.[position] ?? null) : null);
    });
  }

  #appendBundle({ hashes, leaves }: Believed, done: () => void): void {
    hashes.forEach((hash, position) => this.#append(hash, leaves[position] ?? null));
    const completed = this.#completed;
    this.#completed = [];
    repeat((next) => {
      const tile = completed.shift();
      if (tile === undefined) next(false);
      else this.#compareTile(tile, () => next(true));
    }, done);
  }

  #append(hash: Uint8Array, leaf: Uint8Array | null): void {
    const index = this.#edge.size;
    this.#edge.append(hash, (level, tileIndex, tile) =>
      this.#completed.push({ level, index: tileIndex, tile }),
    );
    const refusal = leaf === null ? null : (this.#expect.inspect?.(index, leaf) ?? null);
    if (refusal !== null) this.#find('leafRefused', `leaf ${index}`, refusal);
    if (index + 1 === this.#image?.size) this.#compareImage(this.#image);
    this.#compareTargets();
  }

  #compareTile(
    { level, index, tile }: { level: number; index: number; tile: FullTile },
    done: () => void,
  ): void {
    const path = tilePath(level, index);
    this.#read<Uint8Array>(
      path,
      (read) => this.#store.readTile(level, index, read),
      (stored) => {
        if (stored === null) this.#find('tileMissing', path, 'the store has no such tile');
        else if (!equalBytes(stored, tile.hashes()))
          this.#find('tileDamaged', path, 'it is not the tile over these leaves');
        done();
      },
    );
  }

  #compareImage(image: LedgerImage): void {
    const own = this.#edge.hashes();
    const same =
      own.length === image.edge.length &&
      own.every((hashes, level) =>
        hashes.every((hash, i) => equalBytes(hash, image.edge[level]?.[i] ?? new Uint8Array())),
      );
    if (!same) this.#find('imageDamaged', 'image', 'its edge is not the edge of these leaves');
  }

  /** The leaves that only the image holds, and what nothing in the store reaches. */
  #tail(done: () => void): void {
    const image = this.#image;
    const bundled = this.#edge.size;
    if (image !== null && image.size > bundled && image.size - bundled === image.tail.length) {
      for (const leaf of image.tail) this.#append(leafHash(leaf), leaf);
    }
    this.#checkpointsWithin(Number.MAX_SAFE_INTEGER, () => {
      const { size } = this.#edge;
      for (const target of this.#targets) {
        this.#verifyNote(target);
        this.#find(target.behind, target.what, `the stored tree has ${size} leaves`);
      }
      done();
    });
  }

  // ---- checkpoints and other heads ---------------------------------------------------------------------------------

  /** Makes targets of the checkpoints up to a size, so that appending meets them in order. */
  #checkpointsWithin(size: TreeSize, done: () => void): void {
    repeat((next) => {
      if (this.#checkpointsUpTo >= size) next(false);
      else this.#nextCheckpoint(next);
    }, done);
  }

  #nextCheckpoint(next: (more: boolean) => void): void {
    const from = this.#checkpointsUpTo + 1;
    this.#read<Uint8Array>(
      `checkpoint from size ${from}`,
      (done) => this.#store.readCheckpoint(from, done),
      (note) => {
        const checkpoint = note === null ? null : (readCheckpoint(note)?.checkpoint ?? null);
        // Without a readable size the next one cannot be asked for.
        const isNext = checkpoint !== null && checkpoint.size >= from;
        if (note !== null && !isNext)
          this.#find('checkpointInvalid', `checkpoint from size ${from}`, 'not a checkpoint');
        this.#checkpointsUpTo = isNext ? checkpoint.size : Number.MAX_SAFE_INTEGER;
        if (note !== null && isNext) this.#takeCheckpoint(note, checkpoint);
        next(true);
      },
    );
  }

  #takeCheckpoint(note: Uint8Array, head: TreeHead): void {
    const what = `checkpoint of size ${head.size}`;
    this.#target({ ...head, note, mismatch: 'checkpointMismatch', behind: 'behindCheckpoint', what });
    this.#compareTargets();
  }

  #verifyNote({ note, size, what }: Target): void {
    if (note === undefined) return;
    const verdict = verifyCheckpoint(note, this.#expect.policyAt(size), this.#expect.verifier);
    if (verdict.ok) {
      this.#checkpoints++;
      this.#published = Math.max(this.#published, size);
    } else this.#find('checkpointInvalid', what, verdict.reasons.join(', '));
  }

  #target(target: Target): void {
    this.#targets.push(target);
    this.#targets.sort((a, b) => b.size - a.size);
  }

  #compareTargets(): void {
    for (;;) {
      const target = this.#targets[this.#targets.length - 1];
      if (target === undefined || target.size > this.#edge.size) return;
      this.#targets.pop();
      this.#verifyNote(target);
      // Read late, because its predecessor was unreadable: an earlier tree cannot be compared any more.
      const isHere = target.size === this.#edge.size;
      if (isHere && equalBytes(target.root, this.#edge.root())) continue;
      this.#find(
        target.mismatch,
        target.what,
        isHere ? 'its root is not the root of these leaves' : 'out of order',
      );
    }
  }

  // ---- reading and reporting ---------------------------------------------------------------------------------------

  #read<T>(
    where: string,
    read: (done: (error: Error | null, value?: T | null) => void) => void,
    done: (value: T | null) => void,
  ): void {
    read((error, value) => {
      if (error !== null) this.#find('unreadable', where, error.message);
      done(value ?? null);
    });
  }

  #find(code: LedgerFindingCode, where: string, detail: string): void {
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push({ code, where, detail });
  }

  #report(): LedgerReport {
    const findings = this.#findings;
    const damaged = findings.some(({ code }) => !INCOMPLETE.includes(code));
    return {
      verdict: damaged ? 'damaged' : findings.length > 0 ? 'incomplete' : 'intact',
      head: { size: this.#edge.size, root: this.#edge.root() },
      checkpoints: this.#checkpoints,
      published: this.#published,
      findings,
    };
  }
}

function split(tile: Uint8Array): Uint8Array[] {
  return Array.from({ length: TILE_WIDTH }, (_, i) => tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}

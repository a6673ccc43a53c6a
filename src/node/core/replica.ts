/**
 * Apply: committed entries through the state machine into the tree. Everything here is a function of the log, so a
 * crash costs nothing but the replay from the last image that reached the disk.
 *
 * Only this file appends to the ledger and writes the ledger's database.
 */

import type { Applied, Authority, AuthorityEvent } from '../../authority/api.js';
import type { Ledger } from '../../audit/ledger.js';
import type { LedgerStore } from '../../audit/storage.js';
import type { DetachedBody, TreeHead } from '../../audit/types.js';
import { describeConfiguration } from '../../raft/configuration.js';
import type { Entry } from '../../raft/types.js';
import { readStateDigestRecord } from '../../verify/audit-records.js';
import type { RecordedState } from './snapshot-server.js';
import type { DurNs, MonoNs } from '../../time/types.js';
import { durNs, NS_PER_S, taiNs } from '../../time/types.js';

/** An image is due after this many entries, or after a second, whichever comes first … */
const ENTRIES_PER_IMAGE = 4096;
const IMAGE_INTERVAL = NS_PER_S;
/** … but writing images may not take more than a twentieth of the time. */
const IMAGE_COST_FACTOR = 20n;

/** The ledger is made durable this often: a log is trimmed no further than a majority of ledgers is synced. */
export const LEDGER_SYNC_INTERVAL = durNs(10n * NS_PER_S);

export interface ReplicaListener {
  /** The tree ends at a checkpoint boundary with this head. */
  readonly boundary: (head: TreeHead) => void;
  readonly event: (event: AuthorityEvent, entry: Entry) => void;
  /** An entry recorded the digest of the state before it. */
  readonly recorded: (state: RecordedState) => void;
  /** Leaves were appended. */
  readonly grown: (size: number) => void;
  /** The ledger is durable with its image of this applied entry. */
  readonly synced: (appliedIndex: number) => void;
  readonly fatal: (error: Error) => void;
}

export class Replica {
  readonly #authority: Authority;
  readonly #ledger: Ledger;
  readonly #store: LedgerStore;
  readonly #mono: () => MonoNs;
  readonly #listener: ReplicaListener;
  #appliedIndex: number;
  #appliedTime: bigint;
  /** Term of the last applied entry; null until one was applied in this life. */
  #appliedTerm: number | null = null;
  #bodies: DetachedBody[] = [];
  #checkpoints: { size: number; note: Uint8Array }[] = [];
  #imageAt: number;
  #imageDue: bigint;
  readonly #syncInterval: DurNs;
  #syncing = false;
  /** What a crash of the machine may have left unsynced is synced by the first tick. */
  #syncedIndex = 0;
  #syncDue = 0n;

  constructor(
    authority: Authority,
    ledger: Ledger,
    store: LedgerStore,
    mono: () => MonoNs,
    from: { readonly appliedIndex: number; readonly appliedTime: bigint },
    syncInterval: DurNs,
    listener: ReplicaListener,
  ) {
    this.#authority = authority;
    this.#ledger = ledger;
    this.#store = store;
    this.#mono = mono;
    this.#appliedIndex = from.appliedIndex;
    this.#appliedTime = from.appliedTime;
    this.#imageAt = from.appliedIndex;
    this.#imageDue = mono() + IMAGE_INTERVAL;
    this.#syncInterval = syncInterval;
    this.#listener = listener;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Cluster time of the last applied entry; 0n before the first stamp. */
  get appliedTime(): bigint {
    return this.#appliedTime;
  }

  apply(entries: readonly Entry[]): void {
    const before = this.#ledger.size;
    for (const entry of entries) this.#applyOne(entry);
    if (this.#ledger.size > before) this.#listener.grown(this.#ledger.size);
    this.#write(this.#imageIsDue());
  }

  /** A checkpoint was published: kept beside the tree, so that a restart has something to prove against. */
  keepCheckpoint(size: number, note: Uint8Array): void {
    this.#checkpoints.push({ size, note });
    this.#write(false);
  }

  /** Called now and then: an image for a log that went quiet. */
  tick(): void {
    if (this.#appliedIndex > this.#imageAt && this.#mono() >= this.#imageDue) this.#write(true);
    this.#sync();
  }

  /** The last image, synced: a clean stop starts without a replay. */
  close(done: (error: Error | null) => void): void {
    this.#write(true);
    this.#store.sync(done);
  }

  /** Images are written in order: once synced, everything up to the last one is durable. */
  #sync(): void {
    const covered = this.#imageAt;
    if (this.#syncing || covered <= this.#syncedIndex || this.#mono() < this.#syncDue) return;
    this.#syncing = true;
    this.#store.sync((error) => {
      this.#syncing = false;
      this.#syncDue = this.#mono() + this.#syncInterval;
      if (error !== null) {
        this.#listener.fatal(error);
        return;
      }
      this.#syncedIndex = covered;
      this.#listener.synced(covered);
    });
  }

  #applyOne(entry: Entry): void {
    if (entry.index !== this.#appliedIndex + 1) {
      throw new Error(`apply out of order: entry ${entry.index} after ${this.#appliedIndex}`);
    }
    const before = { index: this.#appliedIndex, term: this.#appliedTerm };
    this.#appliedIndex = entry.index;
    this.#appliedTime = entry.time;
    this.#appliedTerm = entry.term;
    if (entry.kind === 'noop') return;
    const { index, payload } = entry;
    const time = taiNs(entry.time);
    const applied: Applied = this.#authority.apply(
      entry.kind === 'config'
        ? { index, time, payload, configuration: describeConfiguration(payload) }
        : { index, time, payload },
      this.#ledger.size,
    );
    if (applied.before !== undefined) this.#keep(before, applied.before, applied.leaves);
    for (const leaf of applied.leaves) this.#ledger.append(leaf);
    if (applied.bodies.length > 0) this.#bodies.push(...applied.bodies);
    if (applied.boundary) this.#listener.boundary(this.#ledger.head());
    for (const event of applied.events) this.#listener.event(event, entry);
  }

  /** Called before the entry's records are appended: the tree is still the one of the state. */
  #keep(
    last: { readonly index: number; readonly term: number | null },
    state: Uint8Array,
    leaves: readonly Uint8Array[],
  ): void {
    const leaf = leaves.at(-1);
    if (last.term === null || leaf === undefined || readStateDigestRecord(leaf) === null) return;
    const { size, edge, tail } = this.#ledger.image(last.index, 0n, state);
    const leafIndex = size + leaves.length - 1;
    this.#listener.recorded({ index: last.index, term: last.term, size, edge, tail, state, leaf, leafIndex });
  }

  #imageIsDue(): boolean {
    return this.#appliedIndex - this.#imageAt >= ENTRIES_PER_IMAGE && this.#mono() >= this.#imageDue;
  }

  #write(withImage: boolean): void {
    const parts = this.#ledger.takeWrites();
    const bodies = this.#bodies;
    const checkpoints = this.#checkpoints;
    if (!withImage && parts.bundles.length + parts.tiles.length + bodies.length + checkpoints.length === 0)
      return;
    this.#bodies = [];
    this.#checkpoints = [];
    const writes = { ...parts, bodies, checkpoints };
    const done = (error: Error | null): void => {
      if (error === null) this.#ledger.written(parts);
      else this.#listener.fatal(error);
    };
    if (withImage) this.#store.write({ ...writes, image: this.#image() }, done);
    else this.#store.write(writes, done);
  }

  #image() {
    const begun = this.#mono();
    const image = this.#ledger.image(this.#appliedIndex, this.#appliedTime, this.#authority.snapshot());
    const now = this.#mono();
    const rest = (now - begun) * IMAGE_COST_FACTOR;
    this.#imageDue = now + (rest > IMAGE_INTERVAL ? rest : IMAGE_INTERVAL);
    this.#imageAt = this.#appliedIndex;
    return image;
  }
}

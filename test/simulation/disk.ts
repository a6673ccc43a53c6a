/**
 * A simulated disk. What was synced survives a crash; what was not is kept up to a random point, in order. A synced write
 * that was under way is on the disk whole or not at all, and nobody was told. Faults: syncs that take long, fail, find no
 * space; a stored record that rots.
 */
import type {
  LedgerImage,
  LedgerOrigin,
  LedgerStore,
  LedgerWrites,
  WitnessState,
  WitnessStore,
} from '../../src/audit/storage.js';
import { bodiesAbove } from '../../src/audit/memory-store.js';
import type { SpoolStore } from '../../src/node/environment.js';
import type { DetachedBody } from '../../src/audit/types.js';
import {
  NO_BASE,
  type LogBase,
  type LogBatch,
  type LogImage,
  type RaftLogStore,
} from '../../src/raft/storage.js';
import type { Entry, HardState, Term } from '../../src/raft/types.js';
import { logIndex, term } from '../../src/raft/types.js';
import { hexOf } from './hex.js';
import type { Prng } from './prng.js';
import type { Life, Scheduler } from './scheduler.js';
import { MS, US } from './units.js';

interface LedgerContents {
  image: LedgerImage | null;
  origin: LedgerOrigin | null;
  readonly bundles: Map<number, readonly Uint8Array[]>;
  readonly tiles: Map<string, Uint8Array>;
  readonly bodies: Map<string, DetachedBody>;
  readonly checkpoints: Map<number, Uint8Array>;
}

/** Faults that a world may switch on while it runs. */
export interface DiskFaults {
  /** Extra time for a sync, ns. */
  stall: number;
  /** The next synced write fails. */
  fails: boolean;
  /** No space: every write fails. */
  full: boolean;
  /** Acknowledges a sync without doing it: the negative control, no real disk of ours. */
  lies: boolean;
}

export interface DiskListener {
  /** A synced log write begins. */
  readonly persistBegun: (batch: LogBatch) => void;
  /** The batch is durable; `entries` is the whole log from now on. */
  readonly logDurable: (batch: LogBatch, hardState: HardState, entries: readonly Entry[]) => void;
  readonly persisted: () => void;
  readonly witnessSaved: (state: WitnessState) => void;
  readonly imageWritten: (image: LedgerImage) => void;
  /** A process went on writing after a write had failed. */
  readonly wroteAfterFailure: () => void;
}

export class SimulatedDisk {
  readonly faults: DiskFaults = { stall: 0, fails: false, full: false, lies: false };
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #listener: DiskListener;
  #life = 0;
  #hardState: HardState = { term: term(0), vote: null, commit: logIndex(0) };
  #base: LogBase = NO_BASE;
  /** `#entries[i − 1]` is entry i, also of those that were trimmed; holes where a snapshot took their place. */
  #entries: Entry[] = [];
  /** What reads see: durable entries and, while a write is under way, its own. */
  #view: Entry[] = [];
  /** Index of a damaged record. */
  #rotten: number | null = null;
  /** What reads see of the ledger: the durable part and everything written since. */
  #ledger: LedgerContents = emptyLedger();
  #durable: LedgerContents = emptyLedger();
  /** Synced writes that have begun and not completed. */
  readonly #underWay = new Set<() => void>();
  #unsynced: LedgerWrites[] = [];
  #witness: WitnessState | null = null;
  #spool: Uint8Array[] = [];

  constructor(scheduler: Scheduler, prng: Prng, listener: DiskListener) {
    this.#scheduler = scheduler;
    this.#prng = prng;
    this.#listener = listener;
  }

  get durableEntries(): readonly Entry[] {
    return this.#entries;
  }

  get hardState(): HardState {
    return this.#hardState;
  }

  /** A record is damaged: whoever reads it is told so, and the log does not load any more. */
  get isRotten(): boolean {
    return this.#rotten !== null;
  }

  /** Damages one stored record. @param where in [0, 1): which */
  rot(where: number): void {
    if (this.#entries.length > 0) this.#rotten = 1 + Math.floor(where * this.#entries.length);
  }

  /**
   * The process dies: callbacks of this life never come. A synced write under way reaches the disk or does not;
   * unsynced ledger writes survive up to a random point, in order.
   */
  crash(): void {
    this.#life += 1;
    for (const commit of this.#underWay) if (this.#prng.chance(0.5)) commit();
    this.#underWay.clear();
    this.#view = [...this.#entries];
    for (const writes of this.#unsynced.slice(0, this.#prng.between(0, this.#unsynced.length))) {
      applyWrites(this.#durable, writes);
    }
    this.#unsynced = [];
    this.#ledger = copyOf(this.#durable);
  }

  /** What is left of a log whose entries from here on were found damaged and removed. @returns its last entry before */
  loseLogFrom(index: number): number {
    const last = this.#entries.length;
    this.#entries.length = index - 1;
    this.#view = [...this.#entries];
    return last;
  }

  /** The ledger's directory is gone; the log stays. */
  loseLedger(): void {
    this.#ledger = emptyLedger();
    this.#durable = emptyLedger();
  }

  log(life: Life): RaftLogStore {
    const number = this.#life;
    let failed = false;
    return {
      load: (done) =>
        this.#later(number, life, 0, () => {
          if (this.#rotten === null) done(null, this.#image());
          else done(new Error(`record ${this.#rotten} is damaged`));
        }),
      persist: (batch, done) => {
        if (failed) this.#listener.wroteAfterFailure();
        this.#persist(number, life, batch, (error) => {
          failed ||= error !== null;
          done(error);
        });
      },
      compact: (to, done) => {
        if (this.#life !== number) return;
        this.#synced(number, life, this.#syncTime(), done, () => {
          const last = this.#entries[to - 1];
          if (last !== undefined && to > this.#base.index)
            this.#base = { index: to, term: last.term, time: last.time };
        });
      },
      read: (from, to, maxBytes, done) => {
        if (from <= this.#base.index) throw new Error(`entry ${from} was trimmed`);
        this.#later(number, life, 20 * US, () => this.#read(from, to, maxBytes, done));
      },
    };
  }

  ledger(life: Life): LedgerStore {
    const number = this.#life;
    const answer = (task: () => void): void => this.#later(number, life, 20 * US, task);
    return {
      loadImage: (done) => this.#later(number, life, 0, () => done(null, this.#ledger.image)),
      loadOrigin: (done) => this.#later(number, life, 0, () => done(null, this.#ledger.origin)),
      readBodies: (after, maxBytes, done) =>
        answer(() => done(null, bodiesAbove(this.#ledger.bodies.values(), after, maxBytes))),
      write: (writes, done) => {
        // In order at once: what a later read sees; durable only after a sync.
        if (this.#life !== number) return;
        if (writes.image !== undefined) this.#listener.imageWritten(writes.image);
        applyWrites(this.#ledger, writes);
        this.#unsynced.push(writes);
        this.#later(number, life, 10 * US, () => done(null));
      },
      sync: (done) => {
        const count = this.#unsynced.length;
        this.#later(number, life, this.#syncTime(), () => {
          for (const writes of this.#unsynced.splice(0, count)) applyWrites(this.#durable, writes);
          done(null);
        });
      },
      readBundle: (index, done) => answer(() => done(null, this.#ledger.bundles.get(index) ?? null)),
      readTile: (level, index, done) =>
        answer(() => done(null, this.#ledger.tiles.get(`${level}/${index}`) ?? null)),
      readBody: (hash, done) => answer(() => done(null, this.#ledger.bodies.get(hexOf(hash)) ?? null)),
      readCheckpoint: (size, done) =>
        answer(() => {
          const sizes = [...this.#ledger.checkpoints.keys()].filter((s) => s >= size).sort((a, b) => a - b);
          done(null, sizes[0] === undefined ? null : (this.#ledger.checkpoints.get(sizes[0]) ?? null));
        }),
      newestCheckpoint: (done) =>
        answer(() => {
          const newest = Math.max(0, ...this.#ledger.checkpoints.keys());
          done(null, this.#ledger.checkpoints.get(newest) ?? null);
        }),
    };
  }

  witnessStore(life: Life): WitnessStore {
    const number = this.#life;
    return {
      load: (done) => this.#later(number, life, 0, () => done(null, this.#witness)),
      save: (state, done) => {
        if (this.#life !== number) return;
        this.#synced(number, life, this.#syncTime(), done, () => {
          this.#witness = state;
          this.#listener.witnessSaved(state);
        });
      },
    };
  }

  spoolStore(life: Life): SpoolStore {
    const number = this.#life;
    const write = (done: (error: Error | null) => void, commit: () => void): void => {
      if (this.#life === number) this.#synced(number, life, this.#syncTime(), done, commit);
    };
    return {
      load: (done) => this.#later(number, life, 0, () => done(null, [...this.#spool])),
      append: (item, done) => write(done, () => void this.#spool.push(item)),
      clear: (done) =>
        write(done, () => {
          this.#spool = [];
        }),
    };
  }

  #read(
    from: number,
    to: number,
    maxBytes: number,
    done: (error: Error | null, entries?: readonly Entry[]) => void,
  ): void {
    if (this.#rotten !== null && this.#rotten >= from && this.#rotten <= to) {
      done(new Error(`record ${this.#rotten} is damaged`));
      return;
    }
    const out: Entry[] = [];
    let bytes = 0;
    for (let i = from; i <= to; i += 1) {
      const entry = this.#view[i - 1];
      if (entry === undefined) break;
      bytes += entry.payload.length;
      if (out.length > 0 && bytes > maxBytes) break;
      out.push(entry);
    }
    done(null, out);
  }

  #persist(number: number, life: Life, batch: LogBatch, done: (error: Error | null) => void): void {
    if (this.#life !== number) return;
    if (this.faults.fails || this.faults.full) {
      const error = new Error(
        this.faults.full ? 'ENOSPC: no space left on device' : 'EIO: input/output error',
      );
      this.faults.fails = false;
      this.#later(number, life, 300 * US, () => done(error));
      return;
    }
    extend(this.#view, batch);
    const commit = (): void => {
      if (batch.hardState !== undefined) this.#hardState = batch.hardState;
      if (batch.restartAfter !== undefined) this.#base = batch.restartAfter;
      extend(this.#entries, batch);
      if (this.#rotten !== null && this.#rotten > this.#entries.length) this.#rotten = null;
      this.#listener.logDurable(batch, this.#hardState, this.#entries);
    };
    if (this.faults.lies) {
      // Acknowledged now, written a good while later: lost if the node dies meanwhile.
      this.#later(number, life, US, () => done(null));
      this.#later(number, life, 300 * MS, commit);
      return;
    }
    this.#synced(number, life, this.#syncTime(), done, commit);
    this.#listener.persistBegun(batch);
  }

  /** The disk goes on while the process stands still; only the completion waits. */
  #synced(number: number, life: Life, time: number, done: (error: null) => void, commit: () => void): void {
    this.#underWay.add(commit);
    this.#scheduler.after(time, () => {
      if (this.#life !== number) return;
      this.#underWay.delete(commit);
      commit();
      this.#later(number, life, 0, () => {
        done(null);
        this.#listener.persisted();
      });
    });
  }

  #syncTime(): number {
    return this.#prng.between(150, 600) * US + this.faults.stall;
  }

  #later(number: number, life: Life, delay: number, task: () => void): void {
    this.#scheduler.inLife(life, delay, () => {
      if (this.#life === number) task();
    });
  }

  #image(): LogImage {
    const termRuns: { firstIndex: ReturnType<typeof logIndex>; term: Term }[] = [];
    for (const entry of this.#entries.slice(this.#base.index)) {
      if (termRuns.at(-1)?.term !== entry.term) termRuns.push({ firstIndex: entry.index, term: entry.term });
    }
    return {
      hardState: this.#hardState,
      base: this.#base,
      firstIndex: logIndex(this.#base.index + 1),
      lastIndex: logIndex(this.#entries.length),
      termRuns,
    };
  }
}

function extend(entries: Entry[], batch: LogBatch): void {
  if (batch.restartAfter !== undefined) {
    entries.length = 0;
    entries.length = batch.restartAfter.index;
  }
  if (batch.truncateFrom !== undefined) entries.length = Math.min(entries.length, batch.truncateFrom - 1);
  for (const entry of batch.entries) {
    if (entry.index !== entries.length + 1)
      throw new Error(`log hole: ${entry.index} after ${entries.length}`);
    entries.push(entry);
  }
}

function emptyLedger(): LedgerContents {
  return {
    image: null,
    origin: null,
    bundles: new Map(),
    tiles: new Map(),
    bodies: new Map(),
    checkpoints: new Map(),
  };
}

function copyOf(contents: LedgerContents): LedgerContents {
  return {
    image: contents.image,
    origin: contents.origin,
    bundles: new Map(contents.bundles),
    tiles: new Map(contents.tiles),
    bodies: new Map(contents.bodies),
    checkpoints: new Map(contents.checkpoints),
  };
}

function applyWrites(contents: LedgerContents, writes: LedgerWrites): void {
  for (const bundle of writes.bundles) contents.bundles.set(bundle.index, bundle.leaves);
  for (const tile of writes.tiles) contents.tiles.set(`${tile.level}/${tile.index}`, tile.hashes);
  for (const body of writes.bodies) contents.bodies.set(hexOf(body.hash), body);
  for (const checkpoint of writes.checkpoints) contents.checkpoints.set(checkpoint.size, checkpoint.note);
  if (writes.image !== undefined) contents.image = writes.image;
  if (writes.origin !== undefined) contents.origin = writes.origin;
}

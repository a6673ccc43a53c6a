/**
 * A simulated disk. What was synced survives a crash; what was not is kept up to a random point, in order. A write
 * that was under way may have reached the disk although nobody was told.
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
import type { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';

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
  stall: bigint;
  /** Acknowledges a sync without doing it: the negative control, no real disk of ours. */
  lies: boolean;
}

export interface DiskListener {
  readonly logDurable: (entries: readonly Entry[], hardState: HardState) => void;
  readonly witnessSaved: (state: WitnessState) => void;
}

const hex = (bytes: Uint8Array): string => {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
};

export class SimulatedDisk {
  readonly faults: DiskFaults = { stall: 0n, lies: false };
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #listener: DiskListener;
  #life = 0;
  #hardState: HardState = { term: term(0), vote: null, commit: logIndex(0) };
  #base: LogBase = NO_BASE;
  /** `#entries[i − 1]` is entry i, also of those that were trimmed; holes where a snapshot took their place. */
  #entries: Entry[] = [];
  /** What reads see: durable entries and, on a disk that lies, acknowledged ones. */
  #view: Entry[] = [];
  /** What reads see of the ledger: the durable part and everything written since. */
  #ledger: LedgerContents = emptyLedger();
  #durable: LedgerContents = emptyLedger();
  /** Synced writes that have begun and not completed. */
  readonly #underWay = new Set<() => void>();
  #unsynced: LedgerWrites[] = [];
  #witness: WitnessState | null = null;

  constructor(scheduler: Scheduler, prng: Prng, listener: DiskListener) {
    this.#scheduler = scheduler;
    this.#prng = prng;
    this.#listener = listener;
  }

  get witness(): WitnessState | null {
    return this.#witness;
  }

  get durableEntries(): readonly Entry[] {
    return this.#entries;
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

  /** The ledger's directory is gone; the log stays. */
  loseLedger(): void {
    this.#ledger = emptyLedger();
    this.#durable = emptyLedger();
  }

  log(): RaftLogStore {
    const life = this.#life;
    return {
      load: (done) => this.#later(life, 0n, () => done(null, this.#image())),
      persist: (batch, done) => this.#persist(life, batch, done),
      compact: (to, done) => {
        const commit = (): void => {
          const last = this.#entries[to - 1];
          if (last !== undefined && to > this.#base.index)
            this.#base = { index: to, term: last.term, time: last.time };
        };
        this.#synced(life, this.#syncTime(), done, commit);
      },
      read: (from, to, maxBytes, done) => {
        if (from <= this.#base.index) throw new Error(`entry ${from} was trimmed`);
        this.#later(life, 20_000n, () => {
          const out: Entry[] = [];
          let bytes = 0;
          for (let i = from as number; i <= to; i += 1) {
            const entry = this.#view[i - 1];
            if (entry === undefined) break;
            bytes += entry.payload.length;
            if (out.length > 0 && bytes > maxBytes) break;
            out.push(entry);
          }
          done(null, out);
        });
      },
    };
  }

  ledger(): LedgerStore {
    const life = this.#life;
    return {
      loadImage: (done) => this.#later(life, 0n, () => done(null, this.#ledger.image)),
      loadOrigin: (done) => this.#later(life, 0n, () => done(null, this.#ledger.origin)),
      readBodies: (after, maxBytes, done) =>
        this.#later(life, 20_000n, () =>
          done(null, bodiesAbove(this.#ledger.bodies.values(), after, maxBytes)),
        ),
      write: (writes, done) => {
        // In order at once: what a later read sees; durable only after a sync.
        if (this.#life !== life) return;
        applyWrites(this.#ledger, writes);
        this.#unsynced.push(writes);
        this.#later(life, 10_000n, () => done(null));
      },
      sync: (done) => {
        const count = this.#unsynced.length;
        this.#later(life, this.#syncTime(), () => {
          for (const writes of this.#unsynced.splice(0, count)) applyWrites(this.#durable, writes);
          done(null);
        });
      },
      readBundle: (index, done) =>
        this.#later(life, 20_000n, () => done(null, this.#ledger.bundles.get(index) ?? null)),
      readTile: (level, index, done) =>
        this.#later(life, 20_000n, () => done(null, this.#ledger.tiles.get(`${level}/${index}`) ?? null)),
      readBody: (hash, done) =>
        this.#later(life, 20_000n, () => done(null, this.#ledger.bodies.get(hex(hash)) ?? null)),
      readCheckpoint: (size, done) => {
        this.#later(life, 20_000n, () => {
          const sizes = [...this.#ledger.checkpoints.keys()].filter((s) => s >= size).sort((a, b) => a - b);
          done(null, sizes[0] === undefined ? null : (this.#ledger.checkpoints.get(sizes[0]) ?? null));
        });
      },
      newestCheckpoint: (done) => {
        this.#later(life, 20_000n, () => {
          const newest = Math.max(0, ...this.#ledger.checkpoints.keys());
          done(null, this.#ledger.checkpoints.get(newest) ?? null);
        });
      },
    };
  }

  witnessStore(): WitnessStore {
    const life = this.#life;
    return {
      load: (done) => this.#later(life, 0n, () => done(null, this.#witness)),
      save: (state, done) => {
        this.#synced(life, this.#syncTime(), done, () => {
          this.#witness = state;
          this.#listener.witnessSaved(state);
        });
      },
    };
  }

  #persist(life: number, batch: LogBatch, done: (error: Error | null) => void): void {
    extend(this.#view, batch);
    const commit = (): void => {
      if (batch.hardState !== undefined) this.#hardState = batch.hardState;
      if (batch.restartAfter !== undefined) this.#base = batch.restartAfter;
      extend(this.#entries, batch);
      this.#listener.logDurable(batch.entries, this.#hardState);
    };
    if (this.faults.lies) {
      // Acknowledged now, written a good while later: lost if the node dies meanwhile.
      this.#later(life, 1_000n, () => done(null));
      this.#later(life, 300_000_000n, commit);
    } else {
      this.#synced(life, this.#syncTime(), done, commit);
    }
  }

  #synced(life: number, time: bigint, done: (error: null) => void, commit: () => void): void {
    this.#underWay.add(commit);
    this.#later(life, time, () => {
      this.#underWay.delete(commit);
      commit();
      done(null);
    });
  }

  #syncTime(): bigint {
    return BigInt(this.#prng.between(150_000, 600_000)) + this.faults.stall;
  }

  #later(life: number, delay: bigint, task: () => void): void {
    this.#scheduler.after(delay, () => {
      if (this.#life === life) task();
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
  for (const body of writes.bodies) contents.bodies.set(hex(body.hash), body);
  for (const checkpoint of writes.checkpoints) contents.checkpoints.set(checkpoint.size, checkpoint.note);
  if (writes.image !== undefined) contents.image = writes.image;
  if (writes.origin !== undefined) contents.origin = writes.origin;
}

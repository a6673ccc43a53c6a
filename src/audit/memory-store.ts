/**
 * A ledger store in memory: for the simulator, for laboratories without a disk, and as the model that the conformance
 * tests of real stores compare with. Calls back at once, or through `later` when the caller simulates a disk.
 */

import { hexOf } from '../verify/bytes.js';
import type {
  LedgerImage,
  LedgerOrigin,
  LedgerStore,
  LedgerWrites,
  WitnessState,
  WitnessStore,
} from './storage.js';
import type { DetachedBody, TreeSize } from './types.js';

/** Defers one callback; the default runs it at once. */
export type Later = (task: () => void) => void;

const atOnce: Later = (task) => task();

interface Contents {
  image: LedgerImage | null;
  origin: LedgerOrigin | null;
  readonly bundles: Map<number, readonly Uint8Array[]>;
  readonly tiles: Map<string, Uint8Array>;
  readonly bodies: Map<string, DetachedBody>;
  readonly checkpoints: Map<TreeSize, Uint8Array>;
}

export class MemoryLedgerStore implements LedgerStore {
  #contents: Contents = empty();
  readonly #later: Later;
  /** Writes since the last sync: what a power loss takes away, and never a part of one. */
  #unsynced: LedgerWrites[] = [];
  #synced: Contents = empty();

  constructor(later: Later = atOnce) {
    this.#later = later;
  }

  loadImage(done: (error: Error | null, image?: LedgerImage | null) => void): void {
    this.#later(() => done(null, this.#contents.image));
  }

  loadOrigin(done: (error: Error | null, origin?: LedgerOrigin | null) => void): void {
    this.#later(() => done(null, this.#contents.origin));
  }

  write(writes: LedgerWrites, done: (error: Error | null) => void): void {
    put(this.#contents, writes);
    this.#unsynced.push(writes);
    this.#later(() => done(null));
  }

  sync(done: (error: Error | null) => void): void {
    this.#later(() => {
      for (const writes of this.#unsynced) put(this.#synced, writes);
      this.#unsynced = [];
      done(null);
    });
  }

  readBundle(
    index: number,
    done: (error: Error | null, leaves?: readonly Uint8Array[] | null) => void,
  ): void {
    this.#later(() => done(null, this.#contents.bundles.get(index) ?? null));
  }

  readTile(
    level: number,
    index: number,
    done: (error: Error | null, hashes?: Uint8Array | null) => void,
  ): void {
    this.#later(() => done(null, this.#contents.tiles.get(`${level}/${index}`) ?? null));
  }

  readBody(hash: Uint8Array, done: (error: Error | null, body?: DetachedBody | null) => void): void {
    this.#later(() => done(null, this.#contents.bodies.get(hexOf(hash)) ?? null));
  }

  readBodies(
    after: Uint8Array,
    maxBytes: number,
    done: (error: Error | null, bodies?: readonly DetachedBody[]) => void,
  ): void {
    this.#later(() => done(null, bodiesAbove(this.#contents.bodies.values(), after, maxBytes)));
  }

  newestCheckpoint(done: (error: Error | null, note?: Uint8Array | null) => void): void {
    this.readCheckpoint(Math.max(0, ...this.#contents.checkpoints.keys()), done);
  }

  readCheckpoint(size: TreeSize, done: (error: Error | null, note?: Uint8Array | null) => void): void {
    this.#later(() => {
      const covering = [...this.#contents.checkpoints.keys()].filter((candidate) => candidate >= size);
      done(null, this.#contents.checkpoints.get(Math.min(...covering)) ?? null);
    });
  }

  /** Power fails: of what was not synced, the first `surviving` writes reached the disk, in order. */
  losePower(surviving: number): void {
    for (const writes of this.#unsynced.slice(0, surviving)) put(this.#synced, writes);
    this.#unsynced = [];
    this.#contents = this.#synced;
    this.#synced = copy(this.#contents);
  }

  /** Number of writes that a power loss could take away. */
  get unsynced(): number {
    return this.#unsynced.length;
  }
}

export class MemoryWitnessStore implements WitnessStore {
  #state: WitnessState | null = null;
  readonly #later: Later;

  constructor(later: Later = atOnce) {
    this.#later = later;
  }

  load(done: (error: Error | null, state?: WitnessState | null) => void): void {
    this.#later(() => done(null, this.#state));
  }

  /** The state is durable when `done` runs, and not before. */
  save(state: WitnessState, done: (error: Error | null) => void): void {
    this.#later(() => {
      this.#state = state;
      done(null);
    });
  }
}

function empty(): Contents {
  return {
    image: null,
    origin: null,
    bundles: new Map(),
    tiles: new Map(),
    bodies: new Map(),
    checkpoints: new Map(),
  };
}

function copy(contents: Contents): Contents {
  return {
    image: contents.image,
    origin: contents.origin,
    bundles: new Map(contents.bundles),
    tiles: new Map(contents.tiles),
    bodies: new Map(contents.bodies),
    checkpoints: new Map(contents.checkpoints),
  };
}

function put(contents: Contents, writes: LedgerWrites): void {
  for (const { index, leaves } of writes.bundles) contents.bundles.set(index, leaves);
  for (const { level, index, hashes } of writes.tiles) contents.tiles.set(`${level}/${index}`, hashes);
  for (const body of writes.bodies) contents.bodies.set(hexOf(body.hash), body);
  for (const { size, note } of writes.checkpoints) contents.checkpoints.set(size, note);
  if (writes.image !== undefined) contents.image = writes.image;
  if (writes.origin !== undefined) contents.origin = writes.origin;
}

/** As `LedgerStore.readBodies` wants them, from bodies in any order. */
export function bodiesAbove(
  bodies: Iterable<DetachedBody>,
  after: Uint8Array,
  maxBytes: number,
): DetachedBody[] {
  const floor = hexOf(after);
  const above = [...bodies]
    .map((body) => ({ name: hexOf(body.hash), body }))
    .filter(({ name }) => name > floor)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const found: DetachedBody[] = [];
  let bytes = 0;
  for (const { body } of above) {
    bytes += body.bytes.length;
    if (found.length > 0 && bytes > maxBytes) break;
    found.push(body);
  }
  return found;
}

/**
 * Fetches what a snapshot left out, tile by tile, from any peer: each piece is checked against the tree before it is
 * stored, together with the place to go on at, in one write. A crash goes on from the last write that reached the disk.
 */

import { checkBody, checkBundle, checkTile, fillAfter, fillRun } from '../../audit/fill.js';
import type { Ledger } from '../../audit/ledger.js';
import type { FillPosition, LedgerOrigin, LedgerStore, LedgerWrites } from '../../audit/storage.js';
import { equalBytes } from '../../verify/bytes.js';
import { BulkRequest, type BulkPeers } from './bulk-request.js';
import { MAX_BUNDLES, MAX_TILES, type SnapshotMessage } from './snapshot-messages.js';

export interface LedgerFillDeps extends BulkPeers {
  readonly ledger: Ledger;
  readonly store: Pick<LedgerStore, 'write' | 'sync'>;
  /** Everything is here, verified and durable. */
  readonly done: () => void;
  readonly fatal: (error: Error) => void;
}

const NOTHING: LedgerWrites = { bundles: [], tiles: [], bodies: [], checkpoints: [] };

export class LedgerFill {
  readonly #deps: LedgerFillDeps;
  readonly #request: BulkRequest;
  readonly #origin: LedgerOrigin;
  #position: FillPosition;
  /** An answer is being checked or written. */
  #busy = false;
  #over = false;

  constructor(origin: LedgerOrigin & { readonly next: FillPosition }, deps: LedgerFillDeps) {
    this.#deps = deps;
    this.#origin = origin;
    this.#position = origin.next;
    this.#request = new BulkRequest(deps, () => this.#next());
  }

  get position(): FillPosition {
    return this.#position;
  }

  start(): void {
    this.#request.go();
  }

  tick(): void {
    if (!this.#busy && !this.#over) this.#request.tick();
  }

  stop(): void {
    this.#over = true;
    this.#request.stop();
  }

  receive(from: string, message: SnapshotMessage): void {
    if (this.#over || this.#busy || from !== this.#request.peer) return;
    const position = this.#position;
    switch (message.kind) {
      case 'tiles':
        if (position.kind !== 'tile' || position.level !== message.level) return;
        if (position.index === message.index) this.#checkTiles(position, message.tiles);
        return;
      case 'bundles':
        if (position.kind !== 'bundle') return;
        if (position.index === message.index) this.#checkBundles(position, message.bundles);
        return;
      case 'bodies':
        if (position.kind !== 'body' || !equalBytes(position.after, message.after)) return;
        this.#takeBodies(message);
        return;
      case 'none':
        if (message.to === this.#next()?.kind) this.#request.useless();
        return;
      default:
        return;
    }
  }

  #next(): SnapshotMessage | null {
    const position = this.#position;
    if (this.#over || this.#busy) return null;
    switch (position.kind) {
      case 'tile': {
        const { level, index } = position;
        return { kind: 'askTiles', level, index, count: Math.min(MAX_TILES, this.#run(position)) };
      }
      case 'bundle': {
        const count = Math.min(MAX_BUNDLES, this.#run(position));
        return { kind: 'askBundles', index: position.index, count };
      }
      case 'body':
        return { kind: 'askBodies', after: position.after };
    }
  }

  #run(position: Exclude<FillPosition, { kind: 'body' }>): number {
    return fillRun(position, this.#origin.size);
  }

  #checkTiles(position: Extract<FillPosition, { kind: 'tile' }>, tiles: readonly Uint8Array[]): void {
    const { level } = position;
    const right = tiles.slice(0, this.#run(position)).map((hashes, at) => ({
      level,
      index: position.index + at,
      hashes,
    }));
    this.#inOrder(
      right,
      (tile, done) => checkTile(this.#deps.ledger, level, tile.index, tile.hashes, done),
      () => {
        const bytes = right.reduce((sum, { hashes }) => sum + hashes.length, 0);
        this.#store({ ...NOTHING, tiles: right }, this.#after(position, right.length), bytes);
      },
    );
  }

  #checkBundles(position: Extract<FillPosition, { kind: 'bundle' }>, bundles: readonly Uint8Array[]): void {
    const right: { readonly index: number; readonly leaves: readonly Uint8Array[] }[] = [];
    const wanted = bundles.slice(0, this.#run(position));
    this.#inOrder(
      wanted,
      (bundle, done) => {
        const index = position.index + right.length;
        checkBundle(this.#deps.ledger, index, bundle, (leaves) => {
          if (leaves !== null) right.push({ index, leaves });
          done(leaves !== null);
        });
      },
      () => {
        const bytes = wanted.reduce((sum, bundle) => sum + bundle.length, 0);
        this.#store({ ...NOTHING, bundles: right }, this.#after(position, right.length), bytes);
      },
    );
  }

  #takeBodies({ bodies }: Extract<SnapshotMessage, { kind: 'bodies' }>): void {
    const last = bodies.at(-1);
    if (!bodies.every(checkBody)) this.#request.useless();
    else if (last === undefined) this.#finish();
    else {
      const bytes = bodies.reduce((sum, body) => sum + body.bytes.length, 0);
      this.#store({ ...NOTHING, bodies }, { kind: 'body', after: last.hash.slice() }, bytes);
    }
  }

  #after(position: Exclude<FillPosition, { kind: 'body' }>, count: number): FillPosition {
    return fillAfter(position, count, this.#origin.size, this.#origin.present);
  }

  /** One after the other; a wrong piece makes the whole answer useless. */
  #inOrder<T>(
    items: readonly T[],
    check: (item: T, done: (right: boolean) => void) => void,
    finished: () => void,
  ): void {
    this.#busy = true;
    const one = (at: number): void => {
      const item = items[at];
      if (this.#over) return;
      if (item === undefined) {
        this.#busy = false;
        if (items.length === 0) this.#request.useless();
        else finished();
        return;
      }
      check(item, (right) => {
        if (right) {
          one(at + 1);
          return;
        }
        this.#busy = false;
        if (!this.#over) this.#request.useless();
      });
    };
    one(0);
  }

  #store(writes: LedgerWrites, next: FillPosition, bytes: number): void {
    this.#busy = true;
    this.#deps.store.write({ ...writes, origin: { ...this.#origin, next } }, (error) => {
      if (this.#over) return;
      this.#busy = false;
      if (error !== null) {
        this.#deps.fatal(error);
        return;
      }
      this.#position = next;
      this.#request.answered(bytes);
    });
  }

  #finish(): void {
    const { store, done, fatal } = this.#deps;
    this.stop();
    store.write({ ...NOTHING, origin: { ...this.#origin, next: null } }, (error) => {
      if (error !== null) {
        fatal(error);
        return;
      }
      store.sync((failed) => {
        if (failed === null) done();
        else fatal(failed);
      });
    });
  }
}

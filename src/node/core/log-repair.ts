/**
 * Makes a damaged log whole in place: committed entries, from any peer, are appended to what is left of it, until it
 * reaches the last entry that this node had acknowledged. Only then the node may vote and acknowledge again: whatever it
 * told before, it holds, or a majority has committed something else in its place.
 */

import { lacksEntry, restartAfter } from '../../raft/restart.js';
import type { LogBase, LogImage, RaftLogStore } from '../../raft/storage.js';
import { type Entry, type HardState } from '../../raft/types.js';
import { BulkRequest, type BulkPeers } from './bulk-request.js';
import type { SnapshotMessage } from './snapshot-messages.js';

export interface LogRepairDeps {
  /** The last entry that must be there. */
  readonly until: number;
  readonly store: RaftLogStore;
  /** The base of the snapshot that the ledger was installed from, or null. */
  readonly installed: LogBase | null;
  /** The log is whole: the node begins a new life. */
  readonly repaired: () => void;
  readonly fatal: (error: Error) => void;
}

export class LogRepair {
  readonly #deps: LogRepairDeps & { readonly trimmed: (firstIndex: number) => void };
  readonly #request: BulkRequest;
  #last: number | null = null;
  #lastTerm = 0;
  #hardState: HardState | null = null;
  #busy = false;
  #over = false;

  constructor(
    net: BulkPeers,
    deps: LogRepairDeps & {
      /** Peers no longer have what is missing: a snapshot must come first. */
      readonly trimmed: (firstIndex: number) => void;
    },
  ) {
    this.#deps = deps;
    this.#request = new BulkRequest(net, () =>
      this.#last === null || this.#busy || this.#over ? null : { kind: 'askEntries', from: this.#last + 1 },
    );
  }

  start(): void {
    this.#deps.store.load((error, image) => {
      if (this.#over) return;
      if (error !== null || image === undefined) {
        this.#deps.fatal(error ?? new Error('the log gave nothing'));
        return;
      }
      const { installed, store, fatal } = this.#deps;
      if (installed === null || !lacksEntry(image, installed)) {
        this.#begin(image);
        return;
      }
      const begun = restartAfter(image, installed);
      store.persist(begun.batch, (failed) => {
        if (failed !== null) fatal(failed);
        else if (!this.#over) this.#begin(begun.image);
      });
    });
  }

  #begin(image: LogImage): void {
    this.#last = image.lastIndex;
    this.#lastTerm = image.termRuns.at(-1)?.term ?? image.base?.term ?? 0;
    this.#hardState = image.hardState;
    this.#goOn();
  }

  tick(): void {
    if (!this.#over && !this.#busy && this.#last !== null) this.#request.tick();
  }

  stop(): void {
    this.#over = true;
    this.#request.stop();
  }

  receive(from: string, message: Extract<SnapshotMessage, { kind: 'entries' | 'trimmed' }>): void {
    if (this.#over || this.#busy || from !== this.#request.peer || this.#last === null) return;
    if (message.from !== this.#last + 1) return;
    if (message.kind === 'trimmed') {
      this.#request.useless();
      this.#deps.trimmed(message.firstIndex);
      return;
    }
    this.#take(message.entries);
  }

  #take(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    let term = this.#lastTerm;
    const ascending = entries.every((entry) => {
      const follows = entry.term >= term;
      term = entry.term;
      return follows;
    });
    const before = this.#hardState;
    if (last === undefined || before === null || !ascending) {
      this.#request.useless();
      return;
    }
    this.#busy = true;
    // A committed entry of a newer term shows that the term has passed; what was promised in an older one is void.
    const hardState: HardState =
      last.term > before.term
        ? { term: last.term, vote: null, commit: last.index }
        : { ...before, commit: last.index };
    this.#deps.store.persist({ hardState, entries }, (error) => {
      if (this.#over) return;
      this.#busy = false;
      if (error !== null) {
        this.#deps.fatal(error);
        return;
      }
      this.#last = last.index;
      this.#hardState = hardState;
      this.#lastTerm = last.term;
      this.#request.answered(entries.reduce((sum, { payload }) => sum + payload.length, 0));
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#last !== null && this.#last >= this.#deps.until) {
      this.stop();
      this.#deps.repaired();
    } else this.#request.go();
  }
}

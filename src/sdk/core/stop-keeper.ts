/**
 * Stop orders and their durability. Invariant: an order closes the interlock at once, is acknowledged only after it is
 * on disk, and leaves the disk only after a live session said that no stop stands.
 */

import type { DurNs, MonoNs } from '../../time/types.js';
import { NS_PER_S, durNs, monoNs } from '../../time/types.js';
import type { Interlock, Stop, StoredStop } from './interlock.js';

/** A stop that could not be stored is tried again after this. */
const STORE_RETRY: DurNs = durNs(NS_PER_S);

/** What has to be done about stops, in the words of the client's effects. */
export interface StopActions {
  readonly store: (stop: Stop) => void;
  readonly clear: () => void;
  readonly acknowledge: (order: number) => void;
  /** The stop that stands now, or null after a release. */
  readonly changed: (stop: Stop | null) => void;
}

type Stored =
  | { readonly kind: 'no' }
  | { readonly kind: 'storing'; readonly order: number }
  | { readonly kind: 'failed'; readonly order: number; readonly retryAt: MonoNs }
  | { readonly kind: 'stored'; readonly order: number };

export class StopKeeper {
  readonly #interlock: Interlock;
  readonly #actions: StopActions;
  #stored: Stored;

  constructor(interlock: Interlock, stored: StoredStop, actions: StopActions) {
    this.#interlock = interlock;
    this.#actions = actions;
    this.#stored = stored.kind === 'stop' ? { kind: 'stored', order: stored.stop.order } : { kind: 'no' };
  }

  /** An order, or one that a new session reports to stand. */
  ordered(stop: Stop): void {
    const known = this.#interlock.stop?.order === stop.order;
    if (!known) {
      this.#interlock.stopOrdered(stop);
      this.#actions.changed(stop);
    }
    // The node of a new session may not know of an acknowledgement that was lost with the old one.
    if (this.#holds('stored', stop.order)) this.#actions.acknowledge(stop.order);
    else if (!this.#holds('storing', stop.order)) this.#store(stop);
  }

  released(order: number): void {
    if (this.#interlock.stopReleased(order)) this.#forget();
  }

  /** Welcome said that no stop stands. */
  noneStands(): void {
    const stood = this.#interlock.stop !== null;
    this.#interlock.sessionOpened(null);
    if (stood) this.#forget();
  }

  stored(order: number): void {
    if (this.#interlock.stop?.order === order) {
      this.#stored = { kind: 'stored', order };
      this.#actions.acknowledge(order);
    } else if (this.#interlock.stop === null) {
      // Released while it was being stored.
      this.#actions.clear();
    }
  }

  notStored(order: number, now: MonoNs): void {
    if (this.#holds('storing', order)) {
      this.#stored = { kind: 'failed', order, retryAt: monoNs(now + STORE_RETRY) };
    }
  }

  tick(now: MonoNs): void {
    const { stop } = this.#interlock;
    if (stop !== null && this.#stored.kind === 'failed' && now >= this.#stored.retryAt) this.#store(stop);
  }

  #holds(kind: 'storing' | 'stored', order: number): boolean {
    return this.#stored.kind === kind && this.#stored.order === order;
  }

  #store(stop: Stop): void {
    this.#stored = { kind: 'storing', order: stop.order };
    this.#actions.store(stop);
  }

  /** If we crash before the file is gone, the stop stands until the next Welcome says again that it does not. */
  #forget(): void {
    this.#stored = { kind: 'no' };
    this.#actions.clear();
    this.#actions.changed(null);
  }
}

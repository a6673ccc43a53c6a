/**
 * Simulated true time and everything that is going to happen in it. Events at one instant run in the order they were set.
 *
 * Instants and durations are numbers of nanoseconds: a world lasts seconds, and whole numbers are exact for 104 days.
 */
import type { DurNs, Timers } from '../../src/time/types.js';

interface Event {
  readonly at: number;
  readonly order: number;
  task: (() => void) | null;
}

/** One process: from its start to its death. */
export interface Life {
  alive: boolean;
  /** The process stands still until then. */
  pausedUntil: number;
  /** Runs once when the process dies; whoever is connected to it learns of it here. */
  readonly atDeath: (() => void)[];
}

export const newLife = (): Life => ({ alive: true, pausedUntil: 0, atDeath: [] });

export class Scheduler {
  #now = 0;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Nanoseconds of true time since the world began. */
  get now(): number {
    return this.#now;
  }

  after(delay: number, task: () => void): () => void {
    const event: Event = { at: this.#now + Math.max(0, delay), order: (this.#order += 1), task };
    this.#push(event);
    return () => {
      event.task = null;
    };
  }

  /** Runs the task when the process can run it: at once, when it goes on, or never if it is dead by then. */
  inLife(life: Life, delay: number, task: () => void): () => void {
    let cancel: () => void = () => undefined;
    const run = (): void => {
      if (!life.alive) return;
      if (life.pausedUntil > this.#now) cancel = this.after(life.pausedUntil - this.#now, run);
      else task();
    };
    cancel = this.after(delay, run);
    return () => cancel();
  }

  /** Runs the next event that is due before `until`; false when there is none. */
  step(until: number): boolean {
    for (;;) {
      const head = this.#heap[0];
      if (head === undefined || head.at > until) return false;
      this.#pop();
      const { task } = head;
      if (task === null) continue;
      this.#now = head.at;
      task();
      return true;
    }
  }

  /** Timers of one life of one node: none of them fires after it died. `rate` is its oscillator's true rate. */
  timersFor(life: Life, rate: number): Timers {
    return {
      after: (delay: DurNs, task: () => void) => this.inLife(life, Math.ceil(Number(delay) / rate), task),
    };
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    let i = heap.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!before(heap[child] as Event, last)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

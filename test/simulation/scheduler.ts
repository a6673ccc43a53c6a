/** Simulated true time and everything that is going to happen in it. Events at one instant run in the order they were set. */
import type { DurNs, Timers } from '../../src/time/types.js';

interface Event {
  readonly at: bigint;
  readonly order: number;
  readonly task: () => void;
  cancelled: boolean;
}

export class Scheduler {
  #now = 0n;
  #order = 0;
  readonly #heap: Event[] = [];

  /** Nanoseconds of true time since the world began. */
  get now(): bigint {
    return this.#now;
  }

  after(delay: bigint, task: () => void): () => void {
    const event: Event = {
      at: this.#now + (delay > 0n ? delay : 0n),
      order: (this.#order += 1),
      task,
      cancelled: false,
    };
    this.#push(event);
    return () => {
      event.cancelled = true;
    };
  }

  /** Runs the next event that is due before `until`; false when there is none. */
  step(until: bigint): boolean {
    for (;;) {
      const head = this.#heap[0];
      if (head === undefined || head.at > until) return false;
      this.#pop();
      if (head.cancelled) continue;
      this.#now = head.at;
      head.task();
      return true;
    }
  }

  /** Timers of one life of one node: none of them fires after it died. `rate` is its oscillator's true rate. */
  timersFor(life: { readonly alive: boolean; readonly paused: () => boolean }, rate: number): Timers {
    return {
      after: (delay: DurNs, task: () => void) => {
        const trueDelay = BigInt(Math.ceil(Number(delay) / rate));
        const run = (): void => {
          if (!life.alive) return;
          // A stopped process runs its timers when it goes on.
          if (life.paused()) this.after(1_000_000n, run);
          else task();
        };
        return this.after(trueDelay, run);
      },
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

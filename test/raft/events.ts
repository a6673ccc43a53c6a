/** Virtual time: a queue of tasks ordered by instant, then by arrival. One seed, one order. */

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

const before = (a: Scheduled, b: Scheduled): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class EventQueue {
  /** A binary heap. */
  readonly #heap: Scheduled[] = [];
  #order = 0;
  /** Nanoseconds since the world began. */
  now = 0;

  schedule(at: number, task: () => void): void {
    const one = { at: Math.max(at, this.now), order: this.#order++, task };
    let place = this.#heap.push(one) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || !before(one, above)) break;
      this.#heap[place] = above;
      place = parent;
    }
    this.#heap[place] = one;
  }

  /** Runs everything due up to `until`, then stands at `until`. */
  runUntil(until: number): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > until) break;
      this.#pop();
      this.now = first.at;
      first.task();
    }
    this.now = until;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      let child = this.#heap[left];
      if (child === undefined) break;
      let at = left;
      const right = this.#heap[left + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        at = left + 1;
      }
      if (!before(child, last)) break;
      this.#heap[place] = child;
      place = at;
    }
    this.#heap[place] = last;
  }
}

/**
 * Which node to try next: the nearest one that did not fail lately. Invariant: a node that failed is not dialled again
 * before its pause has passed, and a node without failures is always preferred to one with them, so that the loss of
 * one node costs one dial elsewhere and no waiting.
 */

import type { DurNs, MonoNs } from '../../time/types.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs } from '../../time/types.js';

/** Shortest and longest pause before the same node is dialled again. */
export const SHORTEST_PAUSE: DurNs = durNs(50n * NS_PER_MS);
export const LONGEST_PAUSE: DurNs = durNs(2n * NS_PER_S);

interface NodeRecord {
  readonly node: string;
  /** Place in the configured list: decides while nothing is measured. */
  readonly place: number;
  rtt: DurNs | null;
  failures: number;
  notBefore: MonoNs | null;
}

export class Endpoints {
  readonly #nodes: readonly NodeRecord[];
  readonly #chance: () => number;

  /**
   * @param nodes names, nearest first as far as the operator knows
   * @param chance uniform in [0, 1): spreads the clients of a node that was lost
   */
  constructor(nodes: readonly string[], chance: () => number) {
    this.#nodes = nodes.map((node, place) => ({ node, place, rtt: null, failures: 0, notBefore: null }));
    this.#chance = chance;
  }

  /** A round trip was seen. The estimate follows a shorter one at once and a longer one slowly. */
  measured(node: string, rtt: DurNs): void {
    const record = this.#record(node);
    record.rtt = record.rtt === null || rtt < record.rtt ? rtt : durNs(record.rtt + (rtt - record.rtt) / 8n);
  }

  succeeded(node: string): void {
    const record = this.#record(node);
    record.failures = 0;
    record.notBefore = null;
  }

  failed(node: string, now: MonoNs): void {
    const record = this.#record(node);
    const full = SHORTEST_PAUSE << BigInt(Math.min(record.failures, 10));
    const pause = full > LONGEST_PAUSE ? LONGEST_PAUSE : durNs(full);
    // Between the whole pause and half of it, never below the shortest.
    const jittered = pause - (pause * BigInt(Math.floor(this.#chance() * 500))) / 1000n;
    record.failures += 1;
    record.notBefore = monoNs(now + (jittered < SHORTEST_PAUSE ? SHORTEST_PAUSE : jittered));
  }

  /** The node to dial, and when: `at ≤ now` is at once. */
  next(now: MonoNs): { readonly node: string; readonly at: MonoNs } {
    const ready = this.#nodes.filter((n) => n.notBefore === null || n.notBefore <= now);
    const [best] = [...ready].sort(byPreference);
    if (best !== undefined) return { node: best.node, at: now };
    const [soonest] = [...this.#nodes].sort((a, b) => Number((a.notBefore ?? now) - (b.notBefore ?? now)));
    if (soonest === undefined) throw new RangeError('there is no endpoint');
    return { node: soonest.node, at: soonest.notBefore ?? now };
  }

  /** Whether there is another node that did not fail lately. */
  hasAlternative(node: string, now: MonoNs): boolean {
    return this.#nodes.some((n) => n.node !== node && (n.notBefore === null || n.notBefore <= now));
  }

  rtt(node: string): DurNs | null {
    return this.#record(node).rtt;
  }

  #record(node: string): NodeRecord {
    const record = this.#nodes.find((n) => n.node === node);
    if (record === undefined) throw new RangeError(`${node} is not among the endpoints`);
    return record;
  }
}

function byPreference(a: NodeRecord, b: NodeRecord): number {
  if (a.failures !== b.failures) return a.failures - b.failures;
  if (a.rtt !== null && b.rtt !== null && a.rtt !== b.rtt) return a.rtt < b.rtt ? -1 : 1;
  return a.place - b.place;
}

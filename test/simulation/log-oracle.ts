/**
 * Log matching and leader completeness over the logs of all nodes, at constant cost an entry.
 *
 * Every (index, term) that any disk ever held has one content and one predecessor. If that is so of each entry when it is
 * stored, then two logs that agree at an entry agree on everything before it (Raft thesis 3.5).
 */
import type { Entry } from '../../src/raft/types.js';
import { equalBytes } from '../../src/verify/bytes.js';
import { demand } from './violation.js';

interface Known {
  readonly entry: Entry;
  readonly previousTerm: number;
  readonly holders: Set<string>;
}

export interface CommittedEntry {
  readonly index: number;
  readonly term: number;
}

export class LogOracle {
  /** By index − 1, then by term. */
  readonly #known: Map<number, Known>[] = [];
  /** Highest entry known to be committed by each term, terms ascending. */
  readonly #committed: (CommittedEntry & { readonly by: number })[] = [];

  /** Entries have become durable at the end of a log. */
  appended(node: string, fresh: readonly Entry[], log: readonly Entry[]): void {
    for (const entry of fresh) {
      const previousTerm = log[entry.index - 2]?.term ?? 0;
      const terms = (this.#known[entry.index - 1] ??= new Map<number, Known>());
      const known = terms.get(entry.term);
      if (known === undefined) {
        terms.set(entry.term, { entry, previousTerm, holders: new Set([node]) });
        continue;
      }
      demand(
        known.previousTerm === previousTerm && sameContent(known.entry, entry),
        'LogMatching',
        () =>
          `${node} stored another entry (${entry.index}, ${entry.term}) than ${[...known.holders].join(', ')}`,
      );
      known.holders.add(node);
    }
  }

  /** An entry was first seen committed by a node that was in term `by`. */
  committed(entry: Entry, by: number): void {
    // What lies before it in the log was committed no later.
    while ((this.#committed.at(-1)?.by ?? -1) >= by) this.#committed.pop();
    this.#committed.push({ by, index: entry.index, term: entry.term });
  }

  /** The highest entry that was committed in a term before this one. */
  committedBefore(term: number): CommittedEntry | null {
    for (let at = this.#committed.length - 1; at >= 0; at -= 1) {
      const one = this.#committed[at];
      if (one !== undefined && one.by < term) return one;
    }
    return null;
  }
}

const sameContent = (a: Entry, b: Entry): boolean =>
  a === b || (a.kind === b.kind && a.time === b.time && equalBytes(a.payload, b.payload));

/**
 * Judges a history against the model of one log:
 *
 *   append(id) → index   adds a record at the end, once; records that no client appended may come in between
 *   read(index) → id     the record at the index, or nothing if the log does not reach so far
 *
 * Is there an instant for each operation, between its call and its return, at which it took effect as a whole? For a log
 * this needs no search. Let p(i) be the instant at which index i was filled; it must rise with i. Each operation bounds it:
 *
 *   append → i         called ≤ p(i) ≤ returned     (p(i) ≥ called only, if the outcome is unknown and i was read)
 *   read i → a record            p(i) ≤ returned
 *   read i → nothing   p(j) ≥ called for every j ≥ i     (linearizable reads only)
 *
 * Instants exist exactly if no lower bound of an index i lies after an upper bound of an index j ≥ i. The reads then find
 * theirs: one that saw the record any time after p(i), one that saw nothing any time before. What is left to check is that
 * an index has one content, a record one index, and that what was refused never appears.
 */

import type { Append, History, Operation, Read } from './history.js';

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
}

export type Rule =
  'two-contents' | 'two-indexes' | 'never-appended' | 'refused-but-there' | 'order' | 'malformed';

interface Bound {
  readonly at: number;
  readonly operation: Operation;
}

/** An index of the log as the history tells of it. */
interface Slot {
  readonly index: number;
  /** Id, or null for a record of somebody else; undefined while nothing said what it holds. */
  content?: string | null;
  contentFrom?: Operation;
  /** The latest instant before which it cannot have been filled, and the earliest after which it cannot. */
  lower?: Bound;
  upper?: Bound;
}

/** Violations in the order of their discovery; none for a history that is linearizable. */
export function check(history: History): readonly Violation[] {
  return new Check(history.operations).run();
}

class Check {
  readonly #operations: readonly Operation[];
  readonly #violations: Violation[] = [];
  readonly #slots = new Map<number, Slot>();
  readonly #appends = new Map<string, Append>();
  readonly #indexOf = new Map<string, number>();

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  run(): readonly Violation[] {
    for (const operation of this.#operations) {
      if (!(operation.returned >= operation.called))
        this.#violate('malformed', 'returned before its call', operation);
      if (operation.operation === 'append') this.#name(operation);
    }
    for (const operation of this.#operations) {
      if (operation.operation === 'append') this.#append(operation);
      else this.#read(operation);
    }
    for (const slot of this.#slots.values()) this.#origin(slot);
    this.#order();
    return this.#violations;
  }

  #name(append: Append): void {
    if (this.#appends.has(append.id)) this.#violate('malformed', 'two appends use one id', append);
    else this.#appends.set(append.id, append);
  }

  #append(append: Append): void {
    if (append.outcome.kind !== 'ok') return;
    const slot = this.#slot(append.outcome.index, append);
    this.#content(slot, append.id, append);
    notBefore(slot, append.called, append);
    notAfter(slot, append.returned, append);
  }

  #read(read: Read): void {
    const { outcome } = read;
    if (outcome.kind === 'unknown') return;
    if (outcome.kind === 'nothing') {
      if (read.linearizable) notBefore(this.#slot(read.index, read), read.called, read);
      return;
    }
    const slot = this.#slot(read.index, read);
    this.#content(slot, outcome.kind === 'record' ? outcome.id : null, read);
    notAfter(slot, read.returned, read);
  }

  #slot(index: number, operation: Operation): Slot {
    if (!Number.isSafeInteger(index) || index < 0) this.#violate('malformed', `index ${index}`, operation);
    const slot = this.#slots.get(index) ?? { index };
    this.#slots.set(index, slot);
    return slot;
  }

  #content(slot: Slot, content: string | null, operation: Operation): void {
    if (slot.content === undefined) {
      slot.content = content;
      slot.contentFrom = operation;
    } else if (slot.content !== content) {
      const before = slot.contentFrom as Operation;
      this.#violate(
        'two-contents',
        `index ${slot.index} was something else for: ${describe(before)}`,
        operation,
      );
      return;
    }
    if (content === null) return;
    const index = this.#indexOf.get(content);
    if (index === undefined) this.#indexOf.set(content, slot.index);
    else if (index !== slot.index)
      this.#violate('two-indexes', `${content} is also at index ${index}`, operation);
  }

  /** Where the content of an index came from; an append of unknown outcome that was seen did happen, after its call. */
  #origin(slot: Slot): void {
    if (slot.content === undefined || slot.content === null) return;
    const seen = slot.contentFrom as Operation;
    const append = this.#appends.get(slot.content);
    if (append === undefined) this.#violate('never-appended', slot.content, seen);
    else if (append.outcome.kind === 'refused') this.#violate('refused-but-there', describe(append), seen);
    else notBefore(slot, append.called, append);
  }

  #order(): void {
    const slots = [...this.#slots.values()].sort((a, b) => a.index - b.index);
    let latest: Bound | undefined;
    for (const { index, lower, upper } of slots) {
      if (lower !== undefined && (latest === undefined || lower.at > latest.at)) latest = lower;
      if (latest === undefined || upper === undefined || latest.at <= upper.at) continue;
      this.#violate(
        'order',
        `index ${index} was filled by then, which denies: ${describe(latest.operation)}`,
        upper.operation,
      );
    }
  }

  #violate(rule: Rule, detail: string, operation: Operation): void {
    this.#violations.push({ rule, detail: `${describe(operation)}: ${detail}` });
  }
}

function notBefore(slot: Slot, at: number, operation: Operation): void {
  if (slot.lower === undefined || at > slot.lower.at) slot.lower = { at, operation };
}

function notAfter(slot: Slot, at: number, operation: Operation): void {
  if (slot.upper === undefined || at < slot.upper.at) slot.upper = { at, operation };
}

function describe(operation: Operation): string {
  const when = `[${operation.called}, ${operation.returned}] client ${operation.process} at ${operation.node}`;
  return operation.operation === 'append'
    ? `${when} append(${operation.id}) → ${answerOf(operation)}`
    : `${when} read(${operation.index}) → ${answerOf(operation)}`;
}

function answerOf({ outcome }: Operation): string {
  switch (outcome.kind) {
    case 'ok':
      return String(outcome.index);
    case 'record':
      return outcome.id;
    case 'refused':
    case 'unknown':
    case 'other':
    case 'nothing':
      return outcome.kind;
  }
}

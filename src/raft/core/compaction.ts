/**
 * Giving up the front of the log: how far it may go, and when it is worth it (thesis 5.1, 5.1.3).
 *
 * Invariants: nothing is given up that this node's own ledger could still have to replay after a crash, nor above the
 * floor, which the leader computes: the greatest entry that a majority of voters, each with a complete ledger, has
 * synced into its ledger. So whatever a log no longer holds stands in a majority of ledgers, and a node left behind can
 * be brought up from any of them. The floor never goes back; it travels in heartbeats, positions in their answers.
 */

import { logIndex, type Entry, type LogIndex } from '../types.js';
import type { Nanos } from './config.js';
import { quorumValue } from './quorum.js';
import type { CoreState, Leading } from './state.js';

export interface CompactionLimits {
  /** Entries at the end that always stay, so that a short outage never needs a snapshot. */
  readonly trailingEntries: number;
  /** Trim when this many bytes of entries can go … */
  readonly trimBytes: number;
  /** … or when anything can and this long has passed since the last time. */
  readonly trimInterval: Nanos;
}

/** Beside its payload, in a block on disk. */
const ENTRY_OVERHEAD_BYTES = 21;
/** An entry found at start, whose length nobody has looked at. */
const ASSUMED_ENTRY_BYTES = 512;
/** The size of the log is remembered at so many places within `trimBytes`. */
const MARKS = 32;

/** What this node knows about how far its log may be trimmed. */
export class Compaction {
  readonly #limits: CompactionLimits;
  /** Own ledger: everything up to here is in it, and on disk. */
  synced = logIndex(0);
  /** Own ledger: every record since the birth is there and verified. */
  complete = false;
  floor = logIndex(0);
  /** The store is at it. */
  running = false;
  #trimmedAt: Nanos;
  /** Bytes of the log up to `index`, from the start on; ascending. */
  #marks: { readonly index: number; readonly bytes: number }[];
  #bytes = 0;

  constructor(limits: CompactionLimits, base: LogIndex, last: LogIndex, now: Nanos) {
    this.#limits = limits;
    this.#trimmedAt = now;
    this.#bytes = (last - base) * ASSUMED_ENTRY_BYTES;
    this.#marks = [
      { index: base, bytes: 0 },
      { index: last, bytes: this.#bytes },
    ];
  }

  /** What others may count on: nothing while records are missing here. */
  get position(): LogIndex {
    return this.complete ? this.synced : logIndex(0);
  }

  raiseFloor(floor: LogIndex): void {
    if (floor > this.floor) this.floor = floor;
  }

  appended(entries: readonly Entry[]): void {
    for (const entry of entries) this.#bytes += entry.payload.length + ENTRY_OVERHEAD_BYTES;
    const last = entries.at(-1);
    const previous = this.#marks.at(-1);
    if (last === undefined || previous === undefined) return;
    // A truncation leaves marks that are a little too high or too far: an estimate is all that is needed.
    if (this.#bytes - previous.bytes >= this.#limits.trimBytes / MARKS && last.index > previous.index) {
      this.#marks.push({ index: last.index, bytes: this.#bytes });
    }
  }

  /** The index up to which the log is to be trimmed now, or null. */
  due(applied: LogIndex, base: LogIndex, last: LogIndex, now: Nanos): LogIndex | null {
    if (this.running) return null;
    const to = Math.min(this.synced, this.floor, applied, last - Math.max(1, this.#limits.trailingEntries));
    if (to <= base) return null;
    const bytes = this.#bytesUpTo(to) - this.#bytesUpTo(base);
    const late = now - this.#trimmedAt >= this.#limits.trimInterval;
    return late || bytes >= this.#limits.trimBytes ? logIndex(to) : null;
  }

  begun(to: LogIndex, now: Nanos): void {
    this.running = true;
    this.#trimmedAt = now;
    const first = this.#marks.findLastIndex(({ index }) => index <= to);
    if (first > 0) this.#marks = this.#marks.slice(first);
  }

  #bytesUpTo(index: number): number {
    const at = this.#marks.findLastIndex((mark) => mark.index <= index);
    const below = this.#marks[at];
    const above = this.#marks[at + 1];
    if (below === undefined) return 0;
    if (above === undefined) return below.bytes;
    return below.bytes + ((above.bytes - below.bytes) * (index - below.index)) / (above.index - below.index);
  }
}

/** Leader: what a majority of complete ledgers holds durably. Told with each heartbeat. */
export function updateFloor(state: CoreState, leading: Leading): void {
  const { compaction, config, memberships } = state;
  const floor = quorumValue(memberships.members.sets, (id) =>
    id === config.id ? compaction.position : (leading.progress.get(id)?.synced ?? 0),
  );
  compaction.raiseFloor(logIndex(floor));
}

/** The host's ledger has moved on. */
export function onLedgerPosition(state: CoreState, synced: LogIndex, complete: boolean): void {
  const { compaction } = state;
  compaction.synced = synced;
  compaction.complete = complete;
  compactIfDue(state);
}

export function compactIfDue(state: CoreState): void {
  const { compaction, log } = state;
  const to = compaction.due(state.applied, log.base.index, log.lastIndex, state.now);
  if (to === null) return;
  log.compactTo(to);
  compaction.begun(to, state.now);
  state.out.push({ kind: 'compact', to });
}

/**
 * The node's own leap-seconds.list: read at start, read again when the file changes, and handed with what operators
 * entered to the clock. Whether it is the approved one is judged in the core, by its check word.
 *
 * A file that cannot be used while the node runs changes nothing: the list that was read last stays, with an alarm.
 */

import { readFileSync, statSync } from 'node:fs';
import type { ApprovedLeap } from '../../authority/model.js';
import type { ClockService, LeapKnowledge } from '../../clock/index.js';
import { LeapTableError, builtinLeapTable, parseLeapTable } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import type { NodeCore } from '../core/node.js';
import type { Notifier } from '../environment.js';
import { ConfigError } from './config.js';

const LOOK_MS = 2_000;

/** @throws ConfigError naming the file and the remedy */
export function readLeapList(file: string | null): LeapTable {
  if (file === null) return builtinLeapTable;
  try {
    return parseLeapTable(readFileSync(file, 'latin1'), file);
  } catch (cause) {
    const problem =
      cause instanceof LeapTableError ? cause.message : `it cannot be read: ${(cause as Error).message}`;
    throw new ConfigError(`${file}: ${problem} (key "clock.leapSeconds")`, { cause });
  }
}

const knowledgeOf = (list: LeapTable, { entries }: ApprovedLeap): LeapKnowledge => ({
  list,
  entries: entries.map(({ midnight, change }) => ({ midnightPosix: midnight, change })),
});

export class LeapList {
  readonly #file: string | null;
  readonly #core: NodeCore;
  readonly #clock: ClockService;
  readonly #notifier: Notifier;
  readonly #timer: NodeJS.Timeout;
  #list: LeapTable;
  #stamp: string;
  #approved: ApprovedLeap | null = null;

  /** @param list as read when the clock was started */
  constructor(file: string | null, list: LeapTable, core: NodeCore, clock: ClockService, notifier: Notifier) {
    this.#file = file;
    this.#list = list;
    this.#core = core;
    this.#clock = clock;
    this.#notifier = notifier;
    this.#stamp = stampOf(file);
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  get list(): LeapTable {
    return this.#list;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const approved = this.#core.authority.leap();
    const changed = this.#readAgain();
    if (!changed && approved === this.#approved) return;
    this.#approved = approved;
    this.#core.useLeapTable(this.#list.hash);
    this.#clock.setLeap(knowledgeOf(this.#list, approved));
  }

  #readAgain(): boolean {
    const stamp = stampOf(this.#file);
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    try {
      this.#list = readLeapList(this.#file);
      return true;
    } catch (error) {
      const message = `${(error as Error).message}; the list that was read before stays in use`;
      this.#notifier.notify({ severity: 'alarm', code: 'LEAP_TABLE_UNREADABLE', message });
      return false;
    }
  }
}

/** Changes whenever the file does. */
function stampOf(file: string | null): string {
  if (file === null) return '';
  try {
    const { mtimeNs, size, ino } = statSync(file, { bigint: true });
    return `${mtimeNs}/${size}/${ino}`;
  } catch {
    return 'missing';
  }
}

/**
 * Laboratory appends of one turn of the event loop, from however many streams, become one command: its envelope, its
 * hash and its place in the log are paid once for all of them. Each request is answered with its own part of the leaves.
 */

import { MAX_LAB_ITEMS } from '../../authority/testimony.js';
import type { LabDoor } from '../../rpc/doors.js';
import type { CommandResult } from '../core/proposals.js';
import { isErrorReason } from '../../wire/reasons.js';

/** A command takes no further request beyond this. Unit: bytes of records. */
const MAX_COMMAND_BYTES = 1 << 20;

type Answer = Parameters<Parameters<LabDoor['append']>[1]>[0];

interface Request {
  readonly records: readonly Uint8Array[];
  readonly done: (answer: Answer) => void;
}

export class LabAppends implements LabDoor {
  readonly #submit: (items: readonly Uint8Array[], done: (result: CommandResult) => void) => void;
  readonly #atEndOfTurn: (task: () => void) => void;
  #requests: Request[] = [];
  #items = 0;
  #bytes = 0;

  constructor(
    submit: (items: readonly Uint8Array[], done: (result: CommandResult) => void) => void,
    atEndOfTurn: (task: () => void) => void = setImmediate,
  ) {
    this.#submit = submit;
    this.#atEndOfTurn = atEndOfTurn;
  }

  append(records: readonly Uint8Array[], done: (answer: Answer) => void): void {
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    const full = this.#items + records.length > MAX_LAB_ITEMS || this.#bytes + bytes > MAX_COMMAND_BYTES;
    if (full && this.#requests.length > 0) this.#flush();
    this.#requests.push({ records, done });
    this.#items += records.length;
    this.#bytes += bytes;
    if (this.#requests.length === 1) this.#atEndOfTurn(() => this.#flush());
  }

  /** Also called when a turn's first command was full: then the end of the turn may find nothing left. */
  #flush(): void {
    const requests = this.#requests;
    if (requests.length === 0) return;
    this.#requests = [];
    this.#items = 0;
    this.#bytes = 0;
    const [only] = requests;
    const items =
      requests.length === 1 && only ? only.records : requests.flatMap(({ records }) => [...records]);
    this.#submit(items, (result) => {
      let before = 0;
      for (const { records, done } of requests) {
        done(partOf(result, before));
        before += records.length;
      }
    });
  }
}

function partOf(result: CommandResult, before: number): Answer {
  switch (result.status) {
    case 'accepted':
      return { firstLeaf: (result.leaf ?? 0) + before };
    case 'refused':
      return { refused: isErrorReason(result.reason) ? result.reason : 'COMMAND_REFUSED' };
    case 'unknown':
      return { refused: 'OUTCOME_UNKNOWN' };
  }
}

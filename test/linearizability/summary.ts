/** How much a history proves: one that holds only failures proves nothing. */

import type { History, Operation } from './history.js';

export interface Summary {
  readonly operations: number;
  readonly appended: number;
  readonly openAppends: number;
  /** Open appends that a read found in the log. */
  readonly openButThere: number;
  readonly linearizableReads: number;
  readonly otherReads: number;
  readonly unansweredReads: number;
}

export function summarise({ operations }: History): Summary {
  const count = (which: (one: Operation) => boolean): number => operations.filter(which).length;
  const seen = new Set(
    operations.flatMap((one) =>
      one.operation === 'read' && one.outcome.kind === 'record' ? [one.outcome.id] : [],
    ),
  );
  const answered = (one: Operation): boolean => one.outcome.kind !== 'unknown';
  const open = (one: Operation): boolean => one.operation === 'append' && !answered(one);
  return {
    operations: operations.length,
    appended: count((one) => one.operation === 'append' && one.outcome.kind === 'ok'),
    openAppends: count(open),
    openButThere: count((one) => one.operation === 'append' && open(one) && seen.has(one.id)),
    linearizableReads: count((one) => one.operation === 'read' && one.linearizable && answered(one)),
    otherReads: count((one) => one.operation === 'read' && !one.linearizable && answered(one)),
    unansweredReads: count((one) => one.operation === 'read' && !answered(one)),
  };
}

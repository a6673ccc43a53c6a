/** What a node can say of the next possible leap second and of the list that it uses, for status and metrics. */

import type { ApprovedLeap } from '../../authority/model.js';
import type { PossibleLeap } from '../../clock/index.js';
import type { LeapView } from '../../rpc/doors.js';
import { builtinLeapTable, leapTableDaysLeft } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import type { ClockReading } from '../../time/types.js';

const changes = { '-1': 'remove', '0': 'none', '1': 'insert' } as const;

/** @param coming as the clock said last; null before its first answer */
export function leapView(
  list: LeapTable,
  { table, entries }: ApprovedLeap,
  coming: PossibleLeap | null,
  reading: ClockReading,
): LeapView {
  const { list: listed, indicator, operator } = coming?.votes ?? { list: '', indicator: '', operator: '' };
  const decision = coming?.decision;
  return {
    midnight: coming?.posix ?? 0n,
    list: listed,
    indicator,
    operator,
    decision:
      decision === undefined ? '' : decision.kind === 'doubt' ? decision.why : changes[`${decision.change}`],
    tableHash: list.hash,
    tableSource: list.source,
    tableExpires: list.expiresPosix,
    tableDaysLeft: leapTableDaysLeft(list, reading.best),
    approved: table === null ? null : { hash: table.hash, source: table.source },
    isApproved: list.hash === (table?.hash ?? builtinLeapTable.hash),
    announcements: entries,
  };
}

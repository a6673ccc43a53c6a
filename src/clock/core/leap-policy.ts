/**
 * What the leap table and the servers' leap indicators say together. The table decides; an indicator can only raise a
 * contradiction, never cause a leap. Near a leap second NTP time stamps are ambiguous and no sample is used.
 */

import { leapTableExpired, nextLeap } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { NS_PER_S, taiNs } from '../../time/types.js';
import type { LeapState, TaiNs } from '../../time/types.js';
import { daysFromCivil, utcParts } from '../../time/utc-label.js';
import { tuning } from './profile.js';

const DAY_NS = 86_400n * NS_PER_S;

/** Whether a POSIX instant lies within the guard of a leap second of the table. */
export function nearLeap(table: LeapTable, posixNs: bigint): boolean {
  return table.entries.slice(1).some((entry) => {
    const distance = posixNs - entry.posixSeconds * NS_PER_S;
    return distance >= -tuning.leapGuardNs - NS_PER_S && distance <= tuning.leapGuardNs;
  });
}

/** The next 00:00:00 UTC of 1 January or 1 July after `tai`: where an unknown leap second could be. */
export function nextPossibleLeap(table: LeapTable, tai: TaiNs): TaiNs {
  const now = utcParts(tai, table);
  const [year, month] = now.month <= 6 ? [now.year, 7] : [now.year + 1, 1];
  const posix = BigInt(daysFromCivil(year, month, 1)) * DAY_NS;
  return taiNs(posix + BigInt(now.taiMinusUtc) * NS_PER_S);
}

/**
 * Whether a leap indicator contradicts the table. Indicators are believed to speak of the coming midnight only on the
 * last UTC day of June or December: some servers raise them months ahead, others never lower them.
 */
export function indicatorContradicts(table: LeapTable, tai: TaiNs, indicator: number): boolean {
  if (indicator !== 1 && indicator !== 2) return false;
  const midnight = nextPossibleLeap(table, tai);
  if (midnight - tai > DAY_NS + NS_PER_S) return false;
  const leap = nextLeap(table, tai);
  const listed = leap !== null && leap.at - tai <= DAY_NS + NS_PER_S ? leap.after - leap.before : 0;
  return listed !== (indicator === 1 ? 1 : -1);
}

/** How long ago a leap took place still counts as in progress. */
function inGuard(table: LeapTable, tai: TaiNs): boolean {
  return table.entries.slice(1).some((entry) => {
    const distance = tai - entry.sinceTai;
    return distance >= -tuning.leapGuardNs - NS_PER_S && distance <= tuning.leapGuardNs;
  });
}

/** @param contradicted a leap indicator contradicted the table and nobody has cleared it */
export function leapStateAt(table: LeapTable, tai: TaiNs, contradicted: boolean): LeapState {
  if (contradicted || leapTableExpired(table, tai)) return 'infoStale';
  if (inGuard(table, tai)) return 'inProgress';
  return nextLeap(table, tai) === null ? 'none' : 'announced';
}

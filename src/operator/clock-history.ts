/**
 * What the log says of the clocks over a period: comparisons with the sources, changes of state, anomalies, leap
 * seconds, and what became known after the fact. A view of records, in the order of the log; nothing is judged here.
 */

import type { LogReader } from './log-reader.js';
import { viewRecord, type RecordJson, type RecordView } from './record-view.js';
import { builtinLeapTable, taiFromPosixNs } from '../time/leap-table.js';
import { NS_PER_S, taiNs, type TaiNs } from '../time/types.js';

/** When, by whom, and where in the log. */
export interface ClockFact {
  readonly leaf: number;
  /** Cluster time of the record. */
  readonly time: TaiNs;
  readonly node: string;
}

export interface ComparisonFact extends ClockFact {
  readonly kind: 'comparison';
  readonly source: string;
  readonly address: string;
  readonly role: string;
  readonly authenticated: boolean;
  /** TAA − source lies in offset ± uncertainty, nanoseconds. */
  readonly offsetNs: bigint;
  readonly uncertaintyNs: bigint;
  readonly delayNs: bigint;
  readonly state: string;
  /** ok, alarm or stop by the policy of its time. */
  readonly level: string;
}

export interface TransitionFact extends ClockFact {
  readonly kind: 'transition';
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
}

export interface AnomalyFact extends ClockFact {
  readonly kind: 'anomaly';
  readonly code: string;
  readonly source: string;
  readonly detail: string;
}

export interface LeapFact extends ClockFact {
  readonly kind: 'leap';
  /** dailyCheck, preset, executed, doubtful; approved, entered. */
  readonly phase: string;
  /** The 00:00:00 UTC after it, if one is meant. */
  readonly midnight: TaiNs | null;
  readonly change: number;
  readonly says: string;
}

/** Known after the fact, beside the original records. */
export interface CorrectionFact extends ClockFact {
  readonly kind: 'correction';
  readonly what: 'TAA - UTC(NICT)' | 'UTC - UTC(NICT)';
  /** Where it comes from: common view, or Circular T with its number. */
  readonly from: string;
  /** The node whose site was compared; null for Circular T. */
  readonly of: string | null;
  /** For when it holds, POSIX seconds. */
  readonly fromPosix: bigint;
  readonly toPosix: bigint;
  readonly valuePs: bigint;
  /** Spread of one difference, or the stated total uncertainty, picoseconds; null if none is stated. */
  readonly spreadPs: bigint | null;
  readonly count: number;
}

export type ClockHistoryFact = ComparisonFact | TransitionFact | AnomalyFact | LeapFact | CorrectionFact;

export const clockRecordTypes = [
  'clockComparison',
  'clockTransition',
  'clockAnomaly',
  'leapCheck',
  'leapTable',
  'leapEntry',
  'commonView',
  'circularT',
] as const;

const MJD_OF_1970 = 40_587n;

/** The facts of one leaf; none for a record about something else. */
export function clockFactsOf(leaf: number, bytes: Uint8Array): readonly ClockHistoryFact[] {
  const view = viewRecord(bytes);
  if (view === null) return [];
  const base = { leaf, time: taiNs(integer(view['time'])), node: words(view['node']) };
  switch (view['type']) {
    case 'clockComparison':
      return [comparison(base, view)];
    case 'clockTransition':
      return [
        {
          ...base,
          kind: 'transition',
          from: words(view['from']),
          to: words(view['to']),
          epoch: Number(integer(map(view['clock'])['epoch'])),
        },
      ];
    case 'clockAnomaly':
      return [
        {
          ...base,
          kind: 'anomaly',
          code: words(view['code']),
          source: words(view['source']),
          detail: words(view['detail']),
        },
      ];
    case 'leapCheck':
    case 'leapTable':
    case 'leapEntry':
      return [leapFact(base, view)];
    case 'commonView':
      return [commonViewFact(base, view)];
    case 'circularT':
      return circularTFacts(base, view);
    default:
      return [];
  }
}

function comparison(base: ClockFact, view: RecordView): ComparisonFact {
  return {
    ...base,
    kind: 'comparison',
    source: words(view['source']),
    address: words(view['address']),
    role: words(view['role']),
    authenticated: view['authenticated'] === true,
    offsetNs: integer(view['offset']),
    uncertaintyNs: integer(view['uncertainty']),
    delayNs: integer(view['delay']),
    state: words(view['state']),
    level: words(view['level']),
  };
}

function leapFact(base: ClockFact, view: RecordView): LeapFact {
  const change = Number(integer(view['change']));
  switch (view['type']) {
    case 'leapTable':
      return {
        ...base,
        kind: 'leap',
        phase: 'approved',
        midnight: null,
        change: 0,
        says: `list ${words(view['hash']).slice(0, 8)} (${words(view['source'])}), TAI - UTC ${words(view['taiMinusUtc'])} s`,
      };
    case 'leapEntry':
      return {
        ...base,
        kind: 'leap',
        phase: 'entered',
        midnight: taiFromPosixNs(integer(view['midnight']) * NS_PER_S, builtinLeapTable),
        change,
        says: words(view['reference']),
      };
    default:
      return {
        ...base,
        kind: 'leap',
        phase: words(view['phase']),
        midnight: taiNs(integer(view['midnight'])),
        change,
        says:
          `list ${words(view['list'])}, indicators ${words(view['indicator'])}, operator ${words(view['operator'])}; ` +
          `list ${words(view['table']).slice(0, 8)} ends in ${words(view['daysLeft'])} days` +
          (view['approved'] === false ? ', NOT the approved one' : ''),
      };
  }
}

function commonViewFact(base: ClockFact, view: RecordView): CorrectionFact {
  return {
    ...base,
    kind: 'correction',
    what: 'TAA - UTC(NICT)',
    from: `common view ${words(map(view['own'])['laboratory'])} to ${words(map(view['nict'])['laboratory'])}`,
    of: words(view['of']),
    fromPosix: integer(view['from']),
    toPosix: integer(view['to']),
    // The record says NICT − own.
    valuePs: -integer(view['nictMinusOwnPs']),
    spreadPs: integer(view['spreadPs']),
    count: Number(integer(view['count'])),
  };
}

function circularTFacts(base: ClockFact, view: RecordView): readonly CorrectionFact[] {
  const values = Array.isArray(view['values']) ? (view['values'] as readonly RecordJson[]) : [];
  const total = map(view['uncertainty'])['u'];
  return values.map((value) => {
    const at = (integer(map(value)['mjd']) - MJD_OF_1970) * 86_400n;
    return {
      ...base,
      kind: 'correction',
      what: 'UTC - UTC(NICT)',
      from: `BIPM Circular T ${words(view['number'])}`,
      of: null,
      fromPosix: at,
      toPosix: at,
      valuePs: integer(map(value)['utcMinusUtcKPs']),
      spreadPs: typeof total === 'string' ? integer(total) : null,
      count: 1,
    };
  });
}

const words = (value: RecordJson | undefined): string => (typeof value === 'string' ? value : '');
const integer = (value: RecordJson | undefined): bigint =>
  typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : 0n;
const map = (value: RecordJson | undefined): RecordView =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as RecordView) : {};

export interface Period {
  readonly from: TaiNs;
  /** Not included. */
  readonly to: TaiNs;
}

/** Cluster time of a leaf; 0 for one that cannot be read. */
const timeOf = (bytes: Uint8Array | undefined): bigint =>
  bytes === undefined ? 0n : integer(viewRecord(bytes)?.['time']);

/** Cluster time of the newest record. */
export async function newestTime(reader: LogReader): Promise<TaiNs> {
  const { size } = await reader.page(0, 1);
  return taiNs(timeOf((await reader.page(size - 1, 1)).leaves[0]));
}

/** Facts of the period, in the order of the log. Cluster time only grows, so its beginning is found by halving. */
export async function readClockHistory(
  reader: LogReader,
  period: Period,
): Promise<readonly ClockHistoryFact[]> {
  const { size } = await reader.page(0, 1);
  let [low, high] = [0, size];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf((await reader.page(middle, 1)).leaves[0]) < period.from) low = middle + 1;
    else high = middle;
  }
  const facts: ClockHistoryFact[] = [];
  for await (const { index, leaf } of reader.leaves(low, size)) {
    if (timeOf(leaf) >= period.to) break;
    facts.push(...clockFactsOf(index, leaf));
  }
  return facts;
}

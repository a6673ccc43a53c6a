/**
 * Other time sources, which serve only to notice that the reference looks abnormal (criterion T2). They never enter the
 * estimate or the bound. An unauthenticated one can raise suspicion; only authenticated ones, several of them that agree
 * with each other and not with us for several rounds, confirm it. What follows is a stop, never a correction.
 */

import type { MonoNs } from '../../time/types.js';
import { boundAt, boundFromSample } from './bound.js';
import type { Bound } from './bound.js';
import { tuning } from './profile.js';
import type { Sample } from './sample.js';

export interface MonitorView {
  readonly name: string;
  /** Who runs it; several monitors of one operator have one vote. */
  readonly operator: string;
  readonly authenticated: boolean;
  /** What its last sample says about TAI − mono. */
  readonly says: Bound;
  /** Samples in a row that excluded our own bound. */
  readonly disagreements: number;
}

export type MonitorVerdict = 'none' | 'suspected' | 'confirmed';

const overlap = (a: { lo: bigint; hi: bigint }, b: { lo: bigint; hi: bigint }): boolean =>
  a.lo <= b.hi && b.lo <= a.hi;

/** A monitor's view after one more sample. `own` is null while we know nothing: then nothing can be compared. */
export function observe(
  previous: MonitorView | undefined,
  { name, operator }: { readonly name: string; readonly operator?: string },
  authenticated: boolean,
  sample: Sample,
  own: Bound | null,
  rhoColdPpb: bigint,
): MonitorView {
  const says = boundFromSample(sample, sample.m4, 0n, rhoColdPpb);
  const at = own !== null && own.mono > says.mono ? own.mono : says.mono;
  const agrees = own === null || overlap(boundAt(own, at), boundAt(says, at));
  const disagreements = agrees ? 0 : (previous?.disagreements ?? 0) + 1;
  return { name, operator: operator ?? name, authenticated, says, disagreements };
}

/** Whether a monitor is off by what a smeared leap second explains: near one that is no evidence against the reference. */
export function looksSmeared(view: MonitorView, own: Bound): boolean {
  const at = own.mono > view.says.mono ? own.mono : view.says.mono;
  const [said, known] = [boundAt(view.says, at), boundAt(own, at)];
  const apart = said.lo > known.hi ? said.lo - known.hi : known.lo - said.hi;
  return apart > 0n && apart <= tuning.smearMaxNs;
}

/** What the monitors say together at `mono`, which is not before any of their samples. */
export function verdictOf(views: readonly MonitorView[], mono: MonoNs): MonitorVerdict {
  const against = views.filter((view) => view.disagreements > 0);
  if (against.length === 0) return 'none';
  const firm = against.filter(
    (view) => view.authenticated && view.disagreements >= tuning.monitorRoundsToConfirm,
  );
  const ranges = firm.map((view) => ({ operator: view.operator, ...boundAt(view.says, mono) }));
  const operators = (views: readonly { operator: string }[]): number =>
    new Set(views.map(({ operator }) => operator)).size;
  // The largest group that shares an instant: at some member's lower end, as in Marzullo's algorithm.
  const agreeing = Math.max(
    0,
    ...ranges.map((one) => operators(ranges.filter((other) => other.lo <= one.lo && one.lo <= other.hi))),
  );
  return agreeing >= tuning.monitorsToConfirm ? 'confirmed' : 'suspected';
}

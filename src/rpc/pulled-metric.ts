/** A metric that is read from a snapshot when it is scraped, and the units in which metrics are told. */

export const seconds = (ns: bigint): number => Number(ns) / 1e9;
export const flag = (value: boolean): number => (value ? 1 : 0);

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [Labels, number];

export interface Pulled<Snapshot> {
  readonly type: 'gauge' | 'counter';
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** A number for a metric without labels; no samples while there is nothing to tell. */
  readonly read: (snapshot: Snapshot) => number | readonly Sample[];
}

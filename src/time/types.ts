/**
 * The units of time that every room shares. Instants are TAI nanoseconds since 1970-01-01T00:00:00 TAI; the
 * monotonic scale is a node's own oscillator and means nothing outside the process that read it.
 * Brands keep the two apart: adding a TaiNs to a MonoNs does not compile.
 */

declare const brand: unique symbol;

/** Nanoseconds of International Atomic Time since 1970-01-01T00:00:00 TAI. Range ±2^63. */
export type TaiNs = bigint & { readonly [brand]: 'TaiNs' };

/** Nanoseconds on this process's monotonic clock. Never stored, never sent to another process. */
export type MonoNs = bigint & { readonly [brand]: 'MonoNs' };

/** A signed length of time in nanoseconds. */
export type DurNs = bigint & { readonly [brand]: 'DurNs' };

export const taiNs = (value: bigint): TaiNs => value as TaiNs;
export const monoNs = (value: bigint): MonoNs => value as MonoNs;
export const durNs = (value: bigint): DurNs => value as DurNs;

export const NS_PER_S = 1_000_000_000n;
export const NS_PER_MS = 1_000_000n;
export const NS_PER_US = 1_000n;

/** An instant that is only known to lie between two bounds: `earliest ≤ truth ≤ latest`. */
export interface TaiInterval {
  readonly earliest: TaiNs;
  readonly latest: TaiNs;
}

/** The clock's state machine. Time is served in synchronised and holdover only. */
export type ClockState =
  | 'unsynchronised'
  | 'acquiring'
  | 'synchronised'
  | 'holdover'
  | 'outOfTolerance'
  | 'disrupted'
  | 'quarantined';

/**
 * `infoStale`: about the next possible leap second there is doubt; `doubtful`: that midnight is near or was passed in doubt,
 * and nothing may be issued.
 */
export type LeapState = 'none' | 'announced' | 'inProgress' | 'infoStale' | 'doubtful';

/** Where a node stands among its peers: a majority says the same, or finds it wrong, or too few are heard. */
export type PeerVerdict = 'agree' | 'disagree' | 'unknown';

/** One reading of a node's disciplined clock, with everything that a certificate has to say about it. */
export interface ClockReading extends TaiInterval {
  /** Best estimate; `earliest ≤ best ≤ latest`. */
  readonly best: TaiNs;
  /** The monotonic instant for which the reading holds. */
  readonly mono: MonoNs;
  readonly state: ClockState;
  /** Grows by one at every disruption; two readings of different epochs must not be compared. */
  readonly epoch: number;
  /** Accepted reference samples since start; a measurement is confirmed by a later one in the same epoch. */
  readonly samples: number;
  /** Assumed bound of the oscillator's rate error, parts per billion. */
  readonly rhoPpb: number;
  /** TAI − UTC in whole seconds at `best`. */
  readonly taiMinusUtc: number;
  readonly leap: LeapState;
  /** No monitor source can vouch for the reference. */
  readonly unmonitored: boolean;
  readonly peers: PeerVerdict;
  /** Rounds among the peers, since start, in which a majority agreed; a measurement is confirmed by two later ones. */
  readonly peerRounds: number;
}

/** Deferred work, on real or simulated time. */
export interface Timers {
  /** Calls `task` once after at least `delay`; the returned function cancels it. */
  after(delay: DurNs, task: () => void): () => void;
}

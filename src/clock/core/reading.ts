/**
 * From what the clock's worker last published to a reading at any later instant. Pure and cheap: it runs on every call of
 * `reading()` in every thread, so the bound grows and the state falls by themselves, even if the worker is dead.
 */

import { taiMinusUtcAt } from '../../time/leap-table.js';
import type { LeapTable } from '../../time/leap-table.js';
import { taiNs } from '../../time/types.js';
import type { ClockReading, ClockState, LeapState, MonoNs, PeerVerdict, TaiNs } from '../../time/types.js';
import { boundAt } from './bound.js';
import type { Bound } from './bound.js';
import { servingState } from './machine.js';
import type { MachineLimits } from './machine.js';
import { overlayAt } from './overlay.js';
import type { Overlay } from './overlay.js';

export interface Published {
  readonly state: ClockState;
  readonly epoch: number;
  readonly samples: number;
  /** Null until the first sample of an epoch: nothing is known. */
  readonly known: {
    readonly bound: Bound;
    readonly overlay: Overlay;
    readonly lastSampleMono: MonoNs;
  } | null;
  readonly leap: LeapState;
  readonly unmonitored: boolean;
  readonly peers: PeerVerdict;
  /** Rounds since start in which a majority of the cluster agreed with this clock. */
  readonly peerRounds: number;
}

/** A worker that has not been heard of for this long is taken for dead: holdover at best. */
export const WORKER_STALL_NS = 1_000_000_000n;

const EARLIEST_UNKNOWN = taiNs(-(2n ** 63n));
const LATEST_UNKNOWN = taiNs(2n ** 63n - 1n);

function unknownReading(published: Published, mono: MonoNs, table: LeapTable, rhoPpb: number): ClockReading {
  return {
    earliest: EARLIEST_UNKNOWN,
    best: taiNs(0n),
    latest: LATEST_UNKNOWN,
    mono,
    state: published.state,
    epoch: published.epoch,
    samples: published.samples,
    rhoPpb,
    taiMinusUtc: (table.entries.at(-1) ?? table.entries[0]).taiMinusUtc,
    leap: published.leap,
    unmonitored: published.unmonitored,
    peers: published.peers,
    peerRounds: published.peerRounds,
  };
}

/** What the instants say, before the state is judged. `best` is inside by widening, never by moving it. */
export function knownAt(
  known: NonNullable<Published['known']>,
  mono: MonoNs,
): { earliest: TaiNs; best: TaiNs; latest: TaiNs } {
  // Another thread may have read its clock just before the worker published: then the bound's own instant is meant.
  const at = mono > known.bound.mono ? mono : known.bound.mono;
  const { lo, hi } = boundAt(known.bound, at);
  const best = overlayAt(known.overlay, at);
  const [earliest, latest] = [at + lo, at + hi];
  return {
    earliest: taiNs(earliest < best ? earliest : best),
    best,
    latest: taiNs(latest > best ? latest : best),
  };
}

export function halfWidthOf(reading: { earliest: TaiNs; best: TaiNs; latest: TaiNs }): bigint {
  const below = reading.best - reading.earliest;
  const above = reading.latest - reading.best;
  return below > above ? below : above;
}

/**
 * @param heartbeat last sign of life of the worker, monotonic
 * @param floor a served time must not be before this one (the last reading of the same epoch)
 */
export function readingAt(
  published: Published,
  mono: MonoNs,
  heartbeat: MonoNs,
  limits: MachineLimits,
  table: LeapTable,
  floor: TaiNs | null,
): ClockReading {
  const { known } = published;
  if (known === null) return unknownReading(published, mono, table, 0);
  let instants = knownAt(known, mono);
  if (floor !== null && instants.best < floor) {
    instants = { ...instants, best: floor, latest: instants.latest > floor ? instants.latest : floor };
  }
  let state = published.state;
  const stalled = mono - heartbeat > WORKER_STALL_NS;
  if (state === 'synchronised' || state === 'holdover') {
    const serving = servingState(mono - known.lastSampleMono, halfWidthOf(instants), limits).state;
    // A reader only ever lowers the state; raising it is the worker's act, with a record.
    if (serving === 'outOfTolerance' || state === 'synchronised') state = serving;
    if (state === 'synchronised' && stalled) state = 'holdover';
  }
  return {
    earliest: instants.earliest,
    best: instants.best,
    latest: instants.latest,
    mono,
    state,
    epoch: published.epoch,
    samples: published.samples,
    rhoPpb: Number(known.bound.rhoPpb),
    taiMinusUtc: taiMinusUtcAt(instants.best, table),
    leap: published.leap,
    unmonitored: published.unmonitored,
    // A worker that stands still hears no peer.
    peers: stalled ? 'unknown' : published.peers,
    peerRounds: published.peerRounds,
  };
}

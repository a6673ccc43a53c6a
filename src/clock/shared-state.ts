/**
 * What the worker publishes, in shared memory, under a sequence lock: an odd generation means that a write is under way, an
 * unchanged even one that what was read belongs together. Readers never wait for the worker: if it died in the middle of a
 * write, they go on with the last whole state, whose bound keeps growing.
 */

import { monoNs, taiNs } from '../time/types.js';
import type { ClockState, LeapState, MonoNs, PeerVerdict } from '../time/types.js';
import type { Published } from './core/reading.js';

/** Numbers of the stored states; append only. */
const states: readonly ClockState[] = [
  'unsynchronised',
  'acquiring',
  'synchronised',
  'holdover',
  'outOfTolerance',
  'disrupted',
  'quarantined',
];
const peerVerdicts: readonly PeerVerdict[] = ['unknown', 'agree', 'disagree'];
const leapStates: readonly LeapState[] = ['none', 'announced', 'inProgress', 'infoStale', 'doubtful'];

const fields = [
  'state',
  'epoch',
  'samples',
  'leap',
  'unmonitored',
  'peers',
  'peerRounds',
  'known',
  'boundMono',
  'boundLo',
  'boundHi',
  'boundRate',
  'boundRho',
  'overlayMono',
  'overlayTai',
  'overlayRate',
  'overlayUntil',
  'overlayAfter',
  'lastSampleMono',
] as const;
type Field = (typeof fields)[number];

const slotOf = Object.fromEntries(fields.map((field, slot) => [field, slot])) as Record<Field, number>;

const HEADER_BYTES = 8;
const HEARTBEAT_SLOT = fields.length;
const BYTES = HEADER_BYTES + 8 * (fields.length + 1);

/** Rounds of waiting for a writer before the last whole state is used again. */
const MAX_SPINS = 1000;

export function createSharedState(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

function views(buffer: SharedArrayBuffer): { generation: Int32Array; slots: BigInt64Array } {
  return { generation: new Int32Array(buffer, 0, 1), slots: new BigInt64Array(buffer, HEADER_BYTES) };
}

function flatten(published: Published): Record<Field, bigint> {
  const { known } = published;
  return {
    state: BigInt(states.indexOf(published.state)),
    epoch: BigInt(published.epoch),
    samples: BigInt(published.samples),
    leap: BigInt(leapStates.indexOf(published.leap)),
    unmonitored: published.unmonitored ? 1n : 0n,
    peers: BigInt(peerVerdicts.indexOf(published.peers)),
    peerRounds: BigInt(published.peerRounds),
    known: known === null ? 0n : 1n,
    boundMono: known?.bound.mono ?? 0n,
    boundLo: known?.bound.lo ?? 0n,
    boundHi: known?.bound.hi ?? 0n,
    boundRate: known?.bound.ratePpb ?? 0n,
    boundRho: known?.bound.rhoPpb ?? 0n,
    overlayMono: known?.overlay.mono ?? 0n,
    overlayTai: known?.overlay.tai ?? 0n,
    overlayRate: known?.overlay.ratePpb ?? 0n,
    overlayUntil: known?.overlay.untilMono ?? 0n,
    overlayAfter: known?.overlay.afterPpb ?? 0n,
    lastSampleMono: known?.lastSampleMono ?? 0n,
  };
}

export class SharedStateWriter {
  readonly #generation: Int32Array;
  readonly #slots: BigInt64Array;

  constructor(buffer: SharedArrayBuffer) {
    ({ generation: this.#generation, slots: this.#slots } = views(buffer));
  }

  publish(published: Published): void {
    const flat = flatten(published);
    Atomics.add(this.#generation, 0, 1);
    fields.forEach((field, slot) => Atomics.store(this.#slots, slot, flat[field]));
    Atomics.add(this.#generation, 0, 1);
  }

  /** Sign of life; not part of the sequence lock. */
  heartbeat(mono: MonoNs): void {
    Atomics.store(this.#slots, HEARTBEAT_SLOT, mono);
  }
}

const nothingPublished: Published = {
  state: 'unsynchronised',
  epoch: 0,
  samples: 0,
  known: null,
  leap: 'none',
  unmonitored: true,
  peers: 'unknown',
  peerRounds: 0,
};

export class SharedStateReader {
  readonly #generation: Int32Array;
  readonly #slots: BigInt64Array;
  /** Generation of `#last`; −1 before the first read. */
  #seen = -1;
  #last: Published = nothingPublished;

  constructor(buffer: SharedArrayBuffer) {
    ({ generation: this.#generation, slots: this.#slots } = views(buffer));
  }

  /** The newest whole state; decoded only when it has changed. */
  read(): Published {
    if (Atomics.load(this.#generation, 0) === this.#seen) return this.#last;
    for (let spin = 0; spin < MAX_SPINS; spin++) {
      const before = Atomics.load(this.#generation, 0);
      if (before % 2 !== 0) continue;
      const decoded = this.#decode();
      if (Atomics.load(this.#generation, 0) !== before) continue;
      this.#seen = before;
      this.#last = before === 0 ? nothingPublished : decoded;
      break;
    }
    return this.#last;
  }

  heartbeat(): MonoNs {
    return monoNs(Atomics.load(this.#slots, HEARTBEAT_SLOT));
  }

  #decode(): Published {
    const get = (field: Field): bigint => Atomics.load(this.#slots, slotOf[field]);
    const known = get('known') === 1n;
    return {
      state: states[Number(get('state'))] ?? 'unsynchronised',
      epoch: Number(get('epoch')),
      samples: Number(get('samples')),
      leap: leapStates[Number(get('leap'))] ?? 'doubtful',
      unmonitored: get('unmonitored') === 1n,
      peers: peerVerdicts[Number(get('peers'))] ?? 'unknown',
      peerRounds: Number(get('peerRounds')),
      known: known
        ? {
            bound: {
              mono: monoNs(get('boundMono')),
              lo: get('boundLo'),
              hi: get('boundHi'),
              ratePpb: get('boundRate'),
              rhoPpb: get('boundRho'),
            },
            overlay: {
              mono: monoNs(get('overlayMono')),
              tai: taiNs(get('overlayTai')),
              ratePpb: get('overlayRate'),
              untilMono: monoNs(get('overlayUntil')),
              afterPpb: get('overlayAfter'),
            },
            lastSampleMono: monoNs(get('lastSampleMono')),
          }
        : null,
    };
  }
}

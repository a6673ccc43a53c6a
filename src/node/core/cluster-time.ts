/**
 * Cluster time: the leader's stamp on every entry. It never goes back, advances only while the leader's clock is
 * synchronised or in holdover, and never jumps on one node's word: an advance that the leader's own oscillator does
 * not account for needs a second node whose clock says the same.
 *
 * The stamp is the *earliest* instant that the clock admits: what is due at a stamp has surely been reached.
 */

import type { ClockReading, ClockState, MonoNs, TaiNs } from '../../time/types.js';
import { NS_PER_S, taiNs } from '../../time/types.js';
import { decode, encode } from '../../verify/cbor.js';
import { isMap } from '../../verify/cbor-reader.js';

/** Advance beyond the oscillator's own count that one node may make alone: covers slewing and a widening bound. */
const JUMP_ALLOWANCE = NS_PER_S;
/** A peer's word about the time is forgotten after this long: its clock may have stopped meanwhile. */
const PEER_WORD_LIFE = 5n * NS_PER_S;

/** A node's word about the time, sent to its peers a few times a second. */
export interface ClockWord {
  readonly earliest: TaiNs;
  readonly latest: TaiNs;
  readonly state: ClockState;
}

const speaks = (state: ClockState): boolean => state === 'synchronised' || state === 'holdover';

export function encodeClockWord(word: ClockWord): Uint8Array {
  return encode({ v: 1, earliest: word.earliest, latest: word.latest, certain: speaks(word.state) });
}

/** Null for anything that is not a clock word. */
export function decodeClockWord(
  bytes: Uint8Array,
): { earliest: TaiNs; latest: TaiNs; certain: boolean } | null {
  try {
    const value = decode(bytes);
    if (!isMap(value)) return null;
    const earliest = value.get('earliest');
    const latest = value.get('latest');
    const certain = value.get('certain');
    if (value.get('v') !== 1) return null;
    if (typeof certain !== 'boolean') return null;
    if (!isInteger(earliest) || !isInteger(latest)) return null;
    return { earliest: taiNs(BigInt(earliest)), latest: taiNs(BigInt(latest)), certain };
  } catch {
    return null;
  }
}

const isInteger = (value: unknown): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

interface PeerWord {
  readonly earliest: TaiNs;
  readonly latest: TaiNs;
  readonly heard: MonoNs;
}

export class ClusterTime {
  readonly #reading: () => ClockReading;
  readonly #peers = new Map<string, PeerWord>();
  /** The last stamp that this node gave or saw, and when: what its own oscillator can account for starts here. */
  #anchor: { stamp: bigint; mono: MonoNs } | null = null;

  constructor(reading: () => ClockReading) {
    this.#reading = reading;
  }

  heard(peer: string, word: { earliest: TaiNs; latest: TaiNs; certain: boolean }, mono: MonoNs): void {
    if (word.certain) this.#peers.set(peer, { earliest: word.earliest, latest: word.latest, heard: mono });
    else this.#peers.delete(peer);
  }

  /** An entry with this stamp was applied: the cluster agreed on it. */
  observed(stamp: bigint, mono: MonoNs): void {
    if (this.#anchor === null || stamp > this.#anchor.stamp) this.#anchor = { stamp, mono };
  }

  /** The stamp for an entry appended now, or null if this node may not say. */
  stamp(previous: bigint): bigint | null {
    const reading = this.#reading();
    if (!speaks(reading.state)) return null;
    const candidate: bigint = reading.earliest;
    if (candidate <= previous) return previous;
    if (!this.#accountedFor(candidate, reading.mono) && !this.#confirmedByPeer(candidate, reading.mono))
      return null;
    this.#anchor = { stamp: candidate, mono: reading.mono };
    return candidate;
  }

  #accountedFor(candidate: bigint, mono: MonoNs): boolean {
    if (this.#anchor === null) return false;
    const elapsed = mono - this.#anchor.mono;
    return candidate - this.#anchor.stamp <= elapsed + JUMP_ALLOWANCE;
  }

  #confirmedByPeer(candidate: bigint, mono: MonoNs): boolean {
    for (const word of this.#peers.values()) {
      const age = mono - word.heard;
      if (age > PEER_WORD_LIFE) continue;
      const low = word.earliest + age - JUMP_ALLOWANCE;
      const high = word.latest + age + JUMP_ALLOWANCE;
      if (candidate >= low && candidate <= high) return true;
    }
    return false;
  }
}

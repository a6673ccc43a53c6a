/**
 * The datagram by which two nodes compare their clocks: 104 octets, big-endian, the same size for a question and its
 * answer, so that a responder never sends more than it was sent.
 *
 *   0 version   1 kind   2 state   3 disputed (0, 1)   4 key id (32)    8 number (64)     16 nonce (64)
 *   24 epoch (32)   28 rate ppb (32, signed)   32 rho ppb (32)   36 zero (32)
 *   40 received: mono, earliest, latest (64 each, signed)    64 sent: mono, earliest, latest
 *   88 AES-CMAC over everything before, 16 octets
 *
 * `decodePeerPacket` is total: anything else than exactly such a datagram is null. It says nothing about authenticity.
 */

import { monoNs, taiNs } from '../../time/types.js';
import type { ClockState, MonoNs, TaiNs } from '../../time/types.js';

export const PEER_PACKET_BYTES = 104;
/** What the MAC covers. */
export const PEER_PACKET_COVERED = 88;
const VERSION = 1;

/** Numbers on the wire; append only. */
const kinds = ['request', 'response'] as const;
const states: readonly ClockState[] = [
  'unsynchronised',
  'acquiring',
  'synchronised',
  'holdover',
  'outOfTolerance',
  'disrupted',
  'quarantined',
];

/** One look at a node's clock: its oscillator, and the range in which it believes TAI to be then. */
export interface PeerStamp {
  readonly mono: MonoNs;
  readonly earliest: TaiNs;
  readonly latest: TaiNs;
}

/** The whole range of the field: nothing is known. */
export const NOTHING_KNOWN = { earliest: taiNs(-(2n ** 63n)), latest: taiNs(2n ** 63n - 1n) } as const;

export const ZERO_STAMP: PeerStamp = { mono: monoNs(0n), earliest: taiNs(0n), latest: taiNs(0n) };

export interface PeerPacket {
  readonly kind: (typeof kinds)[number];
  /** Clock state of the sender. */
  readonly state: ClockState;
  /** The sender stopped for a dispute that no majority decided. */
  readonly disputed: boolean;
  /** Names the pair's key. */
  readonly keyId: number;
  /** Counts the sender's datagrams under this key: one that was seen before is a replay. */
  readonly number: bigint;
  /** Of a question: random. Of an answer: the question's. */
  readonly nonce: bigint;
  readonly epoch: number;
  /** Assumed rate of TAI against the sender's oscillator, minus one, and the bound of its error. */
  readonly ratePpb: number;
  readonly rhoPpb: number;
  /** Of an answer: when the question was received. Of a question: zeros. */
  readonly received: PeerStamp;
  /** Just before it was sent. */
  readonly sent: PeerStamp;
}

/** The part that the MAC covers. */
export function encodePeerPacket(packet: PeerPacket): Uint8Array {
  const bytes = new Uint8Array(PEER_PACKET_COVERED);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, kinds.indexOf(packet.kind) + 1);
  view.setUint8(2, states.indexOf(packet.state));
  view.setUint8(3, packet.disputed ? 1 : 0);
  view.setUint32(4, packet.keyId);
  view.setBigUint64(8, packet.number);
  view.setBigUint64(16, packet.nonce);
  view.setUint32(24, packet.epoch);
  view.setInt32(28, packet.ratePpb);
  view.setUint32(32, packet.rhoPpb);
  writeStamp(view, 40, packet.received);
  writeStamp(view, 64, packet.sent);
  return bytes;
}

/** Null for anything that is not a whole datagram of this version. The MAC, the last 16 octets, is not looked at. */
export function decodePeerPacket(bytes: Uint8Array): PeerPacket | null {
  if (bytes.length !== PEER_PACKET_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = kinds[view.getUint8(1) - 1];
  const state = states[view.getUint8(2)];
  if (view.getUint8(0) !== VERSION || kind === undefined || state === undefined) return null;
  if (view.getUint8(3) > 1 || view.getUint32(36) !== 0) return null;
  const received = readStamp(view, 40);
  const sent = readStamp(view, 64);
  if (received === null || sent === null) return null;
  return {
    kind,
    state,
    disputed: view.getUint8(3) === 1,
    keyId: view.getUint32(4),
    number: view.getBigUint64(8),
    nonce: view.getBigUint64(16),
    epoch: view.getUint32(24),
    ratePpb: view.getInt32(28),
    rhoPpb: view.getUint32(32),
    received,
    sent,
  };
}

function writeStamp(view: DataView, at: number, { mono, earliest, latest }: PeerStamp): void {
  view.setBigInt64(at, mono);
  view.setBigInt64(at + 8, earliest);
  view.setBigInt64(at + 16, latest);
}

/** Null for a range that is empty or an oscillator that runs before its own beginning. */
function readStamp(view: DataView, at: number): PeerStamp | null {
  const mono = monoNs(view.getBigInt64(at));
  const earliest = taiNs(view.getBigInt64(at + 8));
  const latest = taiNs(view.getBigInt64(at + 16));
  return mono < 0n || earliest > latest ? null : { mono, earliest, latest };
}

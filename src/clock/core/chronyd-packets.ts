/**
 * chronyd's command protocol, version 6: the read-only part (candm.h of chrony; 4.x speaks it on UDP 323). Requests are
 * padded to the length of their answers, as chronyd demands against amplification.
 *
 * Invariant: `decodeReply` is total; any bytes give a reply or a reason. Nothing that changes chronyd can be encoded.
 */

const VERSION = 6;
const PACKET_REQUEST = 1;
const PACKET_REPLY = 2;
const REQUEST_HEADER_BYTES = 20;
const REPLY_HEADER_BYTES = 28;

const commands = { sourceCount: 14, sourceData: 15, tracking: 33 } as const;
const replies = { sourceCount: 2, sourceData: 3, tracking: 5 } as const;
/** Length of an answer with its data. */
const replyBytes = { sourceCount: 32, sourceData: 76, tracking: 104 } as const;

export type ChronydRequest =
  | { readonly kind: 'tracking' }
  | { readonly kind: 'sourceCount' }
  /** Index from 0. */
  | { readonly kind: 'sourceData'; readonly index: number };

/** Address of a source; for a reference clock its letters stand in the refid instead. */
export type ChronydAddress = string | null;

export interface ChronydTracking {
  readonly kind: 'tracking';
  /** Four octets, big endian. */
  readonly refid: number;
  /** NTP server that was selected; null for a reference clock, or if there is none. */
  readonly address: ChronydAddress;
  readonly stratum: number;
  /** As in NTP: 3 means unsynchronised. */
  readonly leap: number;
  /** When chronyd last updated its clock, POSIX ns by the host's clock. */
  readonly referenceTimeNs: bigint;
  /** Seconds; positive when the host's clock is slow: true time = host's clock + correction. */
  readonly correction: number;
  readonly lastOffset: number;
  readonly rmsOffset: number;
  readonly frequencyPpm: number;
  readonly residualFrequencyPpm: number;
  readonly skewPpm: number;
  /** Seconds. */
  readonly rootDelay: number;
  /** Seconds, at the instant of the answer. */
  readonly rootDispersion: number;
  /** Seconds between the last two updates. */
  readonly lastUpdateInterval: number;
}

export interface ChronydSource {
  readonly kind: 'sourceData';
  readonly address: ChronydAddress;
  /** Letters of a reference clock; null for an NTP source. */
  readonly refid: string | null;
  /** log2 seconds. */
  readonly poll: number;
  readonly stratum: number;
  /** chronyd steers by it (alone or combined with others). */
  readonly selected: boolean;
  readonly mode: 'client' | 'peer' | 'referenceClock';
  /** Of the last eight questions, those that were answered, one bit each. */
  readonly reachability: number;
  /** Seconds. */
  readonly sinceSample: number;
}

export interface ChronydSourceCount {
  readonly kind: 'sourceCount';
  readonly count: number;
}

export type ChronydReply = ChronydTracking | ChronydSource | ChronydSourceCount;

export type ChronydDecodeResult =
  | { readonly ok: true; readonly sequence: number; readonly reply: ChronydReply }
  | { readonly ok: false; readonly reason: ChronydRefusal };

export type ChronydRefusal =
  'tooShort' | 'notAReply' | 'otherVersion' | 'refused' | 'unexpected' | 'notANumber';

export function encodeChronydRequest(request: ChronydRequest, sequence: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(REQUEST_HEADER_BYTES + 4, replyBytes[request.kind]));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, VERSION);
  view.setUint8(1, PACKET_REQUEST);
  view.setUint16(4, commands[request.kind]);
  view.setUint32(8, sequence);
  if (request.kind === 'sourceData') view.setInt32(REQUEST_HEADER_BYTES, request.index);
  return bytes;
}

/** chrony's 32-bit float: seven bits of exponent, 25 of coefficient, both signed. */
export function chronyFloat(bits: number): number {
  const exponent = bits >> 25;
  const coefficient = (bits << 7) >> 7;
  return coefficient * 2 ** (exponent - 25);
}

/** Inverse of `chronyFloat`, as near as it goes; for tests and for servers in tests. */
export function toChronyFloat(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.max(-64, Math.min(63, Math.floor(Math.log2(Math.abs(value))) + 2));
  const coefficient = Math.round(value / 2 ** (exponent - 25));
  return ((exponent << 25) | (coefficient & 0x1ff_ffff)) >>> 0;
}

const families = { unspecified: 0, inet4: 1, inet6: 2 } as const;

function addressAt(view: DataView, at: number): ChronydAddress {
  switch (view.getUint16(at + 16)) {
    case families.inet4:
      return [0, 1, 2, 3].map((i) => view.getUint8(at + i)).join('.');
    case families.inet6:
      return Array.from({ length: 8 }, (_, i) => view.getUint16(at + 2 * i).toString(16)).join(':');
    default:
      return null;
  }
}

/** Up to four printable letters. */
function lettersAt(view: DataView, at: number): string {
  return [0, 1, 2, 3]
    .map((i) => view.getUint8(at + i))
    .filter((octet) => octet >= 0x20 && octet < 0x7f)
    .map((octet) => String.fromCharCode(octet))
    .join('');
}

function trackingAt(view: DataView, at: number): ChronydTracking {
  const float = (offset: number): number => chronyFloat(view.getInt32(at + offset));
  const seconds = (view.getBigUint64(at + 28) & 0x7fff_ffff_ffff_ffffn) % (1n << 40n);
  return {
    kind: 'tracking',
    refid: view.getUint32(at),
    address: addressAt(view, at + 4),
    stratum: view.getUint16(at + 24),
    leap: view.getUint16(at + 26),
    referenceTimeNs: seconds * 1_000_000_000n + BigInt(view.getUint32(at + 36)),
    correction: float(40),
    lastOffset: float(44),
    rmsOffset: float(48),
    frequencyPpm: float(52),
    residualFrequencyPpm: float(56),
    skewPpm: float(60),
    rootDelay: float(64),
    rootDispersion: float(68),
    lastUpdateInterval: float(72),
  };
}

const modes = ['client', 'peer', 'referenceClock'] as const;
/** State of the source that was selected; others may be combined with it, but do not lead. */
const STATE_SELECTED = 0;

function sourceAt(view: DataView, at: number): ChronydSource | null {
  const mode = modes[view.getUint16(at + 26)];
  if (mode === undefined) return null;
  const isClock = mode === 'referenceClock';
  return {
    kind: 'sourceData',
    address: isClock ? null : addressAt(view, at),
    refid: isClock ? lettersAt(view, at) : null,
    poll: view.getInt16(at + 20),
    stratum: view.getUint16(at + 22),
    selected: view.getUint16(at + 24) === STATE_SELECTED,
    mode,
    reachability: view.getUint16(at + 30),
    sinceSample: view.getUint32(at + 32),
  };
}

function dataAt(view: DataView, kind: keyof typeof replies): ChronydReply | null {
  switch (kind) {
    case 'tracking':
      return trackingAt(view, REPLY_HEADER_BYTES);
    case 'sourceData':
      return sourceAt(view, REPLY_HEADER_BYTES);
    case 'sourceCount':
      return { kind, count: view.getUint32(REPLY_HEADER_BYTES) };
  }
}

/** @param expected the request that the datagram is to answer */
export function decodeChronydReply(bytes: Uint8Array, expected: ChronydRequest['kind']): ChronydDecodeResult {
  if (bytes.length < REPLY_HEADER_BYTES) return { ok: false, reason: 'tooShort' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(1) !== PACKET_REPLY) return { ok: false, reason: 'notAReply' };
  if (view.getUint8(0) !== VERSION) return { ok: false, reason: 'otherVersion' };
  if (view.getUint16(4) !== commands[expected]) return { ok: false, reason: 'unexpected' };
  // Status 0 is success; what chronyd refuses it refuses with an empty answer.
  if (view.getUint16(8) !== 0) return { ok: false, reason: 'refused' };
  if (view.getUint16(6) !== replies[expected]) return { ok: false, reason: 'unexpected' };
  if (bytes.length < replyBytes[expected]) return { ok: false, reason: 'tooShort' };
  const reply = dataAt(view, expected);
  if (reply === null) return { ok: false, reason: 'unexpected' };
  return { ok: true, sequence: view.getUint32(16), reply };
}

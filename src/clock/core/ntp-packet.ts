/**
 * The NTPv4 packet: 48-byte header, extension fields, MAC (RFC 5905 §7.3, RFC 7822 §3).
 *
 * Invariant: `decodeNtp` is total. Any bytes give either a packet or a reason; it never throws and never reads past the
 * end. Time stamps stay 64-bit integers (32.32 seconds since 1900, era unknown) until `posixNsFromNtp` unfolds them.
 */

import { NTP_TO_POSIX_S } from '../../time/leap-table.js';
import { NS_PER_S } from '../../time/types.js';

export const NTP_HEADER_BYTES = 48;
/** Larger datagrams are refused unread: no answer that we ask for comes near. */
export const MAX_PACKET_BYTES = 1024;
const MIN_EXTENSION_BYTES = 16;
/** Longest MAC: key id and 20 octets. What is longer must be an extension field (RFC 7822 §3). */
const MAX_MAC_BYTES = 24;

export const MODE_CLIENT = 3;
export const MODE_SERVER = 4;

export interface NtpPacket {
  /** Leap indicator, 0 … 3; 3 means unsynchronised. */
  readonly leap: number;
  readonly version: number;
  readonly mode: number;
  readonly stratum: number;
  /** log2 seconds, signed. */
  readonly poll: number;
  /** log2 seconds, signed. */
  readonly precision: number;
  /** 16.16 seconds, as on the wire. */
  readonly rootDelay: number;
  /** 16.16 seconds, as on the wire. */
  readonly rootDispersion: number;
  /** Four octets, big endian: address, or four ASCII letters for stratum 0 and 1. */
  readonly refid: number;
  readonly reference: bigint;
  readonly origin: bigint;
  readonly receive: bigint;
  readonly transmit: bigint;
}

export interface NtpMac {
  readonly keyId: number;
  readonly digest: Uint8Array;
}

export interface DecodedNtp {
  readonly packet: NtpPacket;
  /** Everything that a MAC covers: header and extension fields. */
  readonly covered: Uint8Array;
  readonly mac: NtpMac | null;
}

export type NtpDecodeResult =
  | ({ readonly ok: true } & DecodedNtp)
  | {
      readonly ok: false;
      readonly reason: 'tooShort' | 'tooLong' | 'notMultipleOfFour' | 'badExtension' | 'badMac';
    };

function header(view: DataView): NtpPacket {
  const first = view.getUint8(0);
  return {
    leap: first >> 6,
    version: (first >> 3) & 7,
    mode: first & 7,
    stratum: view.getUint8(1),
    poll: view.getInt8(2),
    precision: view.getInt8(3),
    rootDelay: view.getUint32(4),
    rootDispersion: view.getUint32(8),
    refid: view.getUint32(12),
    reference: view.getBigUint64(16),
    origin: view.getBigUint64(24),
    receive: view.getBigUint64(32),
    transmit: view.getBigUint64(40),
  };
}

/** Where the MAC begins: after the last extension field. Null if an extension field is malformed. */
function endOfExtensions(view: DataView): number | null {
  let at = NTP_HEADER_BYTES;
  while (view.byteLength - at > MAX_MAC_BYTES) {
    const length = view.getUint16(at + 2);
    if (length < MIN_EXTENSION_BYTES || length % 4 !== 0 || length > view.byteLength - at) return null;
    at += length;
  }
  return at;
}

export function decodeNtp(bytes: Uint8Array): NtpDecodeResult {
  if (bytes.length < NTP_HEADER_BYTES) return { ok: false, reason: 'tooShort' };
  if (bytes.length > MAX_PACKET_BYTES) return { ok: false, reason: 'tooLong' };
  if (bytes.length % 4 !== 0) return { ok: false, reason: 'notMultipleOfFour' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const macAt = endOfExtensions(view);
  if (macAt === null) return { ok: false, reason: 'badExtension' };
  const left = bytes.length - macAt;
  // 4: crypto-NAK; 20: MD5 or AES-CMAC; 24: SHA-1.
  if (left !== 0 && left !== 4 && left !== 20 && left !== 24) return { ok: false, reason: 'badMac' };
  const mac = left === 0 ? null : { keyId: view.getUint32(macAt), digest: bytes.slice(macAt + 4) };
  return { ok: true, packet: header(view), covered: bytes.slice(0, macAt), mac };
}

/** The 48-byte header. Fields are taken modulo their width. */
export function encodeNtp(packet: NtpPacket): Uint8Array {
  const bytes = new Uint8Array(NTP_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ((packet.leap & 3) << 6) | ((packet.version & 7) << 3) | (packet.mode & 7));
  view.setUint8(1, packet.stratum);
  view.setInt8(2, packet.poll);
  view.setInt8(3, packet.precision);
  view.setUint32(4, packet.rootDelay);
  view.setUint32(8, packet.rootDispersion);
  view.setUint32(12, packet.refid);
  view.setBigUint64(16, packet.reference);
  view.setBigUint64(24, packet.origin);
  view.setBigUint64(32, packet.receive);
  view.setBigUint64(40, packet.transmit);
  return bytes;
}

/**
 * A client's question. It tells the server nothing about our clock: every field is zero but the transmit time stamp,
 * which is an unpredictable nonce that the answer must bring back as its origin.
 */
export function encodeRequest(nonce: bigint): Uint8Array {
  return encodeNtp({
    leap: 0,
    version: 4,
    mode: MODE_CLIENT,
    stratum: 0,
    poll: 0,
    precision: 0,
    rootDelay: 0,
    rootDispersion: 0,
    refid: 0,
    reference: 0n,
    origin: 0n,
    receive: 0n,
    transmit: nonce,
  });
}

/** A message with its MAC field (RFC 8573: AES-CMAC, 16 octets) behind it. */
export function appendMac(message: Uint8Array, mac: NtpMac): Uint8Array {
  const bytes = new Uint8Array(message.length + 4 + mac.digest.length);
  bytes.set(message);
  new DataView(bytes.buffer).setUint32(message.length, mac.keyId);
  bytes.set(mac.digest, message.length + 4);
  return bytes;
}

/**
 * Eras are unfolded so that every time stamp lies within the 136 years that begin here (POSIX seconds of 2024-01-01).
 * Nothing that this software receives can be older than itself; the next era begins on 2036-02-07T06:28:16Z.
 */
export const ERA_PIVOT_POSIX_S = 1_704_067_200n;

const ERA_SECONDS = 1n << 32n;

/** POSIX nanoseconds of an NTP time stamp, rounded down; the result lies in [pivot, pivot + 2^32 s). */
export function posixNsFromNtp(stamp: bigint, pivotPosixSeconds = ERA_PIVOT_POSIX_S): bigint {
  const seconds = stamp >> 32n;
  const fraction = stamp & 0xffff_ffffn;
  const pivotNtp = pivotPosixSeconds + NTP_TO_POSIX_S;
  const behind = (pivotNtp - seconds + ERA_SECONDS - 1n) / ERA_SECONDS;
  const unfolded = seconds + (behind > 0n ? behind : 0n) * ERA_SECONDS;
  return (unfolded - NTP_TO_POSIX_S) * NS_PER_S + ((fraction * NS_PER_S) >> 32n);
}

/** NTP time stamp (era dropped) of POSIX nanoseconds, rounded down to 2^-32 s. */
export function ntpFromPosixNs(posixNs: bigint): bigint {
  const shifted = posixNs + NTP_TO_POSIX_S * NS_PER_S;
  const seconds = shifted / NS_PER_S;
  const fraction = ((shifted - seconds * NS_PER_S) << 32n) / NS_PER_S;
  return BigInt.asUintN(64, (seconds << 32n) | fraction);
}

/** Nanoseconds of a 16.16 fixed-point number of seconds, rounded up. */
export function nsFromShort(value: number): bigint {
  return (BigInt(value) * NS_PER_S + 0xffffn) >> 16n;
}

/** 2^exponent seconds in nanoseconds, rounded up, for exponents −128 … 20; larger ones saturate. */
export function nsFromLog2(exponent: number): bigint {
  if (exponent >= 20) return NS_PER_S << 20n;
  if (exponent >= 0) return NS_PER_S << BigInt(exponent);
  const shift = BigInt(-exponent);
  return (NS_PER_S + (1n << shift) - 1n) >> shift;
}

/** The four letters of a refid, for stratum 0 (kiss codes) and 1; unprintable octets become `?`. */
export function refidText(refid: number): string {
  let text = '';
  for (const shift of [24, 16, 8, 0]) {
    const octet = (refid >>> shift) & 0xff;
    if (octet === 0) continue;
    text += octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : '?';
  }
  return text;
}

/** Inverse of `refidText`: up to four ASCII letters, padded with zeros. */
export function refidFromText(text: string): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = value * 256 + (i < text.length ? text.charCodeAt(i) & 0x7f : 0);
  return value;
}

/** AES-CMAC (RFC 4493) as NTP's message authentication code (RFC 8573). AES is on the CRYPTREC list; MD5 and SHA-1 MACs are not offered. */

import { createCipheriv, timingSafeEqual } from 'node:crypto';
import type { NtpMac } from './core/ntp-packet.js';

/** A symmetric key shared with one server. */
export interface NtpKey {
  /** 1 … 65535, as in the server's key file. */
  readonly id: number;
  /** 16 octets (AES-128) or 32 octets (AES-256). */
  readonly secret: Uint8Array;
}

const BLOCK = 16;

function encryptBlock(key: Uint8Array, block: Uint8Array): Uint8Array {
  const cipher = createCipheriv(key.length === 32 ? 'aes-256-ecb' : 'aes-128-ecb', key, null);
  cipher.setAutoPadding(false);
  return cipher.update(block);
}

/** Doubling in GF(2^128). */
function double(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) result[i] = ((block[i] ?? 0) << 1) | ((block[i + 1] ?? 0) >> 7);
  if ((block[0] ?? 0) & 0x80) result[BLOCK - 1] = (result[BLOCK - 1] ?? 0) ^ 0x87;
  return result;
}

/** The 16-octet tag of `message`. */
export function aesCmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const k1 = double(encryptBlock(key, new Uint8Array(BLOCK)));
  const blocks = Math.max(1, Math.ceil(message.length / BLOCK));
  const whole = message.length === blocks * BLOCK;
  const mask = whole ? k1 : double(k1);
  const padded = new Uint8Array(blocks * BLOCK);
  padded.set(message);
  if (!whole) padded[message.length] = 0x80;
  let state: Uint8Array = new Uint8Array(BLOCK);
  for (let block = 0; block < blocks; block++) {
    const last = block === blocks - 1;
    const mixed = state.map(
      (byte, i) => byte ^ (padded[block * BLOCK + i] ?? 0) ^ (last ? (mask[i] ?? 0) : 0),
    );
    state = encryptBlock(key, mixed);
  }
  return new Uint8Array(state);
}

/** MAC field for a message sent with `key`. */
export function makeMac(key: NtpKey, message: Uint8Array): NtpMac {
  return { keyId: key.id, digest: aesCmac(key.secret, message) };
}

/** Whether a received MAC is this key's over `covered`; compared in constant time. */
export function macIsGood(key: NtpKey, covered: Uint8Array, mac: NtpMac | null): boolean {
  if (mac?.keyId !== key.id || mac.digest.length !== BLOCK) return false;
  return timingSafeEqual(aesCmac(key.secret, covered), mac.digest);
}

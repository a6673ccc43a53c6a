/**
 * AEAD_AES_SIV_CMAC_256 (RFC 5297 §6, IANA AEAD 15), as NTS needs it: a nonce-based use with the nonce as the last
 * component of the associated data. OpenSSL offers no SIV to Node, so the mode comes from @noble/ciphers.
 *
 * AES-SIV is on no CRYPTREC list. It is used for the named exception `nts-monitor` only: the packets of sources that
 * watch and never steer.
 */

import { aessiv } from '@noble/ciphers/aes.js';

/** Octets of a key: two AES-128 keys. */
export const SIV_KEY_BYTES = 32;

export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  return aessiv(key, associated, nonce).encrypt(plaintext);
}

/** The plaintext, or null for anything that this key did not seal. */
export function open(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | null {
  try {
    return aessiv(key, associated, nonce).decrypt(ciphertext);
  } catch {
    return null;
  }
}

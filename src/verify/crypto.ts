/**
 * The one door from the pure parts to node:crypto: hashing and signature verification. Both are deterministic
 * functions of their arguments; nothing else of node:crypto may be used here.
 */

import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto';

/** Signature algorithms of the allow-list (CRYPTREC LS-0001-2022; Ed25519 only for log checkpoints). */
export type SignatureAlgorithm = 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384' | 'rsa-pkcs1-sha256' | 'ed25519';

/** Verifies signatures; the simulator gives a cheap one, everyone else `nodeVerifier`. */
export interface SignatureVerifier {
  /**
   * @param spki DER SubjectPublicKeyInfo of the signer
   * @param signature DER ECDSA-Sig-Value for ECDSA, raw otherwise
   * @returns false for a wrong signature and for a key that does not fit the algorithm; never throws
   */
  verify(
    algorithm: SignatureAlgorithm,
    spki: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
  ): boolean;
}

const DIGEST_BYTES = 32;

/** SHA-256 of `data`, 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  // One character a byte: four times as fast as asking for a Buffer, and the result is a small array of its own.
  const digest = hash('sha256', data, 'binary');
  const bytes = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) bytes[i] = digest.charCodeAt(i);
  return bytes;
}

const curves: Partial<Record<SignatureAlgorithm, string>> = {
  'ecdsa-p256-sha256': 'prime256v1',
  'ecdsa-p384-sha384': 'secp384r1',
};

/** Reading a key costs as much as a verification, and few keys sign nearly everything. */
const keys = new Map<string, KeyObject>();
const MAX_KEYS = 256;

function keyOf(spki: Uint8Array): KeyObject {
  const name = String.fromCharCode(...spki);
  const known = keys.get(name);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: spki as never, format: 'der', type: 'spki' });
  if (keys.size >= MAX_KEYS) keys.clear();
  keys.set(name, key);
  return key;
}

export const nodeVerifier: SignatureVerifier = {
  verify(algorithm, spki, message, signature) {
    try {
      const key = keyOf(spki);
      switch (algorithm) {
        case 'ed25519':
          return key.asymmetricKeyType === 'ed25519' && verify(null, message, key, signature);
        case 'rsa-pkcs1-sha256':
          return (
            key.asymmetricKeyType === 'rsa' &&
            (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 3072 &&
            verify('sha256', message, key, signature)
          );
        case 'ecdsa-p256-sha256':
        case 'ecdsa-p384-sha384':
          return (
            key.asymmetricKeyType === 'ec' &&
            key.asymmetricKeyDetails?.namedCurve === curves[algorithm] &&
            verify(algorithm === 'ecdsa-p256-sha256' ? 'sha256' : 'sha384', message, key, signature)
          );
      }
    } catch {
      return false;
    }
  },
};

/**
 * The seam between those who want something signed and where the key is. A software key signs at once; a key in a
 * PKCS#11 token will answer later through the same callback.
 */

import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import type { SignatureAlgorithm } from '../verify/crypto.js';
import { keyAlgorithm } from '../verify/x509.js';

export type SignDone = (error: Error | null, signature?: Uint8Array) => void;

export interface Signer {
  readonly algorithm: SignatureAlgorithm;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** Signs `message` (not its hash). ECDSA gives a DER Ecdsa-Sig-Value. `done` runs exactly once. */
  sign(message: Uint8Array, done: SignDone): void;
}

/** Kinds of key that are generated here, with their one use each. */
export type KeyKind = 'ecdsa-p256' | 'ecdsa-p384' | 'ed25519';

export function generateKey(kind: KeyKind): KeyObject {
  switch (kind) {
    case 'ecdsa-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'ecdsa-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
  }
}

/** DER SubjectPublicKeyInfo of a private or public key. */
export const spkiOf = (key: KeyObject): Uint8Array =>
  new Uint8Array(
    (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' }),
  );

const digests: Readonly<Record<SignatureAlgorithm, string | null>> = {
  'ecdsa-p256-sha256': 'sha256',
  'ecdsa-p384-sha384': 'sha384',
  'rsa-pkcs1-sha256': 'sha256',
  ed25519: null,
};

/** @throws CertificateError when the key's algorithm is not on the allow-list */
export function softwareSigner(key: KeyObject): SynchronousSigner {
  const spki = spkiOf(key);
  const algorithm = keyAlgorithm(spki);
  const signNow = (message: Uint8Array): Uint8Array => new Uint8Array(sign(digests[algorithm], message, key));
  return {
    algorithm,
    spki,
    signNow,
    sign(message, done) {
      let signature: Uint8Array;
      try {
        signature = signNow(message);
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      done(null, signature);
    },
  };
}

/** A signer whose key is in this process. */
export interface SynchronousSigner extends Signer {
  signNow(message: Uint8Array): Uint8Array;
}

/** The last 32 octets of an Ed25519 SubjectPublicKeyInfo: the raw public key. */
export function rawEd25519(spki: Uint8Array): Uint8Array {
  if (keyAlgorithm(spki) !== 'ed25519') throw new TypeError('the log key must be an Ed25519 key');
  return spki.slice(-32);
}

/** The two keys of a node behind the interface that a node's environment declares. */
export function nodeSigner(
  issuing: Signer,
  log: Signer,
): {
  issue(message: Uint8Array, done: SignDone): void;
  cosign(message: Uint8Array, done: SignDone): void;
} {
  if (issuing.algorithm !== 'ecdsa-p256-sha256') {
    throw new TypeError(
      `the issuing key must be ECDSA P-256, this one is ${issuing.algorithm}; generate another`,
    );
  }
  if (log.algorithm !== 'ed25519') {
    throw new TypeError(`the log key must be Ed25519, this one is ${log.algorithm}; generate another`);
  }
  return {
    issue: (message, done) => {
      issuing.sign(message, done);
    },
    cosign: (message, done) => {
      log.sign(message, done);
    },
  };
}

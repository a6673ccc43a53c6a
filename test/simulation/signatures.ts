/**
 * Signatures for simulated worlds: a keyed hash, a thousand times cheaper than ECDSA. The "public key" is the secret, so that
 * whoever verifies can recompute; nobody in a world forges.
 */
import type { StatementCodec } from '../../src/authority/statements.js';
import { equalBytes } from '../../src/verify/bytes.js';
import { encode } from '../../src/verify/cbor.js';
import { decodeMap } from '../../src/verify/cbor-reader.js';
import type { SignatureVerifier } from '../../src/verify/crypto.js';
import { encodeStatement } from '../../src/verify/statement.js';

const WORDS = 16;

/** 64 bytes, as long as an Ed25519 signature: FNV-1a over key and message, then stretched. */
export function simulatedSign(spki: Uint8Array, message: Uint8Array): Uint8Array {
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (const part of [spki, message]) {
    for (let at = 0; at < part.length; at += 1) {
      a = Math.imul(a ^ (part[at] as number), 0x01000193);
      b = Math.imul(b ^ (a >>> 13), 0x85ebca6b);
    }
  }
  const signature = new Uint8Array(4 * WORDS);
  const view = new DataView(signature.buffer);
  for (let at = 0; at < WORDS; at += 1) {
    a = Math.imul(a ^ (b >>> 15), 0x2c1b3c6d);
    b = Math.imul(b ^ (a >>> 12), 0x297a2d39) + at;
    view.setUint32(4 * at, a ^ b);
  }
  return signature;
}

export const simulatedVerifier: SignatureVerifier = {
  verify: (_algorithm, spki, message, signature) => equalBytes(simulatedSign(spki, message), signature),
};

/** The real statement, without X.509 and CMS around it. A "certificate" is the issuing key itself. */
export const simulatedStatements: StatementCodec = {
  encode: encodeStatement,
  toBeSigned: (content) => content,
  assemble: (content, _certificate, signature) => encode({ content, signature }),
  check: (der, content, certificate, verifier) => {
    const parts = readStatement(der);
    return (
      parts !== null &&
      equalBytes(parts.content, content) &&
      verifier.verify('ecdsa-p256-sha256', certificate, content, parts.signature)
    );
  },
  memberFault: () => null,
};

export function readStatement(der: Uint8Array): { content: Uint8Array; signature: Uint8Array } | null {
  try {
    return decodeMap(der, 'certificate', (reader) => ({
      content: reader.bytes('content'),
      signature: reader.bytes('signature'),
    }));
  } catch {
    return null;
  }
}

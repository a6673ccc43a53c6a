/**
 * Signatures for simulated worlds: a keyed hash, a thousand times cheaper than ECDSA. The "public key" is the secret, so that
 * whoever verifies can recompute; nobody in a world forges.
 */
import type { StatementCodec } from '../../src/authority/statements.js';
import { concat, equalBytes } from '../../src/verify/bytes.js';
import { encode } from '../../src/verify/cbor.js';
import { decodeMap } from '../../src/verify/cbor-reader.js';
import type { SignatureVerifier } from '../../src/verify/crypto.js';
import { sha256 } from '../../src/verify/crypto.js';
import { encodeStatement } from '../../src/verify/statement.js';

/** 64 bytes, as long as an Ed25519 signature. */
export function simulatedSign(spki: Uint8Array, message: Uint8Array): Uint8Array {
  const digest = sha256(concat([spki, message]));
  return concat([digest, digest]);
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

/**
 * Private keys at rest: PKCS#8 EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018): PBKDF2-HMAC-SHA-256 and
 * AES-256-CBC, at least 600 000 iterations. OpenSSL reads and writes the same form:
 * `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter 600000`.
 */

import { createCipheriv, createPrivateKey, pbkdf2Sync, randomBytes, type KeyObject } from 'node:crypto';
import { requireAllowed } from '../verify/allow-list.js';
import { DerReader, Tag, derNull, integer, octetString, oid, sequence } from '../verify/der.js';
import { oids } from '../verify/oids.js';
import { decodePem, encodePem } from './pem.js';

/** OWASP's figure for PBKDF2-HMAC-SHA-256 (2023); about 0.2 s a key. */
export const minIterations = 600_000;

export class KeyProtectionError extends Error {
  override readonly name = 'KeyProtectionError';
  readonly code: 'KEY_UNREADABLE' | 'KEY_WEAKLY_PROTECTED' | 'KEY_NOT_ENCRYPTED' | 'PASSPHRASE_WRONG';

  constructor(code: KeyProtectionError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** PEM of the key; encrypted unless `passphrase` is null, which only a laboratory allows. */
export function protectKey(key: KeyObject, passphrase: Uint8Array | null): string {
  const plain = key.export({ type: 'pkcs8', format: 'der' });
  if (passphrase === null) return encodePem('PRIVATE KEY', plain);
  requireAllowed('aes-256-cbc', 'key-protection');
  requireAllowed('hmac-sha-256', 'key-protection');
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(passphrase, salt, minIterations, 32, 'sha256'), iv);
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const derivation = sequence(
    octetString(salt),
    integer(minIterations),
    sequence(oid(oids.hmacSha256), derNull()),
  );
  const scheme = sequence(
    oid(oids.pbes2),
    sequence(sequence(oid(oids.pbkdf2), derivation), sequence(oid(oids.aes256Cbc), octetString(iv))),
  );
  return encodePem('ENCRYPTED PRIVATE KEY', sequence(scheme, octetString(encrypted)));
}

/**
 * The key in a PEM text. With a passphrase only an encrypted key is accepted; without, only a plain one: a key that is
 * less protected than the configuration says is an error, not a convenience.
 * @throws KeyProtectionError
 */
export function openKey(pem: string, passphrase: Uint8Array | null, where: string): KeyObject {
  const blocks = decodePem(pem).filter(({ label }) => label.endsWith('PRIVATE KEY'));
  const [block] = blocks;
  if (!block || blocks.length > 1) {
    throw new KeyProtectionError('KEY_UNREADABLE', `${where} does not hold exactly one private key in PEM`);
  }
  if (block.label === 'ENCRYPTED PRIVATE KEY') return openEncrypted(block.der, passphrase, where);
  if (block.label !== 'PRIVATE KEY') {
    throw new KeyProtectionError(
      'KEY_UNREADABLE',
      `${where} is not PKCS#8; convert it with openssl pkcs8 -topk8`,
    );
  }
  if (passphrase !== null) {
    throw new KeyProtectionError(
      'KEY_NOT_ENCRYPTED',
      `${where} is not encrypted, but only a laboratory may keep plain keys; encrypt it with openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter ${minIterations}`,
    );
  }
  return read({ key: Buffer.from(block.der), format: 'der', type: 'pkcs8' }, where, 'KEY_UNREADABLE');
}

function openEncrypted(der: Uint8Array, passphrase: Uint8Array | null, where: string): KeyObject {
  if (passphrase === null) {
    throw new KeyProtectionError(
      'PASSPHRASE_WRONG',
      `${where} is encrypted and no passphrase was given; name a passphrase file in the configuration`,
    );
  }
  requireStrong(der, where);
  const options = { format: 'der', type: 'pkcs8', passphrase: Buffer.from(passphrase) } as const;
  return read({ key: Buffer.from(der), ...options }, where, 'PASSPHRASE_WRONG');
}

function read(
  input: Parameters<typeof createPrivateKey>[0],
  where: string,
  code: KeyProtectionError['code'],
): KeyObject {
  try {
    return createPrivateKey(input);
  } catch (cause) {
    const what =
      code === 'PASSPHRASE_WRONG' ? 'cannot be decrypted; check the passphrase' : 'is not a readable key';
    throw new KeyProtectionError(code, `${where} ${what}`, { cause });
  }
}

/** Refuses any protection other than the one written here, or one with fewer iterations. */
function requireStrong(der: Uint8Array, where: string): void {
  let found: string;
  try {
    found = protectionOf(der);
  } catch (cause) {
    throw new KeyProtectionError('KEY_UNREADABLE', `${where} is not an encrypted PKCS#8 key`, { cause });
  }
  if (found === 'strong') return;
  throw new KeyProtectionError(
    'KEY_WEAKLY_PROTECTED',
    `${where} is protected by ${found}; encrypt it again with openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -iter ${minIterations}`,
  );
}

function protectionOf(der: Uint8Array): string {
  const scheme = DerReader.whole(der, Tag.sequence).into(Tag.sequence);
  const name = scheme.oid();
  if (name !== oids.pbes2) return `scheme ${name} in place of PBES2`;
  const parameters = scheme.into(Tag.sequence);
  const derivation = parameters.into(Tag.sequence);
  const function_ = derivation.oid();
  if (function_ !== oids.pbkdf2) return `key derivation ${function_} in place of PBKDF2`;
  const pbkdf2 = derivation.into(Tag.sequence);
  pbkdf2.octets();
  const iterations = pbkdf2.count();
  pbkdf2.optional(Tag.integer);
  const prf = pbkdf2.done ? 'HMAC-SHA-1' : pbkdf2.into(Tag.sequence).oid();
  if (prf !== oids.hmacSha256) return `${prf} in place of HMAC-SHA-256`;
  if (iterations < minIterations) return `only ${iterations} iterations of PBKDF2`;
  const cipher = parameters.into(Tag.sequence).oid();
  return cipher === oids.aes256Cbc ? 'strong' : `cipher ${cipher} in place of AES-256-CBC`;
}

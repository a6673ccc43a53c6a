/**
 * The person at the keyboard: certificate, private key and whom to trust, read from files. The key that opens the
 * connection is also the one that signs commands, so that what the cluster sees and what it records are one identity.
 */

import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openKey } from '../pki/key-protection.js';
import { readPassphrase, readSecretFile } from '../pki/key-store.js';
import { encodePem, pemContents } from '../pki/pem.js';
import { softwareSigner } from '../pki/signer.js';
import type { TlsMaterial } from '../pki/tls.js';
import { equalBytes } from '../verify/bytes.js';
import { parseIdentity } from '../verify/identity.js';
import type { Identity } from '../verify/identity.js';
import { parseCertificate } from '../verify/x509.js';
import type { Certificate } from '../verify/x509.js';
import type { Person } from './acts.js';

export interface CredentialFiles {
  /** PEM: the cluster's root certificate. */
  readonly ca: string;
  /** PEM: one's own certificate, then authorities below the root, if any. */
  readonly cert: string;
  /** PKCS#8 PEM, mode 0600. */
  readonly key: string;
  /** File with the key's passphrase; null for a key in the clear, which only a laboratory accepts. */
  readonly passphraseFile: string | null;
}

export interface Credentials {
  readonly identity: Identity;
  readonly person: Person;
  readonly tls: TlsMaterial;
  /** False only for a key in the clear. */
  readonly isKeyEncrypted: boolean;
}

export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly code = 'CERTIFICATE_MALFORMED';
}

/** @throws CredentialError, KeyFileError, KeyProtectionError, each with its remedy */
export function readCredentials(files: CredentialFiles): Credentials {
  const chain = certificatesIn(files.cert);
  const certificate = parseCertificate(chain[0] as Uint8Array);
  const passphrase = files.passphraseFile === null ? null : readPassphrase({ file: files.passphraseFile });
  const key = openKey(readSecretFile(files.key).toString('latin1'), passphrase, files.key);
  const pem = encodePem('PRIVATE KEY', key.export({ type: 'pkcs8', format: 'der' }));
  const signer = softwareSigner(createPrivateKey(pem));
  if (!equalBytes(signer.spki, certificate.spki)) {
    throw new CredentialError(
      `${files.key} is not the key of ${files.cert}; name the two files of one person`,
    );
  }
  const identity = identityOf(files.cert, certificate);
  return {
    identity,
    person: { name: identity.name, signer },
    tls: { chain, key: pem, trustAnchors: certificatesIn(files.ca) },
    isKeyEncrypted: passphrase !== null,
  };
}

/** The identity that a certificate file names. @throws CredentialError */
export function readCertificateFile(file: string): {
  readonly certificate: Certificate;
  readonly identity: Identity;
} {
  const certificate = parseCertificate(certificatesIn(file)[0] as Uint8Array);
  return { certificate, identity: identityOf(file, certificate) };
}

function identityOf(file: string, { uris }: Certificate): Identity {
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) {
    throw new CredentialError(
      `${file} names no identity taa://<cluster>/<role>/<name>; use a certificate of taactl ca issue`,
    );
  }
  return parseIdentity(uri);
}

/** At least one certificate. @throws CredentialError */
export function certificatesIn(file: string): readonly Uint8Array[] {
  const found = pemContents(readFileSync(file, 'utf8'), 'CERTIFICATE');
  if (found.length === 0) {
    throw new CredentialError(`${file} holds no certificate in PEM; convert it with openssl x509`);
  }
  return found;
}

/**
 * The cluster's certificate authority as a directory (`ca.crt`, `ca.key`), and what is issued under it: a person's or a
 * TSA's key with certificate, a node's three keys with the file from which the genesis takes its part.
 *
 * Invariant: nothing that exists is overwritten, and a key is on disk, durable and protected, before its certificate.
 */

import { createPublicKey } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createRoot, openAuthority, type CertificateAuthority } from '../pki/ca.js';
import { openKey, protectKey } from '../pki/key-protection.js';
import { openKeyDirectory, readSecretFile, writeSecretFile } from '../pki/key-store.js';
import { encodePem } from '../pki/pem.js';
import { generateKey, rawEd25519, softwareSigner, spkiOf } from '../pki/signer.js';
import { formatIdentity, type Identity } from '../verify/identity.js';
import type { MemberRole } from '../verify/membership.js';
import { certificatesIn, CredentialError } from './credentials.js';

const DAY_S = 86_400;

/** A file that is there already: keys and certificates are never overwritten. */
export class FileExistsError extends Error {
  override readonly name = 'FileExistsError';
  readonly code = 'FILE_EXISTS';
}

export interface AuthorityRequest {
  readonly directory: string;
  readonly commonName: string;
  readonly organization: string | null;
  readonly years: number;
  /** Null keeps the key in the clear: laboratories only. */
  readonly passphrase: Uint8Array | null;
}

/** Makes a root with an ECDSA P-384 key. @throws FileExistsError */
export function initAuthority(request: AuthorityRequest): {
  readonly certificate: string;
  readonly key: string;
} {
  const files = authorityFiles(request.directory);
  refuseExisting(Object.values(files));
  mkdirSync(request.directory, { recursive: true, mode: 0o700 });
  const now = nowSeconds();
  const key = generateKey('ecdsa-p384');
  const certificate = createRoot(
    {
      commonName: request.commonName,
      ...(request.organization === null ? {} : { organization: request.organization }),
      notBefore: now,
      notAfter: now + request.years * 365 * DAY_S,
    },
    softwareSigner(key),
  );
  writeSecretFile(files.key, protectKey(key, request.passphrase));
  writeNew(files.certificate, encodePem('CERTIFICATE', certificate));
  return files;
}

const authorityFiles = (directory: string) => ({
  certificate: join(directory, 'ca.crt'),
  key: join(directory, 'ca.key'),
});

/** @throws KeyFileError, KeyProtectionError, CredentialError */
export function openAuthorityDirectory(
  directory: string,
  passphrase: Uint8Array | null,
): CertificateAuthority {
  const files = authorityFiles(directory);
  const key = openKey(readSecretFile(files.key).toString('latin1'), passphrase, files.key);
  return openAuthority(certificatesIn(files.certificate)[0] as Uint8Array, softwareSigner(key));
}

export interface HolderRequest {
  readonly authority: CertificateAuthority;
  readonly identity: Identity;
  readonly out: string;
  readonly days: number;
  readonly passphrase: Uint8Array | null;
  /** SubjectPublicKeyInfo of a key made elsewhere; null makes one here. */
  readonly spki: Uint8Array | null;
}

/** A certificate for a person or a TSA. @throws FileExistsError, IssueRefusedError */
export function issueHolder(request: HolderRequest): {
  readonly certificate: string;
  readonly key: string | null;
} {
  const { authority, identity, out, days, passphrase } = request;
  const certificateFile = join(out, `${identity.name}.crt`);
  const keyFile = join(out, `${identity.name}.key`);
  refuseExisting([certificateFile, ...(request.spki === null ? [keyFile] : [])]);
  const made = request.spki === null ? generateKey('ecdsa-p256') : null;
  const certificate = authority.issue({
    identity,
    purpose: 'tls',
    spki: request.spki ?? spkiOf(made as NonNullable<typeof made>),
    ...validity(days),
  });
  mkdirSync(out, { recursive: true, mode: 0o700 });
  if (made !== null) writeSecretFile(keyFile, protectKey(made, passphrase));
  writeNew(certificateFile, encodePem('CERTIFICATE', certificate));
  return { certificate: certificateFile, key: made === null ? null : keyFile };
}

export interface NodeRequest {
  readonly authority: CertificateAuthority;
  readonly identity: Identity;
  readonly site: string;
  /** `standby` only for members that are ordered in later. */
  readonly kind: MemberRole;
  readonly out: string;
  readonly days: number;
  readonly passphrase: Uint8Array | null;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface IssuedNode {
  readonly keys: string;
  readonly tlsCertificate: string;
  /** Public: goes to whoever makes the genesis. */
  readonly member: string;
}

/** A node's keys and certificates: `keys/`, `tls.crt`, `member.yaml`. @throws FileExistsError, IssueRefusedError */
export function issueNode(request: NodeRequest): IssuedNode {
  const { authority, identity, out } = request;
  const files = {
    keys: join(out, 'keys'),
    tlsCertificate: join(out, 'tls.crt'),
    member: join(out, 'member.yaml'),
  };
  refuseExisting(Object.values(files));
  const made = {
    tls: generateKey('ecdsa-p256'),
    issuing: generateKey('ecdsa-p256'),
    log: generateKey('ed25519'),
  };
  const period = validity(request.days);
  // Issued before anything is written: what is refused leaves nothing behind.
  const tls = authority.issue({
    identity,
    purpose: 'tls',
    spki: spkiOf(made.tls),
    dnsNames: request.dnsNames,
    ipAddresses: request.ipAddresses,
    ...period,
  });
  const issuing = authority.issue({
    identity,
    purpose: 'statement',
    spki: spkiOf(made.issuing),
    ...period,
  });
  const logKey = rawEd25519(spkiOf(made.log));
  mkdirSync(out, { recursive: true, mode: 0o700 });
  const keys = openKeyDirectory({ directory: files.keys, passphrase: request.passphrase });
  for (const [name, key] of Object.entries(made)) keys.add(name, key);
  writeNew(files.tlsCertificate, encodePem('CERTIFICATE', tls));
  writeNew(
    files.member,
    stringify({
      identity: formatIdentity(identity),
      site: request.site,
      kind: request.kind,
      tlsKey: Buffer.from(spkiOf(made.tls)).toString('base64'),
      logKey: Buffer.from(logKey).toString('base64'),
      issuingCertificate: encodePem('CERTIFICATE', issuing),
    }),
  );
  return files;
}

/** SubjectPublicKeyInfo in a PEM file. @throws CredentialError */
export function publicKeyIn(file: string): Uint8Array {
  const pem = readFileSync(file, 'utf8');
  if (!pem.includes('-----BEGIN PUBLIC KEY-----')) {
    throw new CredentialError(`${file} holds no public key in PEM; make one with openssl pkey -pubout`);
  }
  try {
    return spkiOf(createPublicKey(pem));
  } catch (cause) {
    throw new CredentialError(`${file} holds no usable public key: ${(cause as Error).message}`, { cause });
  }
}

function validity(days: number): { readonly notBefore: number; readonly notAfter: number } {
  const now = nowSeconds();
  return { notBefore: now, notAfter: now + days * DAY_S };
}

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** @throws FileExistsError */
export function refuseExisting(files: readonly string[]): void {
  const there = files.find((file) => existsSync(file));
  if (there !== undefined) {
    throw new FileExistsError(`${there} exists and is not overwritten; choose another directory or name`);
  }
}

/** Public files; `wx` so that two runs side by side do not overwrite each other. */
function writeNew(file: string, text: string): void {
  writeFileSync(file, text, { flag: 'wx', mode: 0o644 });
}

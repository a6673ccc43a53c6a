/**
 * The cluster's certificate authority: one self-signed root that issues every certificate directly. Names and
 * validity are decided here, never taken from a request.
 *
 * The invariant: a certificate says one identity and one purpose, is valid only while its issuer is, and holds a key
 * of the allow-list.
 */

import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { equalBytes, hexOf } from '../verify/bytes.js';
import { isAllowed } from '../verify/allow-list.js';
import type { PosixSeconds } from '../verify/calendar.js';
import { formatIdentity, type Identity } from '../verify/identity.js';
import { oids, taaOids } from '../verify/oids.js';
import { keyAlgorithm, parseCertificate, type Certificate } from '../verify/x509.js';
import {
  assembleSigned,
  certificateToBeSigned,
  encodeName,
  type CertificateFields,
} from './certificate-encoding.js';
import type { SynchronousSigner } from './signer.js';

/**
 * `tls`: a connection's end, server or client by role. `statement`: a node's issuing key, of no use on a connection.
 */
export type CertificatePurpose = 'tls' | 'statement';

export interface Validity {
  readonly notBefore: PosixSeconds;
  readonly notAfter: PosixSeconds;
}

export interface IssueRequest extends Validity {
  readonly identity: Identity;
  readonly purpose: CertificatePurpose;
  /** DER SubjectPublicKeyInfo of the holder. */
  readonly spki: Uint8Array;
  /** For listeners that browsers and probes dial by name; nodes are recognised by their identity instead. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

export class IssueRefusedError extends Error {
  readonly code = 'ISSUE_REFUSED';
  override readonly name = 'IssueRefusedError';
}

/** Seconds by which validity begins early, so that a peer whose clock is a little behind accepts a fresh certificate. */
const backdate = 60;

export interface CertificateAuthority {
  readonly certificate: Certificate;
  /** @throws IssueRefusedError */
  issue(request: IssueRequest): Uint8Array;
}

export interface RootRequest extends Validity {
  readonly commonName: string;
  readonly organization?: string;
}

/** Unpredictable octets; the simulator gives seeded ones. */
export type RandomSource = (length: number) => Uint8Array;

/** DER of a self-signed root certificate for the key of `signer` (ECDSA P-384 or P-256). */
export function createRoot(
  request: RootRequest,
  signer: SynchronousSigner,
  random: RandomSource = randomBytes,
): Uint8Array {
  const name = encodeName(request.commonName, request.organization);
  return signCertificate(signer, {
    serial: randomSerial(random),
    issuer: name,
    subject: name,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    spki: signer.spki,
    issuerSpki: signer.spki,
    authority: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    extendedKeyUsage: [],
    uris: [],
    dnsNames: [],
    addresses: [],
  });
}

/** The authority of a root's certificate and key. @throws IssueRefusedError when the two do not belong together */
export function openAuthority(
  certificateDer: Uint8Array,
  signer: SynchronousSigner,
  random: RandomSource = randomBytes,
): CertificateAuthority {
  const certificate = parseCertificate(certificateDer);
  if (!equalBytes(signer.spki, certificate.spki)) {
    throw new IssueRefusedError(
      'the key is not that of the root certificate; give the two files of one authority',
    );
  }
  if (!certificate.authority || !certificate.keyUsage?.includes('keyCertSign')) {
    throw new IssueRefusedError('the certificate may not issue others; give the root certificate');
  }
  return {
    certificate,
    issue: (request) => issue(certificate, signer, request, random),
  };
}

function issue(
  root: Certificate,
  signer: SynchronousSigner,
  request: IssueRequest,
  random: RandomSource,
): Uint8Array {
  const uri = formatIdentity(request.identity);
  requireIssuable(root, request);
  return signCertificate(signer, {
    serial: randomSerial(random),
    issuer: root.subject,
    subject: encodeName(request.identity.name, request.identity.clusterId),
    notBefore: Math.max(request.notBefore - backdate, root.notBefore),
    notAfter: request.notAfter,
    spki: request.spki,
    issuerSpki: root.spki,
    authority: null,
    keyUsage: request.purpose === 'statement' ? ['digitalSignature', 'nonRepudiation'] : ['digitalSignature'],
    extendedKeyUsage: extendedUsage(request),
    uris: [uri],
    dnsNames: request.dnsNames ?? [],
    addresses: (request.ipAddresses ?? []).map(addressOctets),
  });
}

function requireIssuable(root: Certificate, request: IssueRequest): void {
  const { identity, purpose, spki, notBefore, notAfter } = request;
  if (notAfter <= notBefore) throw new IssueRefusedError('the validity ends before it begins');
  if (notBefore < root.notBefore || notAfter > root.notAfter) {
    throw new IssueRefusedError(
      'the validity reaches beyond that of the root; shorten it or make a new root',
    );
  }
  if (purpose === 'statement' && identity.role !== 'node') {
    throw new IssueRefusedError('only nodes issue time-audit statements');
  }
  const algorithm = keyAlgorithm(spki);
  if (!isAllowed(algorithm, purpose === 'statement' ? 'statement' : 'certificate')) {
    throw new IssueRefusedError(
      `a ${algorithm} key is not allowed for ${purpose}; generate an ECDSA P-256 key`,
    );
  }
}

/** Nodes also dial each other; everyone else is only ever a client. */
function extendedUsage({ purpose, identity }: IssueRequest): readonly string[] {
  if (purpose === 'statement') return [taaOids.statementSigning];
  return identity.role === 'node' ? [oids.serverAuth, oids.clientAuth] : [oids.clientAuth];
}

function signCertificate(signer: SynchronousSigner, fields: CertificateFields): Uint8Array {
  const toBeSigned = certificateToBeSigned(fields);
  return assembleSigned(toBeSigned, signer.algorithm, signer.signNow(toBeSigned));
}

/** 126 random bits below a one: positive, never zero, 16 octets. */
function randomSerial(random: RandomSource): bigint {
  return (BigInt(`0x${hexOf(random(16))}`) & ((1n << 126n) - 1n)) | (1n << 126n);
}

/** Network-order octets of an IP address in text. */
export function addressOctets(text: string): Uint8Array {
  const family = isIP(text);
  if (family === 4) return Uint8Array.from(text.split('.'), Number);
  if (family !== 6 || text.includes('%') || text.includes('.')) {
    throw new IssueRefusedError(`${JSON.stringify(text)} is not an IP address`);
  }
  const [head = '', tail] = text.split('::');
  const groups = (part: string | undefined): string[] => (part ? part.split(':') : []);
  const front = groups(head);
  const back = groups(tail);
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...Array.from({ length: zeros }, () => '0'), ...back].map((group) =>
    parseInt(group, 16),
  );
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/**
 * X.509 certificates (RFC 5280): parsing, and the check of a chain up to a trust anchor at a given instant.
 *
 * The invariant: a certificate is accepted only if every part of it that restricts its use was understood. Unknown
 * critical extensions, name constraints and policy constraints therefore refuse it. Signatures are of the allow-list.
 */

import { isAllowed } from './allow-list.js';
import { equalBytes } from './bytes.js';
import { decodeTime, posixLabel, type PosixSeconds } from './calendar.js';
import type { SignatureAlgorithm, SignatureVerifier } from './crypto.js';
import { DerError, DerReader, Tag, context, decodeUtf8 } from './der.js';
import { oids } from './oids.js';

export type KeyUsage = 'digitalSignature' | 'nonRepudiation' | 'keyCertSign' | 'cRLSign';

export interface Certificate {
  readonly der: Uint8Array;
  /** The part that is signed. */
  readonly tbs: Uint8Array;
  readonly serial: bigint;
  /** DER Names; compared as bytes. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: PosixSeconds;
  readonly notAfter: PosixSeconds;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
  /** Null when basicConstraints is absent. */
  readonly authority: { readonly pathLength: number | null } | null;
  /** Null when the extension is absent. */
  readonly keyUsage: readonly KeyUsage[] | null;
  readonly extendedKeyUsage: readonly string[] | null;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
}

/** Why a certificate or a chain is refused. */
export type CertificateRefusal =
  | 'CERTIFICATE_MALFORMED'
  | 'ALGORITHM_NOT_ALLOWED'
  | 'UNKNOWN_CRITICAL_EXTENSION'
  | 'NOT_YET_VALID'
  | 'EXPIRED'
  | 'UNKNOWN_ISSUER'
  | 'SIGNATURE_WRONG'
  | 'NOT_AN_AUTHORITY'
  | 'PATH_TOO_LONG'
  | 'WRONG_KEY_USAGE';

export class CertificateError extends Error {
  override readonly name = 'CertificateError';
  readonly code: CertificateRefusal;

  constructor(code: CertificateRefusal, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const signatureAlgorithms: Readonly<Record<string, SignatureAlgorithm>> = {
  [oids.ecdsaSha256]: 'ecdsa-p256-sha256',
  [oids.ecdsaSha384]: 'ecdsa-p384-sha384',
  [oids.rsaSha256]: 'rsa-pkcs1-sha256',
};

/** The algorithm with which a public key signs here. @throws CertificateError, DerError */
export function keyAlgorithm(spki: Uint8Array): SignatureAlgorithm {
  const info = DerReader.whole(spki, Tag.sequence);
  const algorithm = info.into(Tag.sequence);
  const name = algorithm.oid();
  info.bits();
  info.end();
  switch (name) {
    case oids.ecPublicKey: {
      const curve = algorithm.oid();
      algorithm.end();
      if (curve === oids.p256) return 'ecdsa-p256-sha256';
      if (curve === oids.p384) return 'ecdsa-p384-sha384';
      throw notAllowed(`elliptic curve ${curve}`, 'use P-256 or P-384');
    }
    case oids.rsaEncryption:
      return 'rsa-pkcs1-sha256';
    case oids.ed25519:
      algorithm.end();
      return 'ed25519';
    default:
      throw notAllowed(`public key algorithm ${name}`, 'use ECDSA on P-256 or P-384');
  }
}

/** @throws CertificateError for anything but one certificate of the profile */
export function parseCertificate(der: Uint8Array): Certificate {
  try {
    return readCertificate(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new CertificateError('CERTIFICATE_MALFORMED', `not an X.509 certificate in DER: ${error.message}`, {
      cause: error,
    });
  }
}

function readCertificate(der: Uint8Array): Certificate {
  const outer = DerReader.whole(der, Tag.sequence);
  const tbsElement = outer.element(Tag.sequence);
  const outerAlgorithm = outer.element(Tag.sequence);
  const signature = outer.bits();
  outer.end();

  const tbs = new DerReader(tbsElement.content);
  const version = tbs.into(context(0, true));
  if (version.integer() !== 2n) throw new DerError('only version 3 certificates are read');
  version.end();
  const serial = tbs.integer();
  const innerAlgorithm = tbs.element(Tag.sequence);
  if (!equalBytes(innerAlgorithm.bytes, outerAlgorithm.bytes))
    throw new DerError('the two signature algorithms differ');
  const issuer = tbs.element(Tag.sequence).bytes;
  const validity = tbs.into(Tag.sequence);
  const notBefore = decodeTime(validity.any());
  const notAfter = decodeTime(validity.any());
  validity.end();
  const subject = tbs.element(Tag.sequence).bytes;
  const spki = tbs.element(Tag.sequence).bytes;
  tbs.optional(context(1, false));
  tbs.optional(context(2, false));
  const extensions = readExtensions(tbs.intoOptional(context(3, true)));
  tbs.end();

  const signatureAlgorithm = readSignatureAlgorithm(innerAlgorithm.content);
  return {
    der: Uint8Array.from(der),
    tbs: tbsElement.bytes,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    signatureAlgorithm,
    signature,
    ...extensions,
  };
}

function readSignatureAlgorithm(content: Uint8Array): SignatureAlgorithm {
  const reader = new DerReader(content);
  const name = reader.oid();
  const found = signatureAlgorithms[name];
  if (!found || !isAllowed(found, 'certificate')) {
    throw notAllowed(
      `signature algorithm ${name}`,
      'have the certificate issued with ECDSA and SHA-256 or SHA-384',
    );
  }
  if (found === 'rsa-pkcs1-sha256') reader.optional(Tag.null);
  reader.end();
  return found;
}

type Extensions = Pick<Certificate, 'authority' | 'keyUsage' | 'extendedKeyUsage' | 'uris' | 'dnsNames'>;

function readExtensions(wrapper: DerReader | undefined): Extensions {
  const found: { -readonly [K in keyof Extensions]: Extensions[K] } = {
    authority: null,
    keyUsage: null,
    extendedKeyUsage: null,
    uris: [],
    dnsNames: [],
  };
  if (!wrapper) return found;
  const list = wrapper.into(Tag.sequence);
  wrapper.end();
  const seen = new Set<string>();
  while (!list.done) {
    const extension = list.into(Tag.sequence);
    const name = extension.oid();
    const critical = extension.nextTag === Tag.boolean && extension.boolean();
    const value = extension.octets();
    extension.end();
    if (seen.has(name)) throw new DerError(`extension ${name} stands twice`);
    seen.add(name);
    switch (name) {
      case oids.basicConstraints:
        found.authority = readBasicConstraints(value);
        break;
      case oids.keyUsage:
        found.keyUsage = readKeyUsage(value);
        break;
      case oids.extKeyUsage:
        found.extendedKeyUsage = readOids(value);
        break;
      case oids.subjectAltName:
        Object.assign(found, readAlternativeNames(value));
        break;
      default:
        if (!critical) break;
        throw new CertificateError(
          'UNKNOWN_CRITICAL_EXTENSION',
          `the certificate has a critical extension ${name} that is not understood here; have it issued without`,
        );
    }
  }
  return found;
}

function readBasicConstraints(value: Uint8Array): Certificate['authority'] {
  const reader = DerReader.whole(value, Tag.sequence);
  const isAuthority = reader.nextTag === Tag.boolean && reader.boolean();
  const pathLength = reader.done ? null : reader.count();
  reader.end();
  return isAuthority ? { pathLength } : null;
}

const usageBits: readonly (readonly [bit: number, usage: KeyUsage])[] = [
  [0x80, 'digitalSignature'],
  [0x40, 'nonRepudiation'],
  [0x04, 'keyCertSign'],
  [0x02, 'cRLSign'],
];

function readKeyUsage(value: Uint8Array): readonly KeyUsage[] {
  const reader = new DerReader(value);
  const { content } = reader.element(Tag.bitString);
  reader.end();
  const [unused = 8, bits = 0] = content;
  if (unused > 7 || content.length < 2 || content.length > 3)
    throw new DerError('keyUsage is not a short bit string');
  return usageBits.filter(([bit]) => (bits & bit) !== 0).map(([, usage]) => usage);
}

function readOids(value: Uint8Array): readonly string[] {
  const reader = DerReader.whole(value, Tag.sequence);
  const found: string[] = [];
  while (!reader.done) found.push(reader.oid());
  return found;
}

function readAlternativeNames(value: Uint8Array): Pick<Certificate, 'uris' | 'dnsNames'> {
  const reader = DerReader.whole(value, Tag.sequence);
  const uris: string[] = [];
  const dnsNames: string[] = [];
  while (!reader.done) {
    const { tag, content } = reader.any();
    if (tag === context(6, false)) uris.push(decodeUtf8(content));
    if (tag === context(2, false)) dnsNames.push(decodeUtf8(content));
  }
  return { uris, dnsNames };
}

// ---- the chain -----------------------------------------------------------------------------------------------------

export interface ChainRequest {
  readonly leaf: Certificate;
  /** Certificates that came along; may hold ones that are of no use. */
  readonly intermediates: readonly Certificate[];
  readonly trustAnchors: readonly Certificate[];
  /** Every certificate of the path must be valid at this second. */
  readonly at: PosixSeconds;
  /** What the leaf's key must be allowed to do. */
  readonly keyUsage: KeyUsage;
  /** An extended key usage that the leaf must name; absence of the extension refuses. */
  readonly extendedKeyUsage?: string;
}

/** Paths are a root, at most this many authorities below it, and the leaf. */
const maxIntermediates = 4;

/**
 * The path from the leaf (first) to a trust anchor (last). Trust anchors are matched by their bytes.
 * @throws CertificateError with the first reason found nearest to the leaf
 */
export function checkChain(request: ChainRequest, verifier: SignatureVerifier): readonly Certificate[] {
  const { leaf } = request;
  requireUsage(leaf, request.keyUsage);
  if (request.extendedKeyUsage !== undefined && !leaf.extendedKeyUsage?.includes(request.extendedKeyUsage)) {
    throw new CertificateError(
      'WRONG_KEY_USAGE',
      `the certificate's extended key usage does not hold ${request.extendedKeyUsage}; it was issued for something else`,
    );
  }
  const path = [leaf];
  for (;;) {
    const last = path.at(-1) ?? leaf;
    requireValid(last, request.at);
    if (request.trustAnchors.some((anchor) => equalBytes(anchor.der, last.der))) return path;
    if (path.length > maxIntermediates + 1) {
      throw new CertificateError(
        'PATH_TOO_LONG',
        `more than ${maxIntermediates} authorities between leaf and root`,
      );
    }
    path.push(findIssuer(last, path.length - 1, request, verifier));
  }
}

/** Greedy: the first candidate that signed wins. Two authorities of one name and one key are one authority. */
function findIssuer(
  child: Certificate,
  authoritiesBelow: number,
  request: ChainRequest,
  verifier: SignatureVerifier,
): Certificate {
  const named = [...request.trustAnchors, ...request.intermediates].filter((c) =>
    equalBytes(c.subject, child.issuer),
  );
  if (named.length === 0) {
    throw new CertificateError(
      'UNKNOWN_ISSUER',
      'no trust anchor and no certificate that came along has the name of the issuer; give the root certificate of the cluster',
    );
  }
  const issuer = named.find((candidate) => signedBy(child, candidate, verifier));
  if (!issuer) {
    throw new CertificateError(
      'SIGNATURE_WRONG',
      'the signature on a certificate was not made by the authority it names',
    );
  }
  requireAuthority(issuer, authoritiesBelow);
  return issuer;
}

function signedBy(child: Certificate, issuer: Certificate, verifier: SignatureVerifier): boolean {
  return verifier.verify(child.signatureAlgorithm, issuer.spki, child.tbs, child.signature);
}

function requireAuthority(issuer: Certificate, authoritiesBelow: number): void {
  const { authority } = issuer;
  if (!authority) {
    throw new CertificateError('NOT_AN_AUTHORITY', 'the issuer of a certificate is not itself an authority');
  }
  requireUsage(issuer, 'keyCertSign');
  if (authority.pathLength !== null && authoritiesBelow > authority.pathLength) {
    throw new CertificateError(
      'PATH_TOO_LONG',
      'there are more authorities below one than its pathLenConstraint allows',
    );
  }
}

function requireUsage(certificate: Certificate, usage: KeyUsage): void {
  if (certificate.keyUsage?.includes(usage)) return;
  throw new CertificateError('WRONG_KEY_USAGE', `the certificate's key usage does not hold ${usage}`);
}

/** @throws CertificateError when `at` is outside the certificate's validity */
export function requireValid(certificate: Certificate, at: PosixSeconds): void {
  if (at < certificate.notBefore) {
    throw new CertificateError(
      'NOT_YET_VALID',
      `at ${posixLabel(at)} the certificate was not yet valid (from ${posixLabel(certificate.notBefore)})`,
    );
  }
  if (at > certificate.notAfter) {
    throw new CertificateError(
      'EXPIRED',
      `at ${posixLabel(at)} the certificate had expired (${posixLabel(certificate.notAfter)})`,
    );
  }
}

function notAllowed(what: string, remedy: string): CertificateError {
  return new CertificateError(
    'ALGORITHM_NOT_ALLOWED',
    `${what} is not on the list of allowed cryptography; ${remedy}`,
  );
}

/**
 * The encoding of certificates and of PKCS#10 requests (RFC 5280, RFC 2986), without a key: each is built as the bytes
 * to be signed and assembled with the signature, so that the key can be anywhere.
 */

import { allowList, requireAllowed } from '../verify/allow-list.js';
import { encodeTime, type PosixSeconds } from '../verify/calendar.js';
import { sha256, type SignatureAlgorithm, type SignatureVerifier } from '../verify/crypto.js';
import {
  DerReader,
  Tag,
  bitString,
  boolean,
  context,
  derNull,
  encode,
  explicit,
  integer,
  octetString,
  oid,
  sequence,
  setOf,
  utf8String,
} from '../verify/der.js';
import { bytesOf } from '../verify/bytes.js';
import { oids } from '../verify/oids.js';
import { keyAlgorithm, type KeyUsage } from '../verify/x509.js';

export interface CertificateFields {
  /** Positive, at most 20 octets. */
  readonly serial: bigint;
  /** DER Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: PosixSeconds;
  readonly notAfter: PosixSeconds;
  readonly spki: Uint8Array;
  /** SubjectPublicKeyInfo of the issuer, for the authority key identifier. */
  readonly issuerSpki: Uint8Array;
  readonly authority: { readonly pathLength: number } | null;
  readonly keyUsage: readonly KeyUsage[];
  readonly extendedKeyUsage: readonly string[];
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** IPv4 or IPv6 address octets. */
  readonly addresses: readonly Uint8Array[];
}

/** A Name of an organisation (optional) and a common name. */
export function encodeName(commonName: string, organization?: string): Uint8Array {
  const attribute = (type: string, value: string) => setOf(sequence(oid(type), utf8String(value)));
  const parts = organization === undefined ? [] : [attribute(oids.organization, organization)];
  return sequence(...parts, attribute(oids.commonName, commonName));
}

/** AlgorithmIdentifier of a signature; the RSA form carries NULL (RFC 4055 §5). */
export function signatureIdentifier(algorithm: SignatureAlgorithm): Uint8Array {
  requireAllowed(algorithm, 'certificate');
  switch (algorithm) {
    case 'ecdsa-p256-sha256':
      return sequence(oid(oids.ecdsaSha256));
    case 'ecdsa-p384-sha384':
      return sequence(oid(oids.ecdsaSha384));
    case 'rsa-pkcs1-sha256':
      return sequence(oid(oids.rsaSha256), derNull());
    case 'ed25519':
      throw new TypeError(`${allowList.edition} as applied here has no Ed25519 certificates`);
  }
}

/** TBSCertificate: what the issuer signs. */
export function certificateToBeSigned(fields: CertificateFields): Uint8Array {
  return sequence(
    explicit(0, integer(2)),
    integer(fields.serial),
    signatureIdentifier(keyAlgorithm(fields.issuerSpki)),
    fields.issuer,
    sequence(encodeTime(fields.notBefore), encodeTime(fields.notAfter)),
    fields.subject,
    fields.spki,
    explicit(3, sequence(...extensions(fields))),
  );
}

export function assembleSigned(
  toBeSigned: Uint8Array,
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
): Uint8Array {
  return sequence(toBeSigned, signatureIdentifier(algorithm), bitString(signature));
}

function extensions(fields: CertificateFields): readonly Uint8Array[] {
  const { authority } = fields;
  const list = [
    extension(
      oids.basicConstraints,
      true,
      authority ? sequence(boolean(true), integer(authority.pathLength)) : sequence(),
    ),
    extension(oids.keyUsage, true, encodeKeyUsage(fields.keyUsage)),
    extension(oids.subjectKeyIdentifier, false, octetString(keyIdentifier(fields.spki))),
    extension(
      oids.authorityKeyIdentifier,
      false,
      sequence(encode(context(0, false), keyIdentifier(fields.issuerSpki))),
    ),
  ];
  if (fields.extendedKeyUsage.length > 0) {
    list.push(extension(oids.extKeyUsage, false, sequence(...fields.extendedKeyUsage.map(oid))));
  }
  const names = alternativeNames(fields);
  if (names.length > 0) list.push(extension(oids.subjectAltName, false, sequence(...names)));
  return list;
}

type NameFields = Pick<CertificateFields, 'uris' | 'dnsNames' | 'addresses'>;

function alternativeNames(fields: NameFields): readonly Uint8Array[] {
  return [
    ...fields.uris.map((uri) => encode(context(6, false), bytesOf(uri))),
    ...fields.dnsNames.map((name) => encode(context(2, false), bytesOf(name))),
    ...fields.addresses.map((address) => encode(context(7, false), address)),
  ];
}

function extension(name: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(oid(name), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** RFC 7093 method 1: the leftmost 160 bits of the SHA-256 of the key bits. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  const info = DerReader.whole(spki, Tag.sequence);
  info.element(Tag.sequence);
  return sha256(info.bits()).subarray(0, 20);
}

const usageBits: Readonly<Record<KeyUsage, number>> = {
  digitalSignature: 0x80,
  nonRepudiation: 0x40,
  keyCertSign: 0x04,
  cRLSign: 0x02,
};

/** A named bit list: DER drops trailing zero bits. */
function encodeKeyUsage(usages: readonly KeyUsage[]): Uint8Array {
  const bits = usages.reduce((sum, usage) => sum | usageBits[usage], 0);
  let unused = 0;
  while (bits !== 0 && ((bits >> unused) & 1) === 0) unused += 1;
  return bitString(Uint8Array.of(bits), unused);
}

// ---- PKCS#10 -------------------------------------------------------------------------------------------------------

export interface CertificateRequest {
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
}

/** CertificationRequestInfo: what the holder of the key signs to prove that it holds it. */
export function requestToBeSigned(subject: Uint8Array, spki: Uint8Array): Uint8Array {
  return sequence(integer(0), subject, spki, encode(context(0, true), new Uint8Array(0)));
}

/**
 * Reads a request and verifies that its maker holds the key. Requested attributes are ignored: the authority decides
 * what a certificate says.
 * @throws DerError, CertificateError, AlgorithmNotAllowedError, or TypeError for a wrong signature
 */
export function parseRequest(der: Uint8Array, verifier: SignatureVerifier): CertificateRequest {
  const outer = DerReader.whole(der, Tag.sequence);
  const info = outer.element(Tag.sequence);
  outer.element(Tag.sequence);
  const signature = outer.bits();
  outer.end();
  const fields = new DerReader(info.content);
  fields.integer();
  const subject = fields.element(Tag.sequence).bytes;
  const spki = fields.element(Tag.sequence).bytes;
  const algorithm = keyAlgorithm(spki);
  requireAllowed(algorithm, 'certificate');
  if (!verifier.verify(algorithm, spki, info.bytes, signature)) {
    throw new TypeError('the certificate request is not signed by the key it holds; make a new request');
  }
  return { subject, spki };
}

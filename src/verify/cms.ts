/**
 * CMS SignedData (RFC 5652) as a statement travels in it: the content inside, one signer, ECDSA P-256 with SHA-256,
 * signed attributes content-type, message-digest and signing-certificate-v2 (RFC 5035). No signing-time: it cannot say
 * 23:59:60, and when is part of the content.
 *
 * The invariant: one content, signer and signature have one encoding. A reader takes the parts out and accepts the
 * bytes only if assembling the parts gives them back; so nothing unsigned can be hidden in them.
 *
 * Signing is split around the key: `signedAttributes` gives the bytes to sign, `assembleSignedData` takes the signature.
 */

import { requireAllowed } from './allow-list.js';
import { equalBytes } from './bytes.js';
import { sha256, type SignatureVerifier } from './crypto.js';
import {
  DerError,
  DerReader,
  Tag,
  context,
  encode,
  explicit,
  integer,
  octetString,
  oid,
  retag,
  sequence,
  setOf,
} from './der.js';
import { oids } from './oids.js';
import { keyAlgorithm, parseCertificate, type Certificate } from './x509.js';

export interface SignedContent {
  /** Dotted OID of the content's type. */
  readonly contentType: string;
  readonly content: Uint8Array;
  readonly signer: Certificate;
  /** Authorities between the signer and the root, signer's issuer first; the root is not carried. */
  readonly authorities: readonly Certificate[];
}

export interface SignedData extends SignedContent {
  readonly signature: Uint8Array;
}

export class CmsError extends Error {
  override readonly name = 'CmsError';
  readonly code: 'CMS_MALFORMED' | 'SIGNATURE_WRONG';

  constructor(code: CmsError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const algorithm = 'ecdsa-p256-sha256';
const sha256Identifier = sequence(oid(oids.sha256));
const ecdsaIdentifier = sequence(oid(oids.ecdsaSha256));

/** DER of the signed attributes as a SET OF: the bytes that the signer signs. */
export function signedAttributes(contentType: string, content: Uint8Array, signer: Certificate): Uint8Array {
  requireAllowed(keyAlgorithm(signer.spki), 'statement');
  return setOf(
    attribute(oids.contentType, oid(contentType)),
    attribute(oids.messageDigest, octetString(sha256(content))),
    attribute(oids.signingCertificateV2, sequence(sequence(sequence(octetString(sha256(signer.der)))))),
  );
}

/** ContentInfo with the signature in place. Deterministic: the same parts give the same bytes. */
export function assembleSignedData(parts: SignedData): Uint8Array {
  const { contentType, content, signer, authorities, signature } = parts;
  const attributes = signedAttributes(contentType, content, signer);
  const signerInfo = sequence(
    integer(1),
    sequence(signer.issuer, integer(signer.serial)),
    sha256Identifier,
    retag(context(0, true), attributes),
    ecdsaIdentifier,
    octetString(signature),
  );
  const certificates = setOf(signer.der, ...authorities.map((authority) => authority.der));
  const signedData = sequence(
    integer(3),
    encode(Tag.set, sha256Identifier),
    sequence(oid(contentType), explicit(0, octetString(content))),
    retag(context(0, true), certificates),
    encode(Tag.set, signerInfo),
  );
  return sequence(oid(oids.signedData), explicit(0, signedData));
}

/** Takes the parts out without verifying the signature. @throws CmsError, CertificateError */
export function readSignedData(der: Uint8Array): SignedData {
  let parts: SignedData;
  try {
    parts = takeApart(der);
    if (keyAlgorithm(parts.signer.spki) !== algorithm)
      throw new DerError('the signer’s key is not ECDSA P-256');
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw malformed(cause.message, cause);
  }
  if (keyAlgorithm(parts.signer.spki) !== algorithm)
    throw malformed('the signer’s key is not an ECDSA P-256 key');
  if (!equalBytes(assembleSignedData(parts), der))
    throw malformed('it is not in the one form that is defined');
  return parts;
}

/** Verifies the signature over the content. @throws CmsError when it is wrong */
export function requireSignature(data: SignedData, verifier: SignatureVerifier): void {
  const signed = signedAttributes(data.contentType, data.content, data.signer);
  if (verifier.verify(algorithm, data.signer.spki, signed, data.signature)) return;
  throw new CmsError(
    'SIGNATURE_WRONG',
    'the signature is not that of the certificate’s key over this content',
  );
}

function takeApart(der: Uint8Array): SignedData {
  const contentInfo = DerReader.whole(der, Tag.sequence);
  if (contentInfo.oid() !== oids.signedData) throw new DerError('it is not CMS SignedData');
  const signedData = contentInfo.into(context(0, true)).into(Tag.sequence);
  signedData.integer();
  signedData.element(Tag.set);
  const encapsulated = signedData.into(Tag.sequence);
  const contentType = encapsulated.oid();
  const content = encapsulated.into(context(0, true)).octets().slice();
  const certificates = readCertificates(signedData.into(context(0, true)));
  const signerInfo = signedData.into(Tag.set).into(Tag.sequence);
  signerInfo.integer();
  const identifier = signerInfo.into(Tag.sequence);
  const issuer = identifier.element(Tag.sequence).bytes;
  const serial = identifier.integer();
  signerInfo.element(Tag.sequence);
  signerInfo.element(context(0, true));
  signerInfo.element(Tag.sequence);
  const signature = signerInfo.octets().slice();
  const signer = certificates.find((found) => found.serial === serial && equalBytes(found.issuer, issuer));
  if (!signer) throw new DerError('the signer’s certificate is not in it');
  const authorities = certificates.filter((found) => found !== signer);
  return { contentType, content, signer, authorities, signature };
}

function readCertificates(list: DerReader): readonly Certificate[] {
  const found: Certificate[] = [];
  while (!list.done) {
    if (found.length === 8) throw new DerError('it carries more than 8 certificates');
    found.push(parseCertificate(list.element(Tag.sequence).bytes));
  }
  return found;
}

const attribute = (type: string, value: Uint8Array): Uint8Array =>
  sequence(oid(type), encode(Tag.set, value));

const malformed = (detail: string, cause?: unknown): CmsError =>
  new CmsError('CMS_MALFORMED', `not a signed statement: ${detail}`, cause === undefined ? {} : { cause });

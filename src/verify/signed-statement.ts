/**
 * A time-audit statement with its signature: made in two steps around the issuing key, and verified offline.
 *
 * Both steps are pure: every node builds the same bytes from the same facts, and the same CMS from the same signature.
 */

import type { TaiNs } from '../time/types.js';
import { posixSeconds } from './calendar.js';
import {
  CmsError,
  assembleSignedData,
  readSignedData,
  requireSignature,
  signedAttributes,
  type SignedData,
} from './cms.js';
import type { SignatureVerifier } from './crypto.js';
import { DerError } from './der.js';
import { equalBytes } from './bytes.js';
import { formatIdentity } from './identity.js';
import { taaOids } from './oids.js';
import {
  StatementError,
  decodeStatement,
  type StatementErrorCode,
  type TimeAuditStatement,
} from './statement.js';
import {
  CertificateError,
  checkChain,
  parseCertificate,
  type Certificate,
  type CertificateRefusal,
} from './x509.js';

/** The bytes that the issuing key signs. @throws CertificateError when the certificate cannot issue statements */
export function statementToBeSigned(statementDer: Uint8Array, signerCertificate: Uint8Array): Uint8Array {
  return signedAttributes(taaOids.timeAuditStatement, statementDer, parseCertificate(signerCertificate));
}

/** CMS SignedData over the statement; `authorities` are the certificates between the signer and the root. */
export function assembleStatement(
  statementDer: Uint8Array,
  signerCertificate: Uint8Array,
  signature: Uint8Array,
  authorities: readonly Uint8Array[] = [],
): Uint8Array {
  return assembleSignedData({
    contentType: taaOids.timeAuditStatement,
    content: statementDer,
    signer: parseCertificate(signerCertificate),
    authorities: authorities.map(parseCertificate),
    signature,
  });
}

export type StatementRefusalCode =
  | CmsError['code']
  | StatementErrorCode
  | CertificateRefusal
  | 'WRONG_CONTENT'
  | 'WRONG_SIGNER'
  | 'OUTSIDE_VALIDITY';

export interface StatementRefusal {
  readonly ok: false;
  readonly code: StatementRefusalCode;
  /** A sentence with the remedy. */
  readonly message: string;
}

export interface VerifiedStatement {
  readonly ok: true;
  readonly statement: TimeAuditStatement;
  /** The statement's DER, as it was signed. */
  readonly content: Uint8Array;
  readonly signer: Certificate;
  /** Signer first, trust anchor last. */
  readonly path: readonly Certificate[];
}

export type StatementVerification = VerifiedStatement | StatementRefusal;

export interface StatementTrust {
  /** DER root certificates. */
  readonly trustAnchors: readonly Uint8Array[];
  /** When given, the evidence validity must hold this instant. */
  readonly at?: TaiNs;
  /** When given, the statement must be of this cluster. */
  readonly clusterId?: string;
  /** OIDs of critical extensions that the caller honours. */
  readonly understood?: readonly string[];
}

/**
 * Verifies a signed statement: its form, its consistency, its signature, the signer's chain at the time of measurement,
 * and that the signer is the node that it names. Total: never throws, whatever the bytes. It does not say that the
 * statement is in an audit log; for that there is the receipt.
 */
export function verifyStatement(
  cms: Uint8Array,
  trust: StatementTrust,
  verifier: SignatureVerifier,
): StatementVerification {
  try {
    return verify(cms, trust, verifier);
  } catch (error) {
    return refusalOf(error);
  }
}

function verify(cms: Uint8Array, trust: StatementTrust, verifier: SignatureVerifier): StatementVerification {
  const data = readSignedData(cms);
  requireSignature(data, verifier);
  const statement = decodeContent(data, trust.understood);
  const path = checkChain(
    {
      leaf: data.signer,
      intermediates: data.authorities,
      trustAnchors: trust.trustAnchors.map(parseCertificate),
      at: posixSeconds(statement.measuredAt.latest, statement.measuredAt.taiMinusUtc),
      keyUsage: 'digitalSignature',
      extendedKeyUsage: taaOids.statementSigning,
    },
    verifier,
  );
  requireSigner(statement, data.signer);
  if (trust.clusterId !== undefined && statement.clusterId !== trust.clusterId) {
    return refuse(
      'WRONG_SIGNER',
      `the statement is of cluster ${statement.clusterId}, expected ${trust.clusterId}`,
    );
  }
  if (trust.at !== undefined && !covers(statement, trust.at)) {
    const { from, to } = statement.validity;
    return refuse('OUTSIDE_VALIDITY', `the statement is evidence from ${from.utc} until ${to.utc} only`);
  }
  return { ok: true, statement, content: data.content, signer: data.signer, path };
}

/**
 * For replicated apply, where the signer's certificate is registered and its chain was verified at registration: the
 * CMS is the one over exactly this statement, by exactly this certificate. Total.
 */
export function isStatementBy(
  cms: Uint8Array,
  statementDer: Uint8Array,
  signerCertificate: Uint8Array,
  verifier: SignatureVerifier,
): boolean {
  try {
    const data = readSignedData(cms);
    requireSignature(data, verifier);
    return (
      data.contentType === taaOids.timeAuditStatement &&
      equalBytes(data.content, statementDer) &&
      equalBytes(data.signer.der, signerCertificate)
    );
  } catch (error) {
    refusalOf(error);
    return false;
  }
}

/** Whether the evidence validity holds an instant. */
export const covers = ({ validity }: TimeAuditStatement, instant: TaiNs): boolean =>
  validity.from.tai <= instant && instant < validity.to.tai;

function decodeContent(data: SignedData, understood: readonly string[] | undefined): TimeAuditStatement {
  if (data.contentType !== taaOids.timeAuditStatement) {
    throw new ContentTypeError(
      `the signed content is of type ${data.contentType}, not a time-audit statement`,
    );
  }
  return decodeStatement(data.content, understood);
}

function requireSigner(statement: TimeAuditStatement, signer: Certificate): void {
  const expected = formatIdentity({
    clusterId: statement.clusterId,
    role: 'node',
    name: statement.auditor.node,
  });
  if (signer.uris.length === 1 && signer.uris[0] === expected) return;
  throw new SignerError(
    `the statement names ${expected}, but ${signer.uris.join(', ') || 'nobody'} signed it`,
  );
}

class ContentTypeError extends Error {
  readonly code = 'WRONG_CONTENT';
}

class SignerError extends Error {
  readonly code = 'WRONG_SIGNER';
}

/** Errors of the formats become refusals; anything else is a fault of this program and is not hidden. */
function refusalOf(error: unknown): StatementRefusal {
  if (
    error instanceof CmsError ||
    error instanceof StatementError ||
    error instanceof CertificateError ||
    error instanceof ContentTypeError ||
    error instanceof SignerError
  ) {
    return refuse(error.code, error.message);
  }
  if (error instanceof DerError) return refuse('CMS_MALFORMED', error.message);
  throw error;
}

const refuse = (code: StatementRefusalCode, message: string): StatementRefusal => ({
  ok: false,
  code,
  message,
});

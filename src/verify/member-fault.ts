/**
 * Whether a member can be one: its names, its keys, its issuing certificate. Judged when a genesis is read and when an
 * administrator orders a member in; afterwards the keys are the member.
 */

import { isAllowed } from './allow-list.js';
import { equalBytes } from './bytes.js';
import type { SignatureAlgorithm, SignatureVerifier } from './crypto.js';
import { DerError } from './der.js';
import type { GenesisMember } from './genesis.js';
import { isIdentityName } from './identity.js';
import { taaOids } from './oids.js';
import { CertificateError, checkChain, keyAlgorithm, parseCertificate, type Certificate } from './x509.js';

export type MemberFacts = Pick<
  GenesisMember,
  'id' | 'site' | 'issuingKey' | 'issuingCertificate' | 'logKey' | 'tlsIdentity'
>;

/** Why the member's description contradicts itself, or null. Nothing is verified against anybody else. */
export function memberFault(clusterId: string, member: MemberFacts): string | null {
  const { id, site } = member;
  if (!isIdentityName(id) || !isIdentityName(site)) {
    return `member ${JSON.stringify(id)} at site ${JSON.stringify(site)}: a name is not allowed`;
  }
  if (member.logKey.length !== 32) return `the log key of ${id} is not a raw Ed25519 key of 32 bytes`;
  const uri = `taa://${clusterId}/node/${id}`;
  if (member.tlsIdentity !== uri) return `the TLS identity of ${id} must be ${uri}`;
  return (
    keyFault(`the issuing key of ${id}`, member.issuingKey, (algorithm) =>
      isAllowed(algorithm, 'statement'),
    ) ?? certificateFault(member, uri)
  );
}

function certificateFault({ id, issuingKey, issuingCertificate }: MemberFacts, uri: string): string | null {
  const read = readable(issuingCertificate);
  if (typeof read === 'string') return `issuing certificate of ${id}: ${read}`;
  if (!equalBytes(read.spki, issuingKey)) return `the issuing certificate of ${id} holds another key`;
  if (read.uris.length !== 1 || read.uris[0] !== uri) {
    return `the issuing certificate of ${id} names ${read.uris.join(', ')}, not ${uri}`;
  }
  return null;
}

/**
 * Why the member's issuing certificate does not lead to one of these roots, or null.
 * @param at POSIX seconds at which the chain must be valid
 */
export function issuerFault(
  { id, issuingCertificate }: MemberFacts,
  trustAnchors: readonly Uint8Array[],
  at: number,
  verifier: SignatureVerifier,
): string | null {
  try {
    checkChain(
      {
        leaf: parseCertificate(issuingCertificate),
        intermediates: [],
        trustAnchors: trustAnchors.map(parseCertificate),
        at,
        keyUsage: 'digitalSignature',
        extendedKeyUsage: taaOids.statementSigning,
      },
      verifier,
    );
    return null;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return `issuing certificate of ${id}: ${error.message}`;
  }
}

/** Why a key cannot be used, or null. */
export function keyFault(
  what: string,
  spki: Uint8Array,
  allowed: (algorithm: SignatureAlgorithm) => boolean,
): string | null {
  try {
    return allowed(keyAlgorithm(spki)) ? null : `${what} is of a kind that is not allowed for it`;
  } catch (error) {
    if (!(error instanceof DerError) && !(error instanceof CertificateError)) throw error;
    return `${what} cannot be used: ${error.message}`;
  }
}

function readable(der: Uint8Array): Certificate | string {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof CertificateError) return error.message;
    throw error;
  }
}

/**
 * Who is at the other end of a TLS connection. The TLS library has verified the chain to the cluster's root; what is
 * decided here is whom the certificate names. Peers are dialled by address, so a name in DNS decides nothing.
 */

import { equalBytes } from './bytes.js';
import { formatIdentity, parseIdentity, type Identity, type Role } from './identity.js';
import { tlsProfile } from './allow-list.js';
import { oids } from './oids.js';
import { parseCertificate, type Certificate } from './x509.js';

/** What both ends pass to the TLS library: TLS 1.3, AES-GCM, P-256 or P-384, nothing else. */
export const tlsContextProfile = {
  minVersion: tlsProfile.version,
  maxVersion: tlsProfile.version,
  ciphers: tlsProfile.cipherSuites.join(':'),
  ecdhCurve: tlsProfile.groups.join(':'),
  sigalgs: tlsProfile.signatureAlgorithms.join(':'),
} as const;

export class PeerRefusedError extends Error {
  readonly code = 'PEER_REFUSED';
  override readonly name = 'PeerRefusedError';
}

export interface Peer {
  readonly identity: Identity;
  /** The identity's one text. */
  readonly uri: string;
  readonly certificate: Certificate;
}

/**
 * The one identity of a certificate that a TLS library has verified. `side` is the peer's: a server's certificate does
 * not make a client, nor the other way round.
 * @throws PeerRefusedError when the certificate names no identity or several, or is not meant for that side
 */
export function peerOf(certificateDer: Uint8Array, side: 'server' | 'client'): Peer {
  const certificate = parse(certificateDer);
  const [uri, ...others] = certificate.uris.filter((text) => text.startsWith('taa:'));
  if (uri === undefined || others.length > 0) {
    throw new PeerRefusedError(
      'the peer’s certificate must name exactly one identity taa://<clusterId>/<role>/<name>; issue it with taactl ca issue',
    );
  }
  const wanted = side === 'server' ? oids.serverAuth : oids.clientAuth;
  if (!certificate.extendedKeyUsage?.includes(wanted)) {
    throw new PeerRefusedError(`the certificate of ${uri} is not meant for the ${side} side of a connection`);
  }
  try {
    return { identity: parseIdentity(uri), uri, certificate };
  } catch (cause) {
    throw new PeerRefusedError(cause instanceof Error ? cause.message : 'malformed identity', { cause });
  }
}

/** Whom a dialler is willing to speak to. Without `name`, any of the role will do. */
export interface ExpectedPeer {
  readonly clusterId: string;
  readonly role: Role;
  readonly name?: string;
  /** When given, the certificate must hold exactly this key. */
  readonly spki?: Uint8Array;
}

/** @throws PeerRefusedError when the server is not the expected one */
export function requireServer(certificateDer: Uint8Array, expected: ExpectedPeer): Peer {
  const peer = peerOf(certificateDer, 'server');
  const { clusterId, role, name } = peer.identity;
  if (clusterId === expected.clusterId && role === expected.role && name === (expected.name ?? name)) {
    if (expected.spki === undefined || equalBytes(peer.certificate.spki, expected.spki)) return peer;
    throw new PeerRefusedError(
      `the certificate of ${peer.uri} does not hold the key that is registered for it; configure the node's own tls.key`,
    );
  }
  throw new PeerRefusedError(
    `the server is ${peer.uri}, expected ${formatIdentity({ ...expected, name: expected.name ?? 'any' })}; check the address`,
  );
}

function parse(certificateDer: Uint8Array): Certificate {
  try {
    return parseCertificate(certificateDer);
  } catch (cause) {
    throw new PeerRefusedError(cause instanceof Error ? cause.message : 'malformed certificate', { cause });
  }
}

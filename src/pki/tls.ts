/**
 * Mutual TLS for gRPC and for plain listeners, as the allow-list has it: TLS 1.3, AES-GCM, P-256 or P-384 on both sides,
 * a certificate of the cluster's root on both sides. Sessions are not resumed: every connection is verified anew.
 */

import { constants } from 'node:crypto';
import { createSecureContext, type PeerCertificate, type SecureContextOptions } from 'node:tls';
import { ServerCredentials, credentials, type ChannelCredentials } from '@grpc/grpc-js';
import type { Identity } from '../verify/identity.js';
import {
  PeerRefusedError,
  peerOf,
  requireServer,
  tlsContextProfile,
  type ExpectedPeer,
  type Peer,
} from '../verify/peer.js';
import { encodePem } from './pem.js';

/** One end of a connection: its chain, its key, and whom it trusts. */
export interface TlsMaterial {
  /** DER certificates: one's own first, then authorities below the root, if any. */
  readonly chain: readonly Uint8Array[];
  /** PKCS#8 PEM, decrypted, as the key store gives it. */
  readonly key: string;
  /** DER root certificates of the cluster. */
  readonly trustAnchors: readonly Uint8Array[];
  /** PEM certificate revocation lists; with any, every certificate must be covered by one. */
  readonly revocationLists?: readonly string[];
}

/** Options for a secure context of either side; also for node:https listeners. */
export function secureContextOptions(material: TlsMaterial): SecureContextOptions {
  const { chain, key, trustAnchors, revocationLists } = material;
  const pem = (der: Uint8Array) => encodePem('CERTIFICATE', der);
  return {
    ...tlsContextProfile,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    cert: chain.map(pem).join(''),
    key,
    ca: trustAnchors.map(pem),
    ...(revocationLists && revocationLists.length > 0 ? { crl: [...revocationLists] } : {}),
  };
}

/** Server side of gRPC. A client certificate of the cluster's root is required before anything is answered. */
export class Tls13ServerCredentials extends ServerCredentials {
  constructor(material: TlsMaterial) {
    const options = secureContextOptions(material);
    super({ ...options, requestCert: true, rejectUnauthorized: true }, options);
  }

  /** New connections get the new certificate; established ones live on. */
  reload(material: TlsMaterial): void {
    this.updateSecureContextOptions(secureContextOptions(material));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

/** Client side of gRPC, towards one expected server (or any of its role). */
export function clientCredentials(material: TlsMaterial, expected: ExpectedPeer): ChannelCredentials {
  return credentials.createFromSecureContext(createSecureContext(secureContextOptions(material)), {
    rejectUnauthorized: true,
    checkServerIdentity: identityCheck(expected),
  });
}

/**
 * In place of the DNS name check of node:tls: the identity in the certificate must be the expected one. Node calls it
 * only after the chain was verified.
 */
export function identityCheck(
  expected: ExpectedPeer,
): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    try {
      requireServer(certificate.raw, expected);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new PeerRefusedError(String(error));
    }
  };
}

/**
 * Channel options that go with `clientCredentials`: the TLS server name is made of the identity (an address is not
 * allowed there by RFC 6066), and no proxy from the environment is used.
 */
export function channelOptions(server: Identity): Readonly<Record<string, string | number>> {
  return {
    'grpc.ssl_target_name_override': `${server.name}.${server.clusterId}`,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
  };
}

/** The client of a call, from `call.getAuthContext()`. @throws PeerRefusedError */
export function callerOf(context: { readonly sslPeerCertificate?: PeerCertificate }): Peer {
  const raw = context.sslPeerCertificate?.raw;
  if (!raw)
    throw new PeerRefusedError('the connection has no client certificate; connect with --cert and --key');
  return peerOf(raw, 'client');
}

/**
 * The TSA's side of mutual TLS: 1.3, AES-GCM, P-256 or P-384, a certificate of the cluster's root on both sides. The
 * server is known by the identity in its certificate, never by its address. The same key signs readings and stops.
 */

import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { constants } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import type { SignatureAlgorithm } from '../verify/crypto.js';
import { equalBytes } from '../verify/bytes.js';
import { peerOf, requireServer, tlsContextProfile } from '../verify/peer.js';
import { keyAlgorithm } from '../verify/x509.js';
import { SdkError } from './errors.js';

export interface TlsOptions {
  /** PEM: the TSA's certificate, then authorities below the root, if any. */
  readonly cert: string;
  /** PEM (PKCS#8) of its private key. */
  readonly key: string;
  /** Opens the key if it is encrypted. */
  readonly passphrase?: string;
}

export interface Credential {
  readonly context: SecureContext;
  /** The TSA's own identity URI. */
  readonly identity: string;
  /** ECDSA gives a DER Ecdsa-Sig-Value. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

const digests: Readonly<Partial<Record<SignatureAlgorithm, string>>> = {
  'ecdsa-p256-sha256': 'sha256',
  'ecdsa-p384-sha384': 'sha384',
  'rsa-pkcs1-sha256': 'sha256',
};

/** @throws SdkError CREDENTIAL_INVALID when certificate and key do not fit each other, the cluster, or the allow-list */
export function openCredential(
  options: TlsOptions,
  cluster: string,
  roots: readonly Uint8Array[],
): Credential {
  try {
    return open(options, cluster, roots);
  } catch (cause) {
    if (cause instanceof SdkError) throw cause;
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function open(
  { cert, key, passphrase }: TlsOptions,
  cluster: string,
  roots: readonly Uint8Array[],
): Credential {
  const privateKey = createPrivateKey({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  const { uri, identity, certificate } = peerOf(firstCertificate(cert), 'client');
  if (identity.clusterId !== cluster || identity.role !== 'client') {
    throw invalid(`the certificate is of ${uri}, expected taa://${cluster}/client/<name>`);
  }
  if (!equalBytes(spkiOf(privateKey), certificate.spki))
    throw invalid('the key is not the one of the certificate');
  const digest = digests[keyAlgorithm(certificate.spki)];
  if (digest === undefined) throw invalid('a key of this kind cannot be used for TLS');
  const context = createSecureContext({
    ...tlsContextProfile,
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    cert,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ca: roots.map(pemOf),
  });
  return { context, identity: uri, sign: (message) => new Uint8Array(sign(digest, message, privateKey)) };
}

/** Channel credentials towards one named node; whoever else answers at its address is refused. */
export function credentialsFor({ context }: Credential, cluster: string, node: string): ChannelCredentials {
  return credentials.createFromSecureContext(context, {
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => {
      try {
        requireServer(certificate.raw, { clusterId: cluster, role: 'node', name: node });
        return undefined;
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
  });
}

/** The TLS server name is made of the identity: an address may not stand there (RFC 6066 §3). */
export const channelOptionsFor = (cluster: string, node: string): ClientOptions => ({
  'grpc.ssl_target_name_override': `${node}.${cluster}`,
});

const spkiOf = (key: KeyObject): Uint8Array =>
  new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));

function firstCertificate(pem: string): Uint8Array {
  const base64 = /-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/.exec(pem)?.[1];
  if (base64 === undefined) throw invalid('`cert` holds no certificate in PEM');
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function pemOf(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

const invalid = (detail: string, cause?: unknown): SdkError =>
  new SdkError('CREDENTIAL_INVALID', detail, { cause });

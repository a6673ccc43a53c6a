/**
 * The keys and the TLS certificate that the configuration names, checked before anything starts: against each other,
 * against the clock of this host, and against what the genesis says of this member. A node with the wrong ones would
 * run, be refused by every peer, and sign what nobody accepts.
 */

import { readFileSync } from 'node:fs';
import { openKeyDirectory, readPassphrase } from '../../pki/key-store.js';
import type { KeyStore } from '../../pki/key-store.js';
import { pemContents } from '../../pki/pem.js';
import { rawEd25519 } from '../../pki/signer.js';
import type { TlsMaterial } from '../../pki/tls.js';
import { equalBytes } from '../../verify/bytes.js';
import { nodeVerifier } from '../../verify/crypto.js';
import type { Genesis, GenesisMember } from '../../verify/genesis.js';
import { formatIdentity } from '../../verify/identity.js';
import { oids } from '../../verify/oids.js';
import { peerOf } from '../../verify/peer.js';
import { checkChain, parseCertificate } from '../../verify/x509.js';
import type { NodeConfig } from './config.js';

export type CredentialErrorCode = 'TLS_CERTIFICATE_UNUSABLE' | 'KEY_NOT_OF_MEMBER';

export class CredentialError extends Error {
  override readonly name = 'CredentialError';
  readonly code: CredentialErrorCode;

  constructor(code: CredentialErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface NodeCredentials {
  readonly keys: KeyStore;
  readonly tls: TlsMaterial;
}

/** @throws CredentialError, KeyFileError, KeyProtectionError */
export function openCredentials(config: NodeConfig, genesis: Genesis): NodeCredentials {
  const { directory, passphraseFile, tlsCertificate } = config.keys;
  const passphrase = passphraseFile === null ? null : readPassphrase({ file: passphraseFile });
  const keys = openKeyDirectory({ directory, passphrase });
  // The keys of one that joins later are compared when it finds itself in the log.
  const member = genesis.members.find(({ id }) => id === config.node);
  if (member !== undefined) requireKeysOf(member, keys, directory);
  const chain = readChain(tlsCertificate);
  const identity = formatIdentity({ clusterId: genesis.clusterId, role: 'node', name: config.node });
  requireUsable(tlsCertificate, chain, keys, genesis, identity);
  return { keys, tls: { chain, key: keys.tlsKey('tls'), trustAnchors: genesis.trustAnchors } };
}

function requireKeysOf(member: GenesisMember, keys: KeyStore, directory: string): void {
  const wrong = [
    ...(equalBytes(keys.signer('issuing').spki, member.issuingKey) ? [] : ['issuing.key']),
    ...(equalBytes(rawEd25519(keys.signer('log').spki), member.logKey) ? [] : ['log.key']),
  ];
  if (wrong.length === 0) return;
  throw new CredentialError(
    'KEY_NOT_OF_MEMBER',
    `${wrong.join(' and ')} in ${directory} are not the keys that the genesis names for ${member.id}; configure the genesis of this cluster, or the key directory of this node`,
  );
}

function readChain(file: string): readonly Uint8Array[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw unusable(file, `cannot be read: ${(cause as Error).message}`, cause);
  }
  const chain = pemContents(text, 'CERTIFICATE');
  if (chain.length === 0) throw unusable(file, 'holds no certificate in PEM');
  return chain;
}

function requireUsable(
  file: string,
  chain: readonly Uint8Array[],
  keys: KeyStore,
  genesis: Genesis,
  identity: string,
): void {
  const at = Math.floor(Date.now() / 1000);
  let uri: string;
  let spki: Uint8Array;
  try {
    const peer = peerOf(chain[0] as Uint8Array, 'server');
    const leaf = peer.certificate;
    const intermediates = chain.slice(1).map(parseCertificate);
    const trustAnchors = genesis.trustAnchors.map(parseCertificate);
    const extendedKeyUsage = oids.serverAuth;
    checkChain(
      { leaf, intermediates, trustAnchors, at, keyUsage: 'digitalSignature', extendedKeyUsage },
      nodeVerifier,
    );
    uri = peer.uri;
    spki = leaf.spki;
  } catch (cause) {
    throw unusable(file, (cause as Error).message, cause);
  }
  if (uri !== identity) throw unusable(file, `is the certificate of ${uri}, not of ${identity}`);
  if (!equalBytes(spki, keys.signer('tls').spki)) throw unusable(file, 'does not belong to the key tls.key');
}

const unusable = (file: string, problem: string, cause?: unknown): CredentialError =>
  new CredentialError(
    'TLS_CERTIFICATE_UNUSABLE',
    `${file} (key "keys.tlsCertificate"): ${problem}; put a certificate there that the cluster's authority issues for tls.key (taactl ca issue)`,
    cause,
  );

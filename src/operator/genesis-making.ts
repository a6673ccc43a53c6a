/**
 * The birth of a production cluster: from the members' public files, the administrators' certificates and a policy file
 * to the signed genesis. It is checked as every node will check it before it is handed out.
 */

import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { policyOfGenesis } from '../authority/policy.js';
import { pemContents } from '../pki/pem.js';
import { builtinLeapTable, taiMinusUtcAtPosix } from '../time/leap-table.js';
import { NS_PER_S, taiNs } from '../time/types.js';
import { decode, encode, type CborMap, type CborObject } from '../verify/cbor.js';
import { nodeVerifier } from '../verify/crypto.js';
import {
  encodeGenesis,
  encodeSignedGenesis,
  genesisToBeSigned,
  verifyGenesis,
  type GenesisAdministrator,
  type GenesisMember,
  type VerifiedGenesis,
} from '../verify/genesis.js';
import { formatIdentity, parseIdentity } from '../verify/identity.js';
import type { Member } from '../verify/membership.js';
import { parseCertificate } from '../verify/x509.js';
import type { Person } from './acts.js';
import { certificatesIn, readCertificateFile } from './credentials.js';

/** A file from which the genesis is made says something that cannot be. */
export class GenesisInputError extends Error {
  override readonly name = 'GenesisInputError';
  readonly code = 'GENESIS_INPUT';
}

export interface GenesisRequest {
  readonly clusterId: string;
  readonly lab: boolean;
  /** `member.yaml` files of taactl ca issue --role node. */
  readonly members: readonly string[];
  /** Certificates of those who may order something. */
  readonly administrators: readonly string[];
  /** PEM root certificate. */
  readonly authority: string;
  /** What differs from the default policy, durations in ns. */
  readonly policy: CborObject;
  readonly quorum: number | null;
  readonly distinctSites: number | null;
  readonly signer: Person;
}

/** @throws GenesisInputError, GenesisError, CredentialError, AuthorityError */
export function makeGenesis(request: GenesisRequest): {
  readonly file: Uint8Array;
  readonly made: VerifiedGenesis;
} {
  const members = request.members.map((file) => readMember(file, request.clusterId));
  const administrators = request.administrators.map((file) => readAdministrator(file, request.clusterId));
  const majority = Math.floor(members.length / 2) + 1;
  const sites = new Set(members.map(({ site }) => site)).size;
  const seconds = BigInt(Math.floor(Date.now() / 1000));
  const taiMinusUtc = taiMinusUtcAtPosix(seconds, builtinLeapTable);
  const policy = decode(encode(request.policy)) as CborMap;
  policyOfGenesis(policy, request.lab);
  const quorum = request.quorum ?? majority;
  const document = encodeGenesis({
    clusterId: request.clusterId,
    lab: request.lab,
    createdAt: taiNs((seconds + BigInt(taiMinusUtc)) * NS_PER_S),
    taiMinusUtc,
    members,
    administrators,
    trustAnchors: certificatesIn(request.authority),
    policy,
    trust: { quorum, distinctSites: request.distinctSites ?? Math.min(quorum, sites) },
  });
  const signature = request.signer.signer.signNow(genesisToBeSigned(document));
  const file = encodeSignedGenesis({ document, signatures: [{ name: request.signer.name, signature }] });
  return { file, made: verifyGenesis(file, nodeVerifier) };
}

function readMember(file: string, clusterId: string): GenesisMember {
  const member = readMemberFile(file, clusterId, '');
  const { kind, id, site, issuingKey, issuingCertificate, logKey, tlsIdentity } = member;
  if (kind !== 'standby') return { id, site, kind, issuingKey, issuingCertificate, logKey, tlsIdentity };
  throw new GenesisInputError(
    `${file}: a standby is no member of a genesis; order it in with taactl node add`,
  );
}

/**
 * A member as it is ordered in, from the `member.yaml` of taactl ca issue.
 * @param address host:port of its peers listener
 * @throws GenesisInputError
 */
export function readMemberFile(file: string, clusterId: string, address: string): Member {
  const map = readYamlMap(file);
  const text = (key: string): string => {
    const value = map[key];
    if (typeof value === 'string' && value !== '') return value;
    throw new GenesisInputError(
      `${file}: ${key} is missing; use the member.yaml of taactl ca issue --role node`,
    );
  };
  const identity = parseIdentity(text('identity'));
  if (identity.clusterId !== clusterId || identity.role !== 'node') {
    throw new GenesisInputError(`${file} is of ${formatIdentity(identity)}, not a node of ${clusterId}`);
  }
  const kind = text('kind');
  if (kind !== 'full' && kind !== 'witness' && kind !== 'standby') {
    throw new GenesisInputError(`${file}: kind is full, witness or standby, not ${kind}`);
  }
  const [issuingCertificate] = pemContents(text('issuingCertificate'), 'CERTIFICATE');
  if (issuingCertificate === undefined) {
    throw new GenesisInputError(`${file}: issuingCertificate holds no certificate in PEM`);
  }
  return {
    id: identity.name,
    site: text('site'),
    kind,
    issuingKey: parseCertificate(issuingCertificate).spki,
    issuingCertificate,
    logKey: new Uint8Array(Buffer.from(text('logKey'), 'base64')),
    tlsIdentity: formatIdentity(identity),
    // Files of before this key had a place have none: the cluster's authority vouches for the node alone.
    tlsKey: map['tlsKey'] === undefined ? null : new Uint8Array(Buffer.from(text('tlsKey'), 'base64')),
    address,
  };
}

function readAdministrator(file: string, clusterId: string): GenesisAdministrator {
  const { certificate, identity } = readCertificateFile(file);
  if (identity.clusterId !== clusterId || identity.role === 'node' || identity.role === 'client') {
    throw new GenesisInputError(
      `${file} is of ${formatIdentity(identity)}; an administrator is a person of ${clusterId}`,
    );
  }
  return { name: identity.name, role: identity.role, spki: certificate.spki };
}

/** @throws GenesisInputError */
export function readYamlMap(file: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseYaml(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new GenesisInputError(`${file}: ${(cause as Error).message.split('\n')[0] ?? ''}`, { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new GenesisInputError(`${file}: a map of keys is expected`);
}

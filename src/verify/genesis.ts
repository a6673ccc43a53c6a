/**
 * The genesis document: from it, and from nothing else, a cluster is born. It names the first members with their keys and
 * sites, the administrators, the trust anchors, the first policy, and how many cosigners make a checkpoint.
 *
 * The stored bytes are what is signed and hashed; the hash pins the cluster: two clusters that chose the same name are
 * still told apart by it. A genesis that verifies is complete: a node needs no other file to know its cluster.
 */

import { taiNs, type TaiNs } from '../time/types.js';
import { isAllowed } from './allow-list.js';
import { bytesOf, concat, equalBytes } from './bytes.js';
import { posixSeconds } from './calendar.js';
import { asBytes, decodeMap, isMap, type CborReader } from './cbor-reader.js';
import { CborError, encode, type CborMap, type CborValue } from './cbor.js';
import { sha256, type SignatureAlgorithm, type SignatureVerifier } from './crypto.js';
import { isClusterId, isIdentityName, roles, type Role } from './identity.js';
import { issuerFault, keyFault, memberFault } from './member-fault.js';
import { keyAlgorithm, parseCertificate, CertificateError } from './x509.js';

export type MemberKind = 'full' | 'witness';

export interface GenesisMember {
  readonly id: string;
  readonly site: string;
  /** `witness`: log, vote and cosign; no TSAs and no reference clock. */
  readonly kind: MemberKind;
  /** DER SubjectPublicKeyInfo, ECDSA P-256: signs time-audit statements. */
  readonly issuingKey: Uint8Array;
  /** DER certificate of the issuing key, under one of the trust anchors. */
  readonly issuingCertificate: Uint8Array;
  /** Raw Ed25519 public key, 32 bytes: signs checkpoint lines. */
  readonly logKey: Uint8Array;
  /** Identity URI in the member's TLS certificate: `taa://<clusterId>/node/<id>`. */
  readonly tlsIdentity: string;
}

export interface GenesisAdministrator {
  readonly name: string;
  readonly role: Role;
  /** DER SubjectPublicKeyInfo of the key with which this person signs commands. */
  readonly spki: Uint8Array;
}

export interface Genesis {
  readonly clusterId: string;
  /** A laboratory: keys may be plain, certificates carry the test policy. Cannot be changed later. */
  readonly lab: boolean;
  readonly createdAt: TaiNs;
  /** TAI − UTC at `createdAt`, seconds. */
  readonly taiMinusUtc: number;
  readonly members: readonly GenesisMember[];
  readonly administrators: readonly GenesisAdministrator[];
  /** DER root certificates. */
  readonly trustAnchors: readonly Uint8Array[];
  /** First cluster policy; its meaning belongs to the authority. */
  readonly policy: CborMap;
  /** Plain checkpoint lines needed for *published*, and from how many sites. */
  readonly trust: { readonly quorum: number; readonly distinctSites: number };
}

export interface GenesisSignature {
  readonly name: string;
  readonly signature: Uint8Array;
}

/** The file: the document's bytes as signed, beside the signatures. */
export interface SignedGenesis {
  readonly document: Uint8Array;
  readonly signatures: readonly GenesisSignature[];
}

export type GenesisErrorCode = 'GENESIS_MALFORMED' | 'GENESIS_INCONSISTENT' | 'GENESIS_NOT_SIGNED';

export class GenesisError extends Error {
  override readonly name = 'GenesisError';
  readonly code: GenesisErrorCode;

  constructor(code: GenesisErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const formatVersion = 1;
const signatureDomain = bytesOf('taa genesis v1\0');
const maxMembers = 16;

/** Deterministic bytes of a document. @throws GenesisError when it is not consistent in itself */
export function encodeGenesis(genesis: Genesis): Uint8Array {
  requireConsistent(genesis);
  return genesisDocument(genesis);
}

/** The bytes that a genesis was read from, or will be written as: one document has one encoding. Checks nothing. */
export function genesisDocument(genesis: Genesis): Uint8Array {
  return encode({
    v: formatVersion,
    clusterId: genesis.clusterId,
    lab: genesis.lab,
    createdAt: genesis.createdAt,
    taiMinusUtc: genesis.taiMinusUtc,
    members: genesis.members.map((member) => ({ ...member })),
    administrators: genesis.administrators.map((administrator) => ({ ...administrator })),
    trustAnchors: genesis.trustAnchors,
    policy: genesis.policy,
    trust: { ...genesis.trust },
  });
}

/** @throws GenesisError */
export function decodeGenesis(document: Uint8Array): Genesis {
  const genesis = asGenesisError(() => decodeMap(document, 'genesis', readGenesis));
  requireConsistent(genesis);
  return genesis;
}

/** What administrators sign. */
export const genesisToBeSigned = (document: Uint8Array): Uint8Array => concat([signatureDomain, document]);

/** SHA-256 of the document: pins the cluster. */
export const genesisHash = (document: Uint8Array): Uint8Array => sha256(document);

export function encodeSignedGenesis(file: SignedGenesis): Uint8Array {
  return encode({
    v: formatVersion,
    document: file.document,
    signatures: file.signatures.map(({ name, signature }) => ({ name, signature })),
  });
}

/** Reads the file without verifying it. @throws GenesisError */
export function decodeSignedGenesis(bytes: Uint8Array): SignedGenesis {
  return asGenesisError(() =>
    decodeMap(bytes, 'signed genesis', (reader) => {
      requireVersion(reader);
      return {
        document: reader.bytes('document'),
        signatures: reader.maps(
          'signatures',
          (item) => ({ name: item.text('name'), signature: item.bytes('signature', { max: 1024 }) }),
          64,
        ),
      };
    }),
  );
}

export interface VerifiedGenesis {
  readonly genesis: Genesis;
  /** The stored document, and its SHA-256. */
  readonly document: Uint8Array;
  readonly hash: Uint8Array;
}

/**
 * Verifies a genesis file: signed by at least one administrator of role `admin` and by nobody unknown or wrongly; every
 * member's issuing certificate leads to a trust anchor and names that member.
 * @param pinnedHash when given, the document must be the one with this hash
 * @throws GenesisError
 */
export function verifyGenesis(
  bytes: Uint8Array,
  verifier: SignatureVerifier,
  pinnedHash?: Uint8Array,
): VerifiedGenesis {
  const { document, signatures } = decodeSignedGenesis(bytes);
  const hash = genesisHash(document);
  if (pinnedHash && !equalBytes(hash, pinnedHash)) {
    throw inconsistent('this is the genesis of another cluster; give the file of the cluster that was named');
  }
  const genesis = decodeGenesis(document);
  requireSignatures(genesis, document, signatures, verifier);
  requireCertificates(genesis, verifier);
  return { genesis, document, hash };
}

function requireSignatures(
  genesis: Genesis,
  document: Uint8Array,
  signatures: readonly GenesisSignature[],
  verifier: SignatureVerifier,
): void {
  const message = genesisToBeSigned(document);
  const signers = new Set<string>();
  for (const { name, signature } of signatures) {
    const administrator = genesis.administrators.find((candidate) => candidate.name === name);
    if (!administrator)
      throw notSigned(`${JSON.stringify(name)}, who signed, is not an administrator named in it`);
    const algorithm = keyAlgorithm(administrator.spki);
    if (!verifier.verify(algorithm, administrator.spki, message, signature)) {
      throw notSigned(`the signature of ${name} is wrong; the file was changed after it was signed`);
    }
    if (administrator.role === 'admin') signers.add(name);
  }
  if (signers.size === 0) throw notSigned('no administrator with the role admin has signed it');
}

function requireCertificates(
  { createdAt, taiMinusUtc, trustAnchors, members }: Genesis,
  verifier: SignatureVerifier,
): void {
  const at = posixSeconds(createdAt, taiMinusUtc);
  trustAnchors.forEach((der, i) => readCertificate(`trust anchor ${i}`, der));
  for (const member of members) {
    const fault = issuerFault(member, trustAnchors, at, verifier);
    if (fault !== null) throw inconsistent(fault);
  }
}

// ---- reading -------------------------------------------------------------------------------------------------------

function readGenesis(reader: CborReader): Genesis {
  requireVersion(reader);
  return {
    clusterId: reader.text('clusterId'),
    lab: reader.bool('lab'),
    createdAt: taiNs(reader.int64('createdAt')),
    taiMinusUtc: reader.int('taiMinusUtc'),
    members: reader.maps('members', readMember, maxMembers),
    administrators: reader.maps('administrators', readAdministrator, 64),
    trustAnchors: reader.array(
      'trustAnchors',
      (value, path) => asBytes(value, { min: 1, max: 8192 }, path),
      8,
    ),
    policy: asPolicy(reader.value('policy')),
    trust: reader.map('trust', (inner) => ({
      quorum: inner.uint('quorum', maxMembers),
      distinctSites: inner.uint('distinctSites', maxMembers),
    })),
  };
}

function readMember(reader: CborReader): GenesisMember {
  return {
    id: reader.text('id'),
    site: reader.text('site'),
    kind: reader.oneOf('kind', ['full', 'witness']),
    issuingKey: reader.bytes('issuingKey', { max: 1024 }),
    issuingCertificate: reader.bytes('issuingCertificate', { max: 8192 }),
    logKey: reader.bytes('logKey', { length: 32 }),
    tlsIdentity: reader.text('tlsIdentity'),
  };
}

function readAdministrator(reader: CborReader): GenesisAdministrator {
  return {
    name: reader.text('name'),
    role: reader.oneOf('role', roles),
    spki: reader.bytes('spki', { max: 1024 }),
  };
}

/** Kept whole: what its keys mean is the authority's affair. */
function asPolicy(value: CborValue): CborMap {
  if (!isMap(value)) throw new CborError('wrongType', 'genesis.policy', 'a map is expected');
  return value;
}

function requireVersion(reader: CborReader): void {
  const version = reader.uint('v');
  if (version === formatVersion) return;
  throw new GenesisError(
    'GENESIS_MALFORMED',
    `the genesis has format version ${version}, this program reads ${formatVersion}; use the program that made it`,
  );
}

function asGenesisError<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CborError)) throw cause;
    throw new GenesisError('GENESIS_MALFORMED', `not a genesis file: ${cause.message}`, { cause });
  }
}

// ---- consistency ---------------------------------------------------------------------------------------------------

function requireConsistent(genesis: Genesis): void {
  const { clusterId, members, administrators, trust } = genesis;
  if (!isClusterId(clusterId)) throw inconsistent('the cluster id is not a DNS-like name in lower case');
  if (members.length === 0 || members.length > maxMembers)
    throw inconsistent(`members must be 1 to ${maxMembers}`);
  requireDistinct(
    'member id',
    members.map((member) => member.id),
  );
  requireDistinct(
    'administrator',
    administrators.map((administrator) => administrator.name),
  );
  requireDistinct(
    'log key',
    members.map((member) => member.logKey.join(',')),
  );
  requireDistinct(
    'issuing key',
    members.map((member) => member.issuingKey.join(',')),
  );
  if (genesis.trustAnchors.length === 0) throw inconsistent('there is no trust anchor');
  for (const member of members) {
    const fault = memberFault(clusterId, member);
    if (fault !== null) throw inconsistent(fault);
  }
  for (const { name, spki } of administrators) {
    if (!isIdentityName(name))
      throw inconsistent(`administrator name ${JSON.stringify(name)} is not allowed`);
    const fault = keyFault(`the key of administrator ${name}`, spki, isCommandKey);
    if (fault !== null) throw inconsistent(fault);
  }
  const sites = new Set(members.map((member) => member.site)).size;
  const majority = Math.floor(members.length / 2) + 1;
  if (trust.quorum < majority || trust.quorum > members.length) {
    throw inconsistent(`the quorum must be a majority of the members, ${majority} to ${members.length}`);
  }
  if (trust.distinctSites < 1 || trust.distinctSites > Math.min(sites, trust.quorum)) {
    throw inconsistent(`distinctSites must be 1 to ${Math.min(sites, trust.quorum)}`);
  }
}

function readCertificate(what: string, der: Uint8Array): void {
  try {
    parseCertificate(der);
  } catch (cause) {
    if (!(cause instanceof CertificateError)) throw cause;
    throw new GenesisError('GENESIS_INCONSISTENT', `${what}: ${cause.message}`, { cause });
  }
}

const isCommandKey = (algorithm: SignatureAlgorithm): boolean => isAllowed(algorithm, 'command');

function requireDistinct(what: string, values: readonly string[]): void {
  const twice = values.find((value, i) => values.indexOf(value) !== i);
  if (twice !== undefined) throw inconsistent(`two entries have the same ${what}`);
}

const inconsistent = (detail: string): GenesisError =>
  new GenesisError('GENESIS_INCONSISTENT', `the genesis contradicts itself: ${detail}`);
const notSigned = (detail: string): GenesisError =>
  new GenesisError('GENESIS_NOT_SIGNED', `the genesis is not properly signed: ${detail}`);

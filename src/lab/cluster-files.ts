/**
 * The files of a laboratory cluster: a throw-away CA, keys in the clear (mode 0600), a signed genesis, one
 * configuration a node. The laboratory, the cluster tests and the benchmarks start from these.
 */

import { createPrivateKey, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { createRoot, openAuthority } from '../pki/ca.js';
import type { CertificateAuthority } from '../pki/ca.js';
import { openKeyDirectory } from '../pki/key-store.js';
import { encodePem, pemContents } from '../pki/pem.js';
import { generateKey, rawEd25519, softwareSigner, spkiOf } from '../pki/signer.js';
import type { SynchronousSigner } from '../pki/signer.js';
import type { TlsMaterial } from '../pki/tls.js';
import { NS_PER_S, taiNs } from '../time/types.js';
import { builtinLeapTable, taiMinusUtcAtPosix } from '../time/leap-table.js';
import type { CborMap } from '../verify/cbor.js';
import { encodeGenesis, encodeSignedGenesis, genesisToBeSigned } from '../verify/genesis.js';
import { formatIdentity } from '../verify/identity.js';
import type { Role } from '../verify/identity.js';

const YEAR_S = 365 * 86_400;

export interface NodePorts {
  readonly peers: number;
  readonly clients: number;
  readonly administration: number;
  readonly metrics: number;
}

export interface ClusterPlan {
  /** Everything is written below this directory. */
  readonly directory: string;
  readonly clusterId: string;
  readonly nodes: readonly { readonly name: string; readonly site: string; readonly ports: NodePorts }[];
  /** Where the nodes find their reference clock; per node, so that a test can move one of them. */
  readonly referencePort: (node: string) => number;
  /** Where a node finds a peer: its peer port, or a proxy in between. */
  readonly peerAddress?: (from: string, to: string) => string;
  readonly policy: CborMap;
  /** Assumed rate error of every node's oscillator, parts per billion; tests make it large to see a bound grow. */
  readonly rhoFloorPpb?: number | undefined;
  /** Section `store` of each configuration. */
  readonly store?: Readonly<Record<string, number>> | undefined;
}

/** A person or a TSA with a certificate: what a client needs to connect and to sign. */
export interface Holder {
  readonly name: string;
  readonly identity: string;
  readonly signer: SynchronousSigner;
  readonly tls: TlsMaterial;
  /** The same as text, for the SDK. */
  readonly pem: { readonly cert: string; readonly key: string };
  /** Files with the same, for programs started from a shell. */
  readonly files: { readonly certificate: string; readonly key: string; readonly authority: string };
}

export interface ClusterFiles {
  readonly plan: ClusterPlan;
  readonly genesis: Uint8Array;
  readonly genesisFile: string;
  readonly authorityFile: string;
  readonly administrator: Holder;
  /** Configuration file per node name. */
  readonly configurations: ReadonlyMap<string, string>;
  /** A certificate for a new client or person, under the cluster's authority. */
  readonly enrol: (role: Role, name: string) => Holder;
}

/** What a laboratory directory remembers of itself, so that it can be started again. */
export interface ClusterOutline {
  readonly clusterId: string;
  readonly referencePort: number;
  readonly nodes: ClusterPlan['nodes'];
}

/** Null for a directory that holds no laboratory yet. */
export function readOutline(directory: string): ClusterOutline | null {
  const file = join(directory, 'cluster.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ClusterOutline) : null;
}

/** Makes the files of a new cluster, or reads those that are there. */
export function clusterFiles(plan: ClusterPlan): ClusterFiles {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
  const notBefore = Math.floor(Date.now() / 1000);
  const authorityFile = join(plan.directory, 'ca.crt');
  const root = openRoot(plan, authorityFile, notBefore);
  const enrol = (role: Role, name: string): Holder =>
    makeHolder(plan, root, authorityFile, notBefore, role, name);
  const administrator = enrol('admin', 'administrator');
  const genesisFile = join(plan.directory, 'genesis');
  if (!existsSync(genesisFile)) writeFileSync(genesisFile, makeGenesis(plan, root, administrator, notBefore));
  const genesis = new Uint8Array(readFileSync(genesisFile));
  const configurations = new Map(
    plan.nodes.map(({ name }) => [name, writeConfiguration(plan, name, genesisFile)]),
  );
  const outline: ClusterOutline = {
    clusterId: plan.clusterId,
    referencePort: plan.referencePort((plan.nodes[0] as ClusterPlan['nodes'][number]).name),
    nodes: plan.nodes,
  };
  writeFileSync(join(plan.directory, 'cluster.json'), `${JSON.stringify(outline, null, 2)}\n`);
  return { plan, genesis, genesisFile, authorityFile, administrator, configurations, enrol };
}

/** The throw-away CA; its key lies in the clear beside it, which only a laboratory may do. */
function openRoot(plan: ClusterPlan, certificateFile: string, notBefore: number): CertificateAuthority {
  const keyFile = join(plan.directory, 'ca.key');
  if (existsSync(certificateFile)) {
    const signer = softwareSigner(createPrivateKey(readFileSync(keyFile, 'utf8')));
    return openAuthority(
      pemContents(readFileSync(certificateFile, 'utf8'), 'CERTIFICATE')[0] as Uint8Array,
      signer,
    );
  }
  const key = generateKey('ecdsa-p384');
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }).toString(), { mode: 0o600 });
  const signer = softwareSigner(key);
  const certificate = createRoot(
    {
      commonName: `${plan.clusterId} laboratory CA`,
      notBefore: notBefore - 3600,
      notAfter: notBefore + 2 * YEAR_S,
    },
    signer,
  );
  writeFileSync(certificateFile, encodePem('CERTIFICATE', certificate));
  return openAuthority(certificate, signer);
}

function makeHolder(
  plan: ClusterPlan,
  root: CertificateAuthority,
  authority: string,
  notBefore: number,
  role: Role,
  name: string,
): Holder {
  const directory = join(plan.directory, role === 'client' ? 'clients' : 'people', name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const identity = { clusterId: plan.clusterId, role, name };
  const files = {
    certificate: join(directory, `${name}.crt`),
    key: join(directory, `${name}.key`),
    authority,
  };
  if (!existsSync(files.certificate)) {
    const made = generateKey('ecdsa-p256');
    const certificate = root.issue({
      identity,
      purpose: 'tls',
      spki: spkiOf(made),
      notBefore,
      notAfter: notBefore + YEAR_S,
    });
    writeFileSync(files.key, made.export({ type: 'pkcs8', format: 'pem' }).toString(), { mode: 0o600 });
    writeFileSync(files.certificate, encodePem('CERTIFICATE', certificate));
  }
  const pem = { cert: readFileSync(files.certificate, 'utf8'), key: readFileSync(files.key, 'utf8') };
  return {
    name,
    identity: formatIdentity(identity),
    signer: softwareSigner(createPrivateKey(pem.key)),
    tls: { chain: pemContents(pem.cert, 'CERTIFICATE'), key: pem.key, trustAnchors: [root.certificate.der] },
    pem,
    files,
  };
}

function makeGenesis(
  plan: ClusterPlan,
  root: CertificateAuthority,
  administrator: Holder,
  notBefore: number,
): Uint8Array {
  const members = plan.nodes.map(({ name, site }) => {
    const keys = openKeyDirectory({ directory: join(nodeDirectory(plan, name), 'keys'), passphrase: null });
    const identity = { clusterId: plan.clusterId, role: 'node' as const, name };
    const validity = { notBefore, notAfter: notBefore + YEAR_S };
    const tls = root.issue({
      identity,
      purpose: 'tls',
      spki: keys.generate('tls', 'ecdsa-p256'),
      ipAddresses: ['127.0.0.1'],
      ...validity,
    });
    writeFileSync(join(nodeDirectory(plan, name), 'tls.crt'), encodePem('CERTIFICATE', tls));
    const issuingKey = keys.generate('issuing', 'ecdsa-p256');
    return {
      id: name,
      site,
      kind: 'full' as const,
      issuingKey,
      issuingCertificate: root.issue({ identity, purpose: 'statement', spki: issuingKey, ...validity }),
      logKey: rawEd25519(keys.generate('log', 'ed25519')),
      tlsIdentity: formatIdentity(identity),
    };
  });
  const taiMinusUtc = taiMinusUtcAtPosix(BigInt(notBefore), builtinLeapTable);
  const document = encodeGenesis({
    clusterId: plan.clusterId,
    lab: true,
    createdAt: taiNs(BigInt(notBefore + taiMinusUtc) * NS_PER_S),
    taiMinusUtc,
    members,
    administrators: [{ name: administrator.name, role: 'admin', spki: administrator.signer.spki }],
    trustAnchors: [root.certificate.der],
    policy: plan.policy,
    trust: {
      quorum: Math.floor(plan.nodes.length / 2) + 1,
      distinctSites: Math.floor(plan.nodes.length / 2) + 1,
    },
  });
  const signature = administrator.signer.signNow(genesisToBeSigned(document));
  return encodeSignedGenesis({ document, signatures: [{ name: administrator.name, signature }] });
}

function writeConfiguration(plan: ClusterPlan, name: string, genesisFile: string): string {
  const node = plan.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name} in the plan`);
  const own = (port: number): string => `127.0.0.1:${port}`;
  const addressOf = plan.peerAddress ?? ((_from, to) => own(portsOf(plan, to).peers));
  const file = join(nodeDirectory(plan, name), 'taad.yaml');
  const text = stringify({
    node: name,
    lab: true,
    dataDirectory: 'data',
    genesis: genesisFile,
    keys: { directory: 'keys', tlsCertificate: 'tls.crt' },
    listen: {
      peers: own(node.ports.peers),
      clients: own(node.ports.clients),
      administration: own(node.ports.administration),
      metrics: own(node.ports.metrics),
    },
    peers: plan.nodes
      .filter((peer) => peer.name !== name)
      .map((peer) => ({
        node: peer.name,
        address: addressOf(name, peer.name),
        clock: own(portsOf(plan, peer.name).peers),
      })),
    ...(plan.store === undefined ? {} : { store: plan.store }),
    clock: {
      profile: 'lab',
      sources: [{ name: 'laboratory reference', address: own(plan.referencePort(name)), role: 'reference' }],
      ...(plan.rhoFloorPpb === undefined ? {} : { rhoFloorPpb: plan.rhoFloorPpb }),
    },
  });
  writeFileSync(file, text);
  return file;
}

const nodeDirectory = (plan: ClusterPlan, name: string): string => join(plan.directory, 'nodes', name);

function portsOf(plan: ClusterPlan, name: string): NodePorts {
  const node = plan.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name} in the plan`);
  return node.ports;
}

/** A cluster id that no two laboratories share, so that a left-over process of one is a stranger to the other. */
export function laboratoryClusterId(): string {
  return `lab-${randomBytes(4).toString('hex')}.taa.example`;
}

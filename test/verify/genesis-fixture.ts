/** A consistent three-member genesis with real keys, and its administrator, for tests. */

import { createRoot, openAuthority } from '../../src/pki/ca.js';
import { generateKey, rawEd25519, softwareSigner, type SynchronousSigner } from '../../src/pki/signer.js';
import { taiNs } from '../../src/time/types.js';
import {
  encodeGenesis,
  encodeSignedGenesis,
  genesisToBeSigned,
  type Genesis,
  type GenesisMember,
} from '../../src/verify/genesis.js';

export const clusterId = 'taa.test';
/** POSIX seconds of the genesis. */
export const born = 1_795_000_000;
const year = 365 * 86_400;

export interface GenesisFixture {
  readonly genesis: Genesis;
  readonly admin: SynchronousSigner;
  readonly issuing: ReadonlyMap<string, SynchronousSigner>;
  readonly log: ReadonlyMap<string, SynchronousSigner>;
  readonly rootDer: Uint8Array;
  readonly authority: ReturnType<typeof openAuthority>;
}

export function genesisFixture(): GenesisFixture {
  const rootSigner = softwareSigner(generateKey('ecdsa-p384'));
  const rootDer = createRoot(
    { commonName: 'Test Root', notBefore: born - 86_400, notAfter: born + 10 * year },
    rootSigner,
  );
  const authority = openAuthority(rootDer, rootSigner);
  const issuing = new Map<string, SynchronousSigner>();
  const log = new Map<string, SynchronousSigner>();
  const member = (id: string, site: string): GenesisMember => {
    const signer = softwareSigner(generateKey('ecdsa-p256'));
    issuing.set(id, signer);
    const logSigner = softwareSigner(generateKey('ed25519'));
    log.set(id, logSigner);
    return {
      id,
      site,
      kind: 'full',
      issuingKey: signer.spki,
      issuingCertificate: authority.issue({
        identity: { clusterId, role: 'node', name: id },
        purpose: 'statement',
        spki: signer.spki,
        notBefore: born,
        notAfter: born + 2 * year,
      }),
      logKey: rawEd25519(logSigner.spki),
      tlsIdentity: `taa://${clusterId}/node/${id}`,
    };
  };
  const admin = softwareSigner(generateKey('ecdsa-p256'));
  const genesis: Genesis = {
    clusterId,
    lab: true,
    createdAt: taiNs(BigInt(born + 37) * 1_000_000_000n),
    taiMinusUtc: 37,
    members: [member('n1', 'tokyo'), member('n2', 'osaka'), member('n3', 'fukuoka')],
    administrators: [{ name: 'root-admin', role: 'admin', spki: admin.spki }],
    trustAnchors: [rootDer],
    policy: new Map([['version', 1]]),
    trust: { quorum: 2, distinctSites: 2 },
  };
  return { genesis, admin, issuing, log, rootDer, authority };
}

/** The file as an administrator would write it. */
export function signGenesis(genesis: Genesis, admin: SynchronousSigner, name = 'root-admin'): Uint8Array {
  const document = encodeGenesis(genesis);
  const signature = admin.signNow(genesisToBeSigned(document));
  return encodeSignedGenesis({ document, signatures: [{ name, signature }] });
}

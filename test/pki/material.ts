/** TLS material of a throw-away cluster, for tests on real sockets. */

import { createRoot, openAuthority, type CertificateAuthority, type IssueRequest } from '../../src/pki/ca.js';
import { encodePem } from '../../src/pki/pem.js';
import { generateKey, softwareSigner, spkiOf } from '../../src/pki/signer.js';
import type { TlsMaterial } from '../../src/pki/tls.js';
import type { Role } from '../../src/verify/identity.js';

export const clusterId = 'taa.test';
export const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export interface TestCluster {
  readonly rootDer: Uint8Array;
  readonly authority: CertificateAuthority;
  /** A fresh key and certificate for the holder. */
  material(role: Role, name: string, change?: Partial<IssueRequest>): TlsMaterial;
}

export function testCluster(): TestCluster {
  const rootSigner = softwareSigner(generateKey('ecdsa-p384'));
  const now = nowSeconds();
  const validity = { notBefore: now - 30 * 86_400, notAfter: now + 30 * 86_400 };
  const rootDer = createRoot({ commonName: 'Test Root', ...validity }, rootSigner);
  const authority = openAuthority(rootDer, rootSigner);
  return {
    rootDer,
    authority,
    material(role, name, change = {}) {
      const key = generateKey('ecdsa-p256');
      const certificate = authority.issue({
        identity: { clusterId, role, name },
        purpose: 'tls',
        spki: spkiOf(key),
        notBefore: now - 86_400,
        notAfter: now + 86_400,
        ...change,
      });
      return {
        chain: [certificate],
        key: encodePem('PRIVATE KEY', key.export({ type: 'pkcs8', format: 'der' })),
        trustAnchors: [rootDer],
      };
    },
  };
}

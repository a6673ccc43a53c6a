import { X509Certificate, createPublicKey } from 'node:crypto';
import test from 'ava';
import {
  addressOctets,
  createRoot,
  openAuthority,
  IssueRefusedError,
  type IssueRequest,
} from '../../src/pki/ca.js';
import {
  encodeName,
  parseRequest,
  requestToBeSigned,
  assembleSigned,
} from '../../src/pki/certificate-encoding.js';
import { generateKey, softwareSigner } from '../../src/pki/signer.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { taaOids, oids } from '../../src/verify/oids.js';
import { CertificateError, checkChain, parseCertificate, type ChainRequest } from '../../src/verify/x509.js';

const now = 1_795_000_000;
const year = 365 * 86_400;
const rootSigner = softwareSigner(generateKey('ecdsa-p384'));
const rootDer = createRoot(
  { commonName: 'Test Root', organization: 'Test', notBefore: now - year, notAfter: now + 10 * year },
  rootSigner,
);
const authority = openAuthority(rootDer, rootSigner);
const nodeKey = softwareSigner(generateKey('ecdsa-p256'));
const identity = { clusterId: 'taa.test', role: 'node', name: 'tokyo-1' } as const;
const request: IssueRequest = {
  identity,
  purpose: 'tls',
  spki: nodeKey.spki,
  notBefore: now,
  notAfter: now + year,
};

const chain = (leaf: Uint8Array, change: Partial<ChainRequest> = {}): ChainRequest => ({
  leaf: parseCertificate(leaf),
  intermediates: [],
  trustAnchors: [authority.certificate],
  at: now + 1,
  keyUsage: 'digitalSignature',
  ...change,
});

test('OpenSSL reads an issued certificate as it was meant', (t) => {
  const der = authority.issue({
    ...request,
    dnsNames: ['tokyo.example'],
    ipAddresses: ['192.0.2.7', '2001:db8::1'],
  });
  const openssl = new X509Certificate(der);
  t.true(openssl.verify(createPublicKey({ key: Buffer.from(rootSigner.spki), format: 'der', type: 'spki' })));
  t.true(openssl.checkIssued(new X509Certificate(rootDer)));
  t.is(
    openssl.subjectAltName,
    'URI:taa://taa.test/node/tokyo-1, DNS:tokyo.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1',
  );
  t.deepEqual(openssl.keyUsage, [oids.serverAuth, oids.clientAuth]);
  t.false(openssl.ca);
  t.is(openssl.subject, 'O=taa.test\nCN=tokyo-1');
  t.is(Date.parse(openssl.validTo) / 1000, request.notAfter);
});

test('what is issued is what our own reader finds', (t) => {
  const certificate = parseCertificate(authority.issue({ ...request, purpose: 'statement' }));
  t.deepEqual(certificate.uris, ['taa://taa.test/node/tokyo-1']);
  t.deepEqual(certificate.keyUsage, ['digitalSignature', 'nonRepudiation']);
  t.deepEqual(certificate.extendedKeyUsage, [taaOids.statementSigning]);
  t.deepEqual(certificate.spki, nodeKey.spki);
  t.is(certificate.notAfter, request.notAfter);
  t.is(certificate.authority, null);
  t.deepEqual(authority.certificate.authority, { pathLength: 0 });
});

test('everyone but a node is only ever the client of a connection', (t) => {
  const certificate = parseCertificate(
    authority.issue({ ...request, identity: { ...identity, role: 'client' } }),
  );
  t.deepEqual(certificate.extendedKeyUsage, [oids.clientAuth]);
});

const refusedRequests: readonly [why: string, change: Partial<IssueRequest>][] = [
  ['a client may not sign statements', { purpose: 'statement', identity: { ...identity, role: 'client' } }],
  ['validity beyond the root', { notAfter: now + 11 * year }],
  ['validity before the root', { notBefore: now - 2 * year }],
  ['validity that ends before it begins', { notAfter: now - 1 }],
  ['an Ed25519 key on a connection', { spki: softwareSigner(generateKey('ed25519')).spki }],
  ['a P-384 issuing key', { purpose: 'statement', spki: rootSigner.spki }],
  ['a host name in place of an address', { ipAddresses: ['localhost'] }],
];
for (const [why, change] of refusedRequests) {
  test(`the authority refuses ${why}`, (t) => {
    t.throws(() => authority.issue({ ...request, ...change }), { instanceOf: IssueRefusedError });
  });
}

test('the authority opens only with its own key', (t) => {
  t.throws(() => openAuthority(rootDer, nodeKey), { code: 'ISSUE_REFUSED' });
});

test('addresses become network-order octets', (t) => {
  t.deepEqual(addressOctets('127.0.0.1'), Uint8Array.of(127, 0, 0, 1));
  t.deepEqual(addressOctets('::1'), Uint8Array.of(...Array.from({ length: 15 }, () => 0), 1));
  t.deepEqual(addressOctets('2001:db8::ff').slice(0, 4), Uint8Array.of(0x20, 1, 0x0d, 0xb8));
  t.throws(() => addressOctets('fe80::1%eth0'));
});

test('a chain leads from the leaf to the trust anchor', (t) => {
  const path = checkChain(chain(authority.issue(request)), nodeVerifier);
  t.is(path.length, 2);
  t.deepEqual(path[1]?.der, rootDer);
});

test('a chain is refused for the reason that it has', (t) => {
  const leaf = authority.issue(request);
  const otherSigner = softwareSigner(generateKey('ecdsa-p384'));
  const namesake = parseCertificate(
    createRoot(
      { commonName: 'Test Root', organization: 'Test', notBefore: now - year, notAfter: now + year },
      otherSigner,
    ),
  );
  const stranger = parseCertificate(
    createRoot({ commonName: 'Other', notBefore: now - year, notAfter: now + year }, otherSigner),
  );
  const flipped = Uint8Array.from(leaf);
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  const cases: readonly [ChainRequest, string][] = [
    [chain(leaf, { at: now - 61 }), 'NOT_YET_VALID'],
    [chain(leaf, { at: request.notAfter + 1 }), 'EXPIRED'],
    [chain(leaf, { trustAnchors: [stranger] }), 'UNKNOWN_ISSUER'],
    [chain(leaf, { trustAnchors: [namesake] }), 'SIGNATURE_WRONG'],
    [chain(flipped), 'SIGNATURE_WRONG'],
    [chain(leaf, { keyUsage: 'keyCertSign' }), 'WRONG_KEY_USAGE'],
    [chain(leaf, { extendedKeyUsage: taaOids.statementSigning }), 'WRONG_KEY_USAGE'],
  ];
  for (const [refused, code] of cases) {
    t.throws(() => checkChain(refused, nodeVerifier), { instanceOf: CertificateError, code });
  }
});

test('a leaf cannot issue: a certificate signed by another leaf’s key is refused', (t) => {
  const middle = authority.issue(request);
  const forged = forgeUnder(parseCertificate(middle).subject);
  t.throws(() => checkChain({ ...chain(forged), intermediates: [parseCertificate(middle)] }, nodeVerifier), {
    code: 'NOT_AN_AUTHORITY',
  });

  function forgeUnder(issuer: Uint8Array): Uint8Array {
    const fakeRoot = createRoot(
      { commonName: 'tokyo-1', organization: 'taa.test', notBefore: now - year, notAfter: now + 2 * year },
      nodeKey,
    );
    t.deepEqual(parseCertificate(fakeRoot).subject, issuer);
    return openAuthority(fakeRoot, nodeKey).issue({ ...request, identity: { ...identity, name: 'evil' } });
  }
});

test('a certificate request proves possession of its key', (t) => {
  const toBeSigned = requestToBeSigned(encodeName('tokyo-1'), nodeKey.spki);
  const der = assembleSigned(toBeSigned, nodeKey.algorithm, nodeKey.signNow(toBeSigned));
  t.deepEqual(parseRequest(der, nodeVerifier).spki, nodeKey.spki);
  const stolen = assembleSigned(
    toBeSigned,
    nodeKey.algorithm,
    softwareSigner(generateKey('ecdsa-p256')).signNow(toBeSigned),
  );
  t.throws(() => parseRequest(stolen, nodeVerifier), { message: /not signed by the key it holds/ });
});

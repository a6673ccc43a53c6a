import test from 'ava';
import { generateKey, softwareSigner } from '../../src/pki/signer.js';
import {
  AlgorithmNotAllowedError,
  allowList,
  isAllowed,
  requireAllowed,
  requireAllowedSession,
} from '../../src/verify/allow-list.js';
import {
  IdentityError,
  formatIdentity,
  parseIdentity,
  roles,
  sameIdentity,
} from '../../src/verify/identity.js';
import { CertificateError, keyAlgorithm } from '../../src/verify/x509.js';

test('an identity has one text and a text one identity', (t) => {
  for (const role of roles) {
    const identity = { clusterId: 'taa.example.jp', role, name: 'n-1.a_b' };
    const uri = formatIdentity(identity);
    t.is(uri, `taa://taa.example.jp/${role}/n-1.a_b`);
    t.deepEqual(parseIdentity(uri), identity);
    t.true(sameIdentity(parseIdentity(uri), identity));
    t.false(sameIdentity(identity, { ...identity, name: 'n-2' }));
  }
});

const malformed = [
  '',
  'taa://',
  'TAA://c/node/n1',
  'https://c/node/n1',
  'taa://c/node',
  'taa://c/node/',
  'taa://c/node/n1/',
  'taa://c/node/n1/x',
  'taa://c/root/n1',
  'taa://c/Node/n1',
  'taa://C/node/n1',
  'taa://c/node/N1',
  'taa://c_d/node/n1',
  'taa://c..d/node/n1',
  'taa://-c/node/n1',
  'taa://c/node/-n1',
  'taa://c/node/n1.',
  'taa://c/node/n%31',
  'taa://c:443/node/n1',
  'taa://c/node/n1?x',
  'taa://c/node/n1\n',
  ' taa://c/node/n1',
  `taa://c/node/${'n'.repeat(65)}`,
  `taa://${'c'.repeat(64)}/node/n1`,
  'taa://c/node/nодe',
];
test('anything else is no identity', (t) => {
  for (const uri of malformed)
    t.throws(() => parseIdentity(uri), { instanceOf: IdentityError }, JSON.stringify(uri));
  t.throws(() => formatIdentity({ clusterId: 'c', role: 'node', name: 'a/b' }), {
    instanceOf: IdentityError,
  });
  t.throws(() => formatIdentity({ clusterId: 'c/d', role: 'node', name: 'a' }), {
    instanceOf: IdentityError,
  });
});

test('the allow-list names its edition, and only EdDSA is missing from the edition of 2013', (t) => {
  t.is(allowList.edition, 'CRYPTREC LS-0001-2022R2');
  t.deepEqual(
    allowList.algorithms.filter((algorithm) => !algorithm.in2013).map((algorithm) => algorithm.name),
    ['ed25519'],
  );
  t.true(allowList.algorithms.every((algorithm) => algorithm.strength >= 128));
});

test('an algorithm is allowed for its use only', (t) => {
  t.is(requireAllowed('ecdsa-p256-sha256', 'statement').listed, 'ECDSA');
  t.true(isAllowed('ed25519', 'checkpoint'));
  for (const use of ['tls', 'certificate', 'statement', 'command'] as const)
    t.false(isAllowed('ed25519', use));
  for (const name of ['sha-1', 'md5', 'rc4', '3des', 'x25519', 'chacha20-poly1305']) {
    t.throws(() => requireAllowed(name, 'tls'), {
      instanceOf: AlgorithmNotAllowedError,
      message: /use one of/,
    });
  }
});

test('a finished handshake is judged by version, suite and group', (t) => {
  const good = { version: 'TLSv1.3', cipherSuite: 'TLS_AES_256_GCM_SHA384', group: 'prime256v1' };
  t.notThrows(() => {
    requireAllowedSession(good);
  });
  for (const change of [
    { version: 'TLSv1.2' },
    { version: null },
    { cipherSuite: 'TLS_CHACHA20_POLY1305_SHA256' },
    { group: 'X25519' },
  ]) {
    t.throws(
      () => {
        requireAllowedSession({ ...good, ...change });
      },
      { code: 'ALGORITHM_NOT_ALLOWED' },
    );
  }
});

test('a public key tells its algorithm', (t) => {
  t.is(keyAlgorithm(softwareSigner(generateKey('ecdsa-p256')).spki), 'ecdsa-p256-sha256');
  t.is(keyAlgorithm(softwareSigner(generateKey('ecdsa-p384')).spki), 'ecdsa-p384-sha384');
  t.is(keyAlgorithm(softwareSigner(generateKey('ed25519')).spki), 'ed25519');
  const secp256k1 = Uint8Array.from(
    Buffer.from('3056301006072a8648ce3d020106052b8104000a03420004' + '11'.repeat(64), 'hex'),
  );
  t.throws(() => keyAlgorithm(secp256k1), { instanceOf: CertificateError, code: 'ALGORITHM_NOT_ALLOWED' });
});

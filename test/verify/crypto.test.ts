import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import test from 'ava';
import { nodeVerifier, sha256, type SignatureAlgorithm } from '../../src/verify/crypto.js';
import { Random, hex } from './random.js';

const spkiOf = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: 'der', type: 'spki' }));
const message = new Uint8Array(100).fill(7);

test('SHA-256 of any length is the one of the platform, in an array of its own', (t) => {
  const random = new Random(1);
  for (const length of [0, 1, 31, 32, 55, 56, 64, 65, 1000, 100_000]) {
    const data = random.bytes(length);
    const digest = sha256(data);
    t.is(hex(digest), createHash('sha256').update(data).digest('hex'));
    t.is(digest.buffer.byteLength, 32);
  }
});

test('each algorithm verifies its own keys and signatures and nothing else', (t) => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const ed25519 = generateKeyPairSync('ed25519');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rows: readonly (readonly [SignatureAlgorithm, KeyObject, Uint8Array])[] = [
    ['ecdsa-p256-sha256', p256.publicKey, sign('sha256', message, p256.privateKey)],
    ['ecdsa-p384-sha384', p384.publicKey, sign('sha384', message, p384.privateKey)],
    ['ed25519', ed25519.publicKey, sign(null, message, ed25519.privateKey)],
    ['rsa-pkcs1-sha256', rsa.publicKey, sign('sha256', message, rsa.privateKey)],
  ];
  for (const [algorithm, key, signature] of rows) {
    const spki = spkiOf(key);
    // Twice: the second time the key is known already.
    for (let i = 0; i < 2; i++) t.true(nodeVerifier.verify(algorithm, spki, message, signature), algorithm);
    t.false(nodeVerifier.verify(algorithm, spki, message.subarray(1), signature), algorithm);
    t.false(nodeVerifier.verify(algorithm, spki, message, signature.subarray(1)), algorithm);
    t.false(nodeVerifier.verify(algorithm, spki.subarray(1), message, signature), algorithm);
    t.false(nodeVerifier.verify(algorithm, new Uint8Array(), message, signature), algorithm);
    for (const [other] of rows) {
      if (other !== algorithm)
        t.false(nodeVerifier.verify(other, spki, message, signature), `${algorithm} as ${other}`);
    }
  }
  t.false(
    nodeVerifier.verify(
      'rsa-pkcs1-sha256',
      spkiOf(small.publicKey),
      message,
      sign('sha256', message, small.privateKey),
    ),
  );
  t.false(
    nodeVerifier.verify(
      'ecdsa-p256-sha256',
      spkiOf(p256.publicKey),
      message,
      sign('sha384', message, p256.privateKey),
    ),
  );
});

test('keys that are altered in place after use are other keys', (t) => {
  const key = generateKeyPairSync('ed25519');
  const spki = spkiOf(key.publicKey);
  const signature = sign(null, message, key.privateKey);
  t.true(nodeVerifier.verify('ed25519', spki, message, signature));
  spki[20] = (spki[20] as number) ^ 1;
  t.false(nodeVerifier.verify('ed25519', spki, message, signature));
});

test('more keys than are remembered still verify', (t) => {
  for (let i = 0; i < 600; i++) {
    const key = generateKeyPairSync('ed25519');
    if (!nodeVerifier.verify('ed25519', spkiOf(key.publicKey), message, sign(null, message, key.privateKey)))
      t.fail();
  }
  t.pass();
});

import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { KeyProtectionError, minIterations, openKey, protectKey } from '../../src/pki/key-protection.js';
import {
  KeyFileError,
  openKeyDirectory,
  readPassphrase,
  readSecretFile,
  writeSecretFile,
} from '../../src/pki/key-store.js';
import { encodePem } from '../../src/pki/pem.js';
import { Pkcs12Error, readPkcs12 } from '../../src/pki/pkcs12.js';
import {
  generateKey,
  nodeSigner,
  rawEd25519,
  softwareSigner,
  spkiOf,
  type Signer,
} from '../../src/pki/signer.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { nowSeconds, testCluster } from './material.js';

const directory = mkdtempSync(join(tmpdir(), 'taa-keys-'));
test.after.always(() => {
  rmSync(directory, { recursive: true });
});
const fresh = (name: string): string => join(directory, name);
const passphrase = Buffer.from('correct horse');
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const message = Buffer.from('message');

function signed(signer: Signer): Uint8Array {
  let result: Uint8Array | undefined;
  signer.sign(message, (error, signature) => {
    if (error) throw error;
    result = signature;
  });
  if (!result) throw new Error('a software key signs at once');
  return result;
}

test('a key outlives the process that made it, encrypted, mode 0600', (t) => {
  const options = { directory: fresh('store'), passphrase };
  const spki = openKeyDirectory(options).generate('issuing', 'ecdsa-p256');
  const file = join(options.directory, 'issuing.key');
  t.is(statSync(file).mode & 0o777, 0o600);
  t.is(statSync(options.directory).mode & 0o777, 0o700);
  t.regex(readFileSync(file, 'latin1'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);

  const reopened = openKeyDirectory(options);
  t.deepEqual(reopened.names(), ['issuing']);
  const signer = reopened.signer('issuing');
  t.deepEqual(signer.spki, spki);
  t.true(nodeVerifier.verify('ecdsa-p256-sha256', spki, message, signed(signer)));
  t.deepEqual(readdirSync(options.directory), ['issuing.key'], 'no temporary file is left');
  reopened.destroy('issuing');
  t.throws(() => openKeyDirectory(options).signer('issuing'), { code: 'KEY_FILE_MISSING' });
});

test('a key is never overwritten', (t) => {
  const store = openKeyDirectory({ directory: fresh('once'), passphrase: null });
  const spki = store.generate('log', 'ed25519');
  t.throws(() => store.generate('log', 'ed25519'), { instanceOf: KeyFileError, code: 'KEY_EXISTS' });
  t.deepEqual(store.signer('log').spki, spki);
  t.deepEqual(readdirSync(fresh('once')), ['log.key']);
});

test('a key name cannot leave its directory', (t) => {
  const store = openKeyDirectory({ directory: fresh('names'), passphrase: null });
  for (const name of ['../x', '', 'a/b', '.x', 'A'])
    t.throws(() => store.generate(name, 'ed25519'), { code: 'KEY_NAME' });
});

test('a key file that others could read is refused, with the remedy', (t) => {
  const options = { directory: fresh('loose'), passphrase: null };
  openKeyDirectory(options).generate('tls', 'ecdsa-p256');
  const file = join(options.directory, 'tls.key');
  for (const mode of [0o640, 0o604, 0o620, 0o601]) {
    chmodSync(file, mode);
    t.throws(() => openKeyDirectory(options).signer('tls'), { code: 'KEY_FILE_MODE', message: /chmod 600/ });
  }
  chmodSync(file, 0o400);
  t.notThrows(() => openKeyDirectory(options).signer('tls'));
  symlinkSync(file, join(options.directory, 'alias.key'));
  t.throws(() => openKeyDirectory(options).signer('alias'), { code: 'KEY_FILE_MISSING' });
});

test('a key directory that others can write to is refused', (t) => {
  const options = { directory: fresh('open'), passphrase: null };
  openKeyDirectory(options);
  chmodSync(options.directory, 0o770);
  t.throws(() => openKeyDirectory(options), { code: 'KEY_FILE_MODE', message: /chmod 700/ });
});

test('protection is what the configuration says, neither less nor more', (t) => {
  const key = generateKey('ecdsa-p256');
  const plain = protectKey(key, null);
  const encrypted = protectKey(key, passphrase);
  const code = (pem: string, phrase: Uint8Array | null) =>
    t.throws(() => openKey(pem, phrase, 'file'), { instanceOf: KeyProtectionError }).code;
  t.deepEqual(spkiOf(openKey(plain, null, 'file')), spkiOf(key));
  t.deepEqual(spkiOf(openKey(encrypted, passphrase, 'file')), spkiOf(key));
  t.is(code(plain, passphrase), 'KEY_NOT_ENCRYPTED');
  t.is(code(encrypted, null), 'PASSPHRASE_WRONG');
  t.is(code(encrypted, Buffer.from('wrong')), 'PASSPHRASE_WRONG');
  t.is(code('', null), 'KEY_UNREADABLE');
  t.is(code(plain + plain, null), 'KEY_UNREADABLE');
  t.is(
    code(encodePem('ENCRYPTED PRIVATE KEY', Buffer.from('30020500', 'hex')), passphrase),
    'KEY_UNREADABLE',
  );
  t.is(code(key.export({ type: 'sec1', format: 'pem' }).toString(), null), 'KEY_UNREADABLE');
});

test('weak protection made elsewhere is refused', (t) => {
  const key = generateKey('ecdsa-p256');
  // What node:crypto writes by itself: 2048 iterations.
  const weak = key
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'correct horse' })
    .toString();
  t.throws(() => openKey(weak, passphrase, 'tls.key'), {
    code: 'KEY_WEAKLY_PROTECTED',
    message: /openssl pkcs8/,
  });
});

test('a passphrase comes from a private file or an inherited descriptor', (t) => {
  const file = fresh('passphrase');
  writeSecretFile(file, 'correct horse\n');
  t.is(Buffer.from(readPassphrase({ file })).toString(), 'correct horse');
  const descriptor = openSync(file, 'r');
  t.is(Buffer.from(readPassphrase({ descriptor })).toString(), 'correct horse');
  closeSync(descriptor);
  chmodSync(file, 0o644);
  t.throws(() => readPassphrase({ file }), { code: 'KEY_FILE_MODE' });
  writeSecretFile(fresh('empty'), '\r\n');
  t.throws(() => readPassphrase({ file: fresh('empty') }), { code: 'PASSPHRASE_EMPTY' });
  t.throws(() => readSecretFile(fresh('absent')), { code: 'KEY_FILE_MISSING' });
});

test('a node’s two keys stand behind one signer, each for its one use', (t) => {
  const issuing = softwareSigner(generateKey('ecdsa-p256'));
  const log = softwareSigner(generateKey('ed25519'));
  const signer = nodeSigner(issuing, log);
  signer.cosign(message, (error, signature) => {
    t.is(error, null);
    t.true(nodeVerifier.verify('ed25519', log.spki, message, signature ?? new Uint8Array(0)));
  });
  signer.issue(message, (error, signature) => {
    t.is(error, null);
    t.true(nodeVerifier.verify('ecdsa-p256-sha256', issuing.spki, message, signature ?? new Uint8Array(0)));
  });
  t.is(rawEd25519(log.spki).length, 32);
  t.throws(() => nodeSigner(log, issuing), { message: /must be ECDSA P-256/ });
  t.throws(() => nodeSigner(issuing, softwareSigner(generateKey('ecdsa-p384'))), {
    message: /must be Ed25519/,
  });
  t.throws(() => rawEd25519(issuing.spki));
});

if (!hasOpenssl)
  console.log('skipped: the exchange of key files with openssl (package openssl is not installed)');
(hasOpenssl ? test : test.skip)('openssl reads our key files and we read its', (t) => {
  const key = generateKey('ecdsa-p384');
  const ours = fresh('ours.pem');
  writeFileSync(ours, protectKey(key, passphrase));
  const spki = execFileSync('openssl', [
    'pkey',
    '-in',
    ours,
    '-passin',
    'pass:correct horse',
    '-pubout',
    '-outform',
    'DER',
  ]);
  t.deepEqual(new Uint8Array(spki), spkiOf(key));
  const plain = fresh('plain.pem');
  writeFileSync(plain, protectKey(key, null));
  const theirs = execFileSync('openssl', [
    ...['pkcs8', '-topk8', '-in', plain, '-v2', 'aes-256-cbc', '-v2prf', 'hmacWithSHA256'],
    ...['-iter', String(minIterations), '-passout', 'pass:correct horse'],
  ]);
  t.deepEqual(spkiOf(openKey(theirs.toString(), passphrase, 'theirs')), spkiOf(key));
});

(hasOpenssl ? test : test.skip)('a PKCS#12 file of openssl is imported', (t) => {
  const cluster = testCluster();
  const key = generateKey('ecdsa-p256');
  const now = nowSeconds();
  const certificate = cluster.authority.issue({
    identity: { clusterId: 'taa.test', role: 'operator', name: 'hanako' },
    purpose: 'tls',
    spki: spkiOf(key),
    notBefore: now,
    notAfter: now + 3600,
  });
  const [keyFile, certificateFile, rootFile] = [fresh('p12.key'), fresh('p12.crt'), fresh('p12-root.crt')];
  writeFileSync(keyFile, protectKey(key, null));
  writeFileSync(certificateFile, encodePem('CERTIFICATE', certificate));
  writeFileSync(rootFile, encodePem('CERTIFICATE', cluster.rootDer));
  const file = execFileSync('openssl', [
    ...['pkcs12', '-export', '-inkey', keyFile, '-in', certificateFile, '-certfile', rootFile],
    ...['-passout', 'pass:secret'],
  ]);
  const contents = readPkcs12(file, 'secret');
  t.deepEqual(spkiOf(contents.key), spkiOf(key));
  t.deepEqual(contents.certificate.der, certificate);
  t.deepEqual(
    contents.authorities.map((authority) => authority.der),
    [cluster.rootDer],
  );
  t.throws(() => readPkcs12(file, 'wrong'), { instanceOf: Pkcs12Error });
  t.throws(() => readPkcs12(Uint8Array.of(1, 2, 3), 'secret'), { instanceOf: Pkcs12Error });
});

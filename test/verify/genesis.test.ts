import test from 'ava';
import { generateKey, softwareSigner } from '../../src/pki/signer.js';
import { taiNs } from '../../src/time/types.js';
import { encode } from '../../src/verify/cbor.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import {
  GenesisError,
  decodeGenesis,
  decodeSignedGenesis,
  encodeGenesis,
  encodeSignedGenesis,
  genesisHash,
  genesisToBeSigned,
  verifyGenesis,
  type Genesis,
  type GenesisMember,
} from '../../src/verify/genesis.js';
import { genesisFixture, signGenesis } from './genesis-fixture.js';
import { Random } from './random.js';

const { genesis, admin, authority } = genesisFixture();
const file = signGenesis(genesis, admin);
const [first, second, third] = genesis.members as [GenesisMember, GenesisMember, GenesisMember];

test('a signed genesis verifies and says what was written', (t) => {
  const verified = verifyGenesis(file, nodeVerifier);
  t.deepEqual(verified.genesis, genesis);
  t.deepEqual(verified.hash, genesisHash(encodeGenesis(genesis)));
  t.notThrows(() => verifyGenesis(file, nodeVerifier, verified.hash));
});

test('the encoding is deterministic whatever the order of keys', (t) => {
  const { trust, policy, ...rest } = genesis;
  t.deepEqual(encodeGenesis({ trust, policy, ...rest }), encodeGenesis(genesis));
  t.deepEqual(encodeGenesis(decodeGenesis(encodeGenesis(genesis))), encodeGenesis(genesis));
});

test('the genesis of another cluster of the same name is told apart by its hash', (t) => {
  const other = genesisFixture();
  const hash = genesisHash(encodeGenesis(genesis));
  t.throws(() => verifyGenesis(signGenesis(other.genesis, other.admin), nodeVerifier, hash), {
    code: 'GENESIS_INCONSISTENT',
    message: /another cluster/,
  });
});

const contradictions: readonly [why: string, change: Partial<Genesis>][] = [
  ['a quorum below a majority', { trust: { quorum: 1, distinctSites: 1 } }],
  ['a quorum above the members', { trust: { quorum: 4, distinctSites: 1 } }],
  ['more distinct sites than the quorum', { trust: { quorum: 2, distinctSites: 3 } }],
  ['no members', { members: [] }],
  ['two members of one id', { members: [first, { ...second, id: 'n1' }] }],
  ['two members of one log key', { members: [first, { ...second, logKey: first.logKey }, third] }],
  [
    'two members of one issuing key',
    { members: [first, { ...second, issuingKey: first.issuingKey }, third] },
  ],
  [
    'a certificate of another member',
    { members: [first, { ...second, issuingCertificate: third.issuingCertificate }] },
  ],
  [
    'a TLS identity of another role',
    { members: [{ ...first, tlsIdentity: 'taa://taa.test/admin/n1' }, second] },
  ],
  ['a cluster id in capitals', { clusterId: 'TAA.test' }],
  ['no trust anchor', { trustAnchors: [] }],
  [
    'an administrator with a checkpoint key',
    { administrators: [{ name: 'a', role: 'admin', spki: softwareSigner(generateKey('ed25519')).spki }] },
  ],
];
for (const [why, change] of contradictions) {
  test(`a genesis with ${why} is not even encoded`, (t) => {
    t.throws(() => encodeGenesis({ ...genesis, ...change }), {
      instanceOf: GenesisError,
      code: 'GENESIS_INCONSISTENT',
    });
  });
}

test('certificates that do not lead to a trust anchor are refused', (t) => {
  const other = genesisFixture();
  const foreign = { ...genesis, trustAnchors: [other.rootDer] };
  t.throws(() => verifyGenesis(signGenesis(foreign, admin), nodeVerifier), {
    code: 'GENESIS_INCONSISTENT',
    message: /issuing certificate of n1/,
  });
  const late = { ...genesis, createdAt: taiNs(genesis.createdAt + 3n * 31_536_000_000_000_000n) };
  t.throws(() => verifyGenesis(signGenesis(late, admin), nodeVerifier), { message: /expired/ });
  const tlsCertificate = authority.issue({
    identity: { clusterId: genesis.clusterId, role: 'node', name: 'n1' },
    purpose: 'tls',
    spki: first.issuingKey,
    notBefore: 1_795_000_000,
    notAfter: 1_795_100_000,
  });
  const misused = { ...genesis, members: [{ ...first, issuingCertificate: tlsCertificate }, second, third] };
  t.throws(() => verifyGenesis(signGenesis(misused, admin), nodeVerifier), {
    message: /issued for something else/,
  });
});

test('only administrators of role admin give birth to a cluster', (t) => {
  const document = encodeGenesis(genesis);
  const signature = admin.signNow(genesisToBeSigned(document));
  const stranger = softwareSigner(generateKey('ecdsa-p256'));
  const refused = (signatures: Parameters<typeof encodeSignedGenesis>[0]['signatures'], bytes = document) =>
    t.throws(() => verifyGenesis(encodeSignedGenesis({ document: bytes, signatures }), nodeVerifier), {
      instanceOf: GenesisError,
      code: 'GENESIS_NOT_SIGNED',
    });
  refused([]);
  refused([{ name: 'nobody', signature }]);
  refused([{ name: 'root-admin', signature: stranger.signNow(genesisToBeSigned(document)) }]);
  refused([{ name: 'root-admin', signature: admin.signNow(document) }]);
  refused([
    { name: 'root-admin', signature },
    { name: 'root-admin', signature: signature.slice(1) },
  ]);
  const auditor = {
    ...genesis,
    administrators: [{ name: 'root-admin', role: 'auditor', spki: admin.spki }],
  } as const;
  t.throws(() => verifyGenesis(signGenesis(auditor, admin), nodeVerifier), { code: 'GENESIS_NOT_SIGNED' });
});

test('a newer format and unknown keys are refused with a remedy', (t) => {
  t.throws(() => decodeSignedGenesis(encode({ v: 2 })), {
    code: 'GENESIS_MALFORMED',
    message: /format version 2/,
  });
  t.throws(
    () => decodeSignedGenesis(encode({ v: 1, document: new Uint8Array(1), signatures: [], extra: 1 })),
    {
      code: 'GENESIS_MALFORMED',
    },
  );
});

test('no change of a single bit survives, and no garbage escapes the error type', (t) => {
  const random = new Random(7);
  for (let i = 0; i < 400; i += 1) {
    const damaged = Uint8Array.from(file);
    const at = random.below(damaged.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << random.below(8));
    t.throws(() => verifyGenesis(damaged, nodeVerifier), { instanceOf: GenesisError }, `byte ${at}`);
  }
  for (let i = 0; i < 2000; i += 1) {
    t.throws(() => verifyGenesis(random.bytes(random.below(60)), nodeVerifier), { instanceOf: GenesisError });
  }
});

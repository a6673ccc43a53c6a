import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { encodePem } from '../../src/pki/pem.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { readSignedData, signedAttributes } from '../../src/verify/cms.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { DerReader, Tag, encode, integer, sequence } from '../../src/verify/der.js';
import {
  assembleStatement,
  covers,
  isStatementBy,
  statementToBeSigned,
  verifyStatement,
  type StatementRefusalCode,
  type StatementTrust,
} from '../../src/verify/signed-statement.js';
import {
  StatementError,
  decodeStatement,
  differenceOf,
  encodeStatement,
  type TimeAuditStatement,
} from '../../src/verify/statement.js';
import { parseCertificate } from '../../src/verify/x509.js';
import { born, clusterId, genesisFixture } from './genesis-fixture.js';
import { Random } from './random.js';
import { ms, statement } from './statement-fixture.js';

const { genesis, issuing, rootDer, authority } = genesisFixture();
const trust: StatementTrust = { trustAnchors: [rootDer] };

function certificateOf(node: string): Uint8Array {
  const member = genesis.members.find((candidate) => candidate.id === node);
  if (!member) throw new Error(`no member ${node}`);
  return member.issuingCertificate;
}

function sign(facts: TimeAuditStatement, node = 'n1', certificate = certificateOf(node)): Uint8Array {
  const content = encodeStatement(facts);
  const signer = issuing.get(node);
  if (!signer) throw new Error(`no key of ${node}`);
  return assembleStatement(content, certificate, signer.signNow(statementToBeSigned(content, certificate)));
}

const cms = sign(statement);

test('a statement says after decoding what was encoded', (t) => {
  t.deepEqual(decodeStatement(encodeStatement(statement)), statement);
  const bare: TimeAuditStatement = {
    ...statement,
    source: { oid: null, name: 'UTC(NICT)' },
    audited: { ...statement.audited, distinguishedName: null },
    verdict: 'inconclusive',
    lease: durNs(0n),
    extensions: [
      { oid: '1.2.3', critical: false, value: Uint8Array.of(5, 0) },
      { oid: '2.999.5', critical: false, value: new Uint8Array(0) },
    ],
  };
  t.deepEqual(decodeStatement(encodeStatement(bare)), bare);
});

test('the same facts and signature give the same bytes', (t) => {
  t.deepEqual(encodeStatement({ ...statement }), encodeStatement(statement));
  const { content, signature, signer } = readSignedData(cms);
  t.deepEqual(assembleStatement(content, signer.der, signature), cms);
});

test('a measurement inside an inserted second keeps its label of 60', (t) => {
  // POSIX 1483228800 counted on with the old 36 s: half a second after the end of 23:59:59.
  const tai = taiNs(1_483_228_836_500_000_000n);
  const leap: TimeAuditStatement = {
    ...statement,
    measuredAt: { earliest: tai, latest: tai, taiMinusUtc: 36, utc: '2016-12-31T23:59:60.500000000Z' },
    validity: {
      from: { tai, utc: '2016-12-31T23:59:60.500000000Z' },
      to: { tai: taiNs(tai + 86_400_000_000_000n), utc: '2017-01-01T23:59:59.500000000Z' },
    },
  };
  t.deepEqual(decodeStatement(encodeStatement(leap)), leap);
  const wrong = { ...leap.measuredAt, utc: '2017-01-01T00:00:00.500000000Z', taiMinusUtc: 37 };
  t.throws(() => encodeStatement({ ...leap, measuredAt: wrong }), { code: 'STATEMENT_INCONSISTENT' });
});

test('a difference has its midpoint, rounded down, and a half-width that reaches both ends', (t) => {
  t.deepEqual(differenceOf(durNs(-4n), durNs(3n)), {
    low: -4n,
    offset: -1n,
    high: 3n,
    uncertainty: 4n,
  } as never);
  const { low, offset, high, uncertainty } = differenceOf(durNs(7n), durNs(7n));
  t.deepEqual([low, offset, high, uncertainty] as bigint[], [7n, 7n, 7n, 0n]);
});

const { legs, measuredAt, validity, clock, limits, policy } = statement;
const failing = differenceOf(ms(699), ms(701));
const contradictions: readonly [why: string, change: Partial<TimeAuditStatement>][] = [
  ['a pass of an interval that touches the limit', { limits: { ...limits, offset: ms(5.4) } }],
  ['a pass of an interval that touches the negative limit', { limits: { ...limits, offset: ms(3.2) } }],
  ['a pass on a disrupted clock', { clock: { ...clock, state: 'disrupted' } }],
  ['a pass with too long a delay', { limits: { ...limits, delay: ms(6) } }],
  ['a fail of an interval within the limit', { verdict: 'fail', lease: durNs(0n) }],
  ['a lease without a pass', { verdict: 'inconclusive' }],
  ['a negative lease', { lease: durNs(-1n) }],
  ['a combined interval narrower than its legs', { result: differenceOf(ms(-3.1), ms(5.4)) }],
  ['an estimate outside its interval', { result: { ...statement.result, offset: ms(6) } }],
  ['an understated uncertainty', { result: { ...statement.result, uncertainty: ms(1) } }],
  ['a leg turned round', { legs: { ...legs, taaMinusUtc: { ...legs.taaMinusUtc, low: ms(2) } } }],
  ['a wrong label', { measuredAt: { ...measuredAt, utc: '2026-11-18T11:07:30.000000002Z' } }],
  ['a label of no day', { measuredAt: { ...measuredAt, utc: '2026-02-31T11:07:30.000000001Z' } }],
  ['a wrong TAI − UTC', { measuredAt: { ...measuredAt, taiMinusUtc: 36 } }],
  ['a validity that ends before it begins', { validity: { from: validity.to, to: validity.from } }],
  [
    'a wrong label of validity',
    { validity: { ...validity, to: { ...validity.to, utc: '2026-11-19T11:07:32.000000001Z' } } },
  ],
  ['sequence zero', { sequence: 0 }],
  ['a serial beyond 2^53', { serial: 2 ** 53 }],
  ['a short leaf hash', { measurementLeafHash: new Uint8Array(31) }],
  ['no samples', { legs: { ...legs, tsaMinusTaa: { ...legs.tsaMinusTaa, samples: 0 } } }],
  ['a malformed policy OID', { policy: { ...policy, oid: '1.50.3' } }],
  ['an empty device', { audited: { ...statement.audited, device: '' } }],
  ['a cluster id in capitals', { clusterId: 'TAA.test' }],
  [
    'an extension twice',
    {
      extensions: [
        { oid: '1.2.3', critical: false, value: new Uint8Array(1) },
        { oid: '1.2.3', critical: true, value: new Uint8Array(2) },
      ],
    },
  ],
];
for (const [why, change] of contradictions) {
  test(`a statement with ${why} is not encoded`, (t) => {
    t.throws(() => encodeStatement({ ...statement, ...change }), {
      instanceOf: StatementError,
      code: 'STATEMENT_INCONSISTENT',
    });
  });
}

test('a fail is encoded when the whole interval lies outside', (t) => {
  const failed: TimeAuditStatement = {
    ...statement,
    verdict: 'fail',
    lease: durNs(0n),
    result: failing,
    legs: {
      tsaMinusTaa: { ...legs.tsaMinusTaa, ...differenceOf(ms(700), ms(700)) },
      taaMinusUtc: differenceOf(ms(-1), ms(1)),
    },
  };
  t.is(decodeStatement(encodeStatement(failed)).verdict, 'fail');
  t.throws(() => encodeStatement({ ...failed, verdict: 'pass' }), { code: 'STATEMENT_INCONSISTENT' });
});

test('a critical extension is refused by those who do not know it', (t) => {
  const critical = { ...statement, extensions: [{ oid: '1.2.3', critical: true, value: Uint8Array.of(1) }] };
  const der = encodeStatement(critical);
  t.throws(() => decodeStatement(der), { code: 'UNKNOWN_CRITICAL_EXTENSION', message: /newer version/ });
  t.deepEqual(decodeStatement(der, ['1.2.3']), critical);
  const refused = verifyStatement(sign(critical), trust, nodeVerifier);
  t.is(refused.ok ? 'ok' : refused.code, 'UNKNOWN_CRITICAL_EXTENSION');
  t.true(verifyStatement(sign(critical), { ...trust, understood: ['1.2.3'] }, nodeVerifier).ok);
});

test('a statement of a later version is refused as such', (t) => {
  const body = DerReader.whole(encodeStatement(statement), Tag.sequence);
  body.integer();
  const rest: Uint8Array[] = [];
  while (!body.done) rest.push(body.any().bytes);
  t.throws(() => decodeStatement(sequence(integer(2), ...rest)), { code: 'STATEMENT_VERSION' });
});

test('a signed statement verifies offline and gives back the content', (t) => {
  const verified = verifyStatement(cms, { ...trust, clusterId, at: validity.from.tai }, nodeVerifier);
  if (!verified.ok) {
    t.fail(verified.message);
    return;
  }
  t.deepEqual(verified.statement, statement);
  t.deepEqual(verified.content, encodeStatement(statement));
  t.deepEqual(
    verified.path.map((certificate) => certificate.der),
    [certificateOf('n1'), rootDer],
  );
  t.true(covers(statement, validity.from.tai));
  t.false(covers(statement, validity.to.tai));
});

test('apply accepts the CMS over exactly these facts by exactly this certificate', (t) => {
  const der = encodeStatement(statement);
  t.true(isStatementBy(cms, der, certificateOf('n1'), nodeVerifier));
  t.false(
    isStatementBy(cms, encodeStatement({ ...statement, sequence: 18 }), certificateOf('n1'), nodeVerifier),
  );
  t.false(isStatementBy(cms, der, certificateOf('n2'), nodeVerifier));
  t.false(isStatementBy(cms.slice(1), der, certificateOf('n1'), nodeVerifier));
  t.false(isStatementBy(new Uint8Array(0), der, certificateOf('n1'), nodeVerifier));
});

test('a signed statement is refused for the reason that it has', (t) => {
  const other = genesisFixture();
  const refusals: readonly [
    why: string,
    bytes: Uint8Array,
    trust: StatementTrust,
    code: StatementRefusalCode,
  ][] = [
    ['root of another cluster', cms, { trustAnchors: [other.rootDer] }, 'SIGNATURE_WRONG'],
    ['no root', cms, { trustAnchors: [] }, 'UNKNOWN_ISSUER'],
    ['another cluster expected', cms, { ...trust, clusterId: 'other.test' }, 'WRONG_SIGNER'],
    ['asked for after its validity', cms, { ...trust, at: validity.to.tai }, 'OUTSIDE_VALIDITY'],
    ['signed by a node that it does not name', sign(statement, 'n2'), trust, 'WRONG_SIGNER'],
    ['measured before the certificate began', sign(earlier()), trust, 'NOT_YET_VALID'],
    ['signed with a TLS certificate', sign(statement, 'n1', tlsCertificate()), trust, 'WRONG_KEY_USAGE'],
    ['signature of another statement', exchanged(), trust, 'SIGNATURE_WRONG'],
    ['trailing byte', Uint8Array.from([...cms, 0]), trust, 'CMS_MALFORMED'],
    ['nothing', new Uint8Array(0), trust, 'CMS_MALFORMED'],
  ];
  for (const [why, bytes, given, code] of refusals) {
    const result = verifyStatement(bytes, given, nodeVerifier);
    t.is(result.ok ? 'accepted' : result.code, code, why);
  }

  function earlier(): TimeAuditStatement {
    const day = 86_400_000_000_000n;
    const back = ({ tai, utc }: { tai: bigint; utc: string }, to: string) => ({
      tai: taiNs(tai - day),
      utc: utc.replace(/-1[89]T/, to),
    });
    return {
      ...statement,
      measuredAt: {
        ...measuredAt,
        earliest: taiNs(measuredAt.earliest - day),
        latest: taiNs(measuredAt.latest - day),
        utc: measuredAt.utc.replace('-18T', '-17T'),
      },
      validity: { from: back(validity.from, '-17T'), to: back(validity.to, '-18T') },
    };
  }

  function tlsCertificate(): Uint8Array {
    const spki = issuing.get('n1')?.spki ?? new Uint8Array(0);
    const identity = { clusterId, role: 'node', name: 'n1' } as const;
    return authority.issue({ identity, purpose: 'tls', spki, notBefore: born, notAfter: born + 86_400 });
  }

  function exchanged(): Uint8Array {
    const { signature } = readSignedData(sign({ ...statement, sequence: 18 }));
    return assembleStatement(encodeStatement(statement), certificateOf('n1'), signature);
  }
});

test('nothing unsigned can be hidden in a signed statement', (t) => {
  const parts = readSignedData(cms);
  // The same parts with an unsigned attribute [1] after the signature: still valid CMS, but not the one form.
  const contentInfo = DerReader.whole(cms, Tag.sequence);
  const type = contentInfo.any().bytes;
  const signedData = contentInfo.into(0xa0).into(Tag.sequence);
  const fields: Uint8Array[] = [];
  while (!signedData.done) fields.push(signedData.any().bytes);
  const signerInfo = DerReader.whole(fields.at(-1) ?? new Uint8Array(0), Tag.set).element(Tag.sequence);
  const unsigned = encode(0xa1, sequence(integer(1)));
  const widened = encode(Tag.set, sequence(signerInfo.content, unsigned));
  const smuggled = sequence(type, encode(0xa0, sequence(...fields.slice(0, -1), widened)));
  const result = verifyStatement(smuggled, trust, nodeVerifier);
  t.is(result.ok ? 'accepted' : result.code, 'CMS_MALFORMED');
  t.deepEqual(parts.content, encodeStatement(statement));
});

test('any change of a byte is refused, and garbage never throws', (t) => {
  const random = new Random(11);
  for (let i = 0; i < 1500; i += 1) {
    const damaged = Uint8Array.from(cms);
    const at = random.below(damaged.length);
    damaged[at] = (damaged[at] ?? 0) ^ (1 + random.below(255));
    t.false(verifyStatement(damaged, trust, nodeVerifier).ok, `byte ${at}`);
  }
  for (let i = 0; i < 20_000; i += 1) {
    t.false(verifyStatement(random.bytes(random.below(64)), trust, nodeVerifier).ok);
  }
});

// ---- openssl -------------------------------------------------------------------------------------------------------

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) console.log('skipped: verification by openssl cms (package openssl is not installed)');

(hasOpenssl ? test : test.skip)('openssl verifies a statement and gives back its exact content', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'taa-cms-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true });
  });
  const path = (name: string): string => join(directory, name);
  writeFileSync(path('statement.der'), cms);
  writeFileSync(path('ca.pem'), encodePem('CERTIFICATE', rootDer));
  const verify = (...more: string[]) =>
    spawnSync('openssl', [
      ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', path('statement.der')],
      ...[
        '-CAfile',
        path('ca.pem'),
        '-purpose',
        'any',
        '-attime',
        String(born + 3600),
        '-out',
        path('content.der'),
      ],
      ...more,
    ]);
  t.is(verify().status, 0);
  t.deepEqual(new Uint8Array(readFileSync(path('content.der'))), encodeStatement(statement));
  t.is(verify('-cades').status, 0, 'the signing-certificate attribute is checked as well');

  const listing = execFileSync('openssl', [
    'asn1parse',
    '-inform',
    'DER',
    '-in',
    path('content.der'),
  ]).toString();
  t.regex(listing, /UTF8STRING\s+:2026-11-18T11:07:30\.000000001Z/);

  const damaged = Uint8Array.from(cms);
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  writeFileSync(path('statement.der'), damaged);
  t.not(verify().status, 0);
});

test('what is signed is the attributes as a SET, whose digest is that of the content', (t) => {
  const content = encodeStatement(statement);
  const attributes = signedAttributes('1.2.3', content, parseCertificate(certificateOf('n1')));
  t.is(attributes[0], Tag.set);
  t.notDeepEqual(attributes, statementToBeSigned(content, certificateOf('n1')));
});

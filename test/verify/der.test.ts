import test from 'ava';
import { generateKey, softwareSigner } from '../../src/pki/signer.js';
import { createRoot } from '../../src/pki/ca.js';
import { taiNs } from '../../src/time/types.js';
import { decodeTime, encodeTime, posixLabel, posixSeconds } from '../../src/verify/calendar.js';
import { readSignedData, CmsError } from '../../src/verify/cms.js';
import {
  DerError,
  DerReader,
  Tag,
  decodeInteger,
  decodeOid,
  encode,
  integer,
  isOid,
  octetString,
  oid,
  sequence,
  setOf,
  utf8String,
} from '../../src/verify/der.js';
import { taaOids } from '../../src/verify/oids.js';
import { StatementError, decodeStatement } from '../../src/verify/statement.js';
import { CertificateError, keyAlgorithm, parseCertificate } from '../../src/verify/x509.js';
import { Random, hex, unhex } from './random.js';

const content = (der: Uint8Array): Uint8Array => new DerReader(der).any().content;

test('integers are two’s complement in the fewest octets', (t) => {
  const known: readonly [bigint, string][] = [
    [0n, '020100'],
    [127n, '02017f'],
    [128n, '02020080'],
    [255n, '020200ff'],
    [256n, '02020100'],
    [-1n, '0201ff'],
    [-128n, '020180'],
    [-129n, '0202ff7f'],
    [(1n << 63n) - 1n, '02087fffffffffffffff'],
    [-(1n << 63n), '02088000000000000000'],
  ];
  for (const [value, expected] of known) {
    t.is(hex(integer(value)), expected);
    t.is(new DerReader(integer(value)).integer(), value);
  }
  const random = new Random(1);
  for (let i = 0; i < 2000; i += 1) {
    const magnitude = BigInt(`0x${hex(random.bytes(1 + random.below(30)))}`);
    const value = random.below(2) === 0 ? magnitude : -magnitude;
    t.is(decodeInteger(content(integer(value))), value);
  }
});

test('object identifiers, those under a UUID too', (t) => {
  const known: readonly [string, string][] = [
    ['1.2.840.113549.1.7.2', '06092a864886f70d010702'],
    ['2.5.4.3', '0603550403'],
    ['0.9.2342', '060309' + '9226'],
    ['2.999.3', '0603883703'],
  ];
  for (const [dotted, expected] of known) {
    t.is(hex(oid(dotted)), expected);
    t.is(decodeOid(content(oid(dotted))), dotted);
  }
  for (const dotted of Object.values(taaOids)) t.is(decodeOid(content(oid(dotted))), dotted);
  for (const dotted of [
    '',
    '1',
    '3.1',
    '1.40',
    '1.2.',
    '1..2',
    '1.02',
    'a.b',
    '1.2.-3',
    `1.2.${'9'.repeat(300)}`,
  ]) {
    t.false(isOid(dotted), dotted);
    t.throws(() => oid(dotted), { instanceOf: DerError });
  }
});

test('lengths around every step of the length octets', (t) => {
  for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
    const der = octetString(new Uint8Array(length));
    t.is(new DerReader(der).octets().length, length);
  }
});

const notDer: readonly [why: string, bytes: string][] = [
  ['indefinite length', '3080020100' + '0000'],
  ['length in more octets than needed', '30810302' + '0100'],
  ['leading zero in a length', '3082000302' + '0100'],
  ['contents that end early', '3004020100'],
  ['bytes after the end', '300302010000'],
  ['an integer with a needless zero', '300402020001'],
  ['an integer with a needless FF', '30040202ffff'],
  ['an empty integer', '30020200'],
  ['a tag number above 30', '30031f8101'],
  ['nothing at all', ''],
  ['a length of 2^31', '308480000000'],
  ['a length without end', '30ff'],
];
for (const [why, bytes] of notDer) {
  test(`the reader refuses ${why}`, (t) => {
    const read = (): void => {
      const inner = DerReader.whole(unhex(bytes), Tag.sequence);
      inner.integer();
      inner.end();
    };
    t.throws(read, { instanceOf: DerError });
  });
}

test('booleans, identifiers and texts have one form', (t) => {
  t.throws(() => new DerReader(unhex('010101')).boolean(), { instanceOf: DerError });
  t.throws(() => new DerReader(unhex('06028001')).oid(), { instanceOf: DerError });
  t.throws(() => new DerReader(unhex('06022a81')).oid(), { instanceOf: DerError });
  t.throws(() => new DerReader(unhex('0c02c080')).utf8(), { instanceOf: DerError });
  t.throws(() => new DerReader(unhex('0c03eda080')).utf8(), { instanceOf: DerError });
  t.is(new DerReader(utf8String('\uFEFF時刻')).utf8(), '\uFEFF時刻');
});

test('a set is ordered by its encodings', (t) => {
  const items = [integer(300), integer(1), octetString(Uint8Array.of(9)), integer(1)];
  t.deepEqual(setOf(...items), setOf(...[...items].reverse()));
  t.is(hex(setOf(integer(300), integer(1))), '31070201010202012c');
});

test('certificate times run over the whole calendar', (t) => {
  const random = new Random(5);
  for (let i = 0; i < 3000; i += 1) {
    const seconds = random.below(2 ** 32) * 50 - 2 ** 31;
    const element = new DerReader(encodeTime(seconds)).any();
    t.is(decodeTime(element), seconds);
    t.is(Date.parse(posixLabel(seconds)), seconds * 1000);
    t.is(element.tag, seconds >= -631_152_000 && seconds < 2_524_608_000 ? Tag.utcTime : Tag.generalizedTime);
  }
  for (const text of [
    '260230000000Z',
    '261301000000Z',
    '2601010000Z',
    '260101000060Z',
    '260101240000Z',
    '260101000000+0900',
  ]) {
    t.throws(() => decodeTime(new DerReader(encode(Tag.utcTime, Buffer.from(text))).any()), {
      instanceOf: DerError,
    });
  }
});

test('a TAI instant lies in one POSIX second, before 1970 too', (t) => {
  t.is(posixSeconds(taiNs(1_000_000_000n), 0), 1);
  t.is(posixSeconds(taiNs(999_999_999n), 0), 0);
  t.is(posixSeconds(taiNs(-1n), 0), -1);
  t.is(posixSeconds(taiNs(0n), 37), -37);
  t.is(posixSeconds(taiNs(-1_000_000_000n), 0), -1);
});

/** Every decoder of DER here, with the errors that it may throw. */
const decoders: readonly [name: string, decode: (bytes: Uint8Array) => unknown][] = [
  ['certificate', parseCertificate],
  ['key', keyAlgorithm],
  ['CMS', readSignedData],
  ['statement', (bytes) => decodeStatement(bytes)],
];
const expectedErrors = [DerError, CertificateError, CmsError, StatementError];

test('10^5 damaged or random inputs end in the errors of the formats and in nothing else', (t) => {
  const root = softwareSigner(generateKey('ecdsa-p256'));
  const certificate = createRoot({ commonName: 'Fuzz', notBefore: 0, notAfter: 2_000_000_000 }, root);
  const seeds = [
    certificate,
    root.spki,
    sequence(integer(1), utf8String('x'), sequence(oid('1.2.3'), integer(4))),
  ];
  const random = new Random(2026);
  let unexpected: unknown;
  let refused = 0;
  for (let i = 0; i < 100_000 && unexpected === undefined; i += 1) {
    const input = random.below(4) === 0 ? random.bytes(random.below(40)) : mutate(random.pick(seeds), random);
    const [, decode] = random.pick(decoders);
    try {
      decode(input);
    } catch (error) {
      refused += 1;
      if (!expectedErrors.some((type) => error instanceof type)) unexpected = error;
    }
  }
  t.is(unexpected, undefined);
  t.true(refused > 60_000, `only ${refused} were refused`);
});

function mutate(seed: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(seed);
  for (let i = random.below(4); i >= 0; i -= 1) copy[random.below(copy.length)] = random.below(256);
  switch (random.below(4)) {
    case 0:
      return copy.slice(0, random.below(copy.length));
    case 1:
      return copy.slice(random.below(copy.length));
    default:
      return copy;
  }
}

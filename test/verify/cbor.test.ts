import test from 'ava';
import {
  CborError,
  compareKeys,
  decode,
  encode,
  type CborErrorCode,
  type CborInput,
  type CborValue,
} from '../../src/verify/cbor.js';
import { decodeMap, parse, type CborReader } from '../../src/verify/cbor-reader.js';
import { Random, hex, unhex } from './random.js';

/** RFC 8949 appendix A, the rows within the profile. */
const appendixA: readonly (readonly [string, CborInput])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 18446744073709551615n],
  ['3bffffffffffffffff', -18446744073709551616n],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['40', new Uint8Array()],
  ['4401020304', Uint8Array.of(1, 2, 3, 4)],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '\u{10151}'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  [
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
    Array.from({ length: 25 }, (_, index) => index + 1),
  ],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }],
];

/** RFC 8949 appendix A, the rows outside the profile, and encodings that are not the deterministic one. */
const refused: readonly (readonly [string, CborErrorCode, string])[] = [
  ['c249010000000000000000', 'unsupported', 'bignum'],
  ['c074323031332d30332d32315432303a30343a30305a', 'unsupported', 'tag'],
  ['f90000', 'unsupported', 'half float'],
  ['fa47c35000', 'unsupported', 'float'],
  ['fb3ff199999999999a', 'unsupported', 'double'],
  ['f7', 'unsupported', 'undefined'],
  ['f0', 'unsupported', 'simple value'],
  ['f8ff', 'unsupported', 'simple value in two bytes'],
  ['f814', 'unsupported', 'false in two bytes'],
  ['5f42010243030405ff', 'unsupported', 'indefinite byte string'],
  ['7f657374726561646d696e67ff', 'unsupported', 'indefinite text'],
  ['9fff', 'unsupported', 'indefinite array'],
  ['bf61610161629f0203ffff', 'unsupported', 'indefinite map'],
  ['1c', 'unsupported', 'reserved length'],
  ['a201020304', 'unsupported', 'integer keys'],
  ['1817', 'notCanonical', 'one byte too long'],
  ['1900ff', 'notCanonical', 'two bytes for one'],
  ['1a0000ffff', 'notCanonical', 'four bytes for two'],
  ['1b00000000ffffffff', 'notCanonical', 'eight bytes for four'],
  ['3817', 'notCanonical', 'negative one byte too long'],
  ['580100', 'notCanonical', 'long length of a byte string'],
  ['780161', 'notCanonical', 'long length of a text'],
  ['980100', 'notCanonical', 'long length of an array'],
  ['a2616201616101', 'keyOrder', 'keys out of order'],
  ['a2616101616101', 'keyOrder', 'a key twice'],
  ['a262616101616101', 'keyOrder', 'longer key first'],
  ['', 'truncated', 'nothing'],
  ['18', 'truncated', 'no argument'],
  ['1b00', 'truncated', 'half an argument'],
  ['420a', 'truncated', 'half a byte string'],
  ['5bffffffffffffffff', 'truncated', 'a byte string of 2^64 − 1 bytes'],
  ['9a7fffffff', 'truncated', 'an array of 2^31 items'],
  ['ba7fffffff', 'truncated', 'a map of 2^31 entries'],
  ['8101ff', 'trailingBytes', 'a byte too many'],
  ['61ff', 'invalidText', 'not UTF-8'],
  ['62c080', 'invalidText', 'overlong NUL'],
  ['63eda080', 'invalidText', 'surrogate in UTF-8'],
];

test('RFC 8949 appendix A: what the profile carries encodes and decodes to the published bytes', (t) => {
  for (const [bytes, value] of appendixA) {
    t.is(hex(encode(value)), bytes);
    t.is(hex(encode(decode(unhex(bytes)))), bytes);
  }
  t.is(decode(unhex('1bffffffffffffffff')), 18446744073709551615n);
  t.is(decode(unhex('1b001fffffffffffff')), Number.MAX_SAFE_INTEGER);
  t.is(decode(unhex('1b0020000000000000')), 9007199254740992n);
  t.is(decode(unhex('3b001ffffffffffffe')), -Number.MAX_SAFE_INTEGER);
  t.is(decode(unhex('3b001fffffffffffff')), -9007199254740992n);
});

test('everything outside the profile or not in the one deterministic form is refused by name', (t) => {
  for (const [bytes, code, what] of refused) {
    const error = t.throws(() => decode(unhex(bytes)), { instanceOf: CborError }, what);
    t.is(error.code, code, what);
  }
});

test('values that the profile cannot carry are refused when encoding', (t) => {
  const cases: readonly (readonly [CborInput, CborErrorCode])[] = [
    [1.5, 'unsupported'],
    [Number.NaN, 'unsupported'],
    [Infinity, 'unsupported'],
    [2 ** 53, 'unsupported'],
    [1n << 64n, 'outOfRange'],
    [-(1n << 64n) - 1n, 'outOfRange'],
    ['\ud800', 'invalidText'],
    ['a\udc00b', 'invalidText'],
    [{ '\ud800': 1 }, 'invalidText'],
    [nested(17), 'tooDeep'],
  ];
  for (const [value, code] of cases)
    t.is(t.throws(() => encode(value), { instanceOf: CborError }).code, code);
  t.is(t.throws(() => decode(unhex('81'.repeat(17) + '00')), { instanceOf: CborError }).code, 'tooDeep');
  t.is(hex(encode(decode(unhex('81'.repeat(16) + '00')))), '81'.repeat(16) + '00');
  const limits = { maxBytes: 3, maxDepth: 1 };
  t.is(t.throws(() => decode(unhex('43010203'), limits), { instanceOf: CborError }).code, 'tooLarge');
});

function nested(depth: number): CborInput {
  return depth === 0 ? 0 : [nested(depth - 1)];
}

test('keys are ordered by length and bytes whatever order they were given in, also beyond ASCII and for __proto__', (t) => {
  const keys = [
    'b',
    'aa',
    'a',
    '',
    'z',
    'é',
    '\u{10000}',
    '\uffff',
    'ab',
    '10',
    '9',
    '__proto__',
    'constructor',
  ];
  const random = new Random(7);
  const expected = hex(encode(new Map(keys.map((key) => [key, key.length]))));
  for (let round = 0; round < 50; round++) {
    const shuffled = [...keys].sort(() => random.below(3) - 1);
    const encoded = encode(new Map(shuffled.map((key) => [key, key.length])));
    t.is(hex(encoded), expected);
    t.is(hex(encode(decode(encoded))), expected);
  }
  t.deepEqual([...(decode(unhex(expected)) as Map<string, CborValue>).keys()].slice(0, 6), [
    '',
    '9',
    'a',
    'b',
    'z',
    '10',
  ]);
});

test('an absent optional field and an undefined one encode alike', (t) => {
  t.is(hex(encode({ a: 1, b: undefined })), hex(encode({ a: 1 })));
});

test('property: any value survives, and the encoding of a decoding is the input', (t) => {
  const random = new Random(1);
  for (let i = 0; i < 5000; i++) {
    const value = randomValue(random, 4);
    const encoded = encode(value);
    t.deepEqual(decode(encoded), normal(value));
    t.is(hex(encode(decode(encoded))), hex(encoded));
  }
});

test('fuzz: random and mutated bytes give a value that encodes to them, or a CborError; nothing else', (t) => {
  const random = new Random(2);
  let accepted = 0;
  for (let i = 0; i < 100_000; i++) {
    const bytes =
      i % 2 === 0 ? random.bytes(random.below(24)) : mutate(random, encode(randomValue(random, 2)));
    const result = parse(() => decode(bytes));
    if (!result.ok) continue;
    accepted++;
    if (Buffer.compare(encode(result.value), bytes) !== 0)
      t.fail(`two encodings of one value: ${hex(bytes)}`);
  }
  t.true(accepted > 1000, `${accepted} accepted`);
});

test('byte strings of a decoded value are copies of the input, also when the input is a Buffer', (t) => {
  const input = Buffer.from('4401020304', 'hex');
  const value = decode(input) as Uint8Array;
  input.fill(0);
  t.deepEqual(value, Uint8Array.of(1, 2, 3, 4));
});

const readPerson = (r: CborReader) => ({
  name: r.text('name', { max: 10 }),
  role: r.oneOf('role', ['admin', 'auditor']),
  key: r.bytes('key', { length: 4 }),
  born: r.int64('born'),
  age: r.optionalUint('age', 150),
  tags: r.array('tags', (value) => value, 2),
});
const person = { name: 'Ada', role: 'admin', key: Uint8Array.of(1, 2, 3, 4), born: -5n, tags: [] };

test('a strict reader: each key by type and bound, missing and unknown keys refused with their path', (t) => {
  t.deepEqual(decodeMap(encode(person), 'person', readPerson), { ...person, age: undefined } as never);
  const cases: readonly (readonly [CborInput, CborErrorCode, string])[] = [
    [{ ...person, age: 151 }, 'outOfRange', 'person.age'],
    [{ ...person, age: -1 }, 'outOfRange', 'person.age'],
    [{ ...person, age: 'x' }, 'wrongType', 'person.age'],
    [{ ...person, name: 'a name too long' }, 'outOfRange', 'person.name'],
    [{ ...person, name: 1 }, 'wrongType', 'person.name'],
    [{ ...person, role: 'root' }, 'outOfRange', 'person.role'],
    [{ ...person, key: Uint8Array.of(1) }, 'outOfRange', 'person.key'],
    [{ ...person, key: 'abcd' }, 'wrongType', 'person.key'],
    [{ ...person, born: 1n << 63n }, 'outOfRange', 'person.born'],
    [{ ...person, tags: [1, 2, 3] }, 'outOfRange', 'person.tags'],
    [{ ...person, tags: {} }, 'wrongType', 'person.tags'],
    [{ ...person, extra: null }, 'unknownKey', 'person.extra'],
    [{ ...person, born: undefined }, 'missingKey', 'person.born'],
    [[], 'wrongType', 'person'],
  ];
  for (const [value, code, where] of cases) {
    const result = parse(() => decodeMap(encode(value), 'person', readPerson));
    if (result.ok) t.fail(`accepted: ${where}`);
    else t.deepEqual([result.error.code, result.error.where], [code, where]);
  }
});

function randomValue(random: Random, depth: number): CborInput {
  switch (random.below(depth > 0 ? 9 : 7)) {
    case 0:
      return random.below(2) === 0 ? random.below(300) : -random.below(70_000);
    case 1:
      return BigInt.asIntN(64, BigInt(random.below(2 ** 32)) * BigInt(random.below(2 ** 32)));
    case 2:
      return random.bytes(random.below(300));
    case 3:
      return Array.from({ length: random.below(70) }, () =>
        random.pick(['a', 'é', '水', '\u{10151}', '0']),
      ).join('');
    case 4:
      return random.below(2) === 0;
    case 5:
      return null;
    case 6:
      return BigInt.asUintN(64, -BigInt(random.below(1000)));
    case 7:
      return Array.from({ length: random.below(5) }, () => randomValue(random, depth - 1));
    default:
      return new Map(
        Array.from({ length: random.below(6) }, () => [
          random.pick(['a', 'b', 'cc', 'é', 'longer key', '水']) + random.below(3).toString(),
          randomValue(random, depth - 1),
        ]),
      );
  }
}

/** What decoding gives back: small bigints become numbers, maps are in key order. */
function normal(value: CborInput): CborValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return (value as CborInput[]).map(normal);
  if (value instanceof Map) {
    const entries = [...(value as Map<string, CborInput>)].sort(([a], [b]) => compareKeys(a, b));
    return new Map(entries.map(([key, item]) => [key, normal(item)]));
  }
  return value as CborValue;
}

function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (copy.length > 0) copy[random.below(copy.length)] = random.below(256);
  return random.below(4) === 0 ? copy.subarray(0, random.below(copy.length + 1)) : copy;
}

import test from 'ava';
import {
  appendMac,
  decodeNtp,
  encodeNtp,
  encodeRequest,
  nsFromLog2,
  nsFromShort,
  ntpFromPosixNs,
  posixNsFromNtp,
  refidFromText,
  refidText,
} from '../../src/clock/core/ntp-packet.js';
import type { NtpPacket } from '../../src/clock/core/ntp-packet.js';
import { profiles } from '../../src/clock/core/profile.js';
import { judge, packetTests } from '../../src/clock/core/verdict.js';
import type { Exchange, JudgeLimits, PacketTest } from '../../src/clock/core/verdict.js';
import { aesCmac, macIsGood, makeMac } from '../../src/clock/mac.js';
import { monoNs } from '../../src/time/types.js';
import { Random } from './random.js';

const NOW = 1_795_478_400_000_000_000n;
const NONCE = 0x0123_4567_89ab_cdefn;

const good: NtpPacket = {
  leap: 0,
  version: 4,
  mode: 4,
  stratum: 1,
  poll: 0,
  precision: -25,
  rootDelay: 0,
  rootDispersion: 1,
  refid: refidFromText('NICT'),
  reference: ntpFromPosixNs(NOW - 10_000_000_000n),
  origin: NONCE,
  receive: ntpFromPosixNs(NOW),
  transmit: ntpFromPosixNs(NOW + 50_000n),
};

/** 10 ms round trip. */
function exchangeOf(packet: Partial<NtpPacket>, other: Partial<Exchange> = {}): Exchange {
  return {
    m1: monoNs(1_000_000_000n),
    m4: monoNs(1_010_050_000n),
    nonce: NONCE,
    bytes: encodeNtp({ ...good, ...packet }),
    authentication: 'none',
    firstAnswer: true,
    ...other,
  };
}

const limits: JudgeLimits = { profile: profiles['public-nict'], refid: 'NICT', nearLeap: () => false };

test('a packet survives encoding, with and without MAC and extension fields', (t) => {
  const random = new Random(1);
  for (let i = 0; i < 2000; i++) {
    const u64 = (): bigint => new DataView(random.bytes(8).buffer).getBigUint64(0);
    const packet: NtpPacket = {
      leap: random.below(4),
      version: random.below(8),
      mode: random.below(8),
      stratum: random.below(256),
      poll: random.below(256) - 128,
      precision: random.below(256) - 128,
      rootDelay: random.below(2 ** 32),
      rootDispersion: random.below(2 ** 32),
      refid: random.below(2 ** 32),
      reference: u64(),
      origin: u64(),
      receive: u64(),
      transmit: u64(),
    };
    const plain = decodeNtp(encodeNtp(packet));
    const mac = { keyId: random.below(2 ** 32), digest: random.bytes(16) };
    const keyed = decodeNtp(appendMac(encodeNtp(packet), mac));
    if (!plain.ok || !keyed.ok) {
      t.fail('refused');
      return;
    }
    t.deepEqual(plain.packet, packet);
    t.is(plain.mac, null);
    t.deepEqual(keyed.packet, packet);
    t.deepEqual(keyed.mac, mac);
  }
});

test('extension fields are stepped over, and what the MAC covers includes them', (t) => {
  const extension = new Uint8Array(28);
  new DataView(extension.buffer).setUint16(2, 28);
  const message = new Uint8Array([...encodeNtp(good), ...extension]);
  const decoded = decodeNtp(appendMac(message, { keyId: 5, digest: new Uint8Array(16) }));
  t.true(decoded.ok && decoded.covered.length === 76 && decoded.mac?.keyId === 5);
});

test('malformed lengths have their reasons', (t) => {
  const cases: [number[], string][] = [
    [[], 'tooShort'],
    [Array<number>(47).fill(0), 'tooShort'],
    [Array<number>(49).fill(0), 'notMultipleOfFour'],
    [Array<number>(1028).fill(0), 'tooLong'],
    [Array<number>(48 + 28).fill(0), 'badExtension'],
    [Array<number>(48 + 8).fill(0), 'badMac'],
  ];
  for (const [bytes, reason] of cases) {
    const decoded = decodeNtp(Uint8Array.from(bytes));
    t.is(decoded.ok ? 'ok' : decoded.reason, reason);
  }
});

test('eras: the pivot decides, and 2036-02-07T06:28:16Z is one second after 06:28:15', (t) => {
  const rollover = 2_085_978_496_000_000_000n;
  t.is(ntpFromPosixNs(rollover), 0n);
  t.is(posixNsFromNtp(0n), rollover);
  t.is(posixNsFromNtp(0xffff_ffff_0000_0000n), rollover - 1_000_000_000n);
  t.is(posixNsFromNtp(ntpFromPosixNs(NOW)), NOW);
  // Before the pivot (2024) a stamp means the next era.
  t.is(
    posixNsFromNtp(ntpFromPosixNs(1_704_067_199_000_000_000n)),
    1_704_067_199_000_000_000n + (1n << 32n) * 1_000_000_000n,
  );
  const random = new Random(2);
  for (let i = 0; i < 2000; i++) {
    const posix =
      1_704_067_200_000_000_000n +
      random.ns(0n, 4_294_967_295n) * 1_000_000_000n +
      random.ns(0n, 999_999_999n);
    const back = posixNsFromNtp(ntpFromPosixNs(posix));
    t.true(back <= posix && posix - back <= 1n, posix.toString());
  }
});

test('short and log2 formats round up', (t) => {
  t.is(nsFromShort(0), 0n);
  t.is(nsFromShort(1), 15_259n);
  t.is(nsFromShort(65_536), 1_000_000_000n);
  t.is(nsFromLog2(-20), 954n);
  t.is(nsFromLog2(-128), 1n);
  t.is(nsFromLog2(0), 1_000_000_000n);
  t.is(nsFromLog2(127), 1_000_000_000n << 20n);
});

test('refid letters', (t) => {
  t.is(refidText(refidFromText('LAB')), 'LAB');
  t.is(refidText(0x7f7f0101), '????');
  t.is(refidText(refidFromText('NICT')), 'NICT');
});

test('the request tells nothing but its nonce', (t) => {
  const bytes = encodeRequest(NONCE);
  t.is(bytes[0], 0x23);
  t.true(bytes.subarray(1, 40).every((byte) => byte === 0));
  t.is(new DataView(bytes.buffer).getBigUint64(40), NONCE);
});

test('each test of the verdict fails alone, by name', (t) => {
  const base = judge(exchangeOf({}), limits);
  t.is(base.kind, 'accepted');
  const ms = (count: number): bigint => BigInt(count) * 1_000_000n;
  const cases: [PacketTest, Exchange, JudgeLimits?][] = [
    ['wellFormed', exchangeOf({}, { bytes: new Uint8Array(47) })],
    ['originMatches', exchangeOf({ origin: NONCE + 1n })],
    ['withinWindow', exchangeOf({}, { m4: monoNs(2_000_000_001n) })],
    ['firstAnswer', exchangeOf({}, { firstAnswer: false })],
    ['versionKnown', exchangeOf({ version: 2 })],
    ['modeServer', exchangeOf({ mode: 3 })],
    ['authentic', exchangeOf({}, { authentication: 'bad' })],
    ['synchronised', exchangeOf({ leap: 3 })],
    ['stratumAllowed', exchangeOf({ stratum: 2 })],
    ['stratumAllowed', exchangeOf({ stratum: 16 })],
    ['refidPlausible', exchangeOf({ refid: refidFromText('GPS') })],
    ['refidPlausible', exchangeOf({ refid: 0xfe01_0203 }), { ...limits, refid: null }],
    ['timestampsSet', exchangeOf({ reference: 0n })],
    ['turnroundOrdered', exchangeOf({ transmit: ntpFromPosixNs(NOW - 1_000n) })],
    ['delayNotNegative', exchangeOf({ transmit: ntpFromPosixNs(NOW + ms(11)) })],
    ['delayWithinMaximum', exchangeOf({}, { m4: monoNs(1_000_000_000n + ms(201)) })],
    ['rootDistanceSmall', exchangeOf({ rootDispersion: 700 })],
    ['rootDistanceSmall', exchangeOf({ rootDelay: 1400 })],
    ['referenceTimeOrdered', exchangeOf({ reference: ntpFromPosixNs(NOW + ms(1100)) })],
    ['referenceTimeFresh', exchangeOf({ reference: ntpFromPosixNs(NOW - ms(131_073_000)) })],
    ['awayFromLeap', exchangeOf({}), { ...limits, nearLeap: () => true }],
  ];
  for (const [name, exchange, other] of cases) {
    const judgement = judge(exchange, other ?? limits);
    t.is(judgement.kind === 'rejected' ? judgement.failed : judgement.kind, name);
    if (judgement.kind !== 'rejected' || name === 'wellFormed') continue;
    const failed = packetTests.filter((test) => !judgement.verdict[test]);
    if (name !== 'withinWindow' && name !== 'timestampsSet') t.deepEqual(failed, [name]);
  }
  const slow = judge(
    exchangeOf({ transmit: ntpFromPosixNs(NOW + ms(4001)) }, { m4: monoNs(5_100_000_000n) }),
    limits,
  );
  t.true(slow.kind === 'rejected' && !slow.verdict.turnroundShort);
});

test('a kiss counts only if it answers our question, and its time stamps are never looked at', (t) => {
  const kiss = {
    stratum: 0,
    refid: refidFromText('DENY'),
    leap: 3,
    receive: 0n,
    transmit: 0n,
    reference: 0n,
  };
  const real = judge(exchangeOf(kiss), limits);
  t.deepEqual(real, { kind: 'kiss', code: 'DENY', authenticated: false });
  const forged = judge(exchangeOf({ ...kiss, origin: 1n }), limits);
  t.is(forged.kind === 'rejected' ? forged.failed : null, 'originMatches');
  const unsigned = judge(exchangeOf(kiss, { authentication: 'bad' }), limits);
  t.is(unsigned.kind === 'rejected' ? unsigned.failed : null, 'authentic');
});

test('10^5 mutated and random datagrams: never a throw, and never accepted unless they carry the nonce', (t) => {
  const random = new Random(3);
  const base = encodeNtp(good);
  let accepted = 0;
  for (let i = 0; i < 100_000; i++) {
    let bytes: Uint8Array;
    if (random.chance(0.5)) {
      bytes = Uint8Array.from(base);
      for (let flips = 1 + random.below(4); flips > 0; flips--) {
        const at = random.below(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      }
      if (random.chance(0.2)) bytes = new Uint8Array([...bytes, ...random.bytes(random.below(80))]);
    } else {
      bytes = random.bytes(random.below(200));
    }
    const judgement = judge(exchangeOf({}, { bytes }), limits);
    if (judgement.kind === 'rejected') continue;
    accepted++;
    if (new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(24) !== NONCE) {
      t.fail(Buffer.from(bytes).toString('hex'));
      return;
    }
  }
  t.true(accepted > 0);
});

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

test('AES-CMAC: the examples of RFC 4493, and NIST SP 800-38B for AES-256', (t) => {
  const key = fromHex('2b7e151628aed2a6abf7158809cf4f3c');
  const message = fromHex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  );
  const cases: [number, string][] = [
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ];
  for (const [length, tag] of cases) {
    t.is(Buffer.from(aesCmac(key, message.subarray(0, length))).toString('hex'), tag, `${length} octets`);
  }
  const key256 = fromHex('603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4');
  t.is(Buffer.from(aesCmac(key256, new Uint8Array(0))).toString('hex'), '028962f61b7bf89efc6b551f4667d983');
});

test('a MAC of another key, another key id or another message is bad', (t) => {
  const key = { id: 9, secret: new Uint8Array(16).fill(1) };
  const message = encodeNtp(good);
  const mac = makeMac(key, message);
  t.true(macIsGood(key, message, mac));
  t.false(macIsGood({ ...key, id: 8 }, message, mac));
  t.false(macIsGood({ ...key, secret: new Uint8Array(16).fill(2) }, message, mac));
  t.false(macIsGood(key, encodeNtp({ ...good, stratum: 2 }), mac));
  t.false(macIsGood(key, message, null));
  t.false(macIsGood(key, message, { keyId: 9, digest: new Uint8Array(0) }));
});

/**
 * NTS for monitors (RFC 8915): records and fields, the AEAD against a second implementation, the cookie jar, and a real
 * chronyd that serves it.
 */
import { createCipheriv } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { ClockError, startClock, startReferenceServer } from '../../src/clock/index.js';
import type { ClockEvent, ClockOptions, ClockService } from '../../src/clock/index.js';
import { MODE_SERVER, encodeNtp, encodeRequest, refidFromText } from '../../src/clock/core/ntp-packet.js';
import {
  appendAuthenticator,
  cookiesIn,
  encodeField,
  fieldTypes,
  placeholdersFor,
  readFields,
  sealedAnswer,
} from '../../src/clock/core/nts-fields.js';
import { decodeKeResponse, encodeKeRequest, keMessageComplete } from '../../src/clock/core/nts-records.js';
import type { KeRefusal } from '../../src/clock/core/nts-records.js';
import { aesCmac } from '../../src/clock/mac.js';
import { open, seal } from '../../src/clock/nts/aead.js';
import { NtsSession } from '../../src/clock/nts/session.js';
import type { NtsKeys } from '../../src/clock/nts/session.js';
import { chronyTest, chronydServer } from './chronyd-process.js';
import type { ChronydServer } from './chronyd-process.js';
import { Random } from './random.js';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const join8 = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

// ---- AES-SIV ----------------------------------------------------------------------------------------------------------

function doubled(block: Uint8Array): Uint8Array {
  const value = BigInt(`0x${Buffer.from(block).toString('hex')}`);
  const shifted = ((value << 1n) & ((1n << 128n) - 1n)) ^ (value >> 127n === 1n ? 0x87n : 0n);
  return hex(shifted.toString(16).padStart(32, '0'));
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((octet, i) => octet ^ (b[i] ?? 0));

/** RFC 5297 §2.4 and §2.6, written down as they stand there. */
function sivModel(key: Uint8Array, associated: readonly Uint8Array[], plaintext: Uint8Array): Uint8Array {
  const [k1, k2] = [key.subarray(0, 16), key.subarray(16)];
  let d: Uint8Array = aesCmac(k1, new Uint8Array(16));
  for (const part of associated) d = xor(doubled(d), aesCmac(k1, part));
  let last: Uint8Array;
  if (plaintext.length >= 16) {
    last = plaintext.slice();
    const end = xor(plaintext.subarray(plaintext.length - 16), d);
    last.set(end, plaintext.length - 16);
  } else {
    const padded = new Uint8Array(16);
    padded.set(plaintext);
    padded[plaintext.length] = 0x80;
    last = xor(doubled(d), padded);
  }
  const iv = aesCmac(k1, last);
  const counter = iv.slice();
  counter[8] = (counter[8] ?? 0) & 0x7f;
  counter[12] = (counter[12] ?? 0) & 0x7f;
  const cipher = createCipheriv('aes-128-ctr', k2, counter);
  return join8(iv, cipher.update(plaintext), cipher.final());
}

test('the model of AES-SIV gives the vectors of RFC 5297', (t) => {
  const a1 = sivModel(
    hex('fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0 f0f1f2f3 f4f5f6f7 f8f9fafb fcfdfeff'),
    [hex('10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627')],
    hex('11223344 55667788 99aabbcc ddee'),
  );
  t.deepEqual(a1, hex('85632d07 c6e8f37f 950acd32 0a2ecc93 40c02b96 90c4dc04 daef7f6a fe5c'));
  const a2 = sivModel(
    hex('7f7e7d7c 7b7a7978 77767574 73727170 40414243 44454647 48494a4b 4c4d4e4f'),
    [
      hex('00112233 44556677 8899aabb ccddeeff deaddada deaddada ffeeddcc bbaa9988 77665544 33221100'),
      hex('10203040 50607080 90a0'),
      hex('09f91102 9d74e35b d84156c5 635688c0'),
    ],
    hex(
      '74686973 20697320 736f6d65 20706c61 696e7465 78742074 6f20656e 63727970 74207573 696e6720 5349562d 414553',
    ),
  );
  t.deepEqual(
    a2,
    hex(
      '7bdb6e3b 432667eb 06f4d14b ff2fbd0f cb900f2f ddbe4043 26601965 c889bf17 dba77ceb 094fa663 b7a3f748 ba8af829 ea64ad54 4a272e9c 485b62a3 fd5c0d',
    ),
  );
});

test('what is sealed is what the model seals, and opens only unchanged', (t) => {
  const random = new Random(5297);
  for (let i = 0; i < 150; i++) {
    const [key, nonce] = [random.bytes(32), random.bytes(16)];
    const [associated, plaintext] = [random.bytes(random.below(300)), random.bytes(random.below(120))];
    const sealed = seal(key, nonce, associated, plaintext);
    t.deepEqual(sealed, sivModel(key, [associated, nonce], plaintext));
    t.deepEqual(open(key, nonce, associated, sealed), plaintext);
    const broken = sealed.slice();
    const at = random.below(broken.length);
    broken[at] = (broken[at] ?? 0) ^ (1 << random.below(8));
    t.is(open(key, nonce, associated, broken), null);
    t.is(open(key, nonce, join8(associated, hex('00')), sealed), null);
  }
  t.is(open(random.bytes(32), random.bytes(16), new Uint8Array(0), new Uint8Array(3)), null);
});

// ---- key establishment ------------------------------------------------------------------------------------------------

function record(type: number, body: string, critical = false): Uint8Array {
  const bytes = new Uint8Array(4 + hex(body).length);
  new DataView(bytes.buffer).setUint16(0, type | (critical ? 0x8000 : 0));
  new DataView(bytes.buffer).setUint16(2, hex(body).length);
  bytes.set(hex(body), 4);
  return bytes;
}

const END = record(0, '', true);
const NTP = record(1, '0000', true);
const SIV = record(4, '000f', true);
const COOKIE = record(5, 'c0'.repeat(100));

test('the request for keys: NTPv4, AES-SIV-CMAC-256, end', (t) => {
  t.deepEqual(encodeKeRequest(), hex('80010002 0000 80040002 000f 80000000'));
});

test('an answer gives cookies and the server to ask; every other one is refused for its reason', (t) => {
  const whole = join8(
    NTP,
    SIV,
    record(6, Buffer.from('time.example').toString('hex'), true),
    record(7, '1234', true),
    COOKIE,
    COOKIE,
    record(0x4000, 'ffff'),
    END,
  );
  const agreed = decodeKeResponse(whole);
  t.deepEqual(agreed.ok && [agreed.cookies.length, agreed.server, agreed.port], [2, 'time.example', 0x1234]);
  for (let length = 0; length < whole.length; length++) t.false(keMessageComplete(whole.subarray(0, length)));
  t.true(keMessageComplete(whole));
  const plain = decodeKeResponse(join8(NTP, SIV, COOKIE, END));
  t.deepEqual(plain.ok && [plain.server, plain.port], [null, null]);
  const cases: [KeRefusal, readonly Uint8Array[]][] = [
    ['malformed', [NTP, SIV, COOKIE]],
    ['malformed', [NTP, SIV, COOKIE, END, END]],
    ['malformed', [NTP, SIV, COOKIE, record(0, '00', true)]],
    ['malformed', [NTP, NTP, SIV, COOKIE, END]],
    ['malformed', [NTP, SIV, record(5, ''), END]],
    ['malformed', [NTP, SIV, record(6, '', true), COOKIE, END]],
    ['malformed', [NTP, SIV, record(6, '74002e'), COOKIE, END]],
    ['malformed', [NTP, SIV, record(7, '0000'), COOKIE, END]],
    ['malformed', [NTP, SIV, record(7, '12'), COOKIE, END]],
    ['errorRecord', [record(2, '0001', true), END]],
    ['warningRecord', [record(3, '0001', true), NTP, SIV, COOKIE, END]],
    ['unknownCritical', [NTP, SIV, COOKIE, record(9, '', true), END]],
    ['protocolRefused', [record(1, '', true), SIV, COOKIE, END]],
    ['protocolRefused', [SIV, COOKIE, END]],
    ['algorithmRefused', [NTP, record(4, '0011', true), COOKIE, END]],
    ['algorithmRefused', [NTP, record(4, '', true), COOKIE, END]],
    ['noCookies', [NTP, SIV, END]],
  ];
  for (const [reason, records] of cases) {
    const result = decodeKeResponse(join8(...records));
    t.is(result.ok ? 'agreed' : result.reason, reason);
  }
});

// ---- the session ------------------------------------------------------------------------------------------------------

/** An NTS server as simple as can be: knows the keys, hands out cookies that are numbers. */
class Server {
  readonly keys: NtsKeys;
  readonly seen = new Set<string>();
  #next = 1;

  constructor(cookies = 8) {
    this.keys = {
      clientToServer: new Uint8Array(32).fill(1),
      serverToClient: new Uint8Array(32).fill(2),
      cookies: Array.from({ length: cookies }, () => this.cookie()),
    };
  }

  cookie(): Uint8Array {
    const bytes = new Uint8Array(100);
    new DataView(bytes.buffer).setUint32(0, this.#next++);
    return bytes;
  }

  answer(t: ExecutionContext, question: Uint8Array): Uint8Array {
    const fields = readFields(question, 48, 16) ?? [];
    const cookie = fields.find(({ type }) => type === fieldTypes.cookie);
    const name = Buffer.from(cookie?.body ?? []).toString('hex');
    t.false(this.seen.has(name), 'a cookie was sent twice');
    this.seen.add(name);
    const identifier = fields.find(({ type }) => type === fieldTypes.uniqueIdentifier);
    const opened = sealedAnswer(question, identifier?.body ?? new Uint8Array(0));
    t.deepEqual(
      opened && open(this.keys.clientToServer, opened.nonce, opened.associated, opened.ciphertext),
      new Uint8Array(0),
    );
    const wanted = 1 + fields.filter(({ type }) => type === fieldTypes.cookiePlaceholder).length;
    const cookies = Array.from({ length: wanted }, () => encodeField(fieldTypes.cookie, this.cookie()));
    return this.sealed(identifier?.body ?? new Uint8Array(0), join8(...cookies));
  }

  sealed(identifier: Uint8Array, plaintext: Uint8Array, key = this.keys.serverToClient): Uint8Array {
    const message = join8(header(1), encodeField(fieldTypes.uniqueIdentifier, identifier));
    const nonce = new Uint8Array(16).fill(9);
    return appendAuthenticator(message, nonce, seal(key, nonce, message, plaintext));
  }
}

function header(stratum: number, refid = 'TEST'): Uint8Array {
  return encodeNtp({
    leap: 0,
    version: 4,
    mode: MODE_SERVER,
    stratum,
    poll: 0,
    precision: -20,
    rootDelay: 0,
    rootDispersion: 0,
    refid: refidFromText(refid),
    reference: 1n,
    origin: 7n,
    receive: 1n,
    transmit: 1n,
  });
}

const identifierOf = (question: Uint8Array): Uint8Array =>
  readFields(question, 48, 16)?.find(({ type }) => type === fieldTypes.uniqueIdentifier)?.body ??
  new Uint8Array(0);

test('each cookie is sent once, each answer refills the jar, and lost answers are made up for', (t) => {
  const server = new Server();
  const session = new NtsSession();
  t.false(session.ready);
  session.establish(server.keys);
  for (let round = 0; round < 40; round++) {
    const question = session.protect(encodeRequest(7n));
    // An answer is never longer than its question allows for.
    const answer = server.answer(t, question.packet);
    t.true(answer.length <= 1024);
    // Three of four answers get lost for a while.
    if (round >= 3 && round < 8) continue;
    t.is(question.authenticate(answer), 'good');
  }
  t.is(session.cookiesLeft, 8);
});

test('cookies that are all lost end the questions, and the next attempts for keys are spaced out', (t) => {
  const session = new NtsSession();
  const server = new Server(2);
  t.is(session.nextAttemptInMs(), 0);
  session.establish(server.keys);
  session.protect(encodeRequest(1n));
  t.false(session.unanswered());
  session.protect(encodeRequest(2n));
  t.true(session.unanswered());
  t.throws(() => session.protect(encodeRequest(3n)));
  const waits = Array.from({ length: 20 }, () => session.nextAttemptInMs());
  t.deepEqual(waits.slice(0, 3), [10_000, 20_000, 40_000]);
  t.is(waits.at(-1), 86_400_000);
  session.establish(server.keys);
  const question = session.protect(encodeRequest(4n));
  t.is(question.authenticate(server.sealed(identifierOf(question.packet), new Uint8Array(0))), 'good');
  t.is(session.nextAttemptInMs(), 0);
});

test('“I do not know your cookie” is believed only when no true answer follows', (t) => {
  const server = new Server();
  const session = new NtsSession();
  session.establish(server.keys);
  const nak = (identifier: Uint8Array): Uint8Array =>
    join8(header(0, 'NTSN'), encodeField(fieldTypes.uniqueIdentifier, identifier));
  const first = session.protect(encodeRequest(7n));
  t.is(first.authenticate(nak(new Uint8Array(32))), 'bad');
  t.false(session.unanswered(), 'forged by someone who did not see the question');
  const second = session.protect(encodeRequest(7n));
  t.is(second.authenticate(nak(identifierOf(second.packet))), 'bad');
  t.is(second.authenticate(server.sealed(identifierOf(second.packet), new Uint8Array(0))), 'good');
  t.false(session.unanswered());
  const third = session.protect(encodeRequest(7n));
  t.is(third.authenticate(nak(identifierOf(third.packet))), 'bad');
  t.true(session.unanswered());
  t.false(session.ready);
});

test('an answer with another identifier, another key, or none of either, is not authentic', (t) => {
  const server = new Server();
  const session = new NtsSession();
  session.establish(server.keys);
  const question = session.protect(encodeRequest(7n));
  const own = identifierOf(question.packet);
  const outside = join8(
    header(1),
    server.sealed(own, new Uint8Array(0)).subarray(48 + 36),
    encodeField(fieldTypes.uniqueIdentifier, own),
  );
  const cases: [string, Uint8Array][] = [
    ['no field', header(1)],
    ['no authenticator', join8(header(1), encodeField(fieldTypes.uniqueIdentifier, own))],
    ['other identifier', server.sealed(new Uint8Array(32), new Uint8Array(0))],
    ['other key', server.sealed(own, new Uint8Array(0), new Uint8Array(32).fill(3))],
    ['identifier behind the authenticator', outside],
    ['the question itself', question.packet],
    ['garbage inside', server.sealed(own, new Uint8Array(5))],
  ];
  for (const [name, answer] of cases) t.is(question.authenticate(answer), 'bad', name);
  t.is(question.authenticate(server.sealed(own, new Uint8Array(0))), 'good');
});

test('placeholders are as many as are missing, as long as the answer fits', (t) => {
  t.is(placeholdersFor(7, 100), 0);
  t.is(placeholdersFor(0, 100), 7);
  t.is(placeholdersFor(0, 512), 0);
  t.is(placeholdersFor(0, 200), 3);
  t.deepEqual(cookiesIn(encodeField(fieldTypes.cookie, new Uint8Array(100))), [new Uint8Array(100)]);
});

// ---- a real server ----------------------------------------------------------------------------------------------------

async function until(what: string, condition: () => boolean, ms = 40_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

interface Watched {
  readonly clock: ClockService;
  readonly events: ClockEvent[];
  readonly authenticated: () => number;
}

async function watched(t: ExecutionContext, server: ChronydServer, ca: string): Promise<Watched> {
  const clock = await startClock({
    sources: [
      { name: 'reference', host: '127.0.0.1', port: server.port, role: 'reference' },
      { name: 'nts', role: 'monitor', nts: { server: 'localhost', port: server.ntsPort, ca } },
    ],
    profile: 'lab',
  });
  t.teardown(() => clock.stop());
  const events: ClockEvent[] = [];
  clock.on((event) => events.push(event));
  const authenticated = (): number =>
    events.filter((e) => e.kind === 'comparison' && e.source === 'nts' && e.authenticated).length;
  return { clock, events, authenticated };
}

chronyTest(
  'chronyd with NTS is an authenticated monitor, and again after it has lost its keys',
  async (t) => {
    const server = await chronydServer(t, true);
    const { clock, events, authenticated } = await watched(t, server, server.certificate);
    await until('authenticated comparisons', () => authenticated() >= 12);
    await until('its vote counts', () => !clock.reading().unmonitored);
    t.false(events.some((e) => e.kind === 'comparison' && e.source === 'nts' && !e.authenticated));
    await server.stop();
    rmSync(join(server.directory, 'ntskeys'), { force: true });
    await server.start();
    const before = authenticated();
    await until('authenticated again', () => authenticated() > before + 3);
    const { sources: status } = await clock.status();
    // The refusal of the old cookies was no authentic answer.
    t.true((status.find(({ name }) => name === 'nts')?.rejectedBy['authentic'] ?? 0) >= 1);
  },
);

chronyTest('a server that nobody vouches for gives no keys: told once, with the reason', async (t) => {
  const [server, other] = [await chronydServer(t, true), await chronydServer(t, true)];
  const { events, authenticated } = await watched(t, server, other.certificate);
  const trouble = (): ClockEvent[] =>
    events.filter((e) => e.kind === 'anomaly' && e.code === 'keysNotEstablished');
  await until('told', () => trouble().length > 0);
  const [told] = trouble();
  t.regex(
    told?.kind === 'anomaly' ? told.detail : '',
    /certificate.*check nts\.server, nts\.port and nts\.ca/,
  );
  await until(
    'the reference is not concerned',
    () => events.filter((e) => e.kind === 'comparison').length >= 8,
  );
  t.is(trouble().length, 1);
  t.is(authenticated(), 0);
});

test('NTS is refused for a reference, with the remedy', async (t) => {
  const reference = await startReferenceServer();
  t.teardown(() => reference.stop());
  const options: ClockOptions = {
    sources: [
      { name: 'lab', host: '127.0.0.1', port: reference.port, role: 'reference' },
      { name: 'nts', role: 'reference', nts: { server: 'localhost', port: 4460 } },
    ],
    profile: 'lab',
  };
  const error = await t.throwsAsync(startClock(options), { instanceOf: ClockError });
  t.regex(error.message, /NTS is for monitors only.*AES-CMAC key, or make this source a monitor/);
});

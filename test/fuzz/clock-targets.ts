/** Every parser on the clock's side that reads what others wrote: datagrams, TLS answers, files. */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseChronyConf } from '../../src/clock/core/chrony-conf.js';
import { decodeChronydReply, toChronyFloat } from '../../src/clock/core/chronyd-packets.js';
import type { ChronydRequest } from '../../src/clock/core/chronyd-packets.js';
import { hostTests, judgeHostReport } from '../../src/clock/core/host-report.js';
import { decodeMemory, encodeMemory, freshMemory } from '../../src/clock/core/memory.js';
import {
  MAX_PACKET_BYTES,
  MODE_SERVER,
  appendMac,
  decodeNtp,
  encodeNtp,
  encodeRequest,
  ntpFromPosixNs,
  refidFromText,
} from '../../src/clock/core/ntp-packet.js';
import {
  appendAuthenticator,
  carriesIdentifier,
  cookiesIn,
  encodeField,
  fieldTypes,
  readFields,
  sealedAnswer,
} from '../../src/clock/core/nts-fields.js';
import {
  MAX_COOKIES,
  MAX_COOKIE_BYTES,
  decodeKeResponse,
  keMessageComplete,
} from '../../src/clock/core/nts-records.js';
import {
  decodePeerPacket,
  encodePeerPacket,
  PEER_PACKET_BYTES,
  PEER_PACKET_COVERED,
} from '../../src/clock/core/peer-packet.js';
import { profiles } from '../../src/clock/core/profile.js';
import { judge, packetTests } from '../../src/clock/core/verdict.js';
import { parseVmClock, VMCLOCK_HEAD_BYTES } from '../../src/clock/core/vmclock.js';
import { makeMac } from '../../src/clock/mac.js';
import { seal } from '../../src/clock/nts/aead.js';
import { NtsSession } from '../../src/clock/nts/session.js';
import { withKey } from '../../src/clock/protection.js';
import type { ProtectedQuestion } from '../../src/clock/protection.js';
import { LeapTableError, builtinLeapTable, parseLeapTable } from '../../src/time/leap-table.js';
import { monoNs } from '../../src/time/types.js';
import { findPackageRoot } from '../../src/wire/package-root.js';
import type { FuzzTarget } from './target.js';
import { must } from './target.js';

const NOW = 1_795_478_400_000_000_000n;
const NONCE = 0x0123_4567_89ab_cdefn;
const KEY = { id: 9, secret: new Uint8Array(16).fill(5) };
const IDENTIFIER = new Uint8Array(32).fill(7);

const concat = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function answer(stratum: number, refid: string): Uint8Array {
  return encodeNtp({
    leap: 0,
    version: 4,
    mode: MODE_SERVER,
    stratum,
    poll: 6,
    precision: -25,
    rootDelay: 10,
    rootDispersion: 10,
    refid: refidFromText(refid),
    reference: ntpFromPosixNs(NOW - 10_000_000_000n),
    origin: NONCE,
    receive: ntpFromPosixNs(NOW),
    transmit: ntpFromPosixNs(NOW + 50_000n),
  });
}

const good = answer(1, 'NICT');
const kiss = answer(0, 'RATE');
const keyed = appendMac(good, makeMac(KEY, good));
const extended = concat(good, encodeField(0x0104, IDENTIFIER), encodeField(0x2005, new Uint8Array(60)));

const packets: FuzzTarget = {
  name: 'ntp-packet',
  corpus: [good, kiss, keyed, extended, appendMac(extended, makeMac(KEY, extended)), encodeRequest(NONCE)],
  run: (input) => {
    const decoded = decodeNtp(input);
    if (decoded.ok) {
      const mac = decoded.mac === null ? 0 : 4 + decoded.mac.digest.length;
      must(decoded.covered.length + mac === input.length, 'every octet is header, field or MAC');
      must(input.length <= MAX_PACKET_BYTES, 'what is too long is refused');
    }
    const exchange = { m1: monoNs(1_000_000_000n), m4: monoNs(1_010_050_000n), nonce: NONCE, bytes: input };
    const judgement = judge(
      { ...exchange, authentication: 'none', firstAnswer: true },
      { profile: profiles['public-nict'], refid: null, nearLeap: () => false },
    );
    if (judgement.kind === 'rejected') {
      must(packetTests.includes(judgement.failed), 'the failed test has a name');
      must(!judgement.verdict[judgement.failed], 'the test that is named is one that failed');
      return judgement.failed;
    }
    must(decoded.ok && decoded.packet.origin === NONCE, 'nothing is taken without the nonce');
    return judgement.kind;
  },
};

const macs: FuzzTarget = {
  name: 'ntp-mac',
  corpus: [
    keyed,
    appendMac(extended, makeMac(KEY, extended)),
    appendMac(good, { keyId: 0, digest: new Uint8Array(0) }),
  ],
  run: (input) => {
    const verdict = withKey(KEY)(encodeRequest(NONCE)).authenticate(input);
    if (verdict === 'good') {
      const covered = input.subarray(0, input.length - 20);
      const rest = new DataView(input.buffer, input.byteOffset + covered.length);
      must(rest.getUint32(0) === KEY.id, 'the key id is ours');
      must(Buffer.compare(makeMac(KEY, covered).digest, input.subarray(-16)) === 0, 'the MAC is right');
    }
    return verdict;
  },
};

const SERVER_KEY = new Uint8Array(32).fill(2);

function ntsAnswer(plaintext: Uint8Array): Uint8Array {
  const message = concat(good, encodeField(fieldTypes.uniqueIdentifier, IDENTIFIER));
  const nonce = new Uint8Array(16).fill(3);
  return appendAuthenticator(message, nonce, seal(SERVER_KEY, nonce, message, plaintext));
}

const cookie = encodeField(fieldTypes.cookie, new Uint8Array(100).fill(9));

const ntsFields: FuzzTarget = {
  name: 'nts-fields',
  corpus: [
    ntsAnswer(cookie),
    ntsAnswer(new Uint8Array(0)),
    concat(answer(0, 'NTSN'), encodeField(fieldTypes.uniqueIdentifier, IDENTIFIER)),
    concat(cookie, cookie),
  ],
  run: (input) => {
    const fields = readFields(input, Math.min(48, input.length), 16);
    const inside = cookiesIn(input);
    if (inside !== null) {
      must(inside.length <= MAX_COOKIES, 'no more cookies than the jar holds');
      must(
        inside.every(({ length }) => length > 0 && length <= MAX_COOKIE_BYTES),
        'cookies of usable size',
      );
    }
    if (input.length < 48) return fields === null ? 'malformed' : 'fields';
    const sealed = sealedAnswer(input, IDENTIFIER);
    if (sealed === null) return carriesIdentifier(input, IDENTIFIER) ? 'identified' : 'none';
    must(sealed.associated.length < input.length, 'what is associated ends before the authenticator');
    must(sealed.ciphertext.length >= 16, 'there is at least a tag');
    must(carriesIdentifier(sealed.associated, IDENTIFIER), 'the identifier is under the authenticator');
    return 'sealed';
  },
};

/** Questions are made seldom, because each is sealed; many inputs are tried as the answer to one. */
const INPUTS_PER_QUESTION = 2000;

function ntsAnswerRun(): FuzzTarget['run'] {
  const session = new NtsSession();
  const keys = { clientToServer: new Uint8Array(32).fill(1), serverToClient: SERVER_KEY };
  let left = 0;
  let question: ProtectedQuestion = { packet: new Uint8Array(0), authenticate: () => 'bad' };
  return (input) => {
    if (left === 0) {
      session.establish({ ...keys, cookies: [new Uint8Array(100)] });
      question = session.protect(encodeRequest(NONCE));
      left = INPUTS_PER_QUESTION;
    }
    left--;
    // With the identifier of this question, under which the server has sealed nothing.
    const own = input.slice();
    if (own.length >= 84) own.set(question.packet.subarray(52, 84), 52);
    const opened = sealedAnswer(own, question.packet.subarray(52, 84)) !== null;
    must(question.authenticate(own) === 'bad', 'nothing that was not sealed for this question is authentic');
    must(session.cookiesLeft === 0, 'and no cookie is taken from it');
    return opened ? 'opened in vain' : 'no answer';
  };
}

const ntsAnswers: FuzzTarget = {
  name: 'nts-answer',
  corpus: [ntsAnswer(cookie), ntsAnswer(concat(cookie, cookie)), ntsAnswer(new Uint8Array(0))],
  run: ntsAnswerRun(),
};

function record(type: number, body: readonly number[], critical: boolean): Uint8Array {
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint16(0, type | (critical ? 0x8000 : 0));
  new DataView(bytes.buffer).setUint16(2, body.length);
  bytes.set(body, 4);
  return bytes;
}

const protocol = record(1, [0, 0], true);
const algorithm = record(4, [0, 15], true);
const keCookie = record(5, new Array<number>(100).fill(1), false);
const end = record(0, [], true);

const keRecords: FuzzTarget = {
  name: 'nts-ke',
  corpus: [
    concat(protocol, algorithm, keCookie, keCookie, end),
    concat(
      protocol,
      algorithm,
      record(6, [...text('time.example')], true),
      record(7, [0, 123], true),
      keCookie,
      end,
    ),
    concat(record(2, [0, 1], true), end),
    concat(protocol, record(3, [0, 0], true), end),
  ],
  run: (input) => {
    const complete = keMessageComplete(input);
    const result = decodeKeResponse(input);
    if (!result.ok) return result.reason;
    must(complete, 'what is agreed was complete');
    must(result.cookies.length >= 1 && result.cookies.length <= MAX_COOKIES, 'one to eight cookies');
    must(result.port === null || result.port > 0, 'a port that can be asked');
    must(result.server === null || /^[\x21-\x7e]+$/.test(result.server), 'a server that can be named');
    return 'agreed';
  },
};

function chronydReply(command: number, reply: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 6);
  view.setUint8(1, 2);
  view.setUint16(4, command);
  view.setUint16(6, reply);
  return bytes;
}

function chronydTracking(): Uint8Array {
  const bytes = chronydReply(33, 5, 104);
  const view = new DataView(bytes.buffer);
  view.setUint32(28, refidFromText('PPS0'));
  view.setUint16(28 + 24, 1);
  view.setUint32(28 + 32, Number(NOW / 1_000_000_000n - 3n));
  for (const at of [40, 64, 68, 72]) view.setUint32(28 + at, toChronyFloat(0.0001));
  return bytes;
}

function chronydSource(): Uint8Array {
  const bytes = chronydReply(15, 3, 76);
  const view = new DataView(bytes.buffer);
  bytes.set(text('PPS0'), 28);
  view.setInt16(28 + 20, 4);
  view.setUint16(28 + 26, 2);
  view.setUint16(28 + 30, 255);
  return bytes;
}

const requests: readonly ChronydRequest['kind'][] = ['tracking', 'sourceCount', 'sourceData'];
const firstSource = decodeChronydReply(chronydSource(), 'sourceData');

const chronyd: FuzzTarget = {
  name: 'chronyd-reply',
  corpus: [chronydTracking(), chronydSource(), chronydReply(14, 2, 32), chronydReply(33, 1, 28)],
  run: (input) => {
    let outcome = 'refused';
    for (const kind of requests) {
      const decoded = decodeChronydReply(input, kind);
      if (!decoded.ok) continue;
      const { reply } = decoded;
      must(reply.kind === kind, 'the answer is to the question');
      outcome = kind;
      if (reply.kind !== 'tracking') continue;
      const m4 = monoNs(2_000_000_000n);
      const selected = firstSource.ok && firstSource.reply.kind === 'sourceData' ? firstSource.reply : null;
      const report = { m1: monoNs(m4 - 1000n), m4, tracking: reply, selected };
      const judged = judgeHostReport(
        { ...report, wallMinusMono: { lo: NOW - m4 - 500n, hi: NOW - m4 + 500n } },
        { profile: profiles.leased, references: ['PPS0'], table: builtinLeapTable, nearLeap: () => false },
      );
      if (judged.kind === 'rejected') {
        must(hostTests.includes(judged.failed), 'the failed test has a name');
        outcome = judged.failed;
      } else {
        must(judged.sample.lo < judged.sample.theta && judged.sample.theta < judged.sample.hi, 'an interval');
        outcome = 'sample';
      }
    }
    return outcome;
  },
};

const chronyConf: FuzzTarget = {
  name: 'chrony-conf',
  corpus: [
    'server a iburst\nmaxslewrate 7\n',
    'include /etc/a\nconfdir /b /c\n# x\n',
    'maxslewrate 83333.333',
  ].map(text),
  run: (input) => {
    const { maxSlewPpm } = parseChronyConf(new TextDecoder().decode(input));
    must(Number.isFinite(maxSlewPpm) && maxSlewPpm >= 0, 'a rate');
    return maxSlewPpm > 80_000 ? 'unbounded' : 'bounded';
  },
};

/** The line `#h` that fits, as the IERS computes it: over digits only, in five words without leading zeros. */
function withCheckWord(list: string): string {
  const lines = list.split('\n').filter((line) => !line.startsWith('#h'));
  const numbers = (pattern: RegExp): string[] => lines.flatMap((line) => pattern.exec(line)?.slice(1) ?? []);
  const digits = [
    ...numbers(/^#\$\s+(\d+)/),
    ...numbers(/^#@\s+(\d+)/),
    ...numbers(/^\s*(\d+)\s+(\d+)/),
  ].join('');
  const hash = createHash('sha1').update(digits).digest('hex');
  const words = [0, 8, 16, 24, 32].map((at) => hash.slice(at, at + 8).replace(/^0+(?=.)/, ''));
  return [...lines, `#h\t${words.join(' ')}`].join('\n');
}

const list = withCheckWord(
  '#$\t3960835200\n#@\t3991593600\n2272060800\t10\t# 1 Jan 1972\n2287785600\t11\t# 1 Jul 1972\n2303683200 12\n',
);

const leapTables: FuzzTarget = {
  name: 'leap-seconds.list',
  corpus: [text(list), text(list.replaceAll('\n', '\r\n'))],
  repair: (input) => text(withCheckWord(new TextDecoder().decode(input))),
  run: (input) => {
    try {
      const table = parseLeapTable(new TextDecoder().decode(input), 'fuzz');
      must(table.entries.length >= 1, 'a table has a line');
      table.entries.slice(1).forEach((entry, i) => {
        const before = table.entries[i];
        must(before !== undefined && entry.posixSeconds > before.posixSeconds, 'its lines ascend');
        must(before !== undefined && Math.abs(entry.taiMinusUtc - before.taiMinusUtc) === 1, 'by one second');
      });
      return 'table';
    } catch (error) {
      if (error instanceof LeapTableError) return 'refused';
      throw error;
    }
  },
};

const memories: FuzzTarget = {
  name: 'clock-memory',
  corpus: [
    text(encodeMemory(freshMemory)),
    text(
      encodeMemory({
        ...freshMemory,
        driftPpb: -1234.5,
        disruptions: [NOW],
        sources: {
          nict: {
            budget: { milliTokens: 20_000n, updatedWallNs: NOW },
            backOff: { pollFactor: 4, notBefore: { '192.0.2.1': NOW } },
          },
        },
      }),
    ),
  ],
  run: (input) => {
    const memory = decodeMemory(new TextDecoder().decode(input));
    if (memory === null) return 'refused';
    must(Number.isSafeInteger(memory.epoch) && memory.epoch >= 0, 'an epoch');
    must(memory.driftPpb === null || Math.abs(memory.driftPpb) <= 1_000_000, 'a drift that can be');
    return 'memory';
  },
};

const golden = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(findPackageRoot(), 'test/fixtures/formats/clock', name)));

/** Before its code is checked a datagram is only bytes: what is read must be what would be written. */
const peerPackets: FuzzTarget = {
  name: 'peer-packet',
  corpus: [golden('peer-packet')],
  run: (input) => {
    const packet = decodePeerPacket(input);
    if (packet === null) return 'refused';
    must(input.length === PEER_PACKET_BYTES, 'the one length that there is');
    const covered = input.subarray(0, PEER_PACKET_COVERED);
    must(Buffer.from(encodePeerPacket(packet)).equals(covered), 'the same octets again');
    return 'packet';
  },
};

const vmClocks: FuzzTarget = {
  name: 'vmclock',
  corpus: [golden('vmclock')],
  run: (input) => {
    const head = parseVmClock(input);
    must(head.kind === 'unusable' || input.length >= VMCLOCK_HEAD_BYTES, 'a whole head');
    if (head.kind === 'stable') must(head.sequence % 2 === 0, 'nothing is being written');
    return head.kind;
  },
};

export const clockTargets: readonly FuzzTarget[] = [
  packets,
  macs,
  ntsFields,
  ntsAnswers,
  keRecords,
  chronyd,
  chronyConf,
  leapTables,
  memories,
  peerPackets,
  vmClocks,
];

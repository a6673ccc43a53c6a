/** Session messages survive protobuf unchanged, and whatever bytes arrive give a message or a field at fault. */

import test from 'ava';
import { durNs, taiNs } from '../../src/time/types.js';
import { serviceDefinition } from '../../src/wire/descriptor.js';
import { MalformedMessage } from '../../src/wire/malformed.js';
import {
  requestFromProto,
  requestToProto,
  responseFromProto,
  responseToProto,
  timeFromProto,
  timeRequestFromProto,
  timeRequestToProto,
  timeToProto,
} from '../../src/wire/mapping.js';
import type {
  InstantMessage,
  SessionRequest,
  SessionResponse,
  TimeMessage,
} from '../../src/wire/messages.js';
import { Random } from '../verify/random.js';

const { Session, GetTime } = serviceDefinition('taa.v1.TimeService');

const overWire = (message: SessionRequest): SessionRequest =>
  requestFromProto(Session.requestDeserialize(Session.requestSerialize(requestToProto(message))));
const backOverWire = (message: SessionResponse): SessionResponse =>
  responseFromProto(Session.responseDeserialize(Session.responseSerialize(responseToProto(message))));

/** 64-bit numbers, those at the edges of double and int64 first of all. */
const int64 = (random: Random): bigint =>
  random.pick([
    0n,
    -1n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    BigInt.asIntN(64, (BigInt(random.below(2 ** 32)) << 32n) | BigInt(random.below(2 ** 32))),
  ]);
const span = (random: Random): bigint => {
  const value = int64(random);
  return value < 0n ? -(value + 1n) : value;
};
const count = (random: Random): number => random.pick([0, 1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER]);
const text = (random: Random): string => random.pick(['', 'n1', '東京', 'x'.repeat(64)]);

function instant(random: Random): InstantMessage {
  const [earliest = 0n, best = 0n, latest = 0n] = [int64(random), int64(random), int64(random)].sort(
    (a, b) => (a < b ? -1 : 1),
  );
  return {
    earliest: taiNs(earliest),
    best: taiNs(best),
    latest: taiNs(latest),
    taiMinusUtc: random.pick([37, 0, -1]),
  };
}

const timeMessage = (random: Random): TimeMessage => ({
  kind: 'time',
  nonce: random.bytes(8 + random.below(25)),
  received: instant(random),
  transmitted: instant(random),
  clockState: random.pick([
    'unsynchronised',
    'acquiring',
    'synchronised',
    'holdover',
    'outOfTolerance',
    'disrupted',
    'quarantined',
  ]),
  leap: random.pick(['none', 'announced', 'inProgress', 'infoStale', 'doubtful']),
  uncertified: random.below(2) === 1,
});

const requests = (random: Random): readonly SessionRequest[] => [
  { kind: 'hello', session: random.bytes(16), software: text(random) },
  { kind: 'timeQuery', nonce: random.bytes(8) },
  { kind: 'auditRequest', request: 1 + random.below(1_000) },
  {
    kind: 'probeReply',
    nonce: random.bytes(16),
    received: taiNs(int64(random)),
    transmitted: taiNs(int64(random)),
    timescale: random.pick(['tai', 'utc']),
  },
  {
    kind: 'signedReadings',
    request: Number.MAX_SAFE_INTEGER,
    statement: random.bytes(1 + random.below(500)),
    signature: random.bytes(1 + random.below(100)),
  },
  {
    kind: 'stopAcknowledgement',
    order: count(random),
    statement: random.bytes(9),
    signature: random.bytes(70),
  },
  { kind: 'fetchOutcome', request: 7 },
];

const responses = (random: Random): readonly SessionResponse[] => [
  {
    kind: 'welcome',
    device: text(random),
    node: 'n1',
    site: text(random),
    policy: {
      limit: durNs(span(random)),
      interval: durNs(span(random)),
      maxDelay: durNs(span(random)),
      certificateLife: durNs(span(random)),
      lease: durNs(span(random)),
      voidAfter: durNs(span(random)),
    },
    stop: random.pick([null, { order: count(random), reason: text(random) }]),
    lastSequence: count(random),
  },
  timeMessage(random),
  { kind: 'probe', request: 3, nonce: random.bytes(16) },
  { kind: 'readingsRequest', request: 3 },
  {
    kind: 'outcome',
    request: 3,
    sequence: count(random),
    verdict: random.pick(['pass', 'fail', 'inconclusive']),
    reason: text(random),
    low: durNs(int64(random)),
    high: durNs(int64(random)),
    receipt: random.bytes(random.below(2_000)),
    lease: durNs(span(random)),
    voided: random.below(2) === 1,
  },
  { kind: 'stopOrder', order: count(random), reason: text(random) },
  { kind: 'stopRelease', order: count(random) },
  { kind: 'goingAway', reason: 'SHUTTING_DOWN' },
];

test('every message of ours comes back as it was', (t) => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = new Random(seed);
    for (const message of requests(random)) t.deepEqual(overWire(message), message, `seed ${seed}`);
    for (const message of responses(random)) t.deepEqual(backOverWire(message), message, `seed ${seed}`);
    const time = timeMessage(random);
    t.deepEqual(
      timeFromProto(GetTime.responseDeserialize(GetTime.responseSerialize(timeToProto(time)))),
      time,
    );
    const nonce = random.bytes(8);
    t.deepEqual(
      timeRequestFromProto(GetTime.requestDeserialize(GetTime.requestSerialize(timeRequestToProto(nonce)))),
      nonce,
    );
  }
});

test('byte fields leave as plain Uint8Arrays: the slice of a Buffer would be a view', (t) => {
  const hello = overWire({ kind: 'hello', session: new Uint8Array(16), software: '' });
  t.true(hello.kind === 'hello' && hello.session.constructor === Uint8Array);
});

const probe = {
  nonce: Buffer.alloc(16),
  receivedTaiNs: '1',
  transmittedTaiNs: '2',
  timescale: 'TIMESCALE_TAI',
} as const;

for (const [field, proto] of [
  ['message', {}],
  ['hello.session', { hello: { session: Buffer.alloc(15) } }],
  ['hello.software', { hello: { session: Buffer.alloc(16), software: 'x'.repeat(65) } }],
  ['hello.software', { hello: { session: Buffer.alloc(16), software: '\u001b[31m' } }],
  ['time_query.nonce', { timeQuery: { nonce: Buffer.alloc(33) } }],
  ['audit_request.request', { auditRequest: { request: 0 } }],
  ['audit_request.request', { auditRequest: { request: '9007199254740992' } }],
  ['probe_reply.nonce', { probeReply: { ...probe, nonce: Buffer.alloc(0) } }],
  ['probe_reply.timescale', { probeReply: { ...probe, timescale: 'TIMESCALE_UNSPECIFIED' } }],
  ['signed_readings.statement', { signedReadings: { request: 1, signature: Buffer.alloc(1) } }],
  ['signed_readings.signature', { signedReadings: { request: 1, statement: Buffer.alloc(1) } }],
  [
    'signed_readings.signature',
    { signedReadings: { request: 1, statement: Buffer.alloc(1), signature: Buffer.alloc(2_000) } },
  ],
  ['stop_acknowledgement.statement', { stopAcknowledgement: { order: 1 } }],
  ['fetch_outcome.request', { fetchOutcome: {} }],
] as const) {
  test(`a request with ${JSON.stringify(proto)} is at fault in ${field}`, (t) => {
    const decoded = Session.requestDeserialize(Session.requestSerialize(proto));
    const error = t.throws(() => requestFromProto(decoded), { instanceOf: MalformedMessage });
    t.is(error.field, field);
    t.true(error.message.startsWith(`${field}: `));
  });
}

for (const [field, proto] of [
  ['welcome.policy', { welcome: { device: 'd' } }],
  ['welcome.policy.lease_ns', { welcome: { policy: { leaseNs: -1 } } }],
  ['time.received', { time: { nonce: Buffer.alloc(8), transmitted: {} } }],
  [
    'time.received',
    {
      time: {
        nonce: Buffer.alloc(8),
        received: { earliestTaiNs: 2, bestTaiNs: 1, latestTaiNs: 3 },
        transmitted: {},
      },
    },
  ],
  ['time.clock_state', { time: { nonce: Buffer.alloc(8), received: {}, transmitted: {}, leap: 1 } }],
  ['outcome.verdict', { outcome: { request: 1 } }],
  ['outcome.lease_ns', { outcome: { request: 1, verdict: 'VERDICT_PASS', leaseNs: -5 } }],
  ['probe.nonce', { probe: { request: 1 } }],
] as const) {
  test(`a client is not taken in by a response with ${JSON.stringify(proto)}: ${field}`, (t) => {
    const decoded = Session.responseDeserialize(Session.responseSerialize(proto));
    const error = t.throws(() => responseFromProto(decoded), { instanceOf: MalformedMessage });
    t.is(error.field, field);
  });
}

test('an enum number that this version does not know is malformed, not guessed', (t) => {
  const reply = Session.requestSerialize({ probeReply: probe });
  const [last] = reply.subarray(-1);
  t.is(last, 1, 'the timescale stands last');
  reply[reply.length - 1] = 99;
  const error = t.throws(() => requestFromProto(Session.requestDeserialize(reply)), {
    instanceOf: MalformedMessage,
  });
  t.regex(error.message, /probe_reply\.timescale: 99 is not a value/);
});

test('random bytes never give anything but a message or an error', (t) => {
  const random = new Random(7);
  let messages = 0;
  for (let round = 0; round < 5_000; round += 1) {
    const valid = Session.requestSerialize(requestToProto(random.pick(requests(random))));
    const bytes = random.below(2) === 0 ? Buffer.from(random.bytes(random.below(40))) : valid;
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    let decoded;
    try {
      decoded = Session.requestDeserialize(bytes);
    } catch {
      continue; // protobufjs says no; src/rpc/handlers.ts answers MALFORMED_MESSAGE
    }
    try {
      requestFromProto(decoded);
      messages += 1;
    } catch (error) {
      t.true(error instanceof MalformedMessage, String(error));
    }
  }
  t.true(messages > 100);
});

import test from 'ava';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { durNs, taiNs } from '../../src/time/types.js';
import type { GetTimeResponse__Output } from '../../src/wire/gen/taa/v1/GetTimeResponse.js';
import type { SessionRequest as ProtoRequest } from '../../src/wire/gen/taa/v1/SessionRequest.js';
import type { SessionResponse__Output } from '../../src/wire/gen/taa/v1/SessionResponse.js';
import { requestToProto, responseFromProto, timeFromProto } from '../../src/wire/mapping.js';
import type { SessionResponse } from '../../src/wire/messages.js';
import type { Clients } from '../../src/wire/clients.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { answerOf, clusterId, endOf, policy, startFake, until } from './fake-node.js';

const hello = { kind: 'hello', session: new Uint8Array(16).fill(9), software: 'test 1.0' } as const;
const nonce = new Uint8Array(16).fill(5);

const welcome: SessionResponse = {
  kind: 'welcome',
  device: 'd-1',
  node: 'n1',
  site: 'tokyo',
  policy,
  stop: { order: 17, reason: 'key lost' },
  lastSequence: 3,
};

const read = (stream: ClientDuplexStream<ProtoRequest, SessionResponse__Output>): SessionResponse[] => {
  const messages: SessionResponse[] = [];
  stream.on('data', (message: SessionResponse__Output) => messages.push(responseFromProto(message)));
  return messages;
};

test.serial(
  'a session carries every message both ways, and tells the node once that it is over',
  async (t) => {
    const { node, client } = await startFake(t);
    const outcome: SessionResponse = {
      kind: 'outcome',
      request: 1,
      sequence: 4,
      verdict: 'inconclusive',
      reason: 'DELAY_TOO_LONG',
      low: durNs(-9_007_199_254_740_993n),
      high: durNs(9_007_199_254_740_993n),
      receipt: Uint8Array.of(1, 2, 3),
      lease: durNs(0n),
      voided: true,
    };
    node.onMessage = (session, message) => {
      if (message.kind === 'hello') session.send(welcome);
      if (message.kind === 'auditRequest') session.send({ kind: 'probe', request: 1, nonce });
      if (message.kind === 'probeReply') session.send({ kind: 'readingsRequest', request: 1 });
      if (message.kind === 'signedReadings') session.send(outcome);
    };
    const stream = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session();
    const messages = read(stream);
    const sent = [
      hello,
      { kind: 'auditRequest', request: 1 },
      {
        kind: 'probeReply',
        nonce,
        received: taiNs(-1n),
        transmitted: taiNs(2_000_000_000_123_456_789n),
        timescale: 'utc',
      },
      { kind: 'signedReadings', request: 1, statement: Uint8Array.of(7), signature: Uint8Array.of(8) },
      { kind: 'fetchOutcome', request: 1 },
    ] as const;
    for (const message of sent) stream.write(requestToProto(message));
    await until(() => node.sessions[0]?.received.length === sent.length, 'all requests');
    const [session] = node.sessions;
    t.deepEqual(session?.received, [...sent]);
    t.like(session?.caller, { identity: `taa://${clusterId}/client/tsa-1`, role: 'client', name: 'tsa-1' });
    await until(() => messages.length === 4, 'all responses');
    t.deepEqual(messages, [
      welcome,
      { kind: 'probe', request: 1, nonce },
      { kind: 'readingsRequest', request: 1 },
      outcome,
    ]);

    stream.end();
    t.is(await endOf(stream), null);
    await until(() => session?.closedTimes === 1, 'closed');
    t.is(node.sessions.length, 1);
  },
);

test.serial(
  'the node ends a session: the client learns the reason and whether to try elsewhere',
  async (t) => {
    const { node, client } = await startFake(t);
    node.onMessage = (session) => {
      session.end({ reason: 'LEDGER_DIVERGED', detail: 'roots differ at 12' });
      t.false(session.send(welcome), 'nothing goes out after the end');
    };
    const stream = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session();
    stream.write(requestToProto(hello));
    const error = await endOf(stream);
    t.is(error?.reason, 'LEDGER_DIVERGED');
    t.is(error?.detail, 'roots differ at 12');
    t.true(error?.retryable);
    t.is(node.sessions[0]?.closedTimes, 1);
    t.deepEqual(node.denials, []);
  },
);

test.serial(
  'an unregistered client is refused with PERMISSION_DENIED, and that is put on record',
  async (t) => {
    const { node, client } = await startFake(t);
    node.onMessage = (session) => {
      session.end({ reason: 'CLIENT_NOT_REGISTERED', detail: 'no device' });
    };
    const stream = client('taa.v1.TimeService', 'clients', ['client', 'stranger']).Session();
    stream.write(requestToProto(hello));
    const error = await endOf(stream);
    t.is(error?.reason, 'CLIENT_NOT_REGISTERED');
    t.is(error?.status, 7);
    t.is(node.denials.length, 1);
    t.is(node.denials[0]?.identity, `taa://${clusterId}/client/stranger`);
    t.is(node.denials[0]?.reason, 'CLIENT_NOT_REGISTERED');
  },
);

test.serial('a client that goes away is reported to its session', async (t) => {
  const { node, client } = await startFake(t);
  const stream = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session();
  stream.on('error', () => undefined);
  stream.write(requestToProto(hello));
  await until(() => node.sessions.length === 1, 'the session');
  stream.cancel();
  await until(() => node.sessions[0]?.closedTimes === 1, 'closed');
  t.pass();
});

test.serial('a stream that never says Hello is ended', async (t) => {
  const { node, client } = await startFake(t, { limits: { helloTimeoutMs: 150 } });
  const started = performance.now();
  const error = await endOf(client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session());
  t.is(error?.reason, 'SESSION_STALLED');
  t.true(performance.now() - started < 3_000);
  t.is(node.sessions.length, 0);
});

test.serial('anything before Hello ends the stream', async (t) => {
  const { node, client } = await startFake(t);
  const stream = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session();
  stream.write(requestToProto({ kind: 'auditRequest', request: 1 }));
  t.is((await endOf(stream))?.reason, 'UNEXPECTED_MESSAGE');
  t.is(node.sessions.length, 0);
});

test.serial('a field out of range ends the session and names the field', async (t) => {
  const { node, client } = await startFake(t);
  const stream = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session();
  stream.write(requestToProto(hello));
  stream.write({ probeReply: { nonce: Buffer.alloc(3), timescale: 'TIMESCALE_TAI' } });
  const error = await endOf(stream);
  t.is(error?.reason, 'MALFORMED_MESSAGE');
  t.regex(error?.message ?? '', /probe_reply\.nonce/);
  t.is(node.sessions[0]?.closedTimes, 1);
});

/**
 * A client that reads one message and then no more. (One that never reads at all does not stall: grpc-js then takes
 * everything into memory.)
 */
function stalledSession(
  tsa: Clients['taa.v1.TimeService'],
): ClientDuplexStream<ProtoRequest, SessionResponse__Output> {
  const stream = tsa.Session();
  stream.on('error', () => undefined);
  stream.once('data', () => stream.pause());
  stream.write(requestToProto(hello));
  return stream;
}

const big: SessionResponse = { ...welcome, kind: 'welcome', site: 'x'.repeat(50_000) };
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

test.serial(
  'a client that does not read is ended and its stream freed, although no status can reach it',
  async (t) => {
    const { node, client } = await startFake(t, { limits: { maxUnreadMessages: 32, streamsPerIdentity: 1 } });
    const tsa = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']);
    stalledSession(tsa);
    await until(() => node.sessions.length === 1, 'the session');
    const [session] = node.sessions;
    let accepted = 0;
    while (session?.send(big)) {
      accepted += 1;
      t.true(accepted < 500, 'memory is bounded');
      await turn();
    }
    t.is(session?.closedTimes, 1);
    // The one stream that this identity may have becomes free.
    const refusals: string[] = [];
    while (node.sessions.length === 1 && refusals.length < 100) {
      const again = tsa.Session();
      again.write(requestToProto(hello));
      const refused = endOf(again).then((error) => refusals.push(error?.reason ?? 'OK'));
      await Promise.race([refused, until(() => node.sessions.length === 2, 'a second session', 25_000)]);
      again.cancel();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    t.is(node.sessions.length, 2);
    t.true(
      refusals.every((reason) => reason === 'SESSION_LIMIT' || reason === 'CANCELLED'),
      refusals.join(),
    );
  },
);

test.serial('a client that stops reading for too long is ended even if little is waiting', async (t) => {
  const { node, client } = await startFake(t, { limits: { maxUnreadMs: 200, maxUnreadMessages: 1_000 } });
  stalledSession(client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']));
  await until(() => node.sessions.length === 1, 'the session');
  const [session] = node.sessions;
  for (let count = 0; count < 100; count += 1) {
    session?.send(big);
    await turn();
  }
  await until(() => session?.closedTimes === 1, 'the end');
  t.false(session?.send(big));
});

test.serial('a client that reads slowly, but reads, is not ended', async (t) => {
  const { node, client } = await startFake(t, { limits: { maxUnreadMs: 3_000, maxUnreadMessages: 1_000 } });
  const stream = stalledSession(client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']));
  await until(() => node.sessions.length === 1, 'the session');
  const [session] = node.sessions;
  for (let count = 0; count < 100; count += 1) session?.send(big);
  await new Promise((resolve) => setTimeout(resolve, 300));
  let read = 0;
  stream.on('data', () => (read += 1));
  stream.resume();
  await until(() => read >= 99, 'all messages');
  t.is(session?.closedTimes, 0);
  t.true(session?.send(big));
  stream.cancel();
});

test.serial('a client that floods is ended', async (t) => {
  const { node, client } = await startFake(t, { limits: { messagesPerSecond: 0.001, messageBurst: 5 } });
  const stream = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']).Session();
  stream.write(requestToProto(hello));
  for (let count = 0; count < 10; count += 1) stream.write(requestToProto({ kind: 'timeQuery', nonce }));
  t.is((await endOf(stream))?.reason, 'RATE_LIMITED');
  t.is(node.sessions[0]?.received.length, 5);
});

test.serial('an identity holds only so many streams; another one is not affected', async (t) => {
  const { node, client } = await startFake(t, { limits: { streamsPerIdentity: 2 } });
  const tsa1 = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']);
  const tsa2 = client('taa.v1.TimeService', 'clients', ['client', 'tsa-2']);
  const open = [tsa1, tsa1, tsa2].map((tsa) => {
    const stream = tsa.Session();
    stream.on('error', () => undefined);
    stream.write(requestToProto(hello));
    return stream;
  });
  await until(() => node.sessions.length === 3, 'three sessions');
  t.is((await endOf(tsa1.Session()))?.reason, 'SESSION_LIMIT');
  open[0]?.cancel();
  await until(() => node.sessions.some((session) => session.closedTimes === 1), 'one closed');
  const again = tsa1.Session();
  again.on('error', () => undefined);
  again.write(requestToProto(hello));
  await until(() => node.sessions.length === 4, 'a fourth session');
  for (const stream of [...open, again]) stream.cancel();
});

test.serial('time is told with the readings at receipt and at departure', async (t) => {
  const { client } = await startFake(t);
  const tsa = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']);
  const answer = await answerOf<GetTimeResponse__Output>((done) => tsa.GetTime({ nonce }, done));
  if (answer instanceof RpcError) throw answer;
  const time = timeFromProto(answer);
  t.deepEqual(time.nonce, nonce);
  t.true(time.transmitted.earliest > time.received.earliest);
  t.is(time.received.taiMinusUtc, 37);
  t.is(time.clockState, 'synchronised');
  t.false(time.uncertified);
});

for (const [state, reason] of [
  ['unsynchronised', 'CLOCK_NOT_SYNCHRONISED'],
  ['acquiring', 'CLOCK_NOT_SYNCHRONISED'],
  ['outOfTolerance', 'CLOCK_OUT_OF_TOLERANCE'],
  ['disrupted', 'CLOCK_DISRUPTED'],
  ['quarantined', 'CLOCK_QUARANTINED'],
] as const) {
  test.serial(`a clock that is ${state} tells no time`, async (t) => {
    const { node, client } = await startFake(t);
    node.clockState = state;
    const tsa = client('taa.v1.TimeService', 'clients', ['client', 'tsa-1']);
    const answer = await answerOf<GetTimeResponse__Output>((done) => tsa.GetTime({ nonce }, done));
    t.true(answer instanceof RpcError && answer.reason === reason && answer.retryable);
  });
}

import test from 'ava';
import type { HealthCheckResponse__Output } from '../../src/wire/gen/grpc/health/v1/HealthCheckResponse.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import type { GetEntriesResponse__Output } from '../../src/wire/gen/taa/v1/GetEntriesResponse.js';
import type { GetReceiptResponse__Output } from '../../src/wire/gen/taa/v1/GetReceiptResponse.js';
import type { GetStatusResponse__Output } from '../../src/wire/gen/taa/v1/GetStatusResponse.js';
import type { ListClientsResponse__Output } from '../../src/wire/gen/taa/v1/ListClientsResponse.js';
import type { SubmitCommandResponse__Output } from '../../src/wire/gen/taa/v1/SubmitCommandResponse.js';
import type { TailResponse__Output } from '../../src/wire/gen/taa/v1/TailResponse.js';
import type { LabDoor, SignedCommandSubmission } from '../../src/rpc/doors.js';
import type { LabAcknowledgement } from '../../src/wire/lab-messages.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { answerOf, endOf, startFake, until } from './fake-node.js';

const reasonOf = (answer: unknown): string => (answer instanceof RpcError ? answer.reason : 'OK');

test.serial('the log is read: entries, proofs, tiles; what is not there has a reason', async (t) => {
  const { client } = await startFake(t);
  const log = client('taa.v1.LogService', 'administration', ['auditor', 'eve']);
  const entries = await answerOf<GetEntriesResponse__Output>((done) =>
    log.GetEntries({ start: 1, count: 1_024 }, done),
  );
  t.like(entries, { start: '1', size: '3', leaves: [Buffer.from([2, 2]), Buffer.from([3, 3, 3])] });
  t.is(reasonOf(await answerOf((done) => log.GetEntries({ start: 3, count: 1 }, done))), 'BEYOND_LOG');
  t.is(reasonOf(await answerOf((done) => log.GetEntries({ start: 0, count: 0 }, done))), 'MALFORMED_MESSAGE');
  t.is(
    reasonOf(await answerOf((done) => log.GetEntries({ start: 0, count: 1_025 }, done))),
    'MALFORMED_MESSAGE',
  );
  t.is(reasonOf(await answerOf((done) => log.GetInclusionProof({ leafIndex: 2 }, done))), 'OK');
  t.is(reasonOf(await answerOf((done) => log.GetInclusionProof({ leafIndex: 3 }, done))), 'BEYOND_LOG');
  t.is(
    reasonOf(await answerOf((done) => log.GetConsistencyProof({ firstSize: 1, secondSize: 3 }, done))),
    'OK',
  );
  t.is(
    reasonOf(await answerOf((done) => log.GetConsistencyProof({ firstSize: 3, secondSize: 2 }, done))),
    'MALFORMED_MESSAGE',
  );
  t.is(reasonOf(await answerOf((done) => log.GetTile({ level: 7 }, done))), 'MALFORMED_MESSAGE');
  const body = await answerOf((done) => log.GetBody({ hash: Buffer.alloc(32) }, done));
  t.is(reasonOf(body), 'NOT_FOUND');
  t.is((body as RpcError).detail, 'the body was erased');
});

test.serial('a linearizable read waits until the node is current; any other does not', async (t) => {
  const { node, client } = await startFake(t);
  const log = client('taa.v1.LogService', 'administration', ['auditor', 'eve']);
  node.current = () => {
    node.append(Uint8Array.of(4));
    return Promise.resolve();
  };
  const size = async (linearizable: boolean): Promise<string> => {
    const answer = await answerOf<GetEntriesResponse__Output>((done) =>
      log.GetEntries({ start: 0, count: 1, linearizable }, done),
    );
    return answer instanceof RpcError ? answer.reason : answer.size;
  };
  t.is(await size(false), '3');
  t.is(await size(true), '4');
  node.current = () => Promise.reject(new RpcError('NO_QUORUM'));
  t.is(await size(true), 'NO_QUORUM');
  t.is(await size(false), '4');
});

test.serial('a checkpoint that is not there yet is waited for up to the deadline of the call', async (t) => {
  const { client } = await startFake(t);
  const log = client('taa.v1.LogService', 'administration', ['auditor', 'eve']);
  t.is(reasonOf(await answerOf((done) => log.GetCheckpoint({ minSize: 3 }, done))), 'OK');
  const started = performance.now();
  const answer = await answerOf((done) =>
    log.GetCheckpoint({ minSize: 4 }, { deadline: Date.now() + 300 }, done),
  );
  t.is(reasonOf(answer), 'DEADLINE_EXCEEDED');
  t.true(performance.now() - started >= 250);
});

test.serial('a client reads receipts of its own device, and learns nothing of others', async (t) => {
  const { node, client } = await startFake(t);
  const log = client('taa.v1.LogService', 'clients', ['client', 'tsa-1']);
  const own = await answerOf<GetReceiptResponse__Output>((done) =>
    log.GetReceipt({ device: 'd-1', sequence: 3 }, done),
  );
  t.false(own instanceof RpcError);
  t.is((own as GetReceiptResponse__Output).receipt.toString(), 'd-1#3');
  const others = await answerOf((done) => log.GetReceipt({ device: 'd-2', sequence: 3 }, done));
  const unknown = await answerOf((done) => log.GetReceipt({ device: 'd-9', sequence: 3 }, done));
  t.is(reasonOf(others), 'NOT_YOUR_RECORD');
  t.is((unknown as RpcError).message, (others as RpcError).message);
  t.deepEqual(
    node.denials.map(({ reason }) => reason),
    ['NOT_YOUR_RECORD', 'NOT_YOUR_RECORD'],
  );
});

test.serial('Tail gives what is there and what comes, in order, until the reader goes', async (t) => {
  const { node, client } = await startFake(t);
  const tail = client('taa.v1.LogService', 'administration', ['auditor', 'eve']).Tail({ start: 1 });
  const seen: string[] = [];
  tail.on('error', () => undefined);
  tail.on('data', ({ index, leaf }: TailResponse__Output) => seen.push(`${index}:${leaf[0] ?? ''}`));
  await until(() => seen.length === 2, 'what is there');
  for (let value = 4; value < 600; value += 1) node.append(Uint8Array.of(value & 255));
  await until(() => seen.length === 598, 'what came');
  t.is(seen[0], '1:2');
  t.is(seen.at(-1), `598:${599 & 255}`);
  t.deepEqual(
    seen.map((text) => Number(text.split(':')[0])),
    Array.from({ length: 598 }, (_, k) => k + 1),
  );
  tail.cancel();
  const beyond = client('taa.v1.LogService', 'administration', ['auditor', 'eve']).Tail({ start: 10_000 });
  t.is((await endOf(beyond))?.reason, 'BEYOND_LOG');
});

test.serial('status, clock and clients say what the node knows, 64-bit numbers whole', async (t) => {
  const { client } = await startFake(t);
  const admin = client('taa.v1.AdminService', 'administration', ['operator', 'olga']);
  t.like(await answerOf<GetStatusResponse__Output>((done) => admin.GetStatus({}, done)), {
    node: 'n1',
    role: 'RAFT_ROLE_LEADER',
    leader: 'n1',
    term: '4',
    clusterTimeTaiNs: '2000000000000000001',
    clockState: 'CLOCK_STATE_SYNCHRONISED',
    logSize: '3',
  });
  const clock = await answerOf<GetClockResponse__Output>((done) => admin.GetClock({}, done));
  t.like(clock, { state: 'CLOCK_STATE_SYNCHRONISED', sourceName: 'laboratory, not UTC(NICT)' });
  t.like((clock as GetClockResponse__Output).sources[0], { name: 'nict', lastOffsetNs: '-12345' });
  const all = await answerOf<ListClientsResponse__Output>((done) => admin.ListClients({}, done));
  t.like((all as ListClientsResponse__Output).clients, [
    {
      device: 'd-1',
      connected: true,
      lastVerdict: 'VERDICT_PASS',
      lastLowNs: '-9007199254740993',
      stopped: false,
      stopAcknowledged: false,
    },
    { device: 'd-2', lastVerdict: 'VERDICT_UNSPECIFIED' },
  ]);
  t.is(reasonOf(await answerOf((done) => admin.ListClients({ device: 'd-9' }, done))), 'NOT_FOUND');
});

test.serial(
  'a signed command reaches the node as it was signed; its refusal comes back with leader hint',
  async (t) => {
    const { node, client } = await startFake(t);
    const admin = client('taa.v1.AdminService', 'administration', ['operator', 'olga']);
    let submitted: SignedCommandSubmission | null = null;
    node.submit = (command) => {
      submitted = command;
      return Promise.resolve({ leaf: 9_007_199_254_740_991, raftIndex: 9 });
    };
    const request = {
      statement: Buffer.from([1, 2]),
      signer: 'alice',
      algorithm: 'ecdsa-p256-sha256',
      signature: Buffer.from([3]),
    };
    const answer = await answerOf<SubmitCommandResponse__Output>((done) =>
      admin.SubmitCommand(request, done),
    );
    t.like(answer, { leafIndex: '9007199254740991', raftIndex: '9' });
    t.deepEqual(submitted, {
      statement: Uint8Array.of(1, 2),
      signer: 'alice',
      algorithm: 'ecdsa-p256-sha256',
      signature: Uint8Array.of(3),
      body: new Uint8Array(),
      bodySalt: new Uint8Array(),
    });
    node.submit = () => Promise.reject(new RpcError('NOT_LEADER', undefined, { leader: 'n3' }));
    const refused = await answerOf((done) => admin.SubmitCommand(request, done));
    t.true(
      refused instanceof RpcError &&
        refused.reason === 'NOT_LEADER' &&
        refused.leader === 'n3' &&
        refused.retryable,
    );
    t.is(
      reasonOf(await answerOf((done) => admin.SubmitCommand({ ...request, signature: '' }, done))),
      'MALFORMED_MESSAGE',
    );
  },
);

test.serial('what goes wrong inside the node is INTERNAL, and its text stays there', async (t) => {
  const { node, client } = await startFake(t);
  node.submit = () => Promise.reject(new TypeError('secret of the implementation'));
  const admin = client('taa.v1.AdminService', 'administration', ['operator', 'olga']);
  const request = { statement: Buffer.from([1]), signature: Buffer.from([1]) };
  const answer = await answerOf((done) => admin.SubmitCommand(request, done));
  t.is(reasonOf(answer), 'INTERNAL');
  t.notRegex((answer as RpcError).message, /secret/);
});

test.serial(
  'appends of one commit are acknowledged with one message a stream; refusals stay apart',
  async (t) => {
    const waiting: (() => void)[] = [];
    let nextLeaf = 100;
    let refusing = false;
    const appended: number[] = [];
    const lab: LabDoor = {
      append(records, done) {
        appended.push(...records.map((record) => record.length));
        const firstLeaf = nextLeaf;
        if (!refusing) nextLeaf += records.length;
        const result = refusing ? { refused: 'OVERLOADED' } : { firstLeaf };
        waiting.push(() => done(result));
      },
    };
    const commit = (): void => waiting.splice(0).forEach((finish) => finish());
    const { client } = await startFake(t, { lab });
    const stream = client('taa.v1.LabService', 'administration', ['operator', 'bench']).Append();
    const acknowledged: LabAcknowledgement[] = [];
    stream.on('data', (message: LabAcknowledgement) => acknowledged.push(message));
    const ended = endOf(stream);
    const record = new Uint8Array(512);
    stream.write({ firstId: 0, records: [record, record] });
    stream.write({ firstId: 2, records: [record] });
    stream.write({ firstId: 3, records: [record, record, record] });
    await until(() => waiting.length === 3, 'three requests');
    commit();
    await until(() => acknowledged.length === 1, 'the acknowledgement');
    stream.write({ firstId: 6, records: [new Uint8Array(65_000)] });
    await until(() => waiting.length === 1, 'the fourth');
    refusing = true;
    stream.write({ firstId: 7, records: [record] });
    await until(() => waiting.length === 2, 'the fifth');
    stream.end();
    commit();
    await until(() => acknowledged.length === 3, 'the rest');
    t.deepEqual(acknowledged, [
      { firstId: 0, count: 6, firstLeaf: 100, refused: '' },
      { firstId: 6, count: 1, firstLeaf: 106, refused: '' },
      { firstId: 7, count: 1, firstLeaf: 0, refused: 'OVERLOADED' },
    ]);
    t.is(await ended, null);
    t.deepEqual(appended, [512, 512, 512, 512, 512, 512, 65_000, 512]);
  },
);

test.serial('a record that is empty or too long is refused', async (t) => {
  const { client } = await startFake(t, { lab: { append: (_records, done) => done({ firstLeaf: 0 }) } });
  for (const length of [0, 65_001]) {
    const stream = client('taa.v1.LabService', 'administration', ['operator', 'bench']).Append();
    stream.write({ firstId: 0, records: [new Uint8Array(length)] });
    t.is((await endOf(stream))?.reason, 'MALFORMED_MESSAGE');
  }
});

test.serial('a cluster that is no laboratory appends nothing', async (t) => {
  const { client } = await startFake(t);
  const stream = client('taa.v1.LabService', 'administration', ['admin', 'alice']).Append();
  stream.write({ firstId: 0, records: [Uint8Array.of(1)] });
  t.is((await endOf(stream))?.reason, 'NOT_LABORATORY');
});

test.serial(
  'health says whether the node serves, for the node and for each service of the listener',
  async (t) => {
    let reasons: readonly string[] = [];
    const { client } = await startFake(t, { unready: () => reasons });
    const health = client('grpc.health.v1.Health', 'clients', ['client', 'tsa-1']);
    const check = async (service: string): Promise<string> => {
      const answer = await answerOf<HealthCheckResponse__Output>((done) => health.Check({ service }, done));
      return answer instanceof RpcError ? answer.reason : answer.status;
    };
    t.is(await check(''), 'SERVING');
    t.is(await check('taa.v1.TimeService'), 'SERVING');
    t.is(await check('taa.v1.AdminService'), 'NOT_FOUND');
    const watched: string[] = [];
    const watch = health.Watch({ service: '' });
    watch.on('error', () => undefined);
    watch.on('data', ({ status }: HealthCheckResponse__Output) => watched.push(status));
    await until(() => watched.length === 1, 'the status now');
    reasons = ['NO_QUORUM'];
    t.is(await check('taa.v1.TimeService'), 'NOT_SERVING');
    await until(() => watched.length === 2, 'the change');
    t.deepEqual(watched, ['SERVING', 'NOT_SERVING']);
    watch.cancel();
  },
);

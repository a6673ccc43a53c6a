/**
 * What comes over the network and should not: each is refused with a reason, put on record where somebody was turned
 * away, and disturbs nobody else. On a real process; that every method and role is covered is shown in test/rpc.
 */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeClientConstructor } from '@grpc/grpc-js';
import type { Client } from '@grpc/grpc-js';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import type { RegisteredClient } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import { submitAct } from '../../src/operator/acts.js';
import { openAuthority } from '../../src/pki/ca.js';
import { encodePem, pemContents } from '../../src/pki/pem.js';
import { generateKey, softwareSigner, spkiOf } from '../../src/pki/signer.js';
import { channelOptions, clientCredentials } from '../../src/pki/tls.js';
import type { TlsMaterial } from '../../src/pki/tls.js';
import { decode } from '../../src/verify/cbor.js';
import type { CborMap } from '../../src/verify/cbor.js';
import { isMap } from '../../src/verify/cbor-reader.js';
import { openClient } from '../../src/wire/clients.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import type { SessionResponse__Output } from '../../src/wire/gen/taa/v1/SessionResponse.js';
import { requestToProto, responseFromProto } from '../../src/wire/mapping.js';
import type { SessionRequest, SessionResponse } from '../../src/wire/messages.js';
import type { ErrorReason } from '../../src/wire/reasons.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { wholeLog } from './examination.js';

const NODE = 'tokyo';
const directory = mkdtempSync(join(tmpdir(), 'taa-bad-input-'));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const bytes = (value: Buffer): Buffer => value;

let cluster: LabCluster;
let tsa: RegisteredClient;

test.before(async () => {
  cluster = await LabCluster.start({ directory, sites: [NODE], policy: LAB_POLICY });
  tsa = await cluster.register('tsa-1');
});

test.after.always(async () => {
  await (cluster as LabCluster | undefined)?.close();
  rmSync(directory, { recursive: true, force: true });
});

// ---- saying things to the node -------------------------------------------------------------------------------------

const server = () => ({ clusterId: cluster.files.plan.clusterId, role: 'node' as const, name: NODE });
type Listener = 'peers' | 'clients' | 'administration';
const addressOf = (listener: Listener): string => `127.0.0.1:${cluster.ports.get(NODE)?.[listener] ?? 0}`;

/** A client that sends whatever bytes it is given, with a certificate in order. */
function rawClient(t: ExecutionContext, listener: Listener, tls: TlsMaterial): Client {
  const Raw = makeClientConstructor({}, 'Raw');
  const client = new Raw(addressOf(listener), clientCredentials(tls, server()), channelOptions(server()));
  t.teardown(() => client.close());
  return client;
}

function unary(client: Client, method: string, message: Buffer): Promise<Buffer | RpcError> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      method,
      bytes,
      bytes,
      message,
      { deadline: Date.now() + 10_000 } as never,
      (error: Error | null, value?: Buffer) => resolve(error ? RpcError.from(error) : (value as Buffer)),
    );
  });
}

/** How a stream ended: null for OK. */
function endOf(stream: NodeJS.EventEmitter): Promise<RpcError | null> {
  return new Promise((resolve) => {
    stream.on('error', (error) => resolve(RpcError.from(error)));
    stream.on('end', () => setTimeout(() => resolve(null), 100));
    stream.on('data', () => undefined);
  });
}

const GET_TIME = '/taa.v1.TimeService/GetTime';
const aQuestion = Buffer.from([0x0a, 0x08, 1, 2, 3, 4, 5, 6, 7, 8]);

/** An honest client is served, whatever somebody else just did. */
async function stillServes(t: ExecutionContext): Promise<void> {
  const answer = await unary(rawClient(t, 'clients', tsa.tls), GET_TIME, aQuestion);
  t.false(answer instanceof RpcError, String(answer));
  t.true(cluster.process(NODE).running);
  t.notRegex(readFileSync(cluster.logFile(NODE), 'utf8'), /"stack"|\n\s+at /);
}

function refusedAs(t: ExecutionContext, answer: unknown, reason: ErrorReason, says: RegExp): void {
  t.true(answer instanceof RpcError, String(answer));
  if (!(answer instanceof RpcError)) return;
  t.is(answer.reason, reason, answer.message);
  t.regex(answer.message, says);
}

/** Waits for a record; the first that fits. */
async function recordWhere(fits: (record: CborMap) => boolean): Promise<CborMap | null> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    for (const leaf of await wholeLog(cluster, NODE)) {
      const record = decode(leaf);
      if (isMap(record) && fits(record)) return record;
    }
    await sleep(200);
  }
  return null;
}

const denialOf = (identity: string, reason: string) =>
  recordWhere(
    (record) =>
      record.get('type') === 'accessDenied' &&
      record.get('identity') === identity &&
      record.get('reason') === reason,
  );

// ---- messages ------------------------------------------------------------------------------------------------------

test.serial(
  'malformed protobuf with a valid certificate is named as such, on a call and in a session',
  async (t) => {
    const client = rawClient(t, 'clients', tsa.tls);
    refusedAs(t, await unary(client, GET_TIME, Buffer.from([0x0a, 0x7f, 0x01])), 'MALFORMED_MESSAGE', /./);
    const session = client.makeBidiStreamRequest('/taa.v1.TimeService/Session', bytes, bytes);
    session.write(Buffer.alloc(12, 0xff));
    refusedAs(t, await endOf(session), 'MALFORMED_MESSAGE', /./);
    await stillServes(t);
  },
);

test.serial('an oversized message is refused with the limit', async (t) => {
  const client = rawClient(t, 'clients', tsa.tls);
  refusedAs(
    t,
    await unary(client, GET_TIME, Buffer.alloc(1_048_577)),
    'MESSAGE_TOO_LARGE',
    /at most 1048576/,
  );
  refusedAs(t, await unary(client, GET_TIME, Buffer.alloc(16 << 20)), 'MESSAGE_TOO_LARGE', /./);
  await stillServes(t);
});

test.serial('a stream that says nothing is ended after five seconds', async (t) => {
  const client = rawClient(t, 'clients', tsa.tls);
  const session = client.makeBidiStreamRequest('/taa.v1.TimeService/Session', bytes, bytes);
  const begun = performance.now();
  refusedAs(t, await endOf(session), 'SESSION_STALLED', /Hello/);
  t.true(performance.now() - begun < 15_000);
  await stillServes(t);
});

test.serial(
  'a client that stalls in the middle of an audit is not measured, and may try again',
  async (t) => {
    const client = openClient(
      'taa.v1.TimeService',
      addressOf('clients'),
      clientCredentials(tsa.tls, server()),
      channelOptions(server()),
    );
    t.teardown(() => client.close());
    const stream = client.Session();
    const heard: SessionResponse[] = [];
    stream.on('data', (proto: SessionResponse__Output) => heard.push(responseFromProto(proto)));
    stream.on('error', () => undefined);
    const say = (message: SessionRequest): void => {
      stream.write(requestToProto(message));
    };
    const hear = async <K extends SessionResponse['kind']>(
      kind: K,
    ): Promise<Extract<SessionResponse, { kind: K }>> => {
      for (let attempt = 0; attempt < 200; attempt += 1) {
        const at = heard.findIndex((message) => message.kind === kind);
        if (at >= 0) return heard.splice(at, 1)[0] as Extract<SessionResponse, { kind: K }>;
        await sleep(50);
      }
      throw new Error(`no ${kind} within 10 s, but ${heard.map(({ kind: other }) => other).join(', ')}`);
    };
    say({ kind: 'hello', session: new Uint8Array(randomBytes(16)), software: 'stalls' });
    await hear('welcome');
    say({ kind: 'auditRequest', request: 1 });
    await hear('probe');
    const outcome = await hear('outcome');
    t.is(outcome.verdict, 'inconclusive');
    t.is(outcome.reason, 'PROBE_TIMEOUT');
    say({ kind: 'auditRequest', request: 2 });
    await hear('probe');
    stream.cancel();
    await stillServes(t);
  },
);

// ---- who may -------------------------------------------------------------------------------------------------------

test.serial(
  'a client certificate opens neither administration nor consensus, and each attempt is on record',
  async (t) => {
    for (const [listener, method] of [
      ['administration', '/taa.v1.AdminService/GetStatus'],
      ['peers', '/taa.v1.ConsensusService/Subscribe'],
    ] as const) {
      const answer = await unary(rawClient(t, listener, tsa.tls), method, Buffer.alloc(0));
      refusedAs(
        t,
        answer,
        'ROLE_NOT_ALLOWED',
        new RegExp(`client may not call .* on the ${listener} listener`),
      );
    }
    const record = await denialOf(tsa.identity, 'ROLE_NOT_ALLOWED');
    t.truthy(record);
    t.regex(record?.get('address') as string, /127\.0\.0\.1:\d+/, 'from where');
    await stillServes(t);
  },
);

test.serial('an auditor may read but not order, and the attempt is on record', async (t) => {
  const auditor = cluster.files.enrol('auditor', 'anna');
  const connection = cluster.connect(auditor);
  t.teardown(() => connection.close());
  const order = submitAct(connection, auditor, {
    command: 'stopClient',
    device: tsa.device,
    reason: 'because',
  });
  const error = await t.throwsAsync(order, { instanceOf: RpcError });
  t.regex(error.message, /SIGNER_UNKNOWN|ROLE_NOT_ALLOWED/);
  t.truthy(
    await recordWhere(
      (record) => record.get('type') === 'refused' && record.get('reason') === 'SIGNER_UNKNOWN',
    ),
  );
  t.is((await connection.call(({ admin }) => admin.GetStatus.bind(admin) as never, {})).node, NODE);
});

test.serial('a client that is not registered gets PERMISSION_DENIED and a record', async (t) => {
  const stranger = cluster.files.enrol('client', 'tsa-nobody-knows');
  const client = rawClient(t, 'clients', stranger.tls);
  const answer = await unary(client, GET_TIME, aQuestion);
  refusedAs(t, answer, 'CLIENT_NOT_REGISTERED', /tsa-nobody-knows is not registered/);
  t.is((answer as RpcError).status, 7);
  const session = client.makeBidiStreamRequest('/taa.v1.TimeService/Session', bytes, bytes);
  refusedAs(t, await endOf(session), 'CLIENT_NOT_REGISTERED', /register/i);
  t.truthy(await denialOf(stranger.identity, 'CLIENT_NOT_REGISTERED'));
  await stillServes(t);
});

test.serial('a key that was never registered for a known identity is refused, and on record', async (t) => {
  const impostor = certified({ role: 'client', name: tsa.name }, 3600);
  const answer = await unary(rawClient(t, 'clients', impostor), GET_TIME, aQuestion);
  refusedAs(t, answer, 'CREDENTIAL_NOT_REGISTERED', /not registered/);
  t.truthy(await denialOf(tsa.identity, 'CREDENTIAL_NOT_REGISTERED'));
});

/** A fresh certificate of the cluster's authority that lives for so many seconds from now. */
function certified(
  holder: { readonly role: 'client' | 'node'; readonly name: string },
  lifeSeconds: number,
  key = generateKey('ecdsa-p256'),
): TlsMaterial {
  const { plan, authorityFile } = cluster.files;
  const root = pemContents(readFileSync(authorityFile, 'utf8'), 'CERTIFICATE')[0] as Uint8Array;
  const authority = openAuthority(
    root,
    softwareSigner(createPrivateKey(readFileSync(join(plan.directory, 'ca.key'), 'utf8'))),
  );
  const now = Math.floor(Date.now() / 1000);
  const chain = [
    authority.issue({
      identity: { clusterId: plan.clusterId, ...holder },
      purpose: 'tls',
      spki: spkiOf(key),
      ipAddresses: ['127.0.0.1'],
      notBefore: now - 1800,
      notAfter: now + lifeSeconds,
    }),
  ];
  return {
    chain,
    key: encodePem('PRIVATE KEY', key.export({ type: 'pkcs8', format: 'der' })),
    trustAnchors: [root],
  };
}

test.serial('an expired client certificate does not get past the handshake', async (t) => {
  const expired = certified({ role: 'client', name: tsa.name }, -60);
  const answer = await unary(rawClient(t, 'clients', expired), GET_TIME, aQuestion);
  refusedAs(t, answer, 'UNREACHABLE', /Check .* that both certificates are valid/);
  await stillServes(t);
});

test.serial('a server certificate that expires while the node runs is refused by clients', async (t) => {
  const file = join(directory, 'nodes', NODE, 'tls.crt');
  const kept = readFileSync(file, 'utf8');
  const key = createPrivateKey(readFileSync(join(directory, 'nodes', NODE, 'keys', 'tls.key'), 'utf8'));
  await cluster.process(NODE).stop();
  const life = 12;
  const issued = performance.now();
  writeFileSync(
    file,
    encodePem('CERTIFICATE', certified({ role: 'node', name: NODE }, life, key).chain[0] as Uint8Array),
  );
  await cluster.startNode(NODE);
  await sleep(Math.max(0, (life + 2) * 1000 - (performance.now() - issued)));
  refusedAs(t, await unary(rawClient(t, 'clients', tsa.tls), GET_TIME, aQuestion), 'UNREACHABLE', /expired/i);
  await cluster.process(NODE).stop();
  writeFileSync(file, kept);
  await cluster.startNode(NODE);
  await synchronised();
  await stillServes(t);
});

// ---- garbage at the clock ------------------------------------------------------------------------------------------

async function clockOf(): Promise<GetClockResponse__Output> {
  const { value } = await cluster.operator.call<object, GetClockResponse__Output>(
    ({ admin }) => admin.GetClock.bind(admin),
    {},
  );
  return value;
}

const synchronised = (): Promise<void> =>
  until(async () => (await clockOf()).state === 'CLOCK_STATE_SYNCHRONISED');

async function bound(): Promise<Socket> {
  const socket = createSocket('udp4').unref();
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** Stands between node and reference and says nonsense from the reference's own address before it passes each answer. */
async function babbler(referencePort: number): Promise<{ readonly port: number; close(): void }> {
  const front = await bound();
  let open = true;
  front.on('message', (question, node) => {
    const behind = createSocket('udp4').unref();
    behind.once('message', (answer) => {
      behind.close();
      if (!open) return;
      for (const length of [0, 48, 1400]) front.send(randomBytes(length), node.port, node.address);
      front.send(answer, node.port, node.address);
    });
    behind.send(question, referencePort, '127.0.0.1');
  });
  return {
    port: front.address().port,
    close: () => {
      open = false;
      front.close();
    },
  };
}

test.serial('garbage UDP at the reference and at the node’s own questions disturbs neither', async (t) => {
  const { reference } = cluster;
  const between = await babbler(reference.port);
  t.teardown(() => between.close());
  const config = cluster.files.configurations.get(NODE) as string;
  const text = readFileSync(config, 'utf8');
  await cluster.process(NODE).stop();
  writeFileSync(config, text.replace(`127.0.0.1:${reference.port}`, `127.0.0.1:${between.port}`));
  await cluster.startNode(NODE);
  const flood = await bound();
  t.teardown(() => flood.close());
  for (let i = 0; i < 2_000; i += 1) flood.send(randomBytes(i % 100), reference.port, '127.0.0.1');
  await synchronised();
  const before = await clockOf();
  await until(async () => Number((await clockOf()).acceptedSamples) > Number(before.acceptedSamples) + 2);
  const after = await clockOf();
  t.is(after.state, 'CLOCK_STATE_SYNCHRONISED');
  t.is(after.epoch, before.epoch, 'no disruption');
  // The counters are a second old.
  await until(async () => Number((await clockOf()).sources[0]?.rejected) > 0);
  await stillServes(t);
});

async function until(reached: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await reached())) {
    if (performance.now() > deadline) throw new Error(`not reached within ${timeoutMs} ms`);
    await sleep(200);
  }
}

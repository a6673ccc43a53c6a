/** Bytes that no honest program sends, and listeners that cannot be opened: a reason with cause and remedy, nothing else harmed. */

import { connect as connectTls } from 'node:tls';
import { once } from 'node:events';
import { makeClientConstructor } from '@grpc/grpc-js';
import type { Client } from '@grpc/grpc-js';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { channelOptions, clientCredentials, secureContextOptions } from '../../src/pki/tls.js';
import { createPeerNetwork } from '../../src/rpc/peers.js';
import { Metrics } from '../../src/rpc/metrics.js';
import { startServers } from '../../src/rpc/server.js';
import type { ListenerName } from '../../src/rpc/access.js';
import type { Role } from '../../src/verify/identity.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { Random } from '../verify/random.js';
import {
  answerOf,
  cluster,
  clusterId,
  endOf,
  fakeNode,
  serverIdentity,
  snapshot,
  startFake,
} from './fake-node.js';
import type { TestServers } from './fake-node.js';

const bytes = (value: Buffer): Buffer => value;

/** A client that sends whatever bytes it is given. */
function rawClient(
  t: ExecutionContext,
  { servers }: TestServers,
  listener: ListenerName,
  role: Role,
): Client {
  const Raw = makeClientConstructor({}, 'Raw');
  const client = new Raw(
    `127.0.0.1:${servers.ports[listener]}`,
    clientCredentials(cluster.material(role, 'raw'), serverIdentity),
    channelOptions(serverIdentity),
  );
  t.teardown(() => client.close());
  return client;
}

const unaryRaw = (client: Client, method: string, message: Buffer): Promise<Buffer | RpcError> =>
  answerOf<Buffer>((done) => client.makeUnaryRequest(method, bytes, bytes, message, done));

const getTime = '/taa.v1.TimeService/GetTime';

for (const [what, message] of [
  ['a field that is longer than the message', Buffer.from([0x0a, 0x7f, 0x01])],
  ['a number without an end', Buffer.alloc(12, 0xff)],
  ['a wire type that does not exist', Buffer.from([0x0f])],
  ['field number zero', Buffer.from([0x00, 0x00])],
] as const) {
  test.serial(`malformed protobuf is named as such: ${what}`, async (t) => {
    const fake = await startFake(t);
    const answer = await unaryRaw(rawClient(t, fake, 'clients', 'client'), getTime, message);
    t.true(answer instanceof RpcError);
    t.is((answer as RpcError).reason, 'MALFORMED_MESSAGE');
    t.is((answer as RpcError).status, 3);
    t.deepEqual(fake.node.denials, []);
  });
}

test.serial('a well-formed message with a field out of range names the field and its range', async (t) => {
  const fake = await startFake(t);
  const answer = await unaryRaw(
    rawClient(t, fake, 'clients', 'client'),
    getTime,
    Buffer.from([0x0a, 0x01, 0x00]),
  );
  t.true(answer instanceof RpcError && answer.reason === 'MALFORMED_MESSAGE');
  t.regex((answer as RpcError).message, /nonce: it has 8–32 bytes, not 1/);
});

test.serial('malformed bytes end a session, and its stream only', async (t) => {
  const fake = await startFake(t);
  const client = rawClient(t, fake, 'clients', 'client');
  const stream = client.makeBidiStreamRequest('/taa.v1.TimeService/Session', bytes, bytes);
  stream.write(Buffer.from([0x0a, 0x7f]));
  t.is((await endOf(stream))?.reason, 'MALFORMED_MESSAGE');
  const answer = await unaryRaw(client, getTime, Buffer.from([0x0a, 0x08, ...Array<number>(8).fill(1)]));
  t.false(answer instanceof RpcError);
});

test.serial('random bytes on every method give a reason of the list, and the node goes on', async (t) => {
  const fake = await startFake(t, { lab: { append: (_records, done) => done({ firstLeaf: 0 }) } });
  const random = new Random(20261124);
  const admin = rawClient(t, fake, 'administration', 'admin');
  const methods = ['GetStatus', 'SubmitCommand', 'ListClients', 'GetClock'].map(
    (name) => `/taa.v1.AdminService/${name}`,
  );
  for (let round = 0; round < 60; round += 1) {
    const answer = await unaryRaw(admin, random.pick(methods), Buffer.from(random.bytes(random.below(64))));
    if (answer instanceof RpcError) t.not(answer.reason, 'INTERNAL', answer.message);
  }
  for (let round = 0; round < 10; round += 1) {
    const stream = admin.makeBidiStreamRequest('/taa.v1.LabService/Append', bytes, bytes);
    stream.write(Buffer.from(random.bytes(1 + random.below(64))));
    stream.end();
    t.not((await endOf(stream))?.reason, 'INTERNAL');
  }
  t.false((await unaryRaw(admin, '/taa.v1.AdminService/GetStatus', Buffer.alloc(0))) instanceof RpcError);
});

test.serial(
  'a message over 1 MiB is refused with the limit; far over it, the transport refuses it',
  async (t) => {
    const fake = await startFake(t);
    const client = rawClient(t, fake, 'clients', 'client');
    const little = await unaryRaw(client, getTime, Buffer.alloc(1024 * 1024 + 1));
    t.true(little instanceof RpcError && little.reason === 'MESSAGE_TOO_LARGE');
    t.regex((little as RpcError).message, /1048577 bytes, at most 1048576/);
    const large = await unaryRaw(client, getTime, Buffer.alloc(8 * 1024 * 1024));
    t.true(large instanceof RpcError && large.reason === 'MESSAGE_TOO_LARGE', String(large));
    t.false((large as RpcError).retryable);
  },
);

test.serial('bytes that are not HTTP/2 end their own connection only', async (t) => {
  const fake = await startFake(t);
  const socket = connectTls({
    ...secureContextOptions(cluster.material('client', 'raw')),
    host: '127.0.0.1',
    port: fake.servers.ports.clients,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(Buffer.alloc(4_096, 'GET / HTTP/1.1\r\n'));
  await once(socket, 'close');
  const answer = await unaryRaw(
    rawClient(t, fake, 'clients', 'client'),
    '/grpc.health.v1.Health/Check',
    Buffer.alloc(0),
  );
  t.false(answer instanceof RpcError);
});

for (const listener of ['clients', 'metrics'] as const) {
  test.serial(
    `a port in use (${listener}) is told with address and remedy, and nothing stays open`,
    async (t) => {
      const running = await startFake(t);
      const taken = running.servers.ports[listener] ?? 0;
      const any = { host: '127.0.0.1', port: 0 };
      const tls = cluster.material('node', 'n1');
      const peers = createPeerNetwork({
        node: 'n1',
        clusterId,
        genesisHash: new Uint8Array(32),
        incarnation: new Uint8Array(16),
        peers: [],
        tls,
      });
      const error = await t.throwsAsync(
        startServers({
          listen: {
            peers: any,
            clients: any,
            administration: any,
            metrics: any,
            [listener]: { host: '127.0.0.1', port: taken },
          },
          clusterId,
          tls,
          doors: fakeNode().doors,
          peers,
          metrics: new Metrics({ snapshot: () => snapshot }),
          unready: () => [],
        }),
        { code: 'LISTEN_FAILED' },
      );
      t.regex(
        error.message,
        new RegExp(
          `^cannot listen on 127\\.0\\.0\\.1:${taken} for ${listener}: the port is in use; .* \\(listen\\.${listener}\\)$`,
        ),
      );
    },
  );
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentials as grpcCredentials, makeClientConstructor } from '@grpc/grpc-js';
import test from 'ava';
import { channelOptions, clientCredentials } from '../../src/pki/tls.js';
import { access, listenerNames, renderAccess } from '../../src/rpc/access.js';
import type { ListenerName } from '../../src/rpc/access.js';
import { roles } from '../../src/verify/identity.js';
import type { Role } from '../../src/verify/identity.js';
import { packageDefinition } from '../../src/wire/descriptor.js';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { openClient } from '../../src/wire/clients.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { nowSeconds, testCluster } from '../pki/material.js';
import { answerOf, cluster, clusterId, serverIdentity, startFake } from './fake-node.js';
import type { TestServers } from './fake-node.js';

test('docs/access.md is what src/rpc/access.ts says (npm run proto writes it)', (t) => {
  t.is(readFileSync(join(findPackageRoot(), 'docs', 'access.md'), 'utf8'), renderAccess());
});

test('every method of the table exists, and every method of taa.v1 is on some listener', (t) => {
  const defined = Object.values(packageDefinition()).flatMap((definition) =>
    Object.values(definition).flatMap((method: unknown) =>
      typeof method === 'object' && method !== null && 'path' in method ? [String(method.path)] : [],
    ),
  );
  const served = new Set(listenerNames.flatMap((listener) => Object.keys(access[listener])));
  // Reflection is a library's; reflection.test.ts calls it.
  const own = [...served].filter((method) => !method.startsWith('/grpc.reflection.'));
  t.deepEqual(own.sort(), defined.sort());
});

/** What is not to be forgotten, whatever else the table says. */
test('a client cannot administer, take part in consensus, or read the records of others', (t) => {
  const methodsOf = (role: Role): string[] =>
    listenerNames.flatMap((listener) =>
      Object.entries(access[listener])
        .filter(([, who]) => who.includes(role))
        .map(([method]) => method),
    );
  const client = methodsOf('client');
  t.false(
    client.some((method) => /AdminService|ConsensusService|LabService|Tail|GetEntries|GetBody/.test(method)),
  );
  for (const role of roles)
    t.is(methodsOf(role).includes('/taa.v1.ConsensusService/Subscribe'), role === 'node');
  t.deepEqual(
    Object.keys(access.administration).filter((method) => access.administration[method]?.includes('node')),
    [
      '/grpc.health.v1.Health/Check',
      '/grpc.health.v1.Health/Watch',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
    ],
  );
});

/** Calls a method with an empty message and gives the reason of the error, or OK. */
async function reasonOf(
  servers: TestServers,
  listener: ListenerName,
  method: string,
  role: Role,
): Promise<string> {
  const material = materials.get(role) ?? cluster.material(role, 'someone');
  materials.set(role, material);
  const bytes = (value: Buffer): Buffer => value;
  const Client = makeClientConstructor(
    {
      call: {
        path: method,
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    'Raw',
  );
  const client = new Client(
    `127.0.0.1:${servers.servers.ports[listener]}`,
    clientCredentials(material, serverIdentity),
    channelOptions(serverIdentity),
  );
  try {
    const answer = await answerOf<Buffer>((done) =>
      client.makeUnaryRequest(
        method,
        bytes,
        bytes,
        Buffer.alloc(0),
        { deadline: Date.now() + (/Tail|Watch|Session/.test(method) ? 1_500 : 20_000) } as never,
        done,
      ),
    );
    return answer instanceof RpcError ? answer.reason : 'OK';
  } finally {
    client.close();
  }
}
const materials = new Map<Role, ReturnType<typeof cluster.material>>();

for (const listener of listenerNames) {
  test.serial(
    `on the ${listener} listener every role is refused what is not its own, and that is on record`,
    async (t) => {
      const servers = await startFake(t);
      for (const [method, allowed] of Object.entries(access[listener])) {
        for (const role of roles) {
          if (allowed.includes(role)) continue;
          servers.node.denials.length = 0;
          t.is(await reasonOf(servers, listener, method, role), 'ROLE_NOT_ALLOWED', `${role} ${method}`);
          t.is(servers.node.denials.length, 1);
          t.is(servers.node.denials[0]?.identity, `taa://${clusterId}/${role}/someone`);
          t.is(servers.node.denials[0]?.reason, 'ROLE_NOT_ALLOWED');
        }
      }
    },
  );
}

test.serial('who is allowed gets past the guard', async (t) => {
  const servers = await startFake(t);
  for (const role of roles) {
    for (const listener of listenerNames) {
      t.is(await reasonOf(servers, listener, '/grpc.health.v1.Health/Check', role), 'OK');
    }
  }
  t.is(await reasonOf(servers, 'administration', '/taa.v1.AdminService/GetStatus', 'auditor'), 'OK');
  t.is(await reasonOf(servers, 'clients', '/taa.v1.LogService/GetCheckpoint', 'client'), 'OK');
  t.deepEqual(servers.node.denials, []);
});

test.serial('a method that the listener does not serve is unknown', async (t) => {
  const servers = await startFake(t);
  for (const method of [
    '/taa.v1.AdminService/GetStatus',
    '/taa.v1.ConsensusService/Subscribe',
    '/taa.v1.LogService/Nope',
  ]) {
    t.is(await reasonOf(servers, 'clients', method, 'admin'), 'METHOD_UNKNOWN');
  }
});

test.serial(
  'replicated state has the last word: a suspended key is refused although its role may',
  async (t) => {
    const { node, client } = await startFake(t);
    const admin = client('taa.v1.AdminService', 'administration', ['admin', 'alice']);
    t.false((await answerOf((done) => admin.GetStatus({}, done))) instanceof RpcError);
    node.refuse = ({ name }) =>
      name === 'alice' ? { reason: 'CREDENTIAL_SUSPENDED', detail: 'suspended at leaf 12' } : null;
    const answer = await answerOf((done) => admin.GetStatus({}, done));
    t.true(answer instanceof RpcError && answer.reason === 'CREDENTIAL_SUSPENDED');
    t.is((answer as RpcError).detail, 'suspended at leaf 12');
    t.is(node.denials[0]?.reason, 'CREDENTIAL_SUSPENDED');
  },
);

test.serial('an identity that calls too often is slowed down, and no other', async (t) => {
  const { client } = await startFake(t, { limits: { callsPerSecond: 0.001, callBurst: 3 } });
  const alice = client('taa.v1.AdminService', 'administration', ['admin', 'alice']);
  const bob = client('taa.v1.AdminService', 'administration', ['admin', 'bob']);
  const outcomes: string[] = [];
  for (let count = 0; count < 5; count += 1) {
    const answer = await answerOf((done) => alice.GetStatus({}, done));
    outcomes.push(answer instanceof RpcError ? answer.reason : 'OK');
  }
  t.deepEqual(outcomes, ['OK', 'OK', 'OK', 'RATE_LIMITED', 'RATE_LIMITED']);
  t.false((await answerOf((done) => bob.GetStatus({}, done))) instanceof RpcError);
});

const now = nowSeconds();
for (const [what, material, reason] of [
  [
    'a certificate of another cluster under the same root',
    () =>
      cluster.material('client', 'tsa-1', {
        identity: { clusterId: 'other.test', role: 'client', name: 'tsa-1' },
      }),
    'WRONG_CLUSTER',
  ],
  [
    'a certificate that has expired',
    () => cluster.material('client', 'tsa-1', { notBefore: now - 7_200, notAfter: now - 3_600 }),
    'UNREACHABLE',
  ],
  [
    'a certificate that is not yet valid',
    () => cluster.material('client', 'tsa-1', { notBefore: now + 3_600, notAfter: now + 7_200 }),
    'UNREACHABLE',
  ],
  [
    'a certificate of a foreign root',
    () => ({ ...testCluster().material('client', 'tsa-1'), trustAnchors: [cluster.rootDer] }),
    'UNREACHABLE',
  ],
  [
    'a statement-signing certificate',
    () => cluster.material('node', 'n1', { purpose: 'statement' }),
    'UNREACHABLE',
  ],
] as const) {
  test.serial(`${what} gets nothing`, async (t) => {
    const { node, client } = await startFake(t);
    const tsa = client('taa.v1.TimeService', 'clients', material());
    const answer = await answerOf((done) => tsa.GetTime({ nonce: Buffer.alloc(16) }, done));
    t.is(answer instanceof RpcError ? answer.reason : 'OK', reason);
    if (reason === 'WRONG_CLUSTER') t.is(node.denials[0]?.identity, 'taa://other.test/client/tsa-1');
  });
}

test.serial('without TLS, or without a certificate, nothing is answered', async (t) => {
  const { servers } = await startFake(t);
  const address = `127.0.0.1:${servers.ports.clients}`;
  for (const credentials of [
    grpcCredentials.createInsecure(),
    grpcCredentials.createSsl(
      Buffer.from(
        `-----BEGIN CERTIFICATE-----\n${Buffer.from(cluster.rootDer).toString('base64')}\n-----END CERTIFICATE-----\n`,
      ),
      null,
      null,
      { checkServerIdentity: () => undefined },
    ),
  ]) {
    const client = openClient('taa.v1.TimeService', address, credentials, channelOptions(serverIdentity));
    const answer = await answerOf((done) => client.GetTime({ nonce: Buffer.alloc(16) }, done));
    t.is(answer instanceof RpcError ? answer.reason : 'OK', 'UNREACHABLE');
    client.close();
  }
});

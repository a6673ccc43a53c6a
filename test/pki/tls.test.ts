/** The TLS profile on real sockets: what either side refuses, whichever side the other one is. */

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import {
  Tls13ServerCredentials,
  callerOf,
  channelOptions,
  clientCredentials,
  identityCheck,
  secureContextOptions,
  type TlsMaterial,
} from '../../src/pki/tls.js';
import { requireAllowedSession } from '../../src/verify/allow-list.js';
import { peerOf, PeerRefusedError } from '../../src/verify/peer.js';
import { clusterId, nowSeconds, testCluster } from './material.js';

const cluster = testCluster();
const foreign = testCluster();
const node = cluster.material('node', 'n1');
const client = cluster.material('client', 'tsa-1');
const expected = { clusterId, role: 'node', name: 'n1' } as const;
const now = nowSeconds();

interface Outcome {
  /** Error of the client's or of the server's side; null when a byte went through. */
  readonly error: string | null;
  readonly session?: { readonly version: string | null; readonly cipherSuite: string };
}

/** Connects once, sends a byte and waits for its echo; TLS 1.3 clients learn of a refusal only when they read. */
async function handshake(
  serverSide: SecureContextOptions,
  clientSide: SecureContextOptions,
): Promise<Outcome> {
  const server = createServer({ ...serverSide, requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket: TLSSocket = connect({
    ...clientSide,
    port,
    host: '127.0.0.1',
    checkServerIdentity: identityCheck(expected),
  });
  try {
    return await new Promise<Outcome>((resolve) => {
      socket.on('secureConnect', () => socket.write('x'));
      socket.on('error', (error: NodeJS.ErrnoException) => {
        resolve({ error: error.code ?? error.message });
      });
      socket.on('close', () => {
        resolve({ error: 'closed' });
      });
      socket.on('data', () => {
        const session = { version: socket.getProtocol(), cipherSuite: socket.getCipher().name };
        resolve({ error: null, session });
      });
    });
  } finally {
    socket.destroy();
    server.close();
  }
}

const ours = secureContextOptions;
/** What a peer that does not follow the profile may be configured with. */
const withOnly = (material: TlsMaterial, change: SecureContextOptions): SecureContextOptions => ({
  ...ours(material),
  ...change,
});

test('two ends that follow the profile meet in TLS 1.3 with AES-GCM', async (t) => {
  const { error, session } = await handshake(ours(node), ours(client));
  t.is(error, null);
  t.deepEqual(session, { version: 'TLSv1.3', cipherSuite: 'TLS_AES_256_GCM_SHA384' });
  t.notThrows(() => {
    if (session) requireAllowedSession(session);
  });
});

test('P-384 and AES-128 are allowed too', async (t) => {
  const { error } = await handshake(
    ours(node),
    withOnly(client, { ecdhCurve: 'P-384', ciphers: 'TLS_AES_128_GCM_SHA256' }),
  );
  t.is(error, null);
});

const deviations: readonly [what: string, change: SecureContextOptions][] = [
  ['offers X25519 only', { ecdhCurve: 'X25519' }],
  ['offers P-521 only', { ecdhCurve: 'P-521' }],
  ['offers ChaCha20 only', { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }],
  [
    'speaks TLS 1.2 only',
    { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
  ],
];
for (const [what, change] of deviations) {
  test(`two peers of which each ${what} would meet: the refusals below have no other cause`, async (t) => {
    t.is((await handshake(withOnly(node, change), withOnly(client, change))).error, null);
  });
  test(`our server refuses a client that ${what}`, async (t) => {
    t.not((await handshake(ours(node), withOnly(client, change))).error, null);
  });
  test(`our client refuses a server that ${what}`, async (t) => {
    t.not((await handshake(withOnly(node, change), ours(client))).error, null);
  });
}

const yesterday = { notBefore: now - 2 * 86_400, notAfter: now - 86_400 };
const tomorrow = { notBefore: now + 86_400, notAfter: now + 2 * 86_400 };
const badMaterial: readonly [what: string, side: 'server' | 'client', material: TlsMaterial, code: RegExp][] =
  [
    ['an expired certificate', 'client', cluster.material('client', 'tsa-1', yesterday), /./],
    ['an expired certificate', 'server', cluster.material('node', 'n1', yesterday), /CERT_HAS_EXPIRED/],
    ['a certificate not yet valid', 'client', cluster.material('client', 'tsa-1', tomorrow), /./],
    ['a certificate not yet valid', 'server', cluster.material('node', 'n1', tomorrow), /CERT_NOT_YET_VALID/],
    [
      'a certificate of a foreign authority',
      'client',
      { ...foreign.material('client', 'tsa-1'), trustAnchors: [cluster.rootDer] },
      /./,
    ],
    [
      'a certificate of a foreign authority',
      'server',
      { ...foreign.material('node', 'n1'), trustAnchors: [cluster.rootDer] },
      /UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED|UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE/,
    ],
    ['the identity of another node', 'server', cluster.material('node', 'n2'), /PEER_REFUSED/],
    ['a client’s certificate', 'server', cluster.material('client', 'n1'), /./],
    [
      'a statement-signing certificate',
      'client',
      cluster.material('node', 'n1', { purpose: 'statement' }),
      /./,
    ],
    [
      'a statement-signing certificate',
      'server',
      cluster.material('node', 'n1', { purpose: 'statement' }),
      /./,
    ],
  ];
for (const [what, side, material, code] of badMaterial) {
  test(`a ${side} with ${what} is refused`, async (t) => {
    const outcome = await handshake(
      ours(side === 'server' ? material : node),
      ours(side === 'client' ? material : client),
    );
    t.regex(outcome.error ?? 'accepted', code);
    t.not(outcome.error, null);
  });
}

test('a client without a certificate is refused', async (t) => {
  const anonymous = Object.fromEntries(
    Object.entries(ours(client)).filter(([name]) => name !== 'key' && name !== 'cert'),
  );
  t.not((await handshake(ours(node), anonymous)).error, null);
});

test('a session is never resumed: every connection is verified anew', async (t) => {
  const server = createServer({ ...ours(node), requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const options = { ...ours(client), port, host: '127.0.0.1', checkServerIdentity: identityCheck(expected) };
  const exchange = async (session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> => {
    const socket = connect({ ...options, ...(session ? { session } : {}) });
    let latest: Buffer | undefined;
    socket.on('session', (ticket) => {
      latest = ticket;
    });
    socket.on('secureConnect', () => socket.write('x'));
    await once(socket, 'data');
    const reused = socket.isSessionReused();
    socket.destroy();
    return { reused, session: latest };
  };
  try {
    const first = await exchange();
    t.false((await exchange(first.session)).reused);
  } finally {
    server.close();
  }
});

test('a certificate names one identity and one side', (t) => {
  const [certificate] = client.chain as [Uint8Array];
  t.is(peerOf(certificate, 'client').uri, 'taa://taa.test/client/tsa-1');
  t.throws(() => peerOf(certificate, 'server'), {
    instanceOf: PeerRefusedError,
    message: /not meant for the server/,
  });
  t.throws(() => peerOf(cluster.rootDer, 'client'), { message: /exactly one identity/ });
  t.throws(() => peerOf(Uint8Array.of(1, 2, 3), 'client'), { instanceOf: PeerRefusedError });
  t.throws(() => callerOf({}), { instanceOf: PeerRefusedError, message: /no client certificate/ });
});

// ---- the same through gRPC -----------------------------------------------------------------------------------------

const echo = {
  path: '/test.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
};

async function grpcServer(
  credentials: Tls13ServerCredentials,
): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server();
  server.addService(
    { echo },
    {
      echo: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        done(null, Buffer.from(callerOf(call.getAuthContext()).uri));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return { server, port };
}

function call(port: number, credentials: grpc.ChannelCredentials, name = 'n1'): Promise<string> {
  const channel = new grpc.Client(`127.0.0.1:${port}`, credentials, {
    ...channelOptions({ clusterId, role: 'node', name }),
    'grpc.enable_retries': 0,
  });
  return new Promise((resolve, reject) => {
    channel.makeUnaryRequest(
      echo.path,
      echo.requestSerialize,
      echo.responseDeserialize,
      Buffer.alloc(0),
      { deadline: Date.now() + 5000 },
      (error, value) => {
        channel.close();
        if (error) reject(error);
        else resolve(String(value));
      },
    );
  });
}

test('a gRPC server knows its caller; a reload takes effect at the next connection', async (t) => {
  const credentials = new Tls13ServerCredentials(node);
  const { server, port } = await grpcServer(credentials);
  try {
    t.is(await call(port, clientCredentials(client, expected)), 'taa://taa.test/client/tsa-1');
    credentials.reload(cluster.material('node', 'n2'));
    const refusal = await t.throwsAsync(call(port, clientCredentials(client, expected)));
    t.regex(refusal.message, /the server is taa:\/\/taa\.test\/node\/n2/);
    const anyNode = { clusterId, role: 'node' } as const;
    t.is(await call(port, clientCredentials(client, anyNode), 'n2'), 'taa://taa.test/client/tsa-1');
  } finally {
    server.forceShutdown();
  }
});

test('gRPC on both sides keeps to the profile', async (t) => {
  const { server, port } = await grpcServer(new Tls13ServerCredentials(node));
  try {
    for (const [, change] of deviations) {
      const outcome = await new Promise<string>((resolve) => {
        const socket = connect({
          ...withOnly(client, change),
          port,
          host: '127.0.0.1',
          ALPNProtocols: ['h2'],
        });
        socket.on('error', (error: NodeJS.ErrnoException) => {
          resolve(error.code ?? error.message);
        });
        socket.on('secureConnect', () => {
          socket.destroy();
          resolve('accepted');
        });
      });
      t.not(outcome, 'accepted');
    }
    await t.throwsAsync(call(port, clientCredentials(foreign.material('client', 'tsa-1'), expected)));
    await t.throwsAsync(
      call(port, clientCredentials(cluster.material('client', 'tsa-1', yesterday), expected)),
    );
    await t.throwsAsync(call(port, grpc.credentials.createInsecure()));
  } finally {
    server.forceShutdown();
  }
});

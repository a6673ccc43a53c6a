/** The SDK as a TSA embeds it, over real TLS, real files and real receipts. */

import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { CertificateStore, InterlockClosedError, connect } from '../../src/sdk/index.js';
import type { ConnectOptions, SdkError, TsaClient, VerifiedCertificate } from '../../src/sdk/index.js';
import { readReceipt, verifyClaim } from '../../src/sdk/core/receipts.js';
import { NS_PER_MS, taiNs } from '../../src/time/types.js';
import { trustOfGenesis } from '../../src/verify/certificate-bundle.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { until } from '../rpc/fake-node.js';
import { genesisFixture, signGenesis } from '../verify/genesis-fixture.js';
import { startCluster } from './real-cluster.js';

function open(t: ExecutionContext, options: ConnectOptions): TsaClient & { readonly errors: SdkError[] } {
  const client = connect(options);
  t.teardown(() => client.close());
  const errors: SdkError[] = [];
  client.on('error', (error) => errors.push(error));
  return Object.assign(client, { errors });
}

const closedBecause = (client: TsaClient): string => {
  const { interlock } = client.state();
  return interlock.open ? 'open' : interlock.code;
};

test.serial('a TSA connects, is audited, gets time and certificates, and may issue', async (t) => {
  const { cluster, options } = await startCluster(t);
  const client = open(t, options);
  t.throws(() => client.assertMayIssue(), { instanceOf: InterlockClosedError, code: 'NOT_CONFIRMED' });
  t.is(client.lastCertificate(), null);

  const permission = await client.permitted(10_000);
  t.true(permission.until > process.hrtime.bigint());
  t.deepEqual(client.assertMayIssue(), permission);
  const time = client.now();
  if (time.state === 'unsynchronised') return t.fail(time.reason);
  t.true(time.earliest <= time.best && time.best <= time.latest);
  t.true(time.latest - time.earliest < 100n * NS_PER_MS);
  t.is(time.taiMinusUtc, 37);

  await until(() => (client.lastCertificate()?.sequence ?? 0) >= 3, 'three certificates');
  const stored = [...new CertificateStore(options.store).list()];
  t.deepEqual(stored.map(({ sequence }) => sequence).slice(0, 3), [1, 2, 3]);
  for (const { file } of stored) {
    // Verified again from the file alone, as an auditor would.
    readReceipt(readFileSync(file), trustOfGenesis(cluster.fixture.genesis), nodeVerifier);
  }
  t.deepEqual(client.errors, []);
  await client.close();
  t.throws(() => client.assertMayIssue(), { code: 'CLIENT_CLOSED' });
});

test.serial(
  'when its node is lost the TSA goes on with another, without a gap in its sequence',
  async (t) => {
    const { servers, options } = await startCluster(t, ['n1', 'n2', 'n3']);
    const client = open(t, options);
    const times: number[] = [];
    const certificates: VerifiedCertificate[] = [];
    client.on('certificate', (certificate) => {
      times.push(performance.now());
      certificates.push(certificate);
    });
    await client.permitted(10_000);
    const { connection } = client.state();
    if (connection.kind !== 'connected') return t.fail();
    await servers.get(connection.node)?.close(0);
    const before = certificates.length;
    await until(() => certificates.length >= before + 3, 'certificates from another node');
    t.not(certificates.at(-1)?.node, connection.node);
    t.deepEqual(
      certificates.map((c) => c.sequence),
      certificates.map((_, i) => i + 1),
    );
    const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    t.true(Math.max(...gaps) < 2_000, `longest gap ${Math.max(...gaps).toFixed(0)} ms`);
  },
);

test.serial(
  'a stop order is stored, acknowledged with a signature, and survives the restart of the TSA',
  async (t) => {
    const { cluster, options } = await startCluster(t, ['n1']);
    const client = open(t, options);
    await client.permitted(10_000);
    const stops: unknown[] = [];
    client.on('stop', (stop) => stops.push(stop));
    cluster.order('contract suspended');
    await until(() => cluster.acknowledged.length > 0, 'acknowledgement');
    t.deepEqual(cluster.acknowledged, [{ order: 77, signed: true }]);
    t.throws(() => client.assertMayIssue(), { code: 'STOPPED', message: /contract suspended/ });
    await client.close();

    const second = open(t, options);
    t.throws(() => second.assertMayIssue(), { code: 'STOPPED' }, 'before any node was reached');
    await until(() => second.state().connection.kind === 'connected', 'session');
    t.is(closedBecause(second), 'STOPPED');
    second.on('stop', (stop) => stops.push(stop));
    cluster.release();
    await second.permitted(10_000);
    t.deepEqual(stops, [{ order: 77, reason: 'contract suspended' }, null]);
    await second.close();
    t.false(readdirSync(options.store).includes('STOP'));
  },
);

test.serial('a damaged stop file keeps the TSA closed, whatever the nodes say', async (t) => {
  const { options } = await startCluster(t, ['n1']);
  writeFileSync(join(options.store, 'STOP'), 'nonsense');
  const client = open(t, options);
  await until(() => client.lastCertificate() !== null, 'a certificate', 10_000);
  t.throws(() => client.assertMayIssue(), { code: 'STOP_STORE_DAMAGED', message: /STOP/ });
  await t.throwsAsync(client.permitted(50), { code: 'NOT_PERMITTED_IN_TIME', message: /STOP_STORE_DAMAGED/ });
});

test.serial('a receipt with one bit flipped closes the interlock and is not stored', async (t) => {
  const { cluster, options } = await startCluster(t, ['n1']);
  cluster.forge = (receipt) => receipt.map((byte, i) => (i === 400 ? byte ^ 1 : byte));
  const client = open(t, options);
  await until(() => closedBecause(client) === 'VERIFICATION_FAILED', 'closing', 10_000);
  t.true(client.errors.some(({ code }) => code === 'VERIFICATION_FAILED'));
  t.deepEqual([...new CertificateStore(options.store).list()], []);
  cluster.forge = (receipt) => receipt;
  await client.permitted(10_000);
  t.pass();
});

test.serial('an old receipt shown again opens nothing', async (t) => {
  const { cluster, options } = await startCluster(t, ['n1']);
  const client = open(t, options);
  await client.permitted(10_000);
  const old = client.lastCertificate()?.receipt;
  if (old === undefined) return t.fail();
  const trust = trustOfGenesis(cluster.fixture.genesis);
  const claim = {
    device: 'd-1',
    sequence: client.lastCertificate()?.sequence ?? 0,
    statements: [Uint8Array.of(1)],
  };
  t.throws(
    () => verifyClaim(old, claim, trust, nodeVerifier),
    { message: /shown again/ },
    'of the same number',
  );
  t.throws(() => verifyClaim(old, { ...claim, device: 'd-2' }, trust, nodeVerifier), {
    message: /of the device/,
  });
  cluster.forge = () => old;
  await until(() => closedBecause(client) === 'VERIFICATION_FAILED', 'closing');
  t.true(client.errors.some(({ message }) => message.includes('of audit')));
});

test.serial('a TSA whose own clock is 700 ms off never gets permission to issue', async (t) => {
  const { options } = await startCluster(t, ['n1']);
  const start = { tai: 0n, mono: 0n };
  const distributed = open(t, { ...options, store: join(options.store, 'first') });
  await distributed.permitted(10_000);
  const time = distributed.now();
  if (time.state === 'unsynchronised') return t.fail();
  Object.assign(start, { tai: time.best, mono: process.hrtime.bigint() });
  const client = open(t, {
    ...options,
    store: join(options.store, 'second'),
    clock: {
      timescale: 'tai',
      now: () => taiNs(start.tai + (process.hrtime.bigint() - start.mono) + 700n * NS_PER_MS),
    },
  });
  await until(() => closedBecause(client) === 'CLOCK_DISAGREES', 'closing');
  await t.throwsAsync(client.permitted(800), { message: /at least [5-7]\d\d ms/ });
});

test.serial(
  'the newest certificate in the store is known after a restart, before any node is reached',
  async (t) => {
    const { options, servers } = await startCluster(t, ['n1']);
    const client = open(t, options);
    await client.permitted(10_000);
    await client.close();
    await servers.get('n1')?.close(0);
    const second = open(t, options);
    t.true((second.lastCertificate()?.sequence ?? 0) >= 1);
    t.is(closedBecause(second), 'NOT_CONFIRMED', 'it is evidence, not a permission');
  },
);

test.serial('an error in a listener of the program does not hurt the client', async (t) => {
  const { options } = await startCluster(t, ['n1']);
  const client = open(t, options);
  const thrown: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error));
  client.on('verdict', () => {
    throw new Error('the program is wrong');
  });
  await client.permitted(10_000);
  await until(() => thrown.length > 0, 'the error');
  process.removeAllListeners('uncaughtException');
  for (const listener of listeners) process.on('uncaughtException', listener);
  t.regex(String(thrown[0]), /the program is wrong/);
});

// ---- what cannot work ------------------------------------------------------------------------------------------------

test.serial('a server that is another node, or no node, is not spoken to', async (t) => {
  const { options, servers } = await startCluster(t, ['n1', 'n2']);
  const port = (name: string): number => servers.get(name)?.ports.clients ?? 0;
  const swapped = open(t, {
    ...options,
    endpoints: [{ node: 'n1', address: `127.0.0.1:${port('n2')}` }],
  });
  await until(() => swapped.errors.length > 0, 'refusal');
  t.is(swapped.errors[0]?.code, 'UNREACHABLE');
  t.is(closedBecause(swapped), 'NOT_CONFIRMED');
});

test.serial('a server that falls silent in the handshake is left for another', async (t) => {
  const { options } = await startCluster(t, ['n1']);
  const sockets = new Set<{ destroy(): void }>();
  const silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    silent.close();
  });
  const { port } = silent.address() as AddressInfo;
  const client = open(t, {
    ...options,
    endpoints: [{ node: 'n2', address: `127.0.0.1:${port}` }, ...options.endpoints],
  });
  await client.permitted(10_000);
  t.is(client.lastCertificate()?.node, 'n1');
});

test.serial('a genesis of another birth of the same cluster: the nodes are not trusted', async (t) => {
  const { options } = await startCluster(t, ['n1']);
  const other = genesisFixture();
  const client = open(t, { ...options, trust: signGenesis(other.genesis, other.admin) });
  await until(() => client.errors.length > 0, 'refusal');
  t.is(closedBecause(client), 'NOT_CONFIRMED');
});

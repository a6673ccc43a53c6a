/**
 * A reference that stops, a reference that lies, a stop order, a forged order: on a running cluster, seen from the TSA and
 * from the log.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import type { RegisteredClient } from '../../src/lab/lab-cluster.js';
import { submitAct } from '../../src/operator/acts.js';
import { connect } from '../../src/sdk/index.js';
import type { Stop, TsaClient, VerdictEvent } from '../../src/sdk/index.js';
import { builtinLeapTable, taiFromPosixNs } from '../../src/time/leap-table.js';
import { NS_PER_MS, taiNs } from '../../src/time/types.js';
import { decode } from '../../src/verify/cbor.js';
import type { CborMap, CborValue } from '../../src/verify/cbor.js';
import { isMap } from '../../src/verify/cbor-reader.js';
import type { GetClockResponse__Output } from '../../src/wire/gen/taa/v1/GetClockResponse.js';
import type { ListClientsResponse__Output } from '../../src/wire/gen/taa/v1/ListClientsResponse.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { alteredBuild } from './altered-build.js';
import { wholeLog } from './examination.js';

/** A tenth of a percent: the bound of a clock left alone grows by 1 ms a second. */
const RHO_PPB = 1_000_000;
const TAA_STOP_MS = 14;
const ms = (milliseconds: number): number => milliseconds * 1_000_000;
const POLICY: CborMap = new Map<string, CborValue>([
  [
    'audit',
    new Map<string, CborValue>([
      ['interval', ms(1000)],
      ['lease', ms(3000)],
      ['voidAfter', ms(10_000)],
    ]),
  ],
  ['taaAlarm', ms(TAA_STOP_MS)],
  ['taaStop', ms(TAA_STOP_MS)],
  // So that an audit waits for the reference long enough to be caught by its jump.
  ['confirmBy', 'reference'],
]);

const directory = mkdtempSync(join(tmpdir(), 'taa-clock-'));
const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

let cluster: LabCluster;
let tsa: RegisteredClient;
let client: TsaClient | null = null;
const verdicts: VerdictEvent[] = [];
const stops: (Stop | null)[] = [];

test.before(async () => {
  cluster = await LabCluster.start({ directory, policy: POLICY, rhoFloorPpb: RHO_PPB });
  tsa = await cluster.register('tsa-1');
});

test.after.always(async () => {
  await client?.close();
  await (cluster as LabCluster | undefined)?.close();
  rmSync(directory, { recursive: true, force: true });
});

// ---- seeing --------------------------------------------------------------------------------------------------------

async function until(
  what: string,
  reached: () => boolean | Promise<boolean>,
  timeoutMs = 40_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await reached())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(50);
  }
}

async function clockOf(node: string): Promise<GetClockResponse__Output> {
  const connection = cluster.connectTo(cluster.files.administrator, [node]);
  try {
    const { value } = await connection.call<object, GetClockResponse__Output>(
      ({ admin }) => admin.GetClock.bind(admin),
      {},
    );
    return value;
  } finally {
    connection.close();
  }
}

const widthNs = ({ now }: GetClockResponse__Output): number =>
  Number(BigInt(now?.latestTaiNs ?? 0) - BigInt(now?.earliestTaiNs ?? 0));

async function recordsOf(node: string, type: string): Promise<readonly CborMap[]> {
  return (await wholeLog(cluster, node))
    .map((leaf) => decode(leaf))
    .filter((record): record is CborMap => isMap(record) && record.get('type') === type);
}

async function leafOf(type: string, fits: (record: CborMap) => boolean): Promise<CborMap> {
  let found: CborMap | undefined;
  await until(`a record ${type}`, async () => {
    found = (await recordsOf('tokyo', type)).find(fits);
    return found !== undefined;
  });
  return found as CborMap;
}

function startTsa(): TsaClient {
  const store = join(directory, 'clients', tsa.name, 'store');
  mkdirSync(store, { recursive: true, mode: 0o700 });
  const started = connect({
    cluster: cluster.files.plan.clusterId,
    trust: cluster.files.genesis,
    endpoints: cluster.clientEndpoints(),
    tls: tsa.pem,
    store,
    auditEveryNs: 150n * NS_PER_MS,
    clock: {
      timescale: 'tai',
      now: () =>
        taiNs(
          taiFromPosixNs(
            BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
            builtinLeapTable,
          ),
        ),
    },
  });
  started.on('verdict', (verdict) => verdicts.push(verdict));
  started.on('stop', (stop) => stops.push(stop));
  return started;
}

function interlockOf(of: TsaClient | null): string {
  const interlock = of?.state().interlock;
  if (interlock === undefined) return 'absent';
  return interlock.open ? 'open' : interlock.code;
}

// ---- the stories ---------------------------------------------------------------------------------------------------

test.serial('TAA − reference is measured and recorded by every node without any TSA', async (t) => {
  for (const name of cluster.names) {
    const host = await leafOf(
      'clockComparison',
      (candidate) => candidate.get('node') === name && candidate.get('source') === 'host clock',
    );
    t.is(host.get('role'), 'monitor', 'the clock of the host is compared, and steers nothing');
    const record = await leafOf(
      'clockComparison',
      (candidate) => candidate.get('node') === name && candidate.get('source') === 'laboratory reference',
    );
    t.is(record.get('role'), 'reference');
    t.true(Math.abs(Number(record.get('offset'))) < ms(100), 'a loopback away');
    t.true(Number(record.get('uncertainty')) > 0);
    t.true(Number(record.get('delay')) > 0);
  }
  t.is((await recordsOf('tokyo', 'sessionOpened')).length, 0, 'nobody asked');
});

test.serial(
  'a reference that stops: the bound grows by ρ, at the limit nobody is measured; it resumes after',
  async (t) => {
    client = startTsa();
    await client.permitted(40_000);
    await cluster.reference.stop();
    await until('holdover', async () => (await clockOf('tokyo')).state === 'CLOCK_STATE_HOLDOVER');
    const earlier = await clockOf('tokyo');
    await sleep(3_000);
    const later = await clockOf('tokyo');
    const elapsed = Number(BigInt(later.now?.bestTaiNs ?? 0) - BigInt(earlier.now?.bestTaiNs ?? 0));
    const growth = ((widthNs(later) - widthNs(earlier)) / elapsed) * 1e9;
    t.log(`the width grew by ${growth.toFixed(0)} ppb of the time, ρ is ${later.rhoPpb} ppb on either side`);
    t.true(Number(later.rhoPpb) >= RHO_PPB);
    t.true(growth > 1.9 * RHO_PPB && growth < 2.2 * Number(later.rhoPpb), `${growth}`);
    const refusedSince = verdicts.length;
    await until('a refusal', () =>
      verdicts.slice(refusedSince).some(({ outcome }) => outcome.reason === 'CLOCK_OUT_OF_TOLERANCE'),
    );
    t.true(widthNs(await clockOf('tokyo')) / 2 > ms(TAA_STOP_MS) - ms(5));
    await until('the end of the lease', () => interlockOf(client) !== 'open');
    await cluster.reference.start();
    await client.permitted(40_000);
    t.is(interlockOf(client), 'open');
  },
);

test.serial(
  'a reference that moves by 200 ms: disrupted on every node, what was not issued is voided',
  async (t) => {
    const epochs = new Map<string, number>();
    for (const name of cluster.names) epochs.set(name, Number((await clockOf(name)).epoch));
    const newest = async (): Promise<number> =>
      Math.max(...(await recordsOf('tokyo', 'measurement')).map((record) => Number(record.get('sequence'))));
    // While the reference is silent no sample comes that could confirm a measurement: the next one surely waits for it.
    await cluster.reference.stop();
    await sleep(500);
    const confirmed = await newest();
    await until('a measurement that waits', async () => (await newest()) > confirmed);
    cluster.reference.setOffset(200n * NS_PER_MS);
    await cluster.reference.start();
    for (const name of cluster.names) {
      const record = await leafOf(
        'clockTransition',
        (candidate) => candidate.get('node') === name && candidate.get('to') === 'disrupted',
      );
      const clock = record.get('clock') as CborMap;
      t.is(Number(clock.get('epoch')), (epochs.get(name) as number) + 1, `${name}: the epoch grew`);
    }
    const voided = await leafOf(
      'voided',
      (record) => record.get('reason') === 'CLOCK_DISRUPTED' && Number(record.get('sequence')) > confirmed,
    );
    t.is(voided.get('device'), tsa.device);
    const certified = (await recordsOf('tokyo', 'certificate')).filter(
      (record) => record.get('sequence') === voided.get('sequence'),
    );
    t.deepEqual(certified, [], 'it never becomes a certificate');
  },
);

test.serial(
  'a stop order reaches a live TSA, is acknowledged, survives its restart; a release and a new pass reopen',
  async (t) => {
    const { administrator } = cluster.files;
    await client?.permitted(40_000);
    t.is(interlockOf(client), 'open');
    const order = await submitAct(cluster.operator, administrator, {
      command: 'stopClient',
      device: tsa.device,
      reason: 'suspected clock fault',
    });
    await until('the stop', () => interlockOf(client) === 'STOPPED');
    t.is(stops.at(-1)?.order, order.leaf);
    t.throws(() => client?.assertMayIssue(), { message: /suspected clock fault/ });
    t.is(
      (await leafOf('stopOrder', (record) => record.get('device') === tsa.device)).get('reason'),
      'suspected clock fault',
    );
    const acknowledgement = await leafOf(
      'stopAcknowledgement',
      (record) => record.get('device') === tsa.device,
    );
    t.is(acknowledgement.get('order'), order.leaf);
    t.true((acknowledgement.get('signature') as Uint8Array).length > 0);

    await client?.close();
    client = startTsa();
    t.is(interlockOf(client), 'STOPPED', 'from its own disk, before any node was reached');
    await until('a session', () => client?.state().connection.kind === 'connected');
    await sleep(1_000);
    t.is(interlockOf(client), 'STOPPED');

    stops.length = 0;
    const connection = client.state().connection;
    await submitAct(cluster.operator, administrator, {
      command: 'releaseClient',
      device: tsa.device,
      reason: 'the fault was found',
    });
    await until('the release', () => stops.includes(null));
    t.deepEqual(client.state().connection, connection, 'told in the live session');
    await client.permitted(40_000);
    t.is((await leafOf('stopRelease', () => true)).get('order'), order.leaf, 'the released order is named');
  },
);

test.serial(
  'a node that forges an administrator’s order is refused by every node, and that is on record',
  async (t) => {
    const forger = 'fukuoka';
    // It puts the administrator's name on what somebody else has signed.
    const build = alteredBuild([
      {
        file: 'src/node/core/testimony.js',
        find: 'const { statement, signature, signer, algorithm, body, bodySalt } = command;',
        replace: `const { statement, signature, algorithm, body, bodySalt } = command;
        const signer = 'administrator';`,
      },
    ]);
    try {
      await cluster.process(forger).stop();
      await cluster.startNode(forger, { program: build.taad });
      const thief = cluster.files.enrol('auditor', 'thief');
      const connection = cluster.connectTo(thief, [forger]);
      const error = await t.throwsAsync(
        submitAct(connection, thief, { command: 'stopClient', device: tsa.device, reason: 'malice' }),
        { instanceOf: RpcError },
      );
      connection.close();
      t.regex(error.message, /SIGNATURE_INVALID/);
      for (const name of cluster.names) {
        let refused: CborMap | undefined;
        await until(`the refusal in the log of ${name}`, async () => {
          refused = (await recordsOf(name, 'refused')).find(
            (record) => record.get('reason') === 'SIGNATURE_INVALID',
          );
          return refused !== undefined;
        });
        t.is(refused?.get('node'), forger);
      }
      const { value } = await cluster.operator.call<object, ListClientsResponse__Output>(
        ({ admin }) => admin.ListClients.bind(admin),
        {},
      );
      t.deepEqual(
        value.clients.map(({ stopped }) => stopped),
        [false],
      );
    } finally {
      build.remove();
    }
  },
);

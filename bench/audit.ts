/**
 * Full audits: TSAs with the SDK against three `taad` processes, each audited again as soon as its last audit is over
 * (at most every 50 ms, the SDK's shortest interval). One audit is probes, signed readings, measurement, confirmation,
 * issuance, a checkpoint cosigned by a majority, and the certificate with its receipt, verified and durable at the TSA.
 */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabCluster, RegisteredClient } from '../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../src/lab/laboratory.js';
import { connect } from '../src/sdk/index.js';
import type { TsaClient } from '../src/sdk/index.js';
import { builtinLeapTable, taiFromPosixNs } from '../src/time/leap-table.js';
import { NS_PER_MS, taiNs } from '../src/time/types.js';
import type { TaiNs } from '../src/time/types.js';
import { trustOfGenesis, verifyCertificateBundle } from '../src/verify/certificate-bundle.js';
import { nodeVerifier } from '../src/verify/crypto.js';
import { verifyGenesis } from '../src/verify/genesis.js';
import { cpuSeconds, fdatasyncMs, QuietMoments, watchOthers, workDirectory } from './machine.js';
import { numbersOf, optionsOf, positive } from './options.js';
import { print } from './print.js';
import { whenInterrupted } from './interrupt.js';
import { percentile, rounded } from './statistics.js';
import { BenchError } from './errors.js';
import { startCluster } from './taa-target.js';

interface Options {
  readonly clients: readonly number[];
  readonly runMs: number;
  readonly patienceMs: number;
  readonly directory: string;
}

const USAGE = '--clients 1,8, --seconds 8, --wait 15, --dir /var/tmp';
const AUDIT_EVERY_NS = 50n * NS_PER_MS;
const FIRST_CERTIFICATE_MS = 60_000;
/** Code that has not run yet is slower than the same code later. */
const WARM_MS = 2_000;

export async function audit(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const directory = workDirectory(options.directory);
  const removeDirectory = (): void => rmSync(directory, { recursive: true, force: true });
  const orderly = whenInterrupted(removeDirectory);
  let cluster: LabCluster | null = null;
  try {
    cluster = await startCluster({ directory: join(directory, 'taa'), policy: LAB_POLICY });
    const registered: RegisteredClient[] = [];
    for (let n = 1; n <= Math.max(...options.clients); n++)
      registered.push(await cluster.register(`tsa-${n}`));
    const quiet = new QuietMoments(options.patienceMs);
    const receipts: Uint8Array[] = [];
    for (const count of options.clients) {
      const result = await measure(cluster, registered.slice(0, count), options, quiet, directory, receipts);
      print({ bench: 'audit', clients: count, ...result });
    }
    requireAllValid(cluster, receipts);
    print({ bench: 'audit', verified: true, certificates: receipts.length });
  } finally {
    await cluster?.close();
    orderly();
    removeDirectory();
  }
}

async function measure(
  cluster: LabCluster,
  registered: readonly RegisteredClient[],
  { runMs }: Options,
  quiet: QuietMoments,
  directory: string,
  receipts: Uint8Array[],
) {
  const tsas = registered.map((one) => new MeasuredTsa(cluster, one, receipts));
  try {
    await Promise.all(tsas.map((tsa) => tsa.client.permitted(FIRST_CERTIFICATE_MS)));
    await sleep(WARM_MS);
    const pids = cluster.names.map((name) => cluster.process(name).pid);
    await quiet.next(pids);
    const fdatasync = fdatasyncMs(directory);
    const others = watchOthers(pids);
    const cpuBefore = cpuSeconds(pids);
    const begun = performance.now();
    for (const tsa of tsas) tsa.measuring = true;
    await sleep(runMs);
    for (const tsa of tsas) tsa.measuring = false;
    const seconds = (performance.now() - begun) / 1000;
    const cpu = cpuSeconds(pids) - cpuBefore;
    const latencies = tsas.flatMap((tsa) => tsa.latencies).sort((a, b) => a - b);
    return {
      auditsPerSecond: rounded(latencies.length / seconds),
      p50Ms: rounded(percentile(latencies, 0.5)),
      p99Ms: rounded(percentile(latencies, 0.99)),
      audits: latencies.length,
      withoutCertificate: tsas.reduce((sum, tsa) => sum + tsa.withoutCertificate, 0),
      serverCpuSecondsPer1000: rounded((cpu / latencies.length) * 1000),
      fdatasyncP50Ms: rounded(fdatasync),
      otherCpu: rounded(others()),
    };
  } finally {
    await Promise.all(tsas.map((tsa) => tsa.client.close()));
  }
}

class MeasuredTsa {
  readonly client: TsaClient;
  readonly latencies: number[] = [];
  withoutCertificate = 0;
  measuring = false;
  /** When the clock was read first since the last outcome: at the request of the audit, right before its first probe. */
  #begun: number | null = null;
  readonly #begunOf = new Map<number, number>();

  constructor(cluster: LabCluster, registered: RegisteredClient, receipts: Uint8Array[]) {
    const store = join(cluster.files.plan.directory, 'clients', registered.name, 'store');
    mkdirSync(store, { recursive: true, mode: 0o700 });
    this.client = connect({
      cluster: cluster.files.plan.clusterId,
      trust: cluster.files.genesis,
      endpoints: cluster.clientEndpoints(),
      tls: registered.pem,
      store,
      software: 'taa bench',
      auditEveryNs: AUDIT_EVERY_NS,
      clock: { timescale: 'tai', now: () => this.#readClock() },
    });
    this.client.on('verdict', ({ outcome }) => {
      if (this.#begun !== null) this.#begunOf.set(outcome.sequence, this.#begun);
      this.#begun = null;
      if (this.measuring && outcome.verdict !== 'pass') this.withoutCertificate += 1;
    });
    this.client.on('certificate', ({ sequence, receipt }) => {
      receipts.push(receipt);
      const begun = this.#begunOf.get(sequence);
      this.#begunOf.delete(sequence);
      if (this.measuring && begun !== undefined) this.latencies.push(performance.now() - begun);
    });
  }

  /** The host's clock, which the laboratory's reference serves too. */
  #readClock(): TaiNs {
    this.#begun ??= performance.now();
    const posixMs = performance.timeOrigin + performance.now();
    return taiNs(taiFromPosixNs(BigInt(Math.round(posixMs * 1000)) * 1000n, builtinLeapTable));
  }
}

/** Every certificate once more, offline, from the genesis alone. */
function requireAllValid(cluster: LabCluster, receipts: readonly Uint8Array[]): void {
  const trust = trustOfGenesis(verifyGenesis(cluster.files.genesis, nodeVerifier).genesis);
  const invalid = receipts.filter(
    (receipt) => !verifyCertificateBundle(null, receipt, trust, nodeVerifier).ok,
  );
  if (receipts.length === 0) throw new BenchError('no certificate was issued; see taad.log of the nodes');
  if (invalid.length > 0)
    throw new BenchError(`${invalid.length} of ${receipts.length} certificates do not verify`);
}

function readOptions(args: readonly string[]): Options {
  const values = optionsOf(
    args,
    {
      clients: '1,8',
      seconds: '8',
      wait: '15',
      dir: '/var/tmp',
    },
    USAGE,
  );
  return {
    clients: numbersOf('clients', values.clients, USAGE),
    runMs: 1000 * positive('seconds', values.seconds, 0.1, USAGE),
    patienceMs: 1000 * positive('wait', values.wait, 0, USAGE),
    directory: values.dir,
  };
}

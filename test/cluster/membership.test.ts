/**
 * Real processes whose members change: a fourth node is ordered in and votes by itself, one is lost for good and replaced,
 * certificates go on and verify from the genesis alone; a wiped directory and a node that nobody ordered are refused.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import { freePorts } from '../../src/lab/ports.js';
import { TaadProcess } from '../../src/lab/taad-process.js';
import { submitAct } from '../../src/operator/acts.js';
import { readMemberFile } from '../../src/operator/genesis-making.js';
import { issueNode, openAuthorityDirectory } from '../../src/operator/issuing.js';
import { connect, type VerifiedCertificate } from '../../src/sdk/index.js';
import { trustOfGenesis, verifyCertificateBundle } from '../../src/verify/certificate-bundle.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { verifyGenesis } from '../../src/verify/genesis.js';
import type { MembershipAct } from '../../src/verify/membership-acts.js';
import type { Member } from '../../src/verify/membership.js';
import { decodeReceipt } from '../../src/verify/receipt.js';
import type { GetStatusResponse__Output } from '../../src/wire/gen/taa/v1/GetStatusResponse.js';

/** Of one step; far more than any takes, because the machine may be busy. */
const PATIENCE_MS = 180_000;

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  // A node that does not answer in time is asked again.
  const answered = async (): Promise<boolean> => holds();
  while (!(await answered().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface NewNode {
  readonly member: Member;
  readonly process: () => TaadProcess;
  readonly log: () => string;
}

/** Keys, certificates and configuration of a node that the genesis does not name. */
async function newNode(cluster: LabCluster, name: string, site: string): Promise<NewNode> {
  const { directory, clusterId } = cluster.files.plan;
  const out = join(directory, 'nodes', name);
  mkdirSync(out, { recursive: true });
  const files = issueNode({
    authority: openAuthorityDirectory(directory, null),
    identity: { clusterId, role: 'node', name },
    site,
    kind: 'full',
    out,
    days: 30,
    passphrase: null,
    dnsNames: [],
    ipAddresses: ['127.0.0.1'],
  });
  const [peers, clients, administration, metrics] = (await freePorts(4)) as [number, number, number, number];
  const own = (port: number): string => `127.0.0.1:${port}`;
  const model = parse(readFileSync(cluster.files.configurations.get('tokyo') as string, 'utf8')) as object;
  const configuration = join(out, 'taad.yaml');
  writeFileSync(
    configuration,
    stringify({
      ...model,
      node: name,
      join: true,
      listen: {
        peers: own(peers),
        clients: own(clients),
        administration: own(administration),
        metrics: own(metrics),
      },
      peers: cluster.names.map((node) => ({ node, address: own(cluster.ports.get(node)?.peers ?? 0) })),
    }),
  );
  const logFile = join(out, 'taad.log');
  writeFileSync(logFile, '');
  return {
    member: readMemberFile(files.member, clusterId, own(peers)),
    process: () => new TaadProcess({ name, configuration, metricsPort: metrics, logFile }),
    log: () => readFileSync(logFile, 'utf8'),
  };
}

const order = (cluster: LabCluster, act: MembershipAct) =>
  submitAct(cluster.operator, cluster.files.administrator, act);

async function statusOf(cluster: LabCluster): Promise<GetStatusResponse__Output> {
  return (await cluster.status()).value;
}

test.serial(
  'a node is added, one is lost and replaced, and every certificate verifies from the genesis',
  async (t) => {
    t.timeout(10 * 60_000);
    const directory = mkdtempSync(join(tmpdir(), 'taa-membership-'));
    const started: TaadProcess[] = [];
    const cluster = await LabCluster.start({ directory, policy: LAB_POLICY });
    const registered = await cluster.register('tsa');
    const certificates: VerifiedCertificate[] = [];
    const tsa = connect({
      cluster: cluster.files.plan.clusterId,
      trust: cluster.files.genesis,
      endpoints: cluster.clientEndpoints(),
      tls: registered.pem,
      store: mkdtempSync(join(directory, 'store-')),
    });
    tsa.on('certificate', (certificate) => certificates.push(certificate));
    tsa.on('error', () => undefined);
    const more = async (when: string): Promise<void> => {
      const before = certificates.length;
      await until(`a certificate ${when}`, () => certificates.length > before);
    };
    const launch = (node: NewNode): TaadProcess => {
      const process = node.process();
      started.push(process);
      return process;
    };
    try {
      await more('of the first members');

      // Started before it is ordered: refused, and says what to do; ordered, it joins, catches up and votes by itself.
      const nagoya = await newNode(cluster, 'nagoya', 'nagoya');
      const fourth = launch(nagoya);
      await until('the refusal', () => nagoya.log().includes('NOT_A_MEMBER'));
      t.regex(nagoya.log(), /an administrator orders it in with taactl node add/);
      await order(cluster, { command: 'addNode', member: nagoya.member });
      await until('the fourth member', async () => {
        const { membershipVersion, membershipAttested } = await statusOf(cluster);
        return Number(membershipVersion) === 1 && membershipAttested;
      });
      await fourth.ready(PATIENCE_MS);
      await more('of four members');

      // Lost for good, and replaced while it is away.
      await cluster.process('osaka').kill();
      rmSync(cluster.dataDirectory('osaka'), { recursive: true, force: true });
      const sapporo = await newNode(cluster, 'sapporo', 'osaka');
      launch(sapporo);
      await order(cluster, {
        command: 'replaceNode',
        node: 'osaka',
        member: sapporo.member,
        reason: 'its disk is lost',
      });
      await until('the replacement', async () => {
        const { membershipVersion, membershipAttested } = await statusOf(cluster);
        return Number(membershipVersion) === 2 && membershipAttested;
      });
      await more('after the replacement');

      const { nodes, criticalSites } = await statusOf(cluster);
      t.deepEqual(nodes.map(({ node }) => node).sort(), ['fukuoka', 'nagoya', 'sapporo', 'tokyo']);
      t.deepEqual(criticalSites, []);

      // The lost one comes back with an empty directory: it is told that it is none any more, and ends by itself.
      const lost = cluster.launch('osaka');
      t.deepEqual(await lost.exited, { code: 0, signal: null });
      t.regex(readFileSync(cluster.logFile('osaka'), 'utf8'), /NODE_REMOVED/);

      // A member whose directory was wiped is told so by its peers, and ends with an error.
      await cluster.process('fukuoka').kill();
      rmSync(cluster.dataDirectory('fukuoka'), { recursive: true, force: true });
      const wiped = cluster.launch('fukuoka');
      t.not((await wiped.exited).code, 0);
      t.regex(readFileSync(cluster.logFile('fukuoka'), 'utf8'), /MEMBER_EMPTIED.*taactl node replace/);
      await more('with one member down');

      const trust = trustOfGenesis(verifyGenesis(cluster.files.genesis, nodeVerifier).genesis);
      for (const { receipt } of certificates) {
        const verdict = verifyCertificateBundle(null, receipt, trust, nodeVerifier);
        t.true(verdict.ok, verdict.ok ? '' : verdict.message);
      }
      const last = decodeReceipt(certificates.at(-1)?.receipt ?? new Uint8Array(0));
      t.is(last.members?.length, 2, 'the last one carries both changes');
    } finally {
      await tsa.close();
      await Promise.all(started.map((process) => process.kill()));
      await cluster.close();
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

/** Every audit gets its outcome, also when the node that measured it is gone and nothing else happens in the cluster. */

import test from 'ava';
import type { Audit } from '../../src/authority/model.js';
import { clientKey, registrationOf } from '../simulation/genesis.js';
import { Prng } from '../simulation/prng.js';
import { simulatedSign } from '../simulation/signatures.js';
import { SimulatedTsa } from '../simulation/tsa.js';
import { S, SmallCluster, type SmallNode } from './small-cluster.js';

const TSA = 'honest';
const { command, device } = registrationOf(TSA);

/** A registered TSA that has sessions with this node alone. */
function tsaOf(cluster: SmallCluster, node: SmallNode): SimulatedTsa {
  let registered = false;
  node.core?.submitSigned(command, (result) => (registered = result.status === 'accepted'));
  cluster.until(() => registered, 10n * S, 'the TSA is registered');
  return new SimulatedTsa(
    cluster.scheduler,
    new Prng(7),
    {
      nodes: 1,
      dial: (_node, send, ended) =>
        node.core?.openSession(
          {
            identity: `taa://${cluster.genesis.clusterId}/client/${TSA}`,
            spki: clientKey(TSA),
            algorithm: 'ecdsa-p256-sha256',
            address: 'simulated',
          },
          send,
          ended,
        ) ?? null,
      reference: () => 0n,
      allowance: () => 0n,
    },
    { outcome: () => undefined },
    {
      name: TSA,
      cluster: cluster.genesis.clusterId,
      lies: 0,
      interval: 1_000_000_000,
      sign: (message) => simulatedSign(clientKey(TSA), message),
    },
    0n,
  );
}

/** Runs until the node's first measurement is committed; then that process is no more, and its client is gone. */
function measureAndDie(cluster: SmallCluster, node: SmallNode): Audit {
  const tsa = tsaOf(cluster, node);
  tsa.start();
  const pending = (): Audit | undefined => node.core?.authority.pending(node.id)[0];
  cluster.until(() => pending()?.stage === 'measured', 10n * S, 'a measurement is committed');
  const audit = pending() as Audit;
  tsa.stop();
  cluster.kill(node);
  return audit;
}

for (const role of ['follower', 'leader'] as const) {
  test(`the measuring node, a ${role}, dies for good and the log falls silent: its deadline voids the audit`, (t) => {
    const cluster = new SmallCluster(11);
    cluster.until(() => cluster.leader !== undefined, 10n * S, 'a leader');
    const { leader } = cluster;
    const victim = cluster.nodes.find((node) => (node === leader) === (role === 'leader')) as SmallNode;
    const { sequence } = measureAndDie(cluster, victim);
    const others = cluster.nodes.filter((node) => node !== victim);
    const outcomes = (): unknown[] =>
      others.map(({ core }) => core?.authority.audit(device, sequence)?.outcome ?? null);
    cluster.until(() => !outcomes().includes(null), 8n * S, 'the audit has an outcome');
    for (const outcome of outcomes()) t.like(outcome, { kind: 'voided', reason: 'NOT_CONFIRMED' });
    t.deepEqual(
      others.map(({ core }) => core?.authority.nextDeadline()),
      [null, null],
    );
    const applied = (): unknown[] => others.map(({ core }) => core?.raft.status().appliedIndex);
    const settled = applied();
    cluster.run(5n * S);
    t.deepEqual(applied(), settled, 'nothing more is owed');
  });
}

/** The whole pipeline with real keys: genesis, measurement, ECDSA signature, CMS, and verification by a stranger. */

import test from 'ava';
import { actToBeSigned, encodeAct, type Act } from '../../src/authority/acts.js';
import { policyOfGenesis } from '../../src/authority/policy.js';
import { AuthorityError } from '../../src/authority/errors.js';
import { statementCodec } from '../../src/authority/statements.js';
import type { Audit } from '../../src/authority/model.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { taaOids } from '../../src/verify/oids.js';
import { verifyStatement } from '../../src/verify/signed-statement.js';
import { genesisFixture, clusterId } from '../verify/genesis-fixture.js';
import { Cluster, MS, S, factsOf, sessionId } from './cluster.js';

const fixture = genesisFixture();
const genesis = {
  ...fixture.genesis,
  administrators: [{ name: 'ada', role: 'admin' as const, spki: fixture.admin.spki }],
};

function realCluster(): { cluster: Cluster; device: string } {
  const cluster = new Cluster(genesis, { verifier: nodeVerifier, statements: statementCodec });
  const act: Act = {
    command: 'registerClient',
    subscriber: 's-1',
    identity: `taa://${clusterId}/client/tsa1`,
    spki: fixture.admin.spki,
    policy: {},
    details: null,
  };
  const nonce = cluster.random.bytes(16);
  const statement = encodeAct({ cluster: clusterId, nonce, expires: taiNs(cluster.now + S), act });
  const registered = cluster.propose('n1', {
    kind: 'signed',
    statement,
    signature: fixture.admin.signNow(actToBeSigned(statement)),
    signer: 'ada',
    algorithm: 'ecdsa-p256-sha256',
    body: new Uint8Array(0),
    bodySalt: new Uint8Array(0),
  });
  const device = cluster.authority.deviceByIdentity(act.identity)?.id;
  if (!registered.accepted || device === undefined) throw new Error(registered.reason);
  cluster.propose('n1', { kind: 'sessionOpen', device, session: sessionId('tsa1'), software: 'sdk' });
  return { cluster, device };
}

function signedBy(cluster: Cluster, audit: Audit, node: string): Uint8Array {
  const message = cluster.authority.toBeSigned(audit);
  const signer = fixture.issuing.get(node);
  if (message === null || signer === undefined) throw new Error('nothing to sign, or nobody');
  return cluster.authority.assemble(audit, signer.signNow(message));
}

test('the committed certificate verifies offline and says what was committed', (t) => {
  const { cluster, device } = realCluster();
  const measured = cluster.measure('n1', factsOf(device, 'tsa1', 1, 3n * MS));
  cluster.confirm(cluster.audit(device, 1));
  const audit = cluster.audit(device, 1);
  const issue = (node: string) =>
    cluster.propose('n1', { kind: 'issue', device, sequence: 1, der: signedBy(cluster, audit, node) });
  t.is(issue('n2').reason, 'CERTIFICATE_WRONG', 'signed by another node’s key');
  t.true(issue('n1').accepted);

  const certificate = cluster.authority.certificate(audit) as Uint8Array;
  const verified = verifyStatement(certificate, { trustAnchors: [fixture.rootDer], clusterId }, nodeVerifier);
  t.true(verified.ok, JSON.stringify(verified.ok ? '' : verified));
  if (!verified.ok) return;
  t.like(verified.statement, {
    serial: measured.leaf,
    measurementLeafHash: audit.leafHash,
    sequence: 1,
    verdict: 'pass',
    auditor: { node: 'n1', site: 'tokyo' },
    audited: { device, subscriber: 's-1', distinguishedName: null },
    policy: { oid: taaOids.testPolicy, version: 1 },
    source: { oid: taaOids.labReference, name: 'laboratory, not UTC(NICT)' },
    lease: durNs(180n * S),
  });
  t.is(verified.statement.result.low, audit.judgement.low);
  t.is(verified.statement.measuredAt.utc, '2026-11-18T11:07:43.001000000Z');
  t.is(verified.statement.validity.to.tai - verified.statement.validity.from.tai, 86_400n * S);
});

test('facts that contradict themselves are voided instead of signed', (t) => {
  const { cluster, device } = realCluster();
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 0n));
  const audit = cluster.audit(device, 1);
  const absurd = { ...audit, judgement: { ...audit.judgement, low: durNs(9n * S), high: durNs(9n * S) } };
  t.is(cluster.authority.toBeSigned(absurd), null);
});

test('the policy of a genesis: defaults, its own values, and what it may not say', (t) => {
  const lab = policyOfGenesis(new Map([['audit', new Map([['interval', S]])]]), true);
  t.like(lab, { version: 1, policyOid: taaOids.testPolicy, taaAlarm: 10n * MS, taaStop: 50n * MS });
  t.like(lab.audit, { limit: 500n * MS, maxDelay: 100n * MS, interval: S });
  t.like(policyOfGenesis(new Map(), false), { policyOid: taaOids.defaultPolicy, sourceName: 'UTC(NICT)' });
  for (const wrong of [
    new Map([['limits', 1]]),
    new Map([['policyOid', '1.2.3']]),
    new Map([['taaStop', 1]]),
    new Map([['audit', new Map([['limit', -1n]])]]),
    new Map([['sourceOid', 'x']]),
  ]) {
    const error = t.throws(() => policyOfGenesis(wrong, true), { instanceOf: AuthorityError });
    t.is(error.code, 'POLICY_MALFORMED');
  }
});

/** The story behind the golden files of the command, record and state formats: one of everything, always the same. */

import { concat } from '../../src/verify/bytes.js';
import { sha256 } from '../../src/verify/crypto.js';
import { durNs, taiNs } from '../../src/time/types.js';
import { text } from '../verify/random.js';
import {
  Cluster,
  MS,
  S,
  START,
  clusterId,
  factsOf,
  keyOf,
  registration,
  runOf,
  sessionId,
} from './cluster.js';

export function goldenStory(): Cluster {
  const cluster = new Cluster();
  const instant = (offset: bigint) => taiNs(START + offset);
  cluster.propose('n1', { kind: 'nodeStarted', run: runOf('n1'), version: '0.1.0', supports: 1 });
  cluster.propose('n1', {
    kind: 'clockTransition',
    from: 'acquiring',
    to: 'synchronised',
    clock: {
      earliest: instant(-MS),
      best: instant(0n),
      latest: instant(MS),
      epoch: 1,
      samples: 8,
      rhoPpb: 15_000,
      taiMinusUtc: 37,
      leap: 'none',
      unmonitored: true,
      peers: 'agree',
    },
  });
  cluster.propose('n1', {
    kind: 'clockComparison',
    source: 'laboratory reference',
    address: '127.0.0.1:123',
    role: 'reference',
    authenticated: false,
    offset: durNs(-200_000n),
    uncertainty: durNs(900_000n),
    delay: durNs(300_000n),
    state: 'synchronised',
    sample: 9,
  });
  const bodySalt = cluster.random.bytes(16);
  const body = text('Example K.K., Tokyo');
  const details = sha256(concat([bodySalt, body]));
  cluster.order('ada', { ...registration('tsa1'), details }, { body, bodySalt });
  const device = cluster.authority.deviceByIdentity(`taa://${clusterId}/client/tsa1`)?.id ?? '';
  cluster.propose('n1', {
    kind: 'sessionOpen',
    device,
    session: sessionId('tsa1'),
    software: 'taa-sdk 0.1.0',
    address: '192.0.2.7:40123',
  });
  cluster.now += S;
  // Certified, failed, given up, and one still under way.
  cluster.measure('n1', factsOf(device, 'tsa1', 1, 3n * MS));
  cluster.confirm(cluster.audit(device, 1));
  cluster.issue(cluster.audit(device, 1));
  cluster.measure('n1', factsOf(device, 'tsa1', 2, 700n * MS));
  cluster.measure('n1', factsOf(device, 'tsa1', 3, 0n));
  cluster.propose('n1', { kind: 'void', device, sequence: 3, reason: 'NOT_CONFIRMED' });
  cluster.order('olga', { command: 'setDevicePolicy', device, policy: { interval: durNs(30n * S) } });
  const change = { audit: { lease: durNs(90n * S) }, sourceName: 'laboratory clock, not UTC(NICT)' };
  cluster.order('ada', { command: 'setClusterPolicy', basedOn: 1, change });
  cluster.order('sven', { command: 'addCredential', device, spki: keyOf('tsa1 next') });
  cluster.order('sven', { command: 'suspendCredential', device, spki: keyOf('tsa1'), reason: 'renewed' });
  const stopped = cluster.order('olga', { command: 'stopClient', device, reason: 'drill' });
  cluster.propose('n2', {
    kind: 'stopAcknowledged',
    device,
    order: stopped.leaf ?? 0,
    statement: text('stopped'),
    signature: text('signature'),
  });
  cluster.order('ada', { command: 'releaseClient', device, reason: 'drill over' });
  cluster.measure('n1', factsOf(device, 'tsa1', 4, 0n));
  cluster.propose('n1', { kind: 'sessionClose', device, session: sessionId('tsa1'), reason: 'CLIENT_LEFT' });
  for (let i = 0; i < 3; i++) {
    cluster.propose('n2', {
      kind: 'accessDenied',
      identity: 'unknown',
      reason: 'CLIENT_NOT_REGISTERED',
      count: 1,
      address: '192.0.2.8:4',
    });
  }
  cluster.propose('n2', {
    kind: 'clockAnomaly',
    code: 'leapContradicted',
    source: 's',
    detail: 'indicator 1',
  });
  cluster.order('ada', {
    command: 'releaseClock',
    clock: 'n2',
    what: 'latch',
    reason: 'the antenna was moved',
  });
  cluster.propose(
    'n2',
    { kind: 'clockAnomaly', code: 'peerSilent', source: 'n3', detail: 'while there was no quorum' },
    { earliest: taiNs(cluster.now - 90n * S), latest: taiNs(cluster.now - 89n * S) },
  );
  cluster.propose('n2', { kind: 'diverged', detail: 'root differs at size 12' });
  cluster.propose('n2', {
    kind: 'forkEvidence',
    detail: 'two roots at size 12',
    evidence: text('two notes'),
  });
  cluster.order('audrey', { command: 'stopClient', device, reason: 'not hers to order' });
  cluster.propose('n1', { kind: 'labAppend', items: [text('one'), text('two')] });
  cluster.propose('n1', { kind: 'checkpoint' });
  cluster.applyPayload(text('no command'));
  cluster.propose('n1', { kind: 'nodeStopping', run: runOf('n1') });
  return cluster;
}

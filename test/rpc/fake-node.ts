/** A node that does nothing but remember, behind real listeners with real TLS on loopback. */

import type { ExecutionContext } from 'ava';
import type { requestCallback } from '@grpc/grpc-js';
import { createPeerNetwork } from '../../src/rpc/peers.js';
import { Metrics } from '../../src/rpc/metrics.js';
import type { MetricsSnapshot } from '../../src/rpc/metrics.js';
import { startServers } from '../../src/rpc/server.js';
import type { RunningServers } from '../../src/rpc/server.js';
import type { Caller, LabDoor, NodeDoors, SessionPeer } from '../../src/rpc/doors.js';
import type { RpcLimits } from '../../src/rpc/limits.js';
import type { ListenerName } from '../../src/rpc/access.js';
import type { Role } from '../../src/verify/identity.js';
import type { Audit, AuditPolicy, Device } from '../../src/authority/model.js';
import { durNs, monoNs, taiNs } from '../../src/time/types.js';
import type { ClockReading, ClockState } from '../../src/time/types.js';
import { openClient } from '../../src/wire/clients.js';
import type { Clients } from '../../src/wire/clients.js';
import type { Refusal, SessionRequest, SessionResponse } from '../../src/wire/messages.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { channelOptions, clientCredentials } from '../../src/pki/tls.js';
import type { TlsMaterial } from '../../src/pki/tls.js';
import { clusterId, testCluster } from '../pki/material.js';

export { clusterId };
export const cluster = testCluster();
export const serverIdentity = { clusterId, role: 'node', name: 'n1' } as const;

export const policy: AuditPolicy = {
  limit: durNs(500_000_000n),
  interval: durNs(1_000_000_000n),
  maxDelay: durNs(100_000_000n),
  certificateLife: durNs(86_400_000_000_000n),
  lease: durNs(3_000_000_000n),
  voidAfter: durNs(60_000_000_000n),
};

export const device = (id: string, identity: string): Device => ({
  id,
  subscriber: 's-1',
  identity,
  credentials: [],
  policy: {},
  stop: null,
  lastSequence: 3,
});

/** The fake's session: what arrived, and the ways to answer. */
export interface FakeSession {
  readonly caller: Caller;
  readonly received: SessionRequest[];
  readonly send: (message: SessionResponse) => boolean;
  readonly end: (refusal: Refusal | null) => void;
  closedTimes: number;
}

export interface FakeNode {
  readonly doors: NodeDoors;
  readonly sessions: FakeSession[];
  readonly denials: { readonly caller: Caller | null; readonly identity: string; readonly reason: string }[];
  /** Grows the log and tells those who follow it. */
  append(leaf: Uint8Array): void;
  clockState: ClockState;
  /** What `admission` answers. */
  refuse: (caller: Caller) => Refusal | null;
  /** Runs for every message that a session received. */
  onMessage: (session: FakeSession, message: SessionRequest) => void;
  submit: NodeDoors['admin']['submit'];
  /** Runs before a linearizable read. */
  current: NodeDoors['log']['current'];
  reading: bigint;
}

export function fakeNode(lab: LabDoor | null = null): FakeNode {
  const leaves: Uint8Array[] = [Uint8Array.of(1), Uint8Array.of(2, 2), Uint8Array.of(3, 3, 3)];
  const followers = new Set<(size: number) => void>();
  const node: FakeNode = {
    sessions: [],
    denials: [],
    clockState: 'synchronised',
    refuse: () => null,
    onMessage: () => undefined,
    current: () => Promise.resolve(),
    submit: () => Promise.resolve({ leaf: 7, raftIndex: 9 }),
    reading: 2_000_000_000_000_000_000n,
    append(leaf) {
      leaves.push(leaf);
      for (const follower of [...followers]) follower(leaves.length);
    },
    doors: {
      clockReading: () => reading(node),
      certified: () => true,
      sessions: {
        count: () => node.sessions.length,
        open(caller, send, end): SessionPeer {
          const session: FakeSession = { caller, received: [], send, end, closedTimes: 0 };
          node.sessions.push(session);
          return {
            receive: (message) => {
              session.received.push(message);
              node.onMessage(session, message);
            },
            closed: () => {
              session.closedTimes += 1;
            },
          };
        },
      },
      log: {
        size: () => leaves.length,
        checkpoint: (minSize, signal) =>
          minSize <= leaves.length
            ? Promise.resolve({ note: Buffer.from('note'), size: leaves.length, members: new Uint8Array(0) })
            : new Promise((_resolve, reject) => {
                signal.addEventListener('abort', () => {
                  reject(new RpcError('NOT_YET_PUBLISHED'));
                });
              }),
        current: () => node.current(),
        entries: (start, count) => Promise.resolve(leaves.slice(start, start + count)),
        inclusionProof: (leaf, size) =>
          Promise.resolve({
            leaf: leaves[leaf] ?? new Uint8Array(),
            path: [new Uint8Array(32).fill(7)],
            size: size === 0 ? leaves.length : size,
          }),
        consistencyProof: () => Promise.resolve([new Uint8Array(32).fill(8)]),
        tile: () => Promise.resolve(new Uint8Array(64)),
        body: () => Promise.reject(new RpcError('NOT_FOUND', 'the body was erased')),
        receipt: (id, sequence) => Promise.resolve(Buffer.from(`${id}#${sequence}`)),
        onAppend(listener) {
          followers.add(listener);
          return () => followers.delete(listener);
        },
      },
      admin: {
        status: () => ({
          cluster: clusterId,
          laboratory: lab !== null,
          node: 'n1',
          site: 'tokyo',
          version: '0.1.0',
          role: 'leader',
          term: 4,
          leader: 'n1',
          lastIndex: 12,
          commitIndex: 11,
          appliedIndex: 10,
          logSize: leaves.length,
          root: new Uint8Array(32),
          publishedSize: 2,
          clusterTime: 2_000_000_000_000_000_001n,
          impairments: [],
          impairmentDetails: [],
          nodes: [
            {
              node: 'n1',
              site: 'tokyo',
              kind: 'full',
              matchIndex: 12,
              recentlyActive: true,
              cosignedSize: 3,
              standing: 'voter',
              incarnation: new Uint8Array(16),
              suspect: false,
              address: '',
              inForce: true,
            },
          ],
          membershipVersion: 0,
          membershipPending: false,
          membershipAttested: true,
          membershipAwaits: '',
          criticalSites: [],
          sessions: node.sessions.length,
          storageEngine: 'memory',
        }),
        submit: (command) => node.submit(command),
        transferLeadership: (to) => Promise.resolve(to),
        clients: (id) =>
          [
            { device: device('d-1', `taa://${clusterId}/client/tsa-1`), policy, connected: true, lastAudit },
            {
              device: device('d-2', `taa://${clusterId}/client/tsa-2`),
              policy,
              connected: false,
              lastAudit: null,
            },
          ].filter((view) => id === null || view.device.id === id),
        clock: () => ({
          reading: reading(node),
          sources: [
            {
              name: 'nict',
              address: '127.0.0.1:123',
              role: 'reference',
              accepted: 5,
              rejected: 1,
              lastOffsetNs: -12_345n,
              lastUncertaintyNs: 50_000n,
              lastDelayNs: 90_000n,
              lastAgeNs: 1_000_000n,
              authenticated: true,
              unanswered: 2,
              rejectedBy: { innovation: 1, answered: 2 },
              questionsLeft: 12,
              reach: 0b1111_0111,
              gives: 'phase and label',
            },
          ],
          sourceName: 'laboratory, not UTC(NICT)',
          site: 'tokyo',
          syncLimitNs: 10_000_000n,
          holdLimitNs: 50_000_000n,
          leap: {
            midnight: 1_814_400_000n,
            list: 'expired',
            indicator: 'silent',
            operator: 'insert',
            decision: 'insert',
            tableHash: 'ab'.repeat(20),
            tableSource: '/etc/taa/leap-seconds.list',
            tableExpires: 1_814_140_800n,
            tableDaysLeft: -2,
            approved: { hash: 'cd'.repeat(20), source: 'IERS Bulletin C 73' },
            isApproved: false,
            announcements: [{ midnight: 1_814_400_000n, change: 1, reference: 'Bulletin C 73', leaf: 41 }],
          },
        }),
        genesis: () => Buffer.from('genesis'),
      },
      lab,
      admission: (caller) => node.refuse(caller),
      denied: (caller, identity, reason) => {
        node.denials.push({ caller, identity, reason });
      },
    },
  };
  return node;
}

const lastAudit = {
  judgement: {
    verdict: 'pass',
    reason: '',
    tsaLow: durNs(-1n),
    tsaHigh: durNs(1n),
    delay: durNs(5n),
    low: durNs(-9_007_199_254_740_993n),
    high: durNs(2n),
  },
} as unknown as Audit;

/** Every reading is 1 µs after the one before. */
function reading(node: FakeNode): ClockReading {
  node.reading += 1_000n;
  return {
    earliest: taiNs(node.reading - 500n),
    best: taiNs(node.reading),
    latest: taiNs(node.reading + 500n),
    mono: monoNs(node.reading),
    state: node.clockState,
    epoch: 1,
    samples: 8,
    rhoPpb: 15_000,
    taiMinusUtc: 37,
    leap: 'none',
    unmonitored: false,
    peers: 'unknown',
    peerRounds: 0,
  };
}

export const snapshot: MetricsSnapshot = {
  node: { version: '0.1.0', node: 'n1', site: 'tokyo', engine: 'memory' },
  impairments: [],
  raft: {
    role: 'leader',
    term: 4,
    hasLeader: true,
    lastIndex: 12,
    commitIndex: 11,
    appliedIndex: 10,
    peers: [{ node: 'n2', matchIndex: 9, recentlyActive: true }],
  },
  clock: {
    state: 'synchronised',
    epoch: 0,
    uncertaintyNs: 250_000n,
    rhoPpb: 15_000,
    unmonitored: false,
    hostOffsetNs: -1_500_000n,
    hostFindings: ['hostSlewUnbounded'],
    peers: 'agree',
    taiMinusUtc: 37,
    leap: 'announced',
    leapTableDaysLeft: 59,
    leapTableApproved: true,
    rate: { ratePpb: -12_500, skewPpb: 40 },
    workerDelayMs: 2,
    counts: { anomalies: { suspectSample: 2 }, transitions: { emptyIntersection: 1 }, kisses: { RATE: 3 } },
    sources: [
      {
        name: 'nict',
        role: 'reference',
        accepted: 5,
        rejected: 1,
        rejectedBy: { innovation: 1, answered: 2 },
        leastDelayNs: 80_000n,
        reach: 0b1111_0111,
        authenticated: true,
        questionsLeft: 12,
        offsetNs: -12_000n,
        uncertaintyNs: 50_000n,
        delayNs: 90_000n,
        ageNs: 1_000_000_000n,
      },
      {
        name: 'never',
        role: 'monitor',
        accepted: 0,
        rejected: 0,
        rejectedBy: {},
        leastDelayNs: null,
        reach: 0,
        authenticated: false,
        questionsLeft: 20,
        offsetNs: 0n,
        uncertaintyNs: 0n,
        delayNs: 0n,
        ageNs: -1n,
      },
    ],
  },
  audit: {
    logSize: 3,
    publishedSize: 2,
    pending: 1,
    outcomes: { certified: 5, failed: 1, inconclusive: 0, voided: 0 },
  },
  sessions: 0,
  peers: [],
};

export interface TestServers {
  readonly node: FakeNode;
  readonly servers: RunningServers;
  readonly metrics: Metrics;
  /** A client of one service, closed after the test. */
  readonly client: <Name extends keyof Clients>(
    name: Name,
    listener: ListenerName,
    who: TlsMaterial | readonly [Role, string],
  ) => Clients[Name];
}

export interface TestServersOptions {
  readonly lab?: LabDoor;
  readonly limits?: Partial<RpcLimits>;
  readonly unready?: () => readonly string[];
}

/** Starts the listeners of a fake node; everything is closed after the test. */
export async function startFake(t: ExecutionContext, options: TestServersOptions = {}): Promise<TestServers> {
  const node = fakeNode(options.lab ?? null);
  const any = { host: '127.0.0.1', port: 0 };
  const metrics = new Metrics({ snapshot: () => snapshot });
  const tls = cluster.material('node', 'n1');
  const peers = createPeerNetwork({
    node: 'n1',
    clusterId,
    genesisHash: new Uint8Array(32),
    incarnation: new Uint8Array(16),
    peers: [{ node: 'n2', ...any }],
    tls,
  });
  const servers = await startServers({
    listen: { peers: any, clients: any, administration: any, metrics: any },
    clusterId,
    tls,
    doors: node.doors,
    peers,
    metrics,
    unready: options.unready ?? (() => []),
    limits: options.limits ?? {},
  });
  const clients: { close(): void }[] = [];
  t.teardown(async () => {
    for (const client of clients) client.close();
    await servers.close(100);
  });
  return {
    node,
    servers,
    metrics,
    client: (name, listener, who) => {
      const material = 'chain' in who ? who : cluster.material(who[0], who[1]);
      const client = openClient(
        name,
        `127.0.0.1:${servers.ports[listener]}`,
        clientCredentials(material, serverIdentity),
        channelOptions(serverIdentity),
      );
      clients.push(client);
      return client;
    },
  };
}

/** Waits for a condition, looked at every 5 ms. */
export async function until(condition: () => boolean, what: string, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The answer of a unary call, or the error in our terms. */
export function answerOf<T>(call: (callback: requestCallback<T>) => unknown): Promise<T | RpcError> {
  return new Promise((resolve) => {
    call((error, value) => {
      resolve(error ? RpcError.from(error) : (value as T));
    });
  });
}

/** How a stream ended: null for OK. Reads everything that comes before. */
export function endOf(stream: {
  on(event: 'data' | 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
}): Promise<RpcError | null> {
  return new Promise((resolve) => {
    stream.on('error', (error) => {
      resolve(RpcError.from(error));
    });
    stream.on('end', () => {
      // An error, if there is one, comes right behind the end.
      setTimeout(() => {
        resolve(null);
      }, 50);
    });
    stream.on('data', () => undefined);
  });
}

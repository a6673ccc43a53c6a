/**
 * Nodes on real listeners with real TLS, whose sessions are scripted but whose certificates and receipts are genuine:
 * signed by the issuing keys of a genesis, in a tree, under a checkpoint of a majority.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { encodePem } from '../../src/pki/pem.js';
import { generateKey, spkiOf } from '../../src/pki/signer.js';
import type { TlsMaterial } from '../../src/pki/tls.js';
import type { Caller, SessionHost, SessionPeer } from '../../src/rpc/doors.js';
import { Metrics } from '../../src/rpc/metrics.js';
import { createPeerNetwork } from '../../src/rpc/peers.js';
import { startServers } from '../../src/rpc/server.js';
import type { RunningServers } from '../../src/rpc/server.js';
import type { ConnectOptions } from '../../src/sdk/index.js';
import { builtinLeapTable, formatUtc, taiFromPosixNs, taiMinusUtcAt } from '../../src/time/index.js';
import { NS_PER_MS, NS_PER_S, durNs, monoNs, taiNs } from '../../src/time/types.js';
import type { ClockReading, TaiNs } from '../../src/time/types.js';
import { trustOfGenesis } from '../../src/verify/certificate-bundle.js';
import { decode, encode } from '../../src/verify/cbor.js';
import { isMap } from '../../src/verify/cbor-reader.js';
import {
  checkpointText,
  cosignatureLine,
  cosignatureMessage,
  plainLine,
  plainMessage,
} from '../../src/verify/checkpoint.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { leafHash } from '../../src/verify/merkle.js';
import { formatNote } from '../../src/verify/note.js';
import { encodeReceipt } from '../../src/verify/receipt.js';
import { assembleStatement, statementToBeSigned } from '../../src/verify/signed-statement.js';
import { differenceOf, encodeStatement } from '../../src/verify/statement.js';
import { keyAlgorithm } from '../../src/verify/x509.js';
import type { OutcomeMessage, SessionRequest, SessionResponse } from '../../src/wire/messages.js';
import { NaiveTree } from '../audit/naive-tree.js';
import { fakeNode, snapshot } from '../rpc/fake-node.js';
import { born, clusterId, genesisFixture, signGenesis } from '../verify/genesis-fixture.js';
import { statement as template } from '../verify/statement-fixture.js';

const policy = {
  limit: durNs(500n * NS_PER_MS),
  interval: durNs(200n * NS_PER_MS),
  maxDelay: durNs(100n * NS_PER_MS),
  certificateLife: durNs(86_400n * NS_PER_S),
  lease: durNs(3n * NS_PER_S),
  voidAfter: durNs(5n * NS_PER_S),
};

const PROBES = 2;
/** TAI of the host's clock when the test began; then monotonic, as a disciplined clock is. */
const start = {
  tai: taiFromPosixNs(BigInt(Date.now()) * NS_PER_MS, builtinLeapTable),
  mono: process.hrtime.bigint(),
};
const taiNow = (): TaiNs => taiNs(start.tai + (process.hrtime.bigint() - start.mono));

function clockReading(): ClockReading {
  const best = taiNow();
  return {
    earliest: taiNs(best - NS_PER_MS),
    best,
    latest: taiNs(best + NS_PER_MS),
    mono: monoNs(process.hrtime.bigint()),
    state: 'synchronised',
    epoch: 1,
    samples: 8,
    rhoPpb: 15_000,
    taiMinusUtc: taiMinusUtcAt(best, builtinLeapTable),
    leap: 'none',
    unmonitored: false,
    peers: 'unknown',
    peerRounds: 0,
  };
}

/** What the nodes agree on. */
export class RealCluster {
  readonly fixture = genesisFixture();
  readonly genesis: Uint8Array;
  readonly acknowledged: { readonly order: number; readonly signed: boolean }[] = [];
  readonly outcomes = new Map<string, OutcomeMessage>();
  stop: { order: number; reason: string } | null = null;
  sequence = 0;
  /** Damages receipts before they are sent. */
  forge: (receipt: Uint8Array) => Uint8Array = (receipt) => receipt;
  readonly #tree = new NaiveTree();
  readonly #live = new Set<(message: SessionResponse) => boolean>();

  constructor() {
    this.genesis = signGenesis(this.fixture.genesis, this.fixture.admin);
    this.#tree.push(encode({ v: 1, type: 'genesis' }));
  }

  order(reason: string): void {
    this.stop = { order: 77, reason };
    for (const send of this.#live) send({ kind: 'stopOrder', ...this.stop });
  }

  release(): void {
    this.stop = null;
    for (const send of this.#live) send({ kind: 'stopRelease', order: 77 });
  }

  host(node: string): SessionHost {
    return { count: () => this.#live.size, open: (caller, send) => this.#open(node, caller, send) };
  }

  material(role: 'node' | 'client', name: string): TlsMaterial {
    const key = generateKey('ecdsa-p256');
    const certificate = this.fixture.authority.issue({
      identity: { clusterId, role, name },
      purpose: 'tls',
      spki: spkiOf(key),
      notBefore: born,
      notAfter: born + 365 * 86_400,
    });
    return {
      chain: [certificate],
      key: encodePem('PRIVATE KEY', key.export({ type: 'pkcs8', format: 'der' })),
      trustAnchors: [this.fixture.rootDer],
    };
  }

  #open(node: string, caller: Caller, send: (message: SessionResponse) => boolean): SessionPeer {
    let session = '';
    let asked = 0;
    let readings: unknown[] = [];
    const probe = (request: number): boolean =>
      send({ kind: 'probe', request, nonce: new Uint8Array(16).fill(readings.length + 1) });
    const receive = (message: SessionRequest): void => {
      switch (message.kind) {
        case 'hello':
          session = message.session.join();
          this.#live.add(send);
          send({
            kind: 'welcome',
            device: 'd-1',
            node,
            site: node,
            policy,
            stop: this.stop,
            lastSequence: this.sequence,
          });
          break;
        case 'timeQuery': {
          const { earliest, best, latest, taiMinusUtc, state, leap } = clockReading();
          const instant = { earliest, best, latest, taiMinusUtc };
          send({
            kind: 'time',
            nonce: message.nonce,
            received: instant,
            transmitted: instant,
            clockState: state,
            leap,
            uncertified: false,
          });
          break;
        }
        case 'auditRequest':
          readings = [];
          asked = message.request;
          probe(asked);
          break;
        case 'probeReply':
          readings.push([message.nonce, message.received, message.transmitted]);
          if (readings.length < PROBES) probe(asked);
          else send({ kind: 'readingsRequest', request: asked });
          break;
        case 'signedReadings':
          send(this.#measured(node, `${session} ${message.request}`, caller, readings, message));
          break;
        case 'fetchOutcome':
          send(
            this.outcomes.get(`${session} ${message.request}`) ?? { ...nothing, request: message.request },
          );
          break;
        case 'stopAcknowledgement': {
          const signed = nodeVerifier.verify(
            keyAlgorithm(caller.spki),
            caller.spki,
            message.statement,
            message.signature,
          );
          this.acknowledged.push({ order: message.order, signed });
          break;
        }
      }
    };
    return { receive, closed: () => this.#live.delete(send) };
  }

  #measured(
    node: string,
    key: string,
    caller: Caller,
    readings: readonly unknown[],
    message: Extract<SessionRequest, { kind: 'signedReadings' }>,
  ): OutcomeMessage {
    const known = this.outcomes.get(key);
    if (known !== undefined) return known;
    const { request, statement, signature } = message;
    if (!nodeVerifier.verify(keyAlgorithm(caller.spki), caller.spki, statement, signature)) {
      return { ...nothing, request, reason: 'SIGNATURE_INVALID' };
    }
    const said = decode(statement);
    if (!isMap(said) || JSON.stringify(said.get('readings'), bigints) !== JSON.stringify(readings, bigints)) {
      return { ...nothing, request, reason: 'READINGS_NOT_SIGNED' };
    }
    this.sequence += 1;
    const outcome: OutcomeMessage = {
      kind: 'outcome',
      request,
      sequence: this.sequence,
      verdict: 'pass',
      reason: '',
      low: durNs(-NS_PER_MS),
      high: durNs(NS_PER_MS),
      receipt: this.forge(this.#receipt(node, this.sequence, statement)),
      lease: policy.lease,
      voided: false,
    };
    this.outcomes.set(key, outcome);
    return outcome;
  }

  #receipt(node: string, sequence: number, clientStatement: Uint8Array): Uint8Array {
    const { genesis, issuing, log } = this.fixture;
    const subject = { device: 'd-1', sequence, node };
    const index = this.#tree.leaves.length;
    const bound = 9n * NS_PER_MS;
    const result = differenceOf(durNs(-bound), durNs(bound));
    const { tsaMinusTaa } = template.legs;
    const measurement = encode({
      v: 1,
      type: 'measurement',
      ...subject,
      clientStatement,
      policyVersion: template.policy.version,
      judgement: {
        verdict: 'pass',
        reason: '',
        low: result.low,
        high: result.high,
        tsaLow: tsaMinusTaa.low,
        tsaHigh: tsaMinusTaa.high,
        delay: tsaMinusTaa.delay,
      },
    });
    this.#tree.push(measurement);
    const now = taiNow();
    const label = (tai: bigint): string => formatUtc(taiNs(tai), builtinLeapTable);
    const content = encodeStatement({
      ...template,
      serial: index,
      sequence,
      measurementLeafHash: leafHash(measurement),
      auditor: { node, site: node },
      audited: { device: 'd-1', subscriber: 's-1', distinguishedName: null },
      measuredAt: { earliest: now, latest: now, taiMinusUtc: 37, utc: label(now) },
      result,
      validity: {
        from: { tai: now, utc: label(now) },
        to: { tai: taiNs(now + policy.certificateLife), utc: label(now + policy.certificateLife) },
      },
      lease: policy.lease,
    });
    const member = genesis.members.find(({ id }) => id === node);
    const signer = issuing.get(node);
    if (member === undefined || signer === undefined) throw new Error(`no member ${node}`);
    const signature = signer.signNow(statementToBeSigned(content, member.issuingCertificate));
    const certificate = assembleStatement(content, member.issuingCertificate, signature);
    this.#tree.push(encode({ v: 1, type: 'certificate', ...subject, measurement: index, der: certificate }));
    const size = index + 2;
    const trust = trustOfGenesis(genesis).policy;
    const checkpoint = { origin: trust.origin, size, root: this.#tree.root(size) };
    const seconds = Math.floor(Date.now() / 1000);
    const sign = (name: string, bytes: Uint8Array): Uint8Array => log.get(name)?.signNow(bytes) ?? bytes;
    const others = trust.nodes.filter(({ name }) => name !== node);
    const proven = (at: number) => ({
      leaf: this.#tree.leaves[at] ?? new Uint8Array(0),
      index: at,
      path: this.#tree.path(at, 0, size),
    });
    return encodeReceipt({
      measurement: proven(index),
      issuance: proven(index + 1),
      checkpoint: formatNote({
        text: checkpointText(checkpoint),
        signatures: [
          ...trust.nodes.map((n) => plainLine(trust, n, sign(n.name, plainMessage(checkpoint)))),
          ...others.map((n) =>
            cosignatureLine(n, seconds, sign(n.name, cosignatureMessage(checkpoint, seconds))),
          ),
        ],
      }),
      certificate,
      chain: [member.issuingCertificate],
      policyVersion: template.policy.version,
    });
  }
}

const bigints = (_key: string, value: unknown): unknown =>
  typeof value === 'bigint' || typeof value === 'number' ? value.toString() : value;

const nothing: OutcomeMessage = {
  kind: 'outcome',
  request: 1,
  sequence: 0,
  verdict: 'inconclusive',
  reason: 'NOT_FOUND',
  low: durNs(0n),
  high: durNs(0n),
  receipt: new Uint8Array(0),
  lease: durNs(0n),
  voided: false,
};

export interface RunningCluster {
  readonly cluster: RealCluster;
  readonly servers: ReadonlyMap<string, RunningServers>;
  readonly options: ConnectOptions;
}

/** Starts nodes and returns what a TSA needs to connect to them; everything is closed after the test. */
export async function startCluster(
  t: ExecutionContext,
  names: readonly string[] = ['n1', 'n2'],
): Promise<RunningCluster> {
  const cluster = new RealCluster();
  const servers = new Map<string, RunningServers>();
  t.teardown(() => Promise.all([...servers.values()].map((server) => server.close(50))));
  for (const name of names) servers.set(name, await startNode(cluster, name));
  const endpoints = [...servers].map(([node, { ports }]) => ({
    node,
    address: `127.0.0.1:${ports.clients}`,
  }));
  return { cluster, servers, options: clientOptions(t, cluster, endpoints) };
}

/** What a registered TSA gives to `connect`, with a store that is removed after the test. */
export function clientOptions(
  t: ExecutionContext,
  cluster: RealCluster,
  endpoints: ConnectOptions['endpoints'],
): ConnectOptions {
  const store = mkdtempSync(join(tmpdir(), 'taa-sdk-'));
  t.teardown(() => rmSync(store, { recursive: true, force: true }));
  const tls = pemOf(cluster.material('client', 'tsa-1'));
  return { cluster: clusterId, trust: cluster.genesis, endpoints, tls, store };
}

export const pemOf = ({ chain, key }: TlsMaterial): ConnectOptions['tls'] => ({
  cert: chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
  key,
});

function startNode(cluster: RealCluster, name: string): Promise<RunningServers> {
  const any = { host: '127.0.0.1', port: 0 };
  const tls = cluster.material('node', name);
  return startServers({
    listen: { peers: any, clients: any, administration: any, metrics: null },
    clusterId,
    tls,
    doors: { ...fakeNode().doors, clockReading, sessions: cluster.host(name) },
    peers: createPeerNetwork({
      node: name,
      clusterId,
      genesisHash: new Uint8Array(32),
      incarnation: new Uint8Array(16),
      peers: [],
      tls,
    }),
    metrics: new Metrics({ snapshot: () => snapshot }),
    unready: () => [],
  });
}

/**
 * `npm start`: three nodes on loopback, a laboratory reference clock, two TSAs through the SDK, one of them 700 ms
 * wrong. Shows what a cluster does for a TSA; proves nothing outside, and says so.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TsaClient, VerifiedCertificate } from '../sdk/index.js';
import { connect } from '../sdk/index.js';
import { builtinLeapTable, taiFromPosixNs } from '../time/leap-table.js';
import { formatUtc } from '../time/utc-label.js';
import { NS_PER_MS, taiNs } from '../time/types.js';
import { trustOfGenesis, verifyCertificateBundle } from '../verify/certificate-bundle.js';
import type { CborMap, CborValue } from '../verify/cbor.js';
import { nodeVerifier } from '../verify/crypto.js';
import { verifyGenesis } from '../verify/genesis.js';
import type { LabCluster, RegisteredClient } from './lab-cluster.js';

/** What the second TSA's clock is off. */
const WRONG_BY = 700n * NS_PER_MS;
/** Honest TSAs that must hold a verified certificate before `--once` succeeds. */
export const FIRST_CERTIFICATE_TIMEOUT_MS = 60_000;

const lengthOf = (milliseconds: number): number => milliseconds * 1_000_000;

/** Policy of a laboratory: audits every second, so that there is something to see. */
export const LAB_POLICY: CborMap = new Map([
  [
    'audit',
    new Map<string, CborValue>([
      ['interval', lengthOf(1000)],
      ['lease', lengthOf(3000)],
      ['voidAfter', lengthOf(10_000)],
    ]),
  ],
]);

export interface LaboratoryReport {
  readonly certificates: number;
  readonly logSize: number;
  readonly leader: string;
  readonly verified: boolean;
}

export class Laboratory {
  readonly #cluster: LabCluster;
  readonly #print: (line: string) => void;
  readonly #clients: TsaClient[] = [];
  readonly #certificates: VerifiedCertificate[] = [];
  #wrongOnePassed = false;

  constructor(cluster: LabCluster, print: (line: string) => void) {
    this.#cluster = cluster;
    this.#print = print;
  }

  /** Registers and starts the two TSAs. */
  async begin(): Promise<void> {
    const [honest, wrong] = await Promise.all([
      this.#cluster.register('tsa-honest'),
      this.#cluster.register('tsa-wrong'),
    ]);
    this.#startTsa(honest, null);
    // A clock of its own, disciplined by nobody: the host's time and 700 ms.
    this.#startTsa(wrong, WRONG_BY);
  }

  /** The honest TSA's first certificate that verifies. @throws Error when there is none in time */
  async firstCertificate(timeoutMs = FIRST_CERTIFICATE_TIMEOUT_MS): Promise<void> {
    const [honest] = this.#clients;
    await honest?.permitted(timeoutMs);
  }

  async report(): Promise<LaboratoryReport> {
    const { value } = await this.#cluster.status();
    return {
      certificates: this.#certificates.length,
      logSize: Number(value.logSize),
      leader: value.leader,
      verified: this.#verified() && !this.#wrongOnePassed,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.#cluster.close();
  }

  /** Every certificate received, checked again as an auditor would: offline, from the genesis alone. */
  #verified(): boolean {
    const { genesis } = verifyGenesis(this.#cluster.files.genesis, nodeVerifier);
    const trust = trustOfGenesis(genesis);
    return (
      this.#certificates.length > 0 &&
      this.#certificates.every(
        ({ receipt }) => verifyCertificateBundle(null, receipt, trust, nodeVerifier).ok,
      )
    );
  }

  #startTsa(registered: RegisteredClient, wrongBy: bigint | null): void {
    const store = join(this.#cluster.files.plan.directory, 'clients', registered.name, 'store');
    mkdirSync(store, { recursive: true, mode: 0o700 });
    const client = connect({
      cluster: this.#cluster.files.plan.clusterId,
      trust: this.#cluster.files.genesis,
      endpoints: this.#cluster.clientEndpoints(),
      tls: registered.pem,
      store,
      software: 'taa laboratory',
      ...(wrongBy === null
        ? {}
        : {
            clock: {
              timescale: 'tai' as const,
              now: () => taiNs(taiFromPosixNs(BigInt(Date.now()) * NS_PER_MS, builtinLeapTable) + wrongBy),
            },
          }),
    });
    this.#clients.push(client);
    this.#watch(registered.name, client, wrongBy !== null);
  }

  #watch(name: string, client: TsaClient, wrong: boolean): void {
    client.on('certificate', (certificate) => {
      this.#certificates.push(certificate);
      if (wrong) this.#wrongOnePassed = true;
      this.#print(
        `${formatUtc(certificate.measuredAt, builtinLeapTable)}  ${name}  certificate ${certificate.sequence} by ${certificate.node}: ` +
          `TSA − reference in [${milliseconds(certificate.low)}, ${milliseconds(certificate.high)}] ms`,
      );
    });
    client.on('verdict', ({ node, outcome }) => {
      if (outcome.verdict === 'pass') return;
      const bounds =
        outcome.sequence === 0 && outcome.low === outcome.high
          ? ''
          : ` TSA − reference in [${milliseconds(outcome.low)}, ${milliseconds(outcome.high)}] ms`;
      this.#print(
        `${' '.repeat(30)}  ${name}  ${outcome.verdict} by ${node} (${outcome.reason})${bounds}; may not issue`,
      );
    });
    client.on('error', (error) => this.#print(`${' '.repeat(30)}  ${name}  ${error.message}`));
  }
}

function milliseconds(ns: bigint): string {
  const negative = ns < 0n;
  const micros = (negative ? -ns : ns) / 1000n;
  return `${negative ? '-' : '+'}${micros / 1000n}.${(micros % 1000n).toString().padStart(3, '0')}`;
}

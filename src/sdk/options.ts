/** What `connect` is given, and its check: everything that can be wrong is found before the first connection. */

import type { DurNs, TaiNs } from '../time/types.js';
import { NS_PER_MS, durNs } from '../time/types.js';
import { trustOfGenesis } from '../verify/certificate-bundle.js';
import type { BundleTrust } from '../verify/certificate-bundle.js';
import { nodeVerifier } from '../verify/crypto.js';
import { verifyGenesis } from '../verify/genesis.js';
import type { Genesis } from '../verify/genesis.js';
import { isIdentityName } from '../verify/identity.js';
import { SdkError } from './errors.js';
import { openCredential } from './tls.js';
import type { Credential, TlsOptions } from './tls.js';

/** The clock with which a TSA issues, if it is not the SDK's own. */
export interface TsaClock {
  /** `utc`: mapped to TAI by the TSA's own leap table; audits within ±5 s of a leap second are inconclusive. */
  readonly timescale: 'tai' | 'utc';
  /** The clock's reading, TAI ns; null while it cannot say the time. Must return at once. */
  now(): TaiNs | null;
}

export interface Endpoint {
  /** Name of the node: its certificate must say so. */
  readonly node: string;
  /** `host:port` of its listener for clients. */
  readonly address: string;
}

export interface ConnectOptions {
  /** Id of the cluster, for example `taa.example.jp`. */
  readonly cluster: string;
  /** The signed genesis file, byte for byte: the only root of what is believed. */
  readonly trust: Uint8Array;
  /** At least one; nearest first as far as is known. The SDK measures and reorders. */
  readonly endpoints: readonly Endpoint[];
  /** Certificate and key of this TSA. The roots are taken from the genesis. */
  readonly tls: TlsOptions;
  /** Directory for stops and certificates, used by this program alone. Created if it is missing. */
  readonly store: string;
  /** Default: the clock that the SDK disciplines by distributed time, see `TsaClient.now`. */
  readonly clock?: TsaClock;
  /** Planned time between two audits, 50 ms or more. Default: the device's policy. Unit: ns. */
  readonly auditEveryNs?: bigint;
  /** Name and version of the TSA's software, for the records; 1 to 64 characters. Default `taa/sdk`. */
  readonly software?: string;
  /**
   * Bound of the rate error of this machine's monotonic clock. Default 600 000 (500 ppm of kernel slew and the crystal
   * itself). Unit: parts per billion.
   */
  readonly rateErrorPpb?: number;
}

export interface CheckedOptions {
  readonly cluster: string;
  readonly endpoints: readonly Endpoint[];
  readonly trust: BundleTrust;
  readonly credential: Credential;
  readonly store: string;
  readonly clock: TsaClock | null;
  readonly auditEvery: DurNs | null;
  readonly software: string;
  readonly rateErrorPpb: number | undefined;
}

const SHORTEST_AUDIT_INTERVAL = 50n * NS_PER_MS;

/** @throws SdkError OPTIONS_INVALID, GENESIS_INVALID or CREDENTIAL_INVALID */
export function checkOptions(options: ConnectOptions): CheckedOptions {
  const { cluster, endpoints, store, clock, auditEveryNs, software = 'taa/sdk', rateErrorPpb } = options;
  requireEndpoints(endpoints);
  if (store === '') throw invalid('`store` names no directory');
  if (auditEveryNs !== undefined && auditEveryNs < SHORTEST_AUDIT_INTERVAL) {
    throw invalid(
      `\`auditEveryNs\` is ${auditEveryNs.toString()}, the shortest is ${SHORTEST_AUDIT_INTERVAL.toString()}`,
    );
  }
  if (software.length < 1 || software.length > 64) throw invalid('`software` must have 1 to 64 characters');
  if (
    rateErrorPpb !== undefined &&
    !(Number.isInteger(rateErrorPpb) && rateErrorPpb > 0 && rateErrorPpb < 1e8)
  ) {
    throw invalid('`rateErrorPpb` must be an integer from 1 to 10^8');
  }
  const genesis = openGenesis(options.trust);
  if (genesis.clusterId !== cluster) {
    throw new SdkError(
      'GENESIS_INVALID',
      `the genesis is of ${genesis.clusterId}, \`cluster\` says ${cluster}`,
    );
  }
  for (const { node } of endpoints) {
    // A later member is not in the genesis; a name that is no name never will be.
    if (!isIdentityName(node)) throw invalid(`endpoint ${JSON.stringify(node)} is not a name of a node`);
  }
  return {
    cluster,
    endpoints: endpoints.map(({ node, address }) => ({ node, address })),
    trust: trustOfGenesis(genesis),
    credential: openCredential(options.tls, cluster, genesis.trustAnchors),
    store,
    clock: clock ?? null,
    auditEvery: auditEveryNs === undefined ? null : durNs(auditEveryNs),
    software,
    rateErrorPpb,
  };
}

function requireEndpoints(endpoints: readonly Endpoint[]): void {
  if (endpoints.length === 0) throw invalid('`endpoints` is empty');
  const names = new Set(endpoints.map(({ node }) => node));
  if (names.size !== endpoints.length) throw invalid('two `endpoints` have the same node');
  const wrong = endpoints.find(({ address }) => !/^.+:\d{1,5}$/.test(address));
  if (wrong !== undefined)
    throw invalid(`the address of ${wrong.node}, ${JSON.stringify(wrong.address)}, is not host:port`);
}

function openGenesis(file: Uint8Array): Genesis {
  try {
    return verifyGenesis(file, nodeVerifier).genesis;
  } catch (cause) {
    throw new SdkError('GENESIS_INVALID', cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

const invalid = (detail: string): SdkError => new SdkError('OPTIONS_INVALID', detail);

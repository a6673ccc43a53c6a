/**
 * The SDK for Time Stamping Authorities (docs/sdk.md): distributed time with a proven bound, audits of the TSA's clock,
 * verified certificates in a store for ten years, and an interlock that fails closed.
 *
 * ```ts
 * const client = connect({ cluster, trust, endpoints, tls, store });
 * await client.permitted();
 * client.assertMayIssue(); // throws InterlockClosedError unless a live permission is held
 * ```
 */

import { TsaClient } from './client.js';
import type { ConnectOptions } from './options.js';

/**
 * Returns at once a client that keeps connecting: nearest node first, to another one when it is lost, with pauses of
 * 50 ms to 2 s. Its interlock is closed until a session confirmed that no stop stands and an audit has passed.
 *
 * @throws SdkError OPTIONS_INVALID, GENESIS_INVALID, CREDENTIAL_INVALID, STORE_UNUSABLE: what no retry can mend. A
 * damaged stop file is no error here: the client runs, is audited, and stays closed with the reason.
 */
export function connect(options: ConnectOptions): TsaClient {
  return new TsaClient(options);
}

export type { TsaClient, ClientState, TsaClientEvents, VerdictEvent } from './client.js';
export type { ConnectOptions, Endpoint, TsaClock } from './options.js';
export type { TlsOptions } from './tls.js';
export { InterlockClosedError } from './core/interlock.js';
export type { ClosedCode, InterlockStatus, Permission, Stop } from './core/interlock.js';
export type { Connection, VerifiedCertificate } from './core/events.js';
export type { ServedTime } from './core/disciplined-clock.js';
export { CertificateStore } from './certificate-store.js';
export type { StoredReceipt } from './certificate-store.js';
export { SdkError } from './errors.js';
export type { SdkErrorCode } from './errors.js';
export { builtinLeapTable, formatJst, formatUtc, utcParts } from '../time/index.js';
export type { DurNs, MonoNs, TaiNs } from '../time/types.js';

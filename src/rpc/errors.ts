/** Errors of the services: the class itself is in src/wire, because the client decodes into the same one. */

import { Metadata, status } from '@grpc/grpc-js';
import type { StatusObject } from '@grpc/grpc-js';
import { reasonInfo } from '../wire/reasons.js';
import { RpcError } from '../wire/rpc-error.js';
import { statusDetailsKey } from '../wire/status-details.js';

export { RpcError };
export type { RpcErrorOptions } from '../wire/rpc-error.js';

/** The status with which a call ends: code, a sentence with reason and remedy, and the details for programs. */
export function statusOf(caught: unknown): StatusObject {
  const error = RpcError.from(caught);
  const metadata = new Metadata();
  metadata.set(statusDetailsKey, error.encodeDetails());
  return { code: status[reasonInfo(error.reason).status], details: error.message, metadata };
}

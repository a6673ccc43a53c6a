/**
 * The one error of a remote call, on both of its sides. The reason stands in front of the message, so that a log line
 * alone says it, and the remedy behind it. `RpcError.from` is the only door from "caught" to "ours".
 */

import { MalformedMessage } from './malformed.js';
import { isErrorReason, reasonInfo, statusCodes } from './reasons.js';
import type { ErrorReason } from './reasons.js';
import { decodeStatusDetails, encodeStatusDetails, errorDomain, statusDetailsKey } from './status-details.js';
import type { StatusDetails } from './status-details.js';

export interface RpcErrorOptions extends ErrorOptions {
  /** Name of the node to ask instead. */
  readonly leader?: string | null;
}

/** Longest detail that is sent: trailers must stay small. Unit: characters. */
const MAX_DETAIL = 600;

export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** From the closed list of docs/error-reasons.md. */
  readonly reason: ErrorReason;
  /** The same, under the name that every error class of this project has. */
  readonly code: ErrorReason;
  /** gRPC status code, 1–16. */
  readonly status: number;
  /** The same call may succeed later or elsewhere, and repeating it does no harm. */
  readonly retryable: boolean;
  /** Name of the node to ask instead, if it is known. */
  readonly leader: string | null;
  /** What happened in this case, without reason and remedy. */
  readonly detail: string;

  constructor(reason: ErrorReason, detail?: string, options: RpcErrorOptions = {}) {
    const info = reasonInfo(reason);
    const said = (detail ?? info.meaning).slice(0, MAX_DETAIL);
    super(`${reason}: ${said.replace(/\.$/, '')}. ${info.remedy}`, options);
    this.reason = reason;
    this.code = reason;
    this.status = statusCodes[info.status];
    this.retryable = info.retryable;
    this.leader = options.leader ?? null;
    this.detail = said;
  }

  /**
   * 1. An RpcError stays itself. 2. An abort is CANCELLED. 3. A gRPC error that carries our details becomes what its sender
   * meant. 4. A gRPC error without them (connection lost, deadline, limits inside grpc-js) is named by its status. 5. An
   * error whose `code` is one of our reasons keeps it. 6. Anything else is INTERNAL: its text stays in `cause` and
   * is not told to the other side.
   */
  static from(caught: unknown): RpcError {
    if (caught instanceof RpcError) return caught;
    if (caught instanceof MalformedMessage) {
      return new RpcError('MALFORMED_MESSAGE', caught.message, { cause: caught });
    }
    const fields = asRecord(caught);
    if (fields['name'] === 'AbortError') return new RpcError('CANCELLED', undefined, { cause: caught });
    if (typeof fields['code'] === 'number') return fromGrpc(caught, fields, fields['code']);
    if (caught instanceof Error) {
      const { code } = fields;
      if (typeof code === 'string' && isErrorReason(code)) {
        return new RpcError(code, caught.message, { cause: caught });
      }
    }
    return new RpcError('INTERNAL', undefined, { cause: caught });
  }

  /** The value of the trailer grpc-status-details-bin. */
  encodeDetails(): Buffer {
    return encodeStatusDetails({
      code: this.status,
      message: this.detail,
      reason: this.reason,
      domain: errorDomain,
      metadata: {
        retryable: String(this.retryable),
        ...(this.leader === null ? {} : { leader: this.leader }),
      },
    });
  }
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function fromGrpc(caught: unknown, fields: Readonly<Record<string, unknown>>, code: number): RpcError {
  const details = sentDetails(fields['metadata']);
  if (details?.domain === errorDomain && isErrorReason(details.reason)) {
    return new RpcError(details.reason, details.message, {
      cause: caught,
      leader: details.metadata['leader'] ?? null,
    });
  }
  const text = typeof fields['details'] === 'string' ? fields['details'] : '';
  const reason = reasonOfStatus(code, text);
  return new RpcError(reason, text === '' ? undefined : text, { cause: caught });
}

function sentDetails(metadata: unknown): StatusDetails | null {
  if (typeof metadata !== 'object' || metadata === null || !('get' in metadata)) return null;
  const values = (metadata as { get(key: string): unknown[] }).get(statusDetailsKey);
  const [value] = values;
  if (!(value instanceof Uint8Array)) return null;
  try {
    return decodeStatusDetails(value);
  } catch {
    return null; // not ours: the status alone has to do
  }
}

/** What a status says that grpc-js or an intermediary made, without our details. */
function reasonOfStatus(code: number, text: string): ErrorReason {
  switch (code) {
    case statusCodes.CANCELLED:
      return 'CANCELLED';
    case statusCodes.INVALID_ARGUMENT:
      return 'MALFORMED_MESSAGE';
    case statusCodes.DEADLINE_EXCEEDED:
      return 'DEADLINE_EXCEEDED';
    case statusCodes.NOT_FOUND:
      return 'NOT_FOUND';
    case statusCodes.PERMISSION_DENIED:
      return 'ROLE_NOT_ALLOWED';
    case statusCodes.RESOURCE_EXHAUSTED:
      // grpc-js's own words: for its size limit, and for a stream that the server reset with ENHANCE_YOUR_CALM.
      if (/larger than/i.test(text)) return 'MESSAGE_TOO_LARGE';
      return /bandwidth exhausted/i.test(text) ? 'SLOW_CONSUMER' : 'OVERLOADED';
    case statusCodes.OUT_OF_RANGE:
      return 'BEYOND_LOG';
    case statusCodes.UNIMPLEMENTED:
      return 'METHOD_UNKNOWN';
    case statusCodes.UNAVAILABLE:
      return 'UNREACHABLE';
    case statusCodes.UNAUTHENTICATED:
      return 'IDENTITY_NOT_ACCEPTED';
    default:
      return 'INTERNAL';
  }
}

/**
 * The one error of the SDK beside InterlockClosedError. The code stands in front of the message and the remedy behind
 * it, so that a log line alone says what to do. Codes are stable: those of docs/error-reasons.md, and the ones below.
 */

import { isErrorReason, reasonInfo } from '../wire/reasons.js';
import type { ErrorReason } from '../wire/reasons.js';

const ownCodes = {
  OPTIONS_INVALID: 'Correct the named option; docs/sdk.md describes each.',
  GENESIS_INVALID: 'Give the genesis file of this cluster, byte for byte, as its operator handed it out.',
  CREDENTIAL_INVALID:
    'Give certificate and key as PEM, issued together for taa://<cluster>/client/<name> by the CA of this cluster.',
  STORE_UNUSABLE:
    'Give a directory on a local disk that this program may read and write, used by no other program.',
  CERTIFICATE_NOT_STORED:
    'Check space and health of the disk of the store; nothing is permitted by certificates that are not stored.',
  STOP_NOT_STORED: 'Check space and health of the disk of the store; the stop is in force all the same.',
  VERIFICATION_FAILED:
    'Check that the genesis file is the one of this cluster; if it is, tell the operator of the TAA at once.',
  CLOCK_JUMPED: 'Find out what suspended this machine or moved its clocks.',
  WRONG_NODE: 'Correct the endpoints: each must name the node that listens at its address.',
  SESSION_ENDED: 'Nothing needs to be done: another session is opened.',
  NOT_PERMITTED_IN_TIME:
    'Look at the state and the errors of the client; they say what keeps the interlock closed.',
} as const;

export type SdkErrorCode = ErrorReason | keyof typeof ownCodes;

export class SdkError extends Error {
  override readonly name = 'SdkError';
  readonly code: SdkErrorCode;
  /** It may go away without anyone changing anything; the SDK tries again by itself. */
  readonly retryable: boolean;
  /** What the reader can do about it, as a sentence. */
  readonly remedy: string;

  constructor(
    code: SdkErrorCode,
    detail: string,
    options: ErrorOptions & { readonly retryable?: boolean } = {},
  ) {
    const remedy = isErrorReason(code) ? reasonInfo(code).remedy : ownCodes[code];
    super(`${code}: ${detail.replace(/\.$/, '')}. ${remedy}`, options);
    this.code = code;
    this.retryable = options.retryable ?? (isErrorReason(code) && reasonInfo(code).retryable);
    this.remedy = remedy;
  }
}

/** A code that came over the wire or out of the state machine; what is not known is INTERNAL. */
export const sdkErrorCode = (code: string): SdkErrorCode =>
  isErrorReason(code) || Object.hasOwn(ownCodes, code) ? (code as SdkErrorCode) : 'INTERNAL';

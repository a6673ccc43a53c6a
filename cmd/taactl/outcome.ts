/**
 * How a command ends: exit codes, and the one door from "caught" to what an operator reads. Scripts branch on these
 * codes, so their meaning never changes.
 */

import { RpcError } from '../../src/wire/rpc-error.js';
import type { ErrorReason } from '../../src/wire/reasons.js';

export const exitCodes = {
  ok: 0,
  /** The command was understood and failed; the message says why. */
  failed: 1,
  /** The command line, a file named in it, or the configuration is wrong. */
  usage: 2,
  /** No node could be reached, or too few of them to commit. */
  notReachable: 3,
  /** Evidence does not verify. */
  verificationFailed: 4,
  /** The identity may not do this. */
  denied: 5,
  /** What was there is in order, but not everything was there. */
  notFullyChecked: 6,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure with its exit code; the message is one sentence with the remedy. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly code: string;

  constructor(exitCode: ExitCode, code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.code = code;
  }
}

export const usageError = (message: string, options?: ErrorOptions): CliError =>
  new CliError(exitCodes.usage, 'USAGE', message, options);

const unreachable: readonly ErrorReason[] = [
  'UNREACHABLE',
  'DEADLINE_EXCEEDED',
  'NOT_LEADER',
  'NO_QUORUM',
  'SHUTTING_DOWN',
];
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;
/** Refusals of the state machine that mean: not this signer. */
const deniedByState = /^(SIGNER_UNKNOWN|SIGNATURE_INVALID|ROLE_NOT_ALLOWED)\b/;
/** Errors of the rooms about a file that the operator named. */
const aboutFiles = [
  'ENOENT',
  'EACCES',
  'EISDIR',
  'ENOTDIR',
  'CERTIFICATE_MALFORMED',
  'IDENTITY_MALFORMED',
  'KEY_FILE_MISSING',
  'KEY_FILE_MODE',
  'KEY_NAME',
  'KEY_UNREADABLE',
  'KEY_NOT_ENCRYPTED',
  'KEY_WEAKLY_PROTECTED',
  'PASSPHRASE_WRONG',
  'PASSPHRASE_EMPTY',
  'GENESIS_MALFORMED',
  'GENESIS_INPUT',
  'POLICY_MALFORMED',
  'LEAP_TABLE_INVALID',
  'TIME_TRANSFER_INVALID',
];

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.exitCode;
  if (error instanceof RpcError) {
    if (unreachable.includes(error.reason)) return exitCodes.notReachable;
    const denied = error.status === PERMISSION_DENIED || error.status === UNAUTHENTICATED;
    if (denied || (error.reason === 'COMMAND_REFUSED' && deniedByState.test(error.detail))) {
      return exitCodes.denied;
    }
    return exitCodes.failed;
  }
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (code === 'PROOF_INVALID') return exitCodes.verificationFailed;
  return typeof code === 'string' && aboutFiles.includes(code) ? exitCodes.usage : exitCodes.failed;
}

/** Code, sentence and remedy on one line; never a stack. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message.split('\n')[0] ?? '';
  const { code } = error as { readonly code?: unknown };
  if (typeof code !== 'string' || code === 'USAGE' || text.startsWith(code)) return text;
  return `${code}: ${text}`;
}

/**
 * Every way in which the disk can disappoint, as one closed list. The code stands in front of the message, so that a
 * log line alone says it, and the last sentence tells the operator what to do.
 */

export type StoreErrorCode =
  /** A write, sync or flush failed, now or earlier. What is on disk beyond the last acknowledged write is unknown. */
  | 'STORAGE_FAILED'
  | 'STORAGE_READ_FAILED'
  | 'STORAGE_CLOSED'
  | 'STORAGE_READ_ONLY'
  | 'STORAGE_LOCKED'
  | 'STORAGE_OPEN_FAILED'
  | 'ENGINE_UNAVAILABLE'
  | 'ENGINE_MISMATCH'
  /** Bytes of the log are not what was written. */
  | 'LOG_RECORD_DAMAGED'
  /** Entries between the first and the last are missing. */
  | 'LOG_HOLE'
  /** The log ends before what the guard file proves to have been durable. */
  | 'LOG_TAIL_LOST'
  /** The term or vote on disk is older than what the guard file proves to have been durable. */
  | 'LOG_VOTE_LOST'
  | 'LEDGER_VALUE_DAMAGED'
  | 'GUARD_DAMAGED'
  | 'WITNESS_DAMAGED'
  | 'WITNESS_WOULD_GO_BACK'
  | 'DIRECTORY_DAMAGED'
  | 'DIRECTORY_UNUSABLE'
  | 'DIRECTORY_NOT_FOUND'
  | 'DIRECTORY_INCOMPLETE'
  | 'DIRECTORY_NOT_EMPTY'
  | 'DIRECTORY_NEWER_VERSION'
  | 'DIRECTORY_OF_ANOTHER_CLUSTER'
  | 'DIRECTORY_OF_ANOTHER_NODE'
  | 'DIRECTORY_LOCKED'
  | 'GENESIS_REQUIRED'
  | 'GENESIS_MISMATCH';

/** Base of all errors of this room. `remedy` is one sentence for the operator. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  readonly remedy: string;

  constructor(code: StoreErrorCode, what: string, remedy: string, cause?: unknown) {
    super(`${code}: ${what}. ${remedy}`, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.remedy = remedy;
  }
}

const rejoin =
  'This node may have forgotten what it promised: do not restart it on this directory; ' +
  'keep a copy, and let it join again as a new incarnation with an empty data directory';

/** A write failed. Final for this handle: nothing is acknowledged after it, every later call fails with it again. */
export class StorageFailedError extends StoreError {
  constructor(what: string, cause: unknown) {
    super('STORAGE_FAILED', `${what}: ${messageOf(cause)}`, remedyForWrite(cause), cause);
  }
}

/** The database answered a call after close, or while it was closing. */
export class StorageClosedError extends StoreError {
  constructor(what: string) {
    super(
      'STORAGE_CLOSED',
      `${what} was called after close`,
      'This is a programming error: please report it',
    );
  }
}

/** The log, or what guards it, is not what was written. The node must neither vote nor serve on it. */
export class LogDamagedError extends StoreError {
  /** What was found, without code and remedy. */
  readonly what: string;

  constructor(
    code: 'LOG_RECORD_DAMAGED' | 'LOG_HOLE' | 'LOG_TAIL_LOST' | 'LOG_VOTE_LOST' | 'GUARD_DAMAGED',
    what: string,
    cause?: unknown,
  ) {
    super(code, what, rejoin, cause);
    this.what = what;
  }
}

/** A value of the ledger is missing or not what was written. The ledger is a function of the log and can be rebuilt. */
export class LedgerDamagedError extends StoreError {
  constructor(what: string, cause?: unknown) {
    super(
      'LEDGER_VALUE_DAMAGED',
      what,
      'Keep a copy for inspection, then move the directory `ledger` away: the next start rebuilds it from the log',
      cause,
    );
  }
}

export class WitnessError extends StoreError {
  constructor(code: 'WITNESS_DAMAGED' | 'WITNESS_WOULD_GO_BACK', what: string, cause?: unknown) {
    super(
      code,
      what,
      'This node must not cosign again under its key: keep a copy, and let it join again as a new incarnation',
      cause,
    );
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For doors that promise an Error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The volume is full: a condition that passes, not damage. */
export function isDiskFull(cause: unknown): boolean {
  if (/No space left|ENOSPC|EDQUOT|quota/i.test(`${messageOf(cause)} ${codeOf(cause)}`)) return true;
  // Engines wrap what the system said.
  return cause instanceof Error && cause.cause !== undefined && isDiskFull(cause.cause);
}

function remedyForWrite(cause: unknown): string {
  return isDiskFull(cause)
    ? 'The disk is full: free space on the volume of the data directory and restart the node; nothing acknowledged is lost'
    : 'Check the volume of the data directory (kernel log, SMART, mount), then restart the node; a restart verifies what is on disk';
}

/** The `code` of a Node error, or an empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What the audit log can fail with. */

export type LedgerErrorCode =
  /** A position or size beyond the tree, or a leaf that is too long: the caller's mistake. */
  | 'outOfRange'
  /** The store does not hold what the tree says exists. */
  | 'missing'
  /** What the store holds does not hash to what the tree says. */
  | 'damaged'
  /** The store could not be read; see `cause`. */
  | 'unreadable';

const remedies: Record<LedgerErrorCode, string> = {
  outOfRange: 'ask for positions below the size of the tree',
  missing: 'fetch it from another node; it can be checked against the tree',
  damaged: 'stop serving from this store, check the disk, and fetch the part again from another node',
  unreadable: 'check the disk and the store',
};

export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;

  constructor(code: LedgerErrorCode, detail: string, cause?: unknown) {
    super(`ledger ${code}: ${detail}; ${remedies[code]}`, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

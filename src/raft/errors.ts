/** Errors that consensus hands to its host. */

export class StorageFailure extends Error {
  readonly code = 'RAFT_STORAGE';

  /** @param attempt what could not be done, as "could not …" would continue */
  constructor(attempt: string, cause: Error | null) {
    super(
      `RAFT_STORAGE: could not ${attempt}${cause === null ? '' : ` (${cause.message})`}. The node ends without retrying: ` +
        'after a failed write or sync the state of the disk is unknown. Check the disk and free space, then restart; ' +
        'if the log itself is damaged or shorter than before, replace the node.',
      cause === null ? undefined : { cause },
    );
    this.name = 'StorageFailure';
  }
}

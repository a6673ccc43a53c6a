/**
 * Assertions that stay on in production: a node whose consensus state contradicts itself stops (the driver turns the
 * error into `onFatal`) rather than vote, acknowledge or apply on top of it.
 */

export class InvariantError extends Error {
  readonly code = 'RAFT_INVARIANT';

  constructor(invariant: string) {
    super(
      `RAFT_INVARIANT: consensus state is inconsistent (${invariant}). The node stopped to protect the log; ` +
        'keep its data directory, restart it, and report this if it happens again.',
    );
    this.name = 'InvariantError';
  }
}

/** `invariant` is a constant sentence: no string is built unless it fails. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantError(invariant);
}

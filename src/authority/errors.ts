/** Errors of the edges of the state machine: its birth and its restoration. Apply itself refuses, and never throws. */

export type AuthorityErrorCode = 'POLICY_MALFORMED' | 'STATE_MALFORMED' | 'STATE_NEWER';

/** `code` is stable; the message names the remedy. */
export class AuthorityError extends Error {
  override readonly name = 'AuthorityError';
  readonly code: AuthorityErrorCode;

  constructor(code: AuthorityErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

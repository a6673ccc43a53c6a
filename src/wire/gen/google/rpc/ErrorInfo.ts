// Original file: proto/google/rpc/error_details.proto


/**
 * The cause of an error in a form for programs.
 */
export interface ErrorInfo {
  /**
   * An entry of the closed list of error reasons (docs/error-reasons.md), e.g. NOT_LEADER.
   */
  'reason'?: (string);
  /**
   * The owner of the reason; always `taa`.
   */
  'domain'?: (string);
  /**
   * `retryable`: true or false; `leader`: name of the node to ask instead, if it is known.
   */
  'metadata'?: ({[key: string]: string});
}

/**
 * The cause of an error in a form for programs.
 */
export interface ErrorInfo__Output {
  /**
   * An entry of the closed list of error reasons (docs/error-reasons.md), e.g. NOT_LEADER.
   */
  'reason': (string);
  /**
   * The owner of the reason; always `taa`.
   */
  'domain': (string);
  /**
   * `retryable`: true or false; `leader`: name of the node to ask instead, if it is known.
   */
  'metadata': ({[key: string]: string});
}

// Original file: proto/taa/v1/time.proto


/**
 * Answered by `time` in SessionResponse with the same nonce.
 */
export interface TimeQuery {
  'nonce'?: (Buffer | Uint8Array | string);
}

/**
 * Answered by `time` in SessionResponse with the same nonce.
 */
export interface TimeQuery__Output {
  'nonce': (Buffer);
}

// Original file: proto/taa/v1/audit.proto


export interface GetBodyRequest {
  /**
   * SHA-256(salt ‖ bytes).
   */
  'hash'?: (Buffer | Uint8Array | string);
}

export interface GetBodyRequest__Output {
  /**
   * SHA-256(salt ‖ bytes).
   */
  'hash': (Buffer);
}

// Original file: proto/taa/v1/audit.proto


export interface GetConsistencyProofResponse {
  /**
   * 32-byte hashes (RFC 6962 section 2.1.2).
   */
  'path'?: (Buffer | Uint8Array | string)[];
}

export interface GetConsistencyProofResponse__Output {
  /**
   * 32-byte hashes (RFC 6962 section 2.1.2).
   */
  'path': (Buffer)[];
}

// Original file: proto/taa/v1/audit.proto


export interface GetTileResponse {
  /**
   * Concatenated 32-byte hashes, 1–256 of them.
   */
  'hashes'?: (Buffer | Uint8Array | string);
}

export interface GetTileResponse__Output {
  /**
   * Concatenated 32-byte hashes, 1–256 of them.
   */
  'hashes': (Buffer);
}

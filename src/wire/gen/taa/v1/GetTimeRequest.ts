// Original file: proto/taa/v1/time.proto


export interface GetTimeRequest {
  /**
   * Chosen by the client, 8–32 bytes; returned unchanged.
   */
  'nonce'?: (Buffer | Uint8Array | string);
}

export interface GetTimeRequest__Output {
  /**
   * Chosen by the client, 8–32 bytes; returned unchanged.
   */
  'nonce': (Buffer);
}

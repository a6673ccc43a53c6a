// Original file: proto/taa/v1/admin.proto


export interface ListClientsRequest {
  /**
   * Opaque device id; empty lists all.
   */
  'device'?: (string);
}

export interface ListClientsRequest__Output {
  /**
   * Opaque device id; empty lists all.
   */
  'device': (string);
}

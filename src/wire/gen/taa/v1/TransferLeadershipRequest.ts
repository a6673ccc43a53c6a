// Original file: proto/taa/v1/admin.proto


export interface TransferLeadershipRequest {
  /**
   * The node that is to lead; empty takes the best one.
   */
  'node'?: (string);
}

export interface TransferLeadershipRequest__Output {
  /**
   * The node that is to lead; empty takes the best one.
   */
  'node': (string);
}

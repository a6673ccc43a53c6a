// Original file: proto/taa/v1/admin.proto


export interface TransferLeadershipResponse {
  /**
   * The leader afterwards, as the answering node sees it; empty if none is known yet.
   */
  'leader'?: (string);
}

export interface TransferLeadershipResponse__Output {
  /**
   * The leader afterwards, as the answering node sees it; empty if none is known yet.
   */
  'leader': (string);
}

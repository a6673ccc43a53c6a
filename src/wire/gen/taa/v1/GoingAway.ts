// Original file: proto/taa/v1/time.proto


export interface GoingAway {
  /**
   * From the closed list of error reasons.
   */
  'reason'?: (string);
}

export interface GoingAway__Output {
  /**
   * From the closed list of error reasons.
   */
  'reason': (string);
}

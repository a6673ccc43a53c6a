// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetCheckpointRequest {
  /**
   * Unit: leaves; 0 takes the newest.
   */
  'minSize'?: (number | string | Long);
}

export interface GetCheckpointRequest__Output {
  /**
   * Unit: leaves; 0 takes the newest.
   */
  'minSize': (string);
}

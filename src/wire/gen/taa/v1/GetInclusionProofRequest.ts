// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetInclusionProofRequest {
  'leafIndex'?: (number | string | Long);
  /**
   * The tree in which the leaf is proven; 0 takes the newest published.
   */
  'size'?: (number | string | Long);
}

export interface GetInclusionProofRequest__Output {
  'leafIndex': (string);
  /**
   * The tree in which the leaf is proven; 0 takes the newest published.
   */
  'size': (string);
}

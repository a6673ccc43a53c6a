// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetReceiptRequest {
  /**
   * Opaque device id.
   */
  'device'?: (string);
  'sequence'?: (number | string | Long);
}

export interface GetReceiptRequest__Output {
  /**
   * Opaque device id.
   */
  'device': (string);
  'sequence': (string);
}

// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetTileRequest {
  /**
   * 0 holds leaf hashes.
   */
  'level'?: (number);
  'index'?: (number | string | Long);
}

export interface GetTileRequest__Output {
  /**
   * 0 holds leaf hashes.
   */
  'level': (number);
  'index': (string);
}

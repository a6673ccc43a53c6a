// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetEntriesResponse {
  'start'?: (number | string | Long);
  /**
   * Encoded records.
   */
  'leaves'?: (Buffer | Uint8Array | string)[];
  /**
   * Tree size of this node.
   */
  'size'?: (number | string | Long);
}

export interface GetEntriesResponse__Output {
  'start': (string);
  /**
   * Encoded records.
   */
  'leaves': (Buffer)[];
  /**
   * Tree size of this node.
   */
  'size': (string);
}

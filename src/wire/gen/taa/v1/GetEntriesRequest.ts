// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetEntriesRequest {
  /**
   * First leaf index, 0-based.
   */
  'start'?: (number | string | Long);
  /**
   * Number of leaves, 1–1024.
   */
  'count'?: (number);
}

export interface GetEntriesRequest__Output {
  /**
   * First leaf index, 0-based.
   */
  'start': (string);
  /**
   * Number of leaves, 1–1024.
   */
  'count': (number);
}

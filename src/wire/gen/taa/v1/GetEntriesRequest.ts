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
  /**
   * The answer holds everything that was acknowledged anywhere before the call: the node first asks the leader and catches
   * up. Without it the answer may lag; what it says of a leaf is final in either case.
   */
  'linearizable'?: (boolean);
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
  /**
   * The answer holds everything that was acknowledged anywhere before the call: the node first asks the leader and catches
   * up. Without it the answer may lag; what it says of a leaf is final in either case.
   */
  'linearizable': (boolean);
}

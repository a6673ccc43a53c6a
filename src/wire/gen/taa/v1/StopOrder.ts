// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

export interface StopOrder {
  /**
   * Leaf index of the order in the log: its name.
   */
  'order'?: (number | string | Long);
  'reason'?: (string);
}

export interface StopOrder__Output {
  /**
   * Leaf index of the order in the log: its name.
   */
  'order': (string);
  'reason': (string);
}

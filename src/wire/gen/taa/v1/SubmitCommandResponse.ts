// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface SubmitCommandResponse {
  /**
   * Leaf of the record that the command made.
   */
  'leafIndex'?: (number | string | Long);
  'raftIndex'?: (number | string | Long);
}

export interface SubmitCommandResponse__Output {
  /**
   * Leaf of the record that the command made.
   */
  'leafIndex': (string);
  'raftIndex': (string);
}

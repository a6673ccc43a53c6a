// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetCheckpointResponse {
  /**
   * C2SP signed note.
   */
  'note'?: (Buffer | Uint8Array | string);
  'size'?: (number | string | Long);
}

export interface GetCheckpointResponse__Output {
  /**
   * C2SP signed note.
   */
  'note': (Buffer);
  'size': (string);
}

// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Records appended together; the client gathers what is pending in one turn.
 */
export interface LabAppendRequest {
  /**
   * The client's number of the first record; records are numbered consecutively.
   */
  'firstId'?: (number | string | Long);
  /**
   * 1–65,000 bytes each.
   */
  'records'?: (Buffer | Uint8Array | string)[];
}

/**
 * Records appended together; the client gathers what is pending in one turn.
 */
export interface LabAppendRequest__Output {
  /**
   * The client's number of the first record; records are numbered consecutively.
   */
  'firstId': (string);
  /**
   * 1–65,000 bytes each.
   */
  'records': (Buffer)[];
}

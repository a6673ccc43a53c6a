// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * All records from `first_id` on are committed and applied on the answering node, at consecutive leaf indexes.
 */
export interface LabAppendResponse {
  'firstId'?: (number | string | Long);
  'count'?: (number);
  'firstLeafIndex'?: (number | string | Long);
  /**
   * An error reason if these records were refused; then nothing of them was appended.
   */
  'refused'?: (string);
}

/**
 * All records from `first_id` on are committed and applied on the answering node, at consecutive leaf indexes.
 */
export interface LabAppendResponse__Output {
  'firstId': (string);
  'count': (number);
  'firstLeafIndex': (string);
  /**
   * An error reason if these records were refused; then nothing of them was appended.
   */
  'refused': (string);
}

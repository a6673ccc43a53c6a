// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

/**
 * All probes of the audit are done: sign what was answered.
 */
export interface ReadingsRequest {
  'request'?: (number | string | Long);
}

/**
 * All probes of the audit are done: sign what was answered.
 */
export interface ReadingsRequest__Output {
  'request': (string);
}

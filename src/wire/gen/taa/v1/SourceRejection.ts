// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Samples that failed one test.
 */
export interface SourceRejection {
  'test'?: (string);
  'count'?: (number | string | Long);
}

/**
 * Samples that failed one test.
 */
export interface SourceRejection__Output {
  'test': (string);
  'count': (string);
}

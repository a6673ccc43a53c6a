// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks again for the outcome of an earlier request, for instance after a reconnect.
 */
export interface FetchOutcome {
  'request'?: (number | string | Long);
}

/**
 * Asks again for the outcome of an earlier request, for instance after a reconnect.
 */
export interface FetchOutcome__Output {
  'request': (string);
}

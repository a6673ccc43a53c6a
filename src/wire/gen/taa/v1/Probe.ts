// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Answer at once with the audited clock's own readings.
 */
export interface Probe {
  'request'?: (number | string | Long);
  /**
   * 16 random bytes.
   */
  'nonce'?: (Buffer | Uint8Array | string);
}

/**
 * Answer at once with the audited clock's own readings.
 */
export interface Probe__Output {
  'request': (string);
  /**
   * 16 random bytes.
   */
  'nonce': (Buffer);
}

// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Sent after the stop has been stored durably by the client.
 */
export interface StopAcknowledgement {
  'order'?: (number | string | Long);
  /**
   * Deterministic CBOR {v, cluster, order, stoppedAt}.
   */
  'statement'?: (Buffer | Uint8Array | string);
  'signature'?: (Buffer | Uint8Array | string);
}

/**
 * Sent after the stop has been stored durably by the client.
 */
export interface StopAcknowledgement__Output {
  'order': (string);
  /**
   * Deterministic CBOR {v, cluster, order, stoppedAt}.
   */
  'statement': (Buffer);
  'signature': (Buffer);
}

// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

export interface SignedReadings {
  'request'?: (number | string | Long);
  /**
   * Deterministic CBOR {v, cluster, device session, request, timescale, readings: [[nonce, received, transmitted], …]}.
   */
  'statement'?: (Buffer | Uint8Array | string);
  /**
   * By the key of the client's TLS certificate.
   */
  'signature'?: (Buffer | Uint8Array | string);
}

export interface SignedReadings__Output {
  'request': (string);
  /**
   * Deterministic CBOR {v, cluster, device session, request, timescale, readings: [[nonce, received, transmitted], …]}.
   */
  'statement': (Buffer);
  /**
   * By the key of the client's TLS certificate.
   */
  'signature': (Buffer);
}

// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface GetInclusionProofResponse {
  'leaf'?: (Buffer | Uint8Array | string);
  /**
   * 32-byte hashes, from the leaf up (RFC 6962 section 2.1.1).
   */
  'path'?: (Buffer | Uint8Array | string)[];
  'size'?: (number | string | Long);
}

export interface GetInclusionProofResponse__Output {
  'leaf': (Buffer);
  /**
   * 32-byte hashes, from the leaf up (RFC 6962 section 2.1.1).
   */
  'path': (Buffer)[];
  'size': (string);
}

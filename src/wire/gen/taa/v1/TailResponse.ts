// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface TailResponse {
  'index'?: (number | string | Long);
  'leaf'?: (Buffer | Uint8Array | string);
}

export interface TailResponse__Output {
  'index': (string);
  'leaf': (Buffer);
}

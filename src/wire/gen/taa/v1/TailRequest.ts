// Original file: proto/taa/v1/audit.proto

import type { Long } from '@grpc/proto-loader';

export interface TailRequest {
  'start'?: (number | string | Long);
}

export interface TailRequest__Output {
  'start': (string);
}

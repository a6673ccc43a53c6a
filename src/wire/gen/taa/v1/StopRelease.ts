// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

export interface StopRelease {
  'order'?: (number | string | Long);
}

export interface StopRelease__Output {
  'order': (string);
}

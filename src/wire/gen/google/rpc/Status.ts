// Original file: proto/google/rpc/status.proto

import type { Any as _google_protobuf_Any, Any__Output as _google_protobuf_Any__Output } from '../../google/protobuf/Any.js';

export interface Status {
  /**
   * The gRPC status code.
   */
  'code'?: (number);
  /**
   * A sentence for developers, in English.
   */
  'message'?: (string);
  /**
   * Messages that carry the details; taa sends one google.rpc.ErrorInfo.
   */
  'details'?: (_google_protobuf_Any)[];
}

export interface Status__Output {
  /**
   * The gRPC status code.
   */
  'code': (number);
  /**
   * A sentence for developers, in English.
   */
  'message': (string);
  /**
   * Messages that carry the details; taa sends one google.rpc.ErrorInfo.
   */
  'details': (_google_protobuf_Any__Output)[];
}

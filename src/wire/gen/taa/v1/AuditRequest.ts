// Original file: proto/taa/v1/time.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Asks for an audit now. The same request number gives the same outcome, on any node.
 */
export interface AuditRequest {
  /**
   * 1, 2, 3 … within the session.
   */
  'request'?: (number | string | Long);
}

/**
 * Asks for an audit now. The same request number gives the same outcome, on any node.
 */
export interface AuditRequest__Output {
  /**
   * 1, 2, 3 … within the session.
   */
  'request': (string);
}

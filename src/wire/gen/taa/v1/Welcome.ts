// Original file: proto/taa/v1/time.proto

import type { AuditPolicy as _taa_v1_AuditPolicy, AuditPolicy__Output as _taa_v1_AuditPolicy__Output } from '../../taa/v1/AuditPolicy.js';
import type { StopOrder as _taa_v1_StopOrder, StopOrder__Output as _taa_v1_StopOrder__Output } from '../../taa/v1/StopOrder.js';
import type { Long } from '@grpc/proto-loader';

/**
 * Sent after the opening of the session has been committed: what it says about stops holds at least at that point.
 */
export interface Welcome {
  /**
   * Opaque device id used in the log.
   */
  'device'?: (string);
  'node'?: (string);
  'site'?: (string);
  'policy'?: (_taa_v1_AuditPolicy | null);
  /**
   * Present while a stop stands.
   */
  'stop'?: (_taa_v1_StopOrder | null);
  /**
   * Last audit sequence number of the device.
   */
  'lastSequence'?: (number | string | Long);
}

/**
 * Sent after the opening of the session has been committed: what it says about stops holds at least at that point.
 */
export interface Welcome__Output {
  /**
   * Opaque device id used in the log.
   */
  'device': (string);
  'node': (string);
  'site': (string);
  'policy': (_taa_v1_AuditPolicy__Output | null);
  /**
   * Present while a stop stands.
   */
  'stop': (_taa_v1_StopOrder__Output | null);
  /**
   * Last audit sequence number of the device.
   */
  'lastSequence': (string);
}

// Original file: proto/taa/v1/common.proto

import type { Long } from '@grpc/proto-loader';

/**
 * Audit policy of a device.
 */
export interface AuditPolicy {
  /**
   * A pass needs the whole interval inside (−limit, +limit). Unit: ns.
   */
  'limitNs'?: (number | string | Long);
  /**
   * Planned time between two audits. Unit: ns.
   */
  'intervalNs'?: (number | string | Long);
  /**
   * Longest acceptable round trip. Unit: ns.
   */
  'maxDelayNs'?: (number | string | Long);
  /**
   * Evidence validity of a certificate. Unit: ns.
   */
  'certificateLifeNs'?: (number | string | Long);
  /**
   * How long a pass permits issuing, on the device's monotonic clock. Unit: ns.
   */
  'leaseNs'?: (number | string | Long);
  /**
   * A measurement not issued by then is voided. Unit: ns of cluster time.
   */
  'voidAfterNs'?: (number | string | Long);
}

/**
 * Audit policy of a device.
 */
export interface AuditPolicy__Output {
  /**
   * A pass needs the whole interval inside (−limit, +limit). Unit: ns.
   */
  'limitNs': (string);
  /**
   * Planned time between two audits. Unit: ns.
   */
  'intervalNs': (string);
  /**
   * Longest acceptable round trip. Unit: ns.
   */
  'maxDelayNs': (string);
  /**
   * Evidence validity of a certificate. Unit: ns.
   */
  'certificateLifeNs': (string);
  /**
   * How long a pass permits issuing, on the device's monotonic clock. Unit: ns.
   */
  'leaseNs': (string);
  /**
   * A measurement not issued by then is voided. Unit: ns of cluster time.
   */
  'voidAfterNs': (string);
}

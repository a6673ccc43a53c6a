// Original file: proto/taa/v1/common.proto

import type { Long } from '@grpc/proto-loader';

/**
 * An instant known only to lie between two bounds.
 */
export interface Instant {
  /**
   * Lower bound of the true instant. Unit: TAI ns since 1970-01-01T00:00:00 TAI.
   */
  'earliestTaiNs'?: (number | string | Long);
  /**
   * Best estimate; earliest ≤ best ≤ latest. Unit: TAI ns.
   */
  'bestTaiNs'?: (number | string | Long);
  /**
   * Upper bound. Unit: TAI ns.
   */
  'latestTaiNs'?: (number | string | Long);
  /**
   * TAI − UTC at `best`. Unit: s.
   */
  'taiMinusUtcS'?: (number);
}

/**
 * An instant known only to lie between two bounds.
 */
export interface Instant__Output {
  /**
   * Lower bound of the true instant. Unit: TAI ns since 1970-01-01T00:00:00 TAI.
   */
  'earliestTaiNs': (string);
  /**
   * Best estimate; earliest ≤ best ≤ latest. Unit: TAI ns.
   */
  'bestTaiNs': (string);
  /**
   * Upper bound. Unit: TAI ns.
   */
  'latestTaiNs': (string);
  /**
   * TAI − UTC at `best`. Unit: s.
   */
  'taiMinusUtcS': (number);
}

// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

export interface ClockSource {
  'name'?: (string);
  'address'?: (string);
  /**
   * reference or monitor.
   */
  'role'?: (string);
  'accepted'?: (number | string | Long);
  'rejected'?: (number | string | Long);
  /**
   * Source − node of the last accepted sample and its uncertainty. Unit: ns.
   */
  'lastOffsetNs'?: (number | string | Long);
  'lastUncertaintyNs'?: (number | string | Long);
  'lastDelayNs'?: (number | string | Long);
  /**
   * Age of the last accepted sample. Unit: ns; −1 if there was none.
   */
  'lastAgeNs'?: (number | string | Long);
}

export interface ClockSource__Output {
  'name': (string);
  'address': (string);
  /**
   * reference or monitor.
   */
  'role': (string);
  'accepted': (string);
  'rejected': (string);
  /**
   * Source − node of the last accepted sample and its uncertainty. Unit: ns.
   */
  'lastOffsetNs': (string);
  'lastUncertaintyNs': (string);
  'lastDelayNs': (string);
  /**
   * Age of the last accepted sample. Unit: ns; −1 if there was none.
   */
  'lastAgeNs': (string);
}

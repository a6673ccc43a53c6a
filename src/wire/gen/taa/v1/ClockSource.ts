// Original file: proto/taa/v1/admin.proto

import type { SourceRejection as _taa_v1_SourceRejection, SourceRejection__Output as _taa_v1_SourceRejection__Output } from '../../taa/v1/SourceRejection.js';
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
   * Node − source of the last accepted sample and its uncertainty. Unit: ns.
   */
  'lastOffsetNs'?: (number | string | Long);
  'lastUncertaintyNs'?: (number | string | Long);
  'lastDelayNs'?: (number | string | Long);
  /**
   * Age of the last accepted sample. Unit: ns; −1 if there was none.
   */
  'lastAgeNs'?: (number | string | Long);
  /**
   * Whether that sample was authenticated.
   */
  'authenticated'?: (boolean);
  'unanswered'?: (number | string | Long);
  'rejections'?: (_taa_v1_SourceRejection)[];
  /**
   * Questions that the polling budget still holds.
   */
  'questionsLeft'?: (number | string | Long);
  /**
   * The last eight questions, newest in bit 0: 1 for a sample that was used.
   */
  'reach'?: (number);
  /**
   * What the source gives: phase, or phase and label.
   */
  'gives'?: (string);
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
   * Node − source of the last accepted sample and its uncertainty. Unit: ns.
   */
  'lastOffsetNs': (string);
  'lastUncertaintyNs': (string);
  'lastDelayNs': (string);
  /**
   * Age of the last accepted sample. Unit: ns; −1 if there was none.
   */
  'lastAgeNs': (string);
  /**
   * Whether that sample was authenticated.
   */
  'authenticated': (boolean);
  'unanswered': (string);
  'rejections': (_taa_v1_SourceRejection__Output)[];
  /**
   * Questions that the polling budget still holds.
   */
  'questionsLeft': (string);
  /**
   * The last eight questions, newest in bit 0: 1 for a sample that was used.
   */
  'reach': (number);
  /**
   * What the source gives: phase, or phase and label.
   */
  'gives': (string);
}

// Original file: proto/taa/v1/admin.proto

import type { Long } from '@grpc/proto-loader';

/**
 * What an operator put on record about the end of one month.
 */
export interface LeapAnnouncement {
  /**
   * 00:00:00 UTC of the first of the next month. Unit: POSIX seconds.
   */
  'midnightPosixS'?: (number | string | Long);
  /**
   * 1: 23:59:60 is inserted, -1: 23:59:59 is left out, 0: neither.
   */
  'change'?: (number);
  'reference'?: (string);
  'leafIndex'?: (number | string | Long);
}

/**
 * What an operator put on record about the end of one month.
 */
export interface LeapAnnouncement__Output {
  /**
   * 00:00:00 UTC of the first of the next month. Unit: POSIX seconds.
   */
  'midnightPosixS': (string);
  /**
   * 1: 23:59:60 is inserted, -1: 23:59:59 is left out, 0: neither.
   */
  'change': (number);
  'reference': (string);
  'leafIndex': (string);
}

// Original file: proto/taa/v1/admin.proto

import type { LeapAnnouncement as _taa_v1_LeapAnnouncement, LeapAnnouncement__Output as _taa_v1_LeapAnnouncement__Output } from '../../taa/v1/LeapAnnouncement.js';
import type { Long } from '@grpc/proto-loader';

/**
 * The next possible leap second, and the list that the node uses.
 */
export interface LeapStatus {
  /**
   * 00:00:00 UTC of the first of the next month. Unit: POSIX seconds; 0 while the clock does not know the time.
   */
  'midnightPosixS'?: (number | string | Long);
  /**
   * What is said of it: none, insert, remove, expired (list), silent, divided.
   */
  'list'?: (string);
  'indicator'?: (string);
  'operator'?: (string);
  /**
   * none, insert, remove, unknown or contradiction.
   */
  'decision'?: (string);
  /**
   * Check word, source, end and days left of the node's list.
   */
  'tableHash'?: (string);
  'tableSource'?: (string);
  'tableExpiresPosixS'?: (number | string | Long);
  'tableDaysLeft'?: (number | string | Long);
  /**
   * Check word and source of the approved list; empty before the first approval.
   */
  'approvedHash'?: (string);
  'approvedSource'?: (string);
  /**
   * Whether the node's list is the approved one; before the first approval, the one that the program was built with.
   */
  'approved'?: (boolean);
  'announcements'?: (_taa_v1_LeapAnnouncement)[];
}

/**
 * The next possible leap second, and the list that the node uses.
 */
export interface LeapStatus__Output {
  /**
   * 00:00:00 UTC of the first of the next month. Unit: POSIX seconds; 0 while the clock does not know the time.
   */
  'midnightPosixS': (string);
  /**
   * What is said of it: none, insert, remove, expired (list), silent, divided.
   */
  'list': (string);
  'indicator': (string);
  'operator': (string);
  /**
   * none, insert, remove, unknown or contradiction.
   */
  'decision': (string);
  /**
   * Check word, source, end and days left of the node's list.
   */
  'tableHash': (string);
  'tableSource': (string);
  'tableExpiresPosixS': (string);
  'tableDaysLeft': (string);
  /**
   * Check word and source of the approved list; empty before the first approval.
   */
  'approvedHash': (string);
  'approvedSource': (string);
  /**
   * Whether the node's list is the approved one; before the first approval, the one that the program was built with.
   */
  'approved': (boolean);
  'announcements': (_taa_v1_LeapAnnouncement__Output)[];
}

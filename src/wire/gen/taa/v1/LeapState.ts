// Original file: proto/taa/v1/common.proto

/**
 * What a node knows about the next leap second.
 */
export const LeapState = {
  LEAP_STATE_UNSPECIFIED: 'LEAP_STATE_UNSPECIFIED',
  LEAP_STATE_NONE: 'LEAP_STATE_NONE',
  LEAP_STATE_ANNOUNCED: 'LEAP_STATE_ANNOUNCED',
  LEAP_STATE_IN_PROGRESS: 'LEAP_STATE_IN_PROGRESS',
  /**
   * About the next possible leap second there is doubt: the table has expired, or those who speak of it disagree.
   */
  LEAP_STATE_INFO_STALE: 'LEAP_STATE_INFO_STALE',
  /**
   * That midnight is less than an hour away or was passed in doubt: nothing is issued.
   */
  LEAP_STATE_DOUBTFUL: 'LEAP_STATE_DOUBTFUL',
} as const;

/**
 * What a node knows about the next leap second.
 */
export type LeapState =
  | 'LEAP_STATE_UNSPECIFIED'
  | 0
  | 'LEAP_STATE_NONE'
  | 1
  | 'LEAP_STATE_ANNOUNCED'
  | 2
  | 'LEAP_STATE_IN_PROGRESS'
  | 3
  /**
   * About the next possible leap second there is doubt: the table has expired, or those who speak of it disagree.
   */
  | 'LEAP_STATE_INFO_STALE'
  | 4
  /**
   * That midnight is less than an hour away or was passed in doubt: nothing is issued.
   */
  | 'LEAP_STATE_DOUBTFUL'
  | 5

/**
 * What a node knows about the next leap second.
 */
export type LeapState__Output = typeof LeapState[keyof typeof LeapState]

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
   * The leap table has expired: nothing is issued across a possible leap date.
   */
  LEAP_STATE_INFO_STALE: 'LEAP_STATE_INFO_STALE',
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
   * The leap table has expired: nothing is issued across a possible leap date.
   */
  | 'LEAP_STATE_INFO_STALE'
  | 4

/**
 * What a node knows about the next leap second.
 */
export type LeapState__Output = typeof LeapState[keyof typeof LeapState]

// Original file: proto/taa/v1/common.proto

/**
 * The timescale in which a reading was taken.
 */
export const Timescale = {
  TIMESCALE_UNSPECIFIED: 'TIMESCALE_UNSPECIFIED',
  TIMESCALE_TAI: 'TIMESCALE_TAI',
  /**
   * UTC mapped to TAI by the reader's own table; inconclusive within ±5 s of a leap second.
   */
  TIMESCALE_UTC: 'TIMESCALE_UTC',
} as const;

/**
 * The timescale in which a reading was taken.
 */
export type Timescale =
  | 'TIMESCALE_UNSPECIFIED'
  | 0
  | 'TIMESCALE_TAI'
  | 1
  /**
   * UTC mapped to TAI by the reader's own table; inconclusive within ±5 s of a leap second.
   */
  | 'TIMESCALE_UTC'
  | 2

/**
 * The timescale in which a reading was taken.
 */
export type Timescale__Output = typeof Timescale[keyof typeof Timescale]

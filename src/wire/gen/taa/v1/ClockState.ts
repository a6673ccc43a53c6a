// Original file: proto/taa/v1/common.proto

/**
 * The state of a node's clock. Time is served in SYNCHRONISED and HOLDOVER only.
 */
export const ClockState = {
  CLOCK_STATE_UNSPECIFIED: 'CLOCK_STATE_UNSPECIFIED',
  CLOCK_STATE_UNSYNCHRONISED: 'CLOCK_STATE_UNSYNCHRONISED',
  CLOCK_STATE_ACQUIRING: 'CLOCK_STATE_ACQUIRING',
  CLOCK_STATE_SYNCHRONISED: 'CLOCK_STATE_SYNCHRONISED',
  CLOCK_STATE_HOLDOVER: 'CLOCK_STATE_HOLDOVER',
  CLOCK_STATE_OUT_OF_TOLERANCE: 'CLOCK_STATE_OUT_OF_TOLERANCE',
  CLOCK_STATE_DISRUPTED: 'CLOCK_STATE_DISRUPTED',
  CLOCK_STATE_QUARANTINED: 'CLOCK_STATE_QUARANTINED',
} as const;

/**
 * The state of a node's clock. Time is served in SYNCHRONISED and HOLDOVER only.
 */
export type ClockState =
  | 'CLOCK_STATE_UNSPECIFIED'
  | 0
  | 'CLOCK_STATE_UNSYNCHRONISED'
  | 1
  | 'CLOCK_STATE_ACQUIRING'
  | 2
  | 'CLOCK_STATE_SYNCHRONISED'
  | 3
  | 'CLOCK_STATE_HOLDOVER'
  | 4
  | 'CLOCK_STATE_OUT_OF_TOLERANCE'
  | 5
  | 'CLOCK_STATE_DISRUPTED'
  | 6
  | 'CLOCK_STATE_QUARANTINED'
  | 7

/**
 * The state of a node's clock. Time is served in SYNCHRONISED and HOLDOVER only.
 */
export type ClockState__Output = typeof ClockState[keyof typeof ClockState]

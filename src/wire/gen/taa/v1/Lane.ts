// Original file: proto/taa/v1/consensus.proto

export const Lane = {
  LANE_UNSPECIFIED: 'LANE_UNSPECIFIED',
  /**
   * Votes, heartbeats, acknowledgements, checkpoint lines.
   */
  LANE_CONTROL: 'LANE_CONTROL',
  /**
   * Log entries and forwarded proposals.
   */
  LANE_APPEND: 'LANE_APPEND',
  /**
   * Snapshots, tiles and bundles for a node that was left behind.
   */
  LANE_BULK: 'LANE_BULK',
} as const;

export type Lane =
  | 'LANE_UNSPECIFIED'
  | 0
  /**
   * Votes, heartbeats, acknowledgements, checkpoint lines.
   */
  | 'LANE_CONTROL'
  | 1
  /**
   * Log entries and forwarded proposals.
   */
  | 'LANE_APPEND'
  | 2
  /**
   * Snapshots, tiles and bundles for a node that was left behind.
   */
  | 'LANE_BULK'
  | 3

export type Lane__Output = typeof Lane[keyof typeof Lane]

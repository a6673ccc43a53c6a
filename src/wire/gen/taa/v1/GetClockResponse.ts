// Original file: proto/taa/v1/admin.proto

import type { Instant as _taa_v1_Instant, Instant__Output as _taa_v1_Instant__Output } from '../../taa/v1/Instant.js';
import type { ClockState as _taa_v1_ClockState, ClockState__Output as _taa_v1_ClockState__Output } from '../../taa/v1/ClockState.js';
import type { LeapState as _taa_v1_LeapState, LeapState__Output as _taa_v1_LeapState__Output } from '../../taa/v1/LeapState.js';
import type { ClockSource as _taa_v1_ClockSource, ClockSource__Output as _taa_v1_ClockSource__Output } from '../../taa/v1/ClockSource.js';
import type { LeapStatus as _taa_v1_LeapStatus, LeapStatus__Output as _taa_v1_LeapStatus__Output } from '../../taa/v1/LeapStatus.js';
import type { Long } from '@grpc/proto-loader';

export interface GetClockResponse {
  'node'?: (string);
  'now'?: (_taa_v1_Instant | null);
  'state'?: (_taa_v1_ClockState);
  /**
   * Grows at every disruption.
   */
  'epoch'?: (number | string | Long);
  'acceptedSamples'?: (number | string | Long);
  /**
   * Assumed bound of the oscillator's rate error. Unit: parts per billion.
   */
  'rhoPpb'?: (number | string | Long);
  'leap'?: (_taa_v1_LeapState);
  'unmonitored'?: (boolean);
  'sources'?: (_taa_v1_ClockSource)[];
  'sourceName'?: (string);
  'site'?: (string);
  /**
   * Half-width of the bound above which the clock is in holdover, and above which it refuses. Unit: ns.
   */
  'syncLimitNs'?: (number | string | Long);
  'holdLimitNs'?: (number | string | Long);
  'leapStatus'?: (_taa_v1_LeapStatus | null);
  /**
   * Where the clock stands among the nodes: agree, disagree or unknown.
   */
  'peers'?: (string);
  /**
   * Rounds among the nodes since start in which a majority agreed with this clock.
   */
  'peerRounds'?: (number | string | Long);
}

export interface GetClockResponse__Output {
  'node': (string);
  'now': (_taa_v1_Instant__Output | null);
  'state': (_taa_v1_ClockState__Output);
  /**
   * Grows at every disruption.
   */
  'epoch': (string);
  'acceptedSamples': (string);
  /**
   * Assumed bound of the oscillator's rate error. Unit: parts per billion.
   */
  'rhoPpb': (string);
  'leap': (_taa_v1_LeapState__Output);
  'unmonitored': (boolean);
  'sources': (_taa_v1_ClockSource__Output)[];
  'sourceName': (string);
  'site': (string);
  /**
   * Half-width of the bound above which the clock is in holdover, and above which it refuses. Unit: ns.
   */
  'syncLimitNs': (string);
  'holdLimitNs': (string);
  'leapStatus': (_taa_v1_LeapStatus__Output | null);
  /**
   * Where the clock stands among the nodes: agree, disagree or unknown.
   */
  'peers': (string);
  /**
   * Rounds among the nodes since start in which a majority agreed with this clock.
   */
  'peerRounds': (string);
}

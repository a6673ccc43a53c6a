// Original file: proto/taa/v1/time.proto

import type { Instant as _taa_v1_Instant, Instant__Output as _taa_v1_Instant__Output } from '../../taa/v1/Instant.js';
import type { ClockState as _taa_v1_ClockState, ClockState__Output as _taa_v1_ClockState__Output } from '../../taa/v1/ClockState.js';
import type { LeapState as _taa_v1_LeapState, LeapState__Output as _taa_v1_LeapState__Output } from '../../taa/v1/LeapState.js';

export interface GetTimeResponse {
  'nonce'?: (Buffer | Uint8Array | string);
  /**
   * The node's clock when the request arrived.
   */
  'received'?: (_taa_v1_Instant | null);
  /**
   * The node's clock just before the reply left.
   */
  'transmitted'?: (_taa_v1_Instant | null);
  'clockState'?: (_taa_v1_ClockState);
  'leap'?: (_taa_v1_LeapState);
  /**
   * The node has no quorum: the time is right, but nothing is certified.
   */
  'uncertified'?: (boolean);
}

export interface GetTimeResponse__Output {
  'nonce': (Buffer);
  /**
   * The node's clock when the request arrived.
   */
  'received': (_taa_v1_Instant__Output | null);
  /**
   * The node's clock just before the reply left.
   */
  'transmitted': (_taa_v1_Instant__Output | null);
  'clockState': (_taa_v1_ClockState__Output);
  'leap': (_taa_v1_LeapState__Output);
  /**
   * The node has no quorum: the time is right, but nothing is certified.
   */
  'uncertified': (boolean);
}

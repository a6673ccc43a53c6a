// Original file: proto/taa/v1/consensus.proto

import type { Lane as _taa_v1_Lane, Lane__Output as _taa_v1_Lane__Output } from '../../taa/v1/Lane.js';

export interface SubscribeRequest {
  'cluster'?: (string);
  /**
   * SHA-256 of the genesis document: nodes of different births do not talk.
   */
  'genesisHash'?: (Buffer | Uint8Array | string);
  'lane'?: (_taa_v1_Lane);
  /**
   * Names this life of the subscriber's data directory.
   */
  'incarnation'?: (Buffer | Uint8Array | string);
}

export interface SubscribeRequest__Output {
  'cluster': (string);
  /**
   * SHA-256 of the genesis document: nodes of different births do not talk.
   */
  'genesisHash': (Buffer);
  'lane': (_taa_v1_Lane__Output);
  /**
   * Names this life of the subscriber's data directory.
   */
  'incarnation': (Buffer);
}

// Original file: proto/taa/v1/time.proto

import type { Timescale as _taa_v1_Timescale, Timescale__Output as _taa_v1_Timescale__Output } from '../../taa/v1/Timescale.js';
import type { Long } from '@grpc/proto-loader';

export interface ProbeReply {
  'nonce'?: (Buffer | Uint8Array | string);
  /**
   * The audited clock when the probe arrived. Unit: TAI ns.
   */
  'receivedTaiNs'?: (number | string | Long);
  /**
   * The audited clock just before the reply left. Unit: TAI ns.
   */
  'transmittedTaiNs'?: (number | string | Long);
  'timescale'?: (_taa_v1_Timescale);
}

export interface ProbeReply__Output {
  'nonce': (Buffer);
  /**
   * The audited clock when the probe arrived. Unit: TAI ns.
   */
  'receivedTaiNs': (string);
  /**
   * The audited clock just before the reply left. Unit: TAI ns.
   */
  'transmittedTaiNs': (string);
  'timescale': (_taa_v1_Timescale__Output);
}

// Original file: proto/taa/v1/time.proto

import type { Welcome as _taa_v1_Welcome, Welcome__Output as _taa_v1_Welcome__Output } from '../../taa/v1/Welcome.js';
import type { GetTimeResponse as _taa_v1_GetTimeResponse, GetTimeResponse__Output as _taa_v1_GetTimeResponse__Output } from '../../taa/v1/GetTimeResponse.js';
import type { Probe as _taa_v1_Probe, Probe__Output as _taa_v1_Probe__Output } from '../../taa/v1/Probe.js';
import type { ReadingsRequest as _taa_v1_ReadingsRequest, ReadingsRequest__Output as _taa_v1_ReadingsRequest__Output } from '../../taa/v1/ReadingsRequest.js';
import type { AuditOutcome as _taa_v1_AuditOutcome, AuditOutcome__Output as _taa_v1_AuditOutcome__Output } from '../../taa/v1/AuditOutcome.js';
import type { StopOrder as _taa_v1_StopOrder, StopOrder__Output as _taa_v1_StopOrder__Output } from '../../taa/v1/StopOrder.js';
import type { StopRelease as _taa_v1_StopRelease, StopRelease__Output as _taa_v1_StopRelease__Output } from '../../taa/v1/StopRelease.js';
import type { GoingAway as _taa_v1_GoingAway, GoingAway__Output as _taa_v1_GoingAway__Output } from '../../taa/v1/GoingAway.js';

export interface SessionResponse {
  'welcome'?: (_taa_v1_Welcome | null);
  'time'?: (_taa_v1_GetTimeResponse | null);
  'probe'?: (_taa_v1_Probe | null);
  'readingsRequest'?: (_taa_v1_ReadingsRequest | null);
  'outcome'?: (_taa_v1_AuditOutcome | null);
  'stopOrder'?: (_taa_v1_StopOrder | null);
  /**
   * A stop no longer stands; the client must still be audited before it may issue.
   */
  'stopRelease'?: (_taa_v1_StopRelease | null);
  /**
   * The node is about to end the session: go elsewhere now.
   */
  'goingAway'?: (_taa_v1_GoingAway | null);
  'message'?: "welcome"|"time"|"probe"|"readingsRequest"|"outcome"|"stopOrder"|"stopRelease"|"goingAway";
}

export interface SessionResponse__Output {
  'welcome'?: (_taa_v1_Welcome__Output | null);
  'time'?: (_taa_v1_GetTimeResponse__Output | null);
  'probe'?: (_taa_v1_Probe__Output | null);
  'readingsRequest'?: (_taa_v1_ReadingsRequest__Output | null);
  'outcome'?: (_taa_v1_AuditOutcome__Output | null);
  'stopOrder'?: (_taa_v1_StopOrder__Output | null);
  /**
   * A stop no longer stands; the client must still be audited before it may issue.
   */
  'stopRelease'?: (_taa_v1_StopRelease__Output | null);
  /**
   * The node is about to end the session: go elsewhere now.
   */
  'goingAway'?: (_taa_v1_GoingAway__Output | null);
  'message'?: "welcome"|"time"|"probe"|"readingsRequest"|"outcome"|"stopOrder"|"stopRelease"|"goingAway";
}

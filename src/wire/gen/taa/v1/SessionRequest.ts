// Original file: proto/taa/v1/time.proto

import type { Hello as _taa_v1_Hello, Hello__Output as _taa_v1_Hello__Output } from '../../taa/v1/Hello.js';
import type { TimeQuery as _taa_v1_TimeQuery, TimeQuery__Output as _taa_v1_TimeQuery__Output } from '../../taa/v1/TimeQuery.js';
import type { AuditRequest as _taa_v1_AuditRequest, AuditRequest__Output as _taa_v1_AuditRequest__Output } from '../../taa/v1/AuditRequest.js';
import type { ProbeReply as _taa_v1_ProbeReply, ProbeReply__Output as _taa_v1_ProbeReply__Output } from '../../taa/v1/ProbeReply.js';
import type { SignedReadings as _taa_v1_SignedReadings, SignedReadings__Output as _taa_v1_SignedReadings__Output } from '../../taa/v1/SignedReadings.js';
import type { StopAcknowledgement as _taa_v1_StopAcknowledgement, StopAcknowledgement__Output as _taa_v1_StopAcknowledgement__Output } from '../../taa/v1/StopAcknowledgement.js';
import type { FetchOutcome as _taa_v1_FetchOutcome, FetchOutcome__Output as _taa_v1_FetchOutcome__Output } from '../../taa/v1/FetchOutcome.js';

export interface SessionRequest {
  'hello'?: (_taa_v1_Hello | null);
  'timeQuery'?: (_taa_v1_TimeQuery | null);
  'auditRequest'?: (_taa_v1_AuditRequest | null);
  'probeReply'?: (_taa_v1_ProbeReply | null);
  'signedReadings'?: (_taa_v1_SignedReadings | null);
  'stopAcknowledgement'?: (_taa_v1_StopAcknowledgement | null);
  'fetchOutcome'?: (_taa_v1_FetchOutcome | null);
  'message'?: "hello"|"timeQuery"|"auditRequest"|"probeReply"|"signedReadings"|"stopAcknowledgement"|"fetchOutcome";
}

export interface SessionRequest__Output {
  'hello'?: (_taa_v1_Hello__Output | null);
  'timeQuery'?: (_taa_v1_TimeQuery__Output | null);
  'auditRequest'?: (_taa_v1_AuditRequest__Output | null);
  'probeReply'?: (_taa_v1_ProbeReply__Output | null);
  'signedReadings'?: (_taa_v1_SignedReadings__Output | null);
  'stopAcknowledgement'?: (_taa_v1_StopAcknowledgement__Output | null);
  'fetchOutcome'?: (_taa_v1_FetchOutcome__Output | null);
  'message'?: "hello"|"timeQuery"|"auditRequest"|"probeReply"|"signedReadings"|"stopAcknowledgement"|"fetchOutcome";
}

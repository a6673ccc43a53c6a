import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AuditOutcome as _taa_v1_AuditOutcome, AuditOutcome__Output as _taa_v1_AuditOutcome__Output } from './taa/v1/AuditOutcome.js';
import type { AuditPolicy as _taa_v1_AuditPolicy, AuditPolicy__Output as _taa_v1_AuditPolicy__Output } from './taa/v1/AuditPolicy.js';
import type { AuditRequest as _taa_v1_AuditRequest, AuditRequest__Output as _taa_v1_AuditRequest__Output } from './taa/v1/AuditRequest.js';
import type { FetchOutcome as _taa_v1_FetchOutcome, FetchOutcome__Output as _taa_v1_FetchOutcome__Output } from './taa/v1/FetchOutcome.js';
import type { GetTimeRequest as _taa_v1_GetTimeRequest, GetTimeRequest__Output as _taa_v1_GetTimeRequest__Output } from './taa/v1/GetTimeRequest.js';
import type { GetTimeResponse as _taa_v1_GetTimeResponse, GetTimeResponse__Output as _taa_v1_GetTimeResponse__Output } from './taa/v1/GetTimeResponse.js';
import type { GoingAway as _taa_v1_GoingAway, GoingAway__Output as _taa_v1_GoingAway__Output } from './taa/v1/GoingAway.js';
import type { Hello as _taa_v1_Hello, Hello__Output as _taa_v1_Hello__Output } from './taa/v1/Hello.js';
import type { Instant as _taa_v1_Instant, Instant__Output as _taa_v1_Instant__Output } from './taa/v1/Instant.js';
import type { Probe as _taa_v1_Probe, Probe__Output as _taa_v1_Probe__Output } from './taa/v1/Probe.js';
import type { ProbeReply as _taa_v1_ProbeReply, ProbeReply__Output as _taa_v1_ProbeReply__Output } from './taa/v1/ProbeReply.js';
import type { ReadingsRequest as _taa_v1_ReadingsRequest, ReadingsRequest__Output as _taa_v1_ReadingsRequest__Output } from './taa/v1/ReadingsRequest.js';
import type { SessionRequest as _taa_v1_SessionRequest, SessionRequest__Output as _taa_v1_SessionRequest__Output } from './taa/v1/SessionRequest.js';
import type { SessionResponse as _taa_v1_SessionResponse, SessionResponse__Output as _taa_v1_SessionResponse__Output } from './taa/v1/SessionResponse.js';
import type { SignedReadings as _taa_v1_SignedReadings, SignedReadings__Output as _taa_v1_SignedReadings__Output } from './taa/v1/SignedReadings.js';
import type { StopAcknowledgement as _taa_v1_StopAcknowledgement, StopAcknowledgement__Output as _taa_v1_StopAcknowledgement__Output } from './taa/v1/StopAcknowledgement.js';
import type { StopOrder as _taa_v1_StopOrder, StopOrder__Output as _taa_v1_StopOrder__Output } from './taa/v1/StopOrder.js';
import type { StopRelease as _taa_v1_StopRelease, StopRelease__Output as _taa_v1_StopRelease__Output } from './taa/v1/StopRelease.js';
import type { TimeQuery as _taa_v1_TimeQuery, TimeQuery__Output as _taa_v1_TimeQuery__Output } from './taa/v1/TimeQuery.js';
import type { TimeServiceClient as _taa_v1_TimeServiceClient, TimeServiceDefinition as _taa_v1_TimeServiceDefinition } from './taa/v1/TimeService.js';
import type { Welcome as _taa_v1_Welcome, Welcome__Output as _taa_v1_Welcome__Output } from './taa/v1/Welcome.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  taa: {
    v1: {
      AuditOutcome: MessageTypeDefinition<_taa_v1_AuditOutcome, _taa_v1_AuditOutcome__Output>
      AuditPolicy: MessageTypeDefinition<_taa_v1_AuditPolicy, _taa_v1_AuditPolicy__Output>
      AuditRequest: MessageTypeDefinition<_taa_v1_AuditRequest, _taa_v1_AuditRequest__Output>
      ClockState: EnumTypeDefinition
      FetchOutcome: MessageTypeDefinition<_taa_v1_FetchOutcome, _taa_v1_FetchOutcome__Output>
      GetTimeRequest: MessageTypeDefinition<_taa_v1_GetTimeRequest, _taa_v1_GetTimeRequest__Output>
      GetTimeResponse: MessageTypeDefinition<_taa_v1_GetTimeResponse, _taa_v1_GetTimeResponse__Output>
      GoingAway: MessageTypeDefinition<_taa_v1_GoingAway, _taa_v1_GoingAway__Output>
      Hello: MessageTypeDefinition<_taa_v1_Hello, _taa_v1_Hello__Output>
      Instant: MessageTypeDefinition<_taa_v1_Instant, _taa_v1_Instant__Output>
      LeapState: EnumTypeDefinition
      Probe: MessageTypeDefinition<_taa_v1_Probe, _taa_v1_Probe__Output>
      ProbeReply: MessageTypeDefinition<_taa_v1_ProbeReply, _taa_v1_ProbeReply__Output>
      ReadingsRequest: MessageTypeDefinition<_taa_v1_ReadingsRequest, _taa_v1_ReadingsRequest__Output>
      SessionRequest: MessageTypeDefinition<_taa_v1_SessionRequest, _taa_v1_SessionRequest__Output>
      SessionResponse: MessageTypeDefinition<_taa_v1_SessionResponse, _taa_v1_SessionResponse__Output>
      SignedReadings: MessageTypeDefinition<_taa_v1_SignedReadings, _taa_v1_SignedReadings__Output>
      StopAcknowledgement: MessageTypeDefinition<_taa_v1_StopAcknowledgement, _taa_v1_StopAcknowledgement__Output>
      StopOrder: MessageTypeDefinition<_taa_v1_StopOrder, _taa_v1_StopOrder__Output>
      StopRelease: MessageTypeDefinition<_taa_v1_StopRelease, _taa_v1_StopRelease__Output>
      TimeQuery: MessageTypeDefinition<_taa_v1_TimeQuery, _taa_v1_TimeQuery__Output>
      TimeService: SubtypeConstructor<typeof grpc.Client, _taa_v1_TimeServiceClient> & { service: _taa_v1_TimeServiceDefinition }
      Timescale: EnumTypeDefinition
      Verdict: EnumTypeDefinition
      Welcome: MessageTypeDefinition<_taa_v1_Welcome, _taa_v1_Welcome__Output>
    }
  }
}


import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AdminServiceClient as _taa_v1_AdminServiceClient, AdminServiceDefinition as _taa_v1_AdminServiceDefinition } from './taa/v1/AdminService.js';
import type { AuditPolicy as _taa_v1_AuditPolicy, AuditPolicy__Output as _taa_v1_AuditPolicy__Output } from './taa/v1/AuditPolicy.js';
import type { Client as _taa_v1_Client, Client__Output as _taa_v1_Client__Output } from './taa/v1/Client.js';
import type { ClockSource as _taa_v1_ClockSource, ClockSource__Output as _taa_v1_ClockSource__Output } from './taa/v1/ClockSource.js';
import type { GetClockRequest as _taa_v1_GetClockRequest, GetClockRequest__Output as _taa_v1_GetClockRequest__Output } from './taa/v1/GetClockRequest.js';
import type { GetClockResponse as _taa_v1_GetClockResponse, GetClockResponse__Output as _taa_v1_GetClockResponse__Output } from './taa/v1/GetClockResponse.js';
import type { GetGenesisRequest as _taa_v1_GetGenesisRequest, GetGenesisRequest__Output as _taa_v1_GetGenesisRequest__Output } from './taa/v1/GetGenesisRequest.js';
import type { GetGenesisResponse as _taa_v1_GetGenesisResponse, GetGenesisResponse__Output as _taa_v1_GetGenesisResponse__Output } from './taa/v1/GetGenesisResponse.js';
import type { GetStatusRequest as _taa_v1_GetStatusRequest, GetStatusRequest__Output as _taa_v1_GetStatusRequest__Output } from './taa/v1/GetStatusRequest.js';
import type { GetStatusResponse as _taa_v1_GetStatusResponse, GetStatusResponse__Output as _taa_v1_GetStatusResponse__Output } from './taa/v1/GetStatusResponse.js';
import type { Instant as _taa_v1_Instant, Instant__Output as _taa_v1_Instant__Output } from './taa/v1/Instant.js';
import type { LabAppendRequest as _taa_v1_LabAppendRequest, LabAppendRequest__Output as _taa_v1_LabAppendRequest__Output } from './taa/v1/LabAppendRequest.js';
import type { LabAppendResponse as _taa_v1_LabAppendResponse, LabAppendResponse__Output as _taa_v1_LabAppendResponse__Output } from './taa/v1/LabAppendResponse.js';
import type { LabServiceClient as _taa_v1_LabServiceClient, LabServiceDefinition as _taa_v1_LabServiceDefinition } from './taa/v1/LabService.js';
import type { LeapAnnouncement as _taa_v1_LeapAnnouncement, LeapAnnouncement__Output as _taa_v1_LeapAnnouncement__Output } from './taa/v1/LeapAnnouncement.js';
import type { LeapStatus as _taa_v1_LeapStatus, LeapStatus__Output as _taa_v1_LeapStatus__Output } from './taa/v1/LeapStatus.js';
import type { ListClientsRequest as _taa_v1_ListClientsRequest, ListClientsRequest__Output as _taa_v1_ListClientsRequest__Output } from './taa/v1/ListClientsRequest.js';
import type { ListClientsResponse as _taa_v1_ListClientsResponse, ListClientsResponse__Output as _taa_v1_ListClientsResponse__Output } from './taa/v1/ListClientsResponse.js';
import type { NodeStatus as _taa_v1_NodeStatus, NodeStatus__Output as _taa_v1_NodeStatus__Output } from './taa/v1/NodeStatus.js';
import type { SourceRejection as _taa_v1_SourceRejection, SourceRejection__Output as _taa_v1_SourceRejection__Output } from './taa/v1/SourceRejection.js';
import type { SubmitCommandRequest as _taa_v1_SubmitCommandRequest, SubmitCommandRequest__Output as _taa_v1_SubmitCommandRequest__Output } from './taa/v1/SubmitCommandRequest.js';
import type { SubmitCommandResponse as _taa_v1_SubmitCommandResponse, SubmitCommandResponse__Output as _taa_v1_SubmitCommandResponse__Output } from './taa/v1/SubmitCommandResponse.js';
import type { TransferLeadershipRequest as _taa_v1_TransferLeadershipRequest, TransferLeadershipRequest__Output as _taa_v1_TransferLeadershipRequest__Output } from './taa/v1/TransferLeadershipRequest.js';
import type { TransferLeadershipResponse as _taa_v1_TransferLeadershipResponse, TransferLeadershipResponse__Output as _taa_v1_TransferLeadershipResponse__Output } from './taa/v1/TransferLeadershipResponse.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  taa: {
    v1: {
      AdminService: SubtypeConstructor<typeof grpc.Client, _taa_v1_AdminServiceClient> & { service: _taa_v1_AdminServiceDefinition }
      AuditPolicy: MessageTypeDefinition<_taa_v1_AuditPolicy, _taa_v1_AuditPolicy__Output>
      Client: MessageTypeDefinition<_taa_v1_Client, _taa_v1_Client__Output>
      ClockSource: MessageTypeDefinition<_taa_v1_ClockSource, _taa_v1_ClockSource__Output>
      ClockState: EnumTypeDefinition
      GetClockRequest: MessageTypeDefinition<_taa_v1_GetClockRequest, _taa_v1_GetClockRequest__Output>
      GetClockResponse: MessageTypeDefinition<_taa_v1_GetClockResponse, _taa_v1_GetClockResponse__Output>
      GetGenesisRequest: MessageTypeDefinition<_taa_v1_GetGenesisRequest, _taa_v1_GetGenesisRequest__Output>
      GetGenesisResponse: MessageTypeDefinition<_taa_v1_GetGenesisResponse, _taa_v1_GetGenesisResponse__Output>
      GetStatusRequest: MessageTypeDefinition<_taa_v1_GetStatusRequest, _taa_v1_GetStatusRequest__Output>
      GetStatusResponse: MessageTypeDefinition<_taa_v1_GetStatusResponse, _taa_v1_GetStatusResponse__Output>
      Instant: MessageTypeDefinition<_taa_v1_Instant, _taa_v1_Instant__Output>
      LabAppendRequest: MessageTypeDefinition<_taa_v1_LabAppendRequest, _taa_v1_LabAppendRequest__Output>
      LabAppendResponse: MessageTypeDefinition<_taa_v1_LabAppendResponse, _taa_v1_LabAppendResponse__Output>
      /**
       * Only in a laboratory: durable appends of opaque records through the production path.
       */
      LabService: SubtypeConstructor<typeof grpc.Client, _taa_v1_LabServiceClient> & { service: _taa_v1_LabServiceDefinition }
      LeapAnnouncement: MessageTypeDefinition<_taa_v1_LeapAnnouncement, _taa_v1_LeapAnnouncement__Output>
      LeapState: EnumTypeDefinition
      LeapStatus: MessageTypeDefinition<_taa_v1_LeapStatus, _taa_v1_LeapStatus__Output>
      ListClientsRequest: MessageTypeDefinition<_taa_v1_ListClientsRequest, _taa_v1_ListClientsRequest__Output>
      ListClientsResponse: MessageTypeDefinition<_taa_v1_ListClientsResponse, _taa_v1_ListClientsResponse__Output>
      NodeStatus: MessageTypeDefinition<_taa_v1_NodeStatus, _taa_v1_NodeStatus__Output>
      RaftRole: EnumTypeDefinition
      SourceRejection: MessageTypeDefinition<_taa_v1_SourceRejection, _taa_v1_SourceRejection__Output>
      SubmitCommandRequest: MessageTypeDefinition<_taa_v1_SubmitCommandRequest, _taa_v1_SubmitCommandRequest__Output>
      SubmitCommandResponse: MessageTypeDefinition<_taa_v1_SubmitCommandResponse, _taa_v1_SubmitCommandResponse__Output>
      Timescale: EnumTypeDefinition
      TransferLeadershipRequest: MessageTypeDefinition<_taa_v1_TransferLeadershipRequest, _taa_v1_TransferLeadershipRequest__Output>
      TransferLeadershipResponse: MessageTypeDefinition<_taa_v1_TransferLeadershipResponse, _taa_v1_TransferLeadershipResponse__Output>
      Verdict: EnumTypeDefinition
    }
  }
}


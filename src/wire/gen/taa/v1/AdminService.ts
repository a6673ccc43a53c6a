// Original file: proto/taa/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetClockRequest as _taa_v1_GetClockRequest, GetClockRequest__Output as _taa_v1_GetClockRequest__Output } from '../../taa/v1/GetClockRequest.js';
import type { GetClockResponse as _taa_v1_GetClockResponse, GetClockResponse__Output as _taa_v1_GetClockResponse__Output } from '../../taa/v1/GetClockResponse.js';
import type { GetGenesisRequest as _taa_v1_GetGenesisRequest, GetGenesisRequest__Output as _taa_v1_GetGenesisRequest__Output } from '../../taa/v1/GetGenesisRequest.js';
import type { GetGenesisResponse as _taa_v1_GetGenesisResponse, GetGenesisResponse__Output as _taa_v1_GetGenesisResponse__Output } from '../../taa/v1/GetGenesisResponse.js';
import type { GetStatusRequest as _taa_v1_GetStatusRequest, GetStatusRequest__Output as _taa_v1_GetStatusRequest__Output } from '../../taa/v1/GetStatusRequest.js';
import type { GetStatusResponse as _taa_v1_GetStatusResponse, GetStatusResponse__Output as _taa_v1_GetStatusResponse__Output } from '../../taa/v1/GetStatusResponse.js';
import type { ListClientsRequest as _taa_v1_ListClientsRequest, ListClientsRequest__Output as _taa_v1_ListClientsRequest__Output } from '../../taa/v1/ListClientsRequest.js';
import type { ListClientsResponse as _taa_v1_ListClientsResponse, ListClientsResponse__Output as _taa_v1_ListClientsResponse__Output } from '../../taa/v1/ListClientsResponse.js';
import type { SubmitCommandRequest as _taa_v1_SubmitCommandRequest, SubmitCommandRequest__Output as _taa_v1_SubmitCommandRequest__Output } from '../../taa/v1/SubmitCommandRequest.js';
import type { SubmitCommandResponse as _taa_v1_SubmitCommandResponse, SubmitCommandResponse__Output as _taa_v1_SubmitCommandResponse__Output } from '../../taa/v1/SubmitCommandResponse.js';
import type { TransferLeadershipRequest as _taa_v1_TransferLeadershipRequest, TransferLeadershipRequest__Output as _taa_v1_TransferLeadershipRequest__Output } from '../../taa/v1/TransferLeadershipRequest.js';
import type { TransferLeadershipResponse as _taa_v1_TransferLeadershipResponse, TransferLeadershipResponse__Output as _taa_v1_TransferLeadershipResponse__Output } from '../../taa/v1/TransferLeadershipResponse.js';

export interface AdminServiceClient extends grpc.Client {
  GetClock(argument: _taa_v1_GetClockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  GetClock(argument: _taa_v1_GetClockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  GetClock(argument: _taa_v1_GetClockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  GetClock(argument: _taa_v1_GetClockRequest, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  getClock(argument: _taa_v1_GetClockRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  getClock(argument: _taa_v1_GetClockRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  getClock(argument: _taa_v1_GetClockRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  getClock(argument: _taa_v1_GetClockRequest, callback: grpc.requestCallback<_taa_v1_GetClockResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The signed genesis document of the cluster.
   */
  GetGenesis(argument: _taa_v1_GetGenesisRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  GetGenesis(argument: _taa_v1_GetGenesisRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  GetGenesis(argument: _taa_v1_GetGenesisRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  GetGenesis(argument: _taa_v1_GetGenesisRequest, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The signed genesis document of the cluster.
   */
  getGenesis(argument: _taa_v1_GetGenesisRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  getGenesis(argument: _taa_v1_GetGenesisRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  getGenesis(argument: _taa_v1_GetGenesisRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  getGenesis(argument: _taa_v1_GetGenesisRequest, callback: grpc.requestCallback<_taa_v1_GetGenesisResponse__Output>): grpc.ClientUnaryCall;
  
  GetStatus(argument: _taa_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _taa_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _taa_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _taa_v1_GetStatusRequest, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _taa_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _taa_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _taa_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _taa_v1_GetStatusRequest, callback: grpc.requestCallback<_taa_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  
  ListClients(argument: _taa_v1_ListClientsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  ListClients(argument: _taa_v1_ListClientsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  ListClients(argument: _taa_v1_ListClientsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  ListClients(argument: _taa_v1_ListClientsRequest, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  listClients(argument: _taa_v1_ListClientsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  listClients(argument: _taa_v1_ListClientsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  listClients(argument: _taa_v1_ListClientsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  listClients(argument: _taa_v1_ListClientsRequest, callback: grpc.requestCallback<_taa_v1_ListClientsResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Commits a signed command (docs/formats.md, command envelope) and answers when it is applied on this node.
   */
  SubmitCommand(argument: _taa_v1_SubmitCommandRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  SubmitCommand(argument: _taa_v1_SubmitCommandRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  SubmitCommand(argument: _taa_v1_SubmitCommandRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  SubmitCommand(argument: _taa_v1_SubmitCommandRequest, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Commits a signed command (docs/formats.md, command envelope) and answers when it is applied on this node.
   */
  submitCommand(argument: _taa_v1_SubmitCommandRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  submitCommand(argument: _taa_v1_SubmitCommandRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  submitCommand(argument: _taa_v1_SubmitCommandRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  submitCommand(argument: _taa_v1_SubmitCommandRequest, callback: grpc.requestCallback<_taa_v1_SubmitCommandResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Hands leadership over; asked of the leader.
   */
  TransferLeadership(argument: _taa_v1_TransferLeadershipRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  TransferLeadership(argument: _taa_v1_TransferLeadershipRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  TransferLeadership(argument: _taa_v1_TransferLeadershipRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  TransferLeadership(argument: _taa_v1_TransferLeadershipRequest, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Hands leadership over; asked of the leader.
   */
  transferLeadership(argument: _taa_v1_TransferLeadershipRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _taa_v1_TransferLeadershipRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _taa_v1_TransferLeadershipRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  transferLeadership(argument: _taa_v1_TransferLeadershipRequest, callback: grpc.requestCallback<_taa_v1_TransferLeadershipResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AdminServiceHandlers extends grpc.UntypedServiceImplementation {
  GetClock: grpc.handleUnaryCall<_taa_v1_GetClockRequest__Output, _taa_v1_GetClockResponse>;
  
  /**
   * The signed genesis document of the cluster.
   */
  GetGenesis: grpc.handleUnaryCall<_taa_v1_GetGenesisRequest__Output, _taa_v1_GetGenesisResponse>;
  
  GetStatus: grpc.handleUnaryCall<_taa_v1_GetStatusRequest__Output, _taa_v1_GetStatusResponse>;
  
  ListClients: grpc.handleUnaryCall<_taa_v1_ListClientsRequest__Output, _taa_v1_ListClientsResponse>;
  
  /**
   * Commits a signed command (docs/formats.md, command envelope) and answers when it is applied on this node.
   */
  SubmitCommand: grpc.handleUnaryCall<_taa_v1_SubmitCommandRequest__Output, _taa_v1_SubmitCommandResponse>;
  
  /**
   * Hands leadership over; asked of the leader.
   */
  TransferLeadership: grpc.handleUnaryCall<_taa_v1_TransferLeadershipRequest__Output, _taa_v1_TransferLeadershipResponse>;
  
}

export interface AdminServiceDefinition extends grpc.ServiceDefinition {
  GetClock: MethodDefinition<_taa_v1_GetClockRequest, _taa_v1_GetClockResponse, _taa_v1_GetClockRequest__Output, _taa_v1_GetClockResponse__Output>
  GetGenesis: MethodDefinition<_taa_v1_GetGenesisRequest, _taa_v1_GetGenesisResponse, _taa_v1_GetGenesisRequest__Output, _taa_v1_GetGenesisResponse__Output>
  GetStatus: MethodDefinition<_taa_v1_GetStatusRequest, _taa_v1_GetStatusResponse, _taa_v1_GetStatusRequest__Output, _taa_v1_GetStatusResponse__Output>
  ListClients: MethodDefinition<_taa_v1_ListClientsRequest, _taa_v1_ListClientsResponse, _taa_v1_ListClientsRequest__Output, _taa_v1_ListClientsResponse__Output>
  SubmitCommand: MethodDefinition<_taa_v1_SubmitCommandRequest, _taa_v1_SubmitCommandResponse, _taa_v1_SubmitCommandRequest__Output, _taa_v1_SubmitCommandResponse__Output>
  TransferLeadership: MethodDefinition<_taa_v1_TransferLeadershipRequest, _taa_v1_TransferLeadershipResponse, _taa_v1_TransferLeadershipRequest__Output, _taa_v1_TransferLeadershipResponse__Output>
}

// Original file: proto/taa/v1/consensus.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { PeerMessage as _taa_v1_PeerMessage, PeerMessage__Output as _taa_v1_PeerMessage__Output } from '../../taa/v1/PeerMessage.js';
import type { SubscribeRequest as _taa_v1_SubscribeRequest, SubscribeRequest__Output as _taa_v1_SubscribeRequest__Output } from '../../taa/v1/SubscribeRequest.js';

export interface ConsensusServiceClient extends grpc.Client {
  Subscribe(argument: _taa_v1_SubscribeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_PeerMessage__Output>;
  Subscribe(argument: _taa_v1_SubscribeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_PeerMessage__Output>;
  subscribe(argument: _taa_v1_SubscribeRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_PeerMessage__Output>;
  subscribe(argument: _taa_v1_SubscribeRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_PeerMessage__Output>;
  
}

export interface ConsensusServiceHandlers extends grpc.UntypedServiceImplementation {
  Subscribe: grpc.handleServerStreamingCall<_taa_v1_SubscribeRequest__Output, _taa_v1_PeerMessage>;
  
}

export interface ConsensusServiceDefinition extends grpc.ServiceDefinition {
  Subscribe: MethodDefinition<_taa_v1_SubscribeRequest, _taa_v1_PeerMessage, _taa_v1_SubscribeRequest__Output, _taa_v1_PeerMessage__Output>
}

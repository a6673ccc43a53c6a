import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { ConsensusServiceClient as _taa_v1_ConsensusServiceClient, ConsensusServiceDefinition as _taa_v1_ConsensusServiceDefinition } from './taa/v1/ConsensusService.js';
import type { PeerMessage as _taa_v1_PeerMessage, PeerMessage__Output as _taa_v1_PeerMessage__Output } from './taa/v1/PeerMessage.js';
import type { SubscribeRequest as _taa_v1_SubscribeRequest, SubscribeRequest__Output as _taa_v1_SubscribeRequest__Output } from './taa/v1/SubscribeRequest.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  taa: {
    v1: {
      ConsensusService: SubtypeConstructor<typeof grpc.Client, _taa_v1_ConsensusServiceClient> & { service: _taa_v1_ConsensusServiceDefinition }
      Lane: EnumTypeDefinition
      PeerMessage: MessageTypeDefinition<_taa_v1_PeerMessage, _taa_v1_PeerMessage__Output>
      SubscribeRequest: MessageTypeDefinition<_taa_v1_SubscribeRequest, _taa_v1_SubscribeRequest__Output>
    }
  }
}


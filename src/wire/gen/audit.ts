import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { GetBodyRequest as _taa_v1_GetBodyRequest, GetBodyRequest__Output as _taa_v1_GetBodyRequest__Output } from './taa/v1/GetBodyRequest.js';
import type { GetBodyResponse as _taa_v1_GetBodyResponse, GetBodyResponse__Output as _taa_v1_GetBodyResponse__Output } from './taa/v1/GetBodyResponse.js';
import type { GetCheckpointRequest as _taa_v1_GetCheckpointRequest, GetCheckpointRequest__Output as _taa_v1_GetCheckpointRequest__Output } from './taa/v1/GetCheckpointRequest.js';
import type { GetCheckpointResponse as _taa_v1_GetCheckpointResponse, GetCheckpointResponse__Output as _taa_v1_GetCheckpointResponse__Output } from './taa/v1/GetCheckpointResponse.js';
import type { GetConsistencyProofRequest as _taa_v1_GetConsistencyProofRequest, GetConsistencyProofRequest__Output as _taa_v1_GetConsistencyProofRequest__Output } from './taa/v1/GetConsistencyProofRequest.js';
import type { GetConsistencyProofResponse as _taa_v1_GetConsistencyProofResponse, GetConsistencyProofResponse__Output as _taa_v1_GetConsistencyProofResponse__Output } from './taa/v1/GetConsistencyProofResponse.js';
import type { GetEntriesRequest as _taa_v1_GetEntriesRequest, GetEntriesRequest__Output as _taa_v1_GetEntriesRequest__Output } from './taa/v1/GetEntriesRequest.js';
import type { GetEntriesResponse as _taa_v1_GetEntriesResponse, GetEntriesResponse__Output as _taa_v1_GetEntriesResponse__Output } from './taa/v1/GetEntriesResponse.js';
import type { GetInclusionProofRequest as _taa_v1_GetInclusionProofRequest, GetInclusionProofRequest__Output as _taa_v1_GetInclusionProofRequest__Output } from './taa/v1/GetInclusionProofRequest.js';
import type { GetInclusionProofResponse as _taa_v1_GetInclusionProofResponse, GetInclusionProofResponse__Output as _taa_v1_GetInclusionProofResponse__Output } from './taa/v1/GetInclusionProofResponse.js';
import type { GetReceiptRequest as _taa_v1_GetReceiptRequest, GetReceiptRequest__Output as _taa_v1_GetReceiptRequest__Output } from './taa/v1/GetReceiptRequest.js';
import type { GetReceiptResponse as _taa_v1_GetReceiptResponse, GetReceiptResponse__Output as _taa_v1_GetReceiptResponse__Output } from './taa/v1/GetReceiptResponse.js';
import type { GetTileRequest as _taa_v1_GetTileRequest, GetTileRequest__Output as _taa_v1_GetTileRequest__Output } from './taa/v1/GetTileRequest.js';
import type { GetTileResponse as _taa_v1_GetTileResponse, GetTileResponse__Output as _taa_v1_GetTileResponse__Output } from './taa/v1/GetTileResponse.js';
import type { LogServiceClient as _taa_v1_LogServiceClient, LogServiceDefinition as _taa_v1_LogServiceDefinition } from './taa/v1/LogService.js';
import type { TailRequest as _taa_v1_TailRequest, TailRequest__Output as _taa_v1_TailRequest__Output } from './taa/v1/TailRequest.js';
import type { TailResponse as _taa_v1_TailResponse, TailResponse__Output as _taa_v1_TailResponse__Output } from './taa/v1/TailResponse.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  taa: {
    v1: {
      GetBodyRequest: MessageTypeDefinition<_taa_v1_GetBodyRequest, _taa_v1_GetBodyRequest__Output>
      GetBodyResponse: MessageTypeDefinition<_taa_v1_GetBodyResponse, _taa_v1_GetBodyResponse__Output>
      GetCheckpointRequest: MessageTypeDefinition<_taa_v1_GetCheckpointRequest, _taa_v1_GetCheckpointRequest__Output>
      GetCheckpointResponse: MessageTypeDefinition<_taa_v1_GetCheckpointResponse, _taa_v1_GetCheckpointResponse__Output>
      GetConsistencyProofRequest: MessageTypeDefinition<_taa_v1_GetConsistencyProofRequest, _taa_v1_GetConsistencyProofRequest__Output>
      GetConsistencyProofResponse: MessageTypeDefinition<_taa_v1_GetConsistencyProofResponse, _taa_v1_GetConsistencyProofResponse__Output>
      GetEntriesRequest: MessageTypeDefinition<_taa_v1_GetEntriesRequest, _taa_v1_GetEntriesRequest__Output>
      GetEntriesResponse: MessageTypeDefinition<_taa_v1_GetEntriesResponse, _taa_v1_GetEntriesResponse__Output>
      GetInclusionProofRequest: MessageTypeDefinition<_taa_v1_GetInclusionProofRequest, _taa_v1_GetInclusionProofRequest__Output>
      GetInclusionProofResponse: MessageTypeDefinition<_taa_v1_GetInclusionProofResponse, _taa_v1_GetInclusionProofResponse__Output>
      GetReceiptRequest: MessageTypeDefinition<_taa_v1_GetReceiptRequest, _taa_v1_GetReceiptRequest__Output>
      GetReceiptResponse: MessageTypeDefinition<_taa_v1_GetReceiptResponse, _taa_v1_GetReceiptResponse__Output>
      GetTileRequest: MessageTypeDefinition<_taa_v1_GetTileRequest, _taa_v1_GetTileRequest__Output>
      GetTileResponse: MessageTypeDefinition<_taa_v1_GetTileResponse, _taa_v1_GetTileResponse__Output>
      LogService: SubtypeConstructor<typeof grpc.Client, _taa_v1_LogServiceClient> & { service: _taa_v1_LogServiceDefinition }
      TailRequest: MessageTypeDefinition<_taa_v1_TailRequest, _taa_v1_TailRequest__Output>
      TailResponse: MessageTypeDefinition<_taa_v1_TailResponse, _taa_v1_TailResponse__Output>
    }
  }
}


// Original file: proto/taa/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { LabAppendRequest as _taa_v1_LabAppendRequest, LabAppendRequest__Output as _taa_v1_LabAppendRequest__Output } from '../../taa/v1/LabAppendRequest.js';
import type { LabAppendResponse as _taa_v1_LabAppendResponse, LabAppendResponse__Output as _taa_v1_LabAppendResponse__Output } from '../../taa/v1/LabAppendResponse.js';

/**
 * Only in a laboratory: durable appends of opaque records through the production path.
 */
export interface LabServiceClient extends grpc.Client {
  Append(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_LabAppendRequest, _taa_v1_LabAppendResponse__Output>;
  Append(options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_LabAppendRequest, _taa_v1_LabAppendResponse__Output>;
  append(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_LabAppendRequest, _taa_v1_LabAppendResponse__Output>;
  append(options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_LabAppendRequest, _taa_v1_LabAppendResponse__Output>;
  
}

/**
 * Only in a laboratory: durable appends of opaque records through the production path.
 */
export interface LabServiceHandlers extends grpc.UntypedServiceImplementation {
  Append: grpc.handleBidiStreamingCall<_taa_v1_LabAppendRequest__Output, _taa_v1_LabAppendResponse>;
  
}

export interface LabServiceDefinition extends grpc.ServiceDefinition {
  Append: MethodDefinition<_taa_v1_LabAppendRequest, _taa_v1_LabAppendResponse, _taa_v1_LabAppendRequest__Output, _taa_v1_LabAppendResponse__Output>
}

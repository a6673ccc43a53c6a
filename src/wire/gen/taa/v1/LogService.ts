// Original file: proto/taa/v1/audit.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetBodyRequest as _taa_v1_GetBodyRequest, GetBodyRequest__Output as _taa_v1_GetBodyRequest__Output } from '../../taa/v1/GetBodyRequest.js';
import type { GetBodyResponse as _taa_v1_GetBodyResponse, GetBodyResponse__Output as _taa_v1_GetBodyResponse__Output } from '../../taa/v1/GetBodyResponse.js';
import type { GetCheckpointRequest as _taa_v1_GetCheckpointRequest, GetCheckpointRequest__Output as _taa_v1_GetCheckpointRequest__Output } from '../../taa/v1/GetCheckpointRequest.js';
import type { GetCheckpointResponse as _taa_v1_GetCheckpointResponse, GetCheckpointResponse__Output as _taa_v1_GetCheckpointResponse__Output } from '../../taa/v1/GetCheckpointResponse.js';
import type { GetConsistencyProofRequest as _taa_v1_GetConsistencyProofRequest, GetConsistencyProofRequest__Output as _taa_v1_GetConsistencyProofRequest__Output } from '../../taa/v1/GetConsistencyProofRequest.js';
import type { GetConsistencyProofResponse as _taa_v1_GetConsistencyProofResponse, GetConsistencyProofResponse__Output as _taa_v1_GetConsistencyProofResponse__Output } from '../../taa/v1/GetConsistencyProofResponse.js';
import type { GetEntriesRequest as _taa_v1_GetEntriesRequest, GetEntriesRequest__Output as _taa_v1_GetEntriesRequest__Output } from '../../taa/v1/GetEntriesRequest.js';
import type { GetEntriesResponse as _taa_v1_GetEntriesResponse, GetEntriesResponse__Output as _taa_v1_GetEntriesResponse__Output } from '../../taa/v1/GetEntriesResponse.js';
import type { GetInclusionProofRequest as _taa_v1_GetInclusionProofRequest, GetInclusionProofRequest__Output as _taa_v1_GetInclusionProofRequest__Output } from '../../taa/v1/GetInclusionProofRequest.js';
import type { GetInclusionProofResponse as _taa_v1_GetInclusionProofResponse, GetInclusionProofResponse__Output as _taa_v1_GetInclusionProofResponse__Output } from '../../taa/v1/GetInclusionProofResponse.js';
import type { GetReceiptRequest as _taa_v1_GetReceiptRequest, GetReceiptRequest__Output as _taa_v1_GetReceiptRequest__Output } from '../../taa/v1/GetReceiptRequest.js';
import type { GetReceiptResponse as _taa_v1_GetReceiptResponse, GetReceiptResponse__Output as _taa_v1_GetReceiptResponse__Output } from '../../taa/v1/GetReceiptResponse.js';
import type { GetTileRequest as _taa_v1_GetTileRequest, GetTileRequest__Output as _taa_v1_GetTileRequest__Output } from '../../taa/v1/GetTileRequest.js';
import type { GetTileResponse as _taa_v1_GetTileResponse, GetTileResponse__Output as _taa_v1_GetTileResponse__Output } from '../../taa/v1/GetTileResponse.js';
import type { TailRequest as _taa_v1_TailRequest, TailRequest__Output as _taa_v1_TailRequest__Output } from '../../taa/v1/TailRequest.js';
import type { TailResponse as _taa_v1_TailResponse, TailResponse__Output as _taa_v1_TailResponse__Output } from '../../taa/v1/TailResponse.js';

export interface LogServiceClient extends grpc.Client {
  /**
   * A leaf's detached body.
   */
  GetBody(argument: _taa_v1_GetBodyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  GetBody(argument: _taa_v1_GetBodyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  GetBody(argument: _taa_v1_GetBodyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  GetBody(argument: _taa_v1_GetBodyRequest, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  /**
   * A leaf's detached body.
   */
  getBody(argument: _taa_v1_GetBodyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  getBody(argument: _taa_v1_GetBodyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  getBody(argument: _taa_v1_GetBodyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  getBody(argument: _taa_v1_GetBodyRequest, callback: grpc.requestCallback<_taa_v1_GetBodyResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The newest published checkpoint that covers at least `min_size` leaves; waits for it up to the call's deadline.
   */
  GetCheckpoint(argument: _taa_v1_GetCheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  GetCheckpoint(argument: _taa_v1_GetCheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  GetCheckpoint(argument: _taa_v1_GetCheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  GetCheckpoint(argument: _taa_v1_GetCheckpointRequest, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The newest published checkpoint that covers at least `min_size` leaves; waits for it up to the call's deadline.
   */
  getCheckpoint(argument: _taa_v1_GetCheckpointRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _taa_v1_GetCheckpointRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _taa_v1_GetCheckpointRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  getCheckpoint(argument: _taa_v1_GetCheckpointRequest, callback: grpc.requestCallback<_taa_v1_GetCheckpointResponse__Output>): grpc.ClientUnaryCall;
  
  GetConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  GetConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  GetConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  GetConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  getConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  getConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  getConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  getConsistencyProof(argument: _taa_v1_GetConsistencyProofRequest, callback: grpc.requestCallback<_taa_v1_GetConsistencyProofResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Leaves as stored. A server may send fewer than asked for, but at least one.
   */
  GetEntries(argument: _taa_v1_GetEntriesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  GetEntries(argument: _taa_v1_GetEntriesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  GetEntries(argument: _taa_v1_GetEntriesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  GetEntries(argument: _taa_v1_GetEntriesRequest, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  /**
   * Leaves as stored. A server may send fewer than asked for, but at least one.
   */
  getEntries(argument: _taa_v1_GetEntriesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  getEntries(argument: _taa_v1_GetEntriesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  getEntries(argument: _taa_v1_GetEntriesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  getEntries(argument: _taa_v1_GetEntriesRequest, callback: grpc.requestCallback<_taa_v1_GetEntriesResponse__Output>): grpc.ClientUnaryCall;
  
  GetInclusionProof(argument: _taa_v1_GetInclusionProofRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  GetInclusionProof(argument: _taa_v1_GetInclusionProofRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  GetInclusionProof(argument: _taa_v1_GetInclusionProofRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  GetInclusionProof(argument: _taa_v1_GetInclusionProofRequest, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  getInclusionProof(argument: _taa_v1_GetInclusionProofRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  getInclusionProof(argument: _taa_v1_GetInclusionProofRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  getInclusionProof(argument: _taa_v1_GetInclusionProofRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  getInclusionProof(argument: _taa_v1_GetInclusionProofRequest, callback: grpc.requestCallback<_taa_v1_GetInclusionProofResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * The receipt bundle of a certificate, made against the newest published checkpoint.
   */
  GetReceipt(argument: _taa_v1_GetReceiptRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  GetReceipt(argument: _taa_v1_GetReceiptRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  GetReceipt(argument: _taa_v1_GetReceiptRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  GetReceipt(argument: _taa_v1_GetReceiptRequest, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  /**
   * The receipt bundle of a certificate, made against the newest published checkpoint.
   */
  getReceipt(argument: _taa_v1_GetReceiptRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  getReceipt(argument: _taa_v1_GetReceiptRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  getReceipt(argument: _taa_v1_GetReceiptRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  getReceipt(argument: _taa_v1_GetReceiptRequest, callback: grpc.requestCallback<_taa_v1_GetReceiptResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * A C2SP tile: up to 256 hashes of one level.
   */
  GetTile(argument: _taa_v1_GetTileRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  GetTile(argument: _taa_v1_GetTileRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  GetTile(argument: _taa_v1_GetTileRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  GetTile(argument: _taa_v1_GetTileRequest, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  /**
   * A C2SP tile: up to 256 hashes of one level.
   */
  getTile(argument: _taa_v1_GetTileRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  getTile(argument: _taa_v1_GetTileRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  getTile(argument: _taa_v1_GetTileRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  getTile(argument: _taa_v1_GetTileRequest, callback: grpc.requestCallback<_taa_v1_GetTileResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * Leaves from an index on, as they are appended on this node.
   */
  Tail(argument: _taa_v1_TailRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_TailResponse__Output>;
  Tail(argument: _taa_v1_TailRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_TailResponse__Output>;
  /**
   * Leaves from an index on, as they are appended on this node.
   */
  tail(argument: _taa_v1_TailRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_TailResponse__Output>;
  tail(argument: _taa_v1_TailRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_taa_v1_TailResponse__Output>;
  
}

export interface LogServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * A leaf's detached body.
   */
  GetBody: grpc.handleUnaryCall<_taa_v1_GetBodyRequest__Output, _taa_v1_GetBodyResponse>;
  
  /**
   * The newest published checkpoint that covers at least `min_size` leaves; waits for it up to the call's deadline.
   */
  GetCheckpoint: grpc.handleUnaryCall<_taa_v1_GetCheckpointRequest__Output, _taa_v1_GetCheckpointResponse>;
  
  GetConsistencyProof: grpc.handleUnaryCall<_taa_v1_GetConsistencyProofRequest__Output, _taa_v1_GetConsistencyProofResponse>;
  
  /**
   * Leaves as stored. A server may send fewer than asked for, but at least one.
   */
  GetEntries: grpc.handleUnaryCall<_taa_v1_GetEntriesRequest__Output, _taa_v1_GetEntriesResponse>;
  
  GetInclusionProof: grpc.handleUnaryCall<_taa_v1_GetInclusionProofRequest__Output, _taa_v1_GetInclusionProofResponse>;
  
  /**
   * The receipt bundle of a certificate, made against the newest published checkpoint.
   */
  GetReceipt: grpc.handleUnaryCall<_taa_v1_GetReceiptRequest__Output, _taa_v1_GetReceiptResponse>;
  
  /**
   * A C2SP tile: up to 256 hashes of one level.
   */
  GetTile: grpc.handleUnaryCall<_taa_v1_GetTileRequest__Output, _taa_v1_GetTileResponse>;
  
  /**
   * Leaves from an index on, as they are appended on this node.
   */
  Tail: grpc.handleServerStreamingCall<_taa_v1_TailRequest__Output, _taa_v1_TailResponse>;
  
}

export interface LogServiceDefinition extends grpc.ServiceDefinition {
  GetBody: MethodDefinition<_taa_v1_GetBodyRequest, _taa_v1_GetBodyResponse, _taa_v1_GetBodyRequest__Output, _taa_v1_GetBodyResponse__Output>
  GetCheckpoint: MethodDefinition<_taa_v1_GetCheckpointRequest, _taa_v1_GetCheckpointResponse, _taa_v1_GetCheckpointRequest__Output, _taa_v1_GetCheckpointResponse__Output>
  GetConsistencyProof: MethodDefinition<_taa_v1_GetConsistencyProofRequest, _taa_v1_GetConsistencyProofResponse, _taa_v1_GetConsistencyProofRequest__Output, _taa_v1_GetConsistencyProofResponse__Output>
  GetEntries: MethodDefinition<_taa_v1_GetEntriesRequest, _taa_v1_GetEntriesResponse, _taa_v1_GetEntriesRequest__Output, _taa_v1_GetEntriesResponse__Output>
  GetInclusionProof: MethodDefinition<_taa_v1_GetInclusionProofRequest, _taa_v1_GetInclusionProofResponse, _taa_v1_GetInclusionProofRequest__Output, _taa_v1_GetInclusionProofResponse__Output>
  GetReceipt: MethodDefinition<_taa_v1_GetReceiptRequest, _taa_v1_GetReceiptResponse, _taa_v1_GetReceiptRequest__Output, _taa_v1_GetReceiptResponse__Output>
  GetTile: MethodDefinition<_taa_v1_GetTileRequest, _taa_v1_GetTileResponse, _taa_v1_GetTileRequest__Output, _taa_v1_GetTileResponse__Output>
  Tail: MethodDefinition<_taa_v1_TailRequest, _taa_v1_TailResponse, _taa_v1_TailRequest__Output, _taa_v1_TailResponse__Output>
}

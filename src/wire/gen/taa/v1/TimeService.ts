// Original file: proto/taa/v1/time.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetTimeRequest as _taa_v1_GetTimeRequest, GetTimeRequest__Output as _taa_v1_GetTimeRequest__Output } from '../../taa/v1/GetTimeRequest.js';
import type { GetTimeResponse as _taa_v1_GetTimeResponse, GetTimeResponse__Output as _taa_v1_GetTimeResponse__Output } from '../../taa/v1/GetTimeResponse.js';
import type { SessionRequest as _taa_v1_SessionRequest, SessionRequest__Output as _taa_v1_SessionRequest__Output } from '../../taa/v1/SessionRequest.js';
import type { SessionResponse as _taa_v1_SessionResponse, SessionResponse__Output as _taa_v1_SessionResponse__Output } from '../../taa/v1/SessionResponse.js';

export interface TimeServiceClient extends grpc.Client {
  /**
   * One time exchange. Needs no record in the log; refused while the clock may not say.
   */
  GetTime(argument: _taa_v1_GetTimeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  GetTime(argument: _taa_v1_GetTimeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  GetTime(argument: _taa_v1_GetTimeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  GetTime(argument: _taa_v1_GetTimeRequest, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  /**
   * One time exchange. Needs no record in the log; refused while the clock may not say.
   */
  getTime(argument: _taa_v1_GetTimeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  getTime(argument: _taa_v1_GetTimeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  getTime(argument: _taa_v1_GetTimeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  getTime(argument: _taa_v1_GetTimeRequest, callback: grpc.requestCallback<_taa_v1_GetTimeResponse__Output>): grpc.ClientUnaryCall;
  
  /**
   * A session: time distribution and audit on one stream. The first client message is Hello, the first server message
   * Welcome; both sides end the stream with a status. The server ends it with UNAVAILABLE and a leader hint when the
   * node cannot serve audits.
   */
  Session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_SessionRequest, _taa_v1_SessionResponse__Output>;
  Session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_SessionRequest, _taa_v1_SessionResponse__Output>;
  /**
   * A session: time distribution and audit on one stream. The first client message is Hello, the first server message
   * Welcome; both sides end the stream with a status. The server ends it with UNAVAILABLE and a leader hint when the
   * node cannot serve audits.
   */
  session(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_SessionRequest, _taa_v1_SessionResponse__Output>;
  session(options?: grpc.CallOptions): grpc.ClientDuplexStream<_taa_v1_SessionRequest, _taa_v1_SessionResponse__Output>;
  
}

export interface TimeServiceHandlers extends grpc.UntypedServiceImplementation {
  /**
   * One time exchange. Needs no record in the log; refused while the clock may not say.
   */
  GetTime: grpc.handleUnaryCall<_taa_v1_GetTimeRequest__Output, _taa_v1_GetTimeResponse>;
  
  /**
   * A session: time distribution and audit on one stream. The first client message is Hello, the first server message
   * Welcome; both sides end the stream with a status. The server ends it with UNAVAILABLE and a leader hint when the
   * node cannot serve audits.
   */
  Session: grpc.handleBidiStreamingCall<_taa_v1_SessionRequest__Output, _taa_v1_SessionResponse>;
  
}

export interface TimeServiceDefinition extends grpc.ServiceDefinition {
  GetTime: MethodDefinition<_taa_v1_GetTimeRequest, _taa_v1_GetTimeResponse, _taa_v1_GetTimeRequest__Output, _taa_v1_GetTimeResponse__Output>
  Session: MethodDefinition<_taa_v1_SessionRequest, _taa_v1_SessionResponse, _taa_v1_SessionRequest__Output, _taa_v1_SessionResponse__Output>
}

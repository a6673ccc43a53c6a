/**
 * Typed gRPC clients of the services, for the SDK, taactl and benchmarks. A client owns its connection; `close` it.
 * Calls without a deadline wait for ever: always give one.
 */

import { makeClientConstructor } from '@grpc/grpc-js';
import type {
  ChannelCredentials,
  Client,
  ClientDuplexStream,
  ClientOptions,
  ClientReadableStream,
} from '@grpc/grpc-js';
import { serviceDefinition } from './descriptor.js';
import type { HealthClient } from './gen/grpc/health/v1/Health.js';
import type { AdminServiceClient } from './gen/taa/v1/AdminService.js';
import type { LogServiceClient } from './gen/taa/v1/LogService.js';
import type { SubscribeRequest } from './gen/taa/v1/SubscribeRequest.js';
import type { TimeServiceClient } from './gen/taa/v1/TimeService.js';
import type { LabAcknowledgement, LabAppend } from './lab-messages.js';
import type { PeerMessage } from './peer-message.js';

export interface Clients {
  'taa.v1.TimeService': TimeServiceClient;
  'taa.v1.LogService': LogServiceClient;
  'taa.v1.AdminService': AdminServiceClient;
  'taa.v1.ConsensusService': Client & {
    /** `null` stands for a message of a kind that this version does not know. */
    Subscribe(request: SubscribeRequest): ClientReadableStream<PeerMessage | null>;
  };
  'taa.v1.LabService': Client & { Append(): ClientDuplexStream<LabAppend, LabAcknowledgement> };
  'grpc.health.v1.Health': HealthClient;
}

/** @param address `host:port`, or `ipv4:a:p,b:p` for several nodes */
export function openClient<Name extends keyof Clients>(
  name: Name,
  address: string,
  credentials: ChannelCredentials,
  options: ClientOptions = {},
): Clients[Name] {
  const Constructor = makeClientConstructor(serviceDefinition(name), name);
  return new Constructor(address, credentials, {
    ...defaultClientOptions,
    ...options,
  }) as unknown as Clients[Name];
}

/**
 * No retries below us: grpc-js would keep every message of a long stream for them. No proxy from the environment. Quick
 * reconnects. A silent peer is noticed within 10 s.
 */
export const defaultClientOptions: ClientOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_receive_message_length': 16 * 1024 * 1024,
};

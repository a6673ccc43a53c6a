/**
 * The listeners of a node: one gRPC server for peers, one for clients, one for administration, each with its own guard, and
 * the plain HTTP listener of operations. All or nothing: if one cannot be opened, none stays open.
 */

import { logVerbosity, Server, setLogVerbosity } from '@grpc/grpc-js';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { Tls13ServerCredentials } from '../pki/tls.js';
import type { TlsMaterial } from '../pki/tls.js';
import { serviceDefinition } from '../wire/descriptor.js';
import type { ServiceName } from '../wire/descriptor.js';
import { adminHandlers } from './admin-service.js';
import { listenerNames } from './access.js';
import type { ListenerName } from './access.js';
import type { NodeDoors } from './doors.js';
import { Guard } from './guard.js';
import { failure, readable, tolerant } from './handlers.js';
import type { Unreadable } from './handlers.js';
import { Health } from './health.js';
import { startOperationsListener } from './http.js';
import type { OperationsListener } from './http.js';
import { labHandlers } from './lab-service.js';
import { defaultLimits } from './limits.js';
import type { RpcLimits } from './limits.js';
import { addressText, ListenError } from './listen-error.js';
import type { HostPort } from './listen-error.js';
import { logHandlers } from './log-service.js';
import type { Metrics } from './metrics.js';
import type { PeerTransport, SubscribeCall } from './peers.js';
import { addReflection } from './reflection.js';
import { timeHandlers } from './time-service.js';

export type { HostPort };

export interface ServersOptions {
  readonly listen: Readonly<Record<ListenerName, HostPort>> & { readonly metrics: HostPort | null };
  readonly clusterId: string;
  readonly tls: TlsMaterial;
  readonly doors: NodeDoors;
  readonly peers: PeerTransport;
  readonly metrics: Metrics;
  /** Reasons of the closed list for which the node does not serve; none when it does. For health and /readyz. */
  readonly unready: () => readonly string[];
  readonly limits?: Partial<RpcLimits>;
}

export interface RunningServers {
  /** The ports that were opened; `metrics` is null without that listener. */
  readonly ports: Readonly<Record<ListenerName, number>> & { readonly metrics: number | null };
  /** New connections get the new certificate; established ones live on. */
  reload(tls: TlsMaterial): void;
  /** Accepts no new calls, waits for open ones up to `graceMs`, then breaks them. */
  close(graceMs: number): Promise<void>;
}

interface Listener {
  readonly name: ListenerName;
  readonly server: Server;
  readonly credentials: Tls13ServerCredentials;
  readonly health: Health;
}

/** @throws ListenError */
export async function startServers(options: ServersOptions): Promise<RunningServers> {
  // grpc-js writes to stderr what we report as errors and events.
  setLogVerbosity(logVerbosity.NONE);
  const limits = { ...defaultLimits, ...options.limits };
  const listeners = listenerNames.map((name) => createListener(name, options, limits));
  let operations: OperationsListener | null = null;
  try {
    const ports = { peers: 0, clients: 0, administration: 0 };
    for (const listener of listeners)
      ports[listener.name] = await bind(listener, options.listen[listener.name]);
    const { metrics } = options.listen;
    if (metrics) operations = await startOperationsListener({ ...options, listen: metrics });
    return running(listeners, operations, ports);
  } catch (error) {
    for (const { server, health } of listeners) {
      health.close();
      server.forceShutdown();
    }
    throw error;
  }
}

function running(
  listeners: readonly Listener[],
  operations: OperationsListener | null,
  ports: Record<ListenerName, number>,
): RunningServers {
  return {
    ports: { ...ports, metrics: operations?.port ?? null },
    reload: (tls) => {
      for (const { credentials } of listeners) credentials.reload(tls);
    },
    close: async (graceMs) => {
      await Promise.all([operations?.close(), ...listeners.map((listener) => shutdown(listener, graceMs))]);
    },
  };
}

function shutdown({ server, health }: Listener, graceMs: number): Promise<void> {
  health.close();
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Which services a listener has. */
const served: Readonly<Record<ListenerName, readonly ServiceName[]>> = {
  peers: ['taa.v1.ConsensusService'],
  clients: ['taa.v1.TimeService', 'taa.v1.LogService'],
  administration: ['taa.v1.AdminService', 'taa.v1.LogService', 'taa.v1.LabService'],
};

function createListener(name: ListenerName, options: ServersOptions, limits: RpcLimits): Listener {
  const { doors, clusterId, metrics, tls } = options;
  const { onCall, onDenied } = metrics;
  const guard = new Guard({ listener: name, clusterId, doors, limits, onCall, onDenied });
  const health = new Health(served[name], () => options.unready().length === 0);
  const largest = name === 'administration' ? limits.maxLabMessageBytes : limits.maxMessageBytes;
  const server = new Server({
    interceptors: [guard.interceptor],
    // Twice our own limit: what is a little too long is read and refused with a reason, the rest by grpc-js without.
    'grpc.max_receive_message_length': 2 * largest,
    'grpc.max_concurrent_streams': 256,
    // A caller that is gone without a word is noticed within 15 s, and its streams are freed.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.max_connection_idle_ms': 600_000,
  });
  const add = (service: ServiceName, handlers: UntypedServiceImplementation): void => {
    const maxBytes = service === 'taa.v1.LabService' ? limits.maxLabMessageBytes : limits.maxMessageBytes;
    const methods = Object.entries(
      serviceDefinition(service) as Record<string, MethodDefinition<object, object>>,
    );
    server.addService(
      Object.fromEntries(methods.map(([method, definition]) => [method, tolerant(definition, maxBytes)])),
      handlers,
    );
  };
  add('grpc.health.v1.Health', health.handlers(guard));
  switch (name) {
    case 'peers':
      add('taa.v1.ConsensusService', consensusHandlers(options.peers, guard));
      break;
    case 'clients':
      add('taa.v1.TimeService', timeHandlers(doors, guard, limits));
      add('taa.v1.LogService', logHandlers(doors, guard));
      break;
    case 'administration':
      add('taa.v1.AdminService', adminHandlers(doors, guard));
      add('taa.v1.LogService', logHandlers(doors, guard));
      add('taa.v1.LabService', labHandlers(doors.lab, guard));
      break;
  }
  if (doors.lab !== null) addReflection(server, ['grpc.health.v1.Health', ...served[name]]);
  return { name, server, credentials: new Tls13ServerCredentials(tls), health };
}

const consensusHandlers = (peers: PeerTransport, guard: Guard) => ({
  Subscribe: (call: SubscribeCall & { readonly request: SubscribeCall['request'] | Unreadable }) => {
    try {
      readable(call.request);
      peers.accept(call, guard.callerOf(call));
    } catch (caught) {
      call.emit('error', failure(guard, call, caught));
    }
  },
});

function bind({ name, server, credentials }: Listener, address: HostPort): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(addressText(address), credentials, (error, port) => {
      if (error) reject(new ListenError(name, address, error));
      else resolve(port);
    });
  });
}

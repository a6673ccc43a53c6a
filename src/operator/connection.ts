/**
 * An operator's or auditor's connection to a cluster: calls go to the first endpoint that answers, commands follow the
 * leader hint by themselves because every node forwards. Used by taactl and the laboratory.
 */

import { Metadata } from '@grpc/grpc-js';
import type { CallOptions, ChannelCredentials, ServiceError } from '@grpc/grpc-js';
import { channelOptions, clientCredentials } from '../pki/tls.js';
import type { TlsMaterial } from '../pki/tls.js';
import { openClient } from '../wire/clients.js';
import type { Clients } from '../wire/clients.js';
import { RpcError } from '../wire/rpc-error.js';

/** One call waits so long for its answer before another endpoint is tried. */
const CALL_DEADLINE_MS = 5_000;

export interface Endpoint {
  /** Name of the node: its certificate must carry taa://<cluster>/node/<node>. */
  readonly node: string;
  /** host:port of the administration listener. */
  readonly address: string;
}

export interface ConnectionOptions {
  readonly cluster: string;
  readonly endpoints: readonly Endpoint[];
  readonly tls: TlsMaterial;
}

type Callback<T> = (error: ServiceError | null, value?: T) => void;
type Unary<In, Out> = (
  request: In,
  metadata: Metadata,
  options: CallOptions,
  callback: Callback<Out>,
) => unknown;

interface Node {
  readonly endpoint: Endpoint;
  readonly admin: Clients['taa.v1.AdminService'];
  readonly log: Clients['taa.v1.LogService'];
  readonly lab: Clients['taa.v1.LabService'];
}

export class Connection {
  readonly cluster: string;
  readonly nodes: readonly Node[];

  constructor(options: ConnectionOptions) {
    this.cluster = options.cluster;
    this.nodes = options.endpoints.map((endpoint) => {
      const server = { clusterId: options.cluster, role: 'node' as const, name: endpoint.node };
      const credentials: ChannelCredentials = clientCredentials(options.tls, server);
      const channel = channelOptions(server);
      return {
        endpoint,
        admin: openClient('taa.v1.AdminService', endpoint.address, credentials, channel),
        log: openClient('taa.v1.LogService', endpoint.address, credentials, channel),
        lab: openClient('taa.v1.LabService', endpoint.address, credentials, channel),
      };
    });
  }

  /**
   * Calls on the first node that answers.
   * @throws RpcError of the last node asked; UNREACHABLE if none could be reached
   */
  async call<In, Out>(
    choose: (node: Node) => Unary<In, Out>,
    request: In,
    deadlineMs: number = CALL_DEADLINE_MS,
  ): Promise<{ readonly value: Out; readonly node: string }> {
    let last = new RpcError('UNREACHABLE', 'no endpoint was given');
    for (const node of this.nodes) {
      try {
        return { value: await unary(choose(node), request, deadlineMs), node: node.endpoint.node };
      } catch (error) {
        last = RpcError.from(error);
        if (!last.retryable) throw last;
      }
    }
    throw last;
  }

  /** Asks every node; the answers come in the order of the endpoints, with an error where one did not answer. */
  async callAll<In, Out>(
    choose: (node: Node) => Unary<In, Out>,
    request: In,
    deadlineMs: number = CALL_DEADLINE_MS,
  ): Promise<
    readonly (
      { readonly node: string; readonly value: Out } | { readonly node: string; readonly error: RpcError }
    )[]
  > {
    return Promise.all(
      this.nodes.map(async (node) => {
        try {
          return { node: node.endpoint.node, value: await unary(choose(node), request, deadlineMs) };
        } catch (error) {
          return { node: node.endpoint.node, error: RpcError.from(error) };
        }
      }),
    );
  }

  close(): void {
    for (const { admin, log, lab } of this.nodes) for (const client of [admin, log, lab]) client.close();
  }
}

function unary<In, Out>(method: Unary<In, Out>, request: In, deadlineMs: number): Promise<Out> {
  return new Promise((resolve, reject) => {
    method(request, new Metadata(), { deadline: Date.now() + deadlineMs }, (error, value) => {
      if (error !== null) reject(RpcError.from(error));
      else resolve(value as Out);
    });
  });
}

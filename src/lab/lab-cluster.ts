/**
 * A cluster of real `taad` processes on loopback with a laboratory reference clock: what `npm start`, the cluster tests and
 * the benchmarks run on.
 */

import { join } from 'node:path';
import type { ReferenceServer } from '../clock/reference-server.js';
import { startReferenceServer } from '../clock/reference-server.js';
import { submitAct } from '../operator/acts.js';
import { Connection } from '../operator/connection.js';
import type { AuditPolicy } from '../authority/model.js';
import type { ListClientsRequest } from '../wire/gen/taa/v1/ListClientsRequest.js';
import type { ListClientsResponse__Output } from '../wire/gen/taa/v1/ListClientsResponse.js';
import type { GetStatusRequest } from '../wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../wire/gen/taa/v1/GetStatusResponse.js';
import type { CborMap } from '../verify/cbor.js';
import type { ClusterFiles, ClusterOutline, ClusterPlan, Holder, NodePorts } from './cluster-files.js';
import { clusterFiles, laboratoryClusterId, readOutline } from './cluster-files.js';
import { freePorts } from './ports.js';
import type { TaadOptions } from './taad-process.js';
import { TaadProcess } from './taad-process.js';

export const LAB_SITES = ['tokyo', 'osaka', 'fukuoka'] as const;
const PORTS_PER_NODE = 4;

export interface LabClusterOptions {
  readonly directory: string;
  /** Sites, one node each, named alike. Default: three. */
  readonly sites?: readonly string[];
  readonly policy: CborMap;
  readonly rhoFloorPpb?: number;
  /** Section `store` of each node's configuration. */
  readonly store?: Readonly<Record<string, number>>;
  /** Where a node dials a peer; tests put a proxy in between. */
  readonly peerAddress?: (from: string, to: string, ports: ReadonlyMap<string, NodePorts>) => string;
  /** Added to the environment of one node's process. */
  readonly nodeEnvironment?: (name: string) => Readonly<Record<string, string>>;
  /** Applied to how each process is started. */
  readonly process?: Partial<Pick<TaadOptions, 'environment' | 'program' | 'wrapper'>>;
}

export interface RegisteredClient extends Holder {
  /** Opaque device id. */
  readonly device: string;
}

export class LabCluster {
  readonly files: ClusterFiles;
  readonly reference: ReferenceServer;
  readonly ports: ReadonlyMap<string, NodePorts>;
  readonly #options: LabClusterOptions;
  readonly #processes = new Map<string, TaadProcess>();
  readonly #connection: Connection;
  #closed = false;

  private constructor(
    options: LabClusterOptions,
    files: ClusterFiles,
    ports: ReadonlyMap<string, NodePorts>,
    reference: ReferenceServer,
  ) {
    this.#options = options;
    this.files = files;
    this.ports = ports;
    this.reference = reference;
    this.#connection = this.connect(files.administrator);
  }

  /** Writes the files (or takes those of an earlier run in the same directory) and starts reference and nodes; resolves when all nodes are ready. */
  static async start(options: LabClusterOptions): Promise<LabCluster> {
    const outline = readOutline(options.directory);
    const sites = outline?.nodes.map(({ name }) => name) ?? options.sites ?? LAB_SITES;
    const reference = await startReferenceServer({
      ownThread: true,
      ...(outline === null ? {} : { port: outline.referencePort }),
    });
    const ports = await portsOf(sites, outline);
    const { peerAddress } = options;
    const plan: ClusterPlan = {
      directory: options.directory,
      clusterId: outline?.clusterId ?? laboratoryClusterId(),
      nodes: sites.map((site) => ({ name: site, site, ports: ports.get(site) as NodePorts })),
      referencePort: () => reference.port,
      policy: options.policy,
      rhoFloorPpb: options.rhoFloorPpb,
      store: options.store,
      ...(peerAddress === undefined ? {} : { peerAddress: (from, to) => peerAddress(from, to, ports) }),
    };
    const cluster = new LabCluster(options, clusterFiles(plan), ports, reference);
    try {
      await Promise.all(sites.map((site) => cluster.startNode(site)));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  get names(): readonly string[] {
    return [...this.ports.keys()];
  }

  /** The administrator's connection. */
  get operator(): Connection {
    return this.#connection;
  }

  process(name: string): TaadProcess {
    const found = this.#processes.get(name);
    if (found === undefined) throw new Error(`${name} was never started`);
    return found;
  }

  dataDirectory(name: string): string {
    return join(this.#options.directory, 'nodes', name, 'data');
  }

  logFile(name: string): string {
    return join(this.#options.directory, 'nodes', name, 'taad.log');
  }

  /** Starts, or starts again, one node; resolves when it is ready. */
  async startNode(
    name: string,
    override: NonNullable<LabClusterOptions['process']> = {},
  ): Promise<TaadProcess> {
    const process = this.launch(name, override);
    await process.ready();
    return process;
  }

  /** The same without waiting. */
  launch(name: string, override: NonNullable<LabClusterOptions['process']> = {}): TaadProcess {
    const environment = {
      ...this.#options.process?.environment,
      ...this.#options.nodeEnvironment?.(name),
      ...override.environment,
    };
    const node = new TaadProcess({
      name,
      configuration: this.files.configurations.get(name) as string,
      metricsPort: (this.ports.get(name) as NodePorts).metrics,
      logFile: this.logFile(name),
      ...this.#options.process,
      ...override,
      environment,
    });
    this.#processes.set(name, node);
    return node;
  }

  connect(holder: Holder): Connection {
    return this.connectTo(holder, this.names);
  }

  connectTo(holder: Holder, nodes: readonly string[]): Connection {
    return new Connection({
      cluster: this.files.plan.clusterId,
      endpoints: nodes.map((node) => ({
        node,
        address: `127.0.0.1:${(this.ports.get(node) as NodePorts).administration}`,
      })),
      tls: holder.tls,
    });
  }

  clientEndpoints(): readonly { readonly node: string; readonly address: string }[] {
    return this.names.map((node) => ({
      node,
      address: `127.0.0.1:${(this.ports.get(node) as NodePorts).clients}`,
    }));
  }

  /** A new TSA: its certificate, and its registration by the administrator. */
  async register(name: string, policy: Partial<AuditPolicy> = {}): Promise<RegisteredClient> {
    const holder = this.files.enrol('client', name);
    const known = await this.#deviceOf(holder.identity);
    if (known !== null) return { ...holder, device: known };
    const { administrator } = this.files;
    const committed = await submitAct(this.#connection, administrator, {
      command: 'registerClient',
      subscriber: `subscriber-of-${name}`,
      identity: holder.identity,
      spki: holder.signer.spki,
      policy,
      details: null,
    });
    return { ...holder, device: committed.device as string };
  }

  async #deviceOf(identity: string): Promise<string | null> {
    const { value } = await this.#connection.call<ListClientsRequest, ListClientsResponse__Output>(
      ({ admin }) => admin.ListClients.bind(admin),
      {},
    );
    return value.clients.find((client) => client.identity === identity)?.device ?? null;
  }

  /** Status as the first node that answers sees it. */
  status(): Promise<{ readonly value: GetStatusResponse__Output; readonly node: string }> {
    return this.#connection.call<GetStatusRequest, GetStatusResponse__Output>(
      ({ admin }) => admin.GetStatus.bind(admin),
      {},
    );
  }

  /** Stops everything; may be called again. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    await this.reference.stop();
  }
}

async function portsOf(
  sites: readonly string[],
  outline: ClusterOutline | null,
): Promise<ReadonlyMap<string, NodePorts>> {
  if (outline !== null) return new Map(outline.nodes.map(({ name, ports }) => [name, ports]));
  const numbers = await freePorts(sites.length * PORTS_PER_NODE);
  return new Map(sites.map((site, i) => [site, portsAt(numbers, i)]));
}

function portsAt(numbers: readonly number[], node: number): NodePorts {
  const [peers, clients, administration, metrics] = numbers.slice(
    node * PORTS_PER_NODE,
    (node + 1) * PORTS_PER_NODE,
  );
  return { peers, clients, administration, metrics } as NodePorts;
}

/**
 * The node's Prometheus metrics, one registry a node. What a node knows is pulled when it is scraped (MetricsSource); calls
 * and durations are pushed. Names follow taa_<area>_<what>_<unit>; label values come from closed sets or from the
 * configuration (nodes, sources), never from clients.
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { clockMetrics, type ClockSnapshot } from './clock-metrics.js';
import type { CallEvent } from './guard.js';
import { flag, type Pulled, type Sample } from './pulled-metric.js';
import type { PeerLaneStatistics } from './peers.js';

/** What a scrape asks of the node. Cumulative values count from the start of the process. */
export interface MetricsSnapshot {
  readonly node: {
    readonly version: string;
    readonly node: string;
    readonly site: string;
    readonly engine: string;
  };
  /** Reasons of the closed list; empty when the node is well. */
  readonly impairments: readonly string[];
  readonly raft: {
    readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader';
    readonly term: number;
    readonly hasLeader: boolean;
    readonly lastIndex: number;
    readonly commitIndex: number;
    readonly appliedIndex: number;
    /** As leader: what each peer is known to hold. */
    readonly peers: readonly {
      readonly node: string;
      readonly matchIndex: number;
      readonly recentlyActive: boolean;
    }[];
  };
  readonly clock: ClockSnapshot;
  readonly audit: {
    readonly logSize: number;
    readonly publishedSize: number;
    /** Audits whose next step this node has to make. */
    readonly pending: number;
    /** Audits of this node by outcome. */
    readonly outcomes: Readonly<Record<'certified' | 'failed' | 'inconclusive' | 'voided', number>>;
  };
  readonly sessions: number;
  readonly peers: readonly PeerLaneStatistics[];
}

export interface MetricsSource {
  snapshot(): MetricsSnapshot;
}

const raftRoles = ['follower', 'preCandidate', 'candidate', 'leader'] as const;

const perLane =
  (read: (lane: PeerLaneStatistics) => number) =>
  ({ peers }: MetricsSnapshot): readonly Sample[] =>
    peers.map((link) => [{ peer: link.peer, lane: link.lane }, read(link)] as const);

const laneLabels = ['peer', 'lane'];

const pulled: readonly Pulled<MetricsSnapshot>[] = [
  {
    type: 'gauge',
    name: 'taa_node_info',
    help: 'Always 1; the labels say what runs here.',
    labels: ['version', 'node', 'site', 'engine'],
    read: ({ node }) => [[node, 1]],
  },
  {
    type: 'gauge',
    name: 'taa_node_impairments',
    help: 'Reasons for which the node does not do all of its work; 0 when it is well.',
    read: ({ impairments }) => impairments.length,
  },
  {
    type: 'gauge',
    name: 'taa_raft_role',
    help: '1 for the role in consensus that the node has now, 0 for the others.',
    labels: ['role'],
    read: ({ raft }) => raftRoles.map((role) => [{ role }, flag(role === raft.role)] as const),
  },
  {
    type: 'gauge',
    name: 'taa_raft_term',
    help: 'Current term; fast growth means repeated elections.',
    read: ({ raft }) => raft.term,
  },
  {
    type: 'gauge',
    name: 'taa_raft_has_leader',
    help: '1 while the node knows a leader.',
    read: ({ raft }) => flag(raft.hasLeader),
  },
  {
    type: 'gauge',
    name: 'taa_raft_last_index',
    help: 'Index of the last entry in the log.',
    read: ({ raft }) => raft.lastIndex,
  },
  {
    type: 'gauge',
    name: 'taa_raft_commit_index',
    help: 'Index of the last entry known to be committed.',
    read: ({ raft }) => raft.commitIndex,
  },
  {
    type: 'gauge',
    name: 'taa_raft_applied_index',
    help: 'Index of the last entry applied to the state machine.',
    read: ({ raft }) => raft.appliedIndex,
  },
  {
    type: 'gauge',
    name: 'taa_raft_peer_match_index',
    help: 'As leader: highest index that the peer is known to hold durably.',
    labels: ['peer'],
    read: ({ raft }) => raft.peers.map(({ node, matchIndex }) => [{ peer: node }, matchIndex] as const),
  },
  {
    type: 'gauge',
    name: 'taa_raft_peer_active',
    help: 'As leader: 1 if the peer answered within the last election timeout.',
    labels: ['peer'],
    read: ({ raft }) => raft.peers.map((peer) => [{ peer: peer.node }, flag(peer.recentlyActive)] as const),
  },
  ...clockMetrics,
  {
    type: 'gauge',
    name: 'taa_audit_log_leaves',
    help: "Leaves in this node's tree.",
    read: ({ audit }) => audit.logSize,
  },
  {
    type: 'gauge',
    name: 'taa_audit_published_leaves',
    help: 'Size of the newest published checkpoint known to this node.',
    read: ({ audit }) => audit.publishedSize,
  },
  {
    type: 'gauge',
    name: 'taa_audit_pending',
    help: 'Audits whose next step this node has to make.',
    read: ({ audit }) => audit.pending,
  },
  {
    type: 'counter',
    name: 'taa_audit_outcomes_total',
    help: 'Audits measured by this node, by outcome.',
    labels: ['outcome'],
    read: ({ audit }) =>
      Object.entries(audit.outcomes).map(([outcome, count]) => [{ outcome }, count] as const),
  },
  {
    type: 'gauge',
    name: 'taa_rpc_sessions',
    help: 'Live client sessions on this node.',
    read: ({ sessions }) => sessions,
  },
  {
    type: 'gauge',
    name: 'taa_rpc_peer_receiving',
    help: '1 while this node receives from the peer on the lane.',
    labels: laneLabels,
    read: perLane(({ receiving }) => flag(receiving)),
  },
  {
    type: 'gauge',
    name: 'taa_rpc_peer_sending',
    help: '1 while the peer receives from this node on the lane.',
    labels: laneLabels,
    read: perLane(({ sending }) => flag(sending)),
  },
  {
    type: 'counter',
    name: 'taa_rpc_peer_sent_bytes_total',
    help: 'Bytes accepted for sending to the peer.',
    labels: laneLabels,
    read: perLane(({ sentBytes }) => sentBytes),
  },
  {
    type: 'counter',
    name: 'taa_rpc_peer_received_bytes_total',
    help: 'Bytes received from the peer.',
    labels: laneLabels,
    read: perLane(({ receivedBytes }) => receivedBytes),
  },
  {
    type: 'counter',
    name: 'taa_rpc_peer_dropped_messages_total',
    help: 'Messages to the peer that were not sent: no subscription, or no room.',
    labels: laneLabels,
    read: perLane(({ dropped }) => dropped),
  },
  {
    type: 'gauge',
    name: 'taa_rpc_peer_queued_bytes',
    help: 'Bytes accepted for the peer and not yet passed to the network.',
    labels: laneLabels,
    read: perLane(({ queuedBytes }) => queuedBytes),
  },
];

export interface MetricInfo {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #source: MetricsSource;
  readonly #calls: Histogram;
  readonly #streams: Histogram;
  readonly #denials: Counter;
  readonly #syncs: Histogram;
  readonly #commits: Histogram;
  readonly #certificates: Histogram;

  constructor(source: MetricsSource) {
    this.#source = source;
    const registers = [this.#registry];
    // The default looks every 10 ms: a hundred wake-ups a second of a node that has nothing to do.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 });
    for (const metric of pulled) this.#pull(metric);
    this.#calls = new Histogram({
      name: 'taa_rpc_call_duration_seconds',
      help: 'Duration of unary calls, by method and gRPC status.',
      labelNames: ['listener', 'method', 'status'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    });
    this.#streams = new Histogram({
      name: 'taa_rpc_stream_duration_seconds',
      help: 'Life of streams that have ended, by method and gRPC status.',
      labelNames: ['listener', 'method', 'status'],
      buckets: [0.1, 1, 10, 60, 600, 3_600, 86_400],
      registers,
    });
    this.#denials = new Counter({
      name: 'taa_rpc_denials_total',
      help: 'Calls refused for who made them, by reason.',
      labelNames: ['listener', 'reason'],
      registers,
    });
    this.#syncs = new Histogram({
      name: 'taa_storage_sync_duration_seconds',
      help: 'Duration of a synced write of the consensus log.',
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1],
      registers,
    });
    this.#commits = new Histogram({
      name: 'taa_raft_commit_duration_seconds',
      help: 'From proposal on this node until applied on it.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    });
    this.#certificates = new Histogram({
      name: 'taa_audit_certificate_duration_seconds',
      help: 'From the first probe until certificate and receipt were handed to the session.',
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
  }

  readonly onCall = (event: CallEvent): void => {
    const { listener, method, status } = event;
    (event.stream ? this.#streams : this.#calls).observe({ listener, method, status }, event.seconds);
  };

  readonly onDenied = (listener: string, reason: string): void => {
    this.#denials.inc({ listener, reason });
  };

  /** Durations that the node measures itself. Unit: s. */
  readonly observe = {
    sync: (duration: number): void => this.#syncs.observe(duration),
    commit: (duration: number): void => this.#commits.observe(duration),
    certificate: (duration: number): void => this.#certificates.observe(duration),
  };

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Every metric of our own: name, type, labels, meaning. */
  list(): readonly MetricInfo[] {
    return this.#registry
      .getMetricsAsArray()
      .filter(({ name }) => name.startsWith('taa_'))
      .map((metric) => {
        // Counters, gauges and histograms keep what they were made with.
        const { name, help, type, labelNames } = metric as unknown as Omit<MetricInfo, 'labels'> & {
          readonly labelNames: readonly string[];
        };
        return { name, help, type, labels: labelNames };
      });
  }

  /** The text exposition format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #pull({ type, name, help, labels = [], read }: Pulled<MetricsSnapshot>): void {
    const samples = (): readonly Sample[] => {
      const value = read(this.#source.snapshot());
      return typeof value === 'number' ? [[{}, value]] : value;
    };
    const common = { name, help, labelNames: [...labels], registers: [this.#registry] };
    if (type === 'gauge') {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const [of, value] of samples()) this.set(of, value);
        },
      });
    } else {
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const [of, value] of samples()) this.inc(of, value);
        },
      });
    }
  }
}

const units = ['seconds', 'bytes', 'ratio', 'days', 'leaves'] as const;
const unitOf = (name: string): string =>
  units.find((unit) => new RegExp(`_${unit}(_total)?$`).test(name)) ?? '';

/** docs/metrics.md, whole. */
export function describeMetrics(): string {
  const metrics = new Metrics({
    snapshot: () => {
      throw new Error('nothing is scraped here');
    },
  });
  const rows = metrics
    .list()
    .map(
      ({ name, type, labels, help }) =>
        `| \`${name}\` | ${type} | ${unitOf(name)} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
    );
  return `# Metrics

This file is made from \`src/rpc/metrics.ts\` by \`npm run proto\`; a test fails when it is not current.

The metrics listener serves these as \`/metrics\` in the text format of Prometheus, beside the usual ones of a Node.js process.
Values of labels come from closed lists or from the configuration, never from clients. Counters count from the start of the
process.

| Metric | Type | Unit | Labels | Meaning |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

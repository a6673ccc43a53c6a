/** What a scrape asks of the node, read from its parts at that moment. */

import type { ClockService, ClockStatus } from '../../clock/index.js';
import type { ClockCounts } from '../../rpc/clock-metrics.js';
import type { LeapView } from '../../rpc/doors.js';
import type { Metrics, MetricsSnapshot } from '../../rpc/metrics.js';
import type { PeerTransport } from '../../rpc/peers.js';
import type { DurNs } from '../../time/types.js';
import type { NodeCore, Observer } from '../core/node.js';
import type { HostClockWatch } from './host-clock.js';
import { hostMono } from './timers.js';

export function metricsSnapshot(
  core: NodeCore,
  clock: ClockService,
  status: ClockStatus | null,
  leap: LeapView,
  counts: ClockCounts,
  host: HostClockWatch,
  peers: PeerTransport,
  engine: string,
): MetricsSnapshot {
  const raft = core.raft.status();
  const reading = clock.reading();
  return {
    node: { version: core.options.version, node: core.options.node, site: core.site, engine },
    impairments: core.impairments(),
    raft: {
      role: raft.role,
      term: raft.term,
      hasLeader: raft.leader !== null,
      lastIndex: raft.lastIndex,
      commitIndex: raft.commitIndex,
      appliedIndex: raft.appliedIndex,
      peers: raft.peers.map(({ id, match, recentlyActive }) => ({
        node: id,
        matchIndex: match,
        recentlyActive,
      })),
    },
    clock: {
      state: reading.state,
      epoch: reading.epoch,
      uncertaintyNs: (reading.latest - reading.earliest) / 2n,
      rhoPpb: reading.rhoPpb,
      unmonitored: reading.unmonitored,
      peers: reading.peers,
      taiMinusUtc: reading.taiMinusUtc,
      leap: reading.leap,
      leapTableDaysLeft: leap.tableDaysLeft,
      leapTableApproved: leap.isApproved,
      rate: status?.rate ?? null,
      workerDelayMs: status?.workerDelayMs ?? 0,
      counts,
      hostOffsetNs: host.offset()?.offsetNs ?? null,
      hostFindings: host.findings.map(({ code }) => code),
      sources: (status?.sources ?? []).map((source) => ({
        name: source.name,
        role: source.role,
        accepted: source.accepted,
        rejected: source.rejected,
        rejectedBy: source.rejectedBy,
        offsetNs: source.lastOffsetNs,
        uncertaintyNs: source.lastUncertaintyNs,
        delayNs: source.lastDelayNs,
        leastDelayNs: source.leastDelayNs,
        reach: source.reach,
        authenticated: source.authenticated,
        questionsLeft: source.questionsLeft,
        ageNs: source.lastMono === null ? -1n : hostMono() - source.lastMono,
      })),
    },
    audit: {
      logSize: core.ledger.size,
      publishedSize: core.publication.publishedSize,
      pending: core.authority.pending(core.options.node).length,
      outcomes: core.outcomeCounts,
    },
    sessions: core.sessionCount,
    peers: peers.statistics(),
  };
}

/** Durations that the core measures, handed to the metrics once there are listeners to scrape them. */
export class Durations implements Observer {
  metrics: Metrics | null = null;

  readonly synced = (duration: DurNs): void => this.metrics?.observe.sync(seconds(duration));
  readonly committed = (duration: DurNs): void => this.metrics?.observe.commit(seconds(duration));
  readonly certified = (duration: DurNs): void => this.metrics?.observe.certificate(seconds(duration));
}

const seconds = (duration: DurNs): number => Number(duration) / 1e9;

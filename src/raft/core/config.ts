/**
 * What one core is told once: who it is, how long its timers are, how much it may hold. There is no switch
 * that turns a safety mechanism off. Times are `Nanos`, so that no bigint is touched per step.
 */

import type { Incarnation, NodeId } from '../types.js';
import type { CompactionLimits } from './compaction.js';

/** Nanoseconds on the driver's monotonic scale, counted from its start: exact for 104 days, then to 2 ns. */
export type Nanos = number;

export interface CoreConfig {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
  /** Heartbeat interval; it is also the pace of check-quorum. */
  readonly heartbeat: Nanos;
  /** An election starts after a random silence in [electionMin, electionMax). Stickiness lasts electionMin. */
  readonly electionMin: Nanos;
  readonly electionMax: Nanos;
  /** Payload bytes appended but not committed; a single larger batch is let through when nothing else waits. */
  readonly maxUncommittedBytes: number;
  /** Payload bytes of one append message; a single larger entry travels alone. */
  readonly maxAppendBytes: number;
  /** Append messages sent to one peer and not yet acknowledged. */
  readonly maxInflightAppends: number;
  /** Payload bytes sent to one peer and not yet acknowledged. */
  readonly maxInflightBytes: number;
  /** Payload bytes of applied entries that stay in memory for followers that lag a little. */
  readonly maxCacheBytes: number;
  readonly compaction: CompactionLimits;
  readonly seed: number;
}

export class RaftConfigError extends Error {
  readonly code = 'RAFT_CONFIG';

  constructor(problem: string, remedy: string) {
    super(`RAFT_CONFIG: ${problem}; ${remedy}.`);
    this.name = 'RaftConfigError';
  }
}

const nodeName = /^[a-z0-9-]{1,63}$/;

export const isNodeName = (text: string): boolean => nodeName.test(text);

export function checkConfig(config: CoreConfig): CoreConfig {
  if (!isNodeName(config.id)) {
    throw new RaftConfigError(`'${config.id}' is no node name`, 'use 1 to 63 characters of a-z, 0-9 and -');
  }
  if (!(config.heartbeat > 0 && config.electionMin >= 3 * config.heartbeat)) {
    throw new RaftConfigError('the election timeout is too short', 'make it at least three heartbeats');
  }
  if (!(config.electionMax > config.electionMin)) {
    throw new RaftConfigError('electionMax does not exceed electionMin', 'leave room for a random spread');
  }
  const limits = [
    config.maxUncommittedBytes,
    config.maxAppendBytes,
    config.maxInflightAppends,
    config.maxInflightBytes,
    config.maxCacheBytes,
    config.compaction.trailingEntries,
    config.compaction.trimBytes,
    config.compaction.trimInterval,
  ];
  if (!limits.every((limit) => Number.isSafeInteger(limit) && limit > 0)) {
    throw new RaftConfigError('a limit is not a positive whole number', 'correct the limits');
  }
  return config;
}

/** Timer profiles. Safety never depends on any of these numbers; how soon a lost leader is replaced does. */

import { durNs, NS_PER_MS } from '../time/types.js';
import type { RaftLimits, TimingProfile } from './driver-api.js';

const milliseconds = (value: bigint): TimingProfile['heartbeat'] => durNs(value * NS_PER_MS);

/** Sites a few milliseconds apart. A single fsync may stall for 400 ms without an election. */
export const LAN_TIMING: TimingProfile = {
  heartbeat: milliseconds(50n),
  electionMin: milliseconds(300n),
  electionMax: milliseconds(600n),
};

/** Sites up to 200 ms apart (round trip), over links that sometimes pause. */
export const WAN_TIMING: TimingProfile = {
  heartbeat: milliseconds(200n),
  electionMin: milliseconds(1500n),
  electionMax: milliseconds(3000n),
};

const MIB = 1 << 20;

/** Enough for some thousand 512-byte records in flight; a few MiB of memory a node. */
export const DEFAULT_LIMITS: Required<RaftLimits> = {
  maxUncommittedBytes: 16 * MIB,
  maxAppendBytes: MIB,
  maxInflightAppends: 64,
  maxInflightBytes: 8 * MIB,
  maxCacheBytes: 16 * MIB,
  trailingEntries: 10_240,
  trimBytes: 64 * MIB,
  trimIntervalNs: 3_600_000_000_000,
};

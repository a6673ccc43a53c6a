/**
 * This machine's clocks. The monotonic one is Node's (CLOCK_MONOTONIC on Linux: it stands still during a suspend); the
 * uptime counts through a suspend and is what gives one away.
 */

import { platform, uptime } from 'node:os';
import type { LocalClocks } from './core/interlock.js';
import type { MonoNs } from '../time/types.js';
import { NS_PER_MS, monoNs } from '../time/types.js';

/** Nanoseconds on the monotonic clock of this process. */
export const monotonicNow = (): MonoNs => monoNs(process.hrtime.bigint());

/**
 * Elsewhere the uptime has whole seconds or follows the wall clock, and the monotonic clock counts through a suspend
 * itself, so that a lease simply ends.
 */
const hasUptime = platform() === 'linux';
const SLOW_READ = 5n * NS_PER_MS;
const ATTEMPTS = 3;

export function readLocalClocks(): LocalClocks {
  let clocks = readOnce();
  // The scheduler may take the processor away between the readings; a wide reading would hide a small jump.
  for (let i = 1; i < ATTEMPTS && clocks.after - clocks.before > SLOW_READ; i += 1) clocks = readOnce();
  return clocks;
}

function readOnce(): LocalClocks {
  const before = monotonicNow();
  const seconds = hasUptime ? uptime() : null;
  const after = monotonicNow();
  // /proc/uptime has two decimals: whole hundredths, so that no rounding of floats adds to it.
  return {
    before,
    uptime: seconds === null ? null : BigInt(Math.round(seconds * 100)) * 10n * NS_PER_MS,
    after,
  };
}

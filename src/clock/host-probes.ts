/** What the host can tell of interruptions that the monotonic clock does not show; injected, so that tests can interrupt. */

import { closeSync, openSync, readSync } from 'node:fs';
import { DisruptionMarker, VMCLOCK_HEAD_BYTES, parseVmClock } from './core/vmclock.js';
import { suspendProbe, wallProbe } from './monotonic.js';

export interface HostProbes {
  /** Nanoseconds that the host slept since the last look. */
  readonly slept: () => bigint;
  /** Nanoseconds by which the wall clock was set since the last look. */
  readonly wallStepped: () => bigint;
  /** What the hypervisor did to the machine since the last look; null if nothing. */
  readonly machineDisrupted: () => string | null;
}

export const VMCLOCK_DEVICE = '/dev/vmclock0';

export function hostProbes(vmClockPath = VMCLOCK_DEVICE): HostProbes {
  const suspend = suspendProbe();
  const wall = wallProbe();
  return {
    slept: () => suspend.jump(),
    wallStepped: () => wall.jump(),
    machineDisrupted: vmClockReader(vmClockPath),
  };
}

/** Most machines have no such device: then nothing is ever said. */
function vmClockReader(path: string): () => string | null {
  const marker = new DisruptionMarker();
  const buffers = [new Uint8Array(VMCLOCK_HEAD_BYTES), new Uint8Array(VMCLOCK_HEAD_BYTES)] as const;
  let device: number | null;
  try {
    device = openSync(path, 'r');
  } catch {
    return () => null;
  }
  const head = (buffer: Uint8Array): ReturnType<typeof parseVmClock> => {
    const length = device === null ? 0 : readSync(device, buffer, 0, VMCLOCK_HEAD_BYTES, 0);
    return parseVmClock(buffer.subarray(0, length));
  };
  return () => {
    if (device === null) return null;
    try {
      const [first, second] = [head(buffers[0]), head(buffers[1])];
      if (first.kind !== 'unusable') return marker.look(first, second);
    } catch {
      // A device that was taken away says no more: the same as none.
    }
    closeSync(device);
    device = null;
    return null;
  };
}

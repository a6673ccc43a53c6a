/** Real time for the node: Node's event loop behind the Timers door. */

import type { DurNs, MonoNs, Timers } from '../../time/types.js';
import { monoNs } from '../../time/types.js';

export const hostMono = (): MonoNs => monoNs(process.hrtime.bigint());

export const hostTimers: Timers = {
  after(delay: DurNs, task: () => void): () => void {
    if (delay <= 0n) {
      const handle = setImmediate(task);
      return () => clearImmediate(handle);
    }
    const handle = setTimeout(task, Number(delay) / 1e6);
    return () => clearTimeout(handle);
  },
};

/**
 * The end of a process that has databases open, also of one whose disk has failed.
 *
 * A plain process.exit while RocksDB's threads work aborts in a C++ destructor ("pure virtual method called"), and after a
 * failed write its close can wait for ever and hold process.exit up. So: close with a limit, and where that does not come
 * to an end, SIGKILL to ourselves. Nothing can be lost by it: what was acknowledged is durable, the rest was refused.
 */

import { closeAllStores } from './kv.js';

const CLOSE_LIMIT_MS = 3_000;

/** Ends the process with `code`; by SIGKILL if a database does not close within 3 s. Does not return. */
export function endProcess(code: number): void {
  void closeAllStores(CLOSE_LIMIT_MS).then((closed) => {
    if (!closed) process.kill(process.pid, 'SIGKILL');
    process.exit(code);
  });
}

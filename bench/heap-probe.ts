/**
 * Loaded into a `taad` under measurement by NODE_OPTIONS (`--import`), never by what ships: on SIGUSR2 the process
 * collects its garbage and writes what it then holds to the file that TAA_BENCH_HEAP_FILE names.
 */

import { renameSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

const file = process.env['TAA_BENCH_HEAP_FILE'];

if (isMainThread && file !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  process.on('SIGUSR2', () => {
    // Twice: what the first one finalises is freed by the second.
    collect();
    collect();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    writeFileSync(`${file}.new`, JSON.stringify({ rss, heapUsed, external, arrayBuffers }));
    renameSync(`${file}.new`, file);
  });
}

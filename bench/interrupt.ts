/** An interrupted bench leaves nothing behind: neither processes nor directories. */

const tasks = new Set<() => void>();
process.on('exit', () => {
  for (const task of [...tasks].reverse()) task();
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

/** Runs `task`, which must not wait, when the process ends early. @returns what takes it back after an orderly end */
export function whenInterrupted(task: () => void): () => void {
  tasks.add(task);
  return () => tasks.delete(task);
}

/**
 * A process that writes to a data directory until it is killed or its disk fails: `node writer.js DIR ENGINE BYTES TRIGGER`.
 * It says on standard output what was acknowledged ("acked STEP"), and after a failure tries again, to show that nothing
 * is acknowledged any more. Its steps are a story that the tests know too (`stepAt`).
 */

import { existsSync, writeFileSync, writeSync } from 'node:fs';
import { logIndex, type Entry } from '../../src/raft/types.js';
import type { LogBatch, RaftLogStore } from '../../src/raft/storage.js';
import type { DiskEngine } from '../../src/store/engine.js';
import { StoreError } from '../../src/store/errors.js';
import { endProcess } from '../../src/store/process-end.js';
import { entry, hardState, openNode, persist, seeded } from './harness.js';

export interface Story {
  readonly log: readonly Entry[];
  readonly term: number;
}

/** Appends of one to five entries; every seventh step truncates up to ten and opens a term. */
export function nextStep(
  story: Story,
  step: number,
  bytes: number,
): { readonly story: Story; readonly batch: LogBatch } {
  const random = seeded(step);
  const truncates = step % 7 === 0 && story.log.length > 0;
  const kept = truncates ? story.log.slice(0, Math.max(0, story.log.length - 1 - random(10))) : story.log;
  const term = truncates || story.term === 0 ? story.term + 1 : story.term;
  const entries = Array.from({ length: 1 + random(5) }, (_, i) =>
    entry(kept.length + 1 + i, term, noise(random, bytes)),
  );
  return {
    story: { log: [...kept, ...entries], term },
    batch: {
      ...(term !== story.term && { hardState: hardState(term, step % 2 === 0 ? 'n1' : null) }),
      ...(truncates && { truncateFrom: logIndex(kept.length + 1) }),
      entries,
    },
  };
}

/** Cheap to make, hard to compress. */
function noise(random: (below: number) => number, bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) {
    words[i] = Math.imul(i + 1, 0x9e3779b1) ^ (i < 8 ? random(2 ** 31) : (words[i % 8] ?? 0));
  }
  return new Uint8Array(words.buffer, 0, bytes);
}

const say = (line: string): void => void writeSync(1, `${line}\n`);

async function main(
  path: string,
  engine: DiskEngine,
  bytes: number,
  trigger: string | undefined,
): Promise<void> {
  const node = await openNode(path, engine);
  let story: Story = { log: [], term: 0 };
  for (let step = 1; step < 100_000; step++) {
    const next = nextStep(story, step, bytes);
    try {
      await persist(node.log, next.batch);
    } catch (error) {
      say(`failed ${error instanceof StoreError ? error.message : String(error)}`);
      await afterFailure(node.log, next.batch);
      return;
    }
    story = next.story;
    say(`acked ${step}`);
    // The shim of the tests fails every fdatasync from the moment this file exists.
    if (step === 20 && trigger !== undefined && !existsSync(trigger)) writeFileSync(trigger, '');
  }
}

async function afterFailure(log: RaftLogStore, batch: LogBatch): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await persist(log, attempt === 0 ? batch : { hardState: hardState(1000 + attempt), entries: [] });
      say('ACKNOWLEDGED AFTER A FAILURE');
    } catch (error) {
      say(`refused ${error instanceof StoreError ? error.code : String(error)}`);
    }
  }
  endProcess(3);
}

const [, program, path, engine, bytes, trigger] = process.argv;
if (program === import.meta.filename && path !== undefined) {
  await main(path, engine as DiskEngine, Number(bytes), trigger);
}

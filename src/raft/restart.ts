/**
 * A log that does not hold the entry up to which a snapshot was installed begins anew behind it. One batch: a crash leaves
 * the old log, which the next start finds and begins anew again, or the new one.
 */

import type { LogBase, LogBatch, LogImage } from './storage.js';
import { logIndex, type HardState } from './types.js';

/** Whether the log neither holds the entry nor has given it up after it was there. */
export function lacksEntry(image: LogImage, { index, term }: LogBase): boolean {
  if (index <= (image.base?.index ?? 0)) return false;
  return index > image.lastIndex || image.termRuns.findLast((run) => run.firstIndex <= index)?.term !== term;
}

/** What to persist, and what the log is then. The vote is kept unless the term grows. */
export function restartAfter(
  image: LogImage,
  base: LogBase,
): { readonly batch: LogBatch; readonly image: LogImage & { readonly hardState: HardState } } {
  const { term, vote } = image.hardState;
  const raised = base.term > term;
  const hardState: HardState = {
    term: raised ? base.term : term,
    vote: raised ? null : vote,
    commit: base.index,
  };
  return {
    batch: { hardState, restartAfter: base, entries: [] },
    image: {
      hardState,
      base,
      firstIndex: logIndex(base.index + 1),
      lastIndex: base.index,
      termRuns: [],
    },
  };
}

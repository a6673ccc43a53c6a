/** The truth table of docs/clock.md, made from the code that decides. */

import { decideLeap, indicatorVotes, listVotes, operatorVotes } from '../../src/clock/core/leap-policy.js';
import type { LeapVotes } from '../../src/clock/core/leap-policy.js';

export const allVotes: readonly LeapVotes[] = listVotes.flatMap((list) =>
  indicatorVotes.flatMap((indicator) => operatorVotes.map((operator) => ({ list, indicator, operator }))),
);

const words = { '-1': 'remove', '0': 'none', '1': 'insert' } as const;

export function outcomeOf(votes: LeapVotes): string {
  const decision = decideLeap(votes);
  return decision.kind === 'doubt' ? `doubt: ${decision.why}` : words[`${decision.change}`];
}

export const truthTable = (): string =>
  [
    '| list | leap indicators | operator | decision |',
    '| --- | --- | --- | --- |',
    ...allVotes.map(
      (votes) => `| ${votes.list} | ${votes.indicator} | ${votes.operator} | ${outcomeOf(votes)} |`,
    ),
  ].join('\n');

/** An invariant that cannot fire proves nothing: each is shown a contradiction made by hand. */
import test from 'ava';
import type { AuthorityEvent } from '../../src/authority/api.js';
import type { Entry, HardState } from '../../src/raft/types.js';
import { logIndex, nodeId, term } from '../../src/raft/types.js';
import { durNs } from '../../src/time/types.js';
import type { OutcomeMessage } from '../../src/wire/messages.js';
import { Invariants } from './invariants.js';
import { Violation } from './violation.js';

const entry = (index: number, inTerm: number, content = 0, time = 0n): Entry => ({
  index: logIndex(index),
  term: term(inTerm),
  kind: 'command',
  time,
  payload: Uint8Array.of(content),
});

const noop = (index: number, inTerm: number): Entry => ({ ...entry(index, inTerm), kind: 'noop' });

const hard = (inTerm: number, vote: string | null = null): HardState => ({
  term: term(inTerm),
  vote: vote === null ? null : nodeId(vote),
  commit: logIndex(0),
});

const root = (content: number): Uint8Array => new Uint8Array(32).fill(content);

/** Three disks, written to by hand. */
class Oracle {
  readonly logs: Record<string, Entry[]> = { n1: [], n2: [], n3: [] };
  readonly invariants = new Invariants({ durableEntries: () => Object.values(this.logs) }, 2);

  store(node: string, state: HardState, ...entries: Entry[]): void {
    const log = (this.logs[node] ??= []);
    const [first] = entries;
    const cuts = first !== undefined && first.index <= log.length;
    if (cuts) log.length = first.index - 1;
    log.push(...entries);
    const batch = cuts
      ? { hardState: state, truncateFrom: first.index, entries }
      : { hardState: state, entries };
    this.invariants.durable(node, batch, state, log);
  }

  commit(by: string, one: Entry, inTerm: number = one.term): void {
    this.invariants.applied(by, one, inTerm);
  }
}

const measured = (sequence: number, outcome: string | null): AuthorityEvent =>
  ({
    kind: 'measured',
    audit: { device: 'd', sequence, outcome: outcome === null ? null : { kind: outcome } },
  }) as unknown as AuthorityEvent;

const outcome = (fields: Partial<OutcomeMessage>): OutcomeMessage => ({
  kind: 'outcome',
  request: 1,
  sequence: 1,
  verdict: 'pass',
  reason: '',
  low: durNs(-10n),
  high: durNs(10n),
  receipt: Uint8Array.of(1),
  lease: durNs(0n),
  voided: false,
  ...fields,
});

const shown = (offset: bigint) => ({ low: offset, high: offset, allowance: 0n });

/** Invariant → a history that breaks it in its last step. */
const histories: Readonly<Record<string, (oracle: Oracle) => void>> = {
  ElectionSafety: ({ invariants }) => {
    invariants.ledBy('n1', 2, hard(2, 'n1'));
    invariants.ledBy('n2', 2, hard(2, 'n2'));
  },
  LeaderVotedForItself: ({ invariants }) => {
    invariants.ledBy('n1', 2, hard(1, 'n1'));
  },
  LeaderAppendOnly: ({ invariants }) => {
    invariants.writes('n1', { hardState: hard(2), truncateFrom: logIndex(1), entries: [] }, 'leader', 2);
  },
  OneVote: (oracle) => {
    oracle.store('n1', hard(2, 'n2'));
    oracle.store('n1', hard(2, 'n3'));
  },
  TermMonotone: (oracle) => {
    oracle.store('n1', hard(3));
    oracle.store('n1', hard(2));
  },
  TermsAscend: (oracle) => {
    oracle.store('n1', hard(1), entry(1, 2));
  },
  LogMatching: (oracle) => {
    oracle.store('n1', hard(1), entry(1, 1, 7));
    oracle.store('n2', hard(1), entry(1, 1, 8));
  },
  LeaderCompleteness: (oracle) => {
    const one = entry(1, 1);
    oracle.store('n1', hard(1), one);
    oracle.store('n2', hard(1), one);
    oracle.commit('n1', one);
    oracle.invariants.ledBy('n3', 2, hard(2, 'n3'));
    oracle.store('n3', hard(2, 'n3'), noop(1, 2));
  },
  CommittedStays: (oracle) => {
    const one = entry(1, 1);
    oracle.store('n1', hard(1), one);
    oracle.store('n2', hard(1), one);
    oracle.commit('n1', one);
    oracle.store('n2', hard(2), entry(1, 2));
  },
  CommittedOnQuorum: (oracle) => {
    oracle.store('n1', hard(1), entry(1, 1));
    oracle.commit('n1', entry(1, 1));
  },
  StateMachineSafety: (oracle) => {
    oracle.store('n1', hard(1), entry(1, 1, 7));
    oracle.store('n2', hard(1), entry(1, 1, 7));
    oracle.commit('n1', entry(1, 1, 7));
    oracle.commit('n2', entry(1, 1, 8));
  },
  AppliedInOrder: (oracle) => {
    const log = [entry(1, 1), entry(2, 1), entry(3, 1)];
    for (const node of ['n1', 'n2']) oracle.store(node, hard(1), ...log);
    for (const one of log) oracle.commit('n1', one);
    oracle.commit('n2', entry(1, 1));
    oracle.commit('n2', entry(3, 1));
  },
  NoGap: (oracle) => {
    for (const node of ['n1', 'n2']) oracle.store(node, hard(1), entry(1, 1), entry(2, 1));
    oracle.commit('n1', entry(2, 1));
  },
  ClusterTimeMonotone: (oracle) => {
    const log = [entry(1, 1, 0, 9n), entry(2, 1, 0, 8n)];
    for (const node of ['n1', 'n2']) oracle.store(node, hard(1), ...log);
    for (const one of log) oracle.commit('n1', one);
  },
  OneRoot: ({ invariants }) => {
    invariants.boundary('n1', { size: 3, root: root(1) });
    invariants.boundary('n2', { size: 3, root: root(2) });
  },
  OneState: ({ invariants }) => {
    invariants.image('n1', { appliedIndex: 5, size: 3, state: Uint8Array.of(1) });
    invariants.image('n2', { appliedIndex: 5, size: 3, state: Uint8Array.of(2) });
  },
  WitnessMonotone: ({ invariants }) => {
    invariants.witness('n1', { size: 3, root: root(1) });
    invariants.witness('n1', { size: 3, root: root(2) });
  },
  WitnessBeforeLine: ({ invariants }) => {
    invariants.witness('n1', { size: 3, root: root(1) });
    invariants.signs('n1', 4);
  },
  SequenceWithoutGap: ({ invariants }) => {
    invariants.event('n1', measured(1, null));
    invariants.event('n1', measured(3, null));
  },
  OneOutcome: ({ invariants }) => {
    invariants.event('n1', measured(1, 'failed'));
    invariants.event('n2', measured(1, 'inconclusive'));
  },
  OneAnswer: ({ invariants }) => {
    invariants.outcome('tsa', outcome({}), null, 500n);
    invariants.outcome('tsa', outcome({ verdict: 'fail' }), null, 500n);
  },
  HonestInterval: ({ invariants }) => {
    invariants.outcome('tsa', outcome({}), shown(11n), 500n);
  },
  PassWithinLimit: ({ invariants }) => {
    invariants.outcome('tsa', outcome({ high: durNs(900n) }), shown(600n), 500n);
  },
};

for (const [invariant, history] of Object.entries(histories)) {
  test(`${invariant} fires`, (t) => {
    const error = t.throws(
      () => {
        history(new Oracle());
      },
      { instanceOf: Violation },
    );
    t.is(error.invariant, invariant);
  });
}

test('what may happen is no violation: an uncommitted tail is replaced, an outcome is told twice', (t) => {
  const oracle = new Oracle();
  oracle.store('n3', hard(1), entry(1, 1, 5), entry(2, 1, 6));
  const log = [entry(1, 2, 1), entry(2, 2, 2)];
  for (const node of ['n1', 'n2']) oracle.store(node, hard(2), ...log);
  for (const one of log) oracle.commit('n1', one);
  oracle.store('n3', hard(2), ...log);
  for (const one of log) oracle.commit('n3', one);
  oracle.invariants.outcome('tsa', outcome({}), shown(3n), 500n);
  oracle.invariants.outcome('tsa', outcome({}), shown(3n), 500n);
  // A device that showed two clocks in one audit is judged by neither.
  oracle.invariants.outcome('tsa', outcome({ request: 2 }), { low: 0n, high: 99n, allowance: 0n }, 500n);
  t.is(oracle.invariants.commits, 2);
});

/** Each rule of conduct is shown what breaks it, and what comes close and does not. */
import test from 'ava';
import type { Message } from '../../src/raft/core/messages.js';
import { logIndex, nodeId, term, type Entry } from '../../src/raft/types.js';
import { Conduct, type Observed } from './conduct.js';

const MS = 1e6;

const entry = (index: number, inTerm: number, kind: Entry['kind'] = 'command', bytes = 8): Entry => ({
  index: logIndex(index),
  term: term(inTerm),
  kind,
  time: 0n,
  payload: new Uint8Array(bytes),
});

interface Scene {
  readonly log?: readonly Entry[];
  readonly commit?: number;
  readonly heardMsAgo?: number;
  readonly silentMs?: number;
  readonly writingMs?: number;
}

/** A leader of term 3 at 10 s, unless it follows n2. */
function judged(scene: Scene, act: (conduct: Conduct, node: Observed) => void): string[] {
  const broken: string[] = [];
  const now = 10_000 * MS;
  const { log = [], commit = 0, heardMsAgo, silentMs = 0, writingMs } = scene;
  const follows = heardMsAgo !== undefined;
  const node: Observed = {
    id: nodeId('n1'),
    term: 3,
    store: { durable: { entries: log, hardState: { commit: 0 } } },
    raft: {
      status: () => ({
        role: follows ? 'follower' : 'leader',
        leader: nodeId(follows ? 'n2' : 'n1'),
        commitIndex: commit,
      }),
      membership: () => ({
        stable: {
          membership: { voters: [{ incarnation: 'a' }, { incarnation: 'b' }, { incarnation: 'c' }] },
        },
      }),
    },
    company: {
      heardLeader: follows ? { id: nodeId('n2'), term: 3, at: now - heardMsAgo * MS } : null,
      heardAnyone: now - silentMs * MS,
      writingSince: writingMs === undefined ? null : now - writingMs * MS,
    },
  };
  const limits = { electionMin: 300 * MS, electionMax: 600 * MS, maxUncommittedBytes: 400 };
  act(
    new Conduct(
      limits,
      () => now,
      (invariant) => broken.push(invariant),
    ),
    node,
  );
  return broken;
}

const says =
  (message: Message) =>
  (conduct: Conduct, node: Observed): void =>
    conduct.sent(node, message);

const heartbeat = (commit: number): Message => ({
  kind: 'heartbeat',
  term: term(3),
  commit: logIndex(commit),
  floor: logIndex(0),
  round: 1,
});

const append = (entries: readonly Entry[], commit = 0): Message => ({
  kind: 'append',
  term: term(3),
  prevIndex: logIndex(0),
  prevTerm: term(0),
  commit: logIndex(commit),
  entries,
});

const grant: Message = { kind: 'preVoteReply', term: term(4), granted: true };

test('CommitOwnTerm', (t) => {
  t.deepEqual(judged({ log: [entry(1, 2)] }, says(heartbeat(1))), ['CommitOwnTerm']);
  t.deepEqual(judged({ log: [entry(1, 2), entry(2, 3)] }, says(heartbeat(2))), []);
});

test('a commit that a node brought along was counted before', (t) => {
  const broken = judged({ log: [entry(1, 2)], commit: 1 }, (conduct, node) => {
    conduct.knows(node);
    conduct.sent(node, heartbeat(1));
  });
  t.deepEqual(broken, []);
});

test('Stickiness', (t) => {
  t.deepEqual(judged({ heardMsAgo: 100 }, says(grant)), ['Stickiness']);
  t.deepEqual(judged({ heardMsAgo: 301 }, says(grant)), []);
});

test('CheckQuorum and StalledDisk', (t) => {
  t.deepEqual(judged({ silentMs: 1801 }, says(heartbeat(0))), ['CheckQuorum']);
  t.deepEqual(judged({ writingMs: 1801 }, says(heartbeat(0))), ['StalledDisk']);
  t.deepEqual(judged({ silentMs: 1700, writingMs: 1700 }, says(heartbeat(0))), []);
});

test('ChangeAfterOwnCommit', (t) => {
  const change = append([entry(3, 3, 'config')]);
  const log = [entry(1, 2), entry(2, 3, 'noop')];
  t.deepEqual(judged({ log, commit: 1 }, says(change)), ['ChangeAfterOwnCommit']);
  t.deepEqual(judged({ log, commit: 2 }, says(change)), []);
});

test('BoundedUncommitted', (t) => {
  const looks = (conduct: Conduct, node: Observed): void => conduct.persisted(node);
  const log = Array.from({ length: 10 }, (_, at) => entry(at + 1, 3, 'command', 60));
  t.deepEqual(judged({ log }, looks), ['BoundedUncommitted']);
  t.deepEqual(judged({ log, commit: 5 }, looks), []);
});

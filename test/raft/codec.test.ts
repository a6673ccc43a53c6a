/** Bytes on the wire: everything comes back, nothing that is not a message becomes one. */

import test from 'ava';
import { clusterTag, decodeMessage, encodeMessage, type Sender } from '../../src/raft/codec.js';
import type { Message } from '../../src/raft/core/messages.js';
import { Prng } from '../../src/raft/core/prng.js';
import { logIndex, nodeId, term, type Entry } from '../../src/raft/types.js';

const tag = clusterTag('alpha');
const n1 = nodeId('tokyo-1');
const incarnation = Uint8Array.from({ length: 16 }, (_, at) => 0xf0 + at);
const sender: Sender = { tag, id: n1, incarnation };
const big = Number.MAX_SAFE_INTEGER;

const entries: readonly Entry[] = [
  { index: logIndex(8), term: term(3), kind: 'command', time: 5n, payload: Uint8Array.of(1, 2, 3) },
  { index: logIndex(9), term: term(3), kind: 'config', time: 5n, payload: new Uint8Array(0) },
  { index: logIndex(10), term: term(4), kind: 'noop', time: 2n ** 62n, payload: new Uint8Array(300).fill(7) },
];

const messages: readonly Message[] = [
  { kind: 'preVote', term: term(2), lastIndex: logIndex(127), lastTerm: term(1) },
  { kind: 'preVoteReply', term: term(2), granted: true },
  { kind: 'vote', term: term(big), lastIndex: logIndex(big), lastTerm: term(128), transfer: true },
  { kind: 'vote', term: term(2), lastIndex: logIndex(0), lastTerm: term(0), transfer: false },
  { kind: 'voteReply', term: term(2), granted: false },
  {
    kind: 'append',
    term: term(4),
    prevIndex: logIndex(7),
    prevTerm: term(2),
    commit: logIndex(6),
    entries,
  },
  {
    kind: 'append',
    term: term(4),
    prevIndex: logIndex(0),
    prevTerm: term(0),
    commit: logIndex(0),
    entries: [],
  },
  { kind: 'appendOk', term: term(4), match: logIndex(2 ** 40) },
  {
    kind: 'appendReject',
    term: term(4),
    rejected: logIndex(9),
    hintIndex: logIndex(5),
    hintTerm: term(3),
  },
  { kind: 'heartbeat', term: term(4), commit: logIndex(16384), floor: logIndex(12), round: 300 },
  {
    kind: 'heartbeatReply',
    term: term(4),
    matched: logIndex(3),
    synced: logIndex(2),
    round: 129,
    durable: logIndex(2),
    ready: true,
    mayLead: false,
  },
  { kind: 'snapshotNeeded', term: term(4), firstIndex: logIndex(7) },
  { kind: 'readRequest', term: term(4), request: 2 ** 51 + 1 },
  { kind: 'readReply', term: term(4), request: 3, index: logIndex(200) },
  { kind: 'readReply', term: term(4), request: 3, index: null },
  { kind: 'commitNotice', term: term(4), commit: logIndex(3) },
  { kind: 'timeoutNow', term: term(4) },
  { kind: 'forward', term: term(4), request: 2 ** 51 + 1, payloads: [Uint8Array.of(1), new Uint8Array(0)] },
  { kind: 'forwardReply', term: term(4), request: 9, status: 'accepted', index: logIndex(77), leader: null },
  { kind: 'forwardReply', term: term(4), request: 9, status: 'notLeader', index: logIndex(0), leader: n1 },
  { kind: 'forwardReply', term: term(4), request: 9, status: 'overloaded', index: logIndex(0), leader: null },
];

for (const [at, message] of messages.entries()) {
  const length = encodeMessage(sender, message).length;
  test(`message ${at + 1}, ${message.kind} of ${length} bytes, comes back as it was`, (t) => {
    t.deepEqual(decodeMessage(tag, encodeMessage(sender, message)), {
      ok: true,
      from: n1,
      incarnation,
      message,
    });
  });
}

test('the layout of an append is what the format says, byte for byte', (t) => {
  const append: Message = {
    kind: 'append',
    term: term(300),
    prevIndex: logIndex(1),
    prevTerm: term(2),
    commit: logIndex(1),
    entries: [
      { index: logIndex(2), term: term(2), kind: 'command', time: 258n, payload: Uint8Array.of(0xaa) },
      { index: logIndex(3), term: term(300), kind: 'noop', time: 258n, payload: new Uint8Array(0) },
    ],
  };
  const bytes = encodeMessage(
    { tag: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), id: nodeId('n1'), incarnation },
    append,
  );
  const expected = [
    [2, 5],
    [1, 2, 3, 4, 5, 6, 7, 8],
    [...incarnation],
    [2, 0x6e, 0x31],
    [0xac, 0x02],
    [1, 2, 1, 2],
    [0b1000, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0xaa],
    [0b0101, 0xac, 0x02, 0],
  ];
  t.deepEqual([...bytes], expected.flat());
});

test('messages of another cluster or version are told apart from garbage', (t) => {
  const bytes = encodeMessage(sender, { kind: 'timeoutNow', term: term(1) });
  t.deepEqual(decodeMessage(clusterTag('beta'), bytes), { ok: false, reason: 'cluster' });
  const newer = Uint8Array.from(bytes);
  newer[0] = 3;
  t.deepEqual(decodeMessage(tag, newer), { ok: false, reason: 'version' });
  t.deepEqual(decodeMessage(tag, new Uint8Array(0)), { ok: false, reason: 'malformed' });
});

test('every proper prefix, and every message with a byte too many, is malformed', (t) => {
  for (const message of messages) {
    const bytes = encodeMessage(sender, message);
    for (let length = 0; length < bytes.length; length++) {
      t.false(decodeMessage(tag, bytes.subarray(0, length)).ok, `${message.kind} cut to ${length}`);
    }
    t.false(decodeMessage(tag, Uint8Array.of(...bytes, 0)).ok, `${message.kind} with a byte too many`);
  }
});

test('an append that no honest leader sends is malformed', (t) => {
  const base = { index: logIndex(8), kind: 'command', payload: new Uint8Array(0) } as const;
  const append = (of: number, ...list: readonly (readonly [number, bigint])[]): Message => ({
    kind: 'append',
    term: term(of),
    prevIndex: logIndex(7),
    prevTerm: term(3),
    commit: logIndex(0),
    entries: list.map(([entryTerm, time], at) => ({
      ...base,
      index: logIndex(8 + at),
      term: term(entryTerm),
      time,
    })),
  });
  const decodes = (message: Message): boolean => decodeMessage(tag, encodeMessage(sender, message)).ok;
  t.true(decodes(append(4, [3, 1n], [4, 1n])));
  t.false(decodes(append(2)), 'prevTerm newer than the leader');
  t.false(decodes(append(4, [5, 1n])), 'an entry newer than the leader');
  t.false(decodes(append(4, [4, 1n], [3, 1n])), 'terms that decrease');
  t.false(decodes(append(4, [4, 2n], [4, 1n])), 'times that decrease');
  t.false(decodes(append(4, [4, -1n])), 'a negative time');
});

test('100,000 garbled messages decode or are refused, and never throw; what decodes encodes to the same bytes', (t) => {
  const prng = new Prng(4242);
  const pick = (below: number): number => Math.floor(prng.between(0, below));
  const encoded = messages.map((message) => encodeMessage(sender, message));
  let refused = 0;
  let changed = 0;
  for (let round = 0; round < 100_000; round++) {
    const bytes = Uint8Array.from(encoded[pick(encoded.length)] ?? []);
    for (let flips = 0; flips <= pick(3); flips++) bytes[10 + pick(bytes.length - 10)] = pick(256);
    const decoded = decodeMessage(tag, bytes);
    if (!decoded.ok) refused++;
    else {
      const again = encodeMessage(
        { tag, id: decoded.from, incarnation: decoded.incarnation },
        decoded.message,
      );
      if (again.length !== bytes.length || again.some((byte, at) => byte !== bytes[at])) changed++;
    }
  }
  t.true(refused > 10_000);
  t.is(changed, 0, 'one message, one encoding');
});

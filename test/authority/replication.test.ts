/**
 * What replication rests on: the same entries give the same records and the same state, from the beginning or from any
 * snapshot; and no payload whatever can throw, or change anything without being a command.
 */

import test from 'ava';
import { birthAuthority, restoreAuthority } from '../../src/authority/authority.js';
import { AuthorityError } from '../../src/authority/errors.js';
import type { Applied } from '../../src/authority/api.js';
import type { Audit } from '../../src/authority/model.js';
import { taiNs } from '../../src/time/types.js';
import { decode, encode, type CborMap } from '../../src/verify/cbor.js';
import { Random, hex } from '../verify/random.js';
import { Cluster, S, clusterId, deps, genesisOf, typesOf } from './cluster.js';
import { RandomCommands } from './random-commands.js';

const LENGTH = 400;

function story(seed: number): Cluster {
  const cluster = new Cluster();
  const commands = new RandomCommands(cluster, seed);
  for (const name of ['a', 'b']) cluster.device(name);
  for (let i = 0; i < LENGTH; i++) cluster.applyPayload(commands.next());
  return cluster;
}

test('replayed from the beginning or restored anywhere, the records and the state are the same', (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const original = story(seed);
    const wanted = hex(original.authority.snapshot());
    const { authority: replayed, leaves } = birthAuthority(genesisOf(), deps);
    const restartAt = new Random(seed).below(original.steps.length);
    let authority = replayed;
    let size = leaves.length;
    original.steps.forEach((step, i) => {
      if (i === restartAt || i % 97 === 0)
        authority = restoreAuthority(authority.snapshot(), genesisOf(), deps);
      const entry = { index: i + 1, time: taiNs(step.time), payload: step.payload };
      const applied = authority.apply(entry, size);
      size += applied.leaves.length;
      if (fingerprint(applied) !== fingerprint(step)) t.fail(`seed ${seed}: entry ${i + 1} is another`);
    });
    t.is(hex(authority.snapshot()), wanted, `seed ${seed}`);
  }
});

/** Everything that applying an entry gives, as one text. */
const fingerprint = ({ leaves, bodies, boundary, events }: Applied): string =>
  JSON.stringify({ leaves, bodies, boundary, events }, (_key, value: unknown) =>
    value instanceof Uint8Array ? hex(value) : typeof value === 'bigint' ? value.toString() : value,
  );

test('whatever happens, sequences are 1…n without a gap, each with exactly one outcome', (t) => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 8; seed++) {
    const cluster = story(seed);
    const measured = new Map<string, number>();
    const outcomes = new Map<string, string>();
    const decided = ({ device, sequence }: Audit, outcome: string): void => {
      t.false(outcomes.has(`${device}/${sequence}`), 'a second outcome');
      outcomes.set(`${device}/${sequence}`, outcome);
      seen.add(outcome);
    };
    for (const event of cluster.steps.flatMap(({ events }) => events)) {
      if (event.kind === 'measured') {
        const { device, sequence, outcome } = event.audit;
        t.is(sequence, (measured.get(device) ?? 0) + 1);
        measured.set(device, sequence);
        if (outcome !== null) decided(event.audit, outcome.kind);
      } else if (event.kind === 'issued' || event.kind === 'voided') decided(event.audit, event.kind);
    }
    cluster.now += 1000n * S;
    const last = cluster.propose('n1', { kind: 'checkpoint' });
    for (const event of last.events) if (event.kind === 'voided') decided(event.audit, 'voided');
    for (const [device, sequence] of measured) {
      for (let i = 1; i <= sequence; i++)
        t.true(outcomes.has(`${device}/${i}`), `${device}/${i} has no outcome`);
    }
  }
  t.deepEqual([...seen].sort(), ['failed', 'inconclusive', 'issued', 'voided']);
});

test('every entry with records ends at a boundary, except bulk appends within a second of the last one', (t) => {
  const cluster = new Cluster();
  const lab = () => cluster.propose('n1', { kind: 'labAppend', items: [new Uint8Array([1])] });
  t.is(cluster.authority.uncovered(), 1, 'the record of birth');
  t.true(lab().boundary);
  cluster.now += S - 1n;
  t.false(lab().boundary);
  t.is(cluster.authority.uncovered(), 1);
  cluster.now += 1n;
  t.true(lab().boundary);
  t.false(lab().boundary);
  const covering = cluster.propose('n1', { kind: 'checkpoint' });
  t.true(covering.boundary);
  t.deepEqual(covering.leaves, []);
  t.false(cluster.propose('n1', { kind: 'checkpoint' }).boundary, 'nothing to cover');
  t.true(cluster.applyPayload(new Uint8Array([1])).boundary, 'a refusal is a record like any other');
});

test('100,000 damaged payloads: none throws, and each refused one changes nothing but adds one record', (t) => {
  const cluster = story(3);
  const random = new Random(99);
  const good = cluster.steps.map(({ payload }) => payload).filter((payload) => payload.length < 2000);
  const { authority } = cluster;
  let refused = 0;
  let size = cluster.leaves.length;
  let index = cluster.index;
  // Time stands still, so that nothing but the payload can change anything.
  const apply = (payload: Uint8Array) => {
    const applied = authority.apply({ index: ++index, time: taiNs(cluster.now), payload }, size);
    size += applied.leaves.length;
    return applied;
  };
  for (let i = 0; i < 100_000; i++) {
    const payload = damaged(random, good);
    const check = i % 250 === 0;
    const before = check ? stateWithoutCount(authority.snapshot()) : '';
    const applied = apply(payload);
    if (!applied.events.some(({ kind }) => kind === 'refused')) continue;
    refused++;
    if (applied.leaves.length !== 1 || applied.events.length !== 1) t.fail('more than a refusal');
    if (check) t.is(stateWithoutCount(authority.snapshot()), before);
  }
  t.true(refused > 50_000, `${refused} were refused`);
});

function damaged(random: Random, good: readonly Uint8Array[]): Uint8Array {
  const payload = random.pick(good).slice();
  switch (random.below(5)) {
    case 0:
      return random.bytes(random.below(80));
    case 1:
      return payload.subarray(0, random.below(payload.length));
    case 2: {
      const other = random.pick(good);
      const at = random.below(payload.length);
      return Uint8Array.from([...payload.subarray(0, at), ...other.subarray(random.below(other.length))]);
    }
    default:
      for (let flips = 1 + random.below(3); flips > 0; flips--) {
        const at = random.below(payload.length);
        payload[at] = (payload[at] as number) ^ (1 << random.below(8));
      }
      return payload;
  }
}

/** All of the state but what counts the refusal's own record. */
function stateWithoutCount(snapshot: Uint8Array): string {
  const state = new Map(decode(snapshot, { maxBytes: 1 << 26, maxDepth: 12 }) as CborMap);
  state.delete('uncovered');
  state.delete('lastBoundary');
  return hex(encode(state));
}

test('refusals name what was wrong as far as it could be read, and never echo the payload', (t) => {
  const cluster = new Cluster();
  const nonce = new Uint8Array(16).fill(7);
  const wrong = (changes: object) =>
    cluster.applyPayload(encode({ v: 1, kind: 'checkpoint', node: 'n1', nonce, body: {}, ...changes }));
  for (const changes of [
    { kind: 'nonsense' },
    { body: { '\u{1f600}"><script>': 1 } },
    { body: null },
    { v: 2 },
    { kind: 'labAppend', body: { items: [new Uint8Array(65_001)] } },
  ]) {
    const step = wrong(changes);
    t.is(step.reason, 'MALFORMED');
    t.deepEqual(typesOf(step), ['refused']);
    t.regex(step.records[0]?.get('detail') as string, /^[\x20-\x7e]{1,200}$/);
  }
});

test('free texts from outside are cut and made well-formed instead of being lost', (t) => {
  const cluster = new Cluster();
  const step = cluster.propose('n1', {
    kind: 'clockAnomaly',
    code: 'x',
    source: '\ud83d',
    detail: '😀'.repeat(600),
  });
  t.true(step.accepted);
  t.is(step.records[0]?.get('source'), '\ufffd');
  t.is(step.records[0]?.get('detail'), '😀'.repeat(500));
  const split = cluster.propose('n1', { kind: 'diverged', detail: `x${'😀'.repeat(600)}` });
  t.is(split.records[0]?.get('detail'), `x${'😀'.repeat(499)}\ufffd`);
});

test('a state image of another cluster, a newer program, or with a damaged byte is refused with its remedy', (t) => {
  const snapshot = story(2).authority.snapshot();
  const restore = (bytes: Uint8Array, genesis = genesisOf()) => restoreAuthority(bytes, genesis, deps);
  const other = t.throws(() => restore(snapshot, { ...genesisOf(), clusterId: 'other.test' }), {
    instanceOf: AuthorityError,
  });
  t.is(other.code, 'STATE_MALFORMED');
  const limits = { maxBytes: 1 << 26, maxDepth: 12 };
  const state = decode(snapshot, limits) as CborMap;
  for (const [key, version] of [
    ['v', 3],
    ['stateMachineVersion', 2],
  ] as const) {
    const newer = encode(new Map([...state, [key, version]]));
    t.is(t.throws(() => restore(newer), { instanceOf: AuthorityError }).code, 'STATE_NEWER');
  }
  t.is(t.throws(() => restore(snapshot.subarray(1)), { instanceOf: AuthorityError }).code, 'STATE_MALFORMED');
  const unknown = encode(new Map([...state, ['more', 1]]));
  t.is(t.throws(() => restore(unknown), { instanceOf: AuthorityError }).code, 'STATE_MALFORMED');
  t.is(state.get('cluster'), clusterId);
});

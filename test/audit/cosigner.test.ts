import test from 'ava';
import type { CosignerEffect, CosignerInput, CosignerStart } from '../../src/audit/cosigner-api.js';
import { Cosigner } from '../../src/audit/cosigner.js';
import {
  decodeMessage,
  encodeMessage,
  type CheckpointMessage,
  type SignedHead,
} from '../../src/audit/lines.js';
import { CborError } from '../../src/verify/cbor.js';
import {
  cosignatureMessage,
  plainMessage,
  readCheckpoint,
  verifyCheckpoint,
} from '../../src/verify/checkpoint.js';
import { parseNote } from '../../src/verify/note.js';
import { Random, text } from '../verify/random.js';
import {
  World,
  cheapPolicy,
  cheapSign,
  cheapVerifier,
  headAt,
  randomHistory,
  rootAt,
} from './cosigning-world.js';

const NAMES = ['tokyo', 'osaka', 'naha'];
const NOW = 1_764_000_000;
const policy = cheapPolicy(NAMES, 2);

function spkiOf(name: string): Uint8Array {
  return policy.nodes.find((node) => node.name === name)?.spki ?? new Uint8Array();
}

const boundary = (size: number): CosignerInput => ({ kind: 'boundary', head: headAt(size) });

function headBy(name: string, size: number, root = rootAt(size), seconds: number | null = NOW): SignedHead {
  const checkpoint = { origin: policy.origin, size, root };
  const stamp =
    seconds === null
      ? null
      : { seconds, signature: cheapSign(spkiOf(name), cosignatureMessage(checkpoint, seconds)) };
  return { size, root, plain: cheapSign(spkiOf(name), plainMessage(checkpoint)), stamp };
}

function lines(
  name: string,
  heads: readonly SignedHead[],
  more: { published?: number; retry?: boolean } = {},
): CosignerInput {
  const message: CheckpointMessage = { kind: 'lines', published: 0, retry: false, heads, ...more };
  return { kind: 'message', from: name, bytes: encodeMessage(message) };
}

/** One node, tokyo, stepped by hand. */
class Desk {
  readonly machine: Cosigner;
  clock: number | null = NOW;

  constructor(start: Partial<CosignerStart> = {}) {
    this.machine = new Cosigner({
      self: 'tokyo',
      policyAt: () => policy,
      verifier: cheapVerifier,
      witness: null,
      published: null,
      size: 0,
      boundary: null,
      ...start,
    });
  }

  step(input: CosignerInput): readonly CosignerEffect[] {
    return this.machine.step(input, this.clock);
  }

  /** Signs whatever the effects ask to be signed. */
  sign(effects: readonly CosignerEffect[]): readonly CosignerEffect[] {
    let last: readonly CosignerEffect[] = [];
    for (const effect of effects) {
      if (effect.kind !== 'sign') continue;
      const signature = cheapSign(spkiOf('tokyo'), effect.message);
      last = this.step({ kind: 'signed', size: effect.size, form: effect.form, signature });
    }
    return last;
  }

  /** From the boundary to the broadcast line. */
  cosign(size: number): readonly CosignerEffect[] {
    this.step(boundary(size));
    return this.sign(this.step({ kind: 'witnessSaved', size }));
  }
}

const kinds = (effects: readonly CosignerEffect[]): string[] => effects.map((effect) => effect.kind);

function publishedNote(effects: readonly CosignerEffect[]): Uint8Array {
  const published = effects.find((effect) => effect.kind === 'published');
  if (published === undefined) throw new Error(`not published: ${kinds(effects).join()}`);
  return published.note;
}

test('from a boundary to its publication, step by step', (t) => {
  const desk = new Desk();
  t.deepEqual(desk.step({ kind: 'tick' }), []);
  t.deepEqual(desk.step(boundary(10)), [{ kind: 'saveWitness', state: headAt(10) }]);
  const toSign = desk.step({ kind: 'witnessSaved', size: 10 });
  const checkpoint = { origin: policy.origin, ...headAt(10) };
  t.deepEqual(toSign, [
    { kind: 'sign', size: 10, form: 'plain', message: plainMessage(checkpoint) },
    { kind: 'sign', size: 10, form: 'timestamped', message: cosignatureMessage(checkpoint, NOW) },
  ]);
  const [told] = desk.sign(toSign);
  if (told?.kind !== 'broadcast') throw new Error('no broadcast');
  t.deepEqual(decodeMessage(told.bytes), {
    kind: 'lines',
    published: 0,
    retry: false,
    heads: [headBy('tokyo', 10)],
  });

  const note = publishedNote(desk.step(lines('osaka', [headBy('osaka', 10)])));
  const verdict = verifyCheckpoint(note, policy, cheapVerifier, ['tokyo']);
  t.true(verdict.ok);
  t.deepEqual(
    parseNote(note)
      .signatures.map(({ name }) => name)
      .sort(),
    [policy.origin, policy.origin, `${policy.origin}/osaka`, `${policy.origin}/tokyo`],
  );
  t.deepEqual(desk.machine.status(), {
    phase: 'active',
    witness: 10,
    published: 10,
    cosigned: new Map([
      ['tokyo', 10],
      ['osaka', 10],
      ['naha', 0],
    ]),
  });
});

test('published is what serves every receipt: the stamps of two nodes, whoever of them measured', (t) => {
  const desk = new Desk();
  desk.cosign(10);
  const unstamped = headBy('osaka', 10, rootAt(10), null);
  t.deepEqual(desk.step(lines('osaka', [unstamped])), [], 'plain lines of a quorum, and one stamp');
  const note = publishedNote(desk.step(lines('naha', [headBy('naha', 10)])));
  for (const measurer of NAMES) t.true(verifyCheckpoint(note, policy, cheapVerifier, [measurer]).ok);
  t.is(parseNote(note).signatures.length, 5, 'three plain lines, two stamps');
});

test('a cluster of one has nobody else to ask', (t) => {
  const alone = cheapPolicy(['tokyo'], 1);
  const desk = new Desk({ policyAt: () => alone });
  t.deepEqual(kinds(desk.cosign(10)), ['broadcast', 'published']);
});

test('without a clock within policy the plain line is made alone, and the stamp added when the clock is back', (t) => {
  const desk = new Desk();
  desk.clock = null;
  desk.step(boundary(10));
  const toSign = desk.step({ kind: 'witnessSaved', size: 10 });
  t.deepEqual(
    toSign.map((effect) => effect.kind === 'sign' && effect.form),
    ['plain'],
  );
  t.deepEqual(kinds(desk.sign(toSign)), ['broadcast']);
  t.deepEqual(
    desk.step(lines('osaka', [headBy('osaka', 10, rootAt(10), null)])),
    [],
    'order without time is not published',
  );
  desk.clock = NOW + 1;
  const late = desk.step({ kind: 'tick' });
  t.deepEqual(
    late.map((effect) => effect.kind === 'sign' && effect.form),
    ['timestamped'],
  );
  t.deepEqual(kinds(desk.sign(late)), ['broadcast']);
  t.deepEqual(
    kinds(desk.step(lines('osaka', [headBy('osaka', 10)]))),
    ['published'],
    'osaka had its clock back too',
  );
});

test('boundaries that arrive while one is being cosigned are covered by the next size; a peer is followed first', (t) => {
  const desk = new Desk();
  desk.step(boundary(10));
  for (const size of [11, 12, 13]) t.deepEqual(desk.step(boundary(size)), [], 'one witness write at a time');
  desk.sign(desk.step({ kind: 'witnessSaved', size: 10 }));
  t.deepEqual(desk.step(boundary(14)), [], 'the last size is not published yet');
  t.deepEqual(
    desk.step(lines('naha', [headBy('naha', 12)])),
    [{ kind: 'saveWitness', state: headAt(12) }],
    'followed, not overtaken',
  );
  const effects = desk.sign(desk.step({ kind: 'witnessSaved', size: 12 }));
  t.deepEqual(kinds(effects), ['broadcast', 'published', 'saveWitness']);
  t.deepEqual(effects[2], { kind: 'saveWitness', state: headAt(14) });
});

test('a size that nobody else signs is given up for a newer one after two ticks, and asked for again', (t) => {
  const desk = new Desk();
  desk.cosign(10);
  desk.step(boundary(20));
  t.deepEqual(kinds(desk.step({ kind: 'tick' })), [], 'the lines are on their way');
  const effects = desk.step({ kind: 'tick' });
  t.deepEqual(kinds(effects), ['broadcast', 'saveWitness']);
  const [again] = effects;
  if (again?.kind !== 'broadcast') throw new Error('no broadcast');
  t.deepEqual(decodeMessage(again.bytes), {
    kind: 'lines',
    published: 0,
    retry: true,
    heads: [headBy('tokyo', 10)],
  });
});

test('lines for a size that is not reached yet are kept, and count when it is', (t) => {
  const desk = new Desk();
  t.deepEqual(desk.step(lines('osaka', [headBy('osaka', 10)])), []);
  const effects = desk.step(boundary(10));
  t.deepEqual(kinds(effects), ['saveWitness']);
  t.deepEqual(kinds(desk.step(lines('naha', [headBy('naha', 10)]))), ['published'], 'the two others suffice');
});

test('lines that are forged, of strangers, of another log or garbage count for nothing', (t) => {
  const desk = new Desk();
  desk.cosign(10);
  const good = headBy('osaka', 10);
  const messages: CosignerInput[] = [
    lines('osaka', [{ ...good, plain: headBy('naha', 10).plain }]),
    lines('osaka', [{ ...good, plain: good.stamp?.signature ?? good.plain }]),
    lines('osaka', [headBy('osaka', 11)]),
    lines('stranger', [good]),
    lines('tokyo', [good]),
    { kind: 'message', from: 'osaka', bytes: text('garbage') },
    { kind: 'message', from: 'osaka', bytes: encodeMessage({ kind: 'note', note: text('garbage') }) },
  ];
  for (const message of messages) t.deepEqual(desk.step(message), []);
  t.deepEqual(kinds(desk.step(lines('osaka', [good]))), ['published'], 'the true line still counts');
});

test('a plain line with a forged stamp counts for the quorum, but not for the time', (t) => {
  const desk = new Desk();
  desk.cosign(10);
  const good = headBy('osaka', 10);
  t.deepEqual(
    desk.step(
      lines('osaka', [
        { ...good, stamp: { seconds: NOW + 99, signature: good.stamp?.signature ?? good.plain } },
      ]),
    ),
    [],
  );
  t.deepEqual(kinds(desk.step(lines('osaka', [good]))), ['published']);
});

test('a flood of sizes by one peer displaces only its own lines', (t) => {
  const desk = new Desk();
  desk.step(lines('naha', [headBy('naha', 10)]));
  for (let size = 1000; size < 3000; size++) desk.step(lines('osaka', [headBy('osaka', size)]));
  desk.cosign(10);
  t.is(desk.machine.status().published, 10);
});

test('a peer that signs another root at our size is shown with both notes, once, and only if it really signed', (t) => {
  const desk = new Desk();
  desk.cosign(10);
  const fork = headBy('osaka', 10, rootAt(999));
  t.deepEqual(desk.step(lines('osaka', [{ ...fork, plain: new Uint8Array(64) }])), [], 'not signed by osaka');
  const [evidence] = desk.step(lines('osaka', [fork]));
  if (evidence?.kind !== 'forkEvidence') throw new Error('no evidence');
  t.is(evidence.peer, 'osaka');
  t.deepEqual(readCheckpoint(evidence.peerNote)?.checkpoint.root, rootAt(999));
  t.deepEqual(readCheckpoint(evidence.ownNote ?? text(''))?.checkpoint.root, rootAt(10));
  t.deepEqual(desk.step(lines('osaka', [fork])), [], 'said once');
  t.deepEqual(kinds(desk.step(lines('naha', [headBy('naha', 10)]))), ['published'], 'the others go on');

  const later = new Desk();
  later.step(lines('osaka', [fork]));
  t.deepEqual(kinds(later.step(boundary(10))), ['forkEvidence', 'saveWitness'], 'noticed when we reach it');
});

test('crashes between every two steps: what a restarted node does with what it finds', (t) => {
  const note = (() => {
    const desk = new Desk();
    desk.cosign(10);
    return publishedNote(desk.step(lines('osaka', [headBy('osaka', 10)])));
  })();
  const wrong = { size: 10, root: rootAt(999) };
  const root10: CosignerInput = { kind: 'rootAt', head: headAt(10) };
  const stories: readonly (readonly [
    string,
    Partial<CosignerStart>,
    readonly (readonly [CosignerInput, readonly string[]])[],
  ])[] = [
    [
      'before the witness was saved: as if nothing had been',
      { size: 10, boundary: headAt(10) },
      [[{ kind: 'tick' }, ['broadcast', 'saveWitness']]],
    ],
    [
      'after the witness was saved, before the line: the same line is made',
      { witness: headAt(10), size: 10, boundary: headAt(10) },
      [[{ kind: 'tick' }, ['broadcast', 'sign', 'sign']]],
    ],
    [
      'the same, the last boundary not known',
      { witness: headAt(10), size: 12 },
      [
        [{ kind: 'tick' }, ['needRoot']],
        [root10, ['sign', 'sign']],
      ],
    ],
    [
      'the tree is behind the witness: nothing is signed until it is reached',
      { witness: headAt(10), size: 5, boundary: headAt(5) },
      [
        [{ kind: 'tick' }, ['broadcast']],
        [boundary(8), []],
        [boundary(10), ['sign', 'sign']],
      ],
    ],
    [
      'the tree passes the witness between two boundaries: its root is asked for',
      { witness: headAt(10), size: 5, boundary: null },
      [
        [boundary(12), ['needRoot']],
        [boundary(14), []],
        [{ kind: 'tick' }, ['broadcast', 'needRoot']],
        [root10, ['sign', 'sign']],
      ],
    ],
    [
      'the witness is of another tree: diverged, for good',
      { witness: wrong, size: 10, boundary: headAt(10) },
      [
        [{ kind: 'tick' }, ['broadcast', 'diverged']],
        [boundary(12), []],
        [{ kind: 'tick' }, []],
        [lines('osaka', [headBy('osaka', 12)]), []],
      ],
    ],
    [
      'the same, found later',
      { witness: wrong, size: 12 },
      [
        [{ kind: 'tick' }, ['needRoot']],
        [root10, ['diverged']],
      ],
    ],
    [
      'everything was published: nothing to do',
      { witness: headAt(10), published: note, size: 10, boundary: headAt(10) },
      [[{ kind: 'tick' }, []]],
    ],
    [
      'the published checkpoint is of another tree',
      { published: note, size: 10, boundary: wrong },
      [[{ kind: 'tick' }, ['diverged']]],
    ],
    [
      'published, the tree replays to it',
      { witness: headAt(10), published: note, size: 4 },
      [
        [boundary(8), []],
        [boundary(10), []],
        [boundary(12), ['saveWitness']],
      ],
    ],
  ];
  for (const [story, start, steps] of stories) {
    const desk = new Desk(start);
    for (const [input, expected] of steps)
      t.deepEqual(kinds(desk.step(input)), expected as string[], `${story}: ${input.kind}`);
  }
});

test('all nodes restart on a quiet log before anything was published: the last boundary is published all the same', (t) => {
  const desk = new Desk({ size: 12, boundary: headAt(10) });
  t.deepEqual(kinds(desk.step({ kind: 'tick' })), ['broadcast', 'saveWitness']);
  desk.sign(desk.step({ kind: 'witnessSaved', size: 10 }));
  t.deepEqual(kinds(desk.step(lines('naha', [headBy('naha', 10)]))), ['published']);
});

test('a node that missed a publication is given the note when it asks again, and checks it against its own tree', (t) => {
  const ahead = new Desk();
  ahead.cosign(10);
  const note = publishedNote(ahead.step(lines('osaka', [headBy('osaka', 10)])));
  t.deepEqual(ahead.step(lines('naha', [], { published: 0 })), [], 'not asked');
  const [answer] = ahead.step(lines('naha', [], { published: 0, retry: true }));
  t.deepEqual(answer, { kind: 'send', to: 'naha', bytes: encodeMessage({ kind: 'note', note }) });
  t.deepEqual(ahead.step(lines('naha', [], { published: 10, retry: true })), [], 'nothing newer');
  if (answer?.kind !== 'send') throw new Error('no answer');
  const message: CosignerInput = { kind: 'message', from: 'tokyo', bytes: answer.bytes };

  const behind = new Desk({ self: 'naha' });
  t.deepEqual(behind.step(message), []);
  t.deepEqual(kinds(behind.step(boundary(10))), ['published']);

  const passed = new Desk({ self: 'naha', size: 12 });
  t.deepEqual(passed.step(message), [{ kind: 'needRoot', size: 10 }]);
  t.deepEqual(kinds(passed.step({ kind: 'rootAt', head: headAt(10) })), ['published']);

  const forked = new Desk({ self: 'naha', size: 12 });
  forked.step(message);
  const [diverged] = forked.step({ kind: 'rootAt', head: { size: 10, root: rootAt(999) } });
  t.is(diverged?.kind === 'diverged' && diverged.by, 'quorum', 'a quorum signed another tree than ours');
  t.is(forked.machine.status().phase, 'diverged');

  const learner = new Desk({ self: 'standby' });
  t.deepEqual(learner.step(message), []);
  t.deepEqual(kinds(learner.step(boundary(10))), ['published'], 'a learner follows');
  t.deepEqual(learner.step(boundary(12)), [], 'and never signs');
  t.deepEqual(kinds(learner.step({ kind: 'tick' })), ['broadcast'], 'but asks');
});

test('a failing key is tried again at the next tick; a wrong one ends signing', (t) => {
  const desk = new Desk();
  desk.step(boundary(10));
  desk.step({ kind: 'witnessSaved', size: 10 });
  t.deepEqual(desk.step({ kind: 'signFailed', size: 10 }), []);
  t.deepEqual(desk.step(boundary(12)), []);
  t.deepEqual(kinds(desk.step({ kind: 'tick' })).slice(-2), ['sign', 'sign']);
  desk.step({ kind: 'signed', size: 10, form: 'plain', signature: new Uint8Array(64) });
  t.deepEqual(
    kinds(desk.step({ kind: 'signed', size: 10, form: 'timestamped', signature: new Uint8Array(64) })),
    ['wrongLogKey'],
  );
  t.is(desk.machine.status().phase, 'wrongLogKey');
  desk.step(lines('osaka', [headBy('osaka', 12)]));
  t.deepEqual(
    kinds(desk.step(lines('naha', [headBy('naha', 12)]))),
    ['published'],
    'it still follows the others',
  );
});

test('members that changed: a node that is no voter of a size does not sign it, and the lines of the others count', (t) => {
  const without = cheapPolicy(['osaka', 'naha', 'sapporo'], 2);
  const desk = new Desk({ policyAt: (size) => (size > 10 ? without : policy) });
  desk.cosign(10);
  t.deepEqual(desk.step(boundary(12)), []);
  t.deepEqual(desk.step(lines('osaka', [headBy('osaka', 12)])), []);
  t.deepEqual(kinds(desk.step(lines('naha', [headBy('naha', 12)]))), ['published']);
});

test('messages read back, and every other byte string is refused', (t) => {
  const random = new Random(4);
  const message: CheckpointMessage = {
    kind: 'lines',
    published: 7,
    retry: true,
    heads: [headBy('tokyo', 10), headBy('tokyo', 12, rootAt(12), null)],
  };
  const bytes = encodeMessage(message);
  t.deepEqual(decodeMessage(bytes), message);
  for (let i = 0; i < 20_000; i++) {
    const mutated = Uint8Array.from(bytes);
    mutated[random.below(mutated.length)] = random.below(256);
    try {
      t.true(Buffer.from(encodeMessage(decodeMessage(mutated))).equals(mutated));
    } catch (error) {
      if (!(error instanceof CborError)) throw error;
    }
  }
  const desk = new Desk();
  for (let i = 0; i < 20_000; i++)
    desk.step({ kind: 'message', from: 'osaka', bytes: random.bytes(random.below(60)) });
  t.is(desk.machine.status().published, 0);
});

test('simulation: three or five nodes under loss, repetition, partition and crashes keep every rule and end published', (t) => {
  for (let seed = 1; seed <= 120; seed++) {
    const names = seed % 4 === 0 ? ['a', 'b', 'c', 'd', 'e'] : NAMES;
    const world = new World(seed, names, randomHistory(new Random(seed), 30));
    const { random } = world;
    world.lossPercent = random.below(40);
    for (let step = 0; step < 1500; step++) {
      const node = random.pick(world.nodes);
      const dice = random.below(100);
      if (dice < 10) world.apply(node);
      else if (dice < 14) world.feed(node, { kind: 'tick' });
      else if (dice === 14) world.crash(node);
      else if (dice < 20) {
        if (node.machine === null) world.start(node);
      } else if (dice === 20) world.partitioned = new Set(random.below(2) === 0 ? [] : [node.name]);
      else if (dice === 21) node.clockOk = random.below(3) !== 0;
      else world.advance();
    }
    world.lossPercent = 0;
    world.partitioned.clear();
    for (const node of world.nodes) {
      node.clockOk = true;
      if (node.machine === null) world.start(node);
      while (node.applied < world.history.length) world.apply(node);
    }
    for (let round = 0; round < 8; round++) {
      world.drain();
      for (const node of world.nodes) world.feed(node, { kind: 'tick' });
    }
    world.drain();
    t.deepEqual(world.violations, [], `seed ${seed}`);
    const last = world.history[world.history.length - 1] as number;
    for (const name of names) t.is(world.status(name).published, last, `seed ${seed}: ${name}`);
  }
});

test('under steady load without faults every boundary is published soon, and far fewer lines than boundaries are made', (t) => {
  const names = NAMES;
  const world = new World(77, names, randomHistory(new Random(77), 400));
  let worstLag = 0;
  for (let position = 0; position < 400; position++) {
    for (const node of world.nodes) world.apply(node);
    for (let i = 0; i < 6; i++) world.advance();
    if (position % 10 === 9) for (const node of world.nodes) world.feed(node, { kind: 'tick' });
    const size = world.history[position] as number;
    worstLag = Math.max(worstLag, ...names.map((name) => size - world.status(name).published));
  }
  world.drain();
  t.deepEqual(world.violations, []);
  const signed = world.effects.filter(
    ({ effect }) => effect.kind === 'sign' && effect.form === 'plain',
  ).length;
  t.log(`400 boundaries, ${signed} plain lines by three nodes, worst lag ${worstLag} leaves`);
  t.true(signed < 900);
  t.true(worstLag < 120);
});

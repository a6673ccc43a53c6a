import test from 'ava';
import { CheckpointPolicyError, checkpointPolicy, verifierKeys } from '../../src/verify/checkpoint-policy.js';
import {
  checkpointText,
  parseCheckpointText,
  verifyCheckpoint,
  type Checkpoint,
  type CheckpointReason,
} from '../../src/verify/checkpoint.js';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { sha256 } from '../../src/verify/crypto.js';
import {
  NoteError,
  formatNote,
  formatVerifierKey,
  parseNote,
  parseVerifierKey,
} from '../../src/verify/note.js';
import { formatTlogProof, parseTlogProof } from '../../src/verify/tlog-proof.js';
import { ORIGIN, SECONDS, keys, logKey, plainBy, signedNote, stampedBy, testPolicy } from './log-keys.js';
import { Random, text, unhex } from './random.js';

const checkpoint: Checkpoint = { origin: ORIGIN, size: 1234, root: sha256(text('root')) };

/** The example of golang.org/x/mod/sumdb/note. */
const goNote = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;
const goKey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';

test('the published example of a signed note verifies, and its verifier key reads back', (t) => {
  const key = parseVerifierKey(goKey);
  t.is(formatVerifierKey(key), goKey);
  const note = parseNote(text(goNote));
  t.deepEqual(new TextDecoder().decode(formatNote(note)), goNote);
  const [line] = note.signatures;
  t.is(line?.name, 'PeterNeumann');
  t.is(line?.keyId, 'c74f20a3');
  const spki = new Uint8Array([...unhex('302a300506032b6570032100'), ...key.key]);
  t.true(nodeVerifier.verify('ed25519', spki, text(note.text), line?.signature ?? new Uint8Array()));
});

test('the published example of a cosigned checkpoint is read to its parts', (t) => {
  const published = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;
  const note = parseNote(text(published));
  t.is(parseCheckpointText(note.text).size, 20852163);
  t.is(checkpointText(parseCheckpointText(note.text)), note.text);
  t.deepEqual(
    note.signatures.map((line) => [line.name, line.keyId, line.signature.length]),
    [
      ['example.com/behind-the-sofa', '033de0ae', 64],
      ['witness.example.com/w1', '8d66cf3f', 72],
    ],
  );
});

test('what is not exactly a note is refused', (t) => {
  const bad: readonly (readonly [string, string | Uint8Array])[] = [
    ['empty', ''],
    ['no signatures', 'text\n'],
    ['no blank line', goNote.replace('\n\n', '\n')],
    ['no last newline', goNote.slice(0, -1)],
    ['carriage return', goNote.replace('\n', '\r\n')],
    ['control character', goNote.replace('If', 'I\u0001f')],
    ['hyphen for the dash', goNote.replace('—', '-')],
    ['two spaces', goNote.replace('— ', '—  ')],
    ['name with a plus', goNote.replace('PeterNeumann', 'Peter+Neumann')],
    ['base64 without padding', goNote.replace('=\n', '\n')],
    ['base64 with unused bits', goNote.replace('JnAM=', 'JnAN=')],
    ['no signature bytes', 'a\n\n— name x08goQ==\n'.replace('x08goQ==', 'x08goA==')],
    ['trailing blank line', goNote + '\n'],
    ['bytes that are no UTF-8', Uint8Array.of(0x61, 0x0a, 0x0a, 0xff, 0x0a)],
    ['too many lines', goNote + goNote.slice(goNote.indexOf('—')).repeat(64)],
    ['too long', 'x'.repeat(70_000) + goNote],
  ];
  for (const [what, note] of bad) {
    t.throws(() => parseNote(typeof note === 'string' ? text(note) : note), { instanceOf: NoteError }, what);
  }
  for (const key of [
    '',
    'a+b',
    goKey.replace('c74f20a3', 'c74f20a4'),
    goKey.replace('Peter', 'Paul'),
    goKey + '=',
    'a+00000000+',
  ]) {
    t.throws(() => parseVerifierKey(key), { instanceOf: NoteError }, key);
  }
  const root = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
  for (const body of [
    '',
    'a\n1\n',
    `a\n01\n${root}\n`,
    `a\n-1\n${root}\n`,
    `\n1\n${root}\n`,
    `a\n1\n${root}\nmore\n`,
    `a\n9007199254740992\n${root}\n`,
    `a\n1\n${root.slice(4)}\n`,
    `a\n1\n${root}`,
    `a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n`,
  ]) {
    t.throws(() => parseCheckpointText(body), { instanceOf: NoteError }, body);
  }
});

test('published: plain lines of a quorum, of enough sites, and a time-stamp of a node other than the measurer', (t) => {
  const stories: readonly (readonly [
    string,
    readonly string[],
    readonly string[],
    readonly string[],
    readonly CheckpointReason[],
  ])[] = [
    ['all lines', ['tokyo', 'osaka', 'naha'], ['tokyo', 'osaka', 'naha'], ['tokyo'], []],
    ['the smallest sufficient note', ['tokyo', 'osaka'], ['osaka'], ['tokyo'], []],
    ['no measurer asked', ['tokyo', 'osaka'], ['tokyo'], [], []],
    ['two measurers vouch for each other', ['tokyo', 'osaka'], ['tokyo', 'osaka'], ['tokyo', 'osaka'], []],
    ['only the measurer stamped', ['tokyo', 'osaka'], ['tokyo'], ['tokyo'], ['noIndependentTime']],
    ['nobody stamped', ['tokyo', 'osaka'], [], [], ['noIndependentTime']],
    ['one plain line', ['tokyo'], ['osaka'], ['tokyo'], ['belowQuorum', 'belowSites']],
    ['the same node twice', ['tokyo', 'tokyo'], ['osaka'], [], ['belowQuorum', 'belowSites']],
    [
      'time-stamped lines are no plain ones',
      [],
      ['tokyo', 'osaka', 'naha'],
      [],
      ['belowQuorum', 'belowSites'],
    ],
  ];
  for (const [story, plain, stamped, measurers, reasons] of stories) {
    const verdict = verifyCheckpoint(
      signedNote(checkpoint, plain, stamped),
      testPolicy(),
      nodeVerifier,
      measurers,
    );
    t.deepEqual(verdict.ok ? [] : verdict.reasons, reasons as CheckpointReason[], story);
    if (verdict.ok) t.deepEqual(verdict.checkpoint, checkpoint);
  }
});

test('another log, another key, another tree and altered lines are told apart', (t) => {
  const policy = testPolicy();
  const good = signedNote(checkpoint, ['tokyo', 'osaka'], ['osaka']);
  const check = (note: Uint8Array, by = policy) => {
    const verdict = verifyCheckpoint(note, by, nodeVerifier);
    return verdict.ok ? [] : verdict.reasons;
  };
  t.deepEqual(check(good), []);
  t.deepEqual(check(good, testPolicy({ origin: 'other.example/log' })), ['otherLog']);
  t.deepEqual(check(text('nothing')), ['malformed']);
  t.deepEqual(check(signedNote({ ...checkpoint, root: new Uint8Array(31) }, ['tokyo'], [])), ['malformed']);

  const otherTree = { ...checkpoint, size: 1235 };
  const moved = formatNote({
    text: checkpointText(otherTree),
    signatures: [
      plainBy(policy, 'tokyo', checkpoint),
      plainBy(policy, 'osaka', otherTree),
      stampedBy(policy, 'osaka', otherTree, SECONDS),
    ],
  });
  t.deepEqual(check(moved), ['badSignature', 'belowQuorum', 'belowSites']);

  const parsed = parseNote(good);
  const relabelled = parsed.signatures.map((line, i) =>
    i === 2
      ? { ...line, signature: Uint8Array.from(line.signature, (b, at) => (at === 7 ? b ^ 1 : b)) }
      : line,
  );
  t.deepEqual(
    check(formatNote({ ...parsed, signatures: relabelled })),
    ['badSignature', 'noIndependentTime'],
    'another time',
  );
  const cut = parsed.signatures.map((line) => ({ ...line, signature: line.signature.subarray(1) }));
  t.deepEqual(check(formatNote({ ...parsed, signatures: cut })), [
    'badSignature',
    'belowQuorum',
    'belowSites',
    'noIndependentTime',
  ]);
  const stranger = { name: ORIGIN, keyId: '01020304', signature: new Uint8Array(64) };
  t.deepEqual(
    check(formatNote({ ...parsed, signatures: [stranger, ...parsed.signatures] })),
    [],
    'unknown keys are ignored',
  );

  const plainAsStamp = formatNote({
    text: parsed.text,
    signatures: [
      ...parsed.signatures.slice(0, 2),
      {
        ...stampedBy(policy, 'naha', checkpoint, SECONDS),
        signature: new Uint8Array([...new Uint8Array(8), ...plainBy(policy, 'naha', checkpoint).signature]),
      },
    ],
  });
  t.deepEqual(
    check(plainAsStamp),
    ['badSignature', 'noIndependentTime'],
    'a plain signature is no time-stamp',
  );
});

test('a trust policy that cannot be meant is refused where it enters', (t) => {
  const [tokyo, osaka] = ['tokyo', 'osaka'].map((name) => ({
    name,
    site: name,
    key: keys.get(name)?.raw ?? new Uint8Array(),
  }));
  if (tokyo === undefined || osaka === undefined) throw new Error('nodes');
  const facts = { origin: ORIGIN, nodes: [tokyo, osaka], quorum: 2, distinctSites: 1 };
  const lowOrder = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85';
  const bad: readonly (readonly [string, object])[] = [
    ['no origin', { origin: '' }],
    ['origin with a space', { origin: 'a b' }],
    ['quorum 0', { quorum: 0 }],
    ['quorum beyond the nodes', { quorum: 3 }],
    ['half a quorum', { quorum: 1.5 }],
    ['sites beyond the nodes', { distinctSites: 3 }],
    ['no nodes', { nodes: [] }],
    ['a name twice', { nodes: [tokyo, { ...osaka, name: 'tokyo' }] }],
    ['a key twice', { nodes: [tokyo, { ...osaka, key: tokyo.key }] }],
    ['a name with a slash', { nodes: [tokyo, { ...osaka, name: 'a/b' }] }],
    ['a short key', { nodes: [tokyo, { ...osaka, key: new Uint8Array(31) }] }],
    ['a key of another kind', { nodes: [tokyo, { ...osaka, key: new Uint8Array(44) }] }],
    ['the neutral point', { nodes: [tokyo, { ...osaka, key: Uint8Array.of(1, ...new Uint8Array(31)) }] }],
    ['a point of order 8', { nodes: [tokyo, { ...osaka, key: unhex(lowOrder) }] }],
    ['a non-canonical point', { nodes: [tokyo, { ...osaka, key: unhex('ee' + 'ff'.repeat(30) + '7f') }] }],
  ];
  for (const [what, change] of bad) {
    t.throws(() => checkpointPolicy({ ...facts, ...change }), { instanceOf: CheckpointPolicyError }, what);
  }
  t.is(checkpointPolicy(facts).nodes.length, 2);
  const spki = checkpointPolicy({ ...facts, nodes: [tokyo, { ...osaka, key: logKey(2).spki }] });
  t.deepEqual(spki, checkpointPolicy(facts), 'SubjectPublicKeyInfo and raw key name the same key');
  t.is(verifierKeys(spki).length, 4);
  for (const key of verifierKeys(spki)) t.is(formatVerifierKey(parseVerifierKey(key)), key);
});

test('tlog-proof: what is written reads back, what is not exactly one is refused', (t) => {
  const proof = {
    index: 7,
    path: [sha256(text('a')), sha256(text('b'))],
    checkpoint: signedNote(checkpoint, ['tokyo'], []),
  };
  t.deepEqual(parseTlogProof(formatTlogProof(proof)), proof);
  const withExtra = { ...proof, path: [], extra: Uint8Array.of(1, 2, 3) };
  t.deepEqual(parseTlogProof(formatTlogProof(withExtra)), withExtra);
  const good = new TextDecoder().decode(formatTlogProof(proof));
  t.true(good.startsWith('c2sp.org/tlog-proof@v1\nindex 7\n'));
  const bad = [
    '',
    good.replace('@v1', '@v2'),
    good.replace('index 7', 'index 07'),
    good.replace('index 7\n', ''),
    good.replace('index 7', 'index 9007199254740993'),
    good.replace('=\n', '\n'),
    good.replace('index', 'extra ???\nindex'),
    good.replace('index 7', 'index 7\u00e9'),
    good.slice(0, 60),
    good.replace('index 7\n', 'index 7\n' + 'yv66vsr+ur7K/rq+yv66vsr+ur7K/rq+yv66vsr+ur4=\n'.repeat(60)),
  ];
  for (const wrong of bad)
    t.throws(() => parseTlogProof(text(wrong)), { instanceOf: NoteError }, wrong.slice(0, 80));
});

test('fuzz: mutated notes and proofs are read or refused by NoteError, and never verify with a changed tree', (t) => {
  const random = new Random(17);
  const policy = testPolicy();
  const note = signedNote(checkpoint, ['tokyo', 'osaka'], ['osaka']);
  const proof = formatTlogProof({ index: 3, path: [checkpoint.root], checkpoint: note });
  let verified = 0;
  for (let i = 0; i < 20_000; i++) {
    const mutated = mutate(random, i % 4 === 0 ? proof : note);
    attempt(() => parseTlogProof(mutated));
    attempt(() => parseNote(mutated));
    if (i % 20 !== 0) continue;
    const verdict = verifyCheckpoint(mutated, policy, nodeVerifier);
    if (!verdict.ok) continue;
    verified++;
    t.deepEqual(verdict.checkpoint, checkpoint);
  }
  t.true(verified < 20, `${verified} of 1000 mutations changed nothing that is signed`);

  function attempt(read: () => unknown): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof NoteError)) throw error;
    }
  }
});

function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let n = 1 + random.below(3); n > 0; n--) copy[random.below(copy.length)] = random.below(256);
  return random.below(5) === 0 ? copy.subarray(0, random.below(copy.length)) : copy;
}

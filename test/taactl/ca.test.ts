/** The certificate authority and the birth of a production cluster, as docs/operator.md has it, and what is refused. */

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { nodeVerifier } from '../../src/verify/crypto.js';
import { verifyGenesis } from '../../src/verify/genesis.js';
import { runInShell, runnableBlocks } from './documents.js';
import { isOneSentence, taactl } from './run.js';

const directory = mkdtempSync(join(tmpdir(), 'taactl-ca-'));
const file = (...names: string[]): string => join(directory, ...names);
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

test.serial('the commands of docs/operator.md make a genesis that a node accepts', (t) => {
  const [authority = '', configuration = ''] = runnableBlocks('operator.md');
  const made = runInShell(authority, directory);
  t.is(made.code, 0, made.err);
  const { genesis } = verifyGenesis(new Uint8Array(readFileSync(file('genesis'))), nodeVerifier);
  t.false(genesis.lab);
  t.deepEqual(
    genesis.members.map(({ id }) => id),
    ['tokyo', 'osaka', 'fukuoka'],
  );
  t.deepEqual(genesis.trust, { quorum: 2, distinctSites: 2 });
  t.deepEqual(
    genesis.administrators.map(({ name, role }) => [name, role]),
    [['yamada', 'admin']],
  );
  const checked = runInShell(configuration, directory);
  t.is(checked.code, 0, checked.err);
  t.regex(checked.out, /the loss of any one site leaves the service running/);
});

test.serial('private keys are encrypted and readable by their owner only', (t) => {
  for (const key of [
    file('ca', 'ca.key'),
    file('people', 'yamada.key'),
    file('nodes', 'tokyo', 'keys', 'log.key'),
  ]) {
    t.is(statSync(key).mode & 0o777, 0o600, key);
    t.true(readFileSync(key, 'utf8').startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----'), key);
  }
});

test('English and Japanese documents hold the same commands', (t) => {
  for (const name of ['operator', 'auditor']) {
    t.true(runnableBlocks(`${name}.md`).length > 0);
    t.deepEqual(runnableBlocks(`${name}.ja.md`), runnableBlocks(`${name}.md`));
  }
});

const issue = (...args: string[]): string[] => [
  ...['ca', 'issue', '--authority', file('ca'), '--authority-passphrase-file', file('ca.pass')],
  ...['--cluster', 'taa.example.jp', ...args],
];

test.serial(
  'nothing is overwritten, nothing is issued beyond what may be, and each mistake is one sentence',
  async (t) => {
    const tokyo = ['--members', file('nodes', 'tokyo', 'member.yaml')];
    const signer = [
      '--ca',
      file('ca', 'ca.crt'),
      '--cert',
      file('people', 'yamada.crt'),
      '--key',
      file('people', 'yamada.key'),
    ];
    const genesis = ['ca', 'genesis', '--cluster', 'taa.example.jp', ...tokyo, ...signer];
    const passphrase = ['--passphrase-file', file('admin.pass')];
    writeFileSync(file('absurd.yaml'), 'audit: { limit: 500 }\n');
    writeFileSync(file('unknown.yaml'), 'limit: 500ms\n');
    writeFileSync(file('open.pass'), 'secret\n', { mode: 0o644 });
    const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
      [['ca', 'init', '--out', file('ca'), '--name', 'again', '--lab'], 1, /exists and is not overwritten/],
      [['ca', 'init', '--out', file('ca-2'), '--name', 'x'], 2, /--passphrase-file is missing/],
      [
        ['ca', 'init', '--out', file('ca-2'), '--name', 'x', '--passphrase-file', file('open.pass')],
        2,
        /KEY_FILE_MODE/,
      ],
      [['ca', 'init', '--out', file('ca-2'), '--name', 'x', '--lab', '--years', '99'], 2, /--years/],
      [
        issue('--role', 'admin', '--name', 'yamada', '--out', file('people'), ...passphrase),
        1,
        /not overwritten/,
      ],
      [
        issue('--role', 'admin', '--name', 'Yamada!', '--out', file('people'), ...passphrase),
        2,
        /IDENTITY_MALFORMED/,
      ],
      [issue('--role', 'emperor', '--name', 'x', '--out', file('people')), 2, /role/],
      [
        issue('--role', 'node', '--name', 'sapporo', '--out', file('n'), ...passphrase),
        2,
        /--site is missing/,
      ],
      [
        issue('--role', 'client', '--name', 'x', '--out', file('n'), '--days', '3653', ...passphrase),
        1,
        /ISSUE_REFUSED/,
      ],
      [
        [
          'ca',
          'issue',
          '--authority',
          file('ca'),
          '--authority-passphrase-file',
          file('admin.pass'),
          '--cluster',
          'a.example',
          '--role',
          'client',
          '--name',
          'x',
          '--out',
          file('n'),
          ...passphrase,
        ],
        2,
        /PASSPHRASE_WRONG/,
      ],
      [[...genesis, '--out', file('genesis'), ...passphrase], 1, /not overwritten/],
      [
        [...genesis, '--out', file('g'), '--policy', file('absurd.yaml'), ...passphrase],
        2,
        /not a length of time/,
      ],
      [
        [...genesis, '--out', file('g'), '--policy', file('unknown.yaml'), ...passphrase],
        2,
        /limit is not possible/,
      ],
      [[...genesis, '--out', file('g'), '--quorum', '2', ...passphrase], 1, /quorum must be a majority/],
      [
        [
          'ca',
          'genesis',
          '--cluster',
          'other.example',
          ...tokyo,
          ...signer,
          '--out',
          file('g'),
          ...passphrase,
        ],
        2,
        /not a node of other\.example/,
      ],
    ];
    for (const [args, code, says] of cases) {
      const ran = await taactl(args);
      t.is(ran.code, code, `${args.slice(0, 2).join(' ')}: ${ran.err}`);
      t.regex(ran.err, says);
      t.true(isOneSentence(ran.err), ran.err);
    }
    for (const name of ['ca-2', 'n', 'g']) t.false(existsSync(file(name)), `${name} was not begun`);
  },
);

test.serial('a key that was made elsewhere is certified without being seen', async (t) => {
  const made = runInShell(
    'openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out tsa.pem 2>/dev/null && openssl pkey -in tsa.pem -pubout -out tsa.pub',
    directory,
  );
  t.is(made.code, 0, made.err);
  const ran = await taactl(
    issue(
      '--role',
      'client',
      '--name',
      'tsa-1',
      '--out',
      file('clients'),
      '--public-key',
      file('tsa.pub'),
      '-o',
      'json',
    ),
  );
  t.is(ran.code, 0, ran.err);
  t.deepEqual(ran.json(), {
    identity: 'taa://taa.example.jp/client/tsa-1',
    certificate: file('clients', 'tsa-1.crt'),
    key: null,
  });
});

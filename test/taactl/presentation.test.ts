/** Tables, lengths of time, exit codes, contexts: what every command shares. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { jsonOf } from '../../cmd/taactl/answers.js';
import { formatNs, formatSpan, parseDuration } from '../../cmd/taactl/durations.js';
import { CliError, exitCodeOf, messageOf } from '../../cmd/taactl/outcome.js';
import { parseEndpoints, resolveFlags, type Surroundings } from '../../cmd/taactl/settings.js';
import { renderTable, widthOf } from '../../cmd/taactl/table.js';
import { RpcError } from '../../src/wire/rpc-error.js';
import { taactl } from './run.js';

test('columns stay straight with wide characters, and a server cannot steer the terminal', (t) => {
  const table = renderTable(
    [
      { title: 'site', value: ([site]: readonly [string, string]) => site },
      { title: 'n', value: ([, n]: readonly [string, string]) => n, right: true },
    ],
    [
      ['東京', '1'],
      ['osaka', '22'],
      ['a\u001b[31mb', '3'],
    ],
  );
  t.is(table, 'SITE      N\n東京      1\nosaka    22\na\ufffd[31mb   3\n');
  t.is(widthOf('が東ｱ'), 5);
  t.is(widthOf('か\u3099'), 2, 'a combining mark takes no column');
});

test('lengths of time: exact, with a unit, or refused', (t) => {
  const table: readonly (readonly [string, bigint])[] = [
    ['500ms', 500_000_000n],
    ['24h', 86_400_000_000_000n],
    ['1.5s', 1_500_000_000n],
    ['0ns', 0n],
    ['0.5us', 500n],
    ['2d', 172_800_000_000_000n],
    ['3m', 180_000_000_000n],
  ];
  for (const [text, ns] of table)
    t.is(parseDuration('--limit', text), ns as typeof ns & ReturnType<typeof parseDuration>);
  for (const text of [
    '',
    '500',
    'ms',
    '-1s',
    '+1s',
    '1 s',
    '01s',
    '1,5s',
    '1e3ms',
    '0.5ns',
    '1S',
    '1s ',
    '١s',
  ]) {
    const error = t.throws(() => parseDuration('--limit', text), { instanceOf: CliError }, text);
    t.is(error.exitCode, 2);
    t.regex(error.message, /^--limit/);
  }
  t.is(formatNs(-1_234_500n, true), '-1.2345 ms');
  t.is(formatNs(500_000_000n, true), '+500 ms');
  t.is(formatNs(0n, true), '0 ns');
  t.is(formatSpan(86_400_000_000_000n), '1 d');
});

test('what a node answers keeps its texts; enum values read like the documents', (t) => {
  t.deepEqual(
    jsonOf({
      role: 'RAFT_ROLE_PRE_CANDIDATE',
      subscriber: 'RAFT_ROLE_LEADER',
      root: Uint8Array.of(1, 255),
      lastVerdict: 'VERDICT_UNSPECIFIED',
    }),
    { role: 'preCandidate', subscriber: 'RAFT_ROLE_LEADER', root: '01ff', lastVerdict: null },
  );
});

test('exit codes follow the reason', (t) => {
  const table: readonly (readonly [unknown, number])[] = [
    [new RpcError('UNREACHABLE'), 3],
    [new RpcError('NO_QUORUM'), 3],
    [new RpcError('ROLE_NOT_ALLOWED'), 5],
    [new RpcError('CREDENTIAL_SUSPENDED'), 5],
    [new RpcError('COMMAND_REFUSED', 'ROLE_NOT_ALLOWED: the role may not'), 5],
    [new RpcError('COMMAND_REFUSED', 'DEVICE_UNKNOWN: no such device'), 1],
    [new RpcError('NOT_FOUND'), 1],
    [new Error('anything'), 1],
    [Object.assign(new Error('no such file'), { code: 'ENOENT' }), 2],
  ];
  for (const [error, code] of table) t.true(exitCodeOf(error) === code, messageOf(error));
});

test('endpoints name their node, once each', (t) => {
  t.deepEqual(parseEndpoints('tokyo=192.0.2.1:7403, osaka=[2001:db8::1]:7403'), [
    { node: 'tokyo', address: '192.0.2.1:7403' },
    { node: 'osaka', address: '[2001:db8::1]:7403' },
  ]);
  for (const text of ['', 'tokyo', 'tokyo=host', 'tokyo=host:99999', '=host:1', 'a=h:1,a=h:2', 'a=h:1,']) {
    t.throws(() => parseEndpoints(text), { instanceOf: CliError }, text);
  }
});

test('flag before environment before context; paths of a context count from its file', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'taactl-home-'));
  t.teardown(() => rmSync(home, { recursive: true, force: true }));
  const directory = join(home, '.config', 'taactl');
  mkdirSync(directory, { recursive: true });
  const config = join(directory, 'config.yaml');
  writeFileSync(
    config,
    'current-context: a\ncontexts:\n  - { name: a, endpoints: "n=h:1", ca: ca.crt, key: /k }\n  - { name: b, ca: /b.crt }\n',
  );
  const around = (environment: Record<string, string>): Surroundings => ({
    stdout: { write: () => true },
    stderr: { write: () => true },
    environment: { HOME: home, ...environment },
    interrupted: new AbortController().signal,
  });
  const none = { output: 'table' } as const;
  t.like(resolveFlags(none, around({})), { endpoints: 'n=h:1', ca: join(directory, 'ca.crt'), key: '/k' });
  t.like(resolveFlags({ ...none, ca: '/flag' }, around({ TAACTL_CA: '/environment' })), { ca: '/flag' });
  t.like(resolveFlags(none, around({ TAACTL_CA: '/environment' })), { ca: '/environment', key: '/k' });
  t.like(resolveFlags({ ...none, context: 'b' }, around({})), { ca: '/b.crt' });
  t.like(resolveFlags(none, around({ TAACTL_CONTEXT: 'b' })), { ca: '/b.crt' });
  t.throws(() => resolveFlags({ ...none, context: 'c' }, around({})), { message: /no context "c"/ });
  writeFileSync(config, 'current-context: a\ncontexts: [{ name: a, endpoint: x }]\n');
  t.throws(() => resolveFlags(none, around({})), { message: /endpoint in a context; the keys are/ });
  writeFileSync(config, 'contexts: [\n');
  t.throws(() => resolveFlags(none, around({})), { message: /is not YAML/ });
});

test('a command line that cannot be understood: exit code 2 and what was meant', async (t) => {
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /give a command/],
    [['stauts'], /Did you mean status/],
    [['client'], /client register/],
    [['client', 'shwo', 'x'], /Did you mean show/],
    [['status', '--bogus'], /Unknown argument: bogus/],
    [['status', '--output', 'xml'], /output/],
    [['client', 'show'], /Not enough non-option arguments/],
    [['client', 'stop', 'd-0'], /reason/],
    [['audit', 'get', 'first'], /LEAF is a whole number/],
  ];
  for (const [args, says] of table) {
    const { code, err, out } = await taactl(args);
    t.is(code, 2, err);
    t.regex(err, says);
    t.is(out, '');
  }
  const help = await taactl(['client', 'register', '--help'], { LANG: 'ja_JP.UTF-8' });
  t.is(help.code, 0);
  t.regex(help.out, /--max-delay +longest acceptable round trip/);
  t.is((await taactl(['--version'])).out, '0.0.0-test\n');
});

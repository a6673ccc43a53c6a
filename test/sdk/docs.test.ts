/** The example of docs/sdk.md does what the text says, against real nodes. */

import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import ts from 'typescript';
import { findPackageRoot } from '../../src/wire/package-root.js';
import { CertificateStore } from '../../src/sdk/index.js';
import type { ClosedCode, SdkErrorCode } from '../../src/sdk/index.js';
import { startCluster } from './real-cluster.js';

const root = findPackageRoot();
const guide = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8');

test('the example of the guide runs: closed at start, then granted, then closed', async (t) => {
  const { cluster, servers, options } = await startCluster(t, ['n1', 'n2']);
  // Inside the package, so that `taa/sdk` is resolved as an integrator's program resolves it.
  const place = join(root, 'dist', `example-${process.pid}`);
  mkdirSync(place, { recursive: true });
  t.teardown(() => rmSync(place, { recursive: true, force: true }));
  writeFileSync(join(place, 'genesis'), cluster.genesis);
  writeFileSync(join(place, 'tsa-1.crt'), options.tls.cert);
  writeFileSync(join(place, 'tsa-1.key'), options.tls.key, { mode: 0o600 });

  const port = (node: string): string => `127.0.0.1:${servers.get(node)?.ports.clients ?? 0}`;
  const source = (/```ts\n([\s\S]*?)```/.exec(guide('sdk.md'))?.[1] ?? '')
    .replace('taa.example.jp', options.cluster)
    .replace('taa-tokyo.example.jp:7443', port('n1'))
    .replace('taa-osaka.example.jp:7443', port('n2'));
  const program = join(place, 'example.mjs');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 },
  });
  writeFileSync(program, outputText);

  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
    cwd: place,
    timeout: 60_000,
  });
  const lines = stdout.trim().split('\n');
  t.is(lines[0], 'timeNotAvailable');
  t.true(lines.includes('certificate 1 is stored'));
  t.is(lines.at(-1), 'granted');
  t.regex(stderr, /NOT_CONFIRMED: /);
  t.true([...new CertificateStore(join(place, 'taa-store')).list()].length >= 1);
});

/** Complete by its type: a new reason does not compile until the guides name it. */
const closing: Readonly<Record<ClosedCode, true>> = {
  NOT_CONFIRMED: true,
  NOT_YET_AUDITED: true,
  LEASE_EXPIRED: true,
  STOPPED: true,
  STOP_STORE_DAMAGED: true,
  AUDIT_FAILED: true,
  VERIFICATION_FAILED: true,
  CLOCK_JUMPED: true,
  CLOCK_DISAGREES: true,
  CLIENT_CLOSED: true,
};
const refusals: readonly SdkErrorCode[] = [
  'OPTIONS_INVALID',
  'GENESIS_INVALID',
  'CREDENTIAL_INVALID',
  'STORE_UNUSABLE',
];

test('both guides name every reason for which the interlock closes, and every error of connect', (t) => {
  const codes = [...Object.keys(closing), ...refusals];
  for (const name of ['sdk.md', 'sdk.ja.md']) {
    for (const code of codes) t.true(guide(name).includes(`\`${code}\``), `${name}: ${code}`);
  }
});

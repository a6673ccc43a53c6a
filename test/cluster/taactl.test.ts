/** Every command of taactl against a real cluster of three taad, as table and as JSON, and what wrong input gets. */

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import type { Holder } from '../../src/lab/cluster-files.js';
import { LabCluster } from '../../src/lab/lab-cluster.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import { connect, type TsaClient } from '../../src/sdk/index.js';
import { DirectoryAuditor } from '../../src/operator/directory-auditor.js';
import { builtinLeapTable } from '../../src/time/leap-table.js';
import { nodeVerifier, sha256 } from '../../src/verify/crypto.js';
import { verifyGenesis } from '../../src/verify/genesis.js';
import { decodeReceipt, encodeReceipt, type ReceiptBundle } from '../../src/verify/receipt.js';
import { parseTlogProof } from '../../src/verify/tlog-proof.js';
import { seeded } from '../store/harness.js';
import { circularT, circularTRows, commonViewPair, leapSecondsList } from '../time/transfer-files.js';
import { runInShell, runnableBlocks } from '../taactl/documents.js';
import { isOneSentence, taactl, type Ran } from '../taactl/run.js';

let directory: string;
let cluster: LabCluster;
let tsa: TsaClient;
let device: string;
const auditor = new DirectoryAuditor();

const file = (name: string): string => join(directory, name);

function connection(holder: Holder): string[] {
  const endpoints = [...cluster.ports].map(
    ([node, { administration }]) => `${node}=127.0.0.1:${administration}`,
  );
  const { certificate, key, authority } = holder.files;
  return ['--endpoints', endpoints.join(','), '--ca', authority, '--cert', certificate, '--key', key];
}

const asAdmin = (...args: string[]): Promise<Ran> =>
  taactl([...args, ...connection(cluster.files.administrator), '--genesis', cluster.files.genesisFile]);

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'taactl-'));
  cluster = await LabCluster.start({ directory: file('cluster'), policy: LAB_POLICY });
});

test.after.always(async () => {
  auditor.close();
  await (tsa as TsaClient | undefined)?.close();
  await (cluster as LabCluster | undefined)?.close();
  rmSync(directory, { recursive: true, force: true });
});

test.serial('status, node list and clock status: one table, one document', async (t) => {
  const table = await asAdmin('status');
  t.is(table.code, 0, table.err);
  t.regex(table.out, /^NODE +SITE +ROLE/m);
  t.regex(table.out, /laboratory: not UTC\(NICT\)/);
  const status = (await asAdmin('status', '--output', 'json')).json();
  t.is(status['cluster'], cluster.files.plan.clusterId);
  t.true(cluster.names.includes(status['leader'] as string));
  t.regex(status['logSize'] as string, /^\d+$/, '64-bit numbers are decimal strings');
  const nodes = status['nodes'] as { node: string; role: string; root: string; reachable: boolean }[];
  t.deepEqual(
    nodes.map(({ node, reachable }) => [node, reachable]),
    cluster.names.map((name) => [name, true]),
  );
  t.is(nodes.filter(({ role }) => role === 'leader').length, 1);
  t.regex(nodes[0]?.root ?? '', /^[0-9a-f]{64}$/);
  t.deepEqual(parse((await asAdmin('status', '-o', 'yaml')).out), {
    ...(parse((await asAdmin('status', '-o', 'yaml')).out) as object),
    cluster: cluster.files.plan.clusterId,
  });

  const members = (await asAdmin('node', 'list', '-o', 'json')).json()['nodes'] as {
    node: string;
    kind: string;
  }[];
  t.deepEqual(
    members.map(({ node, kind }) => `${node} ${kind}`).sort(),
    cluster.names.map((n) => `${n} full`).sort(),
  );
  t.regex((await asAdmin('node', 'list')).out, /^NODE +SITE +KIND +TAKES PART AS +LEADS/);

  const clocks = (await asAdmin('clock', 'status', '-o', 'json')).json()['nodes'] as {
    state: string;
    now: { earliestTaiNs: string; latestTaiNs: string };
    sources: { role: string }[];
  }[];
  t.is(clocks.length, 3);
  for (const { now } of clocks) t.true(BigInt(now.earliestTaiNs) <= BigInt(now.latestTaiNs));
  t.regex((await asAdmin('clock', 'status')).out, /laboratory reference/);
});

test.serial(
  'clocks: sources, leap seconds approved and entered, corrections imported, history and drawings',
  async (t) => {
    const sources = (await asAdmin('clock', 'sources', '-o', 'json')).json()['nodes'] as {
      sources: { role: string; reach: string; gives: string; rejections: object }[];
    }[];
    t.is(sources.length, 3);
    for (const node of sources) {
      t.like(node.sources[0], { role: 'reference', gives: 'phase and label' });
      t.regex(node.sources[0]?.reach ?? '', /^[01]{8}$/);
    }
    const list = file('leap-seconds.list');
    writeFileSync(list, leapSecondsList(builtinLeapTable));
    const approved = await asAdmin(
      'clock',
      'leap',
      'approve',
      '--file',
      list,
      '--source',
      'IERS Bulletin C 72',
    );
    t.is(approved.code, 0, approved.err);
    const entry = ['--month', '2027-06', '--change', 'none', '--reference', 'IERS Bulletin C 73'];
    t.is((await asAdmin('clock', 'leap', 'enter', ...entry)).code, 0);
    const leap = (await asAdmin('clock', 'leap', '-o', 'json')).json()['nodes'] as { leap: object }[];
    for (const node of leap) {
      t.like(node.leap, {
        approved: true,
        approvedSource: 'IERS Bulletin C 72',
        tableHash: builtinLeapTable.hash,
      });
    }
    const { own, nict } = commonViewPair();
    writeFileSync(file('own.cggtts'), own);
    writeFileSync(file('nict.cggtts'), nict);
    writeFileSync(file('cirt.456'), circularT('present', 456, 61_037, circularTRows));
    const of = cluster.names[0] ?? '';
    const files = ['--own', file('own.cggtts'), '--nict', file('nict.cggtts')];
    const view = await asAdmin('clock', 'import', 'common-view', '--of', of, ...files);
    t.is(view.code, 0, view.err);
    t.regex(view.out, /-12\.600 ns, spread 0\.085 ns/);
    t.is((await asAdmin('clock', 'import', 'circular-t', '--file', file('cirt.456'))).code, 0);
    const wrong = await asAdmin('clock', 'import', 'circular-t', '--file', list);
    t.is(wrong.code, 2);
    t.true(isOneSentence(wrong.err), wrong.err);
    const history = (await asAdmin('clock', 'history', '-o', 'json')).json()['facts'] as {
      kind: string;
      what?: string;
      phase?: string;
    }[];
    for (const kind of ['comparison', 'transition', 'leap'])
      t.true(
        history.some((fact) => fact.kind === kind),
        kind,
      );
    t.is(history.filter((fact) => fact.kind === 'correction').length, 7);
    t.true(history.some(({ phase }) => phase === 'dailyCheck'));
    for (const [command, said] of [
      ['plot', 'TAA clock - reference'],
      ['diagram', 'laboratory, not UTC(NICT)'],
    ] as const) {
      const drawn = await asAdmin('clock', command, '--svg', file(`${command}.svg`));
      t.is(drawn.code, 0, drawn.err);
      t.true(readFileSync(file(`${command}.svg`), 'utf8').includes(said));
    }
  },
);

test.serial('a device is registered, listed, shown, stopped and released', async (t) => {
  const holder = cluster.files.enrol('client', 'tsa-1');
  writeFileSync(file('details.txt'), '株式会社タイムスタンプ 担当: 山田\n');
  const registered = await asAdmin(
    ...['client', 'register', '--client-cert', holder.files.certificate, '--subscriber', 's-0001'],
    ...['--details', file('details.txt'), '--limit', '250ms', '--certificate-life', '24h', '-o', 'json'],
  );
  t.is(registered.code, 0, registered.err);
  device = registered.json()['device'] as string;
  t.regex(device, /^d-[0-9a-f]{16}$/);

  const shown = (await asAdmin('client', 'show', device, '-o', 'json')).json();
  t.like(shown, {
    device,
    subscriber: 's-0001',
    identity: holder.identity,
    stopped: false,
    lastVerdict: null,
  });
  t.like(shown['policy'], { limitNs: '250000000', certificateLifeNs: '86400000000000' });
  t.regex((await asAdmin('client', 'show', device)).out, /^limit +±250 ms$/m);
  t.regex((await asAdmin('client', 'list')).out, new RegExp(`^${device} +s-0001 .* active`, 'm'));

  const stop = await asAdmin('client', 'stop', device, '--reason', '点検');
  t.is(stop.code, 0, stop.err);
  t.like((await asAdmin('client', 'show', device, '-o', 'json')).json(), {
    stopped: true,
    stopReason: '点検',
  });
  t.is((await asAdmin('client', 'stop', device, '--reason', 'again')).code, 1, 'it stands already');
  t.is((await asAdmin('client', 'release', device, '--reason', 'done')).code, 0);

  const again = await asAdmin(
    'client',
    'register',
    '--client-cert',
    holder.files.certificate,
    '--subscriber',
    'x',
  );
  t.is(again.code, 1);
  t.regex(again.err, /ALREADY_REGISTERED/);
});

test.serial('records are read, proven, and their detached bodies fetched', async (t) => {
  const tail = (await asAdmin('audit', 'tail', '--lines', '500', '-o', 'json')).json();
  const records = tail['records'] as { leafIndex: string; record: { type: string; details?: string } }[];
  const registration = records.find(({ record }) => record.type === 'registration');
  t.truthy(registration);
  t.deepEqual(
    records
      .filter(({ record }) => record.type === 'stopOrder' || record.type === 'stopRelease')
      .map((r) => r.record.type),
    ['stopOrder', 'stopRelease'],
  );
  t.regex((await asAdmin('audit', 'tail')).out, /^ *LEAF +CLUSTER TIME \(UTC\) +TYPE/);

  const leaf = registration?.leafIndex ?? '';
  const got = await asAdmin('audit', 'get', leaf, '--body', file('body'), '-o', 'json');
  t.is(got.code, 0, got.err);
  t.is(readFileSync(file('body'), 'utf8'), '株式会社タイムスタンプ 担当: 山田\n');
  t.regex((await asAdmin('audit', 'get', leaf)).out, /^type +registration$/m);

  const proof = await asAdmin('audit', 'prove', leaf);
  t.is(proof.code, 0, proof.err);
  t.is(parseTlogProof(new TextEncoder().encode(proof.out)).index, Number(leaf));
  t.true((await asAdmin('audit', 'prove', leaf, '-o', 'json')).json()['quorumVerified']);

  const stop = new AbortController();
  const followed = taactl(
    ['audit', 'tail', '--follow', '--from', '0', '-o', 'json', ...connection(cluster.files.administrator)],
    {},
    stop.signal,
  );
  setTimeout(() => stop.abort(), 1_500);
  const { code, out } = await followed;
  t.is(code, 0, 'an interruption is how following ends');
  t.is((JSON.parse(out.split('\n')[0] ?? '') as { record: { type: string } }).record.type, 'genesis');
});

test.serial('a certificate is fetched, shown and verified; without its receipt it is refused', async (t) => {
  const holder = cluster.files.enrol('client', 'tsa-1');
  mkdirSync(file('tsa'));
  tsa = connect({
    cluster: cluster.files.plan.clusterId,
    trust: cluster.files.genesis,
    endpoints: cluster.clientEndpoints(),
    tls: holder.pem,
    store: file('tsa'),
    software: 'test',
  });
  await tsa.permitted(60_000);
  const sequence = String(tsa.assertMayIssue().sequence);
  let fetched = await asAdmin('cert', 'get', device, sequence, '--out', file('audit'), '-o', 'json');
  // The newest audit may not be published yet.
  for (let i = 0; fetched.code !== 0 && i < 20; i++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    fetched = await asAdmin('cert', 'get', device, sequence, '--out', file('audit'), '-o', 'json');
  }
  t.is(fetched.code, 0, fetched.err);
  t.is(
    (await asAdmin('cert', 'get', device, sequence, '--out', file('audit'))).code,
    2,
    'nothing is overwritten',
  );

  const { genesisFile } = cluster.files;
  const verify = (...args: string[]): Promise<Ran> =>
    taactl(['cert', 'verify', ...args, '--genesis', genesisFile]);
  const statement = (await taactl(['cert', 'show', file('audit.p7m'), '-o', 'json'])).json()['statement'];
  t.like(statement, { verdict: 'pass', audited: { device }, sequence: Number(sequence) });
  t.regex((await taactl(['cert', 'show', file('audit.receipt')])).out, /statement\.legs\.tsaMinusTaa\.delay/);

  t.is((await verify(file('audit.receipt'))).code, 0);
  const both = await verify(file('audit.p7m'), '--receipt', file('audit.receipt'), '-o', 'json');
  t.is(both.code, 0, both.err);
  t.true((both.json()['cosignedBy'] as string[]).length >= 2);

  const missing = await verify(file('audit.p7m'), '-o', 'json');
  t.is(missing.code, 4);
  t.deepEqual(missing.json()['reasons'], ['RECEIPT_MISSING']);
  const late = await verify(file('audit.receipt'), '--at', '2001-01-01T00:00:00Z', '-o', 'json');
  t.deepEqual([late.code, late.json()['reasons']], [4, ['OUTSIDE_VALIDITY']]);
  t.is((await verify(file('audit.receipt'), '--at', 'noon')).code, 2);

  const receipt = decodeReceipt(new Uint8Array(readFileSync(file('audit.receipt'))));
  for (const [code, altered] of tampered(receipt)) {
    writeFileSync(file('tampered'), encodeReceipt(altered));
    const refused = await verify(file('tampered'), '-o', 'json');
    t.is(refused.code, 4, code);
    t.true((refused.json()['reasons'] as string[]).includes(code), `${code}: ${refused.out}`);
  }
});

const flipped = (bytes: Uint8Array, at: number): Uint8Array =>
  bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** Receipts that are wrong in one way each, with the reason for which they must be refused. */
function tampered(receipt: ReceiptBundle): readonly (readonly [code: string, altered: ReceiptBundle])[] {
  const note = Buffer.from(receipt.checkpoint).toString('utf8');
  const [head = '', lines = ''] = note.split('\n\n');
  const origin = head.split('\n')[0] ?? '';
  const signatures = lines.split('\n').filter((line) => line !== '');
  const isPlain = (line: string): boolean => line.startsWith(`— ${origin} `);
  const firstPlain = signatures.find(isPlain) ?? '';
  const withNote = (text: string): ReceiptBundle => ({
    ...receipt,
    checkpoint: new TextEncoder().encode(text),
  });
  const withLines = (kept: readonly string[]): ReceiptBundle => withNote(`${head}\n\n${kept.join('\n')}\n`);
  const { issuance, measurement, certificate } = receipt;
  // The last characters of a signature line are signature, not key id.
  const forged = firstPlain.replace(
    /(.)(.{10})$/,
    (_all, one: string, rest: string) => (one === 'A' ? 'B' : 'A') + rest,
  );
  return [
    ['OTHER_LOG', withNote(note.replace(origin, `other.${origin}`))],
    ['BELOW_QUORUM', withLines(signatures.filter((line) => !isPlain(line) || line === firstPlain))],
    ['NO_INDEPENDENT_TIME', withLines(signatures.filter(isPlain))],
    ['CHECKPOINT_FORGED', withLines(signatures.map((line) => (line === firstPlain ? forged : line)))],
    ['NOT_IN_LOG', { ...receipt, issuance: { ...issuance, leaf: flipped(issuance.leaf, 60) } }],
    ['NOT_IN_LOG', { ...receipt, measurement: { ...measurement, index: measurement.index - 1 } }],
    ['OTHER_POLICY', { ...receipt, policyVersion: receipt.policyVersion + 1 }],
    ['SIGNATURE_WRONG', { ...receipt, certificate: flipped(certificate, certificate.length - 5) }],
  ];
}

test.serial(
  'the log of the running nodes verifies, and still contains the checkpoint kept before',
  async (t) => {
    const first = await asAdmin('audit', 'verify', '--save-checkpoint', file('kept'), '-o', 'json');
    t.is(first.code, 0, first.out + first.err);
    t.like(first.json(), { verdict: 'intact', findings: [] });
    t.true(Number((first.json()['records'] as { certificates: string }).certificates) >= 1);
    const second = await asAdmin('audit', 'verify', '--checkpoint', file('kept'));
    t.is(second.code, 0, second.out);
    t.regex(second.out, /^verdict +intact$/m);

    const note = readFileSync(file('kept'), 'utf8').split('\n');
    writeFileSync(
      file('forged'),
      note.map((line, i) => (i === 2 ? Buffer.alloc(32).toString('base64') : line)).join('\n'),
    );
    const forged = await asAdmin('audit', 'verify', '--checkpoint', file('forged'));
    t.is(forged.code, 4);
    t.regex(forged.out, /checkpointInvalid/);
  },
);

test.serial('the commands of docs/auditor.md run as written', async (t) => {
  const auditorFiles = connection(cluster.files.enrol('auditor', 'auditor-2'));
  const [, endpoints = '', , ca = '', , cert = '', , key = ''] = auditorFiles;
  cpSync(cluster.files.genesisFile, file('genesis'));
  const [certificates = '', offline = '', running = ''] = runnableBlocks('auditor.md');
  const environment = { TAACTL_ENDPOINTS: endpoints, TAACTL_CA: ca, TAACTL_CERT: cert, TAACTL_KEY: key };
  for (const script of [certificates, running]) {
    const ran = runInShell(script, directory, environment);
    t.is(ran.code, 0, ran.err + ran.out);
  }
  t.is(parseTlogProof(new Uint8Array(readFileSync(file('leaf-0.proof')))).index, 0);
  await tsa.close();
  await cluster.process('osaka').stop();
  cpSync(cluster.dataDirectory('osaka'), file('copy'), { recursive: true });
  await cluster.startNode('osaka');
  const ran = runInShell(offline, directory);
  t.is(ran.code, 0, ran.err + ran.out);
  rmSync(file('copy'), { recursive: true });
});

test.serial(
  'what may not be, what is not there and what is not understood: exit codes and one sentence',
  async (t) => {
    const auditor = connection(cluster.files.enrol('auditor', 'auditor-1'));
    const client = connection(cluster.files.enrol('client', 'tsa-1'));
    const admin = connection(cluster.files.administrator);
    const [, , ...withoutEndpoints] = admin;
    const cases: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
      [['status', ...client], 5, /ROLE_NOT_ALLOWED/],
      [['client', 'stop', device, '--reason', 'x', ...auditor], 5, /SIGNER_UNKNOWN|ROLE_NOT_ALLOWED/],
      [['client', 'show', 'd-0000000000000000', ...admin], 1, /NOT_FOUND/],
      [['client', 'stop', 'd-0000000000000000', '--reason', 'x', ...admin], 1, /DEVICE_UNKNOWN/],
      [['audit', 'get', '99999999', ...admin], 1, /BEYOND_LOG/],
      [['status', ...withoutEndpoints], 2, /--endpoints is missing/],
      [['status', '--endpoints', 'tokyo=127.0.0.1:1', ...withoutEndpoints], 3, /UNREACHABLE/],
      [['status', '--endpoints', 'tokyo', ...withoutEndpoints], 2, /name=host:port/],
      [['client', 'register', '--client-cert', file('none'), '--subscriber', 's', ...admin], 2, /ENOENT/],
      [
        [
          'client',
          'register',
          '--client-cert',
          file('none'),
          '--subscriber',
          's',
          '--limit',
          '500',
          ...admin,
        ],
        2,
        /not a length of time/,
      ],
      [['audit', 'verify', ...admin], 2, /--genesis is missing/],
    ];
    for (const [args, code, says] of cases) {
      const ran = await taactl(args);
      t.is(ran.code, code, `${args.slice(0, 3).join(' ')}: ${ran.err}`);
      t.regex(ran.err, says);
      t.true(isOneSentence(ran.err), ran.err);
      t.is(ran.out, '');
    }
    t.is((await taactl(['status', ...auditor])).code, 0, 'an auditor reads');
  },
);

test.serial('a node that is down: the others answer, and the exit code says that one did not', async (t) => {
  await cluster.process('fukuoka').stop();
  const status = await asAdmin('status', '-o', 'json');
  t.is(status.code, 6);
  t.like((status.json()['nodes'] as object[]).at(-1), {
    node: 'fukuoka',
    reachable: false,
    error: 'UNREACHABLE',
  });
  const verified = await asAdmin('audit', 'verify', '-o', 'json');
  t.is(verified.code, 6);
  t.like(verified.json(), { verdict: 'incomplete' });
});

test.serial(
  'the copied data directory of a stopped node verifies offline; one changed byte is named',
  async (t) => {
    const copy = file('copy');
    cpSync(cluster.dataDirectory('fukuoka'), copy, { recursive: true });
    const verify = (...args: string[]): Promise<Ran> =>
      taactl(['audit', 'verify', '--data-dir', copy, ...args]);
    const trusted = await verify('--genesis', cluster.files.genesisFile, '-o', 'json');
    t.is(trusted.code, 0, trusted.out + trusted.err);
    t.like(trusted.json(), { verdict: 'intact', findings: [], directory: { node: 'fukuoka' } });
    t.true(Number((trusted.json()['records'] as { certificates: string }).certificates) >= 1);
    const untrusted = await verify();
    t.is(untrusted.code, 0);
    t.regex(untrusted.err, /its own genesis/);
    t.regex(untrusted.out, /^consensus log +replayed to entry \d+ of \d+$/m);

    const genesis = readFileSync(join(copy, 'genesis'));
    genesis[40] = (genesis[40] ?? 0) ^ 4;
    writeFileSync(join(copy, 'genesis'), genesis);
    const damaged = await verify();
    t.is(damaged.code, 4);
    t.regex(damaged.out, /DIRECTORY_DAMAGED.*genesis/);
    t.is((await taactl(['audit', 'verify', '--data-dir', file('tsa')])).code, 2, 'no data directory');
  },
);

/** Every file below a directory, by path from it. */
const filesBelow = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();

const digest = (root: string): readonly string[] =>
  filesBelow(root).map(
    (name) => `${name} ${Buffer.from(sha256(readFileSync(join(root, name)))).toString('hex')}`,
  );

test.serial('verification writes nothing into the directory', async (t) => {
  const copy = file('untouched');
  cpSync(cluster.dataDirectory('fukuoka'), copy, { recursive: true });
  const before = digest(copy);
  t.is((await auditor.audit({ path: copy, genesis: null })).verdict, 'intact');
  t.deepEqual(digest(copy), before);
});

test.serial('300 flipped bits over all files: reported, or every record is what it was', async (t) => {
  const copy = file('flips');
  cpSync(cluster.dataDirectory('fukuoka'), copy, { recursive: true });
  const genesis = verifyGenesis(cluster.files.genesis, nodeVerifier);
  const original = await auditor.audit({ path: copy, genesis });
  t.is(original.verdict, 'intact');
  const names = filesBelow(copy).filter((name) => statSync(join(copy, name)).size > 0);
  const random = seeded(20261124);
  const counts = { reported: 0, unchanged: 0 };
  const perFile = new Map<string, number>();
  for (let i = 0; i < FLIPS; i++) {
    const name = names[i % names.length] as string;
    const path = join(copy, name);
    const bytes = readFileSync(path);
    const at = random(bytes.length);
    const bit = random(8);
    const altered = Buffer.from(bytes);
    altered[at] = (altered[at] ?? 0) ^ (1 << bit);
    writeFileSync(path, altered);
    const report = await auditor.audit({ path: copy, genesis });
    writeFileSync(path, bytes);
    const where = `${name} byte ${at} bit ${bit}`;
    if (report.verdict === 'intact') {
      counts.unchanged += 1;
      t.is(report.head.size, original.head.size, where);
      t.deepEqual(report.head.root, original.head.root, where);
      t.deepEqual(report.records, original.records, where);
    } else {
      counts.reported += 1;
      perFile.set(name, (perFile.get(name) ?? 0) + 1);
      t.true(report.findings.length > 0, where);
    }
  }
  t.log(JSON.stringify(counts), [...perFile].map(([name, count]) => `${name}: ${count}`).join(', '));
  // The identity of the node, its promises and its records are covered whole: a flip there never goes by unseen.
  for (const name of ['identity', 'genesis']) t.is(perFile.get(name), namedFlips(names, name));
  t.is((await auditor.audit({ path: copy, genesis })).verdict, 'intact', 'every flip was taken back');
});

const FLIPS = 312;
const namedFlips = (names: readonly string[], name: string): number =>
  Array.from({ length: FLIPS }, (_, i) => names[i % names.length]).filter((chosen) => chosen === name).length;

test.serial('the program itself ends with the exit codes', (t) => {
  const program = join(import.meta.dirname, '..', '..', 'cmd', 'taactl.js');
  const run = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  const copy = file('flips');
  t.is(run('audit', 'verify', '--data-dir', copy, '--genesis', cluster.files.genesisFile).status, 0);
  writeFileSync(join(copy, 'guard'), 'x');
  const damaged = run('audit', 'verify', '--data-dir', copy);
  t.is(damaged.status, 4);
  t.regex(damaged.stdout, /GUARD_DAMAGED/);
  t.is(run('stauts').status, 2);
  t.is(run('--version').stdout.trim(), '0.1.0');
});

/**
 * What an operator can get wrong before a node runs: each is refused by the real program with one sentence on stderr that
 * names the cause and the remedy, a non-zero exit, and no stack trace. `--check-config` says the same where it can.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import { clusterFiles } from '../../src/lab/cluster-files.js';
import type { ClusterFiles } from '../../src/lab/cluster-files.js';
import { LAB_POLICY } from '../../src/lab/laboratory.js';
import { freePorts } from '../../src/lab/ports.js';
import { encodePem, pemContents } from '../../src/pki/pem.js';
import { openAuthority } from '../../src/pki/ca.js';
import { softwareSigner, spkiOf } from '../../src/pki/signer.js';
import { createPrivateKey } from 'node:crypto';
import { chooseEngine, openDataDirectory } from '../../src/store/index.js';

const taad = join(process.cwd(), 'dist', 'cmd', 'taad.js');
const root = mkdtempSync(join(tmpdir(), 'taa-mistakes-'));
test.after.always(() => rmSync(root, { recursive: true, force: true }));

const SITES = ['tokyo', 'osaka', 'fukuoka'] as const;
let count = 0;

/** The files of a cluster whose reference clock does not answer; the node under test is tokyo. */
async function makeFiles(clusterId: string): Promise<ClusterFiles> {
  const ports = await freePorts(4 * SITES.length + 1);
  const at = (i: number): number => ports[i] as number;
  return clusterFiles({
    directory: join(root, `cluster-${(count += 1)}`),
    clusterId,
    nodes: SITES.map((site, i) => ({
      name: site,
      site,
      ports: {
        peers: at(4 * i),
        clients: at(4 * i + 1),
        administration: at(4 * i + 2),
        metrics: at(4 * i + 3),
      },
    })),
    referencePort: () => at(4 * SITES.length),
    policy: LAB_POLICY,
  });
}

let pristine: ClusterFiles;
let stranger: ClusterFiles;

test.before(async () => {
  pristine = await makeFiles('mistakes.taa.example');
  stranger = await makeFiles('stranger.taa.example');
});

/** One node's folder, to be spoilt. */
class Folder {
  readonly path: string;

  constructor(files: ClusterFiles = pristine) {
    this.path = join(root, `case-${(count += 1)}`);
    cpSync(join(files.plan.directory, 'nodes', 'tokyo'), this.path, { recursive: true });
  }

  get config(): string {
    return join(this.path, 'taad.yaml');
  }

  at(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  change(edit: (config: Record<string, unknown>) => void): void {
    const config = parse(readFileSync(this.config, 'utf8')) as Record<string, unknown>;
    edit(config);
    writeFileSync(this.config, stringify(config));
  }

  section(name: string, values: Readonly<Record<string, unknown>>): void {
    this.change((config) => {
      config[name] = { ...(config[name] as object), ...values };
    });
  }

  /** A data directory as an earlier run would have left it. */
  async dataOf(clusterId: string, nodeId: string, genesis: Uint8Array): Promise<void> {
    const { engine } = await chooseEngine({ lab: true });
    const made = await openDataDirectory({
      path: this.at('data'),
      clusterId,
      nodeId,
      engine,
      genesisBytes: genesis,
    });
    await made.close();
  }
}

interface Refusal {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

function taadOn(...args: readonly string[]): Refusal {
  return spawnSync(process.execPath, ['--enable-source-maps', taad, ...args], {
    encoding: 'utf8',
    timeout: 40_000,
  });
}

function refused(t: ExecutionContext, refusal: Refusal, expected: readonly RegExp[], status = 1): void {
  const shown = `status ${String(refusal.status)}\n${refusal.stderr}\n${refusal.stdout}`;
  t.is(refusal.status, status, shown);
  t.regex(refusal.stderr, /^taad: [^\n]+\n$/, 'one line on stderr');
  for (const part of expected) t.regex(refusal.stderr, part);
  for (const text of [refusal.stderr, refusal.stdout]) t.notRegex(text, /\n\s+at |"stack"/, 'no stack trace');
}

interface Mistake {
  readonly what: string;
  readonly make: (folder: Folder) => void | Promise<void>;
  /** Cause and remedy. */
  readonly says: readonly RegExp[];
  /** Found by `--check-config` as well, which does not open the data directory or ports. */
  readonly checked: boolean;
}

const mistakes: readonly Mistake[] = [
  {
    what: 'an unknown key',
    make: (folder) => folder.section('listen', { client: '127.0.0.1:1' }),
    says: [
      /taad\.yaml:\d+: listen\.client: unknown key; the keys here are peers, clients, administration, metrics/,
    ],
    checked: true,
  },
  {
    what: 'an impossible value',
    make: (folder) => folder.section('clock', { rhoFloorPpb: 1 }),
    says: [/taad\.yaml:\d+: clock\.rhoFloorPpb: 1 is not possible; use a whole number from 2000 to 1000000/],
    checked: true,
  },
  {
    what: 'an address without a port',
    make: (folder) => folder.section('listen', { peers: '127.0.0.1' }),
    says: [/listen\.peers: "127\.0\.0\.1" is not an address; write host:port/],
    checked: true,
  },
  {
    what: 'a file that is not YAML',
    make: (folder) => writeFileSync(folder.config, 'node: tokyo\nlisten: {peers: [\n'),
    says: [/taad\.yaml:\d+: not YAML: /],
    checked: true,
  },
  {
    what: 'a file that is text, not a map of keys',
    make: (folder) => writeFileSync(folder.config, 'hello\n'),
    says: [/the file: must be a map of keys; write it as "key: value" lines/],
    checked: true,
  },
  {
    what: 'a key twice',
    make: (folder) => appendFileSync(folder.config, 'node: osaka\n'),
    says: [/taad\.yaml:\d+: not YAML: .*unique/],
    checked: true,
  },
  {
    what: 'no configuration file',
    make: (folder) => rmSync(folder.config),
    says: [/taad\.yaml: cannot be read: ENOENT.*check the path/],
    checked: true,
  },
  {
    what: 'a missing genesis',
    make: (folder) => folder.change((config) => (config['genesis'] = 'nowhere')),
    says: [/the genesis .*nowhere: cannot be read: ENOENT/, /put the cluster's signed genesis there/],
    checked: true,
  },
  {
    what: 'a damaged genesis',
    make: (folder) => {
      const bytes = new Uint8Array(pristine.genesis);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
      writeFileSync(folder.at('genesis'), bytes);
      folder.change((config) => (config['genesis'] = 'genesis'));
    },
    says: [/GENESIS_(NOT_SIGNED|MALFORMED|INCONSISTENT)/, /put the cluster's signed genesis there/],
    checked: true,
  },
  {
    what: 'a genesis that is something else',
    make: (folder) => folder.change((config) => (config['genesis'] = 'tls.crt')),
    says: [/GENESIS_MALFORMED: not a genesis file/, /put the cluster's signed genesis there/],
    checked: true,
  },
  {
    what: 'the genesis of another cluster',
    make: (folder) => folder.change((config) => (config['genesis'] = stranger.genesisFile)),
    says: [/KEY_NOT_OF_MEMBER: issuing\.key and log\.key .* tokyo; configure the genesis of this cluster/],
    checked: true,
  },
  {
    what: 'a name that the genesis does not know',
    make: (folder) => folder.change((config) => (config['node'] = 'nagoya')),
    says: [/node nagoya is not a member; the genesis names tokyo, osaka, fukuoka \(key "node"\)/],
    checked: true,
  },
  {
    what: 'a member without an address',
    make: (folder) => folder.change((config) => (config['peers'] = [])),
    says: [/member osaka has no address; add it to "peers"/],
    checked: true,
  },
  {
    what: 'a private key that others can read',
    make: (folder) => chmodSync(folder.at('keys', 'issuing.key'), 0o644),
    says: [/KEY_FILE_MODE: .*issuing\.key has mode 0644/, /replace the secret, or run chmod 600/],
    checked: true,
  },
  {
    what: 'a missing private key',
    make: (folder) => rmSync(folder.at('keys', 'log.key')),
    says: [
      /KEY_FILE_MISSING: .*log\.key cannot be opened: ENOENT/,
      /correct the path, or restore the file from a copy/,
    ],
    checked: true,
  },
  {
    what: 'no passphrase where the cluster is no laboratory',
    make: (folder) => {
      folder.section('clock', { profile: 'leased' });
      folder.change((config) => delete config['lab']);
    },
    says: [/keys\.passphraseFile: is missing; private keys are encrypted unless the cluster is a laboratory/],
    checked: true,
  },
  {
    what: 'a key in the clear where the cluster is no laboratory',
    make: (folder) => {
      writeFileSync(folder.at('passphrase'), 'correct horse\n', { mode: 0o600 });
      folder.section('keys', { passphraseFile: 'passphrase' });
      folder.section('clock', { profile: 'leased' });
      folder.change((config) => delete config['lab']);
    },
    says: [/KEY_NOT_ENCRYPTED: .*\.key is not encrypted, but only a laboratory/, /openssl pkcs8 -topk8/],
    checked: true,
  },
  {
    what: 'a missing TLS certificate',
    make: (folder) => rmSync(folder.at('tls.crt')),
    says: [/TLS_CERTIFICATE_UNUSABLE: .*tls\.crt .*ENOENT/, /taactl ca issue/],
    checked: true,
  },
  {
    what: 'a TLS certificate file without a certificate',
    make: (folder) => writeFileSync(folder.at('tls.crt'), 'nothing\n'),
    says: [/TLS_CERTIFICATE_UNUSABLE: .*holds no certificate in PEM/, /taactl ca issue/],
    checked: true,
  },
  {
    what: 'the TLS certificate of another node',
    make: (folder) =>
      cpSync(join(pristine.plan.directory, 'nodes', 'osaka', 'tls.crt'), folder.at('tls.crt')),
    says: [/TLS_CERTIFICATE_UNUSABLE: .*\/node\/osaka, not of taa:\/\/.*\/node\/tokyo/, /taactl ca issue/],
    checked: true,
  },
  {
    what: 'a TLS certificate that has expired',
    make: (folder) => writeFileSync(folder.at('tls.crt'), expiredCertificate(folder)),
    says: [/TLS_CERTIFICATE_UNUSABLE: .*the certificate had expired/, /taactl ca issue/],
    checked: true,
  },
  {
    what: 'the data directory of another cluster',
    make: (folder) => folder.dataOf('stranger.taa.example', 'tokyo', stranger.genesis),
    says: [
      /DIRECTORY_OF_ANOTHER_CLUSTER: .* belongs to cluster stranger\.taa\.example, not mistakes\.taa\.example/,
      /Correct the data directory/,
    ],
    checked: false,
  },
  {
    what: 'the data directory of another node',
    make: (folder) => folder.dataOf('mistakes.taa.example', 'osaka', pristine.genesis),
    says: [/DIRECTORY_OF_ANOTHER_NODE: .* belongs to node osaka, not tokyo/, /must never run/],
    checked: false,
  },
  {
    what: 'the data directory of another birth of this cluster',
    make: (folder) => folder.dataOf('mistakes.taa.example', 'tokyo', stranger.genesis),
    says: [/GENESIS_MISMATCH: /, /Configure the genesis file of this cluster, or another data directory/],
    checked: false,
  },
  {
    what: 'a data directory of a newer version',
    make: async (folder) => {
      await folder.dataOf('mistakes.taa.example', 'tokyo', pristine.genesis);
      writeFileSync(folder.at('data', 'VERSION'), '2\n');
    },
    says: [
      /DIRECTORY_NEWER_VERSION: .*format version 2, this program understands 1/,
      /Install the newer release/,
    ],
    checked: false,
  },
  {
    what: 'a data directory without its guard',
    make: async (folder) => {
      await folder.dataOf('mistakes.taa.example', 'tokyo', pristine.genesis);
      renameSync(folder.at('data', 'guard'), folder.at('guard.lost'));
    },
    says: [/GUARD_DAMAGED: .*ENOENT/, /join again as a new incarnation/],
    checked: false,
  },
  {
    what: 'a directory that holds something else',
    make: (folder) => folder.change((config) => (config['dataDirectory'] = '.')),
    says: [/DIRECTORY_NOT_EMPTY: /, /Name an empty directory/],
    checked: false,
  },
  {
    what: 'a data directory below a file',
    make: (folder) => folder.change((config) => (config['dataDirectory'] = 'tls.crt/data')),
    says: [/DIRECTORY_UNUSABLE: .*ENOTDIR/, /Check that it is a directory on a mounted, writable volume/],
    checked: false,
  },
  {
    what: 'an address that this machine does not have',
    make: (folder) => folder.section('listen', { clients: '192.0.2.1:7401' }),
    says: [
      /LISTEN_FAILED: cannot listen on 192\.0\.2\.1:7401 for clients: /,
      /choose one of its own addresses/,
    ],
    checked: false,
  },
];

function expiredCertificate(folder: Folder): string {
  const { directory, clusterId } = pristine.plan;
  const authority = openAuthority(
    pemContents(readFileSync(pristine.authorityFile, 'utf8'), 'CERTIFICATE')[0] as Uint8Array,
    softwareSigner(createPrivateKey(readFileSync(join(directory, 'ca.key'), 'utf8'))),
  );
  const now = Math.floor(Date.now() / 1000);
  return encodePem(
    'CERTIFICATE',
    authority.issue({
      identity: { clusterId, role: 'node', name: 'tokyo' },
      purpose: 'tls',
      spki: spkiOf(createPrivateKey(readFileSync(folder.at('keys', 'tls.key'), 'utf8'))),
      notBefore: now - 1800,
      notAfter: now - 60,
    }),
  );
}

for (const { what, make, says, checked } of mistakes) {
  test.serial(`${what} is refused with cause and remedy`, async (t) => {
    const folder = new Folder();
    await make(folder);
    refused(t, taadOn('--config', folder.config), says);
    if (checked) refused(t, taadOn('--check-config', folder.config), says);
  });
}

test.serial('without a mistake the check passes, and says what the cluster survives', (t) => {
  const { status, stdout, stderr } = taadOn('--check-config', new Folder().config);
  t.is(status, 0, stderr);
  t.regex(stdout, /node tokyo of cluster mistakes\.taa\.example, 3 voters/);
  t.regex(stdout, /the loss of any one site leaves the service running/);
});

test.serial('wrong arguments are a usage error, and change nothing', (t) => {
  refused(t, taadOn('--confg', 'x'), [/confg/i], 2);
  refused(t, taadOn(), [/give --config FILE or --check-config FILE/], 2);
});

test.serial(
  'a port in use is told with listener, address and remedy; the data directory stays usable',
  async (t) => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as AddressInfo;
    const folder = new Folder();
    folder.section('listen', { administration: `127.0.0.1:${port}` });
    const says = [
      new RegExp(
        `LISTEN_FAILED: cannot listen on 127\\.0\\.0\\.1:${port} for administration: the port is in use; `,
      ),
      /stop the other program or choose another port \(listen\.administration\)/,
    ];
    refused(t, taadOn('--config', folder.config), says);
    // Nothing was left locked or half made: the next attempt fails for the same reason only.
    refused(t, taadOn('--config', folder.config), says);
    await new Promise((resolve) => holder.close(resolve));
  },
);

test.serial('a second taad on the same data directory is refused, and the first goes on', async (t) => {
  const folder = new Folder();
  const first = spawn(process.execPath, [taad, '--config', folder.config], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => first.once('exit', resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      first.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('"READY"')) resolve();
      });
      void ended.then(() => reject(new Error('the first one ended')));
    });
    const ports = await freePorts(4);
    const [peers, clients, administration, metrics] = ports.map((port) => `127.0.0.1:${port}`);
    const second = folder.at('second.yaml');
    const config = parse(readFileSync(folder.config, 'utf8')) as Record<string, unknown>;
    writeFileSync(second, stringify({ ...config, listen: { peers, clients, administration, metrics } }));
    refused(t, taadOn('--config', second), [
      /DIRECTORY_LOCKED: .* is in use by another process/,
      /Stop the other node process first/,
    ]);
    t.is(first.exitCode, null);
  } finally {
    first.kill('SIGTERM');
  }
  t.is(await ended, 0, 'and stops cleanly');
  t.true(existsSync(folder.at('data', 'VERSION')));
});

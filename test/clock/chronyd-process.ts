/**
 * A real chronyd on loopback for tests, beside any that the host runs: it never touches the clock (`-x`), and has ports,
 * keys and files of its own.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';

const chronydPath = ['/usr/sbin/chronyd', '/usr/local/sbin/chronyd'].find((path) => existsSync(path));
const missing = ' (chronyd is not installed; Debian: apt install chrony)';

export function chronyTest(title: string, implementation: (t: ExecutionContext) => Promise<void>): void {
  if (chronydPath === undefined) test.skip(title + missing, implementation);
  else test(title, implementation);
}

export const KEY = { id: 7, secret: new Uint8Array(16).map((_, i) => i * 11 + 1) };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase();

export async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

export class Chronyd {
  readonly directory: string;
  #process: ChildProcess | null = null;

  /** @param lines of the configuration, beside files and command port */
  constructor(directory: string, commandPort: number, lines: readonly string[]) {
    this.directory = directory;
    writeFileSync(
      join(directory, 'chrony.conf'),
      [
        ...lines,
        `cmdport ${commandPort}`,
        'bindcmdaddress 127.0.0.1',
        `pidfile ${join(directory, 'chronyd.pid')}`,
        '',
      ].join('\n'),
    );
  }

  async start(): Promise<void> {
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : ['-U'];
    const child = spawn(chronydPath ?? '', ['-x', '-d', ...user, '-f', join(this.directory, 'chrony.conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    this.#process = child;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`chronyd ended with ${String(code)}: ${log}`)));
      child.stderr.on('data', () => {
        if (/Disabled control of system clock|starting/.test(log)) setTimeout(resolve, 200);
      });
    });
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill('SIGTERM');
    });
  }
}

function ownDirectory(t: ExecutionContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'taa-chronyd-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function run(t: ExecutionContext, server: Chronyd): Promise<void> {
  t.teardown(() => server.stop());
  await server.start();
}

export interface ChronydServer {
  readonly port: number;
  /** PEM of the certificate of its key establishment, which is also the authority. */
  readonly certificate: string;
  readonly ntsPort: number;
  /** Of its files: the NTS keys that it keeps over a restart are `ntskeys`. */
  readonly directory: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Serves this host's clock as stratum 1: plain, with `KEY`, and with NTS if asked. */
export async function chronydServer(t: ExecutionContext, nts = false): Promise<ChronydServer> {
  const directory = ownDirectory(t);
  const [port, commandPort, ntsPort] = [await freePort(), await freePort(), await freePort()];
  const inside = (name: string): string => join(directory, name);
  writeFileSync(inside('keys'), `${KEY.id} AES128 HEX:${hex(KEY.secret)}\n`, { mode: 0o600 });
  let certificate = '';
  if (nts) {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const files = ['-keyout', inside('nts.key'), '-out', inside('nts.crt')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...subject], { stdio: 'pipe' });
    certificate = readFileSync(inside('nts.crt'), 'utf8');
  }
  const server = new Chronyd(directory, commandPort, [
    'local stratum 1',
    `port ${port}`,
    'bindaddress 127.0.0.1',
    'allow 127.0.0.1',
    `keyfile ${inside('keys')}`,
    ...(nts
      ? [
          `ntsport ${ntsPort}`,
          `ntsservercert ${inside('nts.crt')}`,
          `ntsserverkey ${inside('nts.key')}`,
          `ntsdumpdir ${directory}`,
          'ntsprocesses 0',
        ]
      : []),
  ]);
  await run(t, server);
  return { port, ntsPort, certificate, directory, stop: () => server.stop(), start: () => server.start() };
}

/** Follows a server (whose clock is this host's, or a laboratory reference) without touching the host's clock. */
export async function chronydClient(
  t: ExecutionContext,
  serverPort: number,
): Promise<{ commandPort: number; stop(): Promise<void> }> {
  const commandPort = await freePort();
  const client = new Chronyd(ownDirectory(t), commandPort, [
    `server 127.0.0.1 port ${serverPort} minpoll -4 maxpoll -3 iburst`,
    'port 0',
  ]);
  await run(t, client);
  return { commandPort, stop: () => client.stop() };
}

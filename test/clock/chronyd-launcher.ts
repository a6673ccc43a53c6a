/**
 * A real chronyd on loopback, beside any that the host runs: it never touches the clock (`-x`), and has ports, keys and
 * files of its own. For tests and benches.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Undefined where chrony is not installed. */
export const chronydPath = ['/usr/sbin/chronyd', '/usr/local/sbin/chronyd'].find((path) => existsSync(path));

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

export interface ServerFiles {
  readonly port: number;
  readonly commandPort: number;
  readonly ntsPort: number;
  /** PEM of the certificate of key establishment, its own authority; empty without NTS. */
  readonly certificate: string;
}

function ntsCertificate(directory: string): string {
  const [key, certificate] = [join(directory, 'nts.key'), join(directory, 'nts.crt')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...subject], { stdio: 'pipe' });
  return readFileSync(certificate, 'utf8');
}

/** Serves this host's clock as stratum 1: plain, with `KEY`, and with NTS if asked. Not yet started. */
export async function serverIn(
  directory: string,
  nts = false,
): Promise<{ server: Chronyd; files: ServerFiles }> {
  const [port, commandPort, ntsPort] = [await freePort(), await freePort(), await freePort()];
  const inside = (name: string): string => join(directory, name);
  writeFileSync(inside('keys'), `${KEY.id} AES128 HEX:${hex(KEY.secret)}\n`, { mode: 0o600 });
  const certificate = nts ? ntsCertificate(directory) : '';
  const ntsLines = [
    `ntsport ${ntsPort}`,
    `ntsservercert ${inside('nts.crt')}`,
    `ntsserverkey ${inside('nts.key')}`,
    `ntsdumpdir ${directory}`,
    'ntsprocesses 0',
  ];
  const server = new Chronyd(directory, commandPort, [
    'local stratum 1',
    `port ${port}`,
    'bindaddress 127.0.0.1',
    'allow 127.0.0.1',
    `keyfile ${inside('keys')}`,
    ...(nts ? ntsLines : []),
  ]);
  return { server, files: { port, commandPort, ntsPort, certificate } };
}

/** Follows a server (whose clock is this host's, or a laboratory reference). Not yet started. */
export async function clientIn(
  directory: string,
  serverPort: number,
  polling = 'minpoll -4 maxpoll -3',
): Promise<{ client: Chronyd; commandPort: number }> {
  const commandPort = await freePort();
  const client = new Chronyd(directory, commandPort, [
    `server 127.0.0.1 port ${serverPort} ${polling} iburst`,
    'port 0',
  ]);
  return { client, commandPort };
}

/**
 * Three etcd members on loopback as the yardstick: default settings, every put synced by a majority before its answer.
 * Driven with the same gRPC library, without TLS (to its advantage), at its leader.
 */

import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceClientConstructor, ServiceError } from '@grpc/grpc-js';
import { credentials, loadPackageDefinition, makeClientConstructor } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { freePorts } from '../src/lab/ports.js';
import { findPackageRoot } from '../src/wire/package-root.js';
import type { Done, Target } from './closed-loop.js';
import { BenchError } from './errors.js';
import { whenInterrupted } from './interrupt.js';
import { recordOf } from './records.js';

const MEMBERS = 3;
const START_PATIENCE_MS = 20_000;
const CALL_PATIENCE_MS = 5_000;
const STOP_PATIENCE_MS = 5_000;
const KEY_DIGITS = 12;

type Answered<T> = (error: ServiceError | null, answer: T) => void;

interface Put {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** What proto-loader makes of bench/etcd.proto: 64-bit integers as text. */
interface Client {
  Put(request: Put, done: Answered<unknown>): void;
  Range(
    request: { readonly key: Buffer; readonly range_end: Buffer; readonly count_only: boolean },
    options: { readonly deadline: number },
    done: Answered<{ readonly count: string }>,
  ): void;
  Status(
    request: object,
    options: { readonly deadline: number },
    done: Answered<{ readonly leader: string; readonly header: { readonly member_id: string } }>,
  ): void;
  close(): void;
}

export class EtcdTarget implements Target {
  readonly name = 'etcd';
  readonly #members: readonly ChildProcess[];
  #client: Client | null = null;
  #next = 0;
  #acknowledged = 0;

  private constructor(members: readonly ChildProcess[]) {
    this.#members = members;
  }

  /** @throws BenchError with how to install it */
  static requireInstalled(): void {
    const { status } = spawnSync('etcd', ['--version'], { stdio: 'ignore' });
    if (status === 0) return;
    throw new BenchError(
      'etcd is not on the PATH. On Debian: apt-get install etcd-server; elsewhere put the etcd binary of a release of github.com/etcd-io/etcd on the PATH',
    );
  }

  /** @param linkTo the port that the other members dial to reach one that listens at `port` */
  static async start(
    directory: string,
    linkTo: (port: number) => number = (port) => port,
  ): Promise<EtcdTarget> {
    const ports = await freePorts(2 * MEMBERS);
    const url = (port: number): string => `http://127.0.0.1:${port}`;
    const clients = ports.slice(0, MEMBERS).map(url);
    const listening = ports.slice(MEMBERS);
    const peers = listening.map(linkTo).map(url);
    const cluster = peers.map((peer, member) => `m${member}=${peer}`).join(',');
    mkdirSync(directory, { recursive: true });
    const members = clients.map((client, member) => {
      const log = openSync(join(directory, `m${member}.log`), 'a');
      const peer = peers[member] as string;
      const listen = url(listening[member] as number);
      const child = spawn(
        'etcd',
        [
          ...['--name', `m${member}`, '--data-dir', join(directory, `m${member}`)],
          ...['--listen-client-urls', client, '--advertise-client-urls', client],
          ...['--listen-peer-urls', listen, '--initial-advertise-peer-urls', peer],
          ...['--initial-cluster', cluster, '--initial-cluster-state', 'new'],
        ],
        { stdio: ['ignore', log, log] },
      );
      closeSync(log);
      return child;
    });
    whenInterrupted(() => {
      for (const member of members) member.kill('SIGKILL');
    });
    const target = new EtcdTarget(members);
    try {
      await target.#connect(ports.slice(0, MEMBERS).map((port) => `127.0.0.1:${port}`));
    } catch (error) {
      await target.stop();
      throw error;
    }
    return target;
  }

  get pids(): readonly number[] {
    return this.#members.map(({ pid }) => pid as number);
  }

  append(done: Done): void {
    const number = this.#next++;
    this.#leader.Put({ key: keyOf(number), value: recordOf(number) }, (error) => {
      if (error === null) this.#acknowledged += 1;
      done(error);
    });
  }

  /** @throws BenchError if it holds fewer keys than it acknowledged */
  async requireAllStored(): Promise<void> {
    const range = { key: Buffer.from('log/'), range_end: Buffer.from('log0'), count_only: true };
    const { count } = await answer<{ readonly count: string }>((done) =>
      this.#leader.Range(range, { deadline: Date.now() + CALL_PATIENCE_MS }, done),
    );
    if (Number(count) >= this.#acknowledged) return;
    throw new BenchError(`etcd acknowledged ${this.#acknowledged} puts and holds ${count}`);
  }

  async stop(): Promise<void> {
    this.#client?.close();
    await Promise.all(this.#members.map(stopped));
  }

  get #leader(): Client {
    if (this.#client === null) throw new Error('not connected');
    return this.#client;
  }

  /** Keeps the connection to the leader: that is the fastest way into it. */
  async #connect(addresses: readonly string[]): Promise<void> {
    const clients = addresses.map(openClient);
    const deadline = performance.now() + START_PATIENCE_MS;
    while (this.#client === null && performance.now() < deadline) {
      for (const client of clients) if (await leads(client)) this.#client = client;
      await sleep(100);
    }
    for (const client of clients) if (client !== this.#client) client.close();
    if (this.#client === null) throw new BenchError('etcd has elected no leader; see its logs with --keep');
  }
}

function openClient(address: string): Client {
  const definition = loadSync(join(findPackageRoot(), 'bench', 'etcd.proto'), {
    longs: String,
    keepCase: true,
  });
  const { etcdserverpb } = loadPackageDefinition(definition) as unknown as {
    readonly etcdserverpb: {
      readonly KV: ServiceClientConstructor;
      readonly Maintenance: ServiceClientConstructor;
    };
  };
  const { KV, Maintenance } = etcdserverpb;
  // One client, one connection: a client class may call any method.
  const service = { ...KV.service, ...Maintenance.service };
  const Constructor = makeClientConstructor(service, 'etcd');
  return new Constructor(address, credentials.createInsecure()) as unknown as Client;
}

async function leads(client: Client): Promise<boolean> {
  try {
    const { leader, header } = await answer<{ leader: string; header: { member_id: string } }>((done) =>
      client.Status({}, { deadline: Date.now() + 500 }, done),
    );
    return leader !== '0' && leader === header.member_id;
  } catch {
    return false; // not started yet
  }
}

function answer<T>(call: (done: Answered<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null) resolve(value);
      else reject(error);
    });
  });
}

async function stopped(member: ChildProcess): Promise<void> {
  if (member.exitCode !== null || member.signalCode !== null || member.pid === undefined) return;
  const gone = new Promise((resolve) => member.once('exit', resolve));
  member.kill('SIGTERM');
  const timer = setTimeout(() => member.kill('SIGKILL'), STOP_PATIENCE_MS);
  await gone;
  clearTimeout(timer);
}

const keyOf = (number: number): Buffer => Buffer.from(`log/${String(number).padStart(KEY_DIGITS, '0')}`);

/**
 * The clock's own thread: sockets and timers around the pure discipline. Nothing else runs on its event loop, so that a
 * busy main thread costs the time stamps nothing. Every state is published to shared memory before it is told to anyone.
 */

import { lookup } from 'node:dns/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Discipline } from './core/discipline.js';
import type { ClockEffect, ClockInput, Moment } from './core/inputs.js';
import { tuning } from './core/profile.js';
import { ask } from './exchange.js';
import { readMono, readWall, suspendProbe, wallProbe } from './monotonic.js';
import { SharedStateWriter } from './shared-state.js';
import type { FromWorker, ToWorker, WorkerSource, WorkerStart } from './worker-protocol.js';

/** Longest sleep between two signs of life. */
const HEARTBEAT_MS = 100;
const PROBE_EVERY_NS = 1_000_000_000n;
const RESOLVE_AGAIN_MS = 3_600_000;
const RESOLVE_RETRY_MS = 5_000;

/** An input without its moment, which is added when it is handled. */
type WithoutMoment<T> = T extends unknown ? Omit<T, keyof Moment> : never;

class ClockWorker {
  readonly #send: (message: FromWorker) => void;
  readonly #shared: SharedStateWriter;
  readonly #discipline: Discipline;
  readonly #sources: ReadonlyMap<string, WorkerSource>;
  readonly #open = new Set<() => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #suspend = suspendProbe();
  readonly #wall = wallProbe();
  #probedMono = readMono();
  #stopped = false;

  constructor(start: WorkerStart, send: (message: FromWorker) => void) {
    this.#send = send;
    this.#shared = new SharedStateWriter(start.shared);
    this.#sources = new Map(start.sources.map((source) => [source.name, source]));
    this.#discipline = new Discipline(start, start.memory, { mono: readMono(), wallNs: readWall() });
  }

  run(): void {
    for (const source of this.#sources.values()) void this.#resolve(source);
    // The raised epoch is stored before the first reading of it can be told.
    this.#send({ kind: 'memory', memory: this.#discipline.memory() });
    this.#tick();
    this.#send({ kind: 'ready' });
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'release':
        this.#handle({ kind: 'release', what: message.what });
        return;
      case 'status':
        this.#send({ kind: 'status', request: message.request, sources: this.#discipline.sourceStatus() });
        return;
      case 'stop':
        this.#stop();
    }
  }

  #stop(): void {
    this.#stopped = true;
    for (const abandon of this.#open) abandon();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#send({ kind: 'stopped', memory: this.#discipline.memory() });
  }

  #handle(input: WithoutMoment<ClockInput>): void {
    if (this.#stopped) return;
    const effects = this.#discipline.handle({ ...input, mono: readMono(), wallNs: readWall() });
    this.#shared.publish(this.#discipline.published());
    for (const effect of effects) this.#execute(effect);
  }

  #execute(effect: ClockEffect): void {
    switch (effect.kind) {
      case 'ask':
        this.#ask(effect.source, effect.address);
        return;
      case 'event':
        this.#send({ kind: 'event', event: effect.event });
        return;
      case 'remember':
        this.#send({ kind: 'memory', memory: this.#discipline.memory() });
    }
  }

  #ask(name: string, address: string): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    const { port, key, profile } = source;
    const family = address.includes(':') ? 6 : 4;
    const abandon = ask(
      { address, family, port, key, windowMs: Number(profile.windowNs / 1_000_000n) },
      {
        onAnswer: (exchange) => this.#handle({ kind: 'answer', source: name, address, exchange }),
        onSilence: () => {
          this.#open.delete(abandon);
          this.#handle({ kind: 'noAnswer', source: name, address });
        },
      },
    );
    this.#open.add(abandon);
    // Whatever happened to it, a question is over after its window.
    this.#later(Number(profile.windowNs / 1_000_000n) + HEARTBEAT_MS, () => this.#open.delete(abandon));
  }

  #tick(): void {
    const mono = readMono();
    this.#shared.heartbeat(mono);
    this.#probe(mono);
    this.#handle({ kind: 'tick' });
    const untilPoll = Number((this.#discipline.nextPollMono() - readMono()) / 1_000_000n) + 1;
    this.#later(Math.min(Math.max(untilPoll, 1), HEARTBEAT_MS), () => this.#tick());
  }

  #probe(mono: bigint): void {
    if (mono - this.#probedMono < PROBE_EVERY_NS) return;
    this.#probedMono = readMono();
    const slept = this.#suspend.jump();
    if (slept > tuning.suspendNs) this.#handle({ kind: 'suspended', forNs: slept });
    const stepped = this.#wall.jump();
    if (stepped !== 0n && slept === 0n) this.#handle({ kind: 'wallStepped', byNs: stepped });
  }

  /** Every address of a name is used; they are looked up again every hour. */
  async #resolve(source: WorkerSource): Promise<void> {
    let again = RESOLVE_AGAIN_MS;
    try {
      const found = await lookup(source.host, { all: true });
      this.#handle({
        kind: 'addresses',
        source: source.name,
        addresses: found.map(({ address }) => address),
      });
    } catch {
      // Addresses that were found before are kept: a failing name server must not stop the clock.
      again = RESOLVE_RETRY_MS;
    }
    if (!this.#stopped) this.#later(again, () => void this.#resolve(source));
  }

  #later(ms: number, task: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#stopped) task();
    }, ms);
    this.#timers.add(timer);
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const worker = new ClockWorker(workerData as WorkerStart, (message) => port.postMessage(message));
  port.on('message', (message: ToWorker) => {
    worker.receive(message);
    if (message.kind === 'stop') port.close();
  });
  worker.run();
}

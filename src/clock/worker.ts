/**
 * The clock's own thread: sockets and timers around the pure discipline. Nothing else runs on its event loop, so that a
 * busy main thread costs the time stamps nothing. Every state is published to shared memory before it is told to anyone.
 */

import { parentPort, workerData } from 'node:worker_threads';
import { Discipline } from './core/discipline.js';
import type { ClockEffect, ClockInput } from './core/inputs.js';
import { tuning } from './core/profile.js';
import { ChronydLink } from './chronyd/link.js';
import { readMono, readWall, suspendProbe, wallProbe } from './monotonic.js';
import { NtsLink } from './nts/link.js';
import { SharedStateWriter } from './shared-state.js';
import { NtpLink } from './source-link.js';
import type { LinkHost, SourceLink, WithoutMoment } from './source-link.js';
import type { FromWorker, ToWorker, WorkerSource, WorkerStart } from './worker-protocol.js';

/** Longest sleep between two signs of life. */
const HEARTBEAT_MS = 100;
const PROBE_EVERY_NS = 1_000_000_000n;

function linkTo({ name, transport, profile }: WorkerSource, host: LinkHost): SourceLink {
  switch (transport.kind) {
    case 'ntp':
      return new NtpLink(name, transport, profile, host);
    case 'nts':
      return new NtsLink(name, profile, host);
    case 'chronyd':
      return new ChronydLink(name, transport, profile, host);
  }
}

class ClockWorker {
  readonly #send: (message: FromWorker) => void;
  readonly #shared: SharedStateWriter;
  readonly #discipline: Discipline;
  readonly #links: ReadonlyMap<string, SourceLink>;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #suspend = suspendProbe();
  readonly #wall = wallProbe();
  #probedMono = readMono();
  #stopped = false;

  constructor(start: WorkerStart, send: (message: FromWorker) => void) {
    this.#send = send;
    this.#shared = new SharedStateWriter(start.shared);
    const host: LinkHost = {
      handle: (input) => this.#handle(input),
      later: (ms, task) => this.#later(ms, task),
      establish: (source) => send({ kind: 'establish', source }),
    };
    this.#links = new Map(start.sources.map((source) => [source.name, linkTo(source, host)]));
    this.#discipline = new Discipline(start, start.memory, { mono: readMono(), wallNs: readWall() });
  }

  run(): void {
    for (const link of this.#links.values()) link.start();
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
      case 'established': {
        const link = this.#links.get(message.source);
        if (link instanceof NtsLink && !this.#stopped) link.established(message.result);
        return;
      }
      case 'stop':
        this.#stop();
    }
  }

  #stop(): void {
    this.#stopped = true;
    for (const link of this.#links.values()) link.close();
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
        this.#links.get(effect.source)?.ask(effect.address);
        return;
      case 'event':
        this.#send({ kind: 'event', event: effect.event });
        return;
      case 'remember':
        this.#send({ kind: 'memory', memory: this.#discipline.memory() });
    }
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

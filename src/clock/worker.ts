/**
 * The clock's own thread: sockets and timers around the pure discipline. Nothing else runs on its event loop, so that a
 * busy main thread costs the time stamps nothing. Every state is published to shared memory before it is told to anyone.
 */

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { Discipline } from './core/discipline.js';
import type { ClockEffect, ClockInput } from './core/inputs.js';
import type { PeersConfig } from './core/peers.js';
import { tuning } from './core/profile.js';
import { ChronydLink } from './chronyd/link.js';
import { hostProbes } from './host-probes.js';
import type { HostProbes } from './host-probes.js';
import { readMono, readWall } from './monotonic.js';
import { NtsLink } from './nts/link.js';
import { PeerSocket } from './peer-socket.js';
import { SharedStateWriter } from './shared-state.js';
import { NtpLink } from './source-link.js';
import type { LinkHost, SourceLink, WithoutMoment } from './source-link.js';
import type { FromWorker, ToWorker, WorkerPeers, WorkerSource, WorkerStart } from './worker-protocol.js';

/** Longest sleep between two signs of life. */
const HEARTBEAT_MS = 100;
const PROBE_EVERY_NS = 1_000_000_000n;
/** The event loop is looked at this often; what is measured includes it. */
const DELAY_RESOLUTION_MS = 100;
/** A tick that comes this much too late was kept from running: the process, or the machine, stood still. */
const PAUSED_NS = 500_000_000n;

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
  readonly #probes: HostProbes;
  readonly #peers: PeerSocket | null;
  #probedMono = readMono();
  #tickedMono = readMono();
  readonly #delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  #nextTick: NodeJS.Timeout | null = null;
  #nextTickMono = 0n;
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
    const { peering } = start;
    this.#probes = hostProbes(start.vmClockPath);
    this.#discipline = new Discipline(
      peering === null ? start : { ...start, peers: peersOf(peering) },
      start.memory,
      { mono: readMono(), wallNs: readWall() },
    );
    this.#peers = peering === null ? null : this.#openPeers(peering);
  }

  run(): void {
    this.#delay.enable();
    for (const link of this.#links.values()) link.start();
    // The raised epoch is stored before the first reading of it can be told.
    this.#send({ kind: 'memory', memory: this.#discipline.memory() });
    this.#tick();
    this.#send({ kind: 'ready' });
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case 'release':
        this.#handle({ kind: 'release', what: message.what, number: message.number });
        return;
      case 'peerKeys':
        this.#peers?.setKeys(message.peer, message.keys);
        return;
      case 'peerRounds':
        this.#handle({ kind: 'peerRounds', rounds: message.rounds });
        return;
      case 'leapKnowledge':
        this.#handle({ kind: 'leapKnowledge', leap: message.leap });
        return;
      case 'status':
        this.#send({
          kind: 'status',
          request: message.request,
          sources: this.#discipline.sourceStatus(),
          peers: this.#discipline.peerStatus(),
          leap: this.#discipline.comingLeap(),
          rate: this.#discipline.rate,
          toSynchronisationNs: this.#discipline.timeToSynchronisation(),
          workerDelayMs: Math.max(0, this.#delay.percentile(99) / 1e6 - DELAY_RESOLUTION_MS),
        });
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
    this.#delay.disable();
    this.#peers?.close();
    if (this.#nextTick !== null) clearTimeout(this.#nextTick);
    for (const link of this.#links.values()) link.close();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#send({ kind: 'stopped', memory: this.#discipline.memory() });
  }

  #handle(input: WithoutMoment<ClockInput>): void {
    if (this.#stopped) return;
    const effects = this.#discipline.handle({ ...input, mono: readMono(), wallNs: readWall() });
    this.#shared.publish(this.#discipline.published());
    for (const effect of effects) this.#execute(effect);
    this.#armTick();
  }

  #openPeers({ listen, peers }: WorkerPeers): PeerSocket {
    return new PeerSocket({
      ...listen,
      peers,
      stampAt: (mono) => this.#discipline.stampAt(mono),
      standing: () => this.#discipline.standing(),
      onAnswer: (peer, round, exchange) => this.#handle({ kind: 'peerAnswer', peer, round, exchange }),
      onFailure: (detail) => this.#handle({ kind: 'peerSocketFailed', detail }),
    });
  }

  #execute(effect: ClockEffect): void {
    switch (effect.kind) {
      case 'ask':
        this.#links.get(effect.source)?.ask(effect.address);
        return;
      case 'askPeers':
        this.#peers?.ask(effect.round, effect.peers);
        return;
      case 'peerRound':
        this.#send({ kind: 'peerRound' });
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
    const late = mono - this.#tickedMono;
    this.#tickedMono = mono;
    this.#nextTick = null;
    // What may have happened meanwhile is looked at first, and published before the sign of life that vouches for it.
    this.#probe(mono, late > PAUSED_NS);
    if (late > PAUSED_NS) this.#handle({ kind: 'paused', forNs: late });
    this.#handle({ kind: 'tick' });
    this.#shared.heartbeat(mono);
  }

  /** One tick is always ahead: when the discipline asks for it, or for the next sign of life. */
  #armTick(): void {
    if (this.#stopped) return;
    const now = readMono();
    const latest = this.#tickedMono + BigInt(HEARTBEAT_MS) * 1_000_000n;
    const poll = this.#discipline.nextPollMono();
    const next = poll < latest ? poll : latest;
    if (this.#nextTick !== null && this.#nextTickMono <= next) return;
    if (this.#nextTick !== null) clearTimeout(this.#nextTick);
    this.#nextTickMono = next;
    const ms = next > now ? Number((next - now) / 1_000_000n) + 1 : 1;
    this.#nextTick = setTimeout(() => this.#tick(), ms);
  }

  #probe(mono: bigint, now: boolean): void {
    const disrupted = this.#probes.machineDisrupted();
    if (disrupted !== null) this.#handle({ kind: 'machineDisrupted', detail: disrupted });
    if (!now && mono - this.#probedMono < PROBE_EVERY_NS) return;
    this.#probedMono = readMono();
    const slept = this.#probes.slept();
    if (slept > tuning.suspendNs) this.#handle({ kind: 'suspended', forNs: slept });
    const stepped = this.#probes.wallStepped();
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

const peersOf = ({ peers }: WorkerPeers): PeersConfig => ({
  peers: peers.map(({ name }) => name),
  clusterSize: peers.length + 1,
});

if (parentPort !== null) {
  const port = parentPort;
  const worker = new ClockWorker(workerData as WorkerStart, (message) => port.postMessage(message));
  port.on('message', (message: ToWorker) => {
    worker.receive(message);
    if (message.kind === 'stop') port.close();
  });
  worker.run();
}

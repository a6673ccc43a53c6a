/**
 * The clock as the rest of the node sees it: started once, read from anywhere at any time, told of by events.
 *
 * `reading()` never asks the worker: it takes the last published state and lets the bound grow to the instant of the call,
 * so a stalled or dead worker makes readings wider and their state lower, never wrong.
 */

import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { Worker } from 'node:worker_threads';
import { builtinLeapTable } from '../time/leap-table.js';
import type { LeapTable } from '../time/leap-table.js';
import type { ClockReading, TaiNs } from '../time/types.js';
import type { ReleaseWhat } from './core/inputs.js';
import type { SourceStatus } from './core/source.js';
import type { ClockEvent, SourceRole } from './core/events.js';
import { freshMemory } from './core/memory.js';
import type { MachineLimits } from './core/machine.js';
import type { PeerStatus } from './core/peers.js';
import { hostProfile, monitorProfile, profiles } from './core/profile.js';
import type { ClockProfile, ProfileName } from './core/profile.js';
import type { PossibleLeap } from './core/leap-keeper.js';
import { effectiveTable } from './core/leap-policy.js';
import type { LeapKnowledge } from './core/leap-policy.js';
import { WORKER_STALL_NS } from './core/reading.js';
import { ClockError } from './errors.js';
import type { NtpKey } from './mac.js';
import { MemoryWriter, loadMemory, readOscillatorIdentity } from './memory-file.js';
import type { LoadedMemory } from './memory-file.js';
import { readMono, readWall } from './monotonic.js';
import { establishKeys } from './nts/key-establishment.js';
import type { PeerKey } from './peer-keys.js';
import { ClockReader } from './reader.js';
import type { ClockHandle } from './reader.js';
import { createSharedState } from './shared-state.js';
import type {
  FromWorker,
  ToWorker,
  Transport,
  WorkerPeers,
  WorkerSource,
  WorkerStart,
} from './worker-protocol.js';

interface NamedSource {
  /** Unique name, for records. */
  readonly name: string;
  /** Who runs it: three operators are needed to confirm an anomaly of the reference. Its own name, if left out. */
  readonly operator?: string;
}

/** A server that is asked by NTP. */
export interface NtpSourceOptions extends NamedSource {
  /** Host name (all of its addresses are used) or address. */
  readonly host: string;
  /** UDP port, 1 … 65535. */
  readonly port: number;
  /** References steer; monitors only watch the references. */
  readonly role: SourceRole;
  /** AES-CMAC key; without one answers are not authenticated. */
  readonly key?: NtpKey;
  /** Refid that answers must carry (for UTC(NICT): the letters that NICT publishes). Any, if left out. */
  readonly refid?: string;
}

/**
 * A server that is asked by NTP under Network Time Security. Monitors only: NTS needs AES-SIV, which is on no CRYPTREC
 * list and allowed here as a named exception for what watches and never steers.
 */
export interface NtsSourceOptions extends NamedSource {
  readonly role: SourceRole;
  readonly nts: {
    /** Name in the certificate of the key-establishment server. */
    readonly server: string;
    /** TCP port, usually 4460. */
    readonly port: number;
    /** PEM of the authorities that may vouch for it; those that Node ships, if left out. */
    readonly ca?: string;
  };
}

/** The chronyd that disciplines this host; its role follows what it has selected. */
export interface ChronydSourceOptions extends NamedSource {
  readonly chronyd: {
    /** IPv4 address and UDP port of its command interface, usually 127.0.0.1 and 323. */
    readonly address: string;
    readonly port: number;
    /**
     * Addresses and refids of those of its sources that are UTC(NICT). While it follows one of them it is a reference,
     * otherwise a monitor.
     */
    readonly references: readonly string[];
  };
}

export type ClockSourceOptions = NtpSourceOptions | NtsSourceOptions | ChronydSourceOptions;

export interface ClockOptions {
  /** At least one with the role `reference`. */
  readonly sources: readonly ClockSourceOptions[];
  readonly profile: ProfileName;
  /** Half-width of the bound above which the clock is in holdover, and above which it refuses. Default 10 ms and 50 ms. */
  readonly limits?: { readonly syncNs: bigint; readonly holdNs: bigint };
  /** Assumed bound of the oscillator's rate error, parts per billion. Default: the profile's (15 ppm; cold 50 ppm). */
  readonly rho?: { readonly floorPpb: bigint; readonly coldPpb?: bigint };
  /** File that keeps drift, high-water mark, budget, epoch and latch. Without it every start is a first start. */
  readonly memoryPath?: string;
  /** Where this node and its peers compare clocks, over UDP; left out for a clock that stands alone. */
  readonly peering?: WorkerPeers;
  /** Device that tells of disruptions of a virtual machine. Default: /dev/vmclock0, if there is one. */
  readonly vmClockPath?: string;
  /** What is known of leap seconds at the start. Default: the built-in table and no entries. */
  readonly leap?: LeapKnowledge;
}

export interface ClockStatus {
  readonly sources: readonly SourceStatus[];
  readonly peers: readonly PeerStatus[];
  readonly leap: PossibleLeap;
  /** Fitted rate of TAI against the oscillator and its standard error, ppb; null while none is known. */
  readonly rate: { readonly ratePpb: number; readonly skewPpb: number } | null;
  /** How late the worker's event loop ran, 99th percentile since start, milliseconds. */
  readonly workerDelayMs: number;
  /**
   * How long until time is served, if every question is answered, nanoseconds: by the references' pace and what is left of
   * their budgets. 0 while it is served; null if an operator must act or nobody can be asked.
   */
  readonly toSynchronisationNs: bigint | null;
}

export interface ClockService {
  /** The time now with its bound. Never blocks, never throws; check `state` before use. */
  reading(): ClockReading;
  /** @returns a function that ends the subscription */
  on(listener: (event: ClockEvent) => void): () => void;
  /** Counters and last measurement of each source, what is known of each peer's clock, and the next possible leap second. */
  status(): Promise<ClockStatus>;
  /**
   * An operator's decision, to be recorded by the caller first: clears the QUARANTINED latch (or the latch of an absurd rate),
   * a high-water mark poisoned by a forward jump, or a leap contradiction. `number` grows with every release of this node:
   * one that is not larger than the last was carried out before and does nothing.
   */
  release(what: ReleaseWhat, number: number): void;
  /** Keys agreed with a peer, newest first. They stay in the memory of this process. */
  setPeerKeys(peer: string, keys: readonly PeerKey[]): void;
  /** So many rounds among the peers begin at once, for somebody who waits for their outcome. */
  requestPeerRounds(rounds: number): void;
  /** Called after every round; the reading says how it ended. @returns a function that ends the subscription */
  onPeerRound(listener: () => void): () => void;
  /** Stops the worker and writes the memory. Later readings keep growing. */
  stop(): Promise<void>;
  /** The table that labels are made with: the list, and what operators entered beyond it. */
  readonly leapTable: LeapTable;
  /** Replaces what is known of leap seconds; takes effect at once. */
  setLeap(leap: LeapKnowledge): void;
  readonly limits: MachineLimits;
  /** For `new ClockReader(handle)` in another thread. */
  readonly handle: ClockHandle;
}

function fail(message: string): never {
  throw new ClockError('CLOCK_CONFIG_INVALID', message);
}

function checkPort(name: string, what: string, port: number): void {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    fail(`clock source ${name}: ${what} ${port} is not in 1 … 65535`);
}

function checkNtp({ name, host, port, key }: NtpSourceOptions): void {
  if (host === '') fail(`clock source ${name} has no host`);
  checkPort(name, 'port', port);
  if (key === undefined) return;
  if (key.secret.length !== 16 && key.secret.length !== 32) {
    fail(`clock source ${name}: an AES-CMAC key has 16 or 32 octets, not ${key.secret.length}`);
  }
  if (!Number.isInteger(key.id) || key.id < 1 || key.id > 65_535)
    fail(`clock source ${name}: key id must be 1 … 65535`);
}

function checkNts({ name, role, nts }: NtsSourceOptions): void {
  if (role !== 'monitor') {
    fail(
      `clock source ${name}: NTS is for monitors only, because AES-SIV is on no CRYPTREC list; ` +
        'authenticate a reference with an AES-CMAC key, or make this source a monitor',
    );
  }
  if (nts.server === '') fail(`clock source ${name} has no nts.server`);
  checkPort(name, 'nts.port', nts.port);
}

function checkChronyd({ name, chronyd }: ChronydSourceOptions): void {
  if (isIPv4(chronyd.address)) checkPort(name, 'chronyd port', chronyd.port);
  else fail(`clock source ${name}: chronyd.address must be an IPv4 address, usually 127.0.0.1`);
}

function checkSource(source: ClockSourceOptions): void {
  if (source.name === '') fail('a clock source has an empty name; name each source');
  if ('nts' in source) checkNts(source);
  else if ('chronyd' in source) checkChronyd(source);
  else checkNtp(source);
}

const canSteer = (source: ClockSourceOptions): boolean =>
  'chronyd' in source ? source.chronyd.references.length > 0 : source.role === 'reference';

function profileOf(options: ClockOptions): ClockProfile {
  const profile = profiles[options.profile];
  const { rho } = options;
  if (rho === undefined) return profile;
  const coldPpb = rho.coldPpb ?? (rho.floorPpb > profile.rhoColdPpb ? rho.floorPpb : profile.rhoColdPpb);
  if (rho.floorPpb < 2_000n) fail('rho.floorPpb is below 2 ppm: no oscillator of a server keeps that');
  if (coldPpb < rho.floorPpb)
    fail('rho.coldPpb is below rho.floorPpb; an unknown oscillator is not better than a known one');
  if (coldPpb > 100_000_000n) fail('rho.coldPpb is above 10 %');
  return { ...profile, rhoFloorPpb: rho.floorPpb, rhoColdPpb: coldPpb };
}

function workerSource(source: ClockSourceOptions, profile: ClockProfile): WorkerSource {
  const { name, operator } = source;
  const common = { name, refid: null, ...(operator === undefined ? {} : { operator }) };
  if ('nts' in source) {
    const { server, port, ca } = source.nts;
    const transport = { kind: 'nts', server, port, ca: ca ?? null } as const;
    return { ...common, role: 'monitor', profile: monitorProfile(profile), transport };
  }
  if ('chronyd' in source) {
    const { address, port, references } = source.chronyd;
    const transport = { kind: 'chronyd', address, port } as const;
    // Until it has said what it follows it is a monitor.
    return { ...common, references, role: 'monitor', profile: hostProfile(profile), transport };
  }
  const { host, port, role, key, refid } = source;
  return {
    ...common,
    refid: refid ?? null,
    role,
    profile: role === 'monitor' ? monitorProfile(profile) : profile,
    transport: { kind: 'ntp', host, port, key: key ?? null },
  };
}

function startMessage(options: ClockOptions, shared: SharedArrayBuffer, loaded: LoadedMemory): WorkerStart {
  const profile = profileOf(options);
  const limits = options.limits ?? { syncNs: 10_000_000n, holdNs: 50_000_000n };
  if (limits.syncNs <= 0n || limits.holdNs < limits.syncNs) fail('clock limits must be 0 < syncNs ≤ holdNs');
  if (!options.sources.some(canSteer)) fail('no clock source has the role reference');
  if (new Set(options.sources.map(({ name }) => name)).size !== options.sources.length)
    fail('two clock sources share a name');
  options.sources.forEach(checkSource);
  const sources = options.sources.map((source) => workerSource(source, profile));
  return {
    shared,
    sources,
    profile,
    limits,
    leap: options.leap ?? { list: builtinLeapTable, entries: [] },
    memory: loaded.memory,
    seed: randomBytes(4).readUInt32BE(),
    peering: options.peering ?? null,
    vmClockPath: options.vmClockPath,
  };
}

class RunningClock implements ClockService {
  readonly limits: MachineLimits;
  readonly handle: ClockHandle;
  #leapTable: LeapTable;
  readonly #worker: Worker;
  readonly #transports: ReadonlyMap<string, Transport>;
  readonly #reader: ClockReader;
  readonly #writer: MemoryWriter | null;
  readonly #listeners = new Set<(event: ClockEvent) => void>();
  readonly #roundListeners = new Set<() => void>();
  readonly #statusRequests = new Map<
    number,
    { resolve: (status: ClockStatus) => void; reject: (error: Error) => void }
  >();
  readonly #watchdog: NodeJS.Timeout;
  readonly #exited: Promise<void>;
  #nextRequest = 1;
  #failure = 'for no known reason';
  #stalled = false;
  #alive = true;
  #stopping = false;

  constructor(
    start: WorkerStart,
    worker: Worker,
    writer: (onFailure: (error: Error) => void) => MemoryWriter | null,
  ) {
    this.#worker = worker;
    this.#transports = new Map(start.sources.map(({ name, transport }) => [name, transport]));
    this.#writer = writer((error) =>
      this.#emit({ kind: 'persistFailed', ...this.#time(), detail: error.message }),
    );
    this.#leapTable = effectiveTable(start.leap);
    const { samplesNeeded, addressesNeeded, staleAfterNs } = start.profile;
    this.limits = { samplesNeeded, addressesNeeded, staleAfterNs, ...start.limits };
    this.handle = { shared: start.shared, limits: this.limits, table: this.#leapTable };
    this.#reader = new ClockReader(this.handle);
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#onExit();
        resolve();
      });
    });
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on(
      'error',
      (error: unknown) => (this.#failure = error instanceof Error ? error.message : String(error)),
    );
    this.#watchdog = setInterval(() => this.#watch(), 500);
    this.#watchdog.unref();
  }

  reading(): ClockReading {
    return this.#reader.reading();
  }

  on(listener: (event: ClockEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setPeerKeys(peer: string, keys: readonly PeerKey[]): void {
    this.#post({ kind: 'peerKeys', peer, keys });
  }

  requestPeerRounds(rounds: number): void {
    this.#post({ kind: 'peerRounds', rounds });
  }

  onPeerRound(listener: () => void): () => void {
    this.#roundListeners.add(listener);
    return () => this.#roundListeners.delete(listener);
  }

  get leapTable(): LeapTable {
    return this.#leapTable;
  }

  setLeap(leap: LeapKnowledge): void {
    // The worker labels with it a moment later than this thread; no sample is used that near to a leap second.
    this.#leapTable = effectiveTable(leap);
    this.#reader.table = this.#leapTable;
    this.#post({ kind: 'leapKnowledge', leap });
  }

  status(): Promise<ClockStatus> {
    return new Promise((resolve, reject) => {
      if (!this.#alive) {
        reject(new ClockError('CLOCK_WORKER_FAILED', 'the clock worker has stopped; restart the node'));
        return;
      }
      const request = this.#nextRequest++;
      this.#statusRequests.set(request, { resolve, reject });
      this.#post({ kind: 'status', request });
    });
  }

  release(what: ReleaseWhat, number: number): void {
    this.#post({ kind: 'release', what, number });
  }

  async stop(): Promise<void> {
    if (!this.#stopping) {
      this.#stopping = true;
      clearInterval(this.#watchdog);
      this.#post({ kind: 'stop' });
    }
    await this.#exited;
    await this.#writer?.flushed();
  }

  /** Tells of a problem that the main thread found. */
  report(code: 'memoryRejected', detail: string): void {
    this.#emit({ kind: 'anomaly', ...this.#time(), code, source: null, detail });
  }

  #post(message: ToWorker): void {
    if (this.#alive) this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'event':
        this.#emit(message.event);
        return;
      case 'memory':
      case 'stopped':
        this.#writer?.write(message.memory);
        return;
      case 'establish':
        this.#establish(message.source);
        return;
      case 'peerRound':
        for (const listener of this.#roundListeners) listener();
        return;
      case 'status':
        this.#statusRequests.get(message.request)?.resolve(message);
        this.#statusRequests.delete(message.request);
    }
  }

  /** A handshake takes milliseconds of computation: it is made here, not in the clock's thread. */
  #establish(source: string): void {
    const transport = this.#transports.get(source);
    if (transport?.kind !== 'nts') return;
    void establishKeys(transport).then((result) => this.#post({ kind: 'established', source, result }));
  }

  #onExit(): void {
    this.#alive = false;
    for (const { reject } of this.#statusRequests.values()) {
      reject(
        new ClockError(
          'CLOCK_WORKER_FAILED',
          'the clock worker stopped before it answered; restart the node',
        ),
      );
    }
    this.#statusRequests.clear();
    if (this.#stopping) return;
    this.#emit({
      kind: 'anomaly',
      ...this.#time(),
      code: 'workerStopped',
      source: null,
      detail:
        `the clock worker ended by itself (${this.#failure}); time is in holdover until its bound ` +
        'reaches the limit: restart the node',
    });
  }

  /** A worker that gives no sign of life for a second is reported once, and once more when it is back. */
  #watch(): void {
    const silentFor = readMono() - this.#reader.heartbeat();
    const stalled = this.#alive && silentFor > WORKER_STALL_NS;
    if (stalled && !this.#stalled) {
      this.#emit({
        kind: 'anomaly',
        ...this.#time(),
        code: 'workerStalled',
        source: null,
        detail: `the clock worker has given no sign of life for ${silentFor.toString()} ns`,
      });
    }
    this.#stalled = stalled;
  }

  #time(): { mono: ClockReading['mono']; tai: { earliest: TaiNs; latest: TaiNs } | null; epoch: number } {
    const { mono, epoch, earliest, latest } = this.reading();
    return { mono, epoch, tai: this.#reader.published().known === null ? null : { earliest, latest } };
  }

  #emit(event: ClockEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/**
 * Starts the clock. Resolves when its worker runs, not when it is synchronised: follow `reading().state` or the events.
 *
 * @throws ClockError `CLOCK_CONFIG_INVALID` for options that cannot work, `CLOCK_WORKER_FAILED` if the worker does not start
 */
export async function startClock(options: ClockOptions): Promise<ClockService> {
  const identity = readOscillatorIdentity();
  const { memoryPath } = options;
  const loaded: LoadedMemory =
    memoryPath === undefined
      ? { memory: freshMemory, problem: null }
      : loadMemory(memoryPath, identity, readWall());
  const start = startMessage(options, createSharedState(), loaded);
  const worker = new Worker(new URL('./worker.js', import.meta.url), {
    workerData: start,
    name: 'taa-clock',
  });
  const clock = new RunningClock(start, worker, (onFailure) =>
    memoryPath === undefined ? null : new MemoryWriter(memoryPath, identity, onFailure),
  );
  await new Promise<void>((resolve, reject) => {
    const onMessage = (message: FromWorker): void => {
      if (message.kind !== 'ready') return;
      worker.off('message', onMessage);
      resolve();
    };
    worker.on('message', onMessage);
    worker.once('error', (cause) =>
      reject(new ClockError('CLOCK_WORKER_FAILED', 'the clock worker did not start', { cause })),
    );
    worker.once('exit', () =>
      reject(new ClockError('CLOCK_WORKER_FAILED', 'the clock worker ended at its start')),
    );
  });
  // The caller subscribes after this returns: what was found while loading is told right after.
  const { problem } = loaded;
  if (problem !== null) setImmediate(() => clock.report('memoryRejected', problem));
  return clock;
}

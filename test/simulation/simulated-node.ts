/**
 * One node of a world: a host with its disk and oscillator, on which processes of the production node core live and die.
 * Everything that a process touches belongs to one life; after its death nothing of it has an effect.
 */
import { NodeCore } from '../../src/node/core/node.js';
import type { NodeCoreHooks } from '../../src/node/core/node.js';
import type { Environment } from '../../src/node/environment.js';
import { StorageFailure } from '../../src/raft/errors.js';
import type { TimingProfile } from '../../src/raft/driver-api.js';
import type { NodeId } from '../../src/raft/types.js';
import type { Genesis } from '../../src/verify/genesis.js';
import type { Host } from './clock.js';
import { SimulatedClock } from './clock.js';
import type { CrashPoint } from './description.js';
import { SimulatedDisk } from './disk.js';
import type { Invariants } from './invariants.js';
import { readCosigned } from './cosigned.js';
import type { SimulatedNetwork } from './network.js';
import type { Prng } from './prng.js';
import type { Life, Scheduler } from './scheduler.js';
import { newLife } from './scheduler.js';
import { simulatedSign, simulatedStatements, simulatedVerifier } from './signatures.js';
import { Violation } from './violation.js';

/** Parts of a node bent for negative controls. Nothing that ships reads these. */
export interface NodeMutation {
  readonly disksLie?: boolean;
  readonly hooks?: Omit<NodeCoreHooks, 'fatal'>;
}

export interface NodeContext {
  readonly scheduler: Scheduler;
  readonly network: SimulatedNetwork;
  readonly genesis: Genesis;
  readonly timing: TimingProfile;
  readonly invariants: Invariants;
  readonly logKey: Uint8Array;
  readonly issuingKey: Uint8Array;
  readonly mutation: NodeMutation;
  readonly trace: (who: string, what: string) => void;
  /** The process found that it cannot go on, and a fault of the world explains it. */
  readonly ended: (node: SimulatedNode) => void;
  /** The process died at a point at which its crash was armed. */
  readonly crashed: (node: SimulatedNode) => void;
  readonly leads: (node: SimulatedNode) => void;
}

const DEAD: Life = { alive: false, pausedUntil: 0, atDeath: [] };

export class SimulatedNode {
  readonly id: NodeId;
  readonly host: Host;
  readonly disk: SimulatedDisk;
  readonly #context: NodeContext;
  readonly #prng: Prng;
  life: Life = DEAD;
  core: NodeCore | null = null;
  clock: SimulatedClock | null = null;
  ready = false;
  role = 'follower';
  term = 0;
  /** A fault has taken away what a process needs: its end is right, for as long as this stands. */
  excuse: string | null = null;
  #armed: { readonly point: CrashPoint; left: number } | null = null;

  constructor(id: NodeId, host: Host, prng: Prng, context: NodeContext) {
    this.id = id;
    this.host = host;
    this.#prng = prng;
    this.#context = context;
    const { invariants } = context;
    this.disk = new SimulatedDisk(context.scheduler, prng.fork(), {
      persistBegun: (batch) => {
        invariants.writes(id, batch, this.role, this.term);
        this.#at('persistBegun');
      },
      logDurable: (batch, state, entries) => invariants.durable(id, batch, state, entries),
      persisted: () => this.#at('persisted'),
      witnessSaved: (state) => {
        invariants.witness(id, state);
        this.#at('witnessSaved');
      },
      imageWritten: (image) => invariants.image(id, image),
      wroteAfterFailure: () => {
        throw new Violation('NoRetryAfterFailure', `${id} went on after a failed write`);
      },
    });
    this.disk.faults.lies = context.mutation.disksLie ?? false;
  }

  get isServing(): boolean {
    return this.core !== null && this.ready && !this.isPaused;
  }

  get isPaused(): boolean {
    return this.life.pausedUntil > this.#context.scheduler.now;
  }

  /** Dies the `nth` time that it is at this point. */
  arm(point: CrashPoint, nth: number): void {
    this.#armed = { point, left: nth };
  }

  disarm(): void {
    this.#armed = null;
  }

  boot(): void {
    if (this.life.alive) return;
    const life = newLife();
    this.life = life;
    this.ready = false;
    this.role = 'follower';
    const { fails, full } = this.disk.faults;
    if (!fails && !full && !this.disk.isRotten) this.excuse = null;
    this.host.freeze(false);
    this.#context.trace(this.id, 'starts');
    this.#context.invariants.born(this.id);
    // A new process has a new monotonic clock, and knows nothing about the time.
    const clock = new SimulatedClock(this.host, life, () => {
      if (this.life === life && this.ready) this.core?.clockLooked();
    });
    this.clock = clock;
    const core = new NodeCore({
      environment: this.#environment(life, clock),
      genesis: this.#context.genesis,
      node: this.id,
      incarnation: Uint8Array.from({ length: 16 }, (_, at) => this.id.charCodeAt(at % this.id.length)),
      timing: this.#context.timing,
      seed: this.#prng.uint32(),
      version: 'simulated',
      statements: simulatedStatements,
      hooks: this.#hooks(life),
    });
    this.core = core;
    core.start(() => {
      this.ready = life.alive;
    });
  }

  kill(why: string): void {
    if (!this.life.alive) return;
    this.#context.trace(this.id, why);
    this.life.alive = false;
    this.core = null;
    this.clock = null;
    this.ready = false;
    this.role = 'dead';
    this.#armed = null;
    this.disk.crash();
    for (const task of this.life.atDeath) task();
    this.#context.network.died(this.id);
  }

  #at(point: CrashPoint): void {
    const armed = this.#armed;
    if (armed?.point !== point || !this.life.alive) return;
    armed.left -= 1;
    if (armed.left > 0) return;
    this.kill(`dies at ${point}`);
    this.#context.crashed(this);
  }

  #hooks(life: Life): NodeCoreHooks {
    const { invariants, mutation, trace } = this.#context;
    // A process that died within a step runs on to the end of the step, without an effect.
    const living = (task: () => void): void => {
      if (life.alive) task();
    };
    return {
      ...mutation.hooks,
      applied: (entry) =>
        living(() => {
          invariants.applied(this.id, entry, this.core?.raft.status().term ?? 0);
          this.#at('applied');
        }),
      boundary: (head) =>
        living(() => {
          invariants.boundary(this.id, head);
          this.#at('boundary');
        }),
      event: (event) =>
        living(() => {
          invariants.event(this.id, event);
          if (event.kind === 'measured') this.#at('measured');
        }),
      role: (role, term) =>
        living(() => {
          trace(this.id, `${role} in term ${term}`);
          this.role = role;
          this.term = term;
          if (role !== 'leader') return;
          invariants.ledBy(this.id, term, this.disk.hardState);
          this.#context.leads(this);
          this.#at('becameLeader');
        }),
      step: (kind) => living(() => this.#step(kind)),
      published: (size) =>
        living(() => {
          trace(this.id, `published ${size}`);
          this.#at('published');
        }),
      fatal: (error) => {
        if (error instanceof Violation) throw error;
        if (!life.alive) return;
        if (this.excuse === null || !(error instanceof StorageFailure)) {
          throw new Violation('NoFatal', `${this.id}: ${error.stack ?? error.message}`);
        }
        this.kill(`ends: ${this.excuse}`);
        this.#context.ended(this);
      },
    };
  }

  #step(kind: string): void {
    if (kind === 'confirm' || kind === 'sign' || kind === 'propose' || kind === 'deliver') this.#at(kind);
  }

  #environment(life: Life, clock: SimulatedClock): Environment {
    const { scheduler, network, invariants, issuingKey, logKey } = this.#context;
    const prng = this.#prng.fork();
    const peers = network.attach(this.id, life);
    return {
      mono: () => clock.mono(),
      random: (length) => prng.bytes(length),
      timers: scheduler.timersFor(life, this.host.rate),
      transport: {
        ...peers,
        send: (to, lane, kind, bytes) => {
          peers.send(to, lane, kind, bytes);
          this.#at('sent');
        },
      },
      storage: {
        log: this.disk.log(life),
        ledger: this.disk.ledger(life),
        witness: this.disk.witnessStore(life),
        spool: this.disk.spoolStore(life),
      },
      signer: {
        issue: (message, done) => done(null, simulatedSign(issuingKey, message)),
        cosign: (message, done) => {
          if (life.alive) invariants.signs(this.id, readCosigned(message));
          done(null, simulatedSign(logKey, message));
        },
      },
      verifier: simulatedVerifier,
      clockReading: () => clock.reading(),
      requestPeerRounds: () => undefined,
      releaseClock: () => undefined,
      notifier: { notify: () => undefined },
    };
  }
}

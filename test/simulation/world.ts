/**
 * One simulated world: whole nodes, their disks, network and clocks, TSAs with and without a right clock, and a plan
 * of faults, all drawn from one seed. A safety phase with faults, then a healed phase in which the cluster must serve.
 */
import { checkpointPolicy, logOrigin } from '../../src/verify/checkpoint-policy.js';
import type { Genesis } from '../../src/verify/genesis.js';
import { NodeCore } from '../../src/node/core/node.js';
import type { NodeCoreHooks } from '../../src/node/core/node.js';
import type { Environment } from '../../src/node/environment.js';
import { LAN_TIMING } from '../../src/raft/timing.js';
import type { NodeId } from '../../src/raft/types.js';
import { nodeId } from '../../src/raft/types.js';
import type { SessionPeer } from '../../src/rpc/doors.js';
import type { SessionResponse } from '../../src/wire/messages.js';
import { SimulatedDisk } from './disk.js';
import { EvidenceCheck } from './evidence.js';
import { CLUSTER, clientKey, makeGenesis, registrationOf } from './genesis.js';
import { Invariants, Violation } from './invariants.js';
import { SimulatedNetwork } from './network.js';
import { SimulatedClock } from './oscillator.js';
import { Prng } from './prng.js';
import { Scheduler } from './scheduler.js';
import { simulatedSign, simulatedStatements, simulatedVerifier } from './signatures.js';
import { SimulatedTsa } from './tsa.js';

const TSA_NAMES = ['honest', 'wrong', 'moody'] as const;
const MS = 1_000_000n;
const S = 1_000_000_000n;

/** Everything that varies between worlds; printed when a seed fails. */
export interface WorldOptions {
  readonly nodes: number;
  /** Length of the two phases, simulated seconds. */
  readonly faultSeconds: number;
  readonly healedSeconds: number;
  readonly loss: number;
  readonly duplication: number;
  readonly maxDelayMs: number;
  /** Expected number of each fault per simulated second. */
  readonly crashes: number;
  readonly pauses: number;
  readonly partitions: number;
  readonly disruptions: number;
  readonly stalls: number;
  readonly referenceOutages: number;
  /** A third TSA answers with wrong readings now and then. */
  readonly lies: number;
}

export function drawOptions(prng: Prng): WorldOptions {
  const sometimes = (high: number): number => (prng.chance(0.6) ? prng.float() * high : 0);
  return {
    nodes: prng.chance(0.75) ? 3 : 5,
    faultSeconds: prng.between(3, 6),
    healedSeconds: 3,
    loss: sometimes(0.1),
    duplication: sometimes(0.1),
    maxDelayMs: prng.chance(0.3) ? prng.between(5, 40) : 2,
    crashes: 0.1 + sometimes(0.5),
    pauses: sometimes(0.2),
    partitions: sometimes(0.4),
    disruptions: sometimes(0.1),
    stalls: sometimes(0.2),
    referenceOutages: sometimes(0.1),
    lies: sometimes(0.3),
  };
}

/** Parts taken out or bent, for the negative controls and the mutants. Nothing that ships reads these. */
export interface WorldMutation {
  readonly disksLie?: boolean;
  readonly hooks?: Omit<NodeCoreHooks, 'fatal'>;
}

export interface WorldResult {
  readonly seed: number;
  readonly options: WorldOptions;
  readonly violation: Violation | null;
  readonly digest: string;
  readonly commits: number;
  readonly leaderTerms: number;
  readonly certificates: number;
  readonly checks: number;
  readonly simulatedSeconds: number;
  readonly faults: Readonly<Record<string, number>>;
}

interface Life {
  alive: boolean;
  pausedUntil: bigint;
}

class SimulatedNode {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  clock: SimulatedClock;
  life: Life & { paused: () => boolean };
  core: NodeCore | null = null;
  ready = false;

  constructor(id: NodeId, disk: SimulatedDisk, clock: SimulatedClock) {
    this.id = id;
    this.disk = disk;
    this.clock = clock;
    this.life = { alive: false, pausedUntil: 0n, paused: () => false };
  }
}

export class World {
  readonly options: WorldOptions;
  readonly #seed: number;
  readonly #prng: Prng;
  readonly #scheduler = new Scheduler();
  readonly #network: SimulatedNetwork;
  readonly #genesis: Genesis;
  readonly #nodes: SimulatedNode[] = [];
  readonly #tsas: SimulatedTsa[] = [];
  readonly #invariants: Invariants;
  readonly #evidence: EvidenceCheck;
  /** What log keys look like to whoever verifies. */
  readonly #logKeys: ReadonlyMap<string, Uint8Array>;
  readonly #mutation: WorldMutation;
  readonly #faults: Record<string, number> = {};
  #certificates = 0;
  #healed = false;

  constructor(seed: number, mutation: WorldMutation = {}, options?: WorldOptions) {
    this.#seed = seed;
    this.#prng = new Prng(seed);
    const drawn = drawOptions(this.#prng.fork());
    this.options = options ?? drawn;
    this.#mutation = mutation;
    this.#network = new SimulatedNetwork(this.#scheduler, this.#prng.fork());
    this.#network.faults.loss = this.options.loss;
    this.#network.faults.duplication = this.options.duplication;
    this.#network.faults.maxDelay = BigInt(this.options.maxDelayMs) * MS;
    this.#genesis = makeGenesis(this.options.nodes);
    this.#evidence = new EvidenceCheck(this.#genesis);
    this.#logKeys = new Map(
      checkpointPolicy({
        origin: logOrigin(CLUSTER),
        nodes: this.#genesis.members.map(({ id, site, logKey }) => ({ name: id, site, key: logKey })),
        ...this.#genesis.trust,
      }).nodes.map(({ name, spki }) => [name, spki]),
    );
    this.#invariants = new Invariants(
      { durableEntries: () => this.#nodes.map((node) => node.disk.durableEntries) },
      Math.floor(this.options.nodes / 2) + 1,
    );
    for (const member of this.#genesis.members) this.#addNode(nodeId(member.id));
  }

  run(): WorldResult {
    let violation: Violation | null = null;
    try {
      for (const node of this.#nodes) this.#boot(node);
      this.#register();
      this.#addTsas();
      this.#planFaults();
      const healAt = BigInt(this.options.faultSeconds) * S;
      this.#runUntil(healAt);
      this.#heal();
      const before = this.#tsas.map((tsa) => tsa.certificates);
      this.#runUntil(healAt + BigInt(this.options.healedSeconds) * S);
      this.#demandService(before);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // An assertion inside the code under test counts as a finding of the same kind.
      violation =
        error instanceof Violation ? error : new Violation('Assertion', error.stack ?? error.message);
    }
    return {
      seed: this.#seed,
      options: this.options,
      violation,
      digest: this.#invariants.digest(),
      commits: this.#invariants.commits,
      leaderTerms: this.#invariants.leaderTerms,
      certificates: this.#certificates,
      checks: this.#invariants.checks,
      simulatedSeconds: Number(this.#scheduler.now) / 1e9,
      faults: this.#faults,
    };
  }

  #runUntil(until: bigint): void {
    while (this.#scheduler.step(until));
  }

  #addNode(id: NodeId): void {
    const disk = new SimulatedDisk(this.#scheduler, this.#prng.fork(), {
      logDurable: (_entries, hardState) => this.#invariants.hardState(id, hardState),
      witnessSaved: (state) => this.#invariants.witness(id, state),
    });
    disk.faults.lies = this.#mutation.disksLie ?? false;
    this.#nodes.push(new SimulatedNode(id, disk, new SimulatedClock(this.#scheduler, this.#prng.fork())));
  }

  #boot(node: SimulatedNode): void {
    const life = {
      alive: true,
      pausedUntil: 0n,
      paused: (): boolean => life.pausedUntil > this.#scheduler.now,
    };
    node.life = life;
    node.ready = false;
    // A new process has a new monotonic clock, and knows nothing about the time.
    node.clock = new SimulatedClock(this.#scheduler, this.#prng.fork());
    this.#poll(node, life);
    const core = new NodeCore({
      environment: this.#environment(node),
      genesis: this.#genesis,
      node: node.id,
      incarnation: Uint8Array.from({ length: 16 }, (_, at) => node.id.charCodeAt(at % node.id.length)),
      timing: LAN_TIMING,
      seed: this.#prng.uint32(),
      version: 'simulated',
      statements: simulatedStatements,
      hooks: {
        ...this.#mutation.hooks,
        applied: (entry) => this.#invariants.applied(node.id, entry),
        boundary: (head) => this.#invariants.boundary(node.id, head),
        event: (event) => this.#invariants.event(node.id, event),
        role: (role, term) => {
          if (role === 'leader') this.#invariants.ledBy(node.id, term);
        },
        fatal: (error) => {
          if (error instanceof Violation) throw error;
          throw new Violation('NoFatal', `${node.id}: ${error.stack ?? error.message}`);
        },
      },
    });
    node.core = core;
    core.start(() => {
      node.ready = true;
    });
  }

  #environment(node: SimulatedNode): Environment {
    const member = this.#genesis.members.find((candidate) => candidate.id === node.id);
    if (member === undefined) throw new Error(`${node.id} is not a member`);
    const prng = this.#prng.fork();
    const { clock } = node;
    return {
      mono: () => clock.mono(),
      random: (length) => prng.bytes(length),
      timers: this.#scheduler.timersFor(node.life, clock.rate),
      transport: this.#network.attach(node.id, node.life),
      storage: { log: node.disk.log(), ledger: node.disk.ledger(), witness: node.disk.witnessStore() },
      signer: {
        issue: (message, done) => done(null, simulatedSign(member.issuingKey, message)),
        cosign: (message, done) =>
          done(null, simulatedSign(this.#logKeys.get(node.id) as Uint8Array, message)),
      },
      verifier: simulatedVerifier,
      clockReading: () => clock.reading(),
      // Nothing but the reference confirms here.
      requestPeerRounds: () => undefined,
      notifier: { notify: () => undefined },
    };
  }

  /** The node's clock asks its reference four times a second. */
  #poll(node: SimulatedNode, life: Life): void {
    const poll = (): void => {
      if (!life.alive) return;
      if (life.pausedUntil <= this.#scheduler.now) node.clock.poll();
      this.#scheduler.after(BigInt(this.#prng.between(200, 300)) * MS, poll);
    };
    this.#scheduler.after(BigInt(this.#prng.between(0, 100)) * MS, poll);
  }

  #kill(node: SimulatedNode): void {
    if (!node.life.alive) return;
    node.life.alive = false;
    node.core = null;
    node.ready = false;
    node.disk.crash();
    this.#network.died(node.id);
  }

  // --- TSAs

  /** The administrator registers the TSAs with whichever node answers. */
  #register(): void {
    for (const name of TSA_NAMES) {
      const registration = registrationOf(name).command;
      const attempt = (): void => {
        const node = this.#prng.pick(this.#nodes);
        const again = (): void => void this.#scheduler.after(200n * MS, attempt);
        if (node.core === null || !node.ready) {
          again();
          return;
        }
        let answered = false;
        node.core.submitSigned(registration, (result) => {
          answered = true;
          if (result.status === 'unknown') again();
        });
        // The node may die with the answer.
        this.#scheduler.after(3n * S, () => {
          if (!answered) again();
        });
      };
      this.#scheduler.after(500n * MS, attempt);
    }
  }

  #addTsas(): void {
    const offsets = [
      BigInt(this.#prng.between(-40, 40)) * MS,
      700n * MS,
      BigInt(this.#prng.between(-300, 300)) * MS,
    ];
    TSA_NAMES.forEach((name, i) => {
      const offset = offsets[i] as bigint;
      const tsa: SimulatedTsa = new SimulatedTsa(
        this.#scheduler,
        this.#prng.fork(),
        { nodes: this.#nodes.length, dial: (node, send, ended) => this.#dial(name, node, send, ended) },
        {
          outcome: (_tsa, outcome, shown) => {
            this.#invariants.outcome(outcome, shown, 500n * MS);
            if (outcome.receipt.length > 0) {
              this.#certificates += 1;
              this.#evidence.released(outcome, registrationOf(name).device);
            }
          },
        },
        {
          name,
          cluster: this.#genesis.clusterId,
          offset,
          lies: i === 2 ? this.options.lies : 0,
          interval: 500n * MS,
          sign: (message) => simulatedSign(clientKey(name), message),
        },
      );
      this.#tsas.push(tsa);
      tsa.start();
    });
  }

  #dial(
    name: string,
    index: number,
    send: (message: SessionResponse) => boolean,
    ended: () => void,
  ): SessionPeer | null {
    const node = this.#nodes[index];
    if (node?.core == null || !node.ready || node.life.paused()) return null;
    const { life, core } = node;
    const peer = core.openSession(
      {
        identity: `taa://${this.#genesis.clusterId}/client/${name}`,
        spki: clientKey(name),
        algorithm: 'ecdsa-p256-sha256',
        address: 'simulated',
      },
      (message) => life.alive && send(message),
      () => {
        if (life.alive) ended();
      },
    );
    // The client notices a dead node by the end of its connection.
    const watch = (): void => {
      if (!life.alive) ended();
      else this.#scheduler.after(20n * MS, watch);
    };
    watch();
    const whenAwake = (task: () => void): void => {
      if (!life.alive) return;
      if (life.paused()) this.#scheduler.after(MS, () => whenAwake(task));
      else task();
    };
    return {
      receive: (message) => whenAwake(() => peer.receive(message)),
      closed: () => whenAwake(() => peer.closed()),
    };
  }

  // --- Faults

  #planFaults(): void {
    const { options } = this;
    this.#every('crash', options.crashes, () => this.#crashAndRestart(this.#prng.pick(this.#nodes)));
    this.#every('pause', options.pauses, () => {
      this.#prng.pick(this.#nodes).life.pausedUntil =
        this.#scheduler.now + BigInt(this.#prng.between(200, 3000)) * MS;
    });
    this.#every('partition', options.partitions, () => this.#partition());
    this.#every('clockDisruption', options.disruptions, () => this.#prng.pick(this.#nodes).clock.disrupt());
    this.#every('diskStall', options.stalls, () => {
      const { faults } = this.#prng.pick(this.#nodes).disk;
      faults.stall = BigInt(this.#prng.between(50, 1500)) * MS;
      this.#scheduler.after(BigInt(this.#prng.between(300, 2000)) * MS, () => {
        faults.stall = 0n;
      });
    });
    this.#every('referenceOutage', options.referenceOutages, () => {
      const { clock } = this.#prng.pick(this.#nodes);
      clock.referenceReachable = false;
      this.#scheduler.after(BigInt(this.#prng.between(500, 4000)) * MS, () => {
        clock.referenceReachable = true;
      });
    });
  }

  #every(name: string, perSecond: number, strike: () => void): void {
    if (perSecond <= 0) return;
    const next = (): void => {
      const wait = BigInt(Math.floor((-Math.log(1 - this.#prng.float()) / perSecond) * 1e9));
      this.#scheduler.after(wait, () => {
        if (this.#healed) return;
        this.#faults[name] = (this.#faults[name] ?? 0) + 1;
        strike();
        next();
      });
    };
    next();
  }

  #crashAndRestart(node: SimulatedNode): void {
    if (!node.life.alive) return;
    this.#kill(node);
    this.#scheduler.after(BigInt(this.#prng.between(50, 3000)) * MS, () => {
      if (!node.life.alive) this.#boot(node);
    });
  }

  /** Cuts one node off, or one direction of one link, for a while. */
  #partition(): void {
    const victim = this.#prng.pick(this.#nodes).id;
    const others = this.#nodes.map((node) => node.id).filter((id) => id !== victim);
    const oneWay = this.#prng.chance(0.3);
    const links = this.#prng.chance(0.5)
      ? others.flatMap((other) =>
          oneWay ? [`${victim}>${other}`] : [`${victim}>${other}`, `${other}>${victim}`],
        )
      : [`${victim}>${this.#prng.pick(others)}`];
    for (const link of links) this.#network.cut.add(link);
    this.#scheduler.after(BigInt(this.#prng.between(200, 3000)) * MS, () => {
      for (const link of links) this.#network.cut.delete(link);
    });
  }

  #heal(): void {
    this.#healed = true;
    this.#network.cut.clear();
    this.#network.faults.loss = 0;
    this.#network.faults.duplication = 0;
    this.#network.faults.maxDelay = 2n * MS;
    for (const node of this.#nodes) {
      node.disk.faults.stall = 0n;
      node.life.pausedUntil = 0n;
      node.clock.referenceReachable = true;
      if (!node.life.alive) this.#boot(node);
    }
  }

  /** Liveness: a healed cluster certifies the honest TSA again, and all nodes agree on how far they are. */
  #demandService(before: readonly number[]): void {
    const honest = this.#tsas[0];
    if (honest !== undefined && honest.certificates - (before[0] ?? 0) < 3) {
      throw new Violation(
        'Liveness',
        `only ${honest.certificates - (before[0] ?? 0)} certificates in ${this.options.healedSeconds} healed seconds`,
      );
    }
    const wrong = this.#tsas[1];
    if (wrong !== undefined && wrong.certificates > 0)
      throw new Violation('WrongClockCertified', wrong.options.name);
  }
}

export function runWorld(seed: number, mutation: WorldMutation = {}): WorldResult {
  return new World(seed, mutation).run();
}

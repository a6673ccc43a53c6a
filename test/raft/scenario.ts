/**
 * One seed, one world, in two phases. Safety: faults of every kind while clients propose. Liveness: everything is
 * healed, and then a leader must be found, kept, and serve. Returns what happened, for the test and for the trace.
 */

import { Invariants } from './invariants.js';
import { payload, World, type SimNode } from './world.js';

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly committed: number;
  readonly leaderChanges: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly virtualSeconds: number;
  readonly trace: number;
}

const SAFETY_MS = 6000;

export function runScenario(seed: number): Outcome {
  const invariants = new Invariants();
  // Every third world has five nodes; the limits are small, so that every bound is met.
  const world = new World(seed, seed % 3 === 2 ? 5 : 3, invariants, {
    maxUncommittedBytes: 400,
    maxAppendBytes: 32,
    maxInflightAppends: 1 + (seed % 4),
    maxInflightBytes: 128,
    maxCacheBytes: 2000,
  });
  invariants.watch(world);
  const run = new Run(world, invariants);
  run.safetyPhase();
  run.livenessPhase();
  return {
    seed,
    violations: [...invariants.violations, ...world.fatal.map((text) => `Fatal: ${text}`)],
    committed: invariants.committed.length,
    leaderChanges: invariants.leaderChanges,
    faults: run.faults,
    virtualSeconds: world.now / 1e9,
    trace: world.trace,
  };
}

class Run {
  readonly faults = new Map<string, number>();
  readonly #world: World;
  readonly #invariants: Invariants;
  #nextCommand = 1;

  constructor(world: World, invariants: Invariants) {
    this.#world = world;
    this.#invariants = invariants;
  }

  #count(fault: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
  }

  safetyPhase(): void {
    const world = this.#world;
    const end = world.now + SAFETY_MS * 1e6;
    world.faults.loss = world.pick([0, 0, 0.01, 0.1]);
    world.faults.duplicate = world.pick([0, 0.02, 0.2]);
    world.faults.straggle = world.pick([0, 0.01, 0.05]);
    let nextFault = world.now + 600e6;
    while (world.now < end) {
      world.run(world.prng.between(5, 40));
      this.#clientActs();
      if (world.now >= nextFault) {
        this.#faultStrikes();
        nextFault = world.now + world.prng.between(20, 500) * 1e6;
      }
    }
  }

  #clientActs(): void {
    const world = this.#world;
    const node = world.chance(0.6) ? (world.leader() ?? world.pick(world.nodes)) : world.pick(world.nodes);
    const calls = world.chance(0.2) ? 6 : 1;
    for (let call = 0; call < calls; call++) if (node.alive) node.propose(this.#batch());
  }

  #batch(): Uint8Array[] {
    const count = this.#world.chance(0.3) ? 3 : 1;
    return Array.from({ length: count }, () =>
      payload(this.#nextCommand++, this.#world.chance(0.1) ? 60 : 8),
    );
  }

  #faultStrikes(): void {
    const world = this.#world;
    const victim = world.chance(0.5) ? (world.leader() ?? world.pick(world.nodes)) : world.pick(world.nodes);
    const strikes: readonly (readonly [string, () => void])[] = [
      ['crash', () => this.#crash(victim, world.prng.between(1, 800))],
      ['crash', () => this.#crash(victim, world.prng.between(1, 100))],
      ['crashAll', () => this.#crashAll()],
      ['partition', () => this.#cutFor(() => world.partition(this.#someNodes()))],
      ['isolate', () => this.#cutFor(() => world.partition([victim.id]))],
      ['oneWay', () => this.#cutFor(() => this.#blockSome(victim))],
      ['pause', () => victim.pause(world.prng.between(20, 1500))],
      ['slowDisk', () => this.#slowDisk(victim, [20, 200])],
      ['stalledDisk', () => this.#slowDisk(victim, [800, 1500])],
      ['peerLost', () => this.#losePeer(victim)],
      ['transfer', () => victim.raft?.transferLeadership(null, () => undefined)],
      ['mayNotLead', () => this.#bar(victim)],
    ];
    const [name, strike] = world.pick(strikes);
    this.#count(name);
    strike();
  }

  #after(milliseconds: number, task: () => void): void {
    this.#world.events.schedule(this.#world.now + milliseconds * 1e6, task);
  }

  #crash(victim: SimNode, downMs: number): void {
    if (!victim.alive) return;
    victim.crash();
    this.#after(downMs, () => {
      if (!victim.alive) victim.start();
    });
  }

  #crashAll(): void {
    for (const node of this.#world.nodes) this.#crash(node, this.#world.prng.between(1, 300));
  }

  #someNodes(): string[] {
    return this.#world.nodes.filter(() => this.#world.chance(0.5)).map((node) => node.id);
  }

  #cutFor(cut: () => void): void {
    cut();
    this.#after(this.#world.prng.between(50, 2500), () => {
      this.#world.heal();
    });
  }

  #blockSome(victim: SimNode): void {
    for (const node of this.#world.nodes) {
      if (node === victim) continue;
      if (this.#world.chance(0.5)) this.#world.block(victim.id, node.id);
      if (this.#world.chance(0.3)) this.#world.block(node.id, victim.id);
    }
  }

  #slowDisk(victim: SimNode, range: readonly [number, number]): void {
    victim.diskMs = range;
    this.#after(this.#world.prng.between(100, 2000), () => {
      victim.diskMs = [0.2, 1.5];
    });
  }

  #losePeer(victim: SimNode): void {
    for (const node of this.#world.nodes)
      if (node !== victim && this.#world.chance(0.7)) node.losePeer(victim.id);
  }

  #bar(victim: SimNode): void {
    victim.mayLead = false;
    this.#after(this.#world.prng.between(100, 2000), () => {
      victim.mayLead = true;
    });
  }

  livenessPhase(): void {
    const world = this.#world;
    world.heal();
    world.faults.loss = world.faults.duplicate = world.faults.straggle = 0;
    for (const node of world.nodes) {
      node.mayLead = true;
      node.diskMs = [0.2, 1.5];
    }
    // Faults that were under way end, stragglers arrive, the dead return.
    world.run(3000);
    for (const node of world.nodes) if (!node.alive) node.start();
    try {
      this.#mustServe();
    } catch (error) {
      this.#invariants.violations.push(`Liveness: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#invariants.logMatching();
  }

  #mustServe(): void {
    const world = this.#world;
    const leader = world.elect(2000);
    const { term } = leader;
    let served = 0;
    const ask = (node: SimNode): void => {
      node.propose([payload(this.#nextCommand++)], (result) => {
        if (result.status === 'applied') served++;
        else ask(node);
      });
    };
    for (const node of world.nodes) ask(node);
    world.until(() => served === world.nodes.length, 1000, 'every node serves a proposal');
    const all = this.#invariants.committed.length;
    world.until(() => world.nodes.every((node) => node.machine.length === all), 1000, 'all nodes are equal');
    world.run(1500);
    if (world.leader()?.term !== term) throw new Error('the leader changed without a reason');
    for (const [number, times] of this.#invariants.answers) {
      if (times === 0 && this.#stillAsked(number)) throw new Error(`command ${number} was never answered`);
    }
  }

  /** A command proposed at a node that crashed is not answered by its next life. */
  #stillAsked(number: number): boolean {
    return !this.#world.lostQuestions.has(number);
  }
}

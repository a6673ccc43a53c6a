/**
 * One seed, one world, in two phases. Safety: faults of every kind while clients propose. Liveness: everything is
 * healed, and then a leader must be found, kept, and serve. Returns what happened, for the test and for the trace.
 */

import type { Membership } from '../../src/raft/membership.js';
import { Invariants } from './invariants.js';
import { Reconfigurer } from './reconfigurer.js';
import { voter } from './members.js';
import { payload, World, type SimNode } from './world.js';

export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly committed: number;
  readonly memberships: number;
  readonly reads: number;
  readonly leaderChanges: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly virtualSeconds: number;
  readonly trace: number;
}

const SAFETY_MS = 6000;

export function runScenario(seed: number): Outcome {
  const invariants = new Invariants();
  // Every third world has five nodes; the limits are small, so that every bound is met.
  const size = seed % 3 === 2 ? 5 : 3;
  const born = bornIn(seed, size);
  const limits = {
    maxUncommittedBytes: 400,
    maxAppendBytes: 32,
    maxInflightAppends: 1 + (seed % 4),
    maxInflightBytes: 128,
    maxCacheBytes: 2000,
  };
  invariants.watch(born);
  const world = new World(seed, size, invariants, limits, {
    born,
    spares: changes(seed) ? 2 : 0,
    // In some worlds elections collide.
    electionSpreadMs: seed % 5 === 0 ? 20 : 300,
  });
  invariants.world = world;
  const run = new Run(seed, world, invariants);
  run.safetyPhase();
  run.livenessPhase();
  return {
    seed,
    violations: [...invariants.violations, ...world.fatal.map((text) => `Fatal: ${text}`)],
    committed: invariants.committed.length,
    memberships: invariants.changes,
    reads: invariants.reads.ready,
    leaderChanges: invariants.leaderChanges,
    faults: run.faults,
    virtualSeconds: world.now / 1e9,
    trace: world.trace,
  };
}

/** Memberships change in half of the worlds. */
const changes = (seed: number): boolean => seed % 2 === 0;

/** Some worlds have a witness, some a preferred site, and some are newborn. */
function bornIn(seed: number, size: number): Membership {
  const voters = Array.from({ length: size }, (_, at) =>
    voter(`n${at + 1}`, {
      kind: seed % 5 === 1 && at === size - 1 ? 'witness' : 'full',
      priority: seed % 7 === 1 && at === 0 ? 1 : 0,
    }),
  );
  const unbound = voters.map((one) => ({ ...one, incarnation: null }));
  return { voters: seed % 4 === 0 ? unbound : voters, outgoing: null, learners: [], retired: [] };
}

class Run {
  readonly faults = new Map<string, number>();
  readonly #seed: number;
  readonly #world: World;
  readonly #invariants: Invariants;
  readonly #reconfigurer: Reconfigurer;
  #nextCommand = 1;

  constructor(seed: number, world: World, invariants: Invariants) {
    this.#seed = seed;
    this.#world = world;
    this.#invariants = invariants;
    this.#reconfigurer = new Reconfigurer(world, invariants);
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
    let nextChange = changes(this.#seed) ? world.now + 800e6 : Infinity;
    while (world.now < end) {
      world.run(world.prng.between(5, 40));
      this.#clientActs();
      if (world.now >= nextFault) {
        this.#faultStrikes();
        nextFault = world.now + world.prng.between(20, 500) * 1e6;
      }
      if (world.now >= nextChange) {
        this.#count(this.#reconfigurer.act());
        nextChange = world.now + world.prng.between(20, 400) * 1e6;
      }
    }
  }

  #clientActs(): void {
    const world = this.#world;
    const node = world.chance(0.6) ? (world.leader() ?? world.pick(world.nodes)) : world.pick(world.nodes);
    const calls = world.chance(0.2) ? 6 : 1;
    for (let call = 0; call < calls; call++) if (node.alive) node.propose(this.#batch());
    const reader = world.pick(world.nodes);
    if (world.chance(0.3) && reader.alive) this.#invariants.read(reader);
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
      ['transferTo', () => world.leader()?.raft?.transferLeadership(victim.id, () => undefined)],
      ['unready', () => this.#unready(victim)],
      ['mayNotLead', () => this.#bar(victim)],
    ];
    // What makes elections harder: late answers, leaders that die young.
    const harder: readonly (readonly [string, () => void])[] = [
      ['lagging', () => this.#lag()],
      ['crashNewLeaders', () => this.#crashNewLeaders()],
    ];
    const [name, strike] = world.pick([...strikes, ...harder]);
    this.#count(name);
    strike();
  }

  #after(milliseconds: number, task: () => void): void {
    this.#world.events.schedule(this.#world.now + milliseconds * 1e6, task);
  }

  #crash(victim: SimNode, downMs: number): void {
    if (!victim.alive) return;
    victim.crash();
    this.#reconfigurer.crashed(victim);
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

  #unready(victim: SimNode): void {
    victim.ready = false;
    this.#after(this.#world.prng.between(100, 2000), () => {
      victim.ready = true;
    });
  }

  /** Answers of one kind are late for a while: votes above all, which then arrive in another term. */
  #lag(): void {
    const world = this.#world;
    const kinds = ['voteReply', 'voteReply', 'preVoteReply', 'appendOk', 'heartbeatReply', 'append'] as const;
    const kind = world.pick(kinds);
    world.lag.set(kind, world.prng.between(100, 1200));
    this.#after(world.prng.between(500, 2500), () => world.lag.delete(kind));
  }

  /** For a while every new leader dies within milliseconds: its first entries reach some disks and not others. */
  #crashNewLeaders(): void {
    const world = this.#world;
    for (const node of world.nodes) {
      node.onEvent = (event) => {
        if (event.kind !== 'role' || event.role !== 'leader') return;
        this.#after(world.prng.between(0.2, 6), () => this.#crash(node, world.prng.between(50, 600)));
      };
    }
    this.#after(world.prng.between(800, 2500), () => {
      for (const node of world.nodes) node.onEvent = () => undefined;
    });
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
    world.lag.clear();
    for (const node of world.nodes) {
      node.onEvent = () => undefined;
      node.mayLead = true;
      node.ready = true;
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
    world.elect(4000);
    world.until(() => this.#settled(), 5000, 'the membership stands still');
    this.#reconfigurer.mustHaveAnswered();
    // Who should lead rather than the present leader does so after a while.
    if (this.#someoneIsPreferred()) world.run(20_000);
    const leader = world.elect(2000);
    const { term } = leader;
    let served = 0;
    const ask = (node: SimNode): void => {
      node.propose([payload(this.#nextCommand++)], (result) => {
        if (result.status === 'applied') served++;
        else ask(node);
      });
    };
    const members = this.#members(leader);
    for (const node of members) ask(node);
    world.until(() => served === members.length, 1000, 'every member serves a proposal');
    const equal = (): boolean =>
      members.every((node) => node.machine.length === this.#invariants.committed.length);
    world.until(equal, 1000, 'all members are equal');
    world.run(1500);
    if (world.leader()?.term !== term) throw new Error('the leader changed without a reason');
    for (const [number, times] of this.#invariants.answers) {
      if (times === 0 && this.#stillAsked(number)) throw new Error(`command ${number} was never answered`);
    }
  }

  /** The membership stands still: no change is unfinished, and who stages has been promoted. */
  #settled(): boolean {
    const status = this.#world.leader()?.raft?.membership();
    if (status === undefined || !status.committed || status.membership.outgoing !== null) return false;
    return status.membership.learners.every(
      (one) => one.kind !== 'staging' || this.#world.identity(one) === undefined,
    );
  }

  #someoneIsPreferred(): boolean {
    const voters = this.#world.leader()?.membership?.voters ?? [];
    return new Set(voters.map((voter) => voter.priority)).size > 1;
  }

  /** The participants that the leader's membership names, but those whose disks were emptied. */
  #members(leader: SimNode): SimNode[] {
    const membership = leader.membership;
    if (membership === undefined) return [];
    return [...membership.voters, ...membership.learners]
      .map((one) => this.#world.identity(one))
      .filter((node) => node !== undefined);
  }

  /** A command proposed at a node that crashed is not answered by its next life. */
  #stillAsked(number: number): boolean {
    return !this.#world.lostQuestions.has(number);
  }
}

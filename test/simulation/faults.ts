/**
 * Carries out the faults of a description, and undoes them: after their time, or all at once when the world heals. Whatever
 * a fault needs beyond its description (a victim, say) is drawn from a generator of its own, so that leaving one fault out
 * does not change the others.
 */
import type { Reference } from './clock.js';
import type { Fault, Target } from './description.js';
import type { SimulatedNetwork } from './network.js';
import { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';
import type { SimulatedNode } from './simulated-node.js';
import { MS } from './units.js';

export interface FaultContext {
  readonly scheduler: Scheduler;
  readonly network: SimulatedNetwork;
  readonly nodes: readonly SimulatedNode[];
  readonly reference: Reference;
  readonly leader: () => SimulatedNode | undefined;
  readonly trace: (who: string, what: string) => void;
  readonly seed: number;
}

export class Faults {
  readonly struck: Record<string, number> = {};
  readonly #context: FaultContext;
  /** What still has to be undone. */
  readonly #active = new Set<() => void>();
  #healed = false;
  /** How long a node that dies stays away, by node; set by the fault that killed it. */
  readonly #absence = new Map<SimulatedNode, number>();

  constructor(context: FaultContext) {
    this.#context = context;
  }

  plan(faults: readonly Fault[]): void {
    faults.forEach((fault, number) => {
      const prng = new Prng(this.#context.seed * 31 + number);
      this.#context.scheduler.after(fault.at * MS, () => {
        if (!this.#healed) this.#strike(fault, prng);
      });
    });
  }

  /** Everything that is broken is repaired; whoever is down comes back, but for a node whose disk is damaged. */
  heal(): void {
    this.#healed = true;
    for (const undo of [...this.#active]) undo();
    this.#context.network.heal();
    for (const node of this.#context.nodes) {
      node.disarm();
      node.disk.faults.stall = 0;
      node.disk.faults.fails = false;
      node.disk.faults.full = false;
      node.life.pausedUntil = 0;
      if (!node.life.alive && !node.disk.isRotten) node.boot();
    }
  }

  /** A node died of a fault: it is started again after the absence that the fault asked for. */
  died(node: SimulatedNode): void {
    const absence = this.#absence.get(node) ?? 500 * MS;
    this.#context.scheduler.after(absence, () => {
      if (!node.disk.isRotten) node.boot();
    });
  }

  /** Beside the planned ones: what the network did all the time. */
  counts(): Record<string, number> {
    const { loss, duplication, straggler } = this.#context.network.counts;
    const counts = { ...this.struck };
    for (const [kind, count] of Object.entries({ loss, duplication, straggler })) {
      if (count > 0) counts[kind] = count;
    }
    return counts;
  }

  #victim(target: Target, prng: Prng): SimulatedNode {
    const { nodes, leader } = this.#context;
    const found = target === 'leader' ? leader() : target === 'follower' ? undefined : nodes[target];
    return found ?? prng.pick(nodes);
  }

  #other(victim: SimulatedNode, number: number): SimulatedNode {
    const { nodes } = this.#context;
    const others = nodes.filter((node) => node !== victim);
    return others[number % others.length] as SimulatedNode;
  }

  /** Undoes after `ms`, or when the world heals. */
  #for(ms: number, undo: () => void): void {
    const once = (): void => {
      if (this.#active.delete(once)) undo();
    };
    this.#active.add(once);
    this.#context.scheduler.after(ms * MS, once);
  }

  #cutFor(ms: number, links: readonly string[]): void {
    const { network } = this.#context;
    network.cut(links);
    this.#for(ms, () => network.mend(links));
  }

  #kill(node: SimulatedNode, ms: number): void {
    if (!node.life.alive) return;
    this.#absence.set(node, ms * MS);
    node.kill('crashes');
    this.died(node);
  }

  #strike(fault: Fault, prng: Prng): void {
    const victim = this.#victim(fault.on, prng);
    this.struck[fault.kind] = (this.struck[fault.kind] ?? 0) + 1;
    this.#context.trace(victim.id, `fault ${JSON.stringify(fault)}`);
    if (!this.#strikeNetwork(fault, victim)) {
      if (!this.#strikeClock(fault, victim)) this.#strikeProcess(fault, victim);
    }
  }

  #strikeNetwork(fault: Fault, victim: SimulatedNode): boolean {
    const { network, nodes } = this.#context;
    const others = nodes.filter((node) => node !== victim).map(({ id }) => id);
    const { id } = victim;
    switch (fault.kind) {
      case 'isolation':
        this.#cutFor(
          fault.ms,
          others.flatMap((other) => [`${id}>${other}`, `${other}>${id}`]),
        );
        return true;
      case 'oneWayCut':
        this.#cutFor(
          fault.ms,
          others.map((other) => (fault.inward ? `${other}>${id}` : `${id}>${other}`)),
        );
        return true;
      case 'partialCut': {
        const other = this.#other(victim, fault.other).id;
        this.#cutFor(fault.ms, [`${id}>${other}`, `${other}>${id}`]);
        return true;
      }
      case 'split':
        this.#cutFor(fault.ms, this.#between(fault.side));
        return true;
      case 'cloggedLink': {
        const link = `${id}>${this.#other(victim, fault.other).id}`;
        network.clog(link);
        this.#for(fault.ms, () => network.unclog(link));
        return true;
      }
      case 'disconnect':
        network.disconnect(id, this.#other(victim, fault.other).id);
        return true;
      case 'stragglers': {
        const before = network.faults;
        network.faults = { ...before, straggle: fault.share, straggleDelay: fault.lateMs * MS };
        this.#for(fault.ms, () => {
          network.faults = { ...network.faults, straggle: before.straggle };
        });
        return true;
      }
      case 'lossBurst':
        this.#burst('loss', fault.share, fault.ms);
        return true;
      case 'duplicateBurst':
        this.#burst('duplication', fault.share, fault.ms);
        return true;
      case 'foreignMessages':
        this.#foreign(victim, this.#other(victim, fault.other));
        return true;
      default:
        return false;
    }
  }

  #burst(what: 'loss' | 'duplication', share: number, ms: number): void {
    const { network } = this.#context;
    const before = network.faults[what];
    network.faults = { ...network.faults, [what]: share };
    this.#for(ms, () => {
      network.faults = { ...network.faults, [what]: before };
    });
  }

  #between(side: readonly number[]): string[] {
    const { nodes } = this.#context;
    return nodes.flatMap((a, i) =>
      nodes.flatMap((b, j) => (i !== j && side.includes(i) !== side.includes(j) ? [`${a.id}>${b.id}`] : [])),
    );
  }

  /** A vote request of another cluster in a high term, and garbage, in a peer's name: none may have an effect. */
  #foreign(victim: SimulatedNode, peer: SimulatedNode): void {
    const { network } = this.#context;
    const vote = Uint8Array.from([1, 3, 9, 9, 9, 9, 9, 9, 9, 9, 2, 110, 49, 0x7f, 0x7f, 0x7f, 1]);
    network.inject(peer.id, victim.id, 'raft', vote);
    network.inject(peer.id, victim.id, 'raft', Uint8Array.from([255, 0, 1]));
    network.inject(peer.id, victim.id, 'checkpoint', Uint8Array.from([0xa1, 0x61]));
    network.inject(peer.id, victim.id, 'clock', Uint8Array.from([0x18]));
  }

  #strikeClock(fault: Fault, victim: SimulatedNode): boolean {
    const { host } = victim;
    switch (fault.kind) {
      case 'referenceOutage':
        host.reachable = false;
        this.#for(fault.ms, () => {
          host.reachable = true;
        });
        return true;
      case 'referenceStep':
        this.#context.reference.step(BigInt(fault.byMs) * 1_000_000n);
        return true;
      case 'pathAsymmetry': {
        const before = host.path;
        host.path = { ...before, there: fault.there * MS, back: fault.back * MS };
        this.#for(fault.ms, () => {
          host.path = { ...host.path, there: before.there, back: before.back };
        });
        return true;
      }
      case 'pathLoss':
        host.path = { ...host.path, loss: fault.share };
        this.#for(fault.ms, () => {
          host.path = { ...host.path, loss: 0 };
        });
        return true;
      case 'rateBeyondRho':
        victim.clock?.assumptionBroke();
        host.setRateError(fault.ppb);
        this.#for(fault.ms, () => {
          host.setRateError(null);
          // What the clock has learnt meanwhile is as wrong.
          victim.clock?.assumptionBroke();
        });
        return true;
      default:
        return false;
    }
  }

  #strikeProcess(fault: Fault, victim: SimulatedNode): void {
    const { nodes, scheduler } = this.#context;
    switch (fault.kind) {
      case 'crash':
        this.#kill(victim, fault.ms);
        break;
      case 'crashAt':
        this.#absence.set(victim, fault.ms * MS);
        victim.arm(fault.point, fault.nth);
        break;
      case 'powerCut':
        for (const node of nodes) this.#kill(node, fault.ms / 4);
        break;
      case 'tornWrite':
        this.#absence.set(victim, fault.ms * MS);
        victim.arm('persistBegun', 1);
        break;
      case 'pause':
        // A host that sleeps sleeps on.
        victim.life.pausedUntil = Math.max(victim.life.pausedUntil, scheduler.now + fault.ms * MS);
        break;
      case 'suspend':
        this.#suspend(victim, fault.ms);
        break;
      case 'diskStall':
        victim.disk.faults.stall = fault.stallMs * MS;
        this.#for(fault.ms, () => {
          victim.disk.faults.stall = 0;
        });
        break;
      case 'diskError':
        this.#absence.set(victim, fault.ms * MS);
        victim.excuse = 'its disk failed';
        victim.disk.faults.fails = true;
        break;
      case 'diskFull':
        this.#absence.set(victim, fault.ms * MS);
        victim.excuse = 'its disk is full';
        victim.disk.faults.full = true;
        this.#for(fault.ms, () => {
          victim.disk.faults.full = false;
        });
        break;
      case 'diskRot':
        victim.excuse = 'its log is damaged';
        victim.disk.rot(fault.where);
        break;
      case 'transfer':
        if (victim.isServing) victim.core?.raft.transferLeadership(null, () => undefined);
        break;
      case 'cleanRestart':
        this.#cleanRestart(victim, fault.ms);
        break;
      default:
        throw new Error(`nobody carries out ${fault.kind}`);
    }
  }

  #suspend(victim: SimulatedNode, ms: number): void {
    const { scheduler } = this.#context;
    const { life, clock, host } = victim;
    if (!life.alive || victim.isPaused) return;
    host.freeze(true);
    const began = scheduler.now;
    life.pausedUntil = began + ms * MS;
    this.#for(ms, () => {
      if (victim.life !== life || !life.alive) return;
      host.freeze(false);
      life.pausedUntil = scheduler.now;
      clock?.wokeUp(scheduler.now - began);
    });
  }

  #cleanRestart(victim: SimulatedNode, ms: number): void {
    const { scheduler } = this.#context;
    const { life, core } = victim;
    if (core === null || !victim.isServing) return;
    const end = (): void => {
      if (!life.alive) return;
      this.#absence.set(victim, ms * MS);
      victim.kill('has stopped');
      this.died(victim);
    };
    core.stop(end);
    scheduler.after(3000 * MS, end);
  }
}

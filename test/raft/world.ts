/**
 * A cluster of real drivers on virtual time, a virtual network and disks that forget what was not synced. One seed is
 * one world. Everything that happens is shown to a `Watcher`, which checks invariants (./invariants.ts).
 */

import { createRaft } from '../../src/raft/driver.js';
import type {
  KnownMembership,
  MembershipStatus,
  ProposeResult,
  Raft,
  RaftEvent,
  RaftLimits,
} from '../../src/raft/driver-api.js';
import { decodeMessage, clusterTag } from '../../src/raft/codec.js';
import type { Message } from '../../src/raft/core/messages.js';
import { decodeMembership, type Membership, type Voter } from '../../src/raft/membership.js';
import { Prng } from '../../src/raft/core/prng.js';
import { MemoryLogStore } from '../../src/raft/memory-store.js';
import type { LogBase } from '../../src/raft/storage.js';
import { LAN_TIMING } from '../../src/raft/timing.js';
import type { Lane, PeerTransport } from '../../src/raft/transport.js';
import { logIndex, nodeId, type Entry, type Incarnation, type NodeId } from '../../src/raft/types.js';
import { durNs, monoNs } from '../../src/time/types.js';
import { incarnationNamed, votersNamed } from './members.js';
import { isQuorum } from './naive-members.js';
import type { Company } from './conduct.js';
import { EventQueue } from './events.js';

export const MS = 1_000_000;
const CLUSTER = 'simulated';

export interface Faults {
  /** Probability that a message is lost, delivered twice, or delayed far beyond the others. */
  loss: number;
  duplicate: number;
  straggle: number;
}

export interface Watcher {
  sent(node: SimNode, to: NodeId, message: Message): void;
  persisted(node: SimNode): void;
  applied(node: SimNode, entries: readonly Entry[]): void;
  crashed(node: SimNode): void;
  role(node: SimNode, event: Extract<RaftEvent, { kind: 'role' }>): void;
  proposed(node: SimNode, payloads: readonly Uint8Array[]): void;
  answered(node: SimNode, payloads: readonly Uint8Array[], result: ProposeResult): void;
  membership(node: SimNode, status: MembershipStatus): void;
}

export interface WorldOptions {
  readonly electionSpreadMs?: number;
  /** Nodes beyond the voters, which wait to be added. */
  readonly spares?: number;
  readonly born?: Membership;
}

export const nobodyWatches: Watcher = {
  sent: () => undefined,
  persisted: () => undefined,
  applied: () => undefined,
  crashed: () => undefined,
  role: () => undefined,
  proposed: () => undefined,
  answered: () => undefined,
  membership: () => undefined,
};

export class World {
  readonly events = new EventQueue();
  readonly prng: Prng;
  readonly nodes: readonly SimNode[];
  readonly faults: Faults = { loss: 0, duplicate: 0, straggle: 0 };
  readonly watcher: Watcher;
  readonly limits: RaftLimits;
  /** Longest and shortest election timeouts lie so far apart, ms; a narrow spread makes elections collide. */
  readonly electionSpreadMs: number;
  /** Messages of these kinds are late by up to so many milliseconds, half of the time. */
  readonly lag = new Map<Message['kind'], number>();
  /** Directed links that carry nothing: `from>to`. */
  readonly cut = new Set<string>();
  readonly tag = clusterTag(CLUSTER);
  /** FNV-1a over everything that happened: equal for equal seeds. */
  trace = 0x811c9dc5;
  readonly fatal: string[] = [];
  onSend: (from: SimNode, lane: Lane, bytes: Uint8Array) => void = () => undefined;
  /** Commands whose asker crashed before the answer. */
  readonly lostQuestions = new Set<number>();

  constructor(
    seed: number,
    size: number,
    watcher: Watcher = nobodyWatches,
    limits: Partial<RaftLimits> = {},
    options: WorldOptions = {},
  ) {
    this.prng = new Prng(seed);
    this.watcher = watcher;
    this.limits = { maxUncommittedBytes: 4096, maxAppendBytes: 64, ...limits };
    this.electionSpreadMs = options.electionSpreadMs ?? 300;
    const ids = Array.from({ length: size + (options.spares ?? 0) }, (_, at) => nodeId(`n${at + 1}`));
    const born = options.born ?? votersNamed(ids.slice(0, size));
    this.nodes = ids.map((id) => new SimNode(this, id, born));
    for (const node of this.nodes) node.start();
  }

  get now(): number {
    return this.events.now;
  }

  node(id: string): SimNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  run(milliseconds: number): void {
    this.events.runUntil(this.now + milliseconds * MS);
  }

  /** Runs until the condition holds; throws when it does not within the time. */
  until(condition: () => boolean, milliseconds: number, what: string): void {
    const end = this.now + milliseconds * MS;
    while (!condition()) {
      if (this.now >= end) throw new Error(`not within ${milliseconds} ms: ${what}`);
      this.events.runUntil(Math.min(end, this.now + 5 * MS));
    }
  }

  /** The live leader of the highest term, or undefined. */
  leader(): SimNode | undefined {
    let best: SimNode | undefined;
    for (const node of this.nodes) {
      if (node.raft?.status().role !== 'leader') continue;
      if (best === undefined || node.term > best.term) best = node;
    }
    return best;
  }

  /** Runs until some node leads and a quorum follows it. */
  elect(milliseconds = 3000): SimNode {
    const settled = (): boolean => {
      const leader = this.leader();
      const membership = leader?.membership;
      if (leader === undefined || membership === undefined) return false;
      return isQuorum(membership, (voter) => {
        const node = this.identity(voter);
        return node?.raft?.status().leader === leader.id && node.term === leader.term;
      });
    };
    this.until(settled, milliseconds, 'a leader is elected');
    const leader = this.leader();
    if (leader === undefined) throw new Error('unreachable');
    return leader;
  }

  /** The node that is this participant, unless its disk was emptied since. */
  identity({ id, incarnation }: Pick<Voter, 'id' | 'incarnation'>): SimNode | undefined {
    return this.nodes.find((node) => node.id === id && node.incarnation === incarnation);
  }

  chance(probability: number): boolean {
    return this.prng.nextUint32() / 0x1_0000_0000 < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.prng.between(0, items.length))];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  block(from: string, to: string): void {
    this.cut.add(`${from}>${to}`);
  }

  /** Cuts every link between the two sides, both ways. */
  partition(side: readonly string[]): void {
    for (const a of this.nodes) {
      for (const b of this.nodes) {
        if (a !== b && side.includes(a.id) !== side.includes(b.id)) this.block(a.id, b.id);
      }
    }
  }

  heal(): void {
    this.cut.clear();
  }

  record(...numbers: readonly number[]): void {
    let hash = this.trace;
    for (const number of numbers) {
      hash = Math.imul(hash ^ (number & 0xffff), 0x01000193);
      hash = Math.imul(hash ^ (Math.floor(number / 0x10000) & 0xffff), 0x01000193);
    }
    this.trace = hash >>> 0;
  }

  carry(from: SimNode, to: NodeId, bytes: Uint8Array): void {
    const decoded = decodeMessage(this.tag, bytes);
    if (!decoded.ok) throw new Error(`${from.id} sent what cannot be read: ${decoded.reason}`);
    this.watcher.sent(from, to, decoded.message);
    this.record(this.now, bytes.length, decoded.message.term);
    if (this.cut.has(`${from.id}>${to}`) || this.chance(this.faults.loss)) return;
    const copies = this.chance(this.faults.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const lag = this.lag.get(decoded.message.kind) ?? 0;
      const late = lag > 0 && this.chance(0.5) ? this.prng.between(0, lag) * MS : 0;
      const far = late + (this.chance(this.faults.straggle) ? this.prng.between(50, 1500) * MS : 0);
      this.events.schedule(this.now + this.prng.between(0.1, 2) * MS + far, () => {
        if (this.cut.has(`${from.id}>${to}`)) return;
        const receiver = this.node(to);
        receiver.receive(from.id, bytes);
        receiver.noteHeard(from.id, decoded.message);
      });
    }
  }
}

export class SimNode {
  readonly id: NodeId;
  store: MemoryLogStore;
  /** How often its disk was emptied. */
  wipes = 0;
  /** Whether its copy of what it must hold is complete. */
  ready = true;
  /** What the state machine applied, from index 1 on; survives crashes up to a point chosen then. */
  readonly machine: Entry[] = [];
  raft: Raft | null = null;
  mayLead = true;
  onEvent: (event: RaftEvent) => void = () => undefined;
  /** Milliseconds that a synced write takes. */
  diskMs: readonly [number, number] = [0.2, 1.5];
  /** The state machine came from a snapshot with this base. */
  installed: LogBase | null = null;
  snapshotsAskedFor = 0;
  #diskFreeAt = 0;
  readonly company: Company = { heardLeader: null, heardAnyone: 0, writingSince: null };
  /** The process sleeps until then; what happens to it meanwhile waits. */
  #pausedUntil = 0;
  #life = 0;
  /** Commands asked in this life and not answered. */
  readonly #open = new Set<number>();
  #onMessage: ((from: NodeId, bytes: Uint8Array) => void) | null = null;
  #onPeerLost: ((peer: NodeId) => void) | null = null;
  readonly #world: World;
  readonly #born: Membership;

  constructor(world: World, id: NodeId, born: Membership) {
    this.#world = world;
    this.id = id;
    this.#born = born;
    this.store = this.#emptyStore();
  }

  #emptyStore(): MemoryLogStore {
    return new MemoryLogStore({
      defer: (kind, task) => {
        this.#disk(kind, task);
      },
    });
  }

  get incarnation(): Incarnation {
    return incarnationNamed(this.id, this.wipes);
  }

  /** In effect on this node; undefined while it is down. */
  get membership(): Membership | undefined {
    return this.raft?.membership().membership;
  }

  /** What a host would remember beside its state machine. */
  #knownMembership(): KnownMembership {
    const asOf = logIndex(this.machine.length);
    const last = this.machine.findLast((entry) => entry.kind === 'config');
    return last === undefined
      ? { asOf, index: logIndex(0), membership: this.#born }
      : { asOf, index: last.index, membership: decodeMembership(last.payload) };
  }

  get alive(): boolean {
    return this.raft !== null;
  }

  get term(): number {
    return this.raft?.status().term ?? 0;
  }

  start(): void {
    const life = ++this.#life;
    const raft = createRaft({
      id: this.id,
      clusterId: CLUSTER,
      incarnation: this.incarnation,
      membership: this.#knownMembership(),
      learnerReady: () => this.ready,
      store: this.store,
      transport: this.#transport(life),
      timers: {
        after: (delay, task) => {
          let cancelled = false;
          this.#later(life, this.#world.now + Math.max(Number(delay), 1000), () => {
            if (!cancelled) task();
          });
          return () => {
            cancelled = true;
          };
        },
      },
      mono: () => monoNs(BigInt(Math.floor(this.#world.now)) + 7n),
      seed: this.#world.prng.nextUint32(),
      timing: {
        ...LAN_TIMING,
        electionMax: durNs(LAN_TIMING.electionMin + BigInt(this.#world.electionSpreadMs * MS)),
      },
      limits: this.#world.limits,
      appliedIndex: logIndex(this.machine.length),
      installed: this.installed,
      // Jumps back now and then: cluster time must not.
      stamp: () => (this.#world.chance(0.1) ? null : BigInt(Math.floor(this.#world.prng.between(0, 1e6)))),
      apply: (entries) => {
        this.machine.push(...entries);
        this.#world.watcher.applied(this, entries);
      },
      mayLead: () => this.mayLead,
      onEvent: (event) => {
        this.#observe(event);
      },
      onFatal: (error) => {
        this.#world.fatal.push(`${this.id}: ${error.message}`);
        this.raft = null;
      },
    });
    this.raft = raft;
    raft.start(() => undefined);
  }

  #observe(event: RaftEvent): void {
    this.onEvent(event);
    if (event.kind === 'role') {
      this.#world.record(event.term, event.role.length);
      this.#world.watcher.role(this, event);
    } else if (event.kind === 'membership') {
      this.#world.record(event.status.index, event.status.committed ? 1 : 0);
      this.#world.watcher.membership(this, event.status);
    } else if (event.kind === 'snapshotNeeded') this.snapshotsAskedFor += 1;
    else if (event.kind === 'persisted') this.#world.watcher.persisted(this);
  }

  #transport(life: number): PeerTransport {
    return {
      send: (to, lane, bytes) => {
        if (life !== this.#life) return;
        this.#world.carry(this, to, bytes);
        this.#world.onSend(this, lane, bytes);
      },
      onMessage: (handler) => {
        this.#onMessage = handler;
      },
      onPeerLost: (handler) => {
        this.#onPeerLost = handler;
      },
    };
  }

  #later(life: number, at: number, task: () => void): void {
    this.#world.events.schedule(at, () => {
      if (life !== this.#life) return;
      if (this.#world.now < this.#pausedUntil) this.#later(life, this.#pausedUntil, task);
      else task();
    });
  }

  /** Writes queue behind each other, reads do not. */
  #disk(kind: 'load' | 'persist' | 'read' | 'compact', task: () => void): void {
    const [least, most] = this.diskMs;
    const took = this.#world.prng.between(least, most) * MS;
    const begin = kind === 'persist' ? Math.max(this.#diskFreeAt, this.#world.now) : this.#world.now;
    if (kind === 'persist') {
      this.#diskFreeAt = begin + took;
      this.company.writingSince = this.#world.now;
    }
    this.#later(this.#life, begin + took, () => {
      if (kind === 'persist') this.company.writingSince = null;
      task();
    });
  }

  receive(from: NodeId, bytes: Uint8Array): void {
    const life = this.#life;
    this.#later(life, this.#world.now, () => this.#onMessage?.(from, bytes));
  }

  /** For the oracles: whom this node has heard, if it was awake. */
  noteHeard(from: NodeId, message: Message): void {
    const { now } = this.#world;
    if (!this.alive || now < this.#pausedUntil) return;
    this.company.heardAnyone = now;
    const leads = message.kind === 'heartbeat' || message.kind === 'append';
    if (leads && message.term === this.term) {
      this.company.heardLeader = { id: from, term: message.term, at: now };
    }
  }

  losePeer(peer: NodeId): void {
    this.company.heardLeader = null;
    this.#later(this.#life, this.#world.now, () => this.#onPeerLost?.(peer));
  }

  /** The process is stopped (SIGSTOP) and goes on later; nothing is lost, everything is late. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#world.now + milliseconds * MS);
    this.company.heardLeader = null;
    this.company.heardAnyone = this.#pausedUntil;
    if (this.company.writingSince !== null) this.company.writingSince = this.#pausedUntil;
  }

  /**
   * Power cut. The state machine keeps a random part of what it applied (its writes are not synced), the log keeps
   * what was synced, and sometimes a write whose completion was never told.
   */
  crash(): void {
    if (this.raft === null) return;
    this.#life++;
    this.raft = null;
    this.#onMessage = null;
    this.#onPeerLost = null;
    for (const number of this.#open) this.#world.lostQuestions.add(number);
    this.#open.clear();
    this.#pausedUntil = 0;
    this.#diskFreeAt = 0;
    this.company.heardLeader = null;
    this.company.heardAnyone = this.#world.now;
    this.company.writingSince = null;
    this.store.crash(this.#world.chance(0.5));
    this.machine.length = Math.floor(this.#world.prng.between(0, this.machine.length + 1));
    this.#world.record(this.#world.now, this.machine.length);
    this.#world.watcher.crashed(this);
  }

  /** Power cut, and the disk is lost: who comes back under this name is another participant. */
  wipe(): void {
    this.crash();
    this.store = this.#emptyStore();
    this.machine.length = 0;
    this.wipes++;
    this.#world.watcher.crashed(this);
  }

  propose(payloads: readonly Uint8Array[], done: (result: ProposeResult) => void = () => undefined): void {
    const { watcher } = this.#world;
    watcher.proposed(this, payloads);
    for (const one of payloads) this.#open.add(payloadNumber(one));
    this.raft?.propose(payloads, (result) => {
      for (const one of payloads) this.#open.delete(payloadNumber(one));
      watcher.answered(this, payloads, result);
      done(result);
    });
  }
}

/** Payloads that are told apart: a counter in four bytes, padded. */
export function payload(number: number, length = 8): Uint8Array {
  const bytes = new Uint8Array(length);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

export const payloadNumber = (bytes: Uint8Array): number =>
  new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);

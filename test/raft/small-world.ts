/**
 * The smallest world there is: three cores, one at a time, everything in the order in which it was asked for. A power cut
 * strikes one node right after a given effect of the whole run, so that a loop over that number meets every instant at
 * which a node can die. Nothing is random.
 */

import { checkConfig } from '../../src/raft/core/config.js';
import type { Effect, Input } from '../../src/raft/core/effects.js';
import type { Message } from '../../src/raft/core/messages.js';
import { createCore, type CoreState } from '../../src/raft/core/state.js';
import { step } from '../../src/raft/core/step.js';
import { NO_BASE, type LogBatch } from '../../src/raft/storage.js';
import { logIndex, nodeId, term, type Entry, type HardState, type NodeId } from '../../src/raft/types.js';
import { incarnationNamed, votersNamed } from './members.js';

const MS = 1_000_000;

interface Node {
  readonly id: NodeId;
  core: CoreState;
  hardState: HardState;
  disk: Entry[];
  writes: { readonly seq: number; readonly batch: LogBatch }[];
  applied: Entry[];
}

interface Sent {
  readonly from: Node;
  readonly to: NodeId;
  readonly message: Message;
  readonly after: number;
}

export interface Crash {
  /** Counted over the whole run from 1; 0 for none. */
  readonly afterEffect: number;
  /** The write that was outstanding had reached the disk. */
  readonly keepsWrite: boolean;
  /** Writes complete only when no message is left that may go without them. */
  readonly slowDisk: boolean;
}

export class SmallWorld {
  readonly #crash: Crash;
  readonly #links: ReadonlySet<string>;
  #network: Sent[] = [];
  #now = 0;
  readonly #leaders = new Map<number, NodeId>();
  readonly #committed: Entry[] = [];
  readonly #acknowledged: number[] = [];
  readonly nodes: readonly Node[];
  readonly violations: string[] = [];
  effects = 0;
  healed = false;

  /** @param links `n1n2` for one that works, both ways */
  constructor(links: ReadonlySet<string>, crash: Crash) {
    this.#links = links;
    this.#crash = crash;
    this.nodes = ['n1', 'n2', 'n3'].map((name) => this.#node(nodeId(name)));
    for (const node of this.nodes) this.#step(node, { kind: 'start' });
  }

  #node(id: NodeId): Node {
    const hardState = { term: term(0), vote: null, commit: logIndex(0) };
    const node = { id, hardState, disk: [], writes: [], applied: [] };
    return { ...node, core: this.#core(node) };
  }

  #core({ id, hardState, disk }: Pick<Node, 'id' | 'hardState' | 'disk'>): CoreState {
    const termRuns: { firstIndex: Entry['index']; term: Entry['term'] }[] = [];
    for (const entry of disk) {
      if (termRuns.at(-1)?.term !== entry.term) termRuns.push({ firstIndex: entry.index, term: entry.term });
    }
    const config = checkConfig({
      id,
      incarnation: incarnationNamed(id),
      heartbeat: 50 * MS,
      electionMin: 300 * MS,
      electionMax: 600 * MS,
      maxUncommittedBytes: 1000,
      maxAppendBytes: 1000,
      maxInflightAppends: 4,
      maxInflightBytes: 1000,
      maxCacheBytes: 1000,
      compaction: { trailingEntries: 1000, trimBytes: 1e9, trimInterval: 3_600_000 * MS },
      seed: id.charCodeAt(1),
    });
    const image = {
      hardState,
      base: NO_BASE,
      firstIndex: logIndex(1),
      lastIndex: logIndex(disk.length),
      termRuns,
      lastEntry: disk.at(-1) ?? null,
      appliedIndex: logIndex(0),
      membership: { index: logIndex(0), membership: votersNamed(['n1', 'n2', 'n3']) },
      laterMemberships: [],
    };
    return createCore(config, image, this.#now);
  }

  leader(): Node | undefined {
    const leaders = this.nodes.filter((node) => node.core.role === 'leader');
    return leaders.sort((a, b) => b.core.term - a.core.term)[0];
  }

  timeout(node: Node): void {
    this.#now = Math.max(this.#now, node.core.electionAt);
    this.#step(node, { kind: 'tick', stalled: false });
    this.#drain();
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds * MS;
    for (const node of this.nodes) this.#step(node, { kind: 'tick', stalled: false });
    this.#drain();
  }

  /** @param number one byte, which tells the command from others */
  propose(node: Node, number: number): void {
    const proposals = [{ from: 'local', request: number, payloads: [Uint8Array.of(number)] }] as const;
    this.#step(node, { kind: 'propose', proposals, time: null });
    this.#drain();
  }

  appliedEverywhere(number: number): boolean {
    return this.nodes.every((node) => node.applied.some((entry) => entry.payload[0] === number));
  }

  /** What was answered as applied is in every log at the end. */
  check(): void {
    for (const number of this.#acknowledged) {
      if (!this.appliedEverywhere(number))
        this.violations.push(`command ${number} was acknowledged and is lost`);
    }
  }

  #drain(): void {
    for (let round = 0; round < 200; round++) {
      if (!this.#crash.slowDisk) this.#writeAll();
      const ready = this.#network.find((sent) => this.#mayLeave(sent));
      this.#network = this.#network.filter((sent) => sent !== ready);
      if (ready === undefined) {
        if (this.nodes.every((node) => node.writes.length === 0)) return;
        this.#writeAll();
        continue;
      }
      const { from, to, message } = ready;
      this.#mustBeDurable(ready);
      const node = this.nodes.find((one) => one.id === to);
      if (node === undefined || !this.#linked(from.id, to)) continue;
      this.#step(node, { kind: 'message', from: from.id, incarnation: incarnationNamed(from.id), message });
    }
    this.violations.push('it does not come to rest');
  }

  #mayLeave({ from, after }: Sent): boolean {
    return !from.writes.some((write) => write.seq <= after);
  }

  #linked(a: string, b: string): boolean {
    return this.healed || this.#links.has(a < b ? a + b : b + a);
  }

  /** What asserts a durable fact travels only once the fact is on its sender's disk. */
  #mustBeDurable({ from, to, message }: Sent): void {
    const { hardState, disk, id } = from;
    const votedFor = (candidate: NodeId): boolean =>
      hardState.term > message.term || (hardState.term === message.term && hardState.vote === candidate);
    const said =
      (message.kind === 'voteReply' && message.granted && !votedFor(to)) ||
      (message.kind === 'vote' && !votedFor(id)) ||
      (message.kind === 'appendOk' && disk.length < message.match && hardState.term === message.term);
    if (said) this.violations.push(`${id} says ${message.kind} to ${to}, which is not on its disk`);
  }

  #writeAll(): void {
    for (const node of this.nodes) this.#writeOne(node);
  }

  #writeOne(node: Node): void {
    const write = node.writes.shift();
    if (write === undefined) return;
    toDisk(node, write.batch);
    this.#step(node, { kind: 'persisted', seq: write.seq });
  }

  #step(node: Node, input: Input): void {
    const { core } = node;
    for (const effect of step(core, this.#now, input)) {
      this.#perform(node, effect);
      if (++this.effects === this.#crash.afterEffect) {
        this.#strike(node);
        return;
      }
      if (node.core !== core) return;
    }
  }

  #strike(node: Node): void {
    // What had left is on its way; what waited for a write never leaves.
    this.#network = this.#network.filter((sent) => sent.from !== node || this.#mayLeave(sent));
    const [outstanding] = node.writes;
    if (this.#crash.keepsWrite && outstanding !== undefined) toDisk(node, outstanding.batch);
    node.writes = [];
    node.applied = [];
    node.core = this.#core(node);
    this.#step(node, { kind: 'start' });
  }

  #perform(node: Node, effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        node.writes.push(effect);
        return;
      case 'send':
        this.#network.push({ from: node, to: effect.to, message: effect.message, after: effect.after });
        return;
      case 'readEntries': {
        const entries = node.disk.slice(effect.from - 1, effect.to);
        this.#step(node, { kind: 'entriesRead', purpose: effect.purpose, from: effect.from, entries });
        return;
      }
      case 'apply':
        for (const entry of effect.entries) this.#applied(node, entry);
        return;
      case 'answer':
        if (effect.result.status === 'applied') this.#acknowledged.push(effect.request);
        return;
      case 'event':
        if (effect.event.kind === 'role' && effect.event.role === 'leader')
          this.#led(node, effect.event.term);
        return;
      default:
        return;
    }
  }

  #led(node: Node, of: number): void {
    const other = this.#leaders.get(of);
    if (other !== undefined && other !== node.id)
      this.violations.push(`${other} and ${node.id} led term ${of}`);
    this.#leaders.set(of, node.id);
  }

  #applied(node: Node, entry: Entry): void {
    node.applied.push(entry);
    const known = this.#committed[entry.index - 1];
    if (known === undefined) this.#committed[entry.index - 1] = entry;
    else if (known.term !== entry.term || known.payload[0] !== entry.payload[0]) {
      this.violations.push(`${node.id} applied another entry ${entry.index}`);
    }
    const holders = this.nodes.filter((one) => one.disk[entry.index - 1]?.term === entry.term);
    if (known === undefined && holders.length < 2)
      this.violations.push(`entry ${entry.index} is on one disk`);
  }
}

function toDisk(node: Node, { hardState, truncateFrom, entries }: LogBatch): void {
  if (hardState !== undefined) node.hardState = hardState;
  if (truncateFrom !== undefined) node.disk.length = truncateFrom - 1;
  node.disk.push(...entries);
}

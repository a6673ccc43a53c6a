/** Three whole nodes on virtual time and disks that forget what was not synced, driven by hand: for stories, not seeds. */

import { NodeCore } from '../../src/node/core/node.js';
import type { NodeCoreHooks, NodeCoreOptions } from '../../src/node/core/node.js';
import type { SuspectLog } from '../../src/node/environment.js';
import { LAN_TIMING } from '../../src/raft/timing.js';
import type { TreeHead } from '../../src/audit/types.js';
import { durNs } from '../../src/time/types.js';
import { checkpointPolicy, logOrigin } from '../../src/verify/checkpoint-policy.js';
import { Host, Reference, SimulatedClock } from '../simulation/clock.js';
import { SimulatedDisk } from '../simulation/disk.js';
import { CLUSTER, makeGenesis } from '../simulation/genesis.js';
import { SimulatedNetwork } from '../simulation/network.js';
import { Prng } from '../simulation/prng.js';
import { newLife, Scheduler } from '../simulation/scheduler.js';
import { simulatedSign, simulatedStatements, simulatedVerifier } from '../simulation/signatures.js';

export const MS = 1_000_000n;
export const S = 1000n * MS;

export class SmallNode {
  readonly id: string;
  readonly disk: SimulatedDisk;
  core: NodeCore | null = null;
  ready = false;
  readonly host: Host;
  life = { ...newLife(), alive: false };
  readonly boundaries = new Map<number, string>();
  published = 0;
  /** What its store found at the next start. */
  suspect: SuspectLog | null = null;

  constructor(id: string, disk: SimulatedDisk, host: Host) {
    this.id = id;
    this.disk = disk;
    this.host = host;
  }

  get head(): TreeHead {
    if (this.core === null) throw new Error(`${this.id} is down`);
    return this.core.ledger.head();
  }
}

/** Logs of a few entries, ledgers synced twice a second: what takes an hour elsewhere takes seconds here. */
const HURRIED: Partial<NodeCoreOptions> = {
  limits: {
    maxUncommittedBytes: 16 << 20,
    maxAppendBytes: 1 << 20,
    trailingEntries: 8,
    trimBytes: 2000,
    trimIntervalNs: 1e9,
  },
  ledgerSync: durNs(500n * MS),
};

export class SmallCluster {
  readonly scheduler = new Scheduler();
  readonly network: SimulatedNetwork;
  readonly genesis = makeGenesis(3);
  readonly nodes: readonly SmallNode[];
  readonly #prng: Prng;
  readonly #options: Partial<NodeCoreOptions>;
  readonly fatal: string[] = [];
  readonly notices: string[] = [];
  readonly #logKeys: ReadonlyMap<string, Uint8Array>;

  constructor(seed: number, options: Partial<NodeCoreOptions> = {}) {
    this.#prng = new Prng(seed);
    this.#options = { ...HURRIED, ...options };
    this.network = new SimulatedNetwork(this.scheduler, this.#prng.fork());
    this.#logKeys = new Map(
      checkpointPolicy({
        origin: logOrigin(CLUSTER),
        nodes: this.genesis.members.map(({ id, site, logKey }) => ({ name: id, site, key: logKey })),
        ...this.genesis.trust,
      }).nodes.map(({ name, spki }) => [name, spki]),
    );
    const reference = new Reference(this.scheduler);
    const nothing = (): void => undefined;
    const silent = {
      persistBegun: nothing,
      logDurable: nothing,
      persisted: nothing,
      witnessSaved: nothing,
      imageWritten: nothing,
      wroteAfterFailure: nothing,
    };
    this.nodes = this.genesis.members.map(({ id }) => {
      const disk = new SimulatedDisk(this.scheduler, this.#prng.fork(), silent);
      const oscillator = { ratePpb: 10_000, coldNs: 60n * S };
      return new SmallNode(id, disk, new Host(this.scheduler, this.#prng.fork(), reference, oscillator));
    });
    for (const node of this.nodes) this.boot(node);
  }

  node(id: string): SmallNode {
    const found = this.nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`no node ${id}`);
    return found;
  }

  get leader(): SmallNode | undefined {
    return this.nodes.find((node) => node.ready && node.core?.raft.status().role === 'leader');
  }

  boot(node: SmallNode): void {
    const life = newLife();
    node.life = life;
    node.ready = false;
    const clock = new SimulatedClock(node.host, life, () => node.core?.clockLooked());
    const prng = this.#prng.fork();
    const member = this.genesis.members.find(({ id }) => id === node.id);
    if (member === undefined) throw new Error('unreachable');
    const hooks: NodeCoreHooks = {
      boundary: ({ size, root }) => node.boundaries.set(size, Buffer.from(root).toString('hex')),
      published: (size) => (node.published = size),
      fatal: (error) => this.fatal.push(`${node.id}: ${error.stack ?? error.message}`),
    };
    node.core = new NodeCore({
      environment: {
        mono: () => clock.mono(),
        random: (length) => prng.bytes(length),
        timers: this.scheduler.timersFor(life, node.host.rate),
        transport: this.network.attach(node.id, life),
        storage: {
          log: node.disk.log(life),
          ledger: node.disk.ledger(life),
          witness: node.disk.witnessStore(life),
          suspect: node.suspect,
          spool: node.disk.spoolStore(life),
        },
        signer: {
          issue: (message, done) => done(null, simulatedSign(member.issuingKey, message)),
          cosign: (message, done) =>
            done(null, simulatedSign(this.#logKeys.get(node.id) as Uint8Array, message)),
        },
        verifier: simulatedVerifier,
        requestPeerRounds: () => undefined,
        releaseClock: () => undefined,
        clockReading: () => clock.reading(),
        notifier: { notify: ({ code, message }) => this.notices.push(`${node.id} ${code} ${message}`) },
      },
      genesis: this.genesis,
      node: node.id,
      incarnation: new Uint8Array(16).fill(node.id.charCodeAt(1)),
      timing: LAN_TIMING,
      seed: this.#prng.uint32(),
      version: 'simulated',
      statements: simulatedStatements,
      hooks,
      ...this.#options,
    });
    node.core.start(() => (node.ready = true));
  }

  kill(node: SmallNode): void {
    node.life.alive = false;
    node.core = null;
    node.ready = false;
    node.disk.crash();
    for (const task of node.life.atDeath) task();
    this.network.died(node.id);
  }

  run(time: bigint): void {
    const until = this.scheduler.now + Number(time);
    while (this.scheduler.step(until));
  }

  /** Runs until the condition holds; throws when it does not within the time. */
  until(condition: () => boolean, time: bigint, what: string): void {
    const end = this.scheduler.now + Number(time);
    while (!condition()) {
      if (this.fatal.length > 0) throw new Error(this.fatal.join('\n'));
      if (this.scheduler.now >= end) throw new Error(`not within ${time / MS} ms: ${what}`);
      const until = this.scheduler.now + 10e6;
      while (this.scheduler.step(until));
      if (this.scheduler.now < until) this.scheduler.after(until - this.scheduler.now, () => undefined);
    }
  }

  /** Appends laboratory records, `perEntry` a log entry, until the tree has grown by `count`. */
  append(count: number, perEntry = 10): void {
    this.until(() => this.leader !== undefined, 10n * S, 'a leader');
    const before = this.leader?.head.size ?? 0;
    let sent = 0;
    while (sent < count) {
      this.until(() => this.leader !== undefined, 10n * S, 'a leader');
      const items = Array.from({ length: Math.min(perEntry, count - sent) }, (_, i) => {
        const item = new Uint8Array(12);
        new DataView(item.buffer).setUint32(0, before + sent + i);
        return item;
      });
      let answered: string | null = null;
      this.leader?.core?.testimony.labAppend(items, (result) => (answered = result.status));
      this.until(() => answered !== null, 10n * S, 'an append is answered');
      sent += items.length;
    }
  }
}

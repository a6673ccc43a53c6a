/**
 * One simulated world: whole nodes, their disks, network and clocks, TSAs with and without a right clock, clients that
 * append, and a plan of faults, all from one description. A safety phase with faults, then a healed phase in which the
 * cluster must serve and all nodes must become equal.
 */
import { checkpointPolicy, logOrigin } from '../../src/verify/checkpoint-policy.js';
import { profiles } from '../../src/clock/core/profile.js';
import { RETRY_MAX } from '../../src/node/core/proposals.js';
import type { CommandResult } from '../../src/node/core/proposals.js';
import { durNs } from '../../src/time/types.js';
import type { Genesis } from '../../src/verify/genesis.js';
import { nodeId } from '../../src/raft/types.js';
import type { SessionPeer } from '../../src/rpc/doors.js';
import { equalBytes } from '../../src/verify/bytes.js';
import type { OutcomeMessage, SessionResponse } from '../../src/wire/messages.js';
import { EXCHANGE_TIMEOUT, Host, Reference } from './clock.js';
import type { WorldDescription } from './description.js';
import { describe } from './description.js';
import { EvidenceCheck } from './evidence.js';
import { Faults } from './faults.js';
import { CLUSTER, clientKey, makeGenesis, registrationOf } from './genesis.js';
import { Invariants, Violation } from './invariants.js';
import { SimulatedNetwork } from './network.js';
import { Prng } from './prng.js';
import { Scheduler } from './scheduler.js';
import { simulatedSign } from './signatures.js';
import type { NodeMutation } from './simulated-node.js';
import { SimulatedNode } from './simulated-node.js';
import type { Said } from './tsa.js';
import { PATIENCE, RETRY, SimulatedTsa } from './tsa.js';
import { MS, S } from './units.js';
import { demand } from './violation.js';
import { SimulatedWriter } from './writer.js';

const TSA_NAMES = ['honest', 'wrong', 'moody'] as const;
const LIMIT = 500_000_000n;
/** A healed cluster has a leader within three of the longest election timeouts. */
const LEADER_WITHIN = 1800 * MS;
/**
 * From healing to a fresh certificate, at worst: a leader; the silent node that holds the TSA's session is left, and a
 * proposal of the next one is repeated; what was asked before has no certificate to give and is measured anew; an exchange
 * with the reference that was lost just then costs its time-out and a poll before the measurement is confirmed; the records
 * reach their nodes and are cosigned.
 */
const SERVICE_WITHIN =
  LEADER_WITHIN +
  PATIENCE +
  Number(RETRY_MAX) +
  RETRY +
  EXCHANGE_TIMEOUT +
  2 * Number(profiles.lab.pollNs) +
  400 * MS;
/** Clients stop so long before the end: what is under way comes to rest. */
const REST = 400 * MS;

export interface WorldResult {
  readonly description: WorldDescription;
  readonly violation: Violation | null;
  readonly digest: string;
  readonly commits: number;
  readonly leaderTerms: number;
  readonly certificates: number;
  readonly checks: number;
  readonly simulatedSeconds: number;
  readonly faults: Readonly<Record<string, number>>;
}

export interface WorldSetup {
  readonly mutation?: NodeMutation;
  /** Told everything of note: instant in ns, who, what. */
  readonly trace?: (at: number, who: string, what: string) => void;
}

export class World {
  readonly description: WorldDescription;
  readonly #setup: WorldSetup;
  readonly #prng: Prng;
  readonly #scheduler = new Scheduler();
  readonly #network: SimulatedNetwork;
  readonly #reference = new Reference(this.#scheduler);
  readonly #genesis: Genesis;
  readonly #nodes: SimulatedNode[] = [];
  readonly #tsas: SimulatedTsa[] = [];
  readonly #offsets: readonly bigint[];
  readonly #writers: SimulatedWriter[] = [];
  readonly #invariants: Invariants;
  readonly #evidence: EvidenceCheck;
  readonly #faults: Faults;
  #certificates = 0;

  constructor(description: WorldDescription, setup: WorldSetup = {}) {
    this.description = description;
    this.#setup = setup;
    this.#prng = new Prng(description.seed ^ 0x5eed);
    this.#network = new SimulatedNetwork(this.#scheduler, this.#prng.fork());
    const { loss, duplication, maxDelayMs } = description;
    this.#network.faults = { ...this.#network.faults, loss, duplication, maxDelay: maxDelayMs * MS };
    this.#genesis = makeGenesis(description.nodes);
    this.#evidence = new EvidenceCheck(this.#genesis);
    this.#invariants = new Invariants(
      { durableEntries: () => this.#nodes.map((node) => node.disk.durableEntries) },
      Math.floor(description.nodes / 2) + 1,
    );
    this.#offsets = [BigInt(this.#prng.between(-40, 40)) * 1_000_000n, 2_000_000_000n, -150_000_000n];
    this.#makeNodes();
    this.#faults = new Faults({
      scheduler: this.#scheduler,
      network: this.#network,
      nodes: this.#nodes,
      reference: this.#reference,
      leader: () => this.#leader(),
      trace: (who, what) => this.#trace(who, what),
      seed: description.seed,
    });
    this.#makeClients();
  }

  run(): WorldResult {
    let violation: Violation | null = null;
    try {
      this.#live();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // An assertion inside the code under test counts as a finding of the same kind.
      violation =
        error instanceof Violation ? error : new Violation('Assertion', error.stack ?? error.message);
      this.#trace('world', violation.message);
    }
    return {
      description: this.description,
      violation,
      digest: this.#invariants.digest(),
      commits: this.#invariants.commits,
      leaderTerms: this.#invariants.leaderTerms,
      certificates: this.#certificates,
      checks: this.#invariants.checks,
      simulatedSeconds: this.#scheduler.now / S,
      faults: this.#faults.counts(),
    };
  }

  #live(): void {
    const { faultMs, healedMs, faults } = this.description;
    for (const node of this.#nodes) node.boot();
    this.#register();
    for (const tsa of this.#tsas) tsa.start();
    for (const writer of this.#writers) writer.start();
    this.#faults.plan(faults);
    const healAt = faultMs * MS;
    this.#runUntil(healAt);
    this.#heal();
    const before = this.#tsas[0]?.certificates ?? 0;
    this.#runUntil(healAt + LEADER_WITHIN);
    // A clock that a fault led astray finds that out at its first sample after healing, and may be quarantined only then.
    this.#operatorsLook();
    const term = this.#demandLeader();
    const end = healAt + healedMs * MS;
    this.#runUntil(end - REST);
    // Most worlds are served by now; the others live until they are, for as long as the waits add up to.
    while (!this.#isServed(before) && this.#scheduler.step(healAt + SERVICE_WITHIN));
    this.#demandService(before);
    for (const writer of this.#writers) writer.stop();
    for (const tsa of this.#tsas) tsa.stop();
    this.#runUntil(Math.max(end, this.#scheduler.now + REST));
    demand(
      this.#invariants.highestTerm === term,
      'StableLeader',
      () => `term ${term} ended without a reason`,
    );
    this.#demandEquality();
    this.#demandDurability();
  }

  #runUntil(until: number): void {
    while (this.#scheduler.step(until));
  }

  #trace(who: string, what: string): void {
    this.#setup.trace?.(this.#scheduler.now, who, what);
  }

  #makeNodes(): void {
    const { nodes, electionSpreadMs, ratePpb, clockColdMs } = this.description;
    const policy = checkpointPolicy({
      origin: logOrigin(CLUSTER),
      nodes: this.#genesis.members.map(({ id, site, logKey }) => ({ name: id, site, key: logKey })),
      ...this.#genesis.trust,
    });
    const timing = {
      heartbeat: durNs(100n * 1_000_000n),
      electionMin: durNs(300n * 1_000_000n),
      electionMax: durNs(BigInt(300 + electionSpreadMs) * 1_000_000n),
    };
    for (const [at, member] of this.#genesis.members.slice(0, nodes).entries()) {
      const host = new Host(this.#scheduler, this.#prng.fork(), this.#reference, {
        ratePpb,
        coldNs: BigInt(clockColdMs) * 1_000_000n,
      });
      this.#nodes.push(
        new SimulatedNode(nodeId(member.id), host, this.#prng.fork(), {
          scheduler: this.#scheduler,
          network: this.#network,
          genesis: this.#genesis,
          timing,
          invariants: this.#invariants,
          // What a log key looks like to whoever verifies.
          logKey: policy.nodes[at]?.spki ?? member.logKey,
          issuingKey: member.issuingKey,
          mutation: this.#setup.mutation ?? {},
          trace: (who, what) => this.#trace(who, what),
          ended: (node) => this.#faults.died(node),
          crashed: (node) => this.#faults.died(node),
          leads: () => undefined,
        }),
      );
    }
  }

  #leader(): SimulatedNode | undefined {
    let best: SimulatedNode | undefined;
    for (const node of this.#nodes) {
      if (node.life.alive && node.role === 'leader' && node.term > (best?.term ?? 0)) best = node;
    }
    return best;
  }

  // --- clients

  /** The administrator registers the TSAs with whichever node answers. */
  #register(): void {
    for (const name of TSA_NAMES.slice(0, this.description.tsas)) {
      const registration = registrationOf(name).command;
      const attempt = (): void => {
        const node = this.#prng.pick(this.#nodes);
        const again = (): void => void this.#scheduler.after(200 * MS, attempt);
        if (!node.isServing || node.core === null) {
          again();
          return;
        }
        let answered = false;
        node.core.submitSigned(registration, (result) => {
          answered = true;
          if (result.status === 'unknown') again();
        });
        // The node may die with the answer.
        this.#scheduler.after(S, () => {
          if (!answered) again();
        });
      };
      this.#scheduler.after(500 * MS, attempt);
    }
  }

  #makeClients(): void {
    const { tsas, writers, writeEveryMs, auditEveryMs, lies } = this.description;
    TSA_NAMES.slice(0, tsas).forEach((name, i) => {
      const tsa: SimulatedTsa = new SimulatedTsa(
        this.#scheduler,
        this.#prng.fork(),
        {
          nodes: this.#nodes.length,
          dial: (node, send, ended) => this.#dial(name, node, send, ended),
          reference: () => this.#reference.now(),
          allowance: (node) => this.#nodes[node]?.clock?.allowance() ?? 0n,
        },
        { outcome: (outcome, said) => this.#outcome(name, outcome, said) },
        {
          name,
          cluster: this.#genesis.clusterId,
          lies: name === 'moody' ? lies : 0,
          interval: auditEveryMs * MS * (i === 0 ? 1 : 2),
          sign: (message) => simulatedSign(clientKey(name), message),
        },
        this.#offsets[i] ?? 0n,
      );
      this.#tsas.push(tsa);
    });
    for (let name = 1; name <= writers; name += 1) {
      const door = {
        nodes: this.#nodes.length,
        append: (node: number, records: readonly Uint8Array[], done: (result: CommandResult) => void) =>
          this.#append(node, records, done),
      };
      this.#writers.push(
        new SimulatedWriter(this.#scheduler, this.#prng.fork(), door, name, writeEveryMs * writers * MS),
      );
    }
  }

  #append(index: number, records: readonly Uint8Array[], done: (result: CommandResult) => void): boolean {
    const node = this.#nodes[index];
    if (node?.core == null || !node.isServing) return false;
    const { life } = node;
    node.core.testimony.labAppend(records, (result) => {
      if (life.alive) done(result);
    });
    return true;
  }

  #outcome(name: string, outcome: OutcomeMessage, said: Said | null): void {
    this.#trace(name, `is told ${outcome.sequence} ${outcome.verdict} ${outcome.reason}`);
    this.#invariants.outcome(name, outcome, said, LIMIT);
    if (outcome.receipt.length === 0) return;
    this.#certificates += 1;
    this.#evidence.released(outcome, registrationOf(name).device);
    demand(
      said !== null,
      'CertificateMatches',
      () => `${name} never signed what outcome ${outcome.sequence} rests on`,
    );
  }

  #dial(
    name: string,
    index: number,
    send: (message: SessionResponse) => boolean,
    ended: () => void,
  ): SessionPeer | null {
    const node = this.#nodes[index];
    if (node?.core == null || !node.isServing) return null;
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
    life.atDeath.push(() => this.#scheduler.after(10 * MS, ended));
    return {
      receive: (message) => this.#scheduler.inLife(life, 0, () => peer.receive(message)),
      closed: () => this.#scheduler.inLife(life, 0, () => peer.closed()),
    };
  }

  // --- the healed phase

  #heal(): void {
    this.#trace('world', 'heals');
    this.#faults.heal();
    // Operators look at the clocks that wait for them, and at the TSA whose time the reference has left.
    this.#operatorsLook();
    const honest = this.#tsas[0];
    if (honest !== undefined) honest.offset = (this.#offsets[0] ?? 0n) + this.#reference.stepped;
  }

  #operatorsLook(): void {
    for (const node of this.#nodes) node.clock?.release();
  }

  get #healthy(): readonly SimulatedNode[] {
    return this.#nodes.filter((node) => !node.disk.isRotten);
  }

  /** A majority follows one leader. @returns its term */
  #demandLeader(): number {
    const leader = this.#leader();
    const followers = this.#healthy.filter((node) => node.core?.raft.status().leader === leader?.id);
    demand(
      leader !== undefined && followers.length > this.#nodes.length / 2,
      'LeaderAfterHealing',
      () => `${String(leader?.id)} is followed by ${followers.length} nodes`,
    );
    return leader?.term ?? 0;
  }

  #isServed(before: number): boolean {
    const [honest] = this.#tsas;
    return honest === undefined || honest.certificates > before;
  }

  /** Liveness: a healed cluster certifies the honest TSA again, and the wrong one never. */
  #demandService(before: number): void {
    const wrong = this.#tsas[1];
    demand(this.#isServed(before), 'ServiceAfterHealing', () => 'the honest TSA got no certificate');
    demand(wrong === undefined || wrong.certificates === 0, 'WrongClockCertified', () => 'the wrong TSA');
  }

  /** All nodes have the same log, have applied it, and hold the same tree and state. */
  #demandEquality(): void {
    const [first, ...others] = this.#healthy.flatMap(({ id, core, disk }) =>
      core === null ? [] : [{ id, core, disk }],
    );
    demand(
      first !== undefined && others.length === this.#healthy.length - 1,
      'EveryoneReturns',
      () => `${others.length + 1} of ${this.#healthy.length} nodes run`,
    );
    if (first === undefined) return;
    const applied = first.core.raft.status().appliedIndex;
    demand(applied === this.#invariants.commits, 'EqualAtTheEnd', () => `${first.id} applied ${applied}`);
    const head = first.core.ledger.head();
    const state = first.core.authority.snapshot();
    for (const { id, core, disk } of others) {
      const their = core.ledger.head();
      const status = core.raft.status();
      demand(
        status.appliedIndex === applied && disk.durableEntries.length === first.disk.durableEntries.length,
        'EqualAtTheEnd',
        () => `${id} applied ${status.appliedIndex} of ${disk.durableEntries.length}, ${first.id} ${applied}`,
      );
      demand(
        their.size === head.size && equalBytes(their.root, head.root),
        'EqualAtTheEnd',
        () => `${id} has another tree than ${first.id} at ${their.size} and ${head.size}`,
      );
      demand(
        equalBytes(core.authority.snapshot(), state),
        'EqualAtTheEnd',
        () => `${id} and ${first.id} hold different states`,
      );
    }
  }

  /** What was acknowledged is in the log where the answer said. */
  #demandDurability(): void {
    for (const writer of this.#writers) {
      for (const { record, raftIndex } of writer.acknowledged) {
        const payload = this.#invariants.committedPayload(raftIndex);
        demand(
          payload !== undefined && contains(payload, record),
          'AcknowledgedIsDurable',
          () => `the record acknowledged at ${raftIndex} is not there`,
        );
      }
    }
  }
}

function contains(payload: Uint8Array, record: Uint8Array): boolean {
  for (let at = 0; at + record.length <= payload.length; at += 1) {
    if (equalBytes(payload.subarray(at, at + record.length), record)) return true;
  }
  return false;
}

export function runWorld(description: WorldDescription, setup: WorldSetup = {}): WorldResult {
  return new World(description, setup).run();
}

export const runSeed = (seed: number, setup: WorldSetup = {}): WorldResult => runWorld(describe(seed), setup);

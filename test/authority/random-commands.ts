/** Random but mostly sensible commands from one seed: what a cluster with trouble in it might commit. */

import { encodeCommand, type Command } from '../../src/authority/commands.js';
import type { Act } from '../../src/authority/acts.js';
import { Random, text } from '../verify/random.js';
import {
  type Cluster,
  MS,
  START,
  clusterId,
  factsOf,
  keyOf,
  registration,
  runOf,
  sessionId,
} from './cluster.js';
import { durNs, taiNs } from '../../src/time/types.js';

const nodes = ['n1', 'n2', 'w1'] as const;
const names = ['a', 'b', 'c'] as const;
const states = ['synchronised', 'holdover', 'disrupted', 'outOfTolerance', 'acquiring'] as const;

export class RandomCommands {
  readonly #cluster: Cluster;
  readonly #random: Random;
  #request = 0;
  #last: Uint8Array | null = null;

  constructor(cluster: Cluster, seed: number) {
    this.#cluster = cluster;
    this.#random = new Random(seed);
  }

  /** The next payload; now and then the previous one again, and now and then time passes. */
  next(): Uint8Array {
    const random = this.#random;
    if (random.below(4) === 0) this.#cluster.now += BigInt(random.below(40_000)) * MS;
    if (this.#last !== null && random.below(20) === 0) return this.#last;
    const node = random.pick(nodes);
    this.#last = encodeCommand(node, random.bytes(16), this.#command(node));
    return this.#last;
  }

  #command(node: string): Command {
    const random = this.#random;
    const name = random.pick(names);
    const device =
      this.#cluster.authority.deviceByIdentity(`taa://${clusterId}/client/${name}`)?.id ?? 'd-unknown';
    switch (random.below(16)) {
      case 0:
        return this.#signed(random.below(2) === 0 ? registration(name) : this.#act(device, name));
      case 1:
        return this.#signed(this.#act(device, name));
      case 2:
        return { kind: 'sessionOpen', device, session: sessionId(name), software: 'sdk' };
      case 3:
        return { kind: 'nodeStarted', run: runOf(random.pick(['n1', 'n2'])), version: '1', supports: 1 };
      case 4:
        return this.#transition();
      case 5:
        return {
          kind: 'accessDenied',
          identity: random.pick(names),
          reason: 'NOBODY',
          count: 1 + random.below(3),
        };
      case 6:
        return { kind: 'labAppend', items: [random.bytes(1 + random.below(300)), random.bytes(5)] };
      case 7:
        return { kind: 'checkpoint' };
      case 8:
        return { kind: 'forkEvidence', detail: 'two notes', evidence: random.bytes(20) };
      case 9:
      case 10:
      case 11:
      case 12:
        return this.#step(node);
      default: {
        this.#request += random.below(3);
        const offset = random.pick([0n, 3n * MS, 499n * MS, 700n * MS]);
        return {
          kind: 'measure',
          facts: { ...factsOf(device, name, this.#request, offset), run: runOf(node) },
        };
      }
    }
  }

  /** The next step of something under way, by its node or by another. */
  #step(node: string): Command {
    const { authority } = this.#cluster;
    const pending = nodes.flatMap((name) => authority.pending(name));
    if (pending.length === 0) return { kind: 'nodeStopping', run: runOf(node) };
    const audit = this.#random.pick(pending);
    const { device, sequence, facts } = audit;
    if (this.#random.below(8) === 0) return { kind: 'void', device, sequence, reason: 'NOT_CONFIRMED' };
    if (audit.stage === 'confirmed') {
      return { kind: 'issue', device, sequence, der: this.#cluster.certificate(audit, keyOf(audit.node)) };
    }
    return {
      kind: 'confirm',
      device,
      sequence,
      run: facts.run,
      epoch: facts.clockEpoch,
      samples: 11,
      peerRounds: 0,
    };
  }

  #transition(): Command {
    const instant = taiNs(START);
    return {
      kind: 'clockTransition',
      from: 'synchronised',
      to: this.#random.pick(states),
      clock: {
        earliest: instant,
        best: instant,
        latest: instant,
        epoch: 1,
        samples: 1,
        rhoPpb: 1,
        taiMinusUtc: 37,
        leap: 'none',
        unmonitored: false,
        peers: 'unknown',
      },
    };
  }

  #act(device: string, name: string): Act {
    const spki = text(`key of ${name}`);
    switch (this.#random.below(7)) {
      case 0:
        return { command: 'stopClient', device, reason: 'drill' };
      case 1:
      case 2:
        return { command: 'releaseClient', device, reason: 'over' };
      case 3:
        return { command: 'setDevicePolicy', device, policy: { limit: durNs(400n * MS) } };
      case 4:
        return {
          command: 'setClusterPolicy',
          basedOn: this.#cluster.authority.policy().version,
          change: { audit: { voidAfter: durNs(BigInt(1 + this.#random.below(100)) * 1000n * MS) } },
        };
      case 5:
        return { command: 'suspendCredential', device, spki, reason: 'test' };
      default:
        return { command: 'restoreCredential', device, spki, reason: 'test' };
    }
  }

  #signed(act: Act): Command {
    return this.#cluster.signed(this.#random.pick(['ada', 'olga', 'sven']), act);
  }
}

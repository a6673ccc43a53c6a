/**
 * Cosigning nodes on a simulated network and disk, under one seed: messages are delayed, lost, repeated and overtaken;
 * nodes crash between any two steps and come back with what was durable. Every step is checked against the rules.
 */

import type { CosignerEffect, CosignerInput, CosignerStatus } from '../../src/audit/cosigner-api.js';
import { Cosigner } from '../../src/audit/cosigner.js';
import type { WitnessState } from '../../src/audit/storage.js';
import type { TreeHead } from '../../src/audit/types.js';
import { concat } from '../../src/verify/bytes.js';
import { checkpointPolicy, type CheckpointPolicy } from '../../src/verify/checkpoint-policy.js';
import { readCheckpoint, verifyCheckpoint } from '../../src/verify/checkpoint.js';
import { sha256, type SignatureVerifier } from '../../src/verify/crypto.js';
import { Random, hex, text } from '../verify/random.js';

/** A signature scheme for simulations: whoever knows the key's name can sign. */
export const cheapSign = (spki: Uint8Array, message: Uint8Array): Uint8Array => {
  const digest = sha256(concat([spki, message]));
  return concat([digest, digest]);
};
export const cheapVerifier: SignatureVerifier = {
  verify: (_algorithm, spki, message, signature) => hex(cheapSign(spki, message)) === hex(signature),
};

export function cheapPolicy(names: readonly string[], quorum: number): CheckpointPolicy {
  return checkpointPolicy({
    origin: 'taa.example/log',
    nodes: names.map((name) => ({ name, site: name, key: sha256(text(`key of ${name}`)) })),
    quorum,
    distinctSites: Math.min(quorum, names.length),
  });
}

/** The one true history: the tree's root at any size. */
export const rootAt = (size: number): Uint8Array => sha256(text(`root ${size}`));
export const headAt = (size: number): TreeHead => ({ size, root: rootAt(size) });

/** Boundary sizes, growing. */
export type History = readonly number[];

interface Node {
  readonly name: string;
  machine: Cosigner | null;
  /** Grows at each start: what an earlier run asked for must not reach a later one. */
  run: number;
  /** Durable. */
  witness: WitnessState | null;
  published: Uint8Array | null;
  /** Durable: how many boundaries the stored tree has passed. */
  stored: number;
  /** How many boundaries this run has applied. */
  applied: number;
  clockOk: boolean;
}

export class World {
  readonly random: Random;
  readonly policy: CheckpointPolicy;
  readonly nodes: Node[];
  readonly history: History;
  readonly violations: string[] = [];
  readonly effects: { node: string; effect: CosignerEffect }[] = [];
  /** Deferred work; the seed decides what comes next. */
  #queue: (() => void)[] = [];
  lossPercent = 0;
  partitioned = new Set<string>();
  seconds = 1_764_000_000;

  constructor(seed: number, names: readonly string[], history: History) {
    this.random = new Random(seed);
    this.policy = cheapPolicy(names, Math.floor(names.length / 2) + 1);
    this.history = history;
    this.nodes = names.map((name) => ({
      name,
      machine: null,
      run: 0,
      witness: null,
      published: null,
      stored: 0,
      applied: 0,
      clockOk: true,
    }));
    for (const node of this.nodes) this.start(node);
  }

  start(node: Node): void {
    node.run++;
    node.applied = node.stored;
    const last = this.history[node.stored - 1];
    node.machine = new Cosigner({
      self: node.name,
      policyAt: () => this.policy,
      verifier: cheapVerifier,
      witness: node.witness,
      published: node.published,
      size: last ?? 0,
      boundary: last === undefined ? null : headAt(last),
    });
    this.feed(node, { kind: 'tick' });
  }

  crash(node: Node): void {
    node.machine = null;
    node.run++;
    // The tree is written unsynced and replayed: any earlier point may be what is found again.
    node.stored = this.random.below(node.applied + 1);
  }

  apply(node: Node): void {
    if (node.machine === null || node.applied >= this.history.length) return;
    const position = node.applied++;
    const head = headAt(this.history[position] as number);
    this.feed(node, { kind: 'boundary', head });
  }

  feed(node: Node, input: CosignerInput): void {
    if (node.machine === null) return;
    const effects = node.machine.step(input, node.clockOk ? this.seconds : null);
    for (const effect of effects) this.#carryOut(node, effect);
  }

  /** One piece of deferred work, in an order that the seed chooses. */
  advance(): boolean {
    if (this.#queue.length === 0) return false;
    const [task] = this.#queue.splice(this.random.below(Math.min(this.#queue.length, 6)), 1);
    task?.();
    return true;
  }

  drain(): void {
    while (this.advance());
  }

  status(name: string): CosignerStatus {
    const machine = this.nodes.find((node) => node.name === name)?.machine;
    if (machine === null || machine === undefined) throw new Error(`${name} is down`);
    return machine.status();
  }

  #later(node: Node, task: () => void): void {
    const { run } = node;
    this.#queue.push(() => {
      if (node.run === run) task();
    });
  }

  #carryOut(node: Node, effect: CosignerEffect): void {
    this.effects.push({ node: node.name, effect });
    switch (effect.kind) {
      case 'saveWitness': {
        const { state } = effect;
        if (state.size <= (node.witness?.size ?? 0))
          this.#violation(node, `witness goes back to ${state.size}`);
        if (hex(state.root) !== hex(rootAt(state.size))) this.#violation(node, 'witness of another tree');
        this.#later(node, () => {
          node.witness = state;
          this.#later(node, () => this.feed(node, { kind: 'witnessSaved', size: state.size }));
        });
        break;
      }
      case 'sign':
        if ((node.witness?.size ?? 0) < effect.size)
          this.#violation(node, `line ${effect.size} before its witness`);
        this.#later(node, () => this.#sign(node, effect));
        break;
      case 'broadcast':
        for (const peer of this.nodes) if (peer !== node) this.#send(node, peer, effect.bytes);
        break;
      case 'send':
        for (const peer of this.nodes) if (peer.name === effect.to) this.#send(node, peer, effect.bytes);
        break;
      case 'needRoot':
        this.#later(node, () => this.feed(node, { kind: 'rootAt', head: headAt(effect.size) }));
        break;
      case 'published':
        this.#publish(node, effect.size, effect.note);
        break;
      case 'diverged':
      case 'wrongLogKey':
      case 'forkEvidence':
        this.#violation(node, effect.kind);
    }
  }

  #sign(node: Node, effect: Extract<CosignerEffect, { kind: 'sign' }>): void {
    const { size, form } = effect;
    if (this.lossPercent > 0 && this.random.below(50) === 0) {
      this.feed(node, { kind: 'signFailed', size });
      return;
    }
    const spki = this.policy.nodes.find(({ name }) => name === node.name)?.spki ?? new Uint8Array();
    this.feed(node, { kind: 'signed', size, form, signature: cheapSign(spki, effect.message) });
  }

  #send(from: Node, to: Node, bytes: Uint8Array): void {
    if (this.partitioned.has(from.name) || this.partitioned.has(to.name)) return;
    const copies = this.random.below(100) < this.lossPercent ? 0 : this.random.below(20) === 0 ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#queue.push(() => this.feed(to, { kind: 'message', from: from.name, bytes }));
    }
  }

  #publish(node: Node, size: number, note: Uint8Array): void {
    const before = node.published === null ? 0 : (readCheckpoint(node.published)?.checkpoint.size ?? 0);
    if (size <= before) this.#violation(node, `published goes back from ${before} to ${size}`);
    const verdict = verifyCheckpoint(
      note,
      this.policy,
      cheapVerifier,
      this.policy.nodes.map(({ name }) => name),
    );
    if (!verdict.ok) this.#violation(node, `published ${size}: ${verdict.reasons.join()}`);
    else if (hex(verdict.checkpoint.root) !== hex(rootAt(size)))
      this.#violation(node, `published another tree`);
    if ((this.history[node.applied - 1] ?? 0) < size)
      this.#violation(node, `published ${size} beyond its own tree`);
    node.published = note;
  }

  #violation(node: Node, what: string): void {
    this.violations.push(`${node.name}: ${what}`);
  }
}

export function randomHistory(random: Random, count: number): History {
  let size = 0;
  return Array.from({ length: count }, () => (size += 1 + random.below(5)));
}

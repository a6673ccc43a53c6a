/**
 * Runs the cosigner: its witness states to the disk, its lines to the peers, published checkpoints to whoever waits. The
 * rules are the cosigner's (src/audit/cosigner.ts); here are only their effects.
 */

import { Cosigner } from '../../audit/cosigner.js';
import type { CosignerEffect, CosignerInput } from '../../audit/cosigner-api.js';
import type { Ledger } from '../../audit/ledger.js';
import type { WitnessState } from '../../audit/storage.js';
import type { TreeHead } from '../../audit/types.js';
import type { ClockReading } from '../../time/types.js';
import { posixSeconds } from '../../verify/calendar.js';
import type { CheckpointPolicy } from '../../verify/checkpoint-policy.js';
import { readCheckpoint } from '../../verify/checkpoint.js';
import type { Environment } from '../environment.js';

export interface PublicationListener {
  readonly published: (size: number, note: Uint8Array) => void;
  /** This node's tree is not the one that was signed: it stays up for inspection only. */
  readonly diverged: (detail: string) => void;
  /** A peer provably signed another tree. */
  readonly fork: (peer: string, evidence: Uint8Array) => void;
  readonly fatal: (error: Error) => void;
  /** False while what a snapshot left out is being fetched: older trees cannot be computed yet. */
  readonly complete: () => boolean;
}

/** Who signs and who is told, as the applied state says. */
export interface PublicationMembers {
  /** Whose lines publish a checkpoint of this size. */
  readonly policyAt: (size: number) => CheckpointPolicy;
  /** Names of all members, in force or ordered. */
  readonly names: () => readonly string[];
}

interface Waiting {
  readonly size: number;
  readonly done: (size: number, note: Uint8Array) => void;
}

export class Publication {
  readonly #env: Environment;
  readonly #members: PublicationMembers;
  readonly #node: string;
  readonly #ledger: Ledger;
  readonly #listener: PublicationListener;
  /** Half-width above which a time-stamp would not be within policy. Unit: ns. */
  readonly #clockLimit: () => bigint;
  #cosigner: Cosigner | null = null;
  #newest: { size: number; note: Uint8Array } | null = null;
  #waiting: Waiting[] = [];
  #stopped = false;

  constructor(
    env: Environment,
    members: PublicationMembers,
    node: string,
    ledger: Ledger,
    clockLimit: () => bigint,
    listener: PublicationListener,
  ) {
    this.#env = env;
    this.#members = members;
    this.#node = node;
    this.#ledger = ledger;
    this.#clockLimit = clockLimit;
    this.#listener = listener;
  }

  /** @param boundary size of the last boundary that the tree has passed */
  start(boundary: number, ready: () => void): void {
    const { witness, ledger } = this.#env.storage;
    witness.load((failed, state) => {
      if (failed !== null) {
        this.#listener.fatal(failed);
        return;
      }
      ledger.newestCheckpoint((error, note) => {
        if (error !== null) {
          this.#listener.fatal(error);
          return;
        }
        this.#ledger.headAt(boundary, (unreadable, head) => {
          if (unreadable !== null && !this.#listener.complete()) {
            // The next boundary will do.
            this.#open(state ?? null, note ?? null, null);
            ready();
            return;
          }
          if (unreadable !== null || head === undefined) {
            this.#listener.fatal(unreadable ?? new Error(`the tree of ${boundary} leaves cannot be read`));
            return;
          }
          this.#open(state ?? null, note ?? null, boundary === 0 ? null : head);
          ready();
        });
      });
    });
  }

  get publishedSize(): number {
    return this.#newest?.size ?? 0;
  }

  newest(): { readonly size: number; readonly note: Uint8Array } | null {
    return this.#newest;
  }

  /** Size of the largest tree that a node has cosigned, as far as this node has heard. */
  cosignedSize(node: string): number {
    return this.#cosigner?.status().cosigned.get(node) ?? 0;
  }

  /** Calls back once when a published checkpoint covers `size` leaves; at once if one does. Returns the cancellation. */
  whenPublished(size: number, done: (size: number, note: Uint8Array) => void): () => void {
    const newest = this.#newest;
    if (newest !== null && newest.size >= size) {
      done(newest.size, newest.note);
      return () => undefined;
    }
    const waiting = { size, done };
    this.#waiting.push(waiting);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    };
  }

  /** The tree reached a point that every node reaches, after the same entry. */
  boundary(head: TreeHead): void {
    this.#step({ kind: 'boundary', head });
  }

  receive(from: string, bytes: Uint8Array): void {
    this.#step({ kind: 'message', from, bytes });
  }

  /** Signs, saves and sends nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  tick(): void {
    this.#step({ kind: 'tick' });
  }

  #open(witness: WitnessState | null, published: Uint8Array | null, boundary: TreeHead | null): void {
    const checkpoint = published === null ? null : readCheckpoint(published);
    if (published !== null && checkpoint !== null) {
      this.#newest = { size: checkpoint.checkpoint.size, note: published };
    }
    this.#cosigner = new Cosigner({
      self: this.#node,
      policyAt: this.#members.policyAt,
      verifier: this.#env.verifier,
      witness,
      published,
      size: this.#ledger.size,
      boundary,
    });
    this.#step({ kind: 'tick' });
  }

  #step(input: CosignerInput): void {
    if (this.#cosigner === null || this.#stopped) return;
    for (const effect of this.#cosigner.step(input, this.#seconds())) this.#perform(effect);
  }

  #perform(effect: CosignerEffect): void {
    switch (effect.kind) {
      case 'saveWitness':
        this.#env.storage.witness.save(effect.state, (error) => {
          if (error !== null) this.#listener.fatal(error);
          else this.#step({ kind: 'witnessSaved', size: effect.state.size });
        });
        break;
      case 'sign':
        this.#sign(effect);
        break;
      case 'broadcast':
        for (const name of this.#members.names()) if (name !== this.#node) this.#send(name, effect.bytes);
        break;
      case 'send':
        this.#send(effect.to, effect.bytes);
        break;
      case 'needRoot':
        this.#ledger.headAt(effect.size, (error, head) => {
          if (error === null && head !== undefined) this.#step({ kind: 'rootAt', head });
          // Asked again at every tick: nothing is signed before what was signed has been compared.
          else if (this.#listener.complete())
            this.#listener.diverged(`the tree of ${effect.size} leaves cannot be read`);
        });
        break;
      case 'published':
        this.#published(effect.size, effect.note);
        break;
      case 'diverged':
        this.#listener.diverged(
          `at ${effect.own.size} leaves this node's tree has another root than its ${effect.by} says; replace the node`,
        );
        break;
      case 'wrongLogKey':
        this.#listener.diverged(
          'the log key is not the one that is registered for this node; restore the right key',
        );
        break;
      case 'forkEvidence':
        this.#listener.fork(effect.peer, effect.peerNote);
        break;
    }
  }

  #sign(effect: Extract<CosignerEffect, { kind: 'sign' }>): void {
    const { size, form } = effect;
    this.#env.signer.cosign(effect.message, (error, signature) => {
      if (error !== null || signature === undefined) this.#step({ kind: 'signFailed', size });
      else this.#step({ kind: 'signed', size, form, signature });
    });
  }

  #send(to: string, bytes: Uint8Array): void {
    this.#env.transport.send(to, 'control', 'checkpoint', bytes);
  }

  #published(size: number, note: Uint8Array): void {
    this.#newest = { size, note };
    const ready = this.#waiting.filter((waiting) => waiting.size <= size);
    this.#waiting = this.#waiting.filter((waiting) => waiting.size > size);
    this.#listener.published(size, note);
    for (const waiting of ready) waiting.done(size, note);
  }

  /** POSIX seconds for a time-stamped line; null while the clock is not within policy. */
  #seconds(): number | null {
    const reading: ClockReading = this.#env.clockReading();
    if (reading.state !== 'synchronised' && reading.state !== 'holdover') return null;
    if ((reading.latest - reading.earliest) / 2n > this.#clockLimit()) return null;
    return posixSeconds(reading.best, reading.taiMinusUtc);
  }
}

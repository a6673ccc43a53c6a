/**
 * The cosigning machine of one node: pure, driven by inputs, answering with effects. `docs/formats.md` describes the
 * lines, this file when they may be made.
 *
 * Invariants:
 *  - A line is made only over a head of this node's own applied tree, and only after a witness state that covers it is
 *    on disk. A crash between the two leaves a witness without a line, never a line without a witness.
 *  - The sizes of a node's lines grow. A witness state that is not a prefix of the node's own tree means that disk or
 *    state machine diverged: nothing is signed any more.
 *  - *Published* is what `verifyCheckpoint` accepts whoever measured: a quorum of plain lines and the time-stamps of two
 *    nodes. It never goes back, and covers every smaller size.
 *
 * Progress: nodes must sign the same sizes. A node first follows the largest size that a peer has signed and it has
 * reached; by itself it starts a new size only when its last one is published, or a tick has passed in vain. Boundaries
 * that arrive meanwhile are covered by the next size: a group commit.
 */

import { equalBytes } from '../verify/bytes.js';
import { CborError } from '../verify/cbor.js';
import { nodesOf, type CheckpointPolicy, type PolicyNode } from '../verify/checkpoint-policy.js';
import {
  checkpointText,
  cosignatureLine,
  cosignatureMessage,
  plainLine,
  plainMessage,
  possibleMeasurers,
  publicationFaults,
  readCheckpoint,
  verifyCheckpoint,
  verifyPlain,
  type Checkpoint,
} from '../verify/checkpoint.js';
import type { SignatureVerifier } from '../verify/crypto.js';
import { formatNote, type NoteSignature } from '../verify/note.js';
import { Boundaries } from './boundaries.js';
import type {
  ClaimSource,
  CosignerEffect,
  CosignerInput,
  CosignerStart,
  CosignerStatus,
  LineForm,
} from './cosigner-api.js';
import {
  MAX_HEADS,
  decodeMessage,
  encodeMessage,
  type CheckpointMessage,
  type SignedHead,
  type Stamp,
} from './lines.js';
import { PeerLines, type ValidLines } from './peer-lines.js';
import type { WitnessState } from './storage.js';
import type { TreeHead, TreeSize } from './types.js';

interface Claim extends TreeHead {
  readonly by: ClaimSource;
  /** Published when the claim turns out true. */
  readonly note: Uint8Array | null;
  asked: boolean;
}

/** A size being signed. */
interface Job {
  readonly head: TreeHead;
  plain: Uint8Array | null;
  /** Null: no time-stamp, the clock is not within policy. */
  stamp: { readonly seconds: number; signature: Uint8Array | null } | null;
}

/** Own heads that are kept while nothing is published. */
const KEPT_OWN = 2 * MAX_HEADS;

export class Cosigner {
  readonly #self: string;
  readonly #verifier: SignatureVerifier;
  readonly #policyAt: (size: TreeSize) => CheckpointPolicy;
  /** Size of the own tree, as far as told. */
  #applied: TreeSize;
  #witness: WitnessState | null;
  #saving: WitnessState | null = null;
  #job: Job | null = null;
  /** Heads that this node has signed since its start, by size; pruned with the publication. */
  readonly #own = new Map<TreeSize, SignedHead>();
  #published: TreeSize = 0;
  #publishedNote: Uint8Array | null = null;
  readonly #boundaries = new Boundaries();
  readonly #peers: PeerLines;
  #claims: Claim[] = [];
  /** Own size that was unpublished at the last tick, and at the last two: waiting for that one is in vain. */
  #awaited: TreeSize = 0;
  #stale: TreeSize = 0;
  /** The key failed: no further attempt before the next tick. */
  #signerRests = false;
  #final: 'diverged' | 'wrongLogKey' | null = null;
  #keyProven = false;
  readonly #accused = new Set<string>();
  #effects: CosignerEffect[] = [];

  constructor(start: CosignerStart) {
    this.#self = start.self;
    this.#policyAt = start.policyAt;
    this.#verifier = start.verifier;
    this.#applied = start.size;
    this.#witness = start.witness;
    this.#peers = new PeerLines(start.verifier);
    if (start.boundary !== null) this.#boundaries.add(start.boundary);
    if (start.witness !== null) this.#claim(start.witness, 'witness', null);
    if (start.published !== null) this.#restorePublished(start.published);
  }

  /** @param clock POSIX seconds while the node's clock is within policy, null otherwise */
  step(input: CosignerInput, clock: number | null): readonly CosignerEffect[] {
    this.#effects = [];
    if (this.#final === 'diverged') return this.#effects;
    this.#take(input, clock);
    this.#settleClaims();
    if (this.#isDiverged()) return this.#effects;
    this.#publish();
    this.#sign(clock);
    return this.#effects;
  }

  status(): CosignerStatus {
    const nodes = nodesOf(this.#policyAt(this.#applied));
    const cosigned = new Map(nodes.map(({ name }) => [name, this.#peers.newestOf(name)]));
    if (cosigned.has(this.#self)) cosigned.set(this.#self, this.#latestOwn());
    return {
      phase: this.#final ?? (this.#mustWait() ? 'waiting' : 'active'),
      witness: this.#witness?.size ?? 0,
      published: this.#published,
      cosigned,
    };
  }

  // ---- inputs ------------------------------------------------------------------------------------------------------

  #take(input: CosignerInput, clock: number | null): void {
    switch (input.kind) {
      case 'boundary':
        this.#takeBoundary(input.head);
        break;
      case 'rootAt':
        this.#settle(input.head);
        break;
      case 'witnessSaved':
        if (this.#saving?.size !== input.size) break;
        this.#witness = this.#saving;
        this.#saving = null;
        break;
      case 'signed':
        this.#takeSignature(input.size, input.form, input.signature);
        break;
      case 'signFailed':
        if (this.#job?.head.size !== input.size) break;
        this.#job = null;
        this.#signerRests = true;
        break;
      case 'message':
        this.#takeMessage(input.from, input.bytes);
        break;
      case 'tick':
        this.#tick(clock);
        break;
    }
  }

  #takeBoundary(boundary: TreeHead): void {
    if (boundary.size < this.#applied)
      throw new Error(`invariant: boundary ${boundary.size} after ${this.#applied}`);
    this.#applied = boundary.size;
    this.#boundaries.add(boundary);
    for (const [peer, head] of [...this.#peers.at(boundary.size)]) this.#compare(peer, head, boundary);
  }

  #takeSignature(size: TreeSize, form: LineForm, signature: Uint8Array): void {
    const job = this.#job;
    if (job?.head.size !== size) return;
    if (form === 'plain') job.plain = signature;
    else if (job.stamp !== null) job.stamp.signature = signature;
    if (job.plain === null || job.stamp?.signature === null) return;
    this.#job = null;
    if (!this.#provesKey(job.head, job.plain)) {
      this.#final = 'wrongLogKey';
      this.#effects.push({ kind: 'wrongLogKey' });
      return;
    }
    const head: SignedHead = { ...job.head, plain: job.plain, stamp: job.stamp as Stamp | null };
    this.#own.set(size, head);
    if (this.#own.size > KEPT_OWN) this.#own.delete(Math.min(...this.#own.keys()));
    this.#broadcast([head], false);
  }

  #takeMessage(from: string, bytes: Uint8Array): void {
    const message = readMessage(bytes);
    if (message === null || from === this.#self) return;
    if (message.kind === 'note') {
      this.#takeNote(message.note);
      return;
    }
    for (const head of message.heads) this.#takeHead(from, head);
    if (message.retry && message.published < this.#published && this.#publishedNote !== null) {
      this.#effects.push({
        kind: 'send',
        to: from,
        bytes: encodeMessage({ kind: 'note', note: this.#publishedNote }),
      });
    }
  }

  #takeHead(from: string, head: SignedHead): void {
    // A node that the policy does not name may ask, but what it signs counts for nothing. Of a tree that is not reached
    // yet it may turn out to be named.
    if (head.size <= this.#applied && this.#node(from, head.size) === undefined) return;
    const boundary = this.#boundaries.at(head.size);
    if (boundary !== undefined && !this.#compare(from, head, boundary)) return;
    if (head.size > this.#published) this.#peers.put(from, head);
  }

  /** A quorum published something that this node has not: believed once our own tree agrees. */
  #takeNote(note: Uint8Array): void {
    const size = readCheckpoint(note)?.checkpoint.size ?? 0;
    const policy = this.#policyAt(size);
    // One at a time, the first: while catching up a newer one would always come before the last is reached.
    if (size <= this.#published || this.#claims.some(({ by }) => by === 'quorum')) return;
    const verdict = verifyCheckpoint(note, policy, this.#verifier, possibleMeasurers(policy));
    if (verdict.ok) this.#claim(verdict.checkpoint, 'quorum', note);
  }

  #tick(clock: number | null): void {
    this.#signerRests = false;
    for (const claim of this.#claims) claim.asked = false;
    this.#stampLate(clock);
    const latest = this.#latestOwn();
    const awaited = latest > this.#published ? latest : 0;
    this.#stale = awaited === this.#awaited ? awaited : 0;
    this.#awaited = awaited;
    const newest = this.#boundaries.newest()?.size ?? 0;
    // The first tick after a line only starts the wait: the lines are on their way.
    if (newest <= this.#published || awaited !== this.#stale) return;
    const waiting = [...this.#own.values()].filter(({ size }) => size > this.#published);
    this.#broadcast(waiting.slice(-MAX_HEADS), true);
  }

  // ---- what the node has signed must be a prefix of its tree --------------------------------------------------------

  #claim(head: TreeHead, by: ClaimSource, note: Uint8Array | null): void {
    this.#claims.push({ size: head.size, root: head.root, by, note, asked: false });
  }

  #restorePublished(note: Uint8Array): void {
    const checkpoint = readCheckpoint(note)?.checkpoint;
    if (checkpoint === undefined) return;
    this.#published = checkpoint.size;
    this.#publishedNote = note;
    this.#claim(checkpoint, 'ownCheckpoint', null);
  }

  #settleClaims(): void {
    for (const claim of [...this.#claims]) {
      const boundary = this.#boundaries.at(claim.size);
      if (boundary !== undefined) this.#settle(boundary);
      else if (claim.size <= this.#applied && !claim.asked) {
        claim.asked = true;
        this.#effects.push({ kind: 'needRoot', size: claim.size });
      }
    }
  }

  #settle(own: TreeHead): void {
    for (const claim of this.#claims.filter(({ size }) => size === own.size)) {
      if (this.#isDiverged()) return;
      this.#claims = this.#claims.filter((other) => other !== claim);
      if (!equalBytes(own.root, claim.root)) {
        this.#final = 'diverged';
        const signed = { size: claim.size, root: claim.root };
        this.#effects.push({
          kind: 'diverged',
          own: { size: own.size, root: own.root },
          signed,
          by: claim.by,
        });
      } else if (claim.note !== null) this.#markPublished(claim.size, claim.note);
      // A crash may have come between witness and line: the size can be signed again.
      else if (claim.by === 'witness') this.#boundaries.add(claim);
    }
  }

  #mustWait(): boolean {
    return this.#claims.some(({ by }) => by !== 'quorum');
  }

  #isDiverged(): boolean {
    return this.#final === 'diverged';
  }

  // ---- signing -----------------------------------------------------------------------------------------------------

  #sign(clock: number | null): void {
    if (this.#isBusy() || this.#mustWait()) return;
    const head = this.#nextHead();
    if (head === null || this.#node(this.#self, head.size) === undefined) return;
    if (head.size === this.#witness?.size) this.#startJob(head, clock);
    else {
      this.#saving = { size: head.size, root: head.root };
      this.#effects.push({ kind: 'saveWitness', state: this.#saving });
    }
  }

  /** The next head to sign: never below the witness, nothing that is published, nothing twice. */
  #nextHead(): TreeHead | null {
    const witness = this.#witness?.size ?? 0;
    if (witness > this.#published && !this.#own.has(witness) && this.#witness !== null) return this.#witness;
    const floor = Math.max(witness, this.#published);
    let followed: TreeHead | undefined;
    for (const size of this.#peers.sizes()) {
      if (size > floor && size > (followed?.size ?? 0)) followed = this.#boundaries.at(size) ?? followed;
    }
    if (followed !== undefined) return followed;
    const newest = this.#boundaries.newest();
    if (newest === undefined || newest.size <= floor) return null;
    const waitsForOwn = witness > this.#published && witness !== this.#stale;
    return waitsForOwn ? null : newest;
  }

  #isBusy(): boolean {
    return this.#final !== null || this.#saving !== null || this.#job !== null || this.#signerRests;
  }

  #startJob(head: TreeHead, clock: number | null): void {
    const stamp = clock === null ? null : { seconds: clock, signature: null };
    this.#job = { head: { size: head.size, root: head.root }, plain: null, stamp };
    const checkpoint = this.#checkpoint(head);
    this.#effects.push({ kind: 'sign', size: head.size, form: 'plain', message: plainMessage(checkpoint) });
    this.#signStamp(this.#job);
  }

  /** The clock came within policy after the last line was made: add the time-stamp. */
  #stampLate(clock: number | null): void {
    const size = this.#witness?.size ?? 0;
    const own = this.#own.get(size);
    if (this.#isBusy() || clock === null || own?.stamp !== null || size <= this.#published) return;
    this.#job = {
      head: { size, root: own.root },
      plain: own.plain,
      stamp: { seconds: clock, signature: null },
    };
    this.#signStamp(this.#job);
  }

  #signStamp({ head, stamp }: Job): void {
    if (stamp === null) return;
    const message = cosignatureMessage(this.#checkpoint(head), stamp.seconds);
    this.#effects.push({ kind: 'sign', size: head.size, form: 'timestamped', message });
  }

  #provesKey(head: TreeHead, plain: Uint8Array): boolean {
    const node = this.#node(this.#self, head.size);
    this.#keyProven ||=
      node !== undefined && verifyPlain(this.#verifier, node, this.#checkpoint(head), plain);
    return this.#keyProven;
  }

  // ---- publication -------------------------------------------------------------------------------------------------

  /** The largest size for which the lines suffice. */
  #publish(): void {
    const sizes = new Set([...this.#own.keys(), ...this.#peers.sizes()]);
    for (const size of [...sizes].sort((a, b) => b - a)) {
      const boundary = size > this.#published ? this.#boundaries.at(size) : undefined;
      const note = boundary === undefined ? null : this.#assemble(boundary);
      if (note === null) continue;
      this.#markPublished(size, note);
      return;
    }
  }

  #assemble(boundary: TreeHead): Uint8Array | null {
    const own = this.#own.has(boundary.size) ? 1 : 0;
    const policy = this.#policyAt(boundary.size);
    if (own + this.#peers.candidates(policy, boundary) < policy.quorum) return null;
    const lines = this.#linesOver(boundary);
    const found = {
      plain: lines.map(({ node }) => node.name),
      timestamped: lines
        .filter(({ stamped }) => stamped)
        .map(({ node, head }) => ({ node: node.name, seconds: head.stamp?.seconds ?? 0 })),
    };
    const faults = publicationFaults(policy, found, possibleMeasurers(policy));
    return faults.length === 0 ? this.#note(boundary, lines) : null;
  }

  #linesOver(head: TreeHead): ValidLines[] {
    const lines = this.#peers.valid(this.#policyAt(head.size), this.#checkpoint(head));
    const own = this.#own.get(head.size);
    const node = this.#node(this.#self, head.size);
    if (own !== undefined && node !== undefined) lines.push({ node, head: own, stamped: own.stamp !== null });
    return lines;
  }

  #note(head: TreeHead, lines: readonly ValidLines[]): Uint8Array {
    const policy = this.#policyAt(head.size);
    const signatures: NoteSignature[] = lines.map((line) => plainLine(policy, line.node, line.head.plain));
    for (const { node, head: signed, stamped } of lines) {
      if (stamped && signed.stamp !== null) {
        signatures.push(cosignatureLine(node, signed.stamp.seconds, signed.stamp.signature));
      }
    }
    return formatNote({ text: checkpointText(this.#checkpoint(head)), signatures });
  }

  #markPublished(size: TreeSize, note: Uint8Array): void {
    if (size <= this.#published) return;
    this.#published = size;
    this.#publishedNote = note;
    this.#effects.push({ kind: 'published', size, note });
    this.#boundaries.published(size);
    this.#peers.forgetUpTo(size);
    this.#claims = this.#claims.filter((claim) => claim.by !== 'quorum' || claim.size > size);
    for (const own of this.#own.keys()) if (own < size && this.#own.size > 1) this.#own.delete(own);
  }

  // ---- forks -------------------------------------------------------------------------------------------------------

  /** Has the peer signed our tree at this size? If it provably signed another one, says so. */
  #compare(peer: string, head: SignedHead, own: TreeHead): boolean {
    if (equalBytes(head.root, own.root)) return true;
    this.#peers.drop(peer, head.size);
    const node = this.#node(peer, head.size);
    if (node === undefined || this.#accused.has(peer)) return false;
    const theirs = this.#checkpoint(head);
    if (!verifyPlain(this.#verifier, node, theirs, head.plain)) return false;
    this.#accused.add(peer);
    const lines = this.#linesOver(own);
    this.#effects.push({
      kind: 'forkEvidence',
      peer,
      own: { size: own.size, root: own.root },
      ownNote: lines.length === 0 ? null : this.#note(own, lines),
      peerNote: this.#note(head, [{ node, head, stamped: false }]),
    });
    return false;
  }

  // ---- small things ------------------------------------------------------------------------------------------------

  #broadcast(heads: readonly SignedHead[], retry: boolean): void {
    const message: CheckpointMessage = { kind: 'lines', published: this.#published, retry, heads };
    this.#effects.push({ kind: 'broadcast', bytes: encodeMessage(message) });
  }

  #latestOwn(): TreeSize {
    return Math.max(0, ...this.#own.keys());
  }

  #checkpoint({ size, root }: TreeHead): Checkpoint {
    const { origin, membership } = this.#policyAt(size);
    return { origin, size, root, membership };
  }

  #node(name: string, size: TreeSize): PolicyNode | undefined {
    return nodesOf(this.#policyAt(size)).find((node) => node.name === name);
  }
}

function readMessage(bytes: Uint8Array): CheckpointMessage | null {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    if (error instanceof CborError) return null;
    throw error;
  }
}

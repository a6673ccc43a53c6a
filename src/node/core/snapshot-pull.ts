/**
 * A node that lacks what logs no longer hold pulls the small snapshot: from any peer, in parts, going on with another
 * peer where one stops. What it got is installed by the caller, once, when the proof holds; until then nothing changes.
 */

import type { LedgerImage } from '../../audit/storage.js';
import type { TreeHead } from '../../audit/types.js';
import { equalBytes } from '../../verify/bytes.js';
import type { CheckpointPolicy } from '../../verify/checkpoint-policy.js';
import type { MembershipStep } from '../../verify/membership-chain.js';
import { sha256, type SignatureVerifier } from '../../verify/crypto.js';
import { BulkRequest, type BulkPeers } from './bulk-request.js';
import type { SnapshotMessage } from './snapshot-messages.js';
import { MAX_SNAPSHOT_BYTES, verifySnapshot } from './snapshot.js';

type Offer = Extract<SnapshotMessage, { kind: 'snapshot' }>;

export interface ProvenSnapshot {
  readonly image: LedgerImage;
  readonly term: number;
  readonly checkpoint: { readonly size: number; readonly note: Uint8Array };
}

export interface SnapshotPullDeps extends BulkPeers {
  readonly own: () => TreeHead;
  /** Whose lines publish a checkpoint after these changes of the members; of the first ones if they do not hold. */
  readonly policyAfter: (members: readonly MembershipStep[]) => CheckpointPolicy;
  readonly verifier: SignatureVerifier;
  readonly install: (snapshot: ProvenSnapshot) => void;
  /** A quorum has signed another tree than this node's. */
  readonly diverged: (detail: string) => void;
}

export class SnapshotPull {
  readonly #deps: SnapshotPullDeps;
  readonly #request: BulkRequest;
  #least: number | null = null;
  #offer: Offer | null = null;
  #parts: Uint8Array = new Uint8Array(0);
  #got = 0;
  #over = false;
  /** Why the last snapshot was refused; for status. */
  fault: string | null = null;

  constructor(deps: SnapshotPullDeps) {
    this.#deps = deps;
    this.#request = new BulkRequest(deps, () => this.#next());
  }

  get active(): boolean {
    return this.#least !== null;
  }

  /** Bytes received and to be received; 0 of 0 while nobody has offered one. */
  get progress(): { readonly got: number; readonly of: number } {
    return { got: this.#got, of: this.#offer?.length ?? 0 };
  }

  /** A snapshot of this entry or a later one is needed. */
  start(least: number): void {
    if (this.#over || (this.#least !== null && this.#least >= least)) return;
    this.#least = least;
    this.#request.go();
  }

  tick(): void {
    if (this.active) this.#request.tick();
  }

  stop(): void {
    this.#over = true;
    this.#request.stop();
  }

  receive(from: string, message: SnapshotMessage): void {
    if (this.#over || from !== this.#request.peer) return;
    switch (message.kind) {
      case 'snapshot':
        this.#offered(message);
        return;
      case 'part':
        this.#part(message);
        return;
      case 'none':
        // What one peer no longer has, another may offer.
        if (message.to === 'askPart') this.#offer = null;
        if (message.to === 'askPart' || message.to === 'askSnapshot') this.#request.useless();
        return;
      default:
        return;
    }
  }

  #next(): SnapshotMessage | null {
    if (this.#least === null) return null;
    if (this.#offer !== null) return { kind: 'askPart', digest: this.#offer.digest, at: this.#got };
    return { kind: 'askSnapshot', least: this.#least, have: this.#deps.own().size };
  }

  #offered(offer: Offer): void {
    if (this.#offer !== null || offer.length > MAX_SNAPSHOT_BYTES || offer.have !== this.#deps.own().size) {
      this.#request.useless();
      return;
    }
    // The same one again, from another peer or after a refusal in between: what is here already stays.
    if (this.#parts.length !== offer.length || !equalBytes(this.#digest, offer.digest)) {
      this.#parts = new Uint8Array(offer.length);
      this.#got = 0;
      this.#digest = offer.digest;
    }
    this.#offer = offer;
    this.#request.answered(0);
  }

  #digest: Uint8Array = new Uint8Array(0);

  #part({ digest, at, bytes }: Extract<SnapshotMessage, { kind: 'part' }>): void {
    const offer = this.#offer;
    if (offer === null || !equalBytes(digest, offer.digest) || at !== this.#got || bytes.length === 0) return;
    if (at + bytes.length > offer.length) {
      this.#request.useless();
      return;
    }
    this.#parts.set(bytes, at);
    this.#got += bytes.length;
    if (this.#got < offer.length) this.#request.answered(bytes.length);
    else this.#complete(offer);
  }

  #complete(offer: Offer): void {
    const { own, policyAfter, verifier } = this.#deps;
    const verdict = equalBytes(sha256(this.#parts), offer.digest)
      ? verifySnapshot(this.#parts, offer.proof, own(), policyAfter, verifier)
      : ({ ok: false, fault: 'its parts do not make it', diverged: false } as const);
    if (verdict.ok && verdict.image.appliedIndex >= (this.#least ?? 0)) {
      this.stop();
      const { note } = offer.proof;
      this.#deps.install({
        image: verdict.image,
        term: offer.term,
        checkpoint: { size: verdict.publishedSize, note },
      });
      return;
    }
    this.fault = verdict.ok ? 'it is older than what is needed' : verdict.fault;
    this.#offer = null;
    this.#got = 0;
    this.#parts = new Uint8Array(0);
    if (!verdict.ok && verdict.diverged) {
      this.stop();
      this.#deps.diverged(verdict.fault);
    } else this.#request.useless();
  }
}

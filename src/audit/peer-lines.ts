/**
 * Lines of the other nodes, by node and size, bounded a node. Signatures are verified once and only when they can
 * matter: a line is compared with our own tree first, and counted last.
 */

import { equalBytes } from '../verify/bytes.js';
import { nodesOf, type CheckpointPolicy, type PolicyNode } from '../verify/checkpoint-policy.js';
import { verifyCosignature, verifyPlain, type Checkpoint } from '../verify/checkpoint.js';
import type { SignatureVerifier } from '../verify/crypto.js';
import type { SignedHead } from './lines.js';
import type { TreeHead, TreeSize } from './types.js';

/** Sizes kept for one node. A node that floods displaces only its own lines. */
const MAX_SIZES = 32;

interface Held {
  readonly head: SignedHead;
  plain: 'unchecked' | 'valid' | 'invalid';
  stamp: 'unchecked' | 'valid' | 'invalid';
}

/** What of a node's signatures over one head is valid. */
export interface ValidLines {
  readonly node: PolicyNode;
  readonly head: SignedHead;
  readonly stamped: boolean;
}

export class PeerLines {
  readonly #verifier: SignatureVerifier;
  readonly #held = new Map<string, Map<TreeSize, Held>>();
  readonly #newest = new Map<string, TreeSize>();

  constructor(verifier: SignatureVerifier) {
    this.#verifier = verifier;
  }

  /** Largest size that a node has sent a line for; unverified. */
  newestOf(node: string): TreeSize {
    return this.#newest.get(node) ?? 0;
  }

  /** Keeps a node's head. Of two for one size the one that says more stays. */
  put(node: string, head: SignedHead): void {
    this.#newest.set(node, Math.max(this.newestOf(node), head.size));
    let sizes = this.#held.get(node);
    if (sizes === undefined) this.#held.set(node, (sizes = new Map<TreeSize, Held>()));
    const present = sizes.get(head.size);
    if (present !== undefined && saysNoMore(head, present)) return;
    sizes.set(head.size, { head, plain: 'unchecked', stamp: 'unchecked' });
    if (sizes.size > MAX_SIZES) sizes.delete(Math.min(...sizes.keys()));
  }

  /** Heads that nodes have sent for this size. */
  *at(size: TreeSize): Generator<readonly [string, SignedHead]> {
    for (const [node, sizes] of this.#held) {
      const held = sizes.get(size);
      if (held !== undefined) yield [node, held.head];
    }
  }

  *sizes(): Generator<TreeSize> {
    for (const sizes of this.#held.values()) yield* sizes.keys();
  }

  /** How many nodes of the policy may turn out to have signed this head; an upper bound, nothing is verified. */
  candidates(policy: CheckpointPolicy, { size, root }: TreeHead): number {
    return nodesOf(policy).filter((node) => {
      const held = this.#held.get(node.name)?.get(size);
      return held !== undefined && held.plain !== 'invalid' && equalBytes(held.head.root, root);
    }).length;
  }

  /** Verified lines of the policy's nodes over this head. */
  valid(policy: CheckpointPolicy, checkpoint: Checkpoint): ValidLines[] {
    const valid: ValidLines[] = [];
    for (const node of nodesOf(policy)) {
      const held = this.#held.get(node.name)?.get(checkpoint.size);
      if (held === undefined || !equalBytes(held.head.root, checkpoint.root)) continue;
      if (this.#check(held, node, checkpoint))
        valid.push({ node, head: held.head, stamped: held.stamp === 'valid' });
    }
    return valid;
  }

  drop(node: string, size: TreeSize): void {
    this.#held.get(node)?.delete(size);
  }

  forgetUpTo(size: TreeSize): void {
    for (const sizes of this.#held.values()) {
      for (const held of sizes.keys()) if (held <= size) sizes.delete(held);
    }
  }

  #check(held: Held, node: PolicyNode, checkpoint: Checkpoint): boolean {
    const { head } = held;
    if (held.plain === 'unchecked') {
      held.plain = verifyPlain(this.#verifier, node, checkpoint, head.plain) ? 'valid' : 'invalid';
    }
    if (held.plain === 'valid' && held.stamp === 'unchecked') {
      const { stamp } = head;
      const stamped =
        stamp !== null && verifyCosignature(this.#verifier, node, checkpoint, stamp.seconds, stamp.signature);
      held.stamp = stamped ? 'valid' : 'invalid';
    }
    return held.plain === 'valid';
  }
}

/** A repetition, or a head without a stamp after one that is valid or may be. */
function saysNoMore(head: SignedHead, present: Held): boolean {
  if (present.plain === 'invalid') return equalBytes(head.plain, present.head.plain);
  if (!equalBytes(head.root, present.head.root)) return false;
  return head.stamp === null || present.stamp === 'valid' || sameStamp(head, present.head);
}

function sameStamp(a: SignedHead, b: SignedHead): boolean {
  if (a.stamp === null || b.stamp === null) return a.stamp === b.stamp;
  return a.stamp.seconds === b.stamp.seconds && equalBytes(a.stamp.signature, b.stamp.signature);
}

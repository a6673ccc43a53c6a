/** The inputs and effects of the cosigning machine (./cosigner.ts): what its driver feeds it and must carry out. */

import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import type { SignatureVerifier } from '../verify/crypto.js';
import type { WitnessState } from './storage.js';
import type { TreeHead, TreeSize } from './types.js';

export type LineForm = 'plain' | 'timestamped';

export type CosignerInput =
  /** The tree reached a boundary. Sizes must not fall. */
  | { readonly kind: 'boundary'; readonly head: TreeHead }
  /** Answer to `needRoot`: the root of the node's own tree at that size. */
  | { readonly kind: 'rootAt'; readonly head: TreeHead }
  | { readonly kind: 'witnessSaved'; readonly size: TreeSize }
  | {
      readonly kind: 'signed';
      readonly size: TreeSize;
      readonly form: LineForm;
      readonly signature: Uint8Array;
    }
  /** The key could not be used; tried again at the next tick. */
  | { readonly kind: 'signFailed'; readonly size: TreeSize }
  | { readonly kind: 'message'; readonly from: string; readonly bytes: Uint8Array }
  /** Periodic, and once right after construction. */
  | { readonly kind: 'tick' };

export type CosignerEffect =
  /** Answer with `witnessSaved` after fsync. One is outstanding at most. A failure must end the process. */
  | { readonly kind: 'saveWitness'; readonly state: WitnessState }
  /** Sign with the log key; answer with `signed` or `signFailed`. */
  | { readonly kind: 'sign'; readonly size: TreeSize; readonly form: LineForm; readonly message: Uint8Array }
  /** To all other nodes. */
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array }
  | { readonly kind: 'send'; readonly to: string; readonly bytes: Uint8Array }
  /** Answer with `rootAt`; asked again at each tick until then. */
  | { readonly kind: 'needRoot'; readonly size: TreeSize }
  /** Store the note; receipts up to this size can be made. */
  | { readonly kind: 'published'; readonly size: TreeSize; readonly note: Uint8Array }
  /** This node's tree is not the one that it, or a quorum, has signed. Final: the machine does nothing more. */
  | { readonly kind: 'diverged'; readonly own: TreeHead; readonly signed: TreeHead; readonly by: ClaimSource }
  /** The log key is not the one that the policy names for this node. Final for signing. */
  | { readonly kind: 'wrongLogKey' }
  /** A peer has signed another root at a size of ours. Once a peer. */
  | {
      readonly kind: 'forkEvidence';
      readonly peer: string;
      readonly own: TreeHead;
      /** Null while nobody has signed our root. */
      readonly ownNote: Uint8Array | null;
      readonly peerNote: Uint8Array;
    };

/** Who claims that our tree had a root at a size: our witness file, our stored checkpoint, a quorum of the others. */
export type ClaimSource = 'witness' | 'ownCheckpoint' | 'quorum';

export interface CosignerStart {
  /** This node's name; a node that the policy does not name never signs. */
  readonly self: string;
  /**
   * Whose lines publish a tree of this size. Of a tree that the node has reached it never says anything else; of a larger
   * one it says what would hold if nothing changed until then.
   */
  readonly policyAt: (size: TreeSize) => CheckpointPolicy;
  readonly verifier: SignatureVerifier;
  readonly witness: WitnessState | null;
  /** The newest stored checkpoint. */
  readonly published: Uint8Array | null;
  /** Size of the node's own tree. */
  readonly size: TreeSize;
  /**
   * The last boundary that the tree has passed, null if there is none. Without it, what it covers stays unpublished
   * after a restart until the next boundary comes.
   */
  readonly boundary: TreeHead | null;
}

export interface CosignerStatus {
  /** `waiting`: the tree has not reached, or not been compared with, what this node has signed. */
  readonly phase: 'waiting' | 'active' | 'diverged' | 'wrongLogKey';
  readonly witness: TreeSize;
  readonly published: TreeSize;
  /** Largest size each node has sent a line for; this node's own included. */
  readonly cosigned: ReadonlyMap<string, TreeSize>;
}

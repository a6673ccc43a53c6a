/** A record with its proof from a running node, checked before it is handed on: a proof that does not hold is no proof. */

import { equalBytes } from '../verify/bytes.js';
import { readCheckpoint, verifyCheckpoint } from '../verify/checkpoint.js';
import { nodeVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import { inclusionRoot, leafHash } from '../verify/merkle.js';
import { formatTlogProof } from '../verify/tlog-proof.js';
import type { LogReader } from './log-reader.js';
import { membersOf } from './members-of.js';

/** What a node gave as proof does not prove it. */
export class ProofError extends Error {
  override readonly name = 'ProofError';
  readonly code = 'PROOF_INVALID';
}

export interface LeafProof {
  readonly leaf: Uint8Array;
  /** Size of the tree in which it is proven. */
  readonly size: number;
  /** C2SP tlog-proof. */
  readonly text: string;
  /** The checkpoint carries the signatures that the genesis asks for; false when none was given to compare. */
  readonly isQuorumVerified: boolean;
}

/** @throws RpcError; ProofError when what the node gave does not hold */
export async function proveLeaf(
  reader: LogReader,
  index: number,
  genesis: Genesis | null,
): Promise<LeafProof> {
  const { note, members } = await reader.checkpoint(index + 1);
  const checkpoint = readCheckpoint(note)?.checkpoint;
  if (checkpoint === undefined) throw new ProofError('the node gave no checkpoint; ask another node');
  if (genesis !== null) {
    const followed = membersOf(genesis, members, note);
    if (!followed.ok) throw new ProofError(followed.detail);
    const verdict = verifyCheckpoint(note, followed.policy, nodeVerifier);
    if (!verdict.ok) {
      throw new ProofError(
        `the checkpoint is not published under this genesis: ${verdict.reasons.join(', ')}`,
      );
    }
  }
  const { leaf, path } = await reader.inclusionProof(index, checkpoint.size);
  const root = inclusionRoot(index, checkpoint.size, leafHash(leaf), path);
  if (root === null || !equalBytes(root, checkpoint.root)) {
    throw new ProofError(`the path of leaf ${index} does not lead to the checkpoint; ask another node`);
  }
  const text = Buffer.from(formatTlogProof({ index, path, checkpoint: note })).toString('utf8');
  return { leaf, size: checkpoint.size, text, isQuorumVerified: genesis !== null };
}

/**
 * Verification of a running node's log from outside: every leaf is downloaded and hashed again; the root must be the one
 * that a majority of sites signed. Trust comes from the genesis that the auditor brings along, nothing is taken from the
 * node but bytes. Other nodes must hold the same history: their checkpoints are compared, or tied by a consistency proof.
 */

import { TreeEdge } from '../audit/tree.js';
import type { TreeHead } from '../audit/types.js';
import { equalBytes, hexOf } from '../verify/bytes.js';
import { verifyCheckpoint, type Checkpoint } from '../verify/checkpoint.js';
import { nodeVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import { leafHash, verifyConsistency, verifyInclusion } from '../verify/merkle.js';
import { RpcError } from '../wire/rpc-error.js';
import { damage, gap, verdictOf, type AuditFinding, type AuditReport } from './audit-report.js';
import type { LogReader } from './log-reader.js';
import { membersOf } from './members-of.js';
import { RecordChecks } from './record-checks.js';

export interface NodeAuditOptions {
  readonly genesis: Genesis;
  /** The node whose whole log is downloaded. */
  readonly primary: { readonly node: string; readonly reader: LogReader };
  readonly others: readonly { readonly node: string; readonly reader: LogReader }[];
  /** Checkpoint notes kept from earlier: this log must contain their trees. */
  readonly earlier: readonly { readonly name: string; readonly note: Uint8Array }[];
  /** Called now and then with the number of leaves verified so far. */
  readonly progress?: (leaves: number, of: number) => void;
}

const PROGRESS_EVERY = 4096;

/** @throws RpcError when the primary node cannot be read */
export async function auditNode(options: NodeAuditOptions): Promise<AuditReport> {
  const audit = new NodeAudit(options);
  return audit.run();
}

class NodeAudit {
  readonly #options: NodeAuditOptions;
  readonly #checks: RecordChecks;
  readonly #findings: AuditFinding[] = [];
  readonly #edge = new TreeEdge();
  /** A head in the middle, for the node's proofs. */
  #sample: TreeHead | null = null;
  /** Heads that the tree must pass through, smallest last. */
  #targets: (TreeHead & { readonly where: string; readonly code: string })[] = [];

  constructor(options: NodeAuditOptions) {
    this.#options = options;
    this.#checks = new RecordChecks(options.genesis);
  }

  async run(): Promise<AuditReport> {
    const { primary, others, earlier } = this.#options;
    const { note: newestNote, members } = await primary.reader.checkpoint();
    const newest = this.#verified(`${primary.node}: newest checkpoint`, newestNote, members);
    const heads = await Promise.all(others.map((other) => this.#otherHead(other)));
    for (const { name, note } of earlier) {
      const checkpoint = this.#verified(name, note, members);
      if (checkpoint !== null) this.#target(checkpoint, name, 'earlierMismatch');
    }
    if (newest !== null) {
      this.#target(newest, `${primary.node}: checkpoint of size ${newest.size}`, 'rootMismatch');
      for (const head of heads) {
        if (head !== null && head.checkpoint.size <= newest.size) {
          this.#target(head.checkpoint, `${head.node}: checkpoint of size ${head.checkpoint.size}`, 'fork');
        }
      }
      await this.#download(newest.size);
      for (const head of heads) {
        if (head !== null && head.checkpoint.size > newest.size) await this.#tie(head, newest);
      }
      await this.#proofService(newest);
    }
    for (const { where } of this.#targets) {
      this.#find(gap('beyondLog', where, `the verified tree has only ${this.#edge.size} leaves`));
    }
    return {
      verdict: verdictOf(this.#findings),
      head: { size: this.#edge.size, root: this.#edge.root() },
      published: newest?.size ?? 0,
      ...(newest === null ? {} : { checkpoint: newestNote }),
      records: this.#checks.counts,
      findings: this.#findings,
    };
  }

  async #download(size: number): Promise<void> {
    const { reader } = this.#options.primary;
    for await (const { index, leaf } of reader.leaves(0, size)) {
      this.#edge.append(leafHash(leaf), () => undefined);
      if (this.#edge.size === Math.max(1, Math.floor(size / 2))) {
        this.#sample = { size: this.#edge.size, root: this.#edge.root() };
      }
      const refusal = this.#checks.inspect(index, leaf);
      if (refusal !== null) this.#find(damage('leafRefused', `leaf ${index}`, refusal));
      this.#compare();
      if (this.#edge.size % PROGRESS_EVERY === 0) this.#options.progress?.(this.#edge.size, size);
    }
  }

  /** The node's proofs must lead to the same roots: what it gives to others is checked with what we computed. */
  async #proofService(newest: Checkpoint): Promise<void> {
    const sample = this.#sample;
    if (sample === null) return;
    const { node, reader } = this.#options.primary;
    const [path, proven] = await Promise.all([
      reader.consistencyProof(sample.size, newest.size),
      reader.inclusionProof(sample.size - 1, newest.size),
    ]);
    if (!verifyConsistency(sample.size, newest.size, path, sample.root, newest.root)) {
      const where = `${node}: ${sample.size} → ${newest.size}`;
      this.#find(damage('consistencyInvalid', where, 'the proof does not verify'));
    }
    const hash = leafHash(proven.leaf);
    if (!verifyInclusion(sample.size - 1, newest.size, hash, proven.path, newest.root)) {
      const where = `${node}: leaf ${sample.size - 1}`;
      this.#find(damage('inclusionInvalid', where, 'the proof does not verify'));
    }
  }

  async #tie(
    head: { readonly node: string; readonly reader: LogReader; readonly checkpoint: Checkpoint },
    newest: Checkpoint,
  ): Promise<void> {
    const where = `${head.node}: ${newest.size} → ${head.checkpoint.size}`;
    try {
      const path = await head.reader.consistencyProof(newest.size, head.checkpoint.size);
      const { size, root } = head.checkpoint;
      if (!verifyConsistency(newest.size, size, path, newest.root, root)) {
        this.#find(damage('fork', where, 'its log is not a continuation of this one'));
      }
    } catch (error) {
      this.#find(gap('notReached', where, RpcError.from(error).message));
    }
  }

  async #otherHead(other: { readonly node: string; readonly reader: LogReader }) {
    try {
      const checkpoint = await this.#checkpointOf(other.node, other.reader);
      return checkpoint === null ? null : { ...other, checkpoint };
    } catch (error) {
      this.#find(gap('notReached', other.node, RpcError.from(error).message));
      return null;
    }
  }

  async #checkpointOf(node: string, reader: LogReader): Promise<Checkpoint | null> {
    const { note, members } = await reader.checkpoint();
    return this.#verified(`${node}: newest checkpoint`, note, members);
  }

  #verified(where: string, note: Uint8Array, members: Uint8Array): Checkpoint | null {
    const followed = membersOf(this.#options.genesis, members, note);
    if (!followed.ok) {
      this.#find(damage('membersInvalid', where, followed.detail));
      return null;
    }
    const verdict = verifyCheckpoint(note, followed.policy, nodeVerifier);
    if (verdict.ok) return verdict.checkpoint;
    this.#find(damage('checkpointInvalid', where, verdict.reasons.join(', ')));
    return null;
  }

  #target(head: TreeHead, where: string, code: string): void {
    this.#targets.push({ ...head, where, code });
    this.#targets.sort((a, b) => b.size - a.size);
  }

  #compare(): void {
    for (;;) {
      const target = this.#targets.at(-1);
      if (target === undefined || target.size > this.#edge.size) return;
      this.#targets.pop();
      const root = this.#edge.root();
      if (equalBytes(target.root, root)) continue;
      this.#find(
        damage(
          target.code,
          target.where,
          `it says root ${hexOf(target.root)}, the leaves make ${hexOf(root)}`,
        ),
      );
    }
  }

  #find(finding: AuditFinding): void {
    this.#findings.push(finding);
  }
}

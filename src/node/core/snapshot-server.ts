/**
 * What a node has for others that were left behind: the last small snapshots, which apply hands over whenever it recorded
 * the digest of a state, and the tiles, bundles and bodies of its ledger. It answers one message with one message and
 * keeps nothing about whoever asks.
 */

import type { Ledger } from '../../audit/ledger.js';
import type { LedgerStore } from '../../audit/storage.js';
import { encodeBundle } from '../../audit/tiles.js';
import type { RaftLogStore } from '../../raft/storage.js';
import { logIndex } from '../../raft/types.js';
import type { MonoNs } from '../../time/types.js';
import { NS_PER_S } from '../../time/types.js';
import { equalBytes } from '../../verify/bytes.js';
import { sha256 } from '../../verify/crypto.js';
import {
  encodeSnapshotMessage,
  MAX_BUNDLES,
  MAX_TILES,
  PART_BYTES,
  type SnapshotMessage,
} from './snapshot-messages.js';
import type { MembershipStep } from '../../verify/membership-chain.js';
import { encodeSnapshot, type SnapshotBody } from './snapshot.js';

/** One is proven, one waits for its checkpoint, one may still be on its way to somebody. */
const KEPT = 3;
/** A digest is proposed for those who ask at most this often. */
const DIGEST_INTERVAL = 2n * NS_PER_S;

/** The state before an entry that recorded its digest. */
export interface RecordedState extends SnapshotBody {
  /** Last entry that it holds, and that entry's term. */
  readonly index: number;
  readonly term: number;
  /** The record and its position. */
  readonly leaf: Uint8Array;
  readonly leafIndex: number;
}

interface Kept extends RecordedState {
  encoded: { readonly digest: Uint8Array; readonly bytes: Uint8Array } | null;
}

export interface SnapshotServerDeps {
  readonly ledger: Ledger;
  readonly store: Pick<LedgerStore, 'readTile' | 'readBundle' | 'readBodies'>;
  readonly newest: () => { readonly size: number; readonly note: Uint8Array } | null;
  /** How the members changed until a checkpoint of this size. */
  readonly members: (size: number) => readonly MembershipStep[];
  /** This node's log: where it begins, and what is committed. Nothing is, while the node itself takes no part. */
  readonly log: () => { readonly firstIndex: number; readonly commitIndex: number };
  readonly readLog: RaftLogStore['read'];
  /** Nothing is missing in this node's own ledger. */
  readonly complete: () => boolean;
  readonly send: (to: string, message: Uint8Array) => void;
  /** Somebody needs a snapshot, and none is proven: let the log record a digest. */
  readonly wanted: () => void;
  readonly mono: () => MonoNs;
}

export class SnapshotServer {
  readonly #deps: SnapshotServerDeps;
  #kept: Kept[] = [];
  #wantedAt: bigint | null = null;

  constructor(deps: SnapshotServerDeps) {
    this.#deps = deps;
  }

  keep(recorded: RecordedState): void {
    this.#kept = [...this.#kept, { ...recorded, encoded: null }].slice(-KEPT);
  }

  receive(from: string, message: SnapshotMessage): void {
    const answer = (reply: SnapshotMessage | null): void =>
      this.#deps.send(from, encodeSnapshotMessage(reply ?? { kind: 'none', to: message.kind }));
    switch (message.kind) {
      case 'askSnapshot':
        this.#offer(message.least, message.have, answer);
        return;
      case 'askPart':
        answer(this.#part(message.digest, message.at));
        return;
      case 'askTiles':
        this.#tiles(message.level, message.index, Math.min(message.count, MAX_TILES), answer);
        return;
      case 'askBundles':
        this.#bundles(message.index, Math.min(message.count, MAX_BUNDLES), answer);
        return;
      case 'askBodies':
        this.#bodies(message.after, answer);
        return;
      case 'askEntries':
        this.#entries(message.from, answer);
        return;
      default:
        return;
    }
  }

  #offer(least: number, have: number, answer: (reply: SnapshotMessage | null) => void): void {
    const { ledger, newest } = this.#deps;
    const published = newest();
    const kept = this.#kept.findLast(
      ({ index, leafIndex }) => index >= least && leafIndex < (published?.size ?? 0),
    );
    if (kept === undefined || published === null) {
      this.#want(least);
      answer(null);
      return;
    }
    const { size, note } = published;
    ledger.inclusionProof(kept.leafIndex, size, (noPath, path) => {
      ledger.consistencyProof(kept.size, size, (noProof, consistency) => {
        const finish = (prefix: readonly Uint8Array[]): void => {
          if (noPath !== null || noProof !== null || path === undefined || consistency === undefined) {
            answer(null);
            return;
          }
          const { digest, bytes } = encodedOf(kept);
          const { leaf, leafIndex, term } = kept;
          const members = this.#deps.members(size);
          const steps = members.length === 0 ? {} : { members };
          const proof = { leaf, leafIndex, path, note, consistency, prefix, ...steps };
          answer({ kind: 'snapshot', digest, length: bytes.length, term, have, proof });
        };
        // A tree of its own that is larger, or empty, proves nothing; the asker decides.
        if (have === 0 || have > size) finish([]);
        else ledger.consistencyProof(have, size, (_error, prefix) => finish(prefix ?? []));
      });
    });
  }

  /** The newest one that is not yet covered is worth a short wait before another is recorded. */
  #want(least: number): void {
    const now = this.#deps.mono();
    const waiting = this.#kept.some(({ index }) => index >= least);
    const recently = this.#wantedAt !== null && now - this.#wantedAt < DIGEST_INTERVAL;
    if (waiting || recently) return;
    this.#wantedAt = now;
    this.#deps.wanted();
  }

  #part(digest: Uint8Array, at: number): SnapshotMessage | null {
    for (const kept of this.#kept) {
      const { encoded } = kept;
      if (encoded === null || !equalBytes(encoded.digest, digest)) continue;
      const bytes = encoded.bytes.subarray(at, at + PART_BYTES);
      return bytes.length === 0 ? null : { kind: 'part', digest, at, bytes };
    }
    return null;
  }

  #tiles(level: number, index: number, count: number, answer: (reply: SnapshotMessage | null) => void): void {
    const tiles: Uint8Array[] = [];
    const read = (): void => {
      this.#deps.store.readTile(level, index + tiles.length, (error, hashes) => {
        if (error === null && hashes !== null && hashes !== undefined) tiles.push(hashes);
        else count = 0;
        if (tiles.length < count) read();
        else answer(tiles.length === 0 ? null : { kind: 'tiles', level, index, tiles });
      });
    };
    if (count === 0 || !this.#deps.complete()) answer(null);
    else read();
  }

  #bundles(index: number, count: number, answer: (reply: SnapshotMessage | null) => void): void {
    const bundles: Uint8Array[] = [];
    let bytes = 0;
    const read = (): void => {
      this.#deps.store.readBundle(index + bundles.length, (error, leaves) => {
        if (error === null && leaves !== null && leaves !== undefined) {
          const bundle = encodeBundle(leaves);
          bytes += bundle.length;
          bundles.push(bundle);
        } else count = 0;
        if (bundles.length < count && bytes < PART_BYTES) read();
        else answer(bundles.length === 0 ? null : { kind: 'bundles', index, bundles });
      });
    };
    if (count === 0 || !this.#deps.complete()) answer(null);
    else read();
  }

  #entries(from: number, answer: (reply: SnapshotMessage | null) => void): void {
    const { firstIndex, commitIndex } = this.#deps.log();
    if (from < firstIndex) answer({ kind: 'trimmed', from, firstIndex });
    else if (from > commitIndex) answer(null);
    else {
      this.#deps.readLog(logIndex(from), logIndex(commitIndex), PART_BYTES, (error, entries) => {
        const some = error === null && entries !== undefined && entries.length > 0;
        answer(some ? { kind: 'entries', from, entries } : null);
      });
    }
  }

  #bodies(after: Uint8Array, answer: (reply: SnapshotMessage | null) => void): void {
    if (!this.#deps.complete()) {
      answer(null);
      return;
    }
    this.#deps.store.readBodies(after, PART_BYTES, (error, bodies) => {
      answer(error !== null || bodies === undefined ? null : { kind: 'bodies', after, bodies });
    });
  }
}

function encodedOf(kept: Kept): { readonly digest: Uint8Array; readonly bytes: Uint8Array } {
  if (kept.encoded === null) {
    const bytes = encodeSnapshot(kept);
    kept.encoded = { digest: sha256(bytes), bytes };
  }
  return kept.encoded;
}

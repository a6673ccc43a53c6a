/**
 * One entry being applied: what it may read, and where its records, bodies and events gather. Everything that apply
 * does to the world outside of the state goes through here.
 */

import type { DetachedBody, LeafIndex } from '../audit/types.js';
import type { TaiNs } from '../time/types.js';
import type { CborInput } from '../verify/cbor.js';
import type { SignatureVerifier } from '../verify/crypto.js';
import type { Genesis } from '../verify/genesis.js';
import type { AppliedEntry, AuthorityEvent } from './api.js';
import { encodeLabItems, encodeRecord, leafRandom, type RecordType } from './records.js';
import type { State } from './state.js';
import type { StatementCodec } from './statements.js';

export interface AuthorityDeps {
  readonly verifier: SignatureVerifier;
  readonly statements: StatementCodec;
}

export type RecordFields = { readonly [key: string]: CborInput | undefined };

export class Turn {
  readonly state: State;
  readonly genesis: Genesis;
  readonly deps: AuthorityDeps;
  readonly time: TaiNs;
  /** SHA-256 of the entry's payload. */
  readonly digest: Uint8Array;
  /** The proposing node; empty until the envelope was read. */
  node = '';
  /** Fields of a record of what happened before it could be committed; none for anything else. */
  delay: RecordFields = {};
  readonly leaves: Uint8Array[] = [];
  readonly bodies: DetachedBody[] = [];
  readonly events: AuthorityEvent[] = [];
  readonly #index: number;
  readonly #firstLeaf: LeafIndex;

  constructor(
    state: State,
    genesis: Genesis,
    deps: AuthorityDeps,
    entry: AppliedEntry,
    digest: Uint8Array,
    firstLeaf: LeafIndex,
  ) {
    this.state = state;
    this.genesis = genesis;
    this.deps = deps;
    this.time = entry.time;
    this.digest = digest;
    this.#index = entry.index;
    this.#firstLeaf = firstLeaf;
  }

  /** Position that the next record will have. */
  get nextLeaf(): LeafIndex {
    return this.#firstLeaf + this.leaves.length;
  }

  /** Appends a record; returns its position. */
  record(type: RecordType, fields: RecordFields): LeafIndex {
    const leaf = this.nextLeaf;
    const rnd = leafRandom(this.digest, this.#index, this.leaves.length);
    this.leaves.push(
      encodeRecord({ type, time: this.time, index: this.#index, node: this.node, rnd }, fields),
    );
    return leaf;
  }

  recordLabItems(items: readonly Uint8Array[]): LeafIndex {
    const leaf = this.nextLeaf;
    const head = { time: this.time, index: this.#index, node: this.node };
    this.leaves.push(...encodeLabItems(head, this.digest, this.leaves.length, items));
    return leaf;
  }
}

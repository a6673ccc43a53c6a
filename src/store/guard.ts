/**
 * The guard: a second, independent memory of what the log has promised, in a file outside the database. RocksDB and
 * LevelDB both open without an error after a deleted or damaged write-ahead file, with entries or a vote missing; the
 * guard is how a start notices (RAFT pitfalls: a follower that lost an acknowledged tail; a vote that was forgotten).
 *
 * Invariant: the guard never claims more than the log holds. Term and vote are durable in the log first, then here,
 * then anybody may be told. The last index trails by at most `GUARD_LAG_MS`; before a truncation it is lowered first.
 */

import type { HardState, LogIndex, NodeId, Term } from '../raft/types.js';
import { asError, LogDamagedError, messageOf, StorageFailedError } from './errors.js';
import { readUint53, writeUint53 } from './log-block.js';
import { createSlotFile, openSlotFile, SlotFileError, type SlotFile } from './slot-file.js';

/** How long the guard's last index may trail the log, ms. */
export const GUARD_LAG_MS = 100;

export interface GuardState {
  readonly term: Term;
  readonly vote: NodeId | null;
  readonly lastIndex: LogIndex;
  /** Hash of the block that ends at `lastIndex`; null after a truncation into a block, until the next write. */
  readonly lastHash: Uint8Array | null;
  /** The ledger was durable with its image of this applied entry. Older than that, it has lost something. */
  readonly ledgerIndex: number;
}

export const INITIAL_GUARD: GuardState = {
  term: 0 as Term,
  vote: null,
  lastIndex: 0 as LogIndex,
  lastHash: null,
  ledgerIndex: 0,
};

export async function createGuard(path: string, incarnation: Uint8Array): Promise<void> {
  await createSlotFile(path, 'guard', incarnation, encodeGuard(INITIAL_GUARD));
}

/** @throws LogDamagedError GUARD_DAMAGED when the file is missing, damaged, or another node's. */
export async function openGuard(
  path: string,
  incarnation: Uint8Array,
  options: { readonly readOnly: boolean },
): Promise<Guard> {
  try {
    const file = await openSlotFile(path, 'guard', incarnation, options);
    return new Guard(file, decodeGuard(file.payload));
  } catch (error) {
    throw new LogDamagedError('GUARD_DAMAGED', `the guard file ${path}: ${messageOf(error)}`, error);
  }
}

export class Guard {
  readonly #file: SlotFile;
  #saved: GuardState;
  #wanted: GuardState;
  /** Writes happen one after the other; once one has failed, every later link fails. */
  #writes: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #failure: StorageFailedError | null = null;

  constructor(file: SlotFile, state: GuardState) {
    this.#file = file;
    this.#saved = state;
    this.#wanted = state;
  }

  /** What is durable, or will be with the writes already asked for. */
  get state(): GuardState {
    return this.#wanted;
  }

  /** A lazy write has failed: nothing may be acknowledged any more. */
  get failure(): StorageFailedError | null {
    return this.#failure;
  }

  /** Resolves when the change is durable. */
  save(change: Partial<GuardState>): Promise<void> {
    if (Object.keys(change).length > 0) this.#wanted = { ...this.#wanted, ...change };
    this.#writes = this.#writes.then(() => this.#write());
    return this.#writes;
  }

  /** Becomes durable within GUARD_LAG_MS, many notes in one write. */
  note(change: Pick<GuardState, 'lastIndex' | 'lastHash'> | Pick<GuardState, 'ledgerIndex'>): void {
    this.#wanted = { ...this.#wanted, ...change };
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.save({}).catch(() => undefined); // kept in `failure`, which the next persist reports
    }, GUARD_LAG_MS);
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    try {
      if (this.#failure === null) await this.save({});
    } finally {
      await this.#file.close();
    }
  }

  /** For a handle that was opened for inspection: nothing is written. */
  abandon(): Promise<void> {
    return this.#file.close();
  }

  async #write(): Promise<void> {
    if (this.#wanted === this.#saved) return;
    const state = this.#wanted;
    try {
      await this.#file.write(encodeGuard(state));
    } catch (error) {
      this.#failure ??= new StorageFailedError('writing the guard file failed', asError(error));
      throw this.#failure;
    }
    this.#saved = state;
  }
}

/** Does the log hold everything that the guard proves to have been durable? @throws LogDamagedError when not. */
export function checkAgainstGuard(
  guard: GuardState,
  log: HardState & { readonly lastIndex: LogIndex },
): void {
  if (log.term < guard.term) {
    throw new LogDamagedError('LOG_VOTE_LOST', `the log is at term ${log.term}, the guard at ${guard.term}`);
  }
  if (log.term === guard.term && guard.vote !== null && log.vote !== guard.vote) {
    throw new LogDamagedError(
      'LOG_VOTE_LOST',
      `in term ${log.term} this node voted for ${guard.vote}, the log says ${log.vote ?? 'nobody'}`,
    );
  }
  if (log.lastIndex < guard.lastIndex) {
    throw new LogDamagedError(
      'LOG_TAIL_LOST',
      `the log ends at ${log.lastIndex}, but ${guard.lastIndex} was durable`,
    );
  }
}

/** Node ids have at most 64 bytes; room for longer ones without a new format. */
const MAX_VOTE = 128;
const VOTE_AT = 25;

/** term u64, last index u64, ledger index u64, vote length u8 and text, hash present u8, hash [32] */
function encodeGuard(state: GuardState): Uint8Array {
  const vote = Buffer.from(state.vote ?? '', 'utf8');
  if (vote.length > MAX_VOTE) throw new RangeError(`a node id has at most ${MAX_VOTE} bytes`);
  const hashAt = VOTE_AT + vote.length + 1;
  const bytes = Buffer.alloc(hashAt + (state.lastHash === null ? 0 : 32));
  writeUint53(bytes, state.term, 0);
  writeUint53(bytes, state.lastIndex, 8);
  writeUint53(bytes, state.ledgerIndex, 16);
  bytes[VOTE_AT - 1] = vote.length;
  bytes.set(vote, VOTE_AT);
  bytes[hashAt - 1] = state.lastHash === null ? 0 : 1;
  if (state.lastHash !== null) bytes.set(state.lastHash, hashAt);
  return bytes;
}

function decodeGuard(bytes: Uint8Array): GuardState {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const voteLength = view.getUint8(VOTE_AT - 1);
  const hashAt = VOTE_AT + voteLength + 1;
  const hasHash = view.getUint8(hashAt - 1);
  if (bytes.length !== hashAt + 32 * hasHash) throw new SlotFileError('the record has an unknown shape');
  const vote = Buffer.from(bytes.subarray(VOTE_AT, VOTE_AT + voteLength)).toString('utf8');
  return {
    term: readUint53(view, 0) as Term,
    lastIndex: readUint53(view, 8) as LogIndex,
    ledgerIndex: readUint53(view, 16),
    vote: vote === '' ? null : (vote as NodeId),
    lastHash: hasHash === 1 ? bytes.slice(hashAt) : null,
  };
}

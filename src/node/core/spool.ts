/**
 * What restricts, and what went wrong, acts first and is recorded after: when nobody can commit, the record waits here. A
 * bounded queue on an fsynced file; everything in it is proposed in order once a leader is known, with the time at which it
 * happened, and the state machine marks it `delayed`.
 *
 * Invariants: nothing leaves the queue before the state machine has answered for it; a record whose fate is unknown is
 * proposed again under its own nonce, which the state machine remembers, so that it is there exactly once however often the
 * node restarts; what does not fit is counted, and the count is on record.
 *
 * If we crash after a commit and before the file is cleared, the start proposes again what the log already holds, and the
 * nonce answers for it.
 */

import { decodeCommand, encodeCommand } from '../../authority/commands.js';
import type { Happened } from '../../authority/commands.js';
import type { Testimony } from '../../authority/testimony.js';
import { MAX_DELAYED } from '../../authority/state.js';
import type { DurNs, MonoNs, TaiNs } from '../../time/types.js';
import { durNs, NS_PER_S, taiNs } from '../../time/types.js';
import type { SpoolStore } from '../environment.js';
import type { CommandResult } from './proposals.js';

/** Records that wait at most. */
export const SPOOL_RECORDS = 256;
/** A record that nobody commits within this is written down. */
const FIRST_PATIENCE: DurNs = durNs(2n * NS_PER_S);
const DRAIN_PATIENCE: DurNs = durNs(5n * NS_PER_S);
/** What is committed this soon after it happened is not called delayed. */
const PROMPT: DurNs = durNs(5n * NS_PER_S);
/** Kinds of stored items. */
const TAG_RECORD = 1;
const TAG_LOST = 2;
/** The widest bound that a record may state: no instant of this service is outside, so truth stays inside. */
const WIDEST = 1n << 62n;

if (SPOOL_RECORDS * 2 > MAX_DELAYED)
  throw new RangeError('the state machine forgets nonces that still wait here');

/** An instant that a record may state. */
export function recordable(instant: TaiNs): TaiNs {
  if (instant > WIDEST) return taiNs(WIDEST);
  return instant < -WIDEST ? taiNs(-WIDEST) : instant;
}

export interface SpoolDeps {
  readonly node: string;
  readonly store: SpoolStore;
  readonly mono: () => MonoNs;
  readonly random: (length: number) => Uint8Array;
  /** Bound of this node's clock now. */
  readonly happened: () => Happened;
  readonly hasLeader: () => boolean;
  readonly submit: (
    nonce: Uint8Array,
    payload: Uint8Array,
    patience: DurNs,
    done: (result: CommandResult) => void,
  ) => void;
  /** The file could not be read or written: what waits is lost with this process. */
  readonly failed: (error: Error) => void;
}

interface Waiting {
  readonly nonce: Uint8Array;
  /** As it is proposed soon after it happened; null for one that was read from the file. */
  readonly prompt: Uint8Array | null;
  readonly delayed: Uint8Array;
  readonly since: MonoNs;
}

export class Spool {
  readonly #deps: SpoolDeps;
  #queue: Waiting[] = [];
  /** Records that did not fit since the queue was last empty. */
  #lost = 0;
  #lostReported = 0;
  #draining = false;
  #loaded = false;

  constructor(deps: SpoolDeps) {
    this.#deps = deps;
  }

  /** Takes over what an earlier run left. */
  load(): void {
    this.#deps.store.load((error, items) => {
      if (error !== null) this.#deps.failed(error);
      const earlier: Waiting[] = [];
      for (const item of items ?? []) {
        if (item[0] === TAG_LOST) this.#lost = Math.max(this.#lost, lostOf(item));
        const waiting = item[0] === TAG_RECORD ? this.#waitingOf(item.subarray(1)) : null;
        if (waiting !== null) earlier.push(waiting);
      }
      this.#queue = [...earlier, ...this.#queue].slice(0, SPOOL_RECORDS);
      this.#loaded = true;
    });
  }

  get length(): number {
    return this.#queue.length;
  }

  /** Records a restriction or a fault: at once if somebody can commit it, otherwise as soon as somebody can. */
  record(statement: Testimony): void {
    const { node, random, mono, happened } = this.#deps;
    const nonce = random(16);
    const prompt = encodeCommand(node, nonce, statement);
    const waiting: Waiting = {
      nonce,
      prompt,
      delayed: encodeCommand(node, nonce, statement, happened()),
      since: mono(),
    };
    if (this.#queue.length > 0 || !this.#deps.hasLeader()) {
      this.#keep(waiting);
      return;
    }
    this.#deps.submit(nonce, prompt, FIRST_PATIENCE, (result) => {
      if (result.status === 'unknown') this.#keep(waiting);
    });
  }

  /** Called now and then: proposes what waits, one after another. */
  drain(): void {
    const next = this.#queue[0];
    if (this.#draining || !this.#loaded || !this.#deps.hasLeader()) return;
    if (next === undefined) return;
    this.#draining = true;
    const late = this.#deps.mono() - next.since >= PROMPT;
    const payload = next.prompt === null || late ? next.delayed : next.prompt;
    this.#deps.submit(next.nonce, payload, DRAIN_PATIENCE, (result) => {
      this.#draining = false;
      // Refused is answered too: the refusal is a record.
      if (result.status === 'unknown') return;
      this.#queue.shift();
      if (this.#queue.length > 0) this.drain();
      else this.#emptied();
    });
  }

  #emptied(): void {
    const lost = this.#lost;
    this.#lost = 0;
    this.#lostReported = 0;
    this.#deps.store.clear((error) => {
      if (error !== null) this.#deps.failed(error);
    });
    if (lost === 0) return;
    const detail = `${lost} records of restrictions and faults did not fit while nothing could be committed`;
    this.record({ kind: 'clockAnomaly', code: 'spoolOverflow', source: '', detail });
  }

  #keep(waiting: Waiting): void {
    if (this.#queue.length >= SPOOL_RECORDS) {
      this.#lost++;
      // Written down as it doubles: the file stays small, and a restart knows the size of the loss.
      if (this.#lost < this.#lostReported * 2) return;
      this.#lostReported = this.#lost;
      this.#append(lostItem(this.#lost));
      return;
    }
    this.#queue.push(waiting);
    const item = new Uint8Array(1 + waiting.delayed.length);
    item[0] = TAG_RECORD;
    item.set(waiting.delayed, 1);
    this.#append(item);
  }

  #append(item: Uint8Array): void {
    this.#deps.store.append(item, (error) => {
      if (error !== null) this.#deps.failed(error);
    });
  }

  /** Null for what is no command of this node: another version wrote it, and it says nothing that could be proposed. */
  #waitingOf(delayed: Uint8Array): Waiting | null {
    const decoded = decodeCommand(delayed);
    if (!decoded.ok || decoded.envelope.node !== this.#deps.node) return null;
    return { nonce: decoded.envelope.nonce, prompt: null, delayed, since: this.#deps.mono() };
  }
}

function lostItem(lost: number): Uint8Array {
  const item = new Uint8Array(9);
  item[0] = TAG_LOST;
  new DataView(item.buffer).setBigUint64(1, BigInt(lost));
  return item;
}

function lostOf(item: Uint8Array): number {
  if (item.length !== 9) return 0;
  const lost = new DataView(item.buffer, item.byteOffset, item.length).getBigUint64(1);
  return lost > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(lost);
}

/**
 * Gets this node's commands committed, whoever leads. A command is named by its nonce; the answer is what the state
 * machine said of that nonce when it applied the entry, not what consensus said of the proposal, so that a change of
 * leader between the two costs a retry and never a wrong answer.
 */

import type { AuthorityEvent } from '../../authority/api.js';
import type { ProposeResult, Raft } from '../../raft/driver-api.js';
import type { DurNs, MonoNs, Timers } from '../../time/types.js';
import { durNs, NS_PER_MS } from '../../time/types.js';

/** First wait before a refused proposal is tried again; doubled up to RETRY_MAX. */
const RETRY_MIN = durNs(20n * NS_PER_MS);
export const RETRY_MAX = durNs(500n * NS_PER_MS);
export type CommandResult =
  | { readonly status: 'accepted'; readonly leaf: number | null; readonly raftIndex: number }
  | { readonly status: 'refused'; readonly reason: string; readonly detail: string }
  /** The deadline passed. The command may still take effect. */
  | { readonly status: 'unknown'; readonly leader: string | null };

interface Waiting {
  readonly payload: Uint8Array;
  readonly begun: MonoNs;
  readonly deadline: MonoNs;
  readonly done: (result: CommandResult) => void;
  wait: DurNs;
  leader: string | null;
  cancelTimer: (() => void) | null;
}

export class Proposals {
  readonly #raft: Pick<Raft, 'propose'>;
  readonly #timers: Timers;
  readonly #mono: () => MonoNs;
  readonly #onCommit: (duration: DurNs) => void;
  readonly #waiting = new Map<string, Waiting>();
  #stopped = false;

  /** @param onCommit told how long an accepted command took, from its submission until applied here */
  constructor(
    raft: Pick<Raft, 'propose'>,
    timers: Timers,
    mono: () => MonoNs,
    onCommit: (duration: DurNs) => void,
  ) {
    this.#raft = raft;
    this.#onCommit = onCommit;
    this.#timers = timers;
    this.#mono = mono;
  }

  /** `done` runs exactly once. `patience` bounds how long retries go on. */
  submit(
    nonce: Uint8Array,
    payload: Uint8Array,
    patience: DurNs,
    done: (result: CommandResult) => void,
  ): void {
    const key = keyOf(nonce);
    const waiting: Waiting = {
      payload,
      begun: this.#mono(),
      deadline: (this.#mono() + patience) as MonoNs,
      done,
      wait: RETRY_MIN,
      leader: null,
      cancelTimer: null,
    };
    this.#waiting.set(key, waiting);
    this.#propose(key, waiting);
  }

  /** Called for every event of an applied entry. */
  applied(event: AuthorityEvent, raftIndex: number): void {
    if (event.kind !== 'accepted' && event.kind !== 'refused') return;
    const key = keyOf(event.nonce);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    if (event.kind === 'accepted') {
      this.#onCommit(durNs(this.#mono() - waiting.begun));
      this.#finish(key, { status: 'accepted', leaf: event.leaf, raftIndex });
    } else this.#finish(key, { status: 'refused', reason: event.reason, detail: event.detail });
  }

  stop(): void {
    this.#stopped = true;
    for (const key of [...this.#waiting.keys()]) this.#finish(key, { status: 'unknown', leader: null });
  }

  #propose(key: string, waiting: Waiting): void {
    if (this.#stopped) {
      this.#finish(key, { status: 'unknown', leader: null });
      return;
    }
    this.#raft.propose([waiting.payload], (result) => this.#answered(key, result));
  }

  #answered(key: string, result: ProposeResult): void {
    const waiting = this.#waiting.get(key);
    // Already answered by apply: the usual case, since apply runs before consensus answers.
    if (waiting === undefined) return;
    if (result.status === 'notLeader') waiting.leader = result.leader;
    // `applied` without an event of ours cannot happen: apply answers every nonce. Trying again is safe all the same.
    // An entry whose fate is unknown may still commit: the state machine knows a payload that it has seen before, so that
    // proposing it again takes effect once. Waiting instead would cost a client a second at each change of leader.
    this.#retryLater(key, waiting, waiting.wait);
  }

  #retryLater(key: string, waiting: Waiting, wait: DurNs): void {
    if (this.#mono() + wait > waiting.deadline) {
      const left = durNs(waiting.deadline > this.#mono() ? waiting.deadline - this.#mono() : 0n);
      waiting.cancelTimer = this.#timers.after(left, () =>
        this.#finish(key, { status: 'unknown', leader: waiting.leader }),
      );
      return;
    }
    waiting.wait = durNs(wait * 2n > RETRY_MAX ? RETRY_MAX : wait * 2n);
    waiting.cancelTimer = this.#timers.after(wait, () => {
      if (this.#waiting.get(key) === waiting) this.#propose(key, waiting);
    });
  }

  #finish(key: string, result: CommandResult): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) return;
    this.#waiting.delete(key);
    waiting.cancelTimer?.();
    waiting.done(result);
  }
}

function keyOf(nonce: Uint8Array): string {
  let key = '';
  for (const byte of nonce) key += byte.toString(16).padStart(2, '0');
  return key;
}

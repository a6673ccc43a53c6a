/**
 * What clients saw of one log: each operation with when it was called and when it returned, on one clock of the recorder.
 * Written as JSON of documented shape (docs/histories.md), so that another checker can judge it.
 */

export const HISTORY_FORMAT = 'taa-history';
export const HISTORY_VERSION = 1;

export interface History {
  readonly format: typeof HISTORY_FORMAT;
  readonly version: typeof HISTORY_VERSION;
  /** What the cluster was and what was done to it, for whoever reads the history. */
  readonly about: string;
  readonly faults: readonly Fault[];
  readonly operations: readonly Operation[];
}

export interface Fault {
  /** µs since the recording began. */
  readonly at: number;
  readonly what: string;
}

interface Call {
  /** The client. */
  readonly process: number;
  /** The node that was asked. */
  readonly node: string;
  /** µs since the recording began. */
  readonly called: number;
  /** When the answer came, or when it was given up. µs; not before `called`. */
  readonly returned: number;
}

export interface Append extends Call {
  readonly operation: 'append';
  /** Names the record; no other append of the history uses it. */
  readonly id: string;
  readonly outcome:
    | { readonly kind: 'ok'; readonly index: number }
    /** It certainly has not been and will not be appended. */
    | { readonly kind: 'refused'; readonly reason: string }
    /** It may be appended: meanwhile, later, or never. */
    | { readonly kind: 'unknown'; readonly reason: string };
}

export interface Read extends Call {
  readonly operation: 'read';
  readonly index: number;
  /** False for a read of what the asked node has applied, which may lag. */
  readonly linearizable: boolean;
  readonly outcome:
    | { readonly kind: 'record'; readonly id: string }
    /** A record that no client of this history appended. */
    | { readonly kind: 'other' }
    /** The log does not reach so far. */
    | { readonly kind: 'nothing' }
    | { readonly kind: 'unknown'; readonly reason: string };
}

export type Operation = Append | Read;

/** @throws Error for what is no history of this format */
export function parseHistory(text: string): History {
  const value = JSON.parse(text) as Partial<History> | null;
  if (value?.format !== HISTORY_FORMAT || value.version !== HISTORY_VERSION) {
    throw new Error(`this is no ${HISTORY_FORMAT} of version ${HISTORY_VERSION}`);
  }
  if (!Array.isArray(value.operations)) throw new Error('the history has no operations');
  return value as History;
}

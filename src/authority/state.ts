/**
 * The whole replicated state, and how it is bounded. Only the files of this room that apply commands change it; values
 * in it are replaced, never edited, so that whoever was given one keeps what was true then.
 *
 * Invariant: nothing here depends on the order of a map: where apply visits several entries, it sorts.
 */

import type { TaiNs } from '../time/types.js';
import { concat, equalBytes, hexOf } from '../verify/bytes.js';
import type { MembersState } from './members.js';
import type { ApprovedLeap, Audit, AuditPolicy, ClusterPolicy, Device } from './model.js';
import type { CommandOutcome } from './refusals.js';

/** The newest stateMachineVersion that this program can apply. */
export const SUPPORTED_VERSION = 1;

/** Finished audits that are remembered per device. */
export const REMEMBERED_AUDITS = 64;
/** Audits of one device that may be under way at once. */
export const MAX_PENDING = 64;
export const MAX_SESSIONS = 8;
export const MAX_CREDENTIALS = 8;
/** Signed statements that are remembered until they expire. */
export const MAX_STATEMENTS = 4_096;
/** Commands that are remembered, so that one proposed twice takes effect once. */
export const MAX_COMMANDS = 8_192;
/** Nonces of restrictions and faults that are remembered per node, however long they waited before they came. */
export const MAX_DELAYED = 512;
/** Identities and reasons that are told apart within one minute of denials. */
export const MAX_DENIALS = 512;
/** Midnights about which entries are remembered, the newest. */
export const MAX_LEAP_ENTRIES = 64;

export interface SessionState {
  readonly id: Uint8Array;
  /** The node that it was last opened with. */
  readonly node: string;
  /** Requests of a session only count up. −1 before the first. */
  readonly lastRequest: number;
}

export interface DeviceState {
  device: Device;
  /** Oldest first. */
  sessions: readonly SessionState[];
  /** Finished audits, in order of their sequence. */
  recent: readonly Audit[];
}

export interface NodeState {
  readonly run: Uint8Array;
  readonly version: string;
  readonly supports: number;
}

export interface StatementMemory {
  /** SHA-256 of the signed statement. */
  readonly digest: Uint8Array;
  readonly expires: TaiNs;
  readonly outcome: CommandOutcome;
}

export interface Denials {
  readonly identity: string;
  readonly reason: string;
  /** Denials since the one that was recorded. */
  readonly suppressed: number;
}

export interface State {
  version: number;
  policy: ClusterPolicy;
  leap: ApprovedLeap;
  readonly members: MembersState;
  readonly devices: Map<string, DeviceState>;
  /** Identity → device id. */
  readonly identities: Map<string, string>;
  readonly nodes: Map<string, NodeState>;
  /** Audits without an outcome, by `auditKey`. Oldest first. */
  readonly pending: Map<string, Audit>;
  /** Earliest deadline of a pending audit. */
  nextDeadline: TaiNs | null;
  /** Minute of cluster time for which `denials` counts. */
  minute: bigint;
  readonly denials: Map<string, Denials>;
  /** By hexadecimal nonce. */
  readonly statements: Map<string, StatementMemory>;
  readonly commands: CommandMemory;
  /** By node: nonces of its last restrictions and faults, 16 bytes each, oldest first. */
  readonly delayable: Map<string, Uint8Array>;
  /** Leaves since the last checkpoint boundary, and when that was. */
  uncovered: number;
  lastBoundary: TaiNs;
}

/** The newest accepted commands by digest of their payload, oldest forgotten first. */
export class CommandMemory {
  readonly #leaves = new Map<string, number | null>();
  /** Keys in a ring: a map that is emptied from its front gets slower with every deletion. */
  readonly #keys: string[] = [];
  #oldest = 0;

  /** The leaf of an accepted command; undefined if it is not remembered. */
  leafOf(digest: Uint8Array): number | null | undefined {
    return this.#leaves.get(keyOf(digest));
  }

  remember(digest: Uint8Array, leaf: number | null): void {
    const key = keyOf(digest);
    if (this.#leaves.has(key)) return;
    this.#leaves.set(key, leaf);
    const forgotten = this.#keys[this.#oldest];
    if (this.#keys.length < MAX_COMMANDS) this.#keys.push(key);
    else if (forgotten !== undefined) {
      this.#leaves.delete(forgotten);
      this.#keys[this.#oldest] = key;
      this.#oldest = (this.#oldest + 1) % MAX_COMMANDS;
    }
  }

  /** 16 bytes of digest and the leaf plus one (0 for none) in 8, for each command, oldest first. */
  pack(): Uint8Array {
    const packed = new Uint8Array(this.#keys.length * 24);
    const view = new DataView(packed.buffer);
    for (let n = 0; n < this.#keys.length; n++) {
      const key = this.#keys[(this.#oldest + n) % this.#keys.length] as string;
      const leaf = this.#leaves.get(key) ?? null;
      for (let i = 0; i < 16; i++) packed[n * 24 + i] = key.charCodeAt(i);
      view.setBigUint64(n * 24 + 16, leaf === null ? 0n : BigInt(leaf) + 1n);
    }
    return packed;
  }

  /** Inverse of `pack`; null if the bytes are none. */
  static unpack(packed: Uint8Array): CommandMemory | null {
    const memory = new CommandMemory();
    if (packed.length % 24 !== 0 || packed.length > MAX_COMMANDS * 24) return null;
    const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
    for (let at = 0; at < packed.length; at += 24) {
      const leaf = view.getBigUint64(at + 16);
      if (leaf > BigInt(Number.MAX_SAFE_INTEGER)) return null;
      memory.remember(packed.subarray(at, at + 16), leaf === 0n ? null : Number(leaf - 1n));
    }
    return memory.#leaves.size * 24 === packed.length ? memory : null;
  }
}

/** The first 16 bytes, one character each. */
function keyOf(digest: Uint8Array): string {
  let key = '';
  for (let i = 0; i < 16; i++) key += String.fromCharCode(digest[i] as number);
  return key;
}

export const auditKey = (device: string, sequence: number): string => `${device}/${sequence}`;

export const nonceKey = (nonce: Uint8Array): string => hexOf(nonce);

export const policyFor = (policy: ClusterPolicy, device: Device): AuditPolicy => ({
  ...policy.audit,
  ...device.policy,
});

export function findAudit(state: State, device: string, sequence: number): Audit | undefined {
  return (
    state.pending.get(auditKey(device, sequence)) ??
    state.devices.get(device)?.recent.find((audit) => audit.sequence === sequence)
  );
}

export function pendingOf(state: State, matches: (audit: Audit) => boolean): readonly Audit[] {
  const found: Audit[] = [];
  for (const audit of state.pending.values()) if (matches(audit)) found.push(audit);
  return found.sort((a, b) => a.leaf - b.leaf);
}

/** Whether the node's restriction or fault with this nonce is on record. */
export function isOnRecord(state: State, node: string, nonce: Uint8Array): boolean {
  const known = state.delayable.get(node) ?? new Uint8Array(0);
  for (let at = 0; at < known.length; at += 16) {
    if (equalBytes(known.subarray(at, at + 16), nonce)) return true;
  }
  return false;
}

export function putOnRecord(state: State, node: string, nonce: Uint8Array): void {
  const known = state.delayable.get(node) ?? new Uint8Array(0);
  state.delayable.set(
    node,
    concat([known.subarray(Math.max(0, known.length - 16 * (MAX_DELAYED - 1))), nonce]),
  );
}

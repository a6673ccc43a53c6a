/** The cluster's own affairs: its policy and version, and what nodes testify about themselves and their clocks. */

import { concat } from '../verify/bytes.js';
import { sha256 } from '../verify/crypto.js';
import type { Act } from './acts.js';
import { voidForClock, voidForRun } from './audits.js';
import { memberInForce, viewOf } from './members.js';
import { changePolicy, encodePolicy, policyFault } from './policy.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import { SUPPORTED_VERSION } from './state.js';
import type { Testimony } from './testimony.js';
import type { RecordFields, Turn } from './turn.js';

type Of<K extends Testimony['kind']> = Extract<Testimony, { kind: K }>;
type ActOf<K extends Act['command']> = Extract<Act, { command: K }>;

export function setClusterPolicy(
  turn: Turn,
  act: ActOf<'setClusterPolicy'>,
  evidence: RecordFields,
): CommandOutcome {
  const { state, genesis } = turn;
  if (act.basedOn !== state.policy.version) return refuse('POLICY_CHANGED');
  const policy = changePolicy(state.policy, act.change);
  const fault = policyFault(policy, genesis.lab);
  if (fault !== null) return refuse('POLICY_NOT_ALLOWED', fault);
  const leaf = turn.record('clusterPolicy', { policy: encodePolicy(policy), ...evidence });
  state.policy = policy;
  turn.events.push({ kind: 'policyChanged', policy });
  return accept(leaf);
}

/** One step at a time, and only when the program of every member has said that it can follow. */
export function raiseVersion(turn: Turn, act: ActOf<'raiseVersion'>, evidence: RecordFields): CommandOutcome {
  const { state } = turn;
  const { current, target } = viewOf(state.members);
  const supported = [...current.members, ...target.members].every(
    ({ id }) => (state.nodes.get(id)?.supports ?? 0) >= act.version,
  );
  if (act.version !== state.version + 1 || !supported || act.version > SUPPORTED_VERSION) {
    return refuse('VERSION_NOT_ALLOWED');
  }
  const leaf = turn.record('versionRaised', { version: act.version, ...evidence });
  state.version = act.version;
  return accept(leaf);
}

/** Recorded before it is done: the node named carries it out when it applies this, once. */
export function releaseClock(turn: Turn, act: ActOf<'releaseClock'>, evidence: RecordFields): CommandOutcome {
  const { clock, what, reason } = act;
  if (memberInForce(turn.state, clock) === undefined) return refuse('NODE_UNKNOWN');
  const leaf = turn.record('clockRelease', { clock, what, reason, ...evidence });
  turn.events.push({ kind: 'clockReleased', node: clock, what, leaf });
  return accept(leaf);
}

export function nodeStarted(turn: Turn, { run, version, supports }: Of<'nodeStarted'>): CommandOutcome {
  const leaf = turn.record('nodeStarted', { run, version, supports });
  turn.state.nodes.set(turn.node, { run, version, supports });
  voidForRun(turn, run);
  return accept(leaf);
}

export const nodeStopping = (turn: Turn, { run }: Of<'nodeStopping'>): CommandOutcome =>
  accept(turn.record('nodeStopping', { run }));

export function clockTransition(turn: Turn, { from, to, clock }: Of<'clockTransition'>): CommandOutcome {
  const leaf = turn.record('clockTransition', { from, to, clock: { ...clock }, ...turn.delay });
  voidForClock(turn, to);
  return accept(leaf);
}

/** TAA − UTC(NICT) when the source is a reference. `level` says which bound of the policy it may exceed. */
export function clockComparison(turn: Turn, command: Of<'clockComparison'>): CommandOutcome {
  const { taaAlarm, taaStop } = turn.state.policy;
  const size = (command.offset < 0n ? 0n - command.offset : command.offset) + command.uncertainty;
  const level = size > taaStop ? 'stop' : size > taaAlarm ? 'alarm' : 'ok';
  return accept(turn.record('clockComparison', { ...command, kind: undefined, level }));
}

export const clockAnomaly = (turn: Turn, { code, source, detail }: Of<'clockAnomaly'>): CommandOutcome =>
  accept(turn.record('clockAnomaly', { code, source, detail, ...turn.delay }));

export const diverged = (turn: Turn, { detail }: Of<'diverged'>): CommandOutcome =>
  accept(turn.record('diverged', { detail, ...turn.delay }));

/** @param state the encoded state before this entry, when the tree had `size` leaves */
export function stateDigest(turn: Turn, state: Uint8Array, size: number): CommandOutcome {
  const { version } = turn.state;
  return accept(turn.record('stateDigest', { size, state: sha256(state), stateMachineVersion: version }));
}

export function forkEvidence(turn: Turn, { detail, evidence }: Of<'forkEvidence'>): CommandOutcome {
  const salt = turn.digest.slice(16);
  const hash = sha256(concat([salt, evidence]));
  const leaf = turn.record('forkEvidence', { detail, evidence: hash, ...turn.delay });
  turn.bodies.push({ hash, salt, bytes: evidence });
  return accept(leaf);
}

export function labAppend(turn: Turn, { items }: Of<'labAppend'>): CommandOutcome {
  if (!turn.genesis.lab) return refuse('NOT_LABORATORY');
  return accept(items.length === 0 ? null : turn.recordLabItems(items));
}

/**
 * The members of the cluster as replicated state: what administrators have ordered, which of it consensus has brought into
 * force, and which checkpoint attested it. The invariants that this file owns:
 *
 *  - one change at a time: the next is ordered only when the last is in force and attested, so that a verifier can follow
 *    them one by one (src/verify/membership-chain.ts);
 *  - a change comes into force by the consensus entry that completes it, the same one on every node, and only if an order
 *    asked for it. What consensus did without an order is recorded as an anomaly and changes nothing here.
 */

import { equalBytes } from '../verify/bytes.js';
import type { CborObject } from '../verify/cbor.js';
import { possibleMeasurers, readCheckpoint, verifyCheckpoint } from '../verify/checkpoint.js';
import type { CheckpointPolicy } from '../verify/checkpoint-policy.js';
import { membershipAfter, type MembershipStep } from '../verify/membership-chain.js';
import type { MembershipAct } from '../verify/membership-acts.js';
import {
  changeMembership,
  isVoter,
  memberOf,
  membershipHash,
  policyOfMembership,
  votersOf,
  type FormerMember,
  type Member,
  type Membership,
} from '../verify/membership.js';
import type { SignedOrder } from '../verify/orders.js';
import type { Configuration, MembershipView } from './api.js';
import { voidForNode } from './audits.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import type { State } from './state.js';
import type { Testimony } from './testimony.js';
import type { RecordFields, Turn } from './turn.js';

/** One change that came into force. */
export interface MembershipChangeState {
  readonly order: SignedOrder;
  /** The membership that it made. */
  readonly membership: Membership;
  /** Leaf of the record that it came into force: larger trees are signed under it. */
  readonly inForce: number;
  /** Leaf of the record that it was attested, and the attesting checkpoint; null before. */
  readonly attested: { readonly leaf: number; readonly note: Uint8Array } | null;
}

/** What is ordered and not in force yet. */
export interface PendingMembership {
  readonly order: SignedOrder;
  readonly leaf: number;
  readonly target: Membership;
}

/** The configuration that consensus applied last, as it stands in the log. */
export interface AppliedConfiguration {
  readonly index: number;
  readonly payload: Uint8Array;
  /** Data directory of each participant, by name; null while it is not known. */
  readonly incarnations: ReadonlyMap<string, Uint8Array | null>;
}

export interface MembersState {
  readonly first: Membership;
  changes: readonly MembershipChangeState[];
  pending: PendingMembership | null;
  configuration: AppliedConfiguration | null;
}

export const bornMembers = (first: Membership): MembersState => ({
  first,
  changes: [],
  pending: null,
  configuration: null,
});

// ---- reading -------------------------------------------------------------------------------------------------------

export const currentMembership = ({ first, changes }: MembersState): Membership =>
  changes.at(-1)?.membership ?? first;

const targetMembership = (members: MembersState): Membership =>
  members.pending?.target ?? currentMembership(members);

/** A member in force, or one that is ordered. */
export const knownMember = ({ members }: State, id: string): Member | undefined =>
  memberOf(currentMembership(members), id) ?? memberOf(targetMembership(members), id);

/** Only members in force measure and certify. */
export const memberInForce = ({ members }: State, id: string): Member | undefined =>
  memberOf(currentMembership(members), id);

/** Whoever is, or once was, a member: certificates outlive the nodes that signed them. */
export const everMember = (state: State, id: string): Member | FormerMember | undefined =>
  knownMember(state, id) ?? currentMembership(state.members).former.find((former) => former.id === id);

export function viewOf(members: MembersState): MembershipView {
  const current = currentMembership(members);
  return {
    current,
    target: targetMembership(members),
    pending: members.pending !== null,
    attested: members.changes.at(-1)?.attested !== null,
    configuration: members.configuration,
  };
}

/** Whose lines publish a checkpoint of this size. */
export function policyAt(members: MembersState, size: number): CheckpointPolicy {
  const n = members.changes.findLastIndex(({ inForce }) => inForce < size);
  const change = members.changes[n];
  if (change === undefined) return known(policies, members.first);
  if (change.attested !== null && change.attested.leaf < size) return known(policies, change.membership);
  const before = members.changes[n - 1]?.membership ?? members.first;
  return known(jointPolicies, change.membership, known(policies, before));
}

// Asked for with every line of every peer, and always the same for the same membership.
const policies = new WeakMap<Membership, CheckpointPolicy>();
const jointPolicies = new WeakMap<Membership, CheckpointPolicy>();

function known(
  made: WeakMap<Membership, CheckpointPolicy>,
  membership: Membership,
  previous: CheckpointPolicy | null = null,
): CheckpointPolicy {
  let policy = made.get(membership);
  if (policy === undefined) made.set(membership, (policy = policyOfMembership(membership, previous)));
  return policy;
}

/** What a verifier needs to follow the members up to a checkpoint of this size. */
export const stepsAt = ({ changes }: MembersState, size: number): readonly MembershipStep[] =>
  changes
    .filter(({ inForce }) => inForce < size)
    .map(({ order, attested }) => ({ order, note: attested?.note ?? null }));

// ---- what people order ---------------------------------------------------------------------------------------------

export function orderMembership(turn: Turn, act: MembershipAct, order: SignedOrder): CommandOutcome {
  const { members } = turn.state;
  if (act.command === 'removeNode' && isPendingAddition(members, act.node)) {
    return withdraw(turn, act, order);
  }
  if (members.pending !== null || members.changes.at(-1)?.attested === null)
    return refuse('CHANGE_IN_PROGRESS');
  const changed = changeMembership(currentMembership(members), act);
  if (!changed.ok) return refuse(changed.fault, changed.detail);
  if ('member' in act) {
    const fault = turn.deps.statements.memberFault(act.member, turn.genesis, turn.time, turn.deps.verifier);
    if (fault !== null) return refuse('MEMBER_NOT_ALLOWED', fault);
  }
  const leaf = turn.record('membershipOrder', { ...orderFields(act), ...order });
  members.pending = { order, leaf, target: changed.membership };
  turn.events.push({ kind: 'membershipChanged' });
  return accept(leaf);
}

function isPendingAddition(members: MembersState, node: string): boolean {
  const current = memberOf(currentMembership(members), node);
  return current === undefined && memberOf(targetMembership(members), node) !== undefined;
}

/** Takes back an addition that never came into force: the cluster stays as it is. */
function withdraw(turn: Turn, act: MembershipAct, order: SignedOrder): CommandOutcome {
  const leaf = turn.record('membershipOrder', {
    ...orderFields(act),
    withdraws: turn.state.members.pending?.leaf,
    ...order,
  });
  turn.state.members.pending = null;
  turn.events.push({ kind: 'membershipChanged' });
  return accept(leaf);
}

/** What the record says beside the signed order, for readers without a decoder of orders. */
function orderFields(act: MembershipAct): RecordFields {
  switch (act.command) {
    case 'addNode':
      return { order: act.command, ...addedFields(act.member) };
    case 'replaceNode':
      return { order: act.command, removed: act.node, reason: act.reason, ...addedFields(act.member) };
    case 'removeNode':
      return { order: act.command, removed: act.node, reason: act.reason };
    case 'promoteNode':
      return { order: act.command, promoted: act.node };
  }
}

const addedFields = ({ id, site, kind }: Member): RecordFields => ({ added: id, site, kind });

// ---- what consensus did --------------------------------------------------------------------------------------------

/** A configuration was committed: recorded, and if it completes what was ordered, in force from here on. */
export function applyConfiguration(
  turn: Turn,
  index: number,
  payload: Uint8Array,
  configuration: Configuration,
): void {
  const { members } = turn.state;
  const participants = [...configuration.voters, ...configuration.learners];
  members.configuration = {
    index,
    payload,
    incarnations: new Map(participants.map(({ id, incarnation }) => [id, incarnation])),
  };
  const fault = uncovered(members, configuration);
  const facts = {
    voters: configuration.voters.map(nodeBody),
    outgoing: configuration.outgoing === null ? null : [...configuration.outgoing],
    learners: configuration.learners.map((learner) => ({ ...nodeBody(learner), kind: learner.kind })),
  };
  if (fault !== null) {
    turn.record('membershipAnomaly', { ...facts, detail: fault });
    turn.events.push({ kind: 'membershipAnomaly', detail: fault });
  } else if (members.pending !== null && completes(members.pending.target, configuration)) {
    bringIntoForce(turn, members.pending, facts);
  } else
    turn.record('membershipChanged', {
      ...facts,
      inForce: false,
      version: currentMembership(members).version,
    });
  turn.events.push({ kind: 'membershipChanged' });
}

const nodeBody = ({ id, incarnation }: Configuration['voters'][number]): CborObject => ({
  node: id,
  incarnation,
});

function bringIntoForce(turn: Turn, { order, leaf, target }: PendingMembership, facts: RecordFields): void {
  const { members } = turn.state;
  const before = currentMembership(members);
  const inForce = turn.record('membershipChanged', {
    ...facts,
    inForce: true,
    version: target.version,
    hash: membershipHash(target),
    order: leaf,
    members: target.members.map(({ id, site, kind }) => ({ node: id, site, kind })),
    quorum: target.quorum,
    distinctSites: target.distinctSites,
  });
  members.changes = [...members.changes, { order, membership: target, inForce, attested: null }];
  members.pending = null;
  for (const { id } of before.members) if (memberOf(target, id) === undefined) voidForNode(turn, id);
}

/** Why no order covers this configuration, or null. */
function uncovered(members: MembersState, { voters, outgoing, learners }: Configuration): string | null {
  const current = currentMembership(members);
  const target = targetMembership(members);
  const isOrdered = (names: readonly string[]): boolean =>
    sameNames(names, votersOf(current)) || sameNames(names, votersOf(target));
  const names = voters.map(({ id }) => id);
  if (!isOrdered(names)) return `consensus took the voters ${names.join(', ')} without an order`;
  if (outgoing !== null && !isOrdered(outgoing))
    return `consensus left the voters ${outgoing.join(', ')} without an order`;
  const stranger = learners.find(({ id }) => !memberOf(current, id) && !memberOf(target, id));
  return stranger === undefined ? null : `consensus took the learner ${stranger.id} without an order`;
}

function completes(target: Membership, { voters, outgoing, learners }: Configuration): boolean {
  const standbys = learners.filter(({ kind }) => kind === 'standby').map(({ id }) => id);
  return (
    outgoing === null &&
    learners.length === standbys.length &&
    sameNames(
      voters.map(({ id }) => id),
      votersOf(target),
    ) &&
    sameNames(
      standbys,
      target.members.filter((member) => !isVoter(member)),
    )
  );
}

const sameNames = (names: readonly string[], members: readonly Member[]): boolean =>
  names.length === members.length && members.every(({ id }) => names.includes(id));

// ---- what nodes attest ---------------------------------------------------------------------------------------------

/** A published checkpoint states the newest membership: from here on, its own members suffice. */
export function attestMembership(
  turn: Turn,
  { version, note }: Extract<Testimony, { kind: 'membershipAttested' }>,
): CommandOutcome {
  const { members } = turn.state;
  const last = members.changes.at(-1);
  if (last?.membership.version !== version) return refuse('ATTESTATION_WRONG');
  if (last.attested !== null) return accept(last.attested.leaf);
  const policy = policyAt(members, turn.nextLeaf);
  const size = readCheckpoint(note)?.checkpoint.size ?? 0;
  const previousNote = members.changes.at(-2)?.attested?.note;
  const previous = previousNote === undefined ? 0 : (readCheckpoint(previousNote)?.checkpoint.size ?? 0);
  const verdict = verifyCheckpoint(note, policy, turn.deps.verifier, possibleMeasurers(policy));
  if (!verdict.ok || size <= last.inForce || size <= previous) return refuse('ATTESTATION_WRONG');
  const leaf = turn.record('membershipAttested', { version, size, note });
  members.changes = [...members.changes.slice(0, -1), { ...last, attested: { leaf, note } }];
  turn.events.push({ kind: 'membershipChanged' });
  return accept(leaf);
}

// ---- as bytes ------------------------------------------------------------------------------------------------------

/** The memberships that the recorded orders make, one after another; null if one of them makes none. */
export function replayChanges(
  first: Membership,
  changes: readonly Omit<MembershipChangeState, 'membership'>[],
): readonly MembershipChangeState[] | null {
  const replayed: MembershipChangeState[] = [];
  let membership = first;
  for (const change of changes) {
    const made = membershipAfter(change.order, membership);
    if (!made.ok) return null;
    membership = made.membership;
    replayed.push({ ...change, membership });
  }
  return replayed;
}

/** Whether a data directory is the one that consensus knows under this name; true while it knows none. */
export function isKnownDirectory(members: MembersState, node: string, incarnation: Uint8Array): boolean {
  const known = members.configuration?.incarnations.get(node);
  return known === undefined || known === null || equalBytes(known, incarnation);
}

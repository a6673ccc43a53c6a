/**
 * Leadership transfer (thesis 3.10): bring one voter up to date, tell it to campaign, and take no new proposals
 * meanwhile. If it does not lead within an election timeout, this node resumes (pitfall E15).
 *
 * Also: who should lead. A witness hands over as soon as it hears a full voter; a leader at a site of lower priority hands
 * over to an up-to-date voter of a higher one that has been heard without a gap for a long time, and rarely, so that a
 * site whose links come and go does not take leadership with it each time.
 */

import type { NodeId } from '../types.js';
import type { CoreConfig, Nanos } from './config.js';
import type { Progress } from './progress.js';
import { becomeFollower, send, type CoreState, type Leading } from './state.js';

/** In longest election timeouts: how long a leader serves, and a better one is heard, before it hands over by itself. */
const SUCCESSION_AFTER = 20;
/** … and after an attempt. */
const SUCCESSION_AGAIN_AFTER = 100;

export const firstSuccession = ({ electionMax }: CoreConfig, now: Nanos): Nanos =>
  now + SUCCESSION_AFTER * electionMax;

/** Whether this node may go on leading; a witness may, as long as it hears no full voter. */
export function mayStay(state: CoreState): boolean {
  const { standing } = state.memberships.members;
  return state.mayLead && (standing === 'voter' || standing === 'witness');
}

/** Hand over, and step down when nobody is there to take it. @returns whether this node still leads */
export function leaveOffice(state: CoreState, leading: Leading): boolean {
  startTransfer(state, leading, null, null);
  if (state.transfer !== null) return true;
  becomeFollower(state, state.term, null);
  return false;
}

/** @param target null for the best there is */
export function startTransfer(
  state: CoreState,
  leading: Leading,
  request: number | null,
  target: NodeId | null,
): void {
  const { transfer } = state;
  const successor = target === null ? bestSuccessor(state, leading) : namedSuccessor(state, leading, target);
  const joins = transfer !== null && (target === null || target === transfer.target);
  if (joins) {
    if (request !== null) transfer.requests.push(request);
    return;
  }
  if (successor === null || transfer !== null) {
    if (request !== null) state.out.push({ kind: 'transferred', request, transferred: false });
    return;
  }
  state.transfer = {
    target: successor.id,
    deadline: state.now + state.config.electionMax,
    sent: false,
    requests: request === null ? [] : [request],
  };
  continueTransfer(state, successor);
}

/** A voter of the membership to come that is heard, would lead, and has lost nothing. */
function canSucceed(state: CoreState, peer: Progress): boolean {
  const { members } = state.memberships;
  const voter = members.membership.voters.some((one) => one.id === peer.id);
  const heard = state.now - peer.contactAt < state.config.electionMin;
  return voter && heard && peer.mayLead && !peer.regressed;
}

function namedSuccessor(state: CoreState, leading: Leading, target: NodeId): Progress | null {
  const peer = leading.progress.get(target);
  if (peer === undefined || !canSucceed(state, peer)) return null;
  return state.memberships.members.standingOf(target) === 'voter' ? peer : null;
}

/** A full voter before a witness, one that has all that is committed before one that lacks some, then by priority. */
function bestSuccessor(state: CoreState, leading: Leading): Progress | null {
  const { members } = state.memberships;
  const rank = (peer: Progress): readonly number[] => [
    members.standingOf(peer.id) === 'voter' ? 1 : 0,
    peer.match >= state.commit ? 1 : 0,
    members.voter(peer.id)?.priority ?? 0,
    peer.match,
  ];
  let best: Progress | null = null;
  for (const peer of leading.progress.values()) {
    if (!canSucceed(state, peer)) continue;
    if (best === null || isGreater(rank(peer), rank(best))) best = peer;
  }
  return best;
}

function isGreater(a: readonly number[], b: readonly number[]): boolean {
  for (const [at, value] of a.entries()) {
    const other = b[at] ?? 0;
    if (value !== other) return value > other;
  }
  return false;
}

/** Is there one who should lead rather than this node? */
export function considerSuccession(state: CoreState, leading: Leading): void {
  if (state.transfer !== null) return;
  const { members, index } = state.memberships;
  const best = bestSuccessor(state, leading);
  if (best === null || members.standingOf(best.id) !== 'voter') return;
  if (members.standing === 'witness') {
    startTransfer(state, leading, null, null);
    return;
  }
  const better = (members.voter(best.id)?.priority ?? 0) > members.priority;
  const steady = state.now - best.activeSince >= SUCCESSION_AFTER * state.config.electionMax;
  const settled = index <= state.commit && !members.joint && best.match >= state.commit;
  if (!better || !steady || !settled || state.now < leading.succeedAt) return;
  leading.succeedAt = state.now + SUCCESSION_AGAIN_AFTER * state.config.electionMax;
  startTransfer(state, leading, null, null);
}

/** Called when the target acknowledged something. */
export function continueTransfer(state: CoreState, peer: Progress): void {
  const { transfer } = state;
  if (transfer === null || transfer.sent || transfer.target !== peer.id) return;
  if (peer.match < state.log.lastIndex) return;
  transfer.sent = true;
  timeoutNow(state, peer.id);
}

/** For a leader that cannot even wait: its disk has stalled. */
export function handOverAtOnce(state: CoreState, leading: Leading): void {
  const successor = bestSuccessor(state, leading);
  if (successor !== null) timeoutNow(state, successor.id);
}

function timeoutNow(state: CoreState, target: NodeId): void {
  send(state, target, { kind: 'timeoutNow', term: state.term });
}

/** At the end of each step: has another node taken over, or is it too late? */
export function settleTransfer(state: CoreState): void {
  const { transfer } = state;
  if (transfer === null) return;
  const elsewhere = state.role !== 'leader' && state.leader !== null;
  if (!elsewhere && state.now < transfer.deadline) return;
  state.transfer = null;
  if (state.role === 'leader' && !mayStay(state)) becomeFollower(state, state.term, null);
  for (const request of transfer.requests) {
    state.out.push({ kind: 'transferred', request, transferred: elsewhere });
  }
}

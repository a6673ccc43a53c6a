/**
 * Leadership transfer (thesis 3.10): bring one follower up to date, tell it to campaign, and take no new proposals
 * meanwhile. If it does not lead within an election timeout, this node resumes (pitfall E15).
 */

import type { NodeId } from '../types.js';
import type { Progress } from './progress.js';
import { becomeFollower, send, type CoreState, type Leading } from './state.js';

export function startTransfer(state: CoreState, leading: Leading, request: number | null): void {
  if (state.transfer !== null) {
    if (request !== null) state.transfer.requests.push(request);
    return;
  }
  const target = mostAdvanced(state, leading);
  if (target === null) {
    if (request !== null) state.out.push({ kind: 'transferred', request, transferred: false });
    return;
  }
  state.transfer = {
    target: target.id,
    deadline: state.now + state.config.electionMax,
    sent: false,
    requests: request === null ? [] : [request],
  };
  continueTransfer(state, target);
}

/** The live peer that lacks least. */
function mostAdvanced(state: CoreState, leading: Leading): Progress | null {
  let best: Progress | null = null;
  for (const peer of leading.progress.values()) {
    if (state.now - peer.contactAt >= state.config.electionMin) continue;
    if (best === null || peer.match > best.match) best = peer;
  }
  return best;
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
  const target = mostAdvanced(state, leading);
  if (target !== null) timeoutNow(state, target.id);
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
  if (state.role === 'leader' && !state.mayLead) becomeFollower(state, state.term, null);
  for (const request of transfer.requests) {
    state.out.push({ kind: 'transferred', request, transferred: elsewhere });
  }
}

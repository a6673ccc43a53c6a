/** What the roles do for linearizable reads; the queues and their invariants are in ./reads.ts. */

import { logIndex, type NodeId } from '../types.js';
import { heartbeat } from './leader.js';
import type { ReadReply, ReadRequest } from './messages.js';
import { answerPatience } from './proposals.js';
import { quorumValue } from './quorum.js';
import { answer, type Reader } from './reads.js';
import { send, type CoreState, type Leading } from './state.js';

/** Reads of callers on this node that arrived together. */
export function onRead(state: CoreState, requests: readonly number[]): void {
  const { leading, leader, reads } = state;
  if (leading !== null) {
    leaderRead(state, leading, { from: 'local', requests });
  } else if (leader === null) {
    answer(state.out, requests, { status: 'notLeader', leader: null });
  } else {
    const request = reads.ask(requests, state.now + answerPatience(state));
    if (request === null) answer(state.out, requests, { status: 'overloaded' });
    else send(state, leader, { kind: 'readRequest', term: state.term, request });
  }
}

export function onReadRequest(state: CoreState, from: NodeId, { request }: ReadRequest): void {
  if (state.leading === null) refuse(state, { from: 'peer', peer: from, request });
  else leaderRead(state, state.leading, { from: 'peer', peer: from, request });
}

/** Refused while leadership is on its way to another (pitfall E15), and while no quorum could confirm it. */
function leaderRead(state: CoreState, leading: Leading, reader: Reader): void {
  const refused = state.transfer !== null || leading.quorumLost || !state.mayLead;
  if (refused) refuse(state, reader);
  else if (!state.reads.wait(reader)) refuse(state, reader);
  else wantRound(state, leading);
}

function refuse(state: CoreState, reader: Reader): void {
  if (reader.from === 'local') {
    const leader = state.leading === null ? state.leader : null;
    answer(state.out, reader.requests, { status: 'notLeader', leader });
  } else {
    const { peer, request } = reader;
    send(state, peer, { kind: 'readReply', term: state.term, request, index: null });
  }
}

/** Only what follows an entry of the own term is known to be all that was committed (pitfall R1). */
const opened = (state: CoreState, leading: Leading): boolean => state.commit >= leading.termStart;

/** One round at a time: reads that arrive while one is under way share the next. */
export function wantRound(state: CoreState, leading: Leading): void {
  if (opened(state, leading) && state.reads.wantRound) heartbeat(state, leading);
}

export function readRoundBegins(state: CoreState, leading: Leading): void {
  if (opened(state, leading)) state.reads.roundBegan(leading.round, state.commit);
}

/** Called whenever a peer answered a round. */
export function confirmReads(state: CoreState, leading: Leading): void {
  const { config, memberships, reads } = state;
  if (!reads.confirming) return;
  const round = quorumValue(memberships.members.sets, (id) => {
    if (id === config.id) return leading.round;
    const peer = leading.progress.get(id);
    return peer === undefined || peer.regressed ? 0 : peer.round;
  });
  for (const { index, readers } of reads.confirmed(round)) {
    for (const reader of readers) {
      if (reader.from === 'local') reads.confirm(reader.requests, index, Infinity);
      else {
        const { peer, request } = reader;
        send(state, peer, { kind: 'readReply', term: state.term, request, index });
      }
    }
  }
  reads.applied(state.applied, state.out);
  wantRound(state, leading);
}

export function onReadReply(state: CoreState, { request, index }: ReadReply): void {
  const asked = state.reads.answered(request);
  if (asked === undefined) return;
  if (index === null) {
    answer(state.out, asked.requests, { status: 'notLeader', leader: state.leader });
    return;
  }
  state.reads.confirm(asked.requests, logIndex(index), asked.deadline);
  state.reads.applied(state.applied, state.out);
}

/** Nobody confirms what the former leader was asked; a caller asks again. */
export function readLeadershipMoved(state: CoreState): void {
  if (state.leading === null) for (const reader of state.reads.dropUnconfirmed()) refuse(state, reader);
  const asked = state.reads.dropAsked();
  if (asked.length > 0) answer(state.out, asked, { status: 'notLeader', leader: state.leader });
}

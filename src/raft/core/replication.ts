/**
 * What to send next to one peer. Appends leave in parallel with the leader's own write (thesis 10.2.1) and run ahead
 * of the acknowledgements inside the peer's window. Entries that are no longer in memory are read from disk first; a
 * read is used only if the log still has those very entries (pitfall L7).
 */

import { logIndex, type Entry, type LogIndex, type NodeId } from '../types.js';
import type { Append } from './messages.js';
import type { Progress } from './progress.js';
import { send, type CoreState, type Leading } from './state.js';

/** Sends as much as the peer's window takes. A probing peer gets one append, with or without entries. */
export function replicate(state: CoreState, leading: Leading, peer: Progress): void {
  const { config, log } = state;
  while (peer.mayReceive(config.maxInflightAppends, config.maxInflightBytes)) {
    const probing = peer.state === 'probe';
    if (log.termAt(peer.next - 1) === undefined) {
      askForSnapshot(state, peer);
      return;
    }
    if (peer.next > log.lastIndex && !probing) return;
    if (peer.next > log.lastIndex || peer.next >= log.cacheFirst) {
      sendAppend(state, leading, peer, null);
    } else if (probing) {
      // Find out where the logs meet before anything is fetched from disk.
      sendProbe(state, leading, peer);
    } else {
      peer.readingFrom = peer.next;
      state.out.push({
        kind: 'readEntries',
        purpose: { for: 'peer', peer: peer.id },
        from: peer.next,
        to: logIndex(log.cacheFirst - 1),
        maxBytes: config.maxAppendBytes,
      });
      return;
    }
  }
}

/** What follows the peer's log is trimmed: an append cannot help it. Told until it has a snapshot (pitfall M5). */
function askForSnapshot(state: CoreState, peer: Progress): void {
  send(state, peer.id, { kind: 'snapshotNeeded', term: state.term, firstIndex: state.log.firstIndex });
  peer.snapshotAsked();
}

export function replicateToAll(state: CoreState, leading: Leading): void {
  for (const peer of leading.progress.values()) replicate(state, leading, peer);
}

/** An empty append at the end of what was sent: the peer rejects it if anything before it got lost (pitfall L21). */
export function sendProbe(state: CoreState, leading: Leading, peer: Progress): void {
  sendAppend(state, leading, peer, []);
}

/** @param entries null for those in memory from `peer.next` on */
function sendAppend(
  state: CoreState,
  leading: Leading,
  peer: Progress,
  entries: readonly Entry[] | null,
): void {
  const { log } = state;
  const prevIndex = logIndex(peer.next - 1);
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === undefined) {
    askForSnapshot(state, peer);
    return;
  }
  let message = leading.lastAppend;
  if (entries !== null || message === null || !sameAppend(state, message, prevIndex)) {
    const content =
      entries ??
      (peer.next > log.lastIndex ? [] : log.slice(peer.next, log.lastIndex, state.config.maxAppendBytes));
    message = {
      kind: 'append',
      term: state.term,
      prevIndex,
      prevTerm,
      commit: state.commit,
      entries: content,
    };
    if (entries === null) leading.lastAppend = message;
  }
  let bytes = 0;
  for (const entry of message.entries) bytes += entry.payload.length;
  peer.sent(prevIndex + message.entries.length, bytes);
  if (peer.commitSent < state.commit) peer.commitSent = state.commit;
  send(state, peer.id, message);
}

/** The same place, and nothing was appended or committed since: the same object, encoded once, serves this peer. */
function sameAppend(state: CoreState, message: Append, prevIndex: LogIndex): boolean {
  return (
    message.prevIndex === prevIndex &&
    message.commit === state.commit &&
    (prevIndex + message.entries.length === state.log.lastIndex || message.entries.length > 0) &&
    message.term === state.term
  );
}

export function entriesReadForPeer(
  state: CoreState,
  leading: Leading,
  id: NodeId,
  from: LogIndex,
  entries: readonly Entry[],
): void {
  const peer = leading.progress.get(id);
  // A read that was given up meanwhile, or that an acknowledgement overtook, is not used.
  if (peer?.readingFrom !== from) return;
  peer.readingFrom = 0;
  const wanted = peer.next === from && entries.every((entry) => state.log.termAt(entry.index) === entry.term);
  if (wanted) sendAppend(state, leading, peer, entries);
  replicate(state, leading, peer);
}

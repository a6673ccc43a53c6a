/**
 * Leap seconds as replicated state: which leap-seconds.list is approved, what operators entered about single midnights,
 * and what nodes testify of them. A node whose own list is not the approved one does not issue (src/node/core).
 *
 * Invariant: an approved list was read here, on every node, out of the very bytes that the signer named.
 */

import { LeapTableError, parseLeapTable, type LeapTable } from '../time/leap-table.js';
import type { Act } from './acts.js';
import type { LeapEntry } from './model.js';
import { accept, refuse, type CommandOutcome } from './refusals.js';
import { MAX_LEAP_ENTRIES } from './state.js';
import type { Testimony } from './testimony.js';
import type { RecordFields, Turn } from './turn.js';

type ActOf<K extends Act['command']> = Extract<Act, { command: K }>;

/** @param file bytes of the list: the detached body that the statement names */
export function approveLeapTable(
  turn: Turn,
  act: ActOf<'approveLeapTable'>,
  file: Uint8Array,
  evidence: RecordFields,
): CommandOutcome {
  const read = readTable(file, act.source);
  if (typeof read === 'string') return refuse('LEAP_TABLE_INVALID', read);
  const { table: approved, entries } = turn.state.leap;
  if (approved !== null && read.updatedPosix < approved.updated) return refuse('LEAP_TABLE_OLDER');
  const table = {
    hash: read.hash,
    updated: read.updatedPosix,
    expires: read.expiresPosix,
    taiMinusUtc: (read.entries.at(-1) ?? read.entries[0]).taiMinusUtc,
    source: act.source,
  };
  const leaf = turn.record('leapTable', { ...table, details: act.details, ...evidence });
  turn.state.leap = { table: { ...table, leaf }, entries };
  turn.events.push({ kind: 'leapChanged' });
  return accept(leaf);
}

/** The table, or why the bytes are none. */
function readTable(file: Uint8Array, source: string): LeapTable | string {
  try {
    return parseLeapTable(latin1(file), source);
  } catch (error) {
    if (error instanceof LeapTableError) return error.message.slice(0, 300);
    throw error;
  }
}

/** Files of time laboratories are ASCII; any other octet stays one character and is judged by whoever reads it. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

/** A later entry about the same midnight takes the place of an earlier one; both stay on record. */
export function enterLeap(turn: Turn, act: ActOf<'enterLeap'>, evidence: RecordFields): CommandOutcome {
  const { midnight, change, reference } = act;
  const leaf = turn.record('leapEntry', { midnight, change, reference, ...evidence });
  const { table, entries } = turn.state.leap;
  const others = entries.filter((entry) => entry.midnight !== midnight);
  const kept: LeapEntry[] = [...others, { midnight, change, reference, leaf }].sort((a, b) =>
    a.midnight < b.midnight ? -1 : 1,
  );
  turn.state.leap = { table, entries: kept.slice(-MAX_LEAP_ENTRIES) };
  turn.events.push({ kind: 'leapChanged' });
  return accept(leaf);
}

export function leapCheck(turn: Turn, check: Extract<Testimony, { kind: 'leapCheck' }>): CommandOutcome {
  const approved = turn.state.leap.table;
  // Null before the first approval: then every node uses the table that it was built with.
  const isApproved = approved === null ? null : approved.hash === check.table;
  return accept(
    turn.record('leapCheck', { ...check, kind: undefined, clock: { ...check.clock }, approved: isApproved }),
  );
}

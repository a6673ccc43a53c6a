/**
 * Majorities, and nothing else. A configuration is a list of voter sets that must *all* agree: one set normally, two
 * while a joint change is under way (thesis 4.3). One function, "the greatest value that a majority has reached",
 * serves the commit index (over match indexes) and check-quorum (over times of last contact).
 *
 * Invariant: any two quorums of one configuration intersect.
 */

import type { NodeId } from '../types.js';
import { assert } from './assert.js';

export type VoterSet = readonly NodeId[];
/** Never empty; every set must reach its own majority. */
export type VoterSets = readonly VoterSet[];

export const majority = (voters: number): number => Math.floor(voters / 2) + 1;

/** The greatest `v` such that in every set a majority of voters has a value of at least `v`. */
export function quorumValue(sets: VoterSets, valueOf: (id: NodeId) => number): number {
  assert(sets.length > 0, 'a configuration has at least one voter set');
  let smallest = Infinity;
  for (const set of sets) {
    const value = majorityValue(set, valueOf);
    if (value < smallest) smallest = value;
  }
  return smallest;
}

function majorityValue(set: VoterSet, valueOf: (id: NodeId) => number): number {
  assert(set.length > 0, 'a voter set is not empty');
  // Insertion sort, descending: sets hold three to seven voters.
  const values: number[] = [];
  for (const id of set) {
    const value = valueOf(id);
    let place = values.length;
    while (place > 0 && (values[place - 1] ?? 0) < value) place--;
    values.splice(place, 0, value);
  }
  return values[majority(set.length) - 1] ?? 0;
}

export type VoteResult = 'won' | 'lost' | 'pending';

/** `votes` maps a voter to its answer; a map, so that a repeated reply cannot count twice (pitfall E4). */
export function voteResult(sets: VoterSets, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  let result: VoteResult = 'won';
  for (const set of sets) {
    let granted = 0;
    let refused = 0;
    for (const id of set) {
      const vote = votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) refused++;
    }
    const needed = majority(set.length);
    if (set.length - refused < needed) return 'lost';
    if (granted < needed) result = 'pending';
  }
  return result;
}

/** At the birth of a cluster: all must agree (see ./election.ts). */
export function unanimousResult(sets: VoterSets, votes: ReadonlyMap<NodeId, boolean>): VoteResult {
  const answers = sets.flat().map((id) => votes.get(id));
  if (answers.includes(false)) return 'lost';
  return answers.includes(undefined) ? 'pending' : 'won';
}

/** Memberships for tests, written short: a node's incarnation follows from its name, and from how often it was wiped. */

import type { Learner, Membership, Voter } from '../../src/raft/membership.js';
import { incarnation, nodeId, type Incarnation } from '../../src/raft/types.js';

/** @param life 0 for the first directory of that name, 1 for the one after it was wiped, … */
export function incarnationNamed(id: string, life = 0): Incarnation {
  const digits = Array.from(id, (letter) => letter.charCodeAt(0).toString(16).padStart(2, '0')).join('');
  return incarnation(`${digits}${life.toString(16).padStart(2, '0')}`.padEnd(32, '0').slice(0, 32));
}

export function voter(id: string, options: Partial<Voter> = {}): Voter {
  return {
    id: nodeId(id),
    site: id,
    incarnation: incarnationNamed(id),
    kind: 'full',
    priority: 0,
    ...options,
  };
}

export function staging(id: string, becomes: Partial<StagingGoal> = {}, life = 0): Learner {
  return {
    kind: 'staging',
    id: nodeId(id),
    site: id,
    incarnation: incarnationNamed(id, life),
    becomes: { kind: 'full', priority: 0, replaces: null, ...becomes },
  };
}

type StagingGoal = Extract<Learner, { kind: 'staging' }>['becomes'];

export const standby = (id: string): Learner => ({
  kind: 'standby',
  id: nodeId(id),
  site: id,
  incarnation: incarnationNamed(id),
});

export const votersNamed = (ids: readonly string[]): Membership => ({
  voters: ids.map((id) => voter(id)),
  outgoing: null,
  learners: [],
  retired: [],
});

/** `n1 n2 n3` · `n1 n2+n4 <- n1 n2 n3` while joint · `| n5 (staging)` */
export function describeMembership({ voters, outgoing, learners }: Membership): string {
  const name = ({ id, kind, incarnation }: Voter): string =>
    `${id}${kind === 'witness' ? '(witness)' : ''}${incarnation === null ? '(unbound)' : ''}`;
  const now = voters.map(name).join(' ');
  const joint = outgoing === null ? '' : ` <- ${outgoing.map(name).join(' ')}`;
  const beside = learners.map((one) => `${one.id}(${one.kind})`).join(' ');
  return `${now}${joint}${beside === '' ? '' : ` | ${beside}`}`;
}

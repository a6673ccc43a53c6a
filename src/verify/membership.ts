/**
 * The members of a cluster and how they change: one value, and one function from an order to the next value. Apply uses it
 * on every node, and a verifier uses it offline, so that both reach the same membership from the genesis and the orders.
 *
 * Invariants: names and keys are never used twice in the life of a cluster, so that a line or a name always means one
 * node; voters stand at no fewer sites than a published checkpoint must come from.
 */

import { equalBytes } from './bytes.js';
import { encode } from './cbor.js';
import {
  checkpointPolicy,
  CheckpointPolicyError,
  logOrigin,
  type CheckpointPolicy,
} from './checkpoint-policy.js';
import { sha256 } from './crypto.js';
import type { Genesis, GenesisMember } from './genesis.js';
import { formatIdentity, isIdentityName } from './identity.js';
import { memberBody, type MembershipAct } from './membership-acts.js';

/** `standby`: a live copy of the log that neither votes nor cosigns, until it is promoted. */
export type MemberRole = GenesisMember['kind'] | 'standby';

export interface Member extends Omit<GenesisMember, 'kind'> {
  readonly kind: MemberRole;
  /** DER SubjectPublicKeyInfo of its TLS key; null for members of the genesis, which the cluster's CA vouches for. */
  readonly tlsKey: Uint8Array | null;
  /** host:port of its peers listener; empty where only the nodes' own configuration says it. */
  readonly address: string;
}

/** What is remembered of one that is a member no more. */
export type FormerMember = Pick<Member, 'id' | 'site' | 'issuingKey' | 'issuingCertificate' | 'logKey'>;

export interface Membership {
  /** 0 at the birth; one more with every change that came into force. */
  readonly version: number;
  readonly clusterId: string;
  readonly members: readonly Member[];
  readonly former: readonly FormerMember[];
  /** Plain checkpoint lines needed for *published*, and from how many sites. */
  readonly quorum: number;
  readonly distinctSites: number;
  /** Lines beyond a majority that the genesis asks for; kept when the number of voters changes. */
  readonly beyondMajority: number;
}

export const MAX_MEMBERS = 16;
/** Receipts carry every change; this many fit. */
export const MAX_MEMBERSHIP_VERSION = 255;

export function membershipOfGenesis({ clusterId, members, trust }: Genesis): Membership {
  return {
    version: 0,
    clusterId,
    members: members.map((member) => ({ ...member, tlsKey: null, address: '' })),
    former: [],
    ...trust,
    beyondMajority: trust.quorum - majorityOf(members.length),
  };
}

export const majorityOf = (voters: number): number => Math.floor(voters / 2) + 1;

export const isVoter = ({ kind }: Pick<Member, 'kind'>): boolean => kind !== 'standby';
export const votersOf = ({ members }: Membership): readonly Member[] => members.filter(isVoter);
export const memberOf = ({ members }: Membership, id: string): Member | undefined =>
  members.find((member) => member.id === id);

/** SHA-256 over what a membership is; stands in the checkpoints that are signed under it. */
export const membershipHash = ({
  version,
  clusterId,
  members,
  quorum,
  distinctSites,
}: Membership): Uint8Array =>
  sha256(encode({ v: 1, clusterId, version, members: members.map(memberBody), quorum, distinctSites }));

/**
 * Whose lines publish a checkpoint under this membership.
 * @param previous while the change to it is not attested: the policy of the membership before, which must suffice too
 */
export function policyOfMembership(
  membership: Membership,
  previous: CheckpointPolicy | null = null,
): CheckpointPolicy {
  const { version, clusterId, quorum, distinctSites } = membership;
  return checkpointPolicy({
    origin: logOrigin(clusterId),
    nodes: votersOf(membership).map(({ id, site, logKey }) => ({ name: id, site, key: logKey })),
    quorum,
    distinctSites,
    // The checkpoints of the first members are as the public formats have them, three lines.
    membership: version === 0 ? null : { version, hash: membershipHash(membership) },
    previous,
  });
}

/** Sites whose loss leaves too few voters to commit, too few cosigners to publish, or nobody who measures and leads. */
export function criticalSites(membership: Membership): string[] {
  const voters = votersOf(membership);
  return [...new Set(voters.map(({ site }) => site))].filter((lost) => {
    const left = voters.filter(({ site }) => site !== lost);
    const sites = new Set(left.map(({ site }) => site)).size;
    return (
      left.length < majorityOf(voters.length) ||
      left.length < membership.quorum ||
      left.every(({ kind }) => kind !== 'full') ||
      sites < membership.distinctSites
    );
  });
}

export type MembershipFault =
  | 'MEMBER_UNKNOWN'
  | 'NAME_OR_KEY_USED'
  | 'MEMBER_NOT_ALLOWED'
  | 'NOT_A_STANDBY'
  | 'TOO_FEW_SITES'
  | 'TOO_MANY_MEMBERS'
  | 'TOO_MANY_CHANGES';

export type MembershipChange =
  | { readonly ok: true; readonly membership: Membership }
  | { readonly ok: false; readonly fault: MembershipFault; readonly detail: string };

const fault = (name: MembershipFault, detail: string): MembershipChange => ({
  ok: false,
  fault: name,
  detail,
});

/** The membership that an order makes of this one. Total, and the same for everyone. */
export function changeMembership(membership: Membership, act: MembershipAct): MembershipChange {
  if (membership.version >= MAX_MEMBERSHIP_VERSION) {
    return fault('TOO_MANY_CHANGES', `this cluster's members have changed ${MAX_MEMBERSHIP_VERSION} times`);
  }
  switch (act.command) {
    case 'addNode':
      return membership.members.length >= MAX_MEMBERS
        ? fault('TOO_MANY_MEMBERS', `there are ${MAX_MEMBERS} members, which is the most there can be`)
        : withMember(membership, act.member);
    case 'removeNode':
      return withoutMember(membership, act.node);
    case 'replaceNode': {
      const left = memberOf(membership, act.node);
      if (left === undefined) return unknown(act.node);
      const added = withMember(membership, act.member);
      return added.ok ? withoutMember(added.membership, act.node, membership.version + 1) : added;
    }
    case 'promoteNode': {
      const member = memberOf(membership, act.node);
      if (member === undefined) return unknown(act.node);
      if (member.kind !== 'standby') return fault('NOT_A_STANDBY', `${act.node} votes already`);
      const members = membership.members.map((other) =>
        other === member ? { ...member, kind: 'full' as const } : other,
      );
      return next(membership, { members });
    }
  }
}

/** As consensus takes them, which is narrower than an identity. */
const nodeName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const unknown = (node: string): MembershipChange => fault('MEMBER_UNKNOWN', `${node} is not a member`);

function withMember(membership: Membership, member: Member): MembershipChange {
  const { clusterId, members, former } = membership;
  if (!nodeName.test(member.id) || !isIdentityName(member.site)) {
    return fault('MEMBER_NOT_ALLOWED', 'the name of the node or of its site is not allowed');
  }
  const identity = formatIdentity({ clusterId, role: 'node', name: member.id });
  if (member.tlsIdentity !== identity) {
    return fault('MEMBER_NOT_ALLOWED', `the TLS identity of ${member.id} must be ${identity}`);
  }
  const seen = [...members, ...former].find(
    ({ id, issuingKey, logKey }) =>
      id === member.id || equalBytes(issuingKey, member.issuingKey) || equalBytes(logKey, member.logKey),
  );
  if (seen !== undefined) {
    return fault('NAME_OR_KEY_USED', `the name or a key of ${member.id} is, or was, that of ${seen.id}`);
  }
  return next(membership, { members: [...members, member] });
}

function withoutMember(membership: Membership, node: string, version?: number): MembershipChange {
  const left = memberOf(membership, node);
  if (left === undefined) return unknown(node);
  const { id, site, issuingKey, issuingCertificate, logKey } = left;
  return next(
    membership,
    {
      members: membership.members.filter((member) => member !== left),
      former: [...membership.former, { id, site, issuingKey, issuingCertificate, logKey }],
    },
    version,
  );
}

function next(
  before: Membership,
  change: Partial<Membership>,
  version: number = before.version + 1,
): MembershipChange {
  const changed = { ...before, ...change, version };
  const voters = votersOf(changed);
  const sites = new Set(voters.map(({ site }) => site)).size;
  if (sites < changed.distinctSites) {
    return fault(
      'TOO_FEW_SITES',
      `the voters would stand at ${sites} sites, a checkpoint must come from ${changed.distinctSites}; add a voter at another site first`,
    );
  }
  const needed = Math.max(majorityOf(voters.length) + changed.beyondMajority, changed.distinctSites);
  const membership = { ...changed, quorum: Math.min(needed, voters.length) };
  try {
    policyOfMembership(membership);
  } catch (error) {
    if (error instanceof CheckpointPolicyError) return fault('MEMBER_NOT_ALLOWED', error.message);
    throw error;
  }
  return { ok: true, membership };
}

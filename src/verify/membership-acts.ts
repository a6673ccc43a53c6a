/**
 * What an administrator orders about the members of a cluster. Read here, and not in the authority, because a verifier
 * follows these orders from the genesis to the membership under which a checkpoint was signed (./membership-chain.ts).
 */

import type { CborObject } from './cbor.js';
import type { CborReader } from './cbor-reader.js';
import type { Member, MemberRole } from './membership.js';

export type MembershipAct =
  /** A new member. A voter takes part once it holds the whole log; a standby follows and never votes. */
  | { readonly command: 'addNode'; readonly member: Member }
  /** Takes a member out for good; or takes back an addition that is not in force yet. */
  | { readonly command: 'removeNode'; readonly node: string; readonly reason: string }
  /** Takes a member out for good and a new one with its own name and keys in, in one step. */
  | {
      readonly command: 'replaceNode';
      readonly node: string;
      readonly member: Member;
      readonly reason: string;
    }
  /** Makes a standby member a voter. */
  | { readonly command: 'promoteNode'; readonly node: string };

export type MembershipActName = MembershipAct['command'];

export const membershipActNames = [
  'addNode',
  'removeNode',
  'replaceNode',
  'promoteNode',
] as const satisfies readonly MembershipActName[];

export function membershipBody(act: MembershipAct): CborObject {
  switch (act.command) {
    case 'addNode':
      return { member: memberBody(act.member) };
    case 'removeNode':
      return { node: act.node, reason: act.reason };
    case 'replaceNode':
      return { node: act.node, member: memberBody(act.member), reason: act.reason };
    case 'promoteNode':
      return { node: act.node };
  }
}

/** @throws CborError */
export function readMembershipAct(command: MembershipActName, reader: CborReader): MembershipAct {
  switch (command) {
    case 'addNode':
      return { command, member: reader.map('member', readMember) };
    case 'removeNode':
      return { command, node: readName(reader), reason: readWhy(reader) };
    case 'replaceNode':
      return {
        command,
        node: readName(reader),
        member: reader.map('member', readMember),
        reason: readWhy(reader),
      };
    case 'promoteNode':
      return { command, node: readName(reader) };
  }
}

export const memberBody = (member: Member): CborObject => ({ ...member });

const roles: readonly MemberRole[] = ['full', 'witness', 'standby'];

/** Bounds only; what a member may be is judged by `changeMembership`. @throws CborError */
export const readMember = (reader: CborReader): Member => ({
  id: reader.text('id', { max: 64 }),
  site: reader.text('site', { max: 64 }),
  kind: reader.oneOf('kind', roles),
  issuingKey: reader.bytes('issuingKey', { max: 1024 }),
  issuingCertificate: reader.bytes('issuingCertificate', { max: 8192 }),
  logKey: reader.bytes('logKey', { length: 32 }),
  tlsIdentity: reader.text('tlsIdentity', { max: 400 }),
  tlsKey: reader.value('tlsKey') === null ? null : reader.bytes('tlsKey', { max: 1024 }),
  address: reader.text('address', { max: 300 }),
});

const readName = (reader: CborReader): string => reader.text('node', { max: 64 });
const readWhy = (reader: CborReader): string => reader.text('reason', { max: 256 });

/**
 * Who takes part: the value that a `config` entry carries. Pure data and its bytes; what a leader does with it is in
 * ./core/membership-log.ts and ./core/reconfigure.ts.
 *
 * Version 1 of the bytes (varints, names and flags as in ./bytes.ts):
 *
 *     version 1 · voters · joint flag · [outgoing voters] · learners · retired
 *     list:     count · items
 *     voter:    name · site (length, UTF-8) · identity · kind 1 (1 full, 2 witness) · priority
 *     learner:  name · site · identity · kind 1 (1 staging, 2 standby) · [staging: becomes: kind 1 · priority · replaces]
 *     retired:  name · incarnation 16
 *     identity: 0, or 1 and the incarnation, 16 bytes
 */

import { bytesOf, hexOf } from '../verify/bytes.js';
import { NAME_MAX_BYTES, Reader, Writer } from './bytes.js';
import { incarnation as asIncarnation, type Incarnation, type LogIndex, type NodeId } from './types.js';

export type VoterKind =
  /** May lead. */
  | 'full'
  /**
   * Votes, keeps the log, cosigns; has no clock and serves nobody. It leads only to hand over: when it alone of those
   * that are left holds everything that was committed, it brings a full voter up to date, and takes no proposals.
   */
  | 'witness';

export interface Voter {
  readonly id: NodeId;
  readonly site: string;
  /**
   * Null only for members named in a genesis document, whose directories did not exist when it was signed. The first
   * leader needs the votes of *all* of them, and writes down the incarnations that it heard.
   */
  readonly incarnation: Incarnation | null;
  readonly kind: VoterKind;
  /** 0 to 255. A leader hands over to an up-to-date voter of a higher priority. */
  readonly priority: number;
}

export type Learner =
  /** Catches up, then the leader makes it a voter by itself. */
  | {
      readonly kind: 'staging';
      readonly id: NodeId;
      readonly site: string;
      readonly incarnation: Incarnation;
      readonly becomes: {
        readonly kind: VoterKind;
        readonly priority: number;
        /** A voter of another name that leaves in the same change, or null. */
        readonly replaces: NodeId | null;
      };
    }
  /** A live copy that never votes and never becomes a voter by itself. */
  | {
      readonly kind: 'standby';
      readonly id: NodeId;
      readonly site: string;
      readonly incarnation: Incarnation;
    };

export interface Retired {
  readonly id: NodeId;
  readonly incarnation: Incarnation;
}

export interface Membership {
  /** The voters; while a change of voters is under way, those that it leads to. */
  readonly voters: readonly Voter[];
  /** While a change of voters is under way (joint consensus): those that it leads away from, who must agree too. */
  readonly outgoing: readonly Voter[] | null;
  readonly learners: readonly Learner[];
  /** Participants that were removed: what they say has no effect, and they cannot come back. The newest 64. */
  readonly retired: readonly Retired[];
}

/** What a change asks for; the steps to it, and who thereby retires, are the leader's business. */
export type MembershipTarget = Pick<Membership, 'voters' | 'learners'>;

/** A membership and the log index of the entry that carries it; 0 for that of the genesis document. */
export interface MembershipAt {
  readonly index: LogIndex;
  readonly membership: Membership;
}

export const MEMBERSHIP_VERSION = 1;
export const MAX_RETIRED = 64;
export const MAX_VOTERS = 7;
export const MAX_LEARNERS = 16;
export const MAX_SITE_BYTES = 255;
export const MAX_PRIORITY = 255;

export class MembershipFormatError extends Error {
  readonly code = 'RAFT_MEMBERSHIP_FORMAT';

  constructor(problem: string) {
    super(
      `RAFT_MEMBERSHIP_FORMAT: a membership cannot be read (${problem}). It was written by a newer version or is ` +
        'damaged: run the version that the other nodes run, or replace the node.',
    );
    this.name = 'MembershipFormatError';
  }
}

const voterKinds: readonly VoterKind[] = ['full', 'witness'];
const learnerKinds: readonly Learner['kind'][] = ['staging', 'standby'];
const INCARNATION_BYTES = 16;
const MEMBER_MAX_BYTES = 2 * NAME_MAX_BYTES + 2 + MAX_SITE_BYTES + 1 + INCARNATION_BYTES + 8;

export function encodeMembership(membership: Membership): Uint8Array {
  const { voters, outgoing, learners, retired } = membership;
  const members = voters.length + (outgoing?.length ?? 0) + learners.length + retired.length;
  const writer = new Writer(16 + members * MEMBER_MAX_BYTES);
  writer.byte(MEMBERSHIP_VERSION);
  writeVoters(writer, voters);
  writer.byte(outgoing === null ? 0 : 1);
  if (outgoing !== null) writeVoters(writer, outgoing);
  writer.varint(learners.length);
  for (const learner of learners) writeLearner(writer, learner);
  writer.varint(retired.length);
  for (const { id, incarnation } of retired) {
    writer.name(id);
    writer.raw(incarnationBytes(incarnation));
  }
  return writer.finish();
}

function writeVoters(writer: Writer, voters: readonly Voter[]): void {
  writer.varint(voters.length);
  for (const { id, site, incarnation, kind, priority } of voters) {
    writeIdentity(writer, id, site, incarnation);
    writer.byte(voterKinds.indexOf(kind) + 1);
    writer.byte(priority);
  }
}

function writeLearner(writer: Writer, learner: Learner): void {
  writeIdentity(writer, learner.id, learner.site, learner.incarnation);
  writer.byte(learnerKinds.indexOf(learner.kind) + 1);
  if (learner.kind === 'standby') return;
  const { kind, priority, replaces } = learner.becomes;
  writer.byte(voterKinds.indexOf(kind) + 1);
  writer.byte(priority);
  writer.name(replaces);
}

function writeIdentity(writer: Writer, id: NodeId, site: string, incarnation: Incarnation | null): void {
  writer.name(id);
  const siteBytes = bytesOf(site);
  writer.byte(siteBytes.length);
  writer.raw(siteBytes);
  writer.byte(incarnation === null ? 0 : 1);
  if (incarnation !== null) writer.raw(incarnationBytes(incarnation));
}

/** @throws MembershipFormatError */
export function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new Reader(bytes);
  const version = reader.byte();
  if (version !== MEMBERSHIP_VERSION) throw new MembershipFormatError(`version ${version}`);
  const voters = readList(reader, readVoter);
  const joint = reader.byte();
  if (joint > 1) reader.fail();
  const outgoing = joint === 1 ? readList(reader, readVoter) : null;
  const learners = readList(reader, readLearner);
  const retired = readList(reader, (from) => ({ id: readId(from), incarnation: readIncarnation(from) }));
  if (reader.failed() || reader.remaining > 0) throw new MembershipFormatError('malformed');
  return { voters, outgoing, learners, retired };
}

function readList<T>(reader: Reader, readOne: (reader: Reader) => T): readonly T[] {
  const count = reader.varint();
  // Any item takes several bytes: a false count cannot make us allocate.
  if (count > reader.remaining) reader.fail();
  const items: T[] = [];
  for (let at = 0; at < count && !reader.failed(); at++) items.push(readOne(reader));
  return items;
}

function readVoter(reader: Reader): Voter {
  const id = readId(reader);
  const site = readSite(reader);
  const identity = reader.byte();
  if (identity > 1) reader.fail();
  const incarnation = identity === 1 ? readIncarnation(reader) : null;
  const kind = readOneOf(reader, voterKinds);
  return { id, site, incarnation, kind, priority: reader.byte() };
}

function readLearner(reader: Reader): Learner {
  const id = readId(reader);
  const site = readSite(reader);
  if (reader.byte() !== 1) reader.fail();
  const incarnation = readIncarnation(reader);
  const kind = readOneOf(reader, learnerKinds);
  if (kind === 'standby') return { kind, id, site, incarnation };
  const voterKind = readOneOf(reader, voterKinds);
  const priority = reader.byte();
  return { kind, id, site, incarnation, becomes: { kind: voterKind, priority, replaces: reader.name() } };
}

function readOneOf<T>(reader: Reader, values: readonly T[]): T {
  const found = values[reader.byte() - 1];
  if (found !== undefined) return found;
  reader.fail();
  return values[0] as T;
}

function readId(reader: Reader): NodeId {
  const id = reader.name();
  if (id === null) reader.fail();
  return id ?? ('' as NodeId);
}

function readSite(reader: Reader): string {
  const bytes = reader.raw(reader.byte());
  try {
    return strictUtf8.decode(bytes);
  } catch {
    reader.fail();
    return '';
  }
}

const readIncarnation = (reader: Reader): Incarnation => incarnationOf(reader.raw(INCARNATION_BYTES));

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const incarnationPattern = /^[0-9a-f]{32}$/;

export const isIncarnation = (text: string): boolean => incarnationPattern.test(text);

/** @param bytes sixteen of them */
export const incarnationOf = (bytes: Uint8Array): Incarnation => asIncarnation(hexOf(bytes));

export function incarnationBytes(incarnation: Incarnation): Uint8Array {
  const bytes = new Uint8Array(INCARNATION_BYTES);
  for (let at = 0; at < INCARNATION_BYTES; at++) {
    bytes[at] = Number.parseInt(incarnation.slice(2 * at, 2 * at + 2), 16);
  }
  return bytes;
}

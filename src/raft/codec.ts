/**
 * Messages as bytes. Version 2:
 *
 *     version 1 · kind 1 · cluster tag 8 · incarnation 16 · sender (length, name) · term varint · fields of the kind
 *
 * An entry is `flags · [term] · [time 8] · length · payload`: its index follows from its place, term and time are
 * written only where they differ from the entry before. A batch of one leader and one stamp costs two bytes an entry
 * beside its payload.
 *
 * Decoding is total: any bytes give a message or a reason. It also checks what no honest leader violates (terms and
 * times never decrease, no entry is newer than its leader), so that the core need not meet it. Payloads are views into
 * the bytes decoded.
 */

import { sha256 } from '../verify/crypto.js';
import { NAME_MAX_BYTES, Reader, VARINT_MAX_BYTES, Writer } from './bytes.js';
import type { Append, Forward, ForwardReply, HeartbeatReply, Message, MessageKind } from './core/messages.js';
import { logIndex, term as asTerm, type Entry, type EntryKind, type NodeId, type Term } from './types.js';

export const CODEC_VERSION = 2;

/** Who speaks: what stands at the head of all its messages. */
export interface Sender {
  readonly tag: ClusterTag;
  readonly id: NodeId;
  /** 16 bytes. */
  readonly incarnation: Uint8Array;
}

/** Which cluster a message belongs to; those of another have no effect. First 8 bytes of SHA-256(cluster id). */
export type ClusterTag = Uint8Array;

const TAG_BYTES = 8;

export function clusterTag(clusterId: string): ClusterTag {
  const text = `taa-raft-cluster:${clusterId}`;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    bytes.push(unit >> 8, unit & 0xff);
  }
  return sha256(Uint8Array.from(bytes)).subarray(0, TAG_BYTES);
}

export type Decoded =
  | {
      readonly ok: true;
      readonly from: NodeId;
      /** 16 bytes. */
      readonly incarnation: Uint8Array;
      readonly message: Message;
    }
  | { readonly ok: false; readonly reason: 'malformed' | 'version' | 'cluster' };

/** The number of a kind on the wire; never reused. */
const kindNumbers: Record<MessageKind, number> = {
  preVote: 1,
  preVoteReply: 2,
  vote: 3,
  voteReply: 4,
  append: 5,
  appendOk: 6,
  appendReject: 7,
  heartbeat: 8,
  heartbeatReply: 9,
  commitNotice: 10,
  timeoutNow: 11,
  forward: 12,
  forwardReply: 13,
  snapshotNeeded: 14,
  readRequest: 15,
  readReply: 16,
};

const forwardStatuses = ['accepted', 'notLeader', 'overloaded'] as const;
const entryKinds: readonly EntryKind[] = ['command', 'noop', 'config'];

const INCARNATION_BYTES = 16;
const HEADER_MAX_BYTES = 2 + TAG_BYTES + INCARNATION_BYTES + NAME_MAX_BYTES + VARINT_MAX_BYTES;
/** Of any message without payloads: at most four numbers, a name and some flags. */
const FIELDS_MAX_BYTES = 4 * VARINT_MAX_BYTES + NAME_MAX_BYTES + 8;
const ENTRY_MAX_BYTES = 1 + VARINT_MAX_BYTES + 8 + VARINT_MAX_BYTES;

const FLAG_READY = 0b01;
const FLAG_MAY_LEAD = 0b10;

const FLAG_KIND = 0b0011;
const FLAG_TERM = 0b0100;
const FLAG_TIME = 0b1000;

export function encodeMessage(from: Sender, message: Message): Uint8Array {
  const writer = new Writer(HEADER_MAX_BYTES + FIELDS_MAX_BYTES + payloadCapacity(message));
  writer.byte(CODEC_VERSION);
  writer.byte(kindNumbers[message.kind]);
  writer.raw(from.tag);
  writer.raw(from.incarnation);
  writer.name(from.id);
  writer.varint(message.term);
  writeFields(writer, message);
  return writer.finish();
}

function payloadCapacity(message: Message): number {
  let bytes = 0;
  if (message.kind === 'append') {
    for (const entry of message.entries) bytes += entry.payload.length;
    bytes += message.entries.length * ENTRY_MAX_BYTES;
  } else if (message.kind === 'forward') {
    for (const payload of message.payloads) bytes += VARINT_MAX_BYTES + payload.length;
  }
  return bytes;
}

function writeFields(writer: Writer, message: Message): void {
  switch (message.kind) {
    case 'preVote':
      writer.varint(message.lastIndex);
      writer.varint(message.lastTerm);
      return;
    case 'vote':
      writer.varint(message.lastIndex);
      writer.varint(message.lastTerm);
      writer.byte(message.transfer ? 1 : 0);
      return;
    case 'preVoteReply':
    case 'voteReply':
      writer.byte(message.granted ? 1 : 0);
      return;
    case 'append':
      writeAppend(writer, message);
      return;
    case 'appendOk':
      writer.varint(message.match);
      return;
    case 'appendReject':
      writer.varint(message.rejected);
      writer.varint(message.hintIndex);
      writer.varint(message.hintTerm);
      return;
    case 'heartbeat':
      writer.varint(message.commit);
      writer.varint(message.floor);
      writer.varint(message.round);
      return;
    case 'commitNotice':
      writer.varint(message.commit);
      return;
    case 'heartbeatReply':
      writer.varint(message.matched);
      writer.varint(message.synced);
      writer.varint(message.round);
      writer.varint(message.durable);
      writer.byte((message.ready ? FLAG_READY : 0) | (message.mayLead ? FLAG_MAY_LEAD : 0));
      return;
    case 'snapshotNeeded':
      writer.varint(message.firstIndex);
      return;
    case 'timeoutNow':
      return;
    case 'forward':
      writer.varint(message.request);
      writer.varint(message.payloads.length);
      for (const payload of message.payloads) {
        writer.varint(payload.length);
        writer.raw(payload);
      }
      return;
    case 'forwardReply':
      writer.varint(message.request);
      writer.byte(forwardStatuses.indexOf(message.status));
      writer.varint(message.index);
      writer.name(message.leader);
      return;
    case 'readRequest':
      writer.varint(message.request);
      return;
    case 'readReply':
      writer.varint(message.request);
      writer.byte(message.index === null ? 0 : 1);
      if (message.index !== null) writer.varint(message.index);
      return;
  }
}

function writeAppend(writer: Writer, append: Append): void {
  writer.varint(append.prevIndex);
  writer.varint(append.prevTerm);
  writer.varint(append.commit);
  writer.varint(append.entries.length);
  let term = append.prevTerm;
  let time = 0n;
  for (const entry of append.entries) {
    const newTerm = entry.term !== term;
    const newTime = entry.time !== time;
    writer.byte(entryKinds.indexOf(entry.kind) | (newTerm ? FLAG_TERM : 0) | (newTime ? FLAG_TIME : 0));
    if (newTerm) writer.varint((term = entry.term));
    if (newTime) writer.int64((time = entry.time));
    writer.varint(entry.payload.length);
    writer.raw(entry.payload);
  }
}

export function decodeMessage(tag: ClusterTag, bytes: Uint8Array): Decoded {
  const reader = new Reader(bytes);
  const version = reader.byte();
  if (reader.failed()) return malformed;
  if (version !== CODEC_VERSION) return { ok: false, reason: 'version' };
  const kind = reader.byte();
  const theirs = reader.raw(TAG_BYTES);
  if (reader.failed()) return malformed;
  for (let at = 0; at < TAG_BYTES; at++) if (theirs[at] !== tag[at]) return { ok: false, reason: 'cluster' };
  const incarnation = reader.raw(INCARNATION_BYTES);
  const from = reader.name();
  const term = asTerm(reader.varint());
  const message = readFields(reader, kind, term);
  if (from === null || message === null || reader.failed() || reader.remaining > 0) return malformed;
  return { ok: true, from, incarnation, message };
}

const malformed: Decoded = { ok: false, reason: 'malformed' };

function readFields(reader: Reader, kind: number, term: Term): Message | null {
  switch (kind) {
    case kindNumbers.preVote:
      return { kind: 'preVote', term, lastIndex: readIndex(reader), lastTerm: readTerm(reader) };
    case kindNumbers.preVoteReply:
      return { kind: 'preVoteReply', term, granted: readFlag(reader) };
    case kindNumbers.vote: {
      const lastIndex = readIndex(reader);
      const lastTerm = readTerm(reader);
      return { kind: 'vote', term, lastIndex, lastTerm, transfer: readFlag(reader) };
    }
    case kindNumbers.voteReply:
      return { kind: 'voteReply', term, granted: readFlag(reader) };
    case kindNumbers.append:
      return readAppend(reader, term);
    case kindNumbers.appendOk:
      return { kind: 'appendOk', term, match: readIndex(reader) };
    case kindNumbers.appendReject: {
      const rejected = readIndex(reader);
      const hintIndex = readIndex(reader);
      return { kind: 'appendReject', term, rejected, hintIndex, hintTerm: readTerm(reader) };
    }
    case kindNumbers.heartbeat:
      return {
        kind: 'heartbeat',
        term,
        commit: readIndex(reader),
        floor: readIndex(reader),
        round: reader.varint(),
      };
    case kindNumbers.heartbeatReply:
      return readHeartbeatReply(reader, term);
    case kindNumbers.commitNotice:
      return { kind: 'commitNotice', term, commit: readIndex(reader) };
    case kindNumbers.snapshotNeeded:
      return { kind: 'snapshotNeeded', term, firstIndex: readIndex(reader) };
    case kindNumbers.timeoutNow:
      return { kind: 'timeoutNow', term };
    case kindNumbers.forward:
      return readForward(reader, term);
    case kindNumbers.forwardReply:
      return readForwardReply(reader, term);
    case kindNumbers.readRequest:
      return { kind: 'readRequest', term, request: reader.varint() };
    case kindNumbers.readReply: {
      const request = reader.varint();
      return { kind: 'readReply', term, request, index: readFlag(reader) ? readIndex(reader) : null };
    }
    default:
      return null;
  }
}

const readIndex = (reader: Reader): Entry['index'] => logIndex(reader.varint());
const readTerm = (reader: Reader): Term => asTerm(reader.varint());

function readFlag(reader: Reader): boolean {
  const value = reader.byte();
  if (value > 1) reader.fail();
  return value === 1;
}

function readHeartbeatReply(reader: Reader, term: Term): HeartbeatReply {
  const matched = readIndex(reader);
  const synced = readIndex(reader);
  const round = reader.varint();
  const durable = readIndex(reader);
  const flags = reader.byte();
  if (flags > (FLAG_READY | FLAG_MAY_LEAD)) reader.fail();
  const ready = (flags & FLAG_READY) !== 0;
  return {
    kind: 'heartbeatReply',
    term,
    matched,
    synced,
    round,
    durable,
    ready,
    mayLead: (flags & FLAG_MAY_LEAD) !== 0,
  };
}

function readAppend(reader: Reader, term: Term): Append | null {
  const prevIndex = readIndex(reader);
  const prevTerm = readTerm(reader);
  const commit = readIndex(reader);
  const count = reader.varint();
  // An entry takes two bytes at least: a false count cannot make us allocate.
  if (prevTerm > term || count > reader.remaining / 2) return null;
  if (prevIndex + count > Number.MAX_SAFE_INTEGER) return null;
  const entries: Entry[] = [];
  let entryTerm = prevTerm;
  let time = 0n;
  for (let at = 1; at <= count; at++) {
    const flags = reader.byte();
    if ((flags & FLAG_TERM) !== 0) {
      const next = readTerm(reader);
      if (next <= entryTerm || next > term) return null;
      entryTerm = next;
    }
    if ((flags & FLAG_TIME) !== 0) {
      const next = reader.int64();
      if (next <= time) return null;
      time = next;
    }
    const kind = entryKinds[flags & FLAG_KIND];
    if (kind === undefined || flags > (FLAG_KIND | FLAG_TERM | FLAG_TIME)) return null;
    const payload = reader.raw(reader.varint());
    if (reader.failed()) return null;
    entries.push({ index: logIndex(prevIndex + at), term: entryTerm, kind, time, payload });
  }
  return { kind: 'append', term, prevIndex, prevTerm, commit, entries };
}

function readForward(reader: Reader, term: Term): Forward | null {
  const request = reader.varint();
  const count = reader.varint();
  if (count === 0 || count > reader.remaining) return null;
  const payloads: Uint8Array[] = [];
  for (let at = 0; at < count; at++) payloads.push(reader.raw(reader.varint()));
  return { kind: 'forward', term, request, payloads };
}

function readForwardReply(reader: Reader, term: Term): ForwardReply | null {
  const request = reader.varint();
  const status = forwardStatuses[reader.byte()];
  const index = readIndex(reader);
  const leader = reader.name();
  return status === undefined ? null : { kind: 'forwardReply', term, request, status, index, leader };
}

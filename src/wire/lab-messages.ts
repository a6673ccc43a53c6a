/**
 * taa.v1.LabAppendRequest and LabAppendResponse by hand: the hot path of the durable-append benchmark. Records are
 * views of the received message.
 */

import { MalformedMessage } from './malformed.js';
import { bytesFieldLength, ProtobufReader, ProtobufWriter, varintLength, wireType } from './protobuf.js';

/** Records with consecutive numbers from `firstId` on. */
export interface LabAppend {
  readonly firstId: number;
  readonly records: readonly Uint8Array[];
}

export interface LabAcknowledgement {
  readonly firstId: number;
  readonly count: number;
  readonly firstLeaf: number;
  /** An error reason if nothing of it was appended; empty otherwise. */
  readonly refused: string;
}

/** Longest record. Unit: bytes. */
export const MAX_LAB_RECORD = 65_000;

export function encodeLabAppend(message: LabAppend): Buffer {
  let length = message.firstId === 0 ? 0 : 1 + varintLength(message.firstId);
  for (const record of message.records) length += bytesFieldLength(record.length);
  const writer = new ProtobufWriter(length);
  if (message.firstId !== 0) writer.varintField(1, message.firstId);
  for (const record of message.records) writer.bytesField(2, record);
  return writer.finish();
}

/** @throws MalformedMessage */
export function decodeLabAppend(encoded: Uint8Array): LabAppend {
  const reader = new ProtobufReader('LabAppendRequest', encoded);
  let firstId = 0;
  const records: Uint8Array[] = [];
  while (!reader.done) {
    const { number, type } = reader.field();
    if (number === 1 && type === wireType.varint) firstId = reader.varint();
    else if (number === 2 && type === wireType.bytes) {
      const record = reader.bytes();
      if (record.length < 1 || record.length > MAX_LAB_RECORD) {
        throw new MalformedMessage('records', `a record has 1–${MAX_LAB_RECORD} bytes, not ${record.length}`);
      }
      records.push(record);
    } else reader.skip(type);
  }
  if (records.length === 0) throw new MalformedMessage('records', 'there is none');
  return { firstId, records };
}

export function encodeLabAcknowledgement(message: LabAcknowledgement): Buffer {
  const refused = Buffer.from(message.refused, 'utf8');
  const numbers = [message.firstId, message.count, message.firstLeaf];
  let length = refused.length === 0 ? 0 : bytesFieldLength(refused.length);
  for (const value of numbers) if (value !== 0) length += 1 + varintLength(value);
  const writer = new ProtobufWriter(length);
  numbers.forEach((value, position) => {
    if (value !== 0) writer.varintField(position + 1, value);
  });
  if (refused.length > 0) writer.bytesField(4, refused);
  return writer.finish();
}

/** @throws MalformedMessage */
export function decodeLabAcknowledgement(encoded: Uint8Array): LabAcknowledgement {
  const reader = new ProtobufReader('LabAppendResponse', encoded);
  const message = { firstId: 0, count: 0, firstLeaf: 0, refused: '' };
  while (!reader.done) {
    const { number, type } = reader.field();
    if (number === 1 && type === wireType.varint) message.firstId = reader.varint();
    else if (number === 2 && type === wireType.varint) message.count = reader.varint();
    else if (number === 3 && type === wireType.varint) message.firstLeaf = reader.varint();
    else if (number === 4 && type === wireType.bytes) message.refused = reader.text();
    else reader.skip(type);
  }
  return message;
}

/**
 * taa.v1.PeerMessage by hand: the envelope around what consensus and checkpoint exchange send. The body is passed
 * through as a view; an append of 256 entries costs one copy to send and none to receive.
 */

import { bytesFieldLength, ProtobufReader, ProtobufWriter, wireType } from './protobuf.js';

/** Field number of each kind. */
const fields = { raft: 1, checkpoint: 2, clock: 3, clockKeys: 4, snapshot: 5 } as const;

export interface PeerMessage {
  readonly kind: keyof typeof fields;
  readonly bytes: Uint8Array;
}

const kindOf = new Map(
  (Object.entries(fields) as [PeerMessage['kind'], number][]).map(([kind, field]) => [field, kind] as const),
);

export function encodePeerMessage({ kind, bytes }: PeerMessage): Buffer {
  return new ProtobufWriter(bytesFieldLength(bytes.length)).bytesField(fields[kind], bytes).finish();
}

/**
 * @returns null for a kind that this version does not know: it is dropped, like a lost message
 * @throws MalformedMessage
 */
export function decodePeerMessage(encoded: Uint8Array): PeerMessage | null {
  const reader = new ProtobufReader('PeerMessage', encoded);
  let message: PeerMessage | null = null;
  while (!reader.done) {
    const { number, type } = reader.field();
    const kind = kindOf.get(number);
    if (kind !== undefined && type === wireType.bytes) message = { kind, bytes: reader.bytes() };
    else reader.skip(type);
  }
  return message;
}

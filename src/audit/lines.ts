/**
 * The messages in which nodes exchange checkpoint lines. Unreliable: every message may be lost, repeated or overtaken.
 *
 * `lines` carries a node's own signatures; `note` answers a `lines` message that asks again (`retry`) for something
 * that the receiver has seen published.
 */

import { asBytes, decodeMap, readMap, type CborReader } from '../verify/cbor-reader.js';
import { CborError, encode, type CborInput, type CborLimits } from '../verify/cbor.js';
import { ED25519_SIGNATURE_BYTES } from '../verify/checkpoint.js';
import { HASH_BYTES } from '../verify/merkle.js';
import { MAX_NOTE_BYTES } from '../verify/note.js';
import type { TreeSize } from './types.js';

/** A node's signatures over one tree head. */
export interface SignedHead {
  readonly size: TreeSize;
  readonly root: Uint8Array;
  /** Plain line: Ed25519 over the checkpoint text. */
  readonly plain: Uint8Array;
  /** Time-stamped line, while the signer's clock is within policy. */
  readonly stamp: Stamp | null;
}

export interface Stamp {
  /** POSIX seconds. */
  readonly seconds: number;
  readonly signature: Uint8Array;
}

export type CheckpointMessage =
  | {
      readonly kind: 'lines';
      /** Size of the newest checkpoint that the sender knows to be published. */
      readonly published: TreeSize;
      /** The sender still waits for a publication: whoever has a newer one answers with its note. */
      readonly retry: boolean;
      readonly heads: readonly SignedHead[];
    }
  | { readonly kind: 'note'; readonly note: Uint8Array };

const VERSION = 1;
/** Heads a message: a node has one or two unpublished ones at any time. */
export const MAX_HEADS = 4;
const LIMITS: CborLimits = { maxBytes: MAX_NOTE_BYTES + 1024, maxDepth: 4 };

export function encodeMessage(message: CheckpointMessage): Uint8Array {
  switch (message.kind) {
    case 'lines': {
      const { kind, published, retry } = message;
      return encode({ v: VERSION, kind, published, retry, heads: message.heads.map(headInput) });
    }
    case 'note':
      return encode({ v: VERSION, kind: message.kind, note: message.note });
  }
}

/** @throws CborError for anything that `encodeMessage` would not have written */
export function decodeMessage(bytes: Uint8Array): CheckpointMessage {
  return decodeMap(bytes, 'checkpoint message', readMessage, LIMITS);
}

function headInput({ size, root, plain, stamp }: SignedHead): CborInput {
  return { size, root, plain, stamp: stamp === null ? null : { ...stamp } };
}

function readMessage(reader: CborReader): CheckpointMessage {
  const version = reader.uint('v');
  if (version !== VERSION)
    throw new CborError('outOfRange', 'checkpoint message.v', `version ${version} is not known`);
  const kind = reader.oneOf('kind', ['lines', 'note']);
  if (kind === 'note') return { kind, note: reader.bytes('note', { max: MAX_NOTE_BYTES }) };
  return {
    kind,
    published: reader.uint('published'),
    retry: reader.bool('retry'),
    heads: reader.maps('heads', readHead, MAX_HEADS),
  };
}

function readHead(reader: CborReader): SignedHead {
  const stamp = reader.value('stamp');
  return {
    size: reader.uint('size'),
    root: reader.bytes('root', { length: HASH_BYTES }),
    plain: reader.bytes('plain', { length: ED25519_SIGNATURE_BYTES }),
    stamp: stamp === null ? null : readMap(stamp, 'stamp', readStamp),
  };
}

function readStamp(reader: CborReader): Stamp {
  return {
    seconds: reader.uint('seconds'),
    signature: asBytes(reader.value('signature'), { length: ED25519_SIGNATURE_BYTES }, 'stamp.signature'),
  };
}

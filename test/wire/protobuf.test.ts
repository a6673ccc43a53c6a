/** The codecs by hand give and take the same bytes as the loader's, which reads the same proto/ files. */

import test from 'ava';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { packageDefinition } from '../../src/wire/descriptor.js';
import {
  decodeLabAcknowledgement,
  decodeLabAppend,
  encodeLabAcknowledgement,
  encodeLabAppend,
} from '../../src/wire/lab-messages.js';
import { MalformedMessage } from '../../src/wire/malformed.js';
import { decodePeerMessage, encodePeerMessage } from '../../src/wire/peer-message.js';
import { ProtobufReader, ProtobufWriter } from '../../src/wire/protobuf.js';
import { decodeStatusDetails, encodeStatusDetails } from '../../src/wire/status-details.js';
import { Random } from '../verify/random.js';

const loader = (name: string): MessageTypeDefinition<object, object> =>
  packageDefinition()[name] as MessageTypeDefinition<object, object>;
const count = (random: Random): number =>
  random.pick([0, 1, 127, 128, 16_384, 2 ** 31, 2 ** 32, 2 ** 40 + 3, Number.MAX_SAFE_INTEGER]);

test('peer messages', (t) => {
  const PeerMessage = loader('taa.v1.PeerMessage');
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = new Random(seed);
    const kind = random.pick(['raft', 'checkpoint', 'clock', 'clockKeys'] as const);
    const bytes = random.bytes(random.pick([0, 1, 127, 128, 20_000]));
    const ours = encodePeerMessage({ kind, bytes });
    t.deepEqual(ours, PeerMessage.serialize({ [kind]: bytes }));
    t.deepEqual(decodePeerMessage(ours), { kind, bytes });
  }
  t.is(decodePeerMessage(Buffer.from([0x7a, 0x01, 0x05])), null, 'a kind of a later version is no error');
  t.is(decodePeerMessage(new Uint8Array()), null);
});

test('a received body is a view of the received message: an append is not copied', (t) => {
  const encoded = encodePeerMessage({ kind: 'raft', bytes: new Uint8Array(1_000) });
  t.is(decodePeerMessage(encoded)?.bytes.buffer, encoded.buffer);
});

test('laboratory appends and acknowledgements', (t) => {
  const Request = loader('taa.v1.LabAppendRequest');
  const Response = loader('taa.v1.LabAppendResponse');
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = new Random(seed);
    const append = {
      firstId: count(random),
      records: Array.from({ length: 1 + random.below(5) }, () => random.bytes(1 + random.below(600))),
    };
    const request = encodeLabAppend(append);
    const theirs = {
      firstId: String(append.firstId),
      records: append.records.map((record) => Buffer.from(record)),
    };
    t.deepEqual(Request.deserialize(request), theirs);
    t.deepEqual(decodeLabAppend(request), append);
    t.deepEqual(decodeLabAppend(Request.serialize(theirs)), append);
    const acknowledgement = {
      firstId: count(random),
      count: random.pick([0, 1, 4_294_967_295]),
      firstLeaf: count(random),
      refused: random.pick(['', 'OVERLOADED']),
    };
    const response = encodeLabAcknowledgement(acknowledgement);
    const { firstLeaf: firstLeafIndex, ...rest } = acknowledgement;
    const loaded = { ...rest, firstId: String(rest.firstId), firstLeafIndex: String(firstLeafIndex) };
    t.deepEqual(Response.deserialize(response), loaded);
    t.deepEqual(decodeLabAcknowledgement(response), acknowledgement);
    t.deepEqual(decodeLabAcknowledgement(Response.serialize(loaded)), acknowledgement);
  }
});

test('error details are google.rpc.Status with google.rpc.ErrorInfo, as any gRPC program reads them', (t) => {
  const details = {
    code: 14,
    message: 'leader is n3 — ask it',
    reason: 'NOT_LEADER',
    domain: 'taa',
    metadata: { retryable: 'true', leader: 'n3' },
  };
  const encoded = encodeStatusDetails(details);
  t.deepEqual(decodeStatusDetails(encoded), details);
  const status = loader('google.rpc.Status').deserialize(encoded) as {
    readonly code: number;
    readonly message: string;
    readonly details: readonly {
      readonly type_url?: string;
      readonly typeUrl?: string;
      readonly value: Buffer;
    }[];
  };
  t.like(status, { code: 14, message: 'leader is n3 — ask it' });
  const [any] = status.details;
  t.is(any?.typeUrl ?? any?.type_url, 'type.googleapis.com/google.rpc.ErrorInfo');
  t.deepEqual(loader('google.rpc.ErrorInfo').deserialize(any?.value ?? Buffer.alloc(0)), {
    reason: 'NOT_LEADER',
    domain: 'taa',
    metadata: { retryable: 'true', leader: 'n3' },
  });
});

test('a status without ErrorInfo, or with other details, is not ours', (t) => {
  t.is(decodeStatusDetails(new Uint8Array()), null);
  const other = loader('google.rpc.Status').serialize({
    code: 5,
    message: 'x',
    details: [{ typeUrl: 'type.googleapis.com/google.rpc.Help', value: Buffer.from([1]) }],
  });
  t.is(decodeStatusDetails(other), null);
});

for (const [what, bytes] of [
  ['it ends inside a field', [0x0a, 0x05, 0x01]],
  ['it ends inside a number', [0x0a, 0x80]],
  ['a number is longer than 10 bytes', [0x18, ...Array<number>(10).fill(0x80), 0x01]],
  ['a number is larger than 2^53 − 1', [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ['wire type 3 is not in use', [0x1b]],
  ['a field number is out of range', [0x02, 0x00]],
  ['it ends inside a field', [0x1d, 0x00]],
] as const) {
  test(`the reader says what is wrong with [${bytes.join(' ')}]`, (t) => {
    const error = t.throws(() => decodePeerMessage(Uint8Array.from(bytes)), { instanceOf: MalformedMessage });
    t.is(error.field, 'PeerMessage');
    t.regex(error.message, new RegExp(what.replace('^', '\\^')));
  });
}

test('unknown fields of every wire type are passed over', (t) => {
  const unknown = [0x20, 0x07, 0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x32, 0x02, 1, 2, 0x3d, 1, 2, 3, 4];
  const raft = encodePeerMessage({ kind: 'raft', bytes: Uint8Array.of(9) });
  t.deepEqual(decodePeerMessage(Uint8Array.from([...unknown, ...raft, ...unknown])), {
    kind: 'raft',
    bytes: Uint8Array.of(9),
  });
});

test('the reader is total: any bytes decode or are malformed', (t) => {
  const random = new Random(11);
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = random.bytes(random.below(24));
    for (const decode of [
      decodePeerMessage,
      decodeLabAppend,
      decodeLabAcknowledgement,
      decodeStatusDetails,
    ]) {
      try {
        decode(bytes);
      } catch (error) {
        if (!(error instanceof MalformedMessage))
          t.fail(`${Buffer.from(bytes).toString('hex')}: ${String(error)}`);
      }
    }
  }
  t.pass();
});

test('a text that is not UTF-8 is malformed', (t) => {
  const bytes = new ProtobufWriter(3).bytesField(1, Uint8Array.of(0xff)).finish();
  const reader = new ProtobufReader('Thing', bytes);
  reader.field();
  t.throws(() => reader.text(), { instanceOf: MalformedMessage, message: /not UTF-8/ });
});

test('a length that was computed wrongly is noticed before anything is sent', (t) => {
  t.throws(() => new ProtobufWriter(5).varintField(1, 1).finish(), { instanceOf: RangeError });
});

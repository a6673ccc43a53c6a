/**
 * google.rpc.Status with one google.rpc.ErrorInfo, by hand: the value of the trailer grpc-status-details-bin. A client
 * reads it without loading a descriptor. Sources: google/rpc/status.proto and error_details.proto in proto/.
 */

import { bytesFieldLength, ProtobufReader, ProtobufWriter, varintLength, wireType } from './protobuf.js';

export interface StatusDetails {
  /** gRPC status code, 0–16. */
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export const statusDetailsKey = 'grpc-status-details-bin';
export const errorDomain = 'taa';
const errorInfoUrl = 'type.googleapis.com/google.rpc.ErrorInfo';

function encodeFields(fields: readonly (readonly [number, Uint8Array])[]): Buffer {
  const length = fields.reduce((sum, [, bytes]) => sum + bytesFieldLength(bytes.length), 0);
  const writer = new ProtobufWriter(length);
  for (const [number, bytes] of fields) writer.bytesField(number, bytes);
  return writer.finish();
}

const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');

export function encodeStatusDetails(details: StatusDetails): Buffer {
  const info = encodeFields([
    [1, utf8(details.reason)],
    [2, utf8(details.domain)],
    ...Object.entries(details.metadata).map(
      ([key, value]) =>
        [
          3,
          encodeFields([
            [1, utf8(key)],
            [2, utf8(value)],
          ]),
        ] as const,
    ),
  ]);
  const any = encodeFields([
    [1, utf8(errorInfoUrl)],
    [2, info],
  ]);
  const message = utf8(details.message);
  return new ProtobufWriter(
    1 + varintLength(details.code) + bytesFieldLength(message.length) + bytesFieldLength(any.length),
  )
    .varintField(1, details.code)
    .bytesField(2, message)
    .bytesField(3, any)
    .finish();
}

/**
 * @returns null if the status carries no ErrorInfo
 * @throws MalformedMessage
 */
export function decodeStatusDetails(encoded: Uint8Array): StatusDetails | null {
  const reader = new ProtobufReader('google.rpc.Status', encoded);
  let code = 0;
  let message = '';
  let info: Omit<StatusDetails, 'code' | 'message'> | null = null;
  while (!reader.done) {
    const { number, type } = reader.field();
    if (number === 1 && type === wireType.varint) code = reader.varint();
    else if (number === 2 && type === wireType.bytes) message = reader.text();
    else if (number === 3 && type === wireType.bytes) info = decodeAny(reader.bytes()) ?? info;
    else reader.skip(type);
  }
  return info && { code, message, ...info };
}

function decodeAny(encoded: Uint8Array): Omit<StatusDetails, 'code' | 'message'> | null {
  const reader = new ProtobufReader('google.protobuf.Any', encoded);
  let url = '';
  let value: Uint8Array = new Uint8Array();
  while (!reader.done) {
    const { number, type } = reader.field();
    if (number === 1 && type === wireType.bytes) url = reader.text();
    else if (number === 2 && type === wireType.bytes) value = reader.bytes();
    else reader.skip(type);
  }
  return url === errorInfoUrl ? decodeErrorInfo(value) : null;
}

function decodeErrorInfo(encoded: Uint8Array): Omit<StatusDetails, 'code' | 'message'> {
  const reader = new ProtobufReader('google.rpc.ErrorInfo', encoded);
  let reason = '';
  let domain = '';
  const metadata: Record<string, string> = {};
  while (!reader.done) {
    const { number, type } = reader.field();
    if (number === 1 && type === wireType.bytes) reason = reader.text();
    else if (number === 2 && type === wireType.bytes) domain = reader.text();
    else if (number === 3 && type === wireType.bytes) {
      const [key, value] = decodePair(reader.bytes());
      metadata[key] = value;
    } else reader.skip(type);
  }
  return { reason, domain, metadata };
}

function decodePair(encoded: Uint8Array): readonly [string, string] {
  const reader = new ProtobufReader('google.rpc.ErrorInfo', encoded);
  let key = '';
  let value = '';
  while (!reader.done) {
    const { number, type } = reader.field();
    if (number === 1 && type === wireType.bytes) key = reader.text();
    else if (number === 2 && type === wireType.bytes) value = reader.text();
    else reader.skip(type);
  }
  return [key, value];
}

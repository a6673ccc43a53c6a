/**
 * Protobuf by hand, for the few messages whose cost matters (peer messages, laboratory appends) and for the error
 * details that a client must read without loading a descriptor. Wire format: protobuf.dev/programming-guides/encoding.
 *
 * The reader is total: any bytes either decode or give MalformedMessage. Byte fields are views of the input, never
 * copies. Integers are limited to 2^53 − 1, which every number in these messages respects.
 */

import { MalformedMessage } from './malformed.js';

/**
 * The same bytes as a plain Uint8Array. A Buffer must not leave this room: its `slice` is a view where everyone else
 * expects a copy.
 */
export const plainBytes = (bytes: Uint8Array): Uint8Array =>
  new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export class ProtobufReader {
  readonly #message: string;
  readonly #bytes: Uint8Array;
  #position = 0;

  /** @param message name for errors */
  constructor(message: string, bytes: Uint8Array) {
    this.#message = message;
    this.#bytes = plainBytes(bytes);
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length;
  }

  /** The next field's number and wire type. */
  field(): { readonly number: number; readonly type: number } {
    const key = this.varint();
    const number = Math.floor(key / 8);
    if (number < 1 || number > 536_870_911) throw this.malformed('a field number is out of range');
    return { number, type: key % 8 };
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 1; length <= 10; length += 1) {
      const byte = this.#bytes[this.#position];
      if (byte === undefined) throw this.malformed('it ends inside a number');
      this.#position += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw this.malformed('a number is larger than 2^53 − 1');
        return value;
      }
      scale *= 128;
    }
    throw this.malformed('a number is longer than 10 bytes');
  }

  bytes(): Uint8Array {
    const length = this.varint();
    const end = this.#position + length;
    if (end > this.#bytes.length) throw this.malformed('it ends inside a field');
    const view = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return view;
  }

  text(): string {
    try {
      return strictUtf8.decode(this.bytes());
    } catch (error) {
      if (error instanceof MalformedMessage) throw error;
      throw new MalformedMessage(this.#message, 'a text is not UTF-8', { cause: error });
    }
  }

  /** Passes over a field that this version does not know. */
  skip(type: number): void {
    switch (type) {
      case wireType.varint:
        this.varint();
        return;
      case wireType.fixed64:
        this.#advance(8);
        return;
      case wireType.bytes:
        this.bytes();
        return;
      case wireType.fixed32:
        this.#advance(4);
        return;
      default:
        throw this.malformed(`wire type ${type} is not in use`);
    }
  }

  malformed(detail: string): MalformedMessage {
    return new MalformedMessage(this.#message, detail);
  }

  #advance(length: number): void {
    if (this.#position + length > this.#bytes.length) throw this.malformed('it ends inside a field');
    this.#position += length;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Bytes that `value` takes as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length += 1;
  return length;
}

/** Bytes that a field takes whose payload has `length` bytes. Field numbers below 16 only. */
export const bytesFieldLength = (length: number): number => 1 + varintLength(length) + length;

/** Writes into a buffer whose length was computed beforehand. Field numbers below 16 only: their key is one byte. */
export class ProtobufWriter {
  readonly buffer: Buffer;
  #position = 0;

  constructor(length: number) {
    this.buffer = Buffer.allocUnsafe(length);
  }

  varintField(number: number, value: number): this {
    this.buffer[this.#position] = number * 8 + wireType.varint;
    this.#position += 1;
    return this.#varint(value);
  }

  bytesField(number: number, bytes: Uint8Array): this {
    this.buffer[this.#position] = number * 8 + wireType.bytes;
    this.#position += 1;
    this.#varint(bytes.length);
    this.buffer.set(bytes, this.#position);
    this.#position += bytes.length;
    return this;
  }

  /** @throws RangeError when the computed length was not the written one: a fault of the caller, never of the data */
  finish(): Buffer {
    if (this.#position !== this.buffer.length) {
      throw new RangeError(`wrote ${this.#position} bytes of a message of ${this.buffer.length}`);
    }
    return this.buffer;
  }

  #varint(value: number): this {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) {
      this.buffer[this.#position] = (rest % 128) | 0x80;
      this.#position += 1;
    }
    this.buffer[this.#position] = rest;
    this.#position += 1;
    return this;
  }
}

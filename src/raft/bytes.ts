/**
 * Reading and writing the primitives of the wire format. The reader is total: past the end or on a malformed number
 * it remembers the failure and goes on with zeros, so that the caller asks once, at the end.
 *
 * Numbers are LEB128 varints below 2^53 in their shortest form; names are a length byte and a–z, 0–9, '-'.
 */

import type { NodeId } from './types.js';

/** The most that `Writer.varint` writes. */
export const VARINT_MAX_BYTES = 8;
export const NAME_MAX_BYTES = 1 + 63;

export class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** @param capacity an upper bound of what will be written */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  int64(value: bigint): void {
    this.#view.setBigInt64(this.#at, value);
    this.#at += 8;
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** The empty name stands for null. */
  name(id: NodeId | null): void {
    const text = id ?? '';
    this.byte(text.length);
    for (let at = 0; at < text.length; at++) this.byte(text.charCodeAt(at));
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    // A plain view: subclasses of Uint8Array make dearer slices.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  failed(): boolean {
    return this.#failed;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  fail(): 0 {
    this.#failed = true;
    this.#at = this.#bytes.length;
    return 0;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? this.fail();
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let read = 0; read < VARINT_MAX_BYTES; read++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        const shortest = byte !== 0 || read === 0;
        return shortest && value <= Number.MAX_SAFE_INTEGER ? value : this.fail();
      }
      scale *= 0x80;
    }
    return this.fail();
  }

  int64(): bigint {
    if (this.remaining < 8) return BigInt(this.fail());
    const value = this.#view.getBigInt64(this.#at);
    this.#at += 8;
    return value;
  }

  /** A view into the bytes read, not a copy. */
  raw(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      this.fail();
      return this.#bytes.subarray(0, 0);
    }
    const slice = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return slice;
  }

  name(): NodeId | null {
    const length = this.byte();
    if (length > 63) this.fail();
    let text = '';
    for (let at = 0; at < length; at++) {
      const code = this.byte();
      if (!isNameCharacter(code)) this.fail();
      text += String.fromCharCode(code);
    }
    return length === 0 ? null : (text as NodeId);
  }
}

const isNameCharacter = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d;

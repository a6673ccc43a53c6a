/** The records that are appended: 512 bytes that no compression shrinks, each with its number in front. */

export const RECORD_BYTES = 512;
const NUMBER_BYTES = 8;
const VARIANTS = 64;

const variants = Array.from({ length: VARIANTS }, pseudoRandom());

/** xorshift32, continued over all variants: the same bytes in every run. */
function pseudoRandom(): () => Buffer {
  let state = 0x2545_f491;
  return () => {
    const bytes = Buffer.alloc(RECORD_BYTES);
    for (let at = 0; at < RECORD_BYTES; at++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      bytes[at] = state;
    }
    return bytes;
  };
}

export function recordOf(number: number): Buffer {
  const record = Buffer.allocUnsafe(RECORD_BYTES);
  (variants[number % VARIANTS] as Buffer).copy(record);
  record.writeUIntBE(number, 2, 6);
  record.writeUInt16BE(0, 0);
  return record;
}

/** The number of a record; null for bytes that are not exactly one of ours. */
export function numberOf(record: Uint8Array): number | null {
  if (record.length !== RECORD_BYTES) return null;
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length);
  const number = bytes.readUIntBE(2, 6);
  const rest = (variants[number % VARIANTS] as Buffer).subarray(NUMBER_BYTES);
  return bytes.readUInt16BE(0) === 0 && bytes.subarray(NUMBER_BYTES).equals(rest) ? number : null;
}

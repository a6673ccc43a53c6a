/**
 * The check around every value that is not a log block: version ‖ payload ‖ CRC-32(key ‖ version ‖ payload). Engines do
 * not verify checksums in iterators, and the key in the sum shows a value that surfaced under another key.
 *
 * CRC-32 finds what disks do (every single flipped bit, every burst up to 32 bits); what must withstand a forger is
 * proven by the Merkle tree above.
 */

import { crc32 } from 'node:zlib';

const VERSION = 1;
const OVERHEAD = 1 + 4;

export function seal(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const value = Buffer.allocUnsafe(payload.length + OVERHEAD);
  value[0] = VERSION;
  value.set(payload, 1);
  value.writeUInt32BE(checksum(key, value), value.length - 4);
  return value;
}

/** The payload, as a view of `value`; null when it is not what was sealed under this key. */
export function unseal(key: Uint8Array, value: Uint8Array): Uint8Array | null {
  if (value.length < OVERHEAD || value[0] !== VERSION) return null;
  const stored = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(value.length - 4);
  return stored === checksum(key, value) ? value.subarray(1, value.length - 4) : null;
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value.subarray(0, value.length - 4), crc32(key));
}

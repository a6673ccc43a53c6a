/**
 * The VMClock device (Linux: include/uapi/linux/vmclock-abi.h): a page in which the hypervisor tells a virtual machine that
 * its counter was disrupted, by a live migration, a snapshot or a restore. Little-endian; only the head is needed:
 *
 *   0x00 magic "VCLK"   0x04 size   0x08 version (16)   0x0a counter   0x0b time type
 *   0x0c sequence count (odd: being written)   0x10 disruption marker (64)   0x18 flags (64)
 *
 * The marker says nothing but whether it is the same as before. `parseVmClock` is total.
 */

export const VMCLOCK_HEAD_BYTES = 0x20;
const MAGIC = 0x4b4c4356;
const VERSION = 1;

export type VmClockHead =
  | { readonly kind: 'stable'; readonly sequence: number; readonly marker: bigint }
  /** The hypervisor is writing: look again. */
  | { readonly kind: 'changing' }
  | { readonly kind: 'unusable'; readonly why: string };

export function parseVmClock(bytes: Uint8Array): VmClockHead {
  if (bytes.length < VMCLOCK_HEAD_BYTES)
    return { kind: 'unusable', why: `it has only ${bytes.length} octets` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) return { kind: 'unusable', why: 'it does not begin with VCLK' };
  const version = view.getUint16(8, true);
  if (version !== VERSION) return { kind: 'unusable', why: `version ${version} is not known` };
  const size = view.getUint32(4, true);
  if (size < VMCLOCK_HEAD_BYTES) return { kind: 'unusable', why: `it says that it has ${size} octets` };
  const sequence = view.getUint32(12, true);
  if (sequence % 2 !== 0) return { kind: 'changing' };
  return { kind: 'stable', sequence, marker: view.getBigUint64(16, true) };
}

/** Follows the marker. Two looks belong together if nothing was written between them. */
export class DisruptionMarker {
  #marker: bigint | null = null;

  /** @returns what happened, for a person; null if nothing did, or if it cannot be told yet */
  look(first: VmClockHead, second: VmClockHead): string | null {
    if (first.kind !== 'stable' || second.kind !== 'stable' || first.sequence !== second.sequence)
      return null;
    const before = this.#marker;
    this.#marker = first.marker;
    if (before === null || before === first.marker) return null;
    return `the hypervisor's disruption marker went from ${before.toString()} to ${first.marker.toString()}`;
  }
}

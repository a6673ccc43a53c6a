/**
 * The engine without a disk: for tests, and the naive model that the real engines are compared with. A `MemoryDisk`
 * outlives the handle, so that reopening finds what was written.
 */

import type { Engine, KeyRange, Operation } from './kv.js';

/** Sorted by key. */
export interface MemoryDisk {
  readonly entries: Map<string, { readonly key: Uint8Array; readonly value: Uint8Array }>;
}

export const memoryDisk = (): MemoryDisk => ({ entries: new Map() });

export function memoryEngine(disk: MemoryDisk = memoryDisk()): Engine {
  const apply = (operations: readonly Operation[]): Promise<void> => {
    for (const operation of operations) {
      const name = hex(operation.key);
      if (operation.type === 'del') disk.entries.delete(name);
      else disk.entries.set(name, { key: operation.key.slice(), value: operation.value.slice() });
    }
    return Promise.resolve();
  };
  // Lower-case hexadecimal sorts as the bytes do.
  const within = ({ gte, lt }: KeyRange): string[] =>
    [...disk.entries.keys()]
      .filter((name) => (gte === undefined || name >= hex(gte)) && (lt === undefined || name < hex(lt)))
      .sort();
  return {
    name: 'memory',
    open: () => Promise.resolve(),
    batch: apply,
    flush: (marker) => apply([marker]),
    get: (key) => Promise.resolve(disk.entries.get(hex(key))?.value.slice()),
    async iterate(options, visit) {
      const names = within(options);
      if (options.reverse === true) names.reverse();
      const snapshot = names.slice(0, options.limit).map((name) => disk.entries.get(name));
      for (const entry of snapshot) {
        await Promise.resolve();
        if (entry !== undefined && !visit(entry.key.slice(), entry.value.slice())) return;
      }
    },
    clear(range) {
      for (const name of within(range)) disk.entries.delete(name);
      return Promise.resolve();
    },
    compact: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

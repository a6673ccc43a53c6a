/**
 * What this node has cosigned last, outside the database and outside every backup: a restored database must not make it
 * sign another history. `save` completes before the signature is made, so a crash in between costs nothing.
 *
 * Invariant: the size never decreases, and one size never has two roots.
 */

import type { WitnessState, WitnessStore } from '../audit/storage.js';
import { equalBytes, hexOf } from '../verify/bytes.js';
import { messageOf, StorageFailedError, WitnessError } from './errors.js';
import { readUint53, writeUint53 } from './log-block.js';
import { deliver } from './raft-log.js';
import { createSlotFile, openSlotFile, type SlotFile } from './slot-file.js';

const RECORD = 8 + 32;

/** Creates the file of a node that has cosigned nothing yet. */
export async function createWitnessFile(path: string, incarnation: Uint8Array): Promise<void> {
  await createSlotFile(path, 'witness', incarnation, new Uint8Array());
}

export interface OpenWitness extends WitnessStore {
  close(): Promise<void>;
}

/** @throws WitnessError WITNESS_DAMAGED when the file is missing, damaged, or another node's. */
export async function openWitnessFile(
  path: string,
  incarnation: Uint8Array,
  options: { readonly readOnly: boolean },
): Promise<OpenWitness> {
  try {
    const file = await openSlotFile(path, 'witness', incarnation, options);
    return new WitnessFile(file, decodeState(file.payload));
  } catch (error) {
    if (error instanceof WitnessError) throw error;
    throw new WitnessError('WITNESS_DAMAGED', `the witness file ${path}: ${messageOf(error)}`, error);
  }
}

class WitnessFile implements OpenWitness {
  readonly #file: SlotFile;
  #state: WitnessState | null;
  #saving: Promise<void> | null = null;

  constructor(file: SlotFile, state: WitnessState | null) {
    this.#file = file;
    this.#state = state;
  }

  load(done: (error: Error | null, state?: WitnessState | null) => void): void {
    process.nextTick(done, null, this.#state);
  }

  save(state: WitnessState, done: (error: Error | null) => void): void {
    if (this.#saving !== null) {
      process.nextTick(done, new Error('save was called while another one is outstanding'));
      return;
    }
    this.#saving = this.#save(state).finally(() => {
      this.#saving = null;
    });
    deliver(this.#saving, done);
  }

  async close(): Promise<void> {
    await this.#saving?.catch(() => undefined);
    await this.#file.close();
  }

  async #save(state: WitnessState): Promise<void> {
    refuseToGoBack(this.#state, state);
    try {
      await this.#file.write(encodeState(state));
    } catch (error) {
      throw new StorageFailedError('writing the witness file failed', error);
    }
    this.#state = { size: state.size, root: state.root.slice() };
  }
}

function refuseToGoBack(before: WitnessState | null, after: WitnessState): void {
  if (after.root.length !== 32) throw new RangeError('a root has 32 bytes');
  if (before === null || after.size > before.size) return;
  if (after.size < before.size) {
    throw new WitnessError(
      'WITNESS_WOULD_GO_BACK',
      `size ${before.size} was cosigned, ${after.size} is older`,
    );
  }
  if (!equalBytes(after.root, before.root)) {
    throw new WitnessError(
      'WITNESS_WOULD_GO_BACK',
      `at size ${after.size} the root ${hexOf(before.root)} was cosigned, not ${hexOf(after.root)}`,
    );
  }
}

function encodeState({ size, root }: WitnessState): Uint8Array {
  const bytes = Buffer.alloc(RECORD);
  writeUint53(bytes, size, 0);
  bytes.set(root, 8);
  return bytes;
}

function decodeState(bytes: Uint8Array): WitnessState | null {
  if (bytes.length === 0) return null;
  if (bytes.length !== RECORD) throw new WitnessError('WITNESS_DAMAGED', 'the record has an unknown shape');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { size: readUint53(view, 0), root: bytes.slice(8) };
}

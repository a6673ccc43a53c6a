/**
 * The stop that stands, on disk: one file `STOP` in the store. Its invariant: whatever is in its place, a file that
 * cannot be read as what was written never counts as "no stop".
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '../verify/bytes.js';
import { decodeMap } from '../verify/cbor-reader.js';
import { encode } from '../verify/cbor.js';
import { sha256 } from '../verify/crypto.js';
import type { Stop, StoredStop } from './core/interlock.js';
import { isMissing, removeDurably, writeDurably } from './durable-file.js';

const VERSION = 1;

export class StopStore {
  readonly file: string;
  readonly #cluster: string;
  /** One write at a time, in order: a stop must not overtake the removal of an earlier one. */
  #last: Promise<void> = Promise.resolve();

  constructor(directory: string, cluster: string) {
    this.file = join(directory, 'STOP');
    this.#cluster = cluster;
  }

  read(): StoredStop {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.file);
    } catch (error) {
      if (isMissing(error)) return { kind: 'none' };
      return { kind: 'damaged', detail: `${this.file} cannot be read: ${String(error)}` };
    }
    try {
      return { kind: 'stop', stop: this.#decode(bytes) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { kind: 'damaged', detail: `${this.file} is not what was stored: ${why}` };
    }
  }

  /** Resolves when the stop is durable. */
  store(stop: Stop): Promise<void> {
    const body = encode({ cluster: this.#cluster, order: stop.order, reason: stop.reason });
    return this.#next(() => writeDurably(this.file, encode({ v: VERSION, body, sha256: sha256(body) })));
  }

  clear(): Promise<void> {
    return this.#next(() => removeDurably(this.file));
  }

  #next(task: () => Promise<void>): Promise<void> {
    const next = this.#last.then(task);
    this.#last = next.catch(() => undefined);
    return next;
  }

  #decode(bytes: Uint8Array): Stop {
    const body = decodeMap(bytes, 'STOP', (reader) => {
      if (reader.uint('v') !== VERSION) throw new Error('it has a version that this program does not know');
      const inner = reader.bytes('body');
      if (!equalBytes(reader.bytes('sha256'), sha256(inner))) throw new Error('its check sum is wrong');
      return inner;
    });
    return decodeMap(body, 'STOP', (reader) => {
      const cluster = reader.text('cluster');
      if (cluster !== this.#cluster) throw new Error(`it is of the cluster ${cluster}`);
      return { order: reader.uint('order'), reason: reader.text('reason') };
    });
  }
}

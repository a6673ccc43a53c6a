/**
 * A client that appends laboratory records: cheap load, and the witness of durability. Each record is unique. What was
 * acknowledged must be in the log at the place that the answer names, for ever; what was not may be there or not.
 */
import type { CommandResult } from '../../src/node/core/proposals.js';
import type { Prng } from './prng.js';
import type { Scheduler } from './scheduler.js';
import { MS } from './units.js';

export interface AppendDoor {
  /** Null while that node cannot be reached. */
  append(node: number, records: readonly Uint8Array[], done: (result: CommandResult) => void): boolean;
  readonly nodes: number;
}

export interface Acknowledged {
  readonly record: Uint8Array;
  readonly raftIndex: number;
}

export class SimulatedWriter {
  readonly acknowledged: Acknowledged[] = [];
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #door: AppendDoor;
  readonly #name: number;
  readonly #every: number;
  #number = 0;
  #node: number;
  #stopped = false;

  constructor(scheduler: Scheduler, prng: Prng, door: AppendDoor, name: number, every: number) {
    this.#scheduler = scheduler;
    this.#prng = prng;
    this.#door = door;
    this.#name = name;
    this.#every = every;
    this.#node = prng.between(0, door.nodes - 1);
  }

  start(): void {
    const tick = (): void => {
      if (this.#stopped) return;
      // Several at once become one batch of consensus.
      for (let left = this.#prng.between(1, 5); left > 0; left -= 1) this.#append();
      this.#scheduler.after(Math.floor(this.#every * (0.5 + this.#prng.float())), tick);
    };
    this.#scheduler.after(400 * MS, tick);
  }

  stop(): void {
    this.#stopped = true;
  }

  #append(): void {
    const record = new Uint8Array(12);
    const view = new DataView(record.buffer);
    view.setUint32(0, this.#name);
    view.setUint32(4, (this.#number += 1));
    const reached = this.#door.append(this.#node, [record], (result) => {
      if (result.status === 'accepted') this.acknowledged.push({ record, raftIndex: result.raftIndex });
      else this.#node = (this.#node + 1) % this.#door.nodes;
    });
    if (!reached) this.#node = (this.#node + 1) % this.#door.nodes;
  }
}

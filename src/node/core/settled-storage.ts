/**
 * A node's storage that knows what is outstanding. A node that installs a snapshot, or leaves the cluster to repair its
 * log, first lets everything that its former parts asked of the disk come to an end: nothing of theirs may follow.
 */

import type { NodeStorage } from '../environment.js';

export interface SettledStorage extends NodeStorage {
  /** Runs once when nothing is outstanding, at once if nothing is. Whoever asks has seen to it that nothing new begins. */
  whenSettled(done: () => void): void;
}

type Done<A extends readonly unknown[]> = (...outcome: A) => void;

export function settledStorage({ log, ledger, witness, spool }: NodeStorage): SettledStorage {
  let outstanding = 0;
  let waiting: (() => void)[] = [];
  const tracked = <A extends readonly unknown[]>(done: Done<A>): Done<A> => {
    outstanding += 1;
    return (...outcome) => {
      outstanding -= 1;
      done(...outcome);
      if (outstanding > 0) return;
      const ready = waiting;
      waiting = [];
      for (const one of ready) one();
    };
  };
  return {
    log: {
      load: (done) => log.load(tracked(done)),
      persist: (batch, done) => log.persist(batch, tracked(done)),
      read: (from, to, maxBytes, done) => log.read(from, to, maxBytes, tracked(done)),
      compact: (to, done) => log.compact(to, tracked(done)),
    },
    ledger: {
      loadImage: (done) => ledger.loadImage(tracked(done)),
      loadOrigin: (done) => ledger.loadOrigin(tracked(done)),
      write: (writes, done) => ledger.write(writes, tracked(done)),
      sync: (done) => ledger.sync(tracked(done)),
      readBundle: (index, done) => ledger.readBundle(index, tracked(done)),
      readTile: (level, index, done) => ledger.readTile(level, index, tracked(done)),
      readBody: (hash, done) => ledger.readBody(hash, tracked(done)),
      readBodies: (after, maxBytes, done) => ledger.readBodies(after, maxBytes, tracked(done)),
      readCheckpoint: (size, done) => ledger.readCheckpoint(size, tracked(done)),
      newestCheckpoint: (done) => ledger.newestCheckpoint(tracked(done)),
    },
    witness: {
      load: (done) => witness.load(tracked(done)),
      save: (state, done) => witness.save(state, tracked(done)),
    },
    // Not of the parts: it goes on while they are made anew.
    spool,
    whenSettled: (done) => {
      if (outstanding === 0) done();
      else waiting.push(done);
    },
  };
}

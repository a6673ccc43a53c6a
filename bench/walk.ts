/**
 * The walk over what the nodes kept when the load is over: every acknowledged record must stand in the log of each node and
 * at the leaf that was named to the client. A bench that skips this can be fast by writing nothing.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { TILE_WIDTH } from '../src/audit/tiles.js';
import { decodeCommand } from '../src/authority/commands.js';
import type { LabCluster } from '../src/lab/lab-cluster.js';
import type { Entry } from '../src/raft/types.js';
import { openForInspection } from '../src/store/data-directory.js';
import type { DataDirectory } from '../src/store/data-directory.js';
import { decode } from '../src/verify/cbor.js';
import type { CborMap } from '../src/verify/cbor.js';
import type { GetStatusRequest } from '../src/wire/gen/taa/v1/GetStatusRequest.js';
import type { GetStatusResponse__Output } from '../src/wire/gen/taa/v1/GetStatusResponse.js';
import type { Acknowledged } from './acknowledged.js';
import { BenchError } from './errors.js';
import { numberOf } from './records.js';

const SETTLE_PATIENCE_MS = 60_000;
const READ_BYTES = 4 << 20;

export interface Walked {
  readonly nodes: number;
  readonly acknowledged: number;
  readonly entries: number;
  readonly leaves: number;
}

/**
 * Waits until all nodes have the same log, stops them, and walks what each has on its disk.
 * @throws BenchError for a lost record
 */
export async function stopAndWalk(cluster: LabCluster, acknowledged: Acknowledged): Promise<Walked> {
  await settled(cluster);
  await cluster.close();
  const nodes = cluster.names.length;
  let walked: Walked = { nodes, acknowledged: acknowledged.count, entries: 0, leaves: 0 };
  for (const name of cluster.names) {
    const directory = await openForInspection(cluster.dataDirectory(name));
    try {
      const { firstIndex, lastIndex } = await directory.log.verifyAll();
      await directory.ledger.verifyAll();
      // A trimmed log holds the young end only; the ledger holds all.
      if (firstIndex === 1) await checkLog(name, directory, lastIndex, acknowledged);
      const leaves = await checkLedger(name, directory, acknowledged);
      walked = { ...walked, entries: lastIndex, leaves };
    } finally {
      await directory.close();
    }
  }
  return walked;
}

async function settled(cluster: LabCluster): Promise<void> {
  const deadline = performance.now() + SETTLE_PATIENCE_MS;
  while (performance.now() < deadline) {
    const answers = await cluster.operator.callAll<GetStatusRequest, GetStatusResponse__Output>(
      ({ admin }) => admin.GetStatus.bind(admin),
      {},
    );
    const states = answers.map((answer) =>
      'value' in answer ? `${answer.value.appliedIndex} ${answer.value.root.toString('hex')}` : answer.node,
    );
    if (new Set(states).size === 1) return;
    await sleep(50);
  }
  throw new BenchError('the nodes do not agree on one log after the load');
}

/** Every acknowledged record is an item of a command in this node's Raft log. */
async function checkLog(
  name: string,
  { log }: DataDirectory,
  lastIndex: number,
  acknowledged: Acknowledged,
): Promise<void> {
  const missing = new Set<number>();
  for (const [number] of acknowledged.entries()) missing.add(number);
  for (let next = 1; next <= lastIndex;) {
    const entries = await readEntries(log, next, lastIndex);
    for (const { kind, payload } of entries) {
      if (kind !== 'command') continue;
      const decoded = decodeCommand(payload);
      if (!decoded.ok || decoded.envelope.command.kind !== 'labAppend') continue;
      for (const item of decoded.envelope.command.items) missing.delete(numberOf(item) ?? -1);
    }
    next += entries.length;
  }
  if (missing.size > 0) {
    throw new BenchError(
      `${missing.size} of ${acknowledged.count} acknowledged records are not in the log of ${name}`,
    );
  }
}

/** Every acknowledged record stands at the leaf that was named to the client. Returns the number of leaves. */
async function checkLedger(
  name: string,
  { ledger }: DataDirectory,
  acknowledged: Acknowledged,
): Promise<number> {
  const image = await new Promise<{ size: number; tail: readonly Uint8Array[] }>((resolve, reject) => {
    ledger.loadImage((error, found) => {
      if (error !== null) reject(error);
      else resolve(found ?? { size: 0, tail: [] });
    });
  });
  // The record that each leaf holds, + 1.
  const numbers = new Float64Array(image.size);
  const take = (leaves: readonly Uint8Array[], first: number): void => {
    leaves.forEach((leaf, at) => {
      const record = decode(leaf);
      const data = record instanceof Map ? (record as CborMap).get('data') : undefined;
      const number = data instanceof Uint8Array ? numberOf(data) : null;
      if (number !== null) numbers[first + at] = number + 1;
    });
  };
  const full = Math.floor(image.size / TILE_WIDTH);
  for (let index = 0; index < full; index++) take(await readBundle(ledger, index), index * TILE_WIDTH);
  take(image.tail, full * TILE_WIDTH);
  for (const [number, leaf] of acknowledged.entries()) {
    if (numbers[leaf] === number + 1) continue;
    throw new BenchError(
      `record ${number} was acknowledged as leaf ${leaf}, which the ledger of ${name} does not hold`,
    );
  }
  return image.size;
}

function readEntries(log: DataDirectory['log'], from: number, to: number): Promise<readonly Entry[]> {
  return new Promise((resolve, reject) => {
    log.read(from as never, to as never, READ_BYTES, (error, entries) => {
      if (error !== null || entries === undefined || entries.length === 0) {
        reject(error ?? new BenchError(`entries from ${from} on are missing`));
      } else resolve(entries);
    });
  });
}

function readBundle(ledger: DataDirectory['ledger'], index: number): Promise<readonly Uint8Array[]> {
  return new Promise((resolve, reject) => {
    ledger.readBundle(index, (error, leaves) => {
      if (error !== null) reject(error);
      else resolve(leaves ?? []);
    });
  });
}
